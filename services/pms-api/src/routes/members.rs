use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{Role, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Code, Json, Path};
use store::Member;

use super::account::Account;
use super::api_keys::audit;
use crate::context::Context;

/// Somebody to be taken in, or to be something else from now on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    subject: String,
    name: String,
    role: String,
}

/// `GET /api/pms/me`: who asks, and what they may do.
pub(crate) async fn me(Account(caller): Account) -> HttpResponse {
    let permissions: Vec<&str> = caller.permissions.iter().map(|one| one.as_str()).collect();
    HttpResponse::Ok().json(json!({
        "id": caller.key.to_string(), "tenantId": caller.tenant.to_string(),
        "role": caller.role.map(Role::as_str), "permissions": permissions,
    }))
}

/// `GET /api/pms/members`: the tenant's people.
pub(crate) async fn list(context: Data<Context>, Account(caller): Account) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(caller.tenant).await?;
    let members = tx.members().await?;
    tx.commit().await?;
    let members: Vec<Value> = members.iter().map(object).collect();
    Ok(HttpResponse::Ok().json(json!({ "members": members })))
}

/// `PUT /api/pms/members`: takes somebody in whom the issuer knows, or changes what they are.
pub(crate) async fn put(
    context: Data<Context>,
    Account(caller): Account,
    Json(wish): Json<Wish>,
) -> Result<HttpResponse, ApiError> {
    let Some(issuer) = &context.issuer else {
        return Err(ApiError::new(Code::Conflict, "nobody can sign in: there is no issuer in the settings"));
    };
    for (field, text) in [("subject", &wish.subject), ("name", &wish.name)] {
        if !(1..=256).contains(&text.trim().chars().count()) || text.chars().any(char::is_control) {
            return Err(ApiError::invalid([(field, "must have 1 to 256 characters on one line")]));
        }
    }
    let role: Role = wish.role.parse().map_err(|error| ApiError::invalid([("role", format!("{error}"))]))?;
    keeps_an_owner(&context, caller.tenant, role, |member| member.subject == wish.subject).await?;
    let mut tx = context.store.machinery().await?;
    let who = (issuer.name(), wish.subject.as_str());
    let user = tx.put_member(caller.tenant, who, wish.name.trim(), role, &caller.actor()).await?;
    tx.commit().await?;
    let mut tx = context.store.tenant(caller.tenant).await?;
    let detail = json!({ "user": user.to_string(), "role": role.as_str() });
    audit(&mut tx, &caller, "member.put", detail).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({ "id": user.to_string(), "role": role.as_str() })))
}

/// `DELETE /api/pms/members/{user}`: they no longer belong to the tenant.
pub(crate) async fn remove(
    context: Data<Context>,
    Account(caller): Account,
    Path(user): Path<UserId>,
) -> Result<HttpResponse, ApiError> {
    keeps_an_owner(&context, caller.tenant, Role::Auditor, |member| member.user == user).await?;
    let mut tx = context.store.machinery().await?;
    let ended = tx.remove_member(caller.tenant, user).await?;
    tx.commit().await?;
    if !ended {
        return Err(ApiError::not_found("there is no such member"));
    }
    let mut tx = context.store.tenant(caller.tenant).await?;
    audit(&mut tx, &caller, "member.remove", json!({ "user": user.to_string() })).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({ "id": user.to_string(), "removed": true })))
}

/// Refuses what would leave a tenant that has an owner with none: nobody could let anybody in any more.
async fn keeps_an_owner(
    context: &Context,
    tenant: domain::TenantId,
    becomes: Role,
    is_meant: impl Fn(&Member) -> bool,
) -> Result<(), ApiError> {
    let mut tx = context.store.tenant(tenant).await?;
    let members = tx.members().await?;
    tx.commit().await?;
    let is_owner = |member: &&Member| member.role == Role::Owner.as_str();
    let mut owners = members.iter().filter(is_owner);
    let is_last = owners.next().is_some_and(&is_meant) && owners.next().is_none();
    if is_last && becomes != Role::Owner {
        return Err(ApiError::new(Code::Conflict, "this is the only owner: make another one first"));
    }
    Ok(())
}

fn object(member: &Member) -> Value {
    json!({
        "id": member.user.to_string(), "subject": member.subject, "issuer": member.issuer, "name": member.name,
        "role": member.role, "since": member.since.to_string(),
    })
}
