use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Code, Path, Query};
use store::{NewAudit, StaffTask, StoreError};
use uuid::Uuid;
use writebacks::{DropError, EndTaskError, end_task};

use super::account::Account;
use super::writebacks::{not_dropped, not_settled, outcome};
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

/// What was done about the write of a task.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Done {
    outcome: Option<String>,
    reason: Option<String>,
    /// It is there, under this id of the vendor's.
    landed: Option<String>,
}

/// Why a write is given up, where whoever does so says no more than the outcome.
const SAID_IN_A_TASK: &str = "said at the end of its task";

/// `POST /api/pms/tasks/{task}/done`: somebody has done it. Where the write it is about may still be sent, `outcome`
/// says what became of that, and gives it up; `landed` says that it is there.
pub(crate) async fn done(
    context: Data<Context>,
    Account(owner): Account,
    Path(task): Path<Uuid>,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let said = if body.is_empty() {
        Done::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| {
            ApiError::new(Code::BadRequest, "the body must be JSON with `outcome` and `reason`, or `landed`")
        })?
    };
    let outcome = said.outcome.as_deref().map(outcome).transpose()?;
    let reason = said.reason.as_deref().unwrap_or(SAID_IN_A_TASK);
    let done = match (outcome, said.landed.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid([(
                "landed",
                "what is there is not given up: leave `outcome` out",
            )]));
        }
        (Some(outcome), None) => Some(writebacks::Done::GivenUp { outcome, reason }),
        (None, landed) => landed.map(|vendor_id| writebacks::Done::Landed { vendor_id }),
    };
    let ended = end_task(&context.store, owner.tenant, task, done, &owner.actor()).await;
    let ended = ended.map_err(|error| match error {
        EndTaskError::Store(StoreError::NotFound) => ApiError::not_found("there is no such task"),
        EndTaskError::Store(error) | EndTaskError::Drop(DropError::Store(error)) => ApiError::internal(error),
        EndTaskError::Drop(error) => not_dropped(error),
        EndTaskError::Settle(error) => not_settled(error),
        EndTaskError::StillOpen(write) => ApiError::new(
            Code::Conflict,
            format!(
                "the request {write} of this task is still open and may be entered again: say with `outcome` whether \
                 it was entered_by_hand or is not_wanted, with `landed` that it is there, or replay it"
            ),
        ),
    })?;
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
