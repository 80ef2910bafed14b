//! Who a request comes from, by what it brings.

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use domain::{Permission, PermissionSet, Role, TenantId};
use service::{ApiError, Code};
use sign_in::{Issuer, Refused, SignedIn};
use store::{SignedInUser, StoreError};

use crate::context::Context;
use crate::refusals::Refusal;
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
            if matches!(why, Refused::Expired | Refused::NotYet | Refused::Audience)
                && let Some(signed_in) = issuer.whose(token).await
                && let Some(known) = known(context, &signed_in).await.map_err(not_now)?
            {
                knocked(context, &known, tenant, word(why)).await.map_err(not_now)?;
            }
            return Err(unauthenticated());
        }
    };
    let Some(known) = known(context, &signed_in).await.map_err(not_now)? else {
        refused("user", "nobody_here");
        return Err(ApiError::new(Code::Forbidden, "you belong to no tenant here"));
    };
    let principal = Principal::User(known.user);
    let found = match tenant {
        Some(named) => {
            let named: TenantId =
                named.trim().parse().map_err(|_| ApiError::invalid([(TENANT, "must be an id `ten_…`")]))?;
            let Some(found) = known.memberships.iter().find(|one| one.tenant == named) else {
                refused("user", "not_a_member");
                knocked(context, &known, tenant, "not_a_member").await.map_err(not_now)?;
                return Err(ApiError::new(Code::Forbidden, "you do not belong to this tenant"));
            };
            found
        }
        None => match (known.home(), known.memberships.is_empty()) {
            (Some(home), _) => home,
            (None, true) => {
                refused("user", "nobody_here");
                knocked(context, &known, None, "nobody_here").await.map_err(not_now)?;
                return Err(ApiError::new(Code::Forbidden, "you belong to no tenant here"));
            }
            (None, false) => {
                let rule = "must name one of your tenants: you belong to several";
                return Err(ApiError::invalid([(TENANT, rule)]));
            }
        },
    };
    if !found.is_used {
        let noted = async {
            let mut tx = context.store.machinery().await?;
            tx.note_first_use(found.tenant, known.user).await?;
            tx.commit().await
        };
        noted.await.map_err(not_now)?;
    }
    // A role that this version does not know may do nothing.
    let role = found.role.parse::<Role>().ok();
    let permissions = role.map(Role::permissions).unwrap_or_default();
    Ok(Caller { tenant: found.tenant, key: principal, role, permissions })
}

async fn known(context: &Context, signed_in: &SignedIn) -> Result<Option<SignedInUser>, StoreError> {
    let mut tx = context.store.machinery().await?;
    let known = tx.signed_in(&signed_in.issuer, &signed_in.subject).await?;
    tx.commit().await?;
    Ok(known)
}

/// Records the refusal of somebody we know, in the tenant they name, or are in while they name none. It is on that
/// tenant's record if they belong to it or once did; what strangers try is none of its business, and must not fill
/// its chain.
async fn knocked(
    context: &Context,
    known: &SignedInUser,
    named: Option<&str>,
    why: &'static str,
) -> Result<(), StoreError> {
    let mut tx = context.store.machinery().await?;
    let left = tx.left_tenants(known.user).await?;
    tx.commit().await?;
    let places: Vec<TenantId> = match (named, known.home()) {
        (Some(named), _) => {
            let Ok(named) = named.trim().parse() else { return Ok(()) };
            let theirs = known.memberships.iter().map(|one| one.tenant).chain(left);
            theirs.filter(|one| *one == named).take(1).collect()
        }
        (None, Some(home)) => vec![home.tenant],
        (None, None) if known.memberships.is_empty() => left,
        (None, None) => Vec::new(),
    };
    if places.is_empty() {
        tracing::info!(user.id = %known.user, "somebody was refused who belongs to none of the tenants asked for");
    }
    for tenant in places {
        write_down(context, tenant, &format!("user {}", known.user), why).await?;
    }
    Ok(())
}

async fn write_down(context: &Context, tenant: TenantId, actor: &str, why: &str) -> Result<(), StoreError> {
    let why = vec![("why", why.to_owned())];
    let refusal = Refusal { tenant, actor: actor.to_owned(), action: "sign_in.refused", why };
    context.refusals.record(&context.store, refusal).await
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
