//! Who a request comes from, by what it brings.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use domain::{Permission, PermissionSet, Role, TenantId};
use serde_json::json;
use service::{ApiError, Code};
use sign_in::{Issuer, Refused};
use store::{NewAudit, SignedInUser, StoreError};

use crate::context::Context;
use crate::routes::{Caller, Principal};

/// Names the tenant a person means who belongs to several.
pub(crate) const TENANT: &str = "x-switchboard-tenant";

/// Who it is.
///
/// # Errors
/// 401 for what proves nothing, 403 for somebody who has no place here, 503 when that cannot be told now.
pub(crate) async fn caller(context: &Context, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let Some(bearer) = bearer.filter(|bearer| !bearer.is_empty()) else {
        refused("nobody", "nothing_given");
        return Err(unauthenticated());
    };
    // No API key has a dot, and every token has two.
    match (&context.issuer, bearer.contains('.')) {
        (Some(issuer), true) => user(context, issuer, bearer, text(TENANT)).await,
        (None, true) => {
            refused("user", "not_configured");
            Err(unauthenticated())
        }
        (_, false) => key(context, bearer).await,
    }
}

fn unauthenticated() -> ApiError {
    ApiError::new(
        Code::Unauthenticated,
        "give an API key, or a token of the issuer, as `Authorization: Bearer …`",
    )
}

/// Whether somebody may come in cannot be told while the database is away.
fn not_now(error: StoreError) -> ApiError {
    match error {
        StoreError::Unavailable => ApiError::unavailable(Duration::from_secs(5)).because(error),
        other => ApiError::internal(other),
    }
}

fn refused(who: &'static str, why: &'static str) {
    metrics::counter!("sign_ins_refused_total", "who" => who, "why" => why).increment(1);
    tracing::info!(sign_in.who = who, sign_in.why = why, "a sign-in was refused");
}

async fn key(context: &Context, given: &str) -> Result<Caller, ApiError> {
    let hash = seal::sha256(given.as_bytes());
    let found = async {
        let mut tx = context.store.machinery().await?;
        let found = tx.find_api_key(&hash).await?;
        tx.commit().await?;
        Ok(found)
    };
    let found = found.await.map_err(not_now)?;
    let Some(found) = found else {
        refused("key", "unknown");
        return Err(unauthenticated());
    };
    let owner = found.owner;
    let permissions = match &found.scopes {
        None => PermissionSet::all(),
        // A word that this version does not know opens nothing.
        Some(words) => words.iter().filter_map(|word| word.parse::<Permission>().ok()).collect(),
    };
    let caller = Caller { tenant: owner.tenant, key: Principal::Key(owner.key), role: None, permissions };
    match found.over {
        None => Ok(caller),
        Some(why) => {
            refused("key", why);
            write_down(context, owner.tenant, &caller.actor(), why).await.map_err(not_now)?;
            Err(unauthenticated())
        }
    }
}

async fn user(
    context: &Context,
    issuer: &Issuer,
    token: &str,
    tenant: Option<&str>,
) -> Result<Caller, ApiError> {
    let signed_in = match issuer.verify(token).await {
        Ok(signed_in) => signed_in,
        Err(Refused::KeysUnavailable) => {
            refused("user", "keys_unavailable");
            return Err(ApiError::unavailable(Duration::from_secs(10)));
        }
        Err(why) => {
            refused("user", word(why));
            return Err(unauthenticated());
        }
    };
    let known = async {
        let mut tx = context.store.machinery().await?;
        let known = tx.signed_in(&signed_in.issuer, &signed_in.subject).await?;
        tx.commit().await?;
        Ok(known)
    };
    let known = known.await.map_err(not_now)?;
    let Some(SignedInUser { user, memberships }) = known else {
        refused("user", "nobody_here");
        return Err(ApiError::new(Code::Forbidden, "you belong to no tenant here"));
    };
    let principal = Principal::User(user);
    let (tenant, role) = match (tenant, memberships.as_slice()) {
        (Some(named), _) => {
            let named: TenantId =
                named.trim().parse().map_err(|_| ApiError::invalid([(TENANT, "must be an id `ten_…`")]))?;
            match memberships.iter().find(|(tenant, _)| *tenant == named) {
                Some(found) => found.clone(),
                None => {
                    refused("user", "not_a_member");
                    let actor = format!("user {principal}");
                    write_down(context, named, &actor, "not_a_member").await.map_err(not_now)?;
                    return Err(ApiError::new(Code::Forbidden, "you do not belong to this tenant"));
                }
            }
        }
        (None, [only]) => only.clone(),
        (None, []) => {
            refused("user", "nobody_here");
            return Err(ApiError::new(Code::Forbidden, "you belong to no tenant here"));
        }
        (None, _) => {
            let rule = "must name one of your tenants: you belong to several";
            return Err(ApiError::invalid([(TENANT, rule)]));
        }
    };
    // A role that this version does not know may do nothing.
    let role = role.parse::<Role>().ok();
    let permissions = role.map(Role::permissions).unwrap_or_default();
    Ok(Caller { tenant, key: principal, role, permissions })
}

/// Leaves a record with the tenant that somebody tried to reach, where there is such a tenant.
async fn write_down(context: &Context, tenant: TenantId, actor: &str, why: &str) -> Result<(), StoreError> {
    let mut tx = context.store.tenant(tenant).await?;
    match tx.tenant_row().await {
        Ok(_) => {}
        Err(StoreError::NotFound) => return tx.roll_back().await,
        Err(error) => return Err(error),
    }
    tx.audit(&NewAudit {
        actor,
        action: "sign_in.refused",
        patient: None,
        call_id: None,
        tool: None,
        outcome: "refused",
        ms: 0,
        detail: json!({ "why": why }),
    })
    .await?;
    tx.commit().await
}

const fn word(why: Refused) -> &'static str {
    match why {
        Refused::Malformed => "malformed",
        Refused::Algorithm => "algorithm",
        Refused::UnknownKey => "unknown_key",
        Refused::Signature => "signature",
        Refused::Expired => "expired",
        Refused::NotYet => "not_yet",
        Refused::Issuer => "issuer",
        Refused::Audience => "audience",
        Refused::KeysUnavailable => "keys_unavailable",
    }
}
