use actix_web::HttpResponse;
use actix_web::web::Data;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{AlertDestinationId, AlertId};
use seal::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Code, Json, Path, Query};
use store::{AlertDelivery, AlertFilter, NewAlertDestination, NewAudit, StoreError};

use super::account::Account;
use crate::alerts::shown;
use crate::context::Context;

/// Places a tenant may have its alerts sent to.
const MOST_DESTINATIONS: usize = 10;

/// Which page of which alerts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    state: Option<String>,
    cursor: Option<AlertId>,
    limit: Option<i64>,
}

/// A place to send alerts to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    name: String,
    url: Secret,
}

/// `GET /api/pms/alerts`: what somebody should look at, newest first.
pub(crate) async fn list(
    context: Data<Context>,
    Account(owner): Account,
    Query(page): Query<Page>,
) -> Result<HttpResponse, ApiError> {
    let open = match page.state.as_deref().unwrap_or("open") {
        "open" => Some(true),
        "resolved" => Some(false),
        "all" => None,
        _ => return Err(ApiError::invalid([("state", "must be open, resolved or all")])),
    };
    let most = page.limit.unwrap_or(100).clamp(1, 1_000);
    let mut tx = context.store.tenant(owner.tenant).await?;
    let alerts = tx.alerts(AlertFilter { open, after: page.cursor, most }).await?;
    tx.commit().await?;
    let is_full = i64::try_from(alerts.len()).is_ok_and(|found| found == most);
    let next = alerts.last().filter(|_| is_full).map(|last| last.id.to_string());
    let alerts: Vec<Value> = alerts.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "alerts": alerts, "nextCursor": next })))
}

/// `GET /api/pms/alerts/{id}`: one alert, and where it was sent.
pub(crate) async fn show(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<AlertId>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let alert = tx.alert(id).await.map_err(no_such)?;
    let deliveries = tx.alert_deliveries(id).await?;
    tx.commit().await?;
    let mut alert = shown(&alert);
    // The operator's own channel is no business of the tenant's.
    let deliveries: Vec<Value> = deliveries.iter().filter_map(delivery).collect();
    alert["deliveries"] = Value::Array(deliveries);
    Ok(HttpResponse::Ok().json(alert))
}

/// `POST /api/pms/alerts/{id}/resolve`: closes one by hand. Where its cause is still there, it comes again.
pub(crate) async fn resolve(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<AlertId>,
) -> Result<HttpResponse, ApiError> {
    let by = owner.actor();
    let mut tx = context.store.tenant(owner.tenant).await?;
    let closed = tx.resolve_alert(id, &by).await.map_err(no_such)?;
    if closed {
        note(&mut tx, &by, "alert.resolve", json!({ "alert": id.to_string() })).await?;
    }
    tx.commit().await?;
    context.relay.poke();
    Ok(HttpResponse::Ok().json(json!({ "id": id.to_string(), "resolved": true, "before": !closed })))
}

/// `GET /api/pms/alert-destinations`: where alerts are sent to. URLs and secrets stay sealed.
pub(crate) async fn destinations(
    context: Data<Context>,
    Account(owner): Account,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let known = tx.alert_destinations().await?;
    tx.commit().await?;
    let known: Vec<Value> = known
        .iter()
        .map(|one| {
            json!({
                "id": one.id.to_string(), "name": one.name, "createdBy": one.created_by,
                "createdAt": one.created_at.to_string(),
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "destinations": known })))
}

/// `POST /api/pms/alert-destinations`: sends alerts there from now on. The secret is shown this once.
pub(crate) async fn add_destination(
    context: Data<Context>,
    Account(owner): Account,
    Json(wish): Json<Destination>,
) -> Result<HttpResponse, ApiError> {
    let name = domain::clean_line(&wish.name, 100)
        .map_err(|_| ApiError::invalid([("name", "must be one line of 1 to 100 characters")]))?;
    context
        .mailer
        .guard()
        .check(wish.url.expose())
        .map_err(|why| ApiError::invalid([("url", why.to_string())]))?;
    let random = seal::random::<32>().map_err(ApiError::internal)?;
    let secret = Secret::new(format!("whsec_{}", STANDARD.encode(random)));
    let by = owner.actor();
    let mut tx = context.store.tenant(owner.tenant).await?;
    if tx.alert_destinations().await?.len() >= MOST_DESTINATIONS {
        return Err(ApiError::new(Code::Conflict, "there are 10 destinations; remove one first"));
    }
    let new = NewAlertDestination { name: &name, url: &wish.url, secret: &secret, created_by: &by };
    let id = tx.add_alert_destination(&new).await?;
    note(&mut tx, &by, "alert_destination.add", json!({ "destination": id.to_string() })).await?;
    tx.commit().await?;
    let told = json!({ "id": id.to_string(), "name": name, "secret": secret.expose() });
    Ok(HttpResponse::Created().insert_header(("cache-control", "no-store")).json(told))
}

/// `DELETE /api/pms/alert-destinations/{id}`: sends no more alerts there.
pub(crate) async fn remove_destination(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<AlertDestinationId>,
) -> Result<HttpResponse, ApiError> {
    let by = owner.actor();
    let mut tx = context.store.tenant(owner.tenant).await?;
    tx.remove_alert_destination(id).await.map_err(|error| match error {
        StoreError::NotFound => ApiError::not_found("there is no such destination"),
        other => ApiError::internal(other),
    })?;
    note(&mut tx, &by, "alert_destination.remove", json!({ "destination": id.to_string() })).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({ "removed": id.to_string() })))
}

/// Who changed what is told to whom is on the record.
async fn note(
    tx: &mut store::TenantTx,
    actor: &str,
    action: &'static str,
    detail: Value,
) -> Result<(), StoreError> {
    let record =
        NewAudit { actor, action, patient: None, call_id: None, tool: None, outcome: "ok", ms: 0, detail };
    tx.audit(&record).await
}

fn delivery(one: &AlertDelivery) -> Option<Value> {
    Some(json!({
        "id": one.id.to_string(), "news": one.news.as_str(), "destinationId": one.destination?.to_string(),
        "state": one.state, "attempts": one.attempts, "reason": one.reason,
        "nextAt": (one.state == "waiting").then(|| one.next_at.to_string()),
        "endedAt": one.ended_at.map(|at| at.to_string()),
    }))
}

fn no_such(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::not_found("there is no such alert"),
        other => ApiError::internal(other),
    }
}
