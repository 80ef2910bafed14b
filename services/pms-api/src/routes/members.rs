use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{Permission, PermissionSet, Role, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Code, Json, Path};
use store::Member;

use super::account::{Account, Caller};
use super::api_keys::audit;
use super::guard::refusal;
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
    Json(mut wish): Json<Wish>,
) -> Result<HttpResponse, ApiError> {
    wish.subject = wish.subject.trim().to_owned();
    let Some(issuer) = &context.issuer else {
        return Err(ApiError::new(Code::Conflict, "nobody can sign in: there is no issuer in the settings"));
    };
    for (field, text) in [("subject", &wish.subject), ("name", &wish.name)] {
        if !(1..=256).contains(&text.trim().chars().count()) || text.chars().any(char::is_control) {
            return Err(ApiError::invalid([(field, "must have 1 to 256 characters on one line")]));
        }
    }
    let role: Role = wish.role.parse().map_err(|error| ApiError::invalid([("role", format!("{error}"))]))?;
    let mut tx = context.store.tenant(caller.tenant).await?;
    let members = tx.members_to_change().await?;
    let is_meant = |one: &&Member| one.issuer == issuer.name() && one.subject == wish.subject;
    let current = members.iter().find(is_meant);
    // Nobody makes of somebody what they are not themselves, nor takes from somebody what they have not got.
    let touched = role.permissions().iter().chain(current.map(held).unwrap_or_default().iter());
    if let Some(beyond) = beyond(&caller, touched) {
        tx.roll_back().await?;
        return Err(refusal(&context, &caller, beyond, "PUT /api/pms/members").await);
    }
    if role != Role::Owner && is_last_owner(&context, &members, current) {
        tx.roll_back().await?;
        return Err(no_owner_left());
    }
    let who = (issuer.name(), wish.subject.as_str());
    let user = tx.put_member(who, wish.name.trim(), role, &caller.actor()).await?;
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
    let mut tx = context.store.tenant(caller.tenant).await?;
    let members = tx.members_to_change().await?;
    let current = members.iter().find(|one| one.user == user);
    if let Some(beyond) = beyond(&caller, current.map(held).unwrap_or_default().iter()) {
        tx.roll_back().await?;
        return Err(refusal(&context, &caller, beyond, "DELETE /api/pms/members/{user}").await);
    }
    if is_last_owner(&context, &members, current) {
        tx.roll_back().await?;
        return Err(no_owner_left());
    }
    if !tx.remove_member(user).await? {
        tx.roll_back().await?;
        return Err(ApiError::not_found("there is no such member"));
    }
    audit(&mut tx, &caller, "member.remove", json!({ "user": user.to_string() })).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({ "id": user.to_string(), "removed": true })))
}

/// What a member may do. A role that only a later version knows may be anything.
fn held(member: &Member) -> PermissionSet {
    member.role.parse::<Role>().map_or_else(|_| PermissionSet::all(), Role::permissions)
}

fn beyond(caller: &Caller, mut touched: impl Iterator<Item = Permission>) -> Option<Permission> {
    touched.find(|one| !caller.may(*one))
}

/// Whether a tenant that has an owner would be left with none: nobody could let anybody in any more. Whom another
/// issuer vouches for cannot sign in, and is none.
fn is_last_owner(context: &Context, members: &[Member], meant: Option<&Member>) -> bool {
    let counts = |one: &&Member| {
        let may_sign_in = context.issuer.as_ref().is_none_or(|issuer| issuer.name() == one.issuer);
        may_sign_in && one.role == Role::Owner.as_str()
    };
    let mut owners = members.iter().filter(counts).map(|one| one.user);
    meant.is_some_and(|meant| owners.next() == Some(meant.user) && owners.next().is_none())
}

fn no_owner_left() -> ApiError {
    ApiError::new(Code::Conflict, "this is the only owner: make another one first")
}

fn object(member: &Member) -> Value {
    json!({
        "id": member.user.to_string(), "subject": member.subject, "issuer": member.issuer, "name": member.name,
        "role": member.role, "since": member.since.to_string(),
    })
}
