//! What operators and managers ask: how much of the budgets is used, and how things went.

use actix_web::HttpResponse;
use actix_web::web::Data;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Path, Query};
use store::{Report, Usage};

use super::account::Account;
use crate::context::Context;

/// A day: what a report looks at unless told otherwise.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// From when on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    since: Option<Timestamp>,
}

/// `GET /api/pms/usage`: what each practice has used of its requests.
pub(crate) async fn usage(context: Data<Context>, Account(owner): Account) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let used = tx.usage().await?;
    tx.commit().await?;
    let used: Vec<Value> = used.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "practices": used })))
}

/// `GET /api/pms/reports`: which reports there are.
pub(crate) async fn reports(_: Account) -> HttpResponse {
    let known = Report::ALL.map(|report| json!({ "name": report.name(), "about": report.about() }));
    HttpResponse::Ok().json(json!({ "reports": known }))
}

/// `GET /api/pms/reports/{name}`: one report on this tenant.
pub(crate) async fn report(
    context: Data<Context>,
    Account(owner): Account,
    Path(name): Path<String>,
    Query(Since { since }): Query<Since>,
) -> Result<HttpResponse, ApiError> {
    let report = Report::from_name(&name).ok_or_else(|| ApiError::not_found("there is no such report"))?;
    let since = since.unwrap_or_else(|| Timestamp::now() - A_DAY);
    let mut tx = context.store.tenant(owner.tenant).await?;
    let lines = tx.report(report, since).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({
        "report": report.name(), "about": report.about(), "since": since.to_string(), "lines": lines,
    })))
}

fn shown(one: &Usage) -> Value {
    let (minute, day) = (one.minute, one.day);
    json!({
        "practiceId": one.practice.to_string(),
        "practice": one.name,
        "connectionId": one.connection.to_string(),
        "advertised": one.advertised,
        "minute": {
            "requests_used": minute.used, "remaining": minute.remaining, "percent": minute.percent(),
            "window_start": minute.window_start.to_string(), "limit": minute.limit,
        },
        "day": {
            "requests_used": day.used, "remaining": day.remaining, "percent": day.percent(),
            "window_start": day.window_start.to_string(), "limit": day.limit,
            "stopped_until": day.stopped_until.map(|at| at.to_string()),
        },
    })
}
