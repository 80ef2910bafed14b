use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{Permission, PracticeId, TenantId, WritebackId, WritebackState as S};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Code, Json, Path, Query};
use store::{ListedWriteback, StoreError, WritebackFilter};
use uuid::Uuid;
use writebacks::{
    BusLookout, DropError, DropOutcome, Found, SettleError, UnknownOutcome, Wanted, reason, start_run,
    stop_run, wanted_of, whose,
};

use super::account::Account;
use super::tasks::read;
use crate::context::Context;

/// How long a practice may take to say what it shows.
const PATIENCE: Duration = Duration::from_secs(20);
/// Writes of one page.
const MOST: i64 = 1_000;

/// Which page of which writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Page {
    practice_id: Option<PracticeId>,
    state: Option<String>,
    reason: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Also those that were replayed or given up.
    all: Option<bool>,
    cursor: Option<WritebackId>,
    limit: Option<i64>,
}

/// Which failed and parked writes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Choice {
    /// These; none: all that fit the rest.
    #[serde(default)]
    ids: Vec<WritebackId>,
    /// Really all that fit the rest.
    #[serde(default)]
    all: bool,
    practice_id: Option<PracticeId>,
    /// Only those that failed, or only those that are parked.
    state: Option<String>,
    reason: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// The page of a plan after this one.
    cursor: Option<WritebackId>,
    /// How many replays a minute.
    per_minute: Option<i32>,
    /// End once so many were refused, failed or were parked again.
    stop_after: Option<i32>,
}

/// Why a write is given up, and as what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    reason: String,
    outcome: String,
}

/// `GET /api/pms/writebacks`: a page of writes, oldest first.
pub(crate) async fn list(
    context: Data<Context>,
    Account(owner): Account,
    Query(page): Query<Page>,
) -> Result<HttpResponse, ApiError> {
    let states = match &page.state {
        None => Vec::new(),
        Some(word) => vec![state(word, &S::ALL)?],
    };
    let limit = page.limit.unwrap_or(100).clamp(1, MOST);
    let filter = WritebackFilter {
        practice: page.practice_id,
        states,
        reason: page.reason,
        since: page.since,
        until: page.until,
        open: !page.all.unwrap_or(false),
        after: page.cursor,
        most: limit,
    };
    let found = listed(&context, owner.tenant, &filter).await?;
    let is_full = i64::try_from(found.len()).is_ok_and(|found| found == limit);
    let next = found.last().filter(|_| is_full).map(|last| last.id.to_string());
    let found: Vec<Value> = found.iter().map(object).collect();
    Ok(HttpResponse::Ok().json(json!({ "writebacks": found, "nextCursor": next })))
}

/// `GET /api/pms/writebacks/{id}`: one write with every try.
pub(crate) async fn show(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<WritebackId>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let write = tx.writeback(id).await.map_err(no_such)?;
    let attempts = tx.attempts(id).await?;
    let replayed_as = tx.replay_of(id).await?;
    let may = owner.may(Permission::PATIENTS_READ);
    let wanted = if may { wanted_of(&mut tx, &write).await? } else { Wanted::new() };
    if !wanted.is_empty() {
        let (whose, detail) = (whose([&wanted]), json!({ "writeback": id.to_string() }));
        tx.audit(&read(&owner.actor(), "writeback.read", whose.as_deref(), detail)).await?;
    }
    tx.commit().await?;
    let why = write.reason.as_deref().map(reason);
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|one| {
            json!({
                "number": one.number, "startedAt": one.started_at.to_string(),
                "endedAt": one.ended_at.map(|at| at.to_string()), "outcome": one.outcome, "detail": one.detail,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "id": id.to_string(), "connectionId": write.connection.to_string(), "operation": write.operation,
        "state": write.state.as_str(), "reason": write.reason, "sentence": why.map(|why| why.sentence),
        "nextAction": why.map(|why| why.next_action), "reference": write.reference,
        "createdAt": write.created_at.to_string(), "deadlineAt": write.deadline_at.to_string(),
        "aboutAt": write.about_at.map(|at| at.to_string()),
        "finishedAt": write.finished_at.map(|at| at.to_string()),
        "dependsOn": write.depends_on.map(|id| id.to_string()),
        "replays": write.replays.map(|id| id.to_string()),
        "replayedAs": replayed_as.map(|id| id.to_string()), "attempts": attempts,
        "wanted": Some(wanted).filter(|wanted| !wanted.is_empty()), "wantedHidden": !may,
    })))
}

/// `POST /api/pms/writebacks/plan`: what would become of replays.
pub(crate) async fn plan(
    context: Data<Context>,
    Account(owner): Account,
    Json(choice): Json<Choice>,
) -> Result<HttpResponse, ApiError> {
    let (ids, next) = chosen(&context, owner.tenant, choice, false).await?;
    let lookout = BusLookout::new(context.bus.clone(), PATIENCE);
    let sorted = writebacks::plan(&context.store, &lookout, owner.tenant, &ids).await?;
    let plan: Vec<Value> = sorted
        .iter()
        .map(|one| {
            json!({
                "id": one.id.to_string(), "verdict": one.verdict.word(), "why": one.why,
                "other": one.other.map(|id| id.to_string()),
            })
        })
        .collect();
    let next = next.map(|id| id.to_string());
    Ok(HttpResponse::Ok().json(json!({ "plan": plan, "nextCursor": next })))
}

/// `POST /api/pms/writebacks/replay`: a run of replays, taken on by a worker.
pub(crate) async fn replay(
    context: Data<Context>,
    Account(owner): Account,
    Json(choice): Json<Choice>,
) -> Result<HttpResponse, ApiError> {
    if choice.ids.is_empty() && !choice.all {
        return Err(ApiError::invalid([("ids", "must name writes, or `all` must be true")]));
    }
    let per_minute = choice.per_minute.unwrap_or(60);
    let stop_after = choice.stop_after;
    if !(1..=6_000).contains(&per_minute) {
        return Err(ApiError::invalid([("perMinute", "must be from 1 to 6000")]));
    }
    if stop_after.is_some_and(|most| most < 1) {
        return Err(ApiError::invalid([("stopAfter", "must be 1 or more")]));
    }
    let (ids, _) = chosen(&context, owner.tenant, choice, true).await?;
    let by = owner.actor();
    let run = start_run(&context.store, owner.tenant, &ids, per_minute, stop_after, &by).await?;
    Ok(HttpResponse::Accepted().json(json!({ "runId": run, "writes": ids.len() })))
}

/// `GET /api/pms/writebacks/replays/{run}`: how a run stands.
pub(crate) async fn run(
    context: Data<Context>,
    Account(owner): Account,
    Path(run): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let stands = tx.replay_run(run).await.map_err(no_such_run)?;
    tx.commit().await?;
    let items: Vec<Value> = stands
        .items
        .iter()
        .map(|item| {
            json!({
                "writebackId": item.writeback.to_string(), "outcome": item.outcome,
                "replayId": item.replay.map(|id| id.to_string()), "replayState": item.replay_state,
            })
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "runId": run, "state": stands.state, "perMinute": stands.per_minute, "stopAfter": stands.stop_after,
        "items": items,
    })))
}

/// `POST /api/pms/writebacks/replays/{run}/stop`: takes up none of a run's writes any more.
pub(crate) async fn stop(
    context: Data<Context>,
    Account(owner): Account,
    Path(run): Path<Uuid>,
) -> Result<HttpResponse, ApiError> {
    let left = stop_run(&context.store, owner.tenant, run, &owner.actor()).await.map_err(no_such_run)?;
    let left = left.ok_or_else(|| ApiError::new(Code::Conflict, "the run has come to its end"))?;
    Ok(HttpResponse::Ok().json(json!({ "stopped": run, "notTried": left })))
}

fn no_such_run(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::not_found("there is no such run"),
        other => ApiError::internal(other),
    }
}

/// `POST /api/pms/writebacks/{id}/drop`: gives a write up.
pub(crate) async fn give_up(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<WritebackId>,
    Json(why): Json<Why>,
) -> Result<HttpResponse, ApiError> {
    let by = owner.actor();
    let outcome = outcome(&why.outcome)?;
    writebacks::give_up(&context.store, owner.tenant, id, outcome, &why.reason, &by)
        .await
        .map_err(not_dropped)?;
    Ok(HttpResponse::Ok().json(json!({ "dropped": id.to_string(), "outcome": outcome.as_str() })))
}

/// What staff found of a parked write.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Finding {
    /// It is there, under this id of the vendor's.
    landed: Option<String>,
    /// It is not there, and no longer wanted.
    #[serde(default)]
    not_there: bool,
}

/// `POST /api/pms/writebacks/{id}/settle`: ends a parked write as staff found it.
pub(crate) async fn settle(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<WritebackId>,
    Json(finding): Json<Finding>,
) -> Result<HttpResponse, ApiError> {
    let found = match (&finding.landed, finding.not_there) {
        (Some(vendor_id), false) => Found::There { vendor_id },
        (None, true) => Found::NotThere,
        _ => return Err(ApiError::invalid([("landed", "give it, or `notThere` as true, and not both")])),
    };
    writebacks::settle(&context.store, owner.tenant, id, found, &owner.actor()).await.map_err(not_settled)?;
    Ok(HttpResponse::Ok().json(json!({ "settled": id.to_string(), "landed": finding.landed })))
}

/// Why a write was not settled.
pub(super) fn not_settled(error: SettleError) -> ApiError {
    match error {
        SettleError::Store(error) => no_such(error),
        SettleError::NoId => ApiError::invalid([("landed", error.to_string())]),
        other => ApiError::new(Code::Conflict, other.to_string()),
    }
}

/// One of `words`.
fn state(word: &str, words: &[S]) -> Result<S, ApiError> {
    words.iter().copied().find(|state| state.as_str() == word).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|state| state.as_str()).collect();
        ApiError::invalid([("state", format!("must be one of {}", words.join(", ")))])
    })
}

/// As what a write is given up.
pub(super) fn outcome(word: &str) -> Result<DropOutcome, ApiError> {
    word.parse().map_err(|error: UnknownOutcome| ApiError::invalid([("outcome", error.to_string())]))
}

/// Why a write was not given up.
pub(super) fn not_dropped(error: DropError) -> ApiError {
    match error {
        DropError::Store(error) => no_such(error),
        DropError::NoReason => ApiError::invalid([("reason", "must have 1 to 500 characters")]),
        other => ApiError::new(Code::Conflict, other.to_string()),
    }
}

async fn listed(
    context: &Context,
    tenant: TenantId,
    filter: &WritebackFilter,
) -> Result<Vec<ListedWriteback>, StoreError> {
    let mut tx = context.store.tenant(tenant).await?;
    let found = tx.list_writebacks(filter).await?;
    tx.commit().await?;
    Ok(found)
}

/// The writes a request is about, and where the next page begins unless it is about `all` of them; every one that it
/// names must be the tenant's.
async fn chosen(
    context: &Context,
    tenant: TenantId,
    choice: Choice,
    all: bool,
) -> Result<(Vec<WritebackId>, Option<WritebackId>), ApiError> {
    if choice.ids.is_empty() {
        let over = [S::Failed, S::Parked];
        let states = match &choice.state {
            None => over.to_vec(),
            Some(word) => vec![state(word, &over)?],
        };
        let mut filter = WritebackFilter {
            practice: choice.practice_id,
            states,
            reason: choice.reason,
            since: choice.since,
            until: choice.until,
            open: true,
            after: choice.cursor,
            most: MOST,
        };
        let mut ids = Vec::new();
        loop {
            let page = listed(context, tenant, &filter).await?;
            ids.extend(page.iter().map(|one| one.id));
            let is_full = i64::try_from(page.len()).is_ok_and(|found| found == MOST);
            filter.after = page.last().filter(|_| is_full).map(|last| last.id);
            if filter.after.is_none() || !all {
                return Ok((ids, filter.after));
            }
        }
    }
    let mut ids = choice.ids;
    ids.sort_unstable();
    ids.dedup();
    let mut tx = context.store.tenant(tenant).await?;
    let known = tx.writebacks(&ids).await?.len();
    tx.commit().await?;
    if known == ids.len() { Ok((ids, None)) } else { Err(no_such(StoreError::NotFound)) }
}

fn no_such(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::not_found("there is no such write"),
        other => ApiError::internal(other),
    }
}

fn object(one: &ListedWriteback) -> Value {
    let why = one.reason.as_deref().map(reason);
    json!({
        "id": one.id.to_string(), "practiceId": one.practice.to_string(),
        "connectionId": one.connection.to_string(), "operation": one.operation, "state": one.state.as_str(),
        "reason": one.reason, "sentence": why.map(|why| why.sentence),
        "nextAction": why.map(|why| why.next_action), "reference": one.reference, "attempts": one.attempts,
        "createdAt": one.created_at.to_string(), "deadlineAt": one.deadline_at.to_string(),
        "aboutAt": one.about_at.map(|at| at.to_string()), "replays": one.replays.map(|id| id.to_string()),
        "replayedAs": one.replayed_as.map(|id| id.to_string()), "dropped": one.dropped,
        "droppedAs": one.dropped_as,
    })
}
