use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Path, Query};
use store::{NewAudit, StaffTask, StoreError};
use uuid::Uuid;

use super::account::Account;
use crate::context::Context;

/// How many of the tasks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    limit: Option<i64>,
}

/// `GET /api/pms/tasks`: what staff have to do, the most pressing first.
pub(crate) async fn list(
    context: Data<Context>,
    Account(owner): Account,
    Query(page): Query<Page>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let tasks = tx.tasks(page.limit.unwrap_or(100).clamp(1, 1_000)).await?;
    let wishes: Vec<Value> = tasks.iter().filter_map(wanted).collect();
    if !wishes.is_empty() {
        let whose: BTreeSet<&str> = wishes.iter().filter_map(|wish| wish["patientId"].as_str()).collect();
        let whose = whose.into_iter().collect::<Vec<_>>().join(" ");
        tx.audit(&NewAudit {
            actor: &owner.actor(),
            action: "task.read",
            patient: Some(whose.as_str()).filter(|ids| !ids.is_empty()),
            call_id: None,
            tool: None,
            outcome: "ok",
            ms: 0,
            detail: json!({ "tasks": wishes.len() }),
        })
        .await?;
    }
    tx.commit().await?;
    let tasks: Vec<Value> = tasks.iter().map(object).collect();
    Ok(HttpResponse::Ok().json(json!({ "tasks": tasks })))
}

/// `POST /api/pms/tasks/{task}/done`: somebody has done it.
pub(crate) async fn done(
    context: Data<Context>,
    Account(owner): Account,
    Path(task): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let ended = tx.end_task(task, &owner.actor()).await.map_err(|error| match error {
        StoreError::NotFound => ApiError::not_found("there is no such task"),
        other => ApiError::internal(other),
    })?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(json!({ "id": task, "done": true, "before": !ended })))
}

/// What somebody wants done, where the task holds it.
fn wanted(task: &StaffTask) -> Option<Value> {
    serde_json::from_slice(task.wanted.as_ref()?.expose()).ok()
}

fn object(task: &StaffTask) -> Value {
    json!({
        "id": task.id,
        "code": task.code,
        "sentence": task.sentence,
        "nextAction": task.next_action,
        "writebackId": task.writeback.map(|id| id.to_string()),
        "connectionId": task.connection.map(|id| id.to_string()),
        "callId": task.call_id,
        "wanted": wanted(task),
        "dueAt": task.due_at.map(|at| at.to_string()),
        "createdAt": task.created_at.to_string(),
    })
}
