use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{ApiKeyId, Permission, PermissionSet};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Json, Path, Query};
use store::{ApiKey, FreshApiKey, NewApiKey, NewAudit, StoreError, TenantTx};

use super::account::{Account, Caller, Principal};
use super::guard::refusal;
use crate::context::Context;

/// Which of the keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Also those that were revoked or have expired.
    all: Option<bool>,
}

/// A key that is wished for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wish {
    name: String,
    scopes: Vec<String>,
    expires_at: Option<Timestamp>,
}

/// `GET /api/pms/api-keys`: the tenant's keys, never the keys themselves.
pub(crate) async fn list(
    context: Data<Context>,
    Account(caller): Account,
    Query(which): Query<Which>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(caller.tenant).await?;
    let keys = tx.api_keys(which.all.unwrap_or(false)).await?;
    tx.commit().await?;
    let keys: Vec<Value> = keys.iter().map(object).collect();
    Ok(HttpResponse::Ok().json(json!({ "apiKeys": keys })))
}

/// `POST /api/pms/api-keys`: a new key, shown this once.
pub(crate) async fn create(
    context: Data<Context>,
    Account(caller): Account,
    Json(wish): Json<Wish>,
) -> Result<HttpResponse, ApiError> {
    let name = wish.name.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(ApiError::invalid([("name", "must have 1 to 100 characters on one line")]));
    }
    if wish.expires_at.is_some_and(|at| at <= Timestamp::now()) {
        return Err(ApiError::invalid([("expiresAt", "must be in the future")]));
    }
    let mut scopes = PermissionSet::default();
    for (place, word) in wish.scopes.iter().enumerate() {
        let scope: Permission = word
            .parse()
            .map_err(|error| ApiError::invalid([(format!("scopes[{place}]"), format!("{error}"))]))?;
        scopes = scopes.iter().chain([scope]).collect();
    }
    if scopes.iter().next().is_none() {
        return Err(ApiError::invalid([("scopes", "must name at least one permission")]));
    }
    // Nobody hands out what they have not got: a key that may make keys is no way to everything.
    if let Some(beyond) = scopes.iter().find(|scope| !caller.may(*scope)) {
        return Err(refusal(&context, &caller, beyond, "POST /api/pms/api-keys").await);
    }
    let scopes: Vec<Permission> = scopes.iter().collect();
    let (id, fresh, actor) = (ApiKeyId::new(), FreshApiKey::make()?, caller.actor());
    let mut tx = context.store.tenant(caller.tenant).await?;
    // Nor more time: what a key makes goes with it.
    if let Principal::Key(own) = caller.key
        && let Some(end) =
            tx.api_keys(true).await?.iter().find(|key| key.id == own).and_then(|key| key.expires_at)
        && wish.expires_at.is_none_or(|at| at > end)
    {
        return Err(ApiError::invalid([(
            "expiresAt",
            format!("must not be after {end}, when the key that asks ends"),
        )]));
    }
    tx.make_api_key(&NewApiKey {
        id,
        name,
        hash: &fresh.hash,
        begins_with: &fresh.begins_with,
        scopes: Some(&scopes),
        expires_at: wish.expires_at,
        created_by: &actor,
    })
    .await?;
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let expires_at = wish.expires_at.map(|at| at.to_string());
    let detail = json!({ "key": id.to_string(), "scopes": words, "expires_at": expires_at });
    audit(&mut tx, &caller, "api_key.create", detail).await?;
    tx.commit().await?;
    Ok(HttpResponse::Created().insert_header(("cache-control", "no-store")).json(json!({
        "id": id.to_string(), "key": fresh.text.expose(), "name": name, "beginsWith": fresh.begins_with,
        "scopes": words, "expiresAt": expires_at,
    })))
}

/// `DELETE /api/pms/api-keys/{key}`: from now on it opens nothing.
pub(crate) async fn revoke(
    context: Data<Context>,
    Account(caller): Account,
    Path(key): Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(caller.tenant).await?;
    let revoked = tx.revoke_api_key(key, &caller.actor()).await.map_err(|error| match error {
        StoreError::NotFound => ApiError::not_found("there is no such key"),
        other => ApiError::internal(other),
    })?;
    if revoked {
        audit(&mut tx, &caller, "api_key.revoke", json!({ "key": key.to_string() })).await?;
    }
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({ "id": key.to_string(), "revoked": true, "before": !revoked })))
}

/// Writes down what was done about who may come in.
pub(super) async fn audit(
    tx: &mut TenantTx,
    caller: &Caller,
    action: &str,
    detail: Value,
) -> Result<(), StoreError> {
    tx.audit(&NewAudit {
        actor: &caller.actor(),
        action,
        patient: None,
        call_id: None,
        tool: None,
        outcome: "ok",
        ms: 0,
        detail,
    })
    .await
}

fn object(key: &ApiKey) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": key.id.to_string(), "name": key.name, "beginsWith": key.begins_with, "scopes": key.scopes,
        "createdAt": key.created_at.to_string(), "createdBy": key.created_by,
        "expiresAt": time(key.expires_at), "lastUsedAt": time(key.last_used_at), "revokedAt": time(key.revoked_at),
    })
}
