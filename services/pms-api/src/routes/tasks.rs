use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use domain::Permission;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Code, Path, Query};
use store::{NewAudit, StaffTask, StoreError};
use uuid::Uuid;
use writebacks::{DropError, EndTaskError, Wanted, end_task, wanted, whose};

use super::account::Account;
use super::writebacks::{not_dropped, not_settled, outcome};
use crate::context::Context;

/// How many of the tasks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    limit: Option<i64>,
    cursor: Option<Uuid>,
}

/// `GET /api/pms/tasks`: what staff have to do, the most pressing first.
pub(crate) async fn list(
    context: Data<Context>,
    Account(owner): Account,
    Query(page): Query<Page>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let limit = page.limit.unwrap_or(100).clamp(1, 1_000);
    let tasks = tx.tasks(limit, page.cursor).await.map_err(|error| match error {
        StoreError::NotFound => ApiError::invalid([("cursor", "must be one that a page of tasks gave")]),
        other => ApiError::internal(other),
    })?;
    let may = owner.may(Permission::PATIENTS_READ);
    let wishes = if may { wanted(&mut tx, &tasks).await? } else { Vec::new() };
    let told = wishes.iter().filter(|wish| !wish.is_empty()).count();
    if told > 0 {
        let whose = whose(&wishes);
        tx.audit(&read(&owner.actor(), "task.read", whose.as_deref(), json!({ "tasks": told }))).await?;
    }
    tx.commit().await?;
    let is_full = i64::try_from(tasks.len()).is_ok_and(|found| found == limit);
    let next = tasks.last().filter(|_| is_full).map(|last| last.id);
    let mut wishes = wishes.into_iter();
    let tasks: Vec<Value> = tasks.iter().map(|task| object(task, wishes.next(), may)).collect();
    Ok(HttpResponse::Ok().json(json!({ "tasks": tasks, "nextCursor": next })))
}

/// That somebody was shown what is wanted.
pub(super) fn read<'a>(
    actor: &'a str,
    action: &'a str,
    patient: Option<&'a str>,
    detail: Value,
) -> NewAudit<'a> {
    NewAudit { actor, action, patient, call_id: None, tool: None, outcome: "ok", ms: 0, detail }
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

fn object(task: &StaffTask, wanted: Option<Wanted>, may: bool) -> Value {
    json!({
        "id": task.id,
        "code": task.code,
        "sentence": task.sentence,
        "nextAction": task.next_action,
        "writebackId": task.writeback.map(|id| id.to_string()),
        "connectionId": task.connection.map(|id| id.to_string()),
        "callId": task.call_id,
        "wanted": wanted.filter(|wanted| !wanted.is_empty()),
        "wantedHidden": !may,
        "dueAt": task.due_at.map(|at| at.to_string()),
        "createdAt": task.created_at.to_string(),
    })
}
