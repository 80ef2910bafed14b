use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Query};

use super::account::Account;
use crate::context::Context;

/// Which page of the records.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// After this record.
    cursor: Option<i64>,
    limit: Option<i64>,
}

/// `GET /api/pms/audit`: who did what, oldest first. It names patients by the practice's ids alone.
pub(crate) async fn list(
    context: Data<Context>,
    Account(caller): Account,
    Query(page): Query<Page>,
) -> Result<HttpResponse, ApiError> {
    let limit = page.limit.unwrap_or(100).clamp(1, 1_000);
    let mut tx = context.store.tenant(caller.tenant).await?;
    let records = tx.audit_records(page.cursor.unwrap_or(0), limit).await?;
    tx.commit().await?;
    let is_full = i64::try_from(records.len()).is_ok_and(|found| found == limit);
    let next = records.last().filter(|_| is_full).map(|last| last.sequence);
    let records: Vec<Value> = records
        .into_iter()
        .map(|one| {
            json!({
                "sequence": one.sequence, "at": one.at.to_string(), "actor": one.actor, "action": one.action,
                "patient": one.patient, "callId": one.call_id, "tool": one.tool, "outcome": one.outcome,
                "ms": one.ms, "detail": one.detail,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "records": records, "nextCursor": next })))
}
