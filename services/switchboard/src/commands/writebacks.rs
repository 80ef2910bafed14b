mod replay;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use domain::{TenantId, WritebackId, WritebackState};
use jiff::civil::Time;
use serde_json::{Value, json};
use store::{ListedWriteback, NewAudit, StaffTask, Store, WritebackFilter};
use uuid::Uuid;
use writebacks::{DropOutcome, Found, Wanted, give_up, reason, settle, wanted, whose};

use super::api_keys::audit;
use crate::cli::{WhichWrites, WritebacksAction};
use crate::out::Out;
use crate::place;

/// Who it was, in the record.
const OPERATOR: &str = "operator";
/// Writes of one page, and tasks of one list.
const MOST: i64 = 1_000;

/// `switchboard writebacks …`.
pub(crate) async fn run(action: WritebacksAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        WritebacksAction::List { state, all, which, target } => {
            let store = place::store(&target.state).await?;
            let mut filter = filter(&which, vec![state], !all);
            let mut found = 0;
            while let Some(page) = next_page(&store, &mut filter).await? {
                found += page.len();
                for one in page {
                    out.say(line(&one));
                    out.object(&object(&one));
                }
            }
            if found == 0 {
                out.say(format!("No write is {state}."));
            }
        }
        WritebacksAction::Show { id, target } => show(&place::store(&target.state).await?, id, out).await?,
        WritebacksAction::Plan { ids, over, which, target } => {
            replay::plan(ids, over, &which, &target.state, out).await?;
        }
        WritebacksAction::Replay { ids, all: _, per_minute, stop_after, no_wait, over, which, target } => {
            let wish = replay::Wish { ids, over, which, per_minute, stop_after, wait: !no_wait };
            return replay::run(wish, &target.state, out).await;
        }
        WritebacksAction::Stop { run, target } => {
            replay::stop(&place::store(&target.state).await?, run, out).await?;
        }
        WritebacksAction::Drop { id, outcome, reason, target } => {
            let store = place::store(&target.state).await?;
            let (tenant, _) = owner(&store, id).await?;
            give_up(&store, tenant, id, outcome, &reason, OPERATOR).await?;
            let time = match outcome {
                DropOutcome::EnteredByHand => {
                    "its time stays busy until a newer copy of the calendar was read"
                }
                DropOutcome::NotWanted => "its time is free again",
            };
            out.say(format!("{id} is given up; {time}."));
            out.object(&json!({ "dropped": id.to_string(), "outcome": outcome.as_str() }));
        }
        WritebacksAction::Settle { id, landed, not_there: _, target } => {
            let store = place::store(&target.state).await?;
            let (tenant, _) = owner(&store, id).await?;
            let found = match &landed {
                Some(vendor_id) => Found::There { vendor_id },
                None => Found::NotThere,
            };
            settle(&store, tenant, id, found, OPERATOR).await?;
            let how =
                if landed.is_some() { "the practice's system holds it" } else { "its time is free again" };
            out.say(format!("{id} is settled: {how}."));
            out.object(&json!({ "settled": id.to_string(), "landed": landed }));
        }
        WritebacksAction::Tasks { wanted, target } => {
            tasks(&place::store(&target.state).await?, wanted, out).await?;
        }
        WritebacksAction::Hours { connection, night, up_from, up_until, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let tenant = tx.tenant_of(connection).await.context("there is no such connection")?;
            tx.commit().await?;
            let mut tx = store.tenant(tenant).await?;
            let up = up_from.zip(up_until).map(|(from, until)| (minute(from), minute(until)));
            tx.set_write_hours(connection, minute(night), up).await?;
            let detail = json!({
                "connection": connection.to_string(), "night": night.to_string(),
                "up_from": up_from.map(|time| time.to_string()), "up_until": up_until.map(|time| time.to_string()),
            });
            audit(&mut tx, "write_hours.set", detail).await?;
            tx.commit().await?;
            out.say(format!("{connection}: what failed is tried again at {night} of the practice's clock."));
            out.object(&json!({ "connection": connection.to_string(), "night": night.to_string() }));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn minute(time: Time) -> i32 {
    i32::from(time.hour()) * 60 + i32::from(time.minute())
}

fn filter(which: &WhichWrites, states: Vec<WritebackState>, open: bool) -> WritebackFilter {
    WritebackFilter {
        practice: which.practice,
        states,
        reason: which.reason.clone(),
        since: which.since,
        until: which.until,
        open,
        after: None,
        most: MOST,
    }
}

/// The next page of what fits, until there is none.
async fn next_page(
    store: &Store,
    filter: &mut WritebackFilter,
) -> anyhow::Result<Option<Vec<ListedWriteback>>> {
    let mut tx = store.machinery().await?;
    let page = tx.list_writebacks(filter).await?;
    tx.commit().await?;
    filter.after = page.last().map(|last| last.id).or(filter.after);
    Ok(Some(page).filter(|page| !page.is_empty()))
}

async fn owner(store: &Store, id: WritebackId) -> anyhow::Result<(TenantId, String)> {
    let mut tx = store.machinery().await?;
    let owner = tx.writeback_owner(id).await.context("there is no such write")?;
    tx.commit().await?;
    Ok(owner)
}

fn line(one: &ListedWriteback) -> String {
    let why = one.reason.as_deref().map(reason);
    let told = why.map(|why| format!("\n    {} {}", why.sentence, why.next_action)).unwrap_or_default();
    let fate = match (&one.replayed_as, &one.dropped) {
        (Some(replay), _) => format!("  replayed as {replay}"),
        (None, Some(why)) => format!("  dropped: {why}"),
        (None, None) => String::new(),
    };
    format!(
        "{}  {:16}  ref {}  {} attempts  since {}  {}{fate}{told}",
        one.id,
        one.operation,
        one.reference,
        one.attempts,
        one.created_at,
        one.reason.as_deref().unwrap_or_default(),
    )
}

fn object(one: &ListedWriteback) -> Value {
    let why = one.reason.as_deref().map(reason);
    json!({
        "id": one.id.to_string(), "tenant": one.tenant.to_string(), "practice": one.practice.to_string(),
        "operation": one.operation, "state": one.state.as_str(), "reason": one.reason,
        "sentence": why.map(|why| why.sentence), "next_action": why.map(|why| why.next_action),
        "reference": one.reference, "attempts": one.attempts, "created_at": one.created_at.to_string(),
        "deadline_at": one.deadline_at.to_string(), "about_at": one.about_at.map(|at| at.to_string()),
        "replays": one.replays.map(|id| id.to_string()),
        "replayed_as": one.replayed_as.map(|id| id.to_string()), "dropped": one.dropped,
        "dropped_as": one.dropped_as,
    })
}

async fn show(store: &Store, id: WritebackId, out: Out) -> anyhow::Result<()> {
    let (tenant, vendor) = owner(store, id).await?;
    let mut tx = store.tenant(tenant).await?;
    let write = tx.writeback(id).await?;
    let attempts = tx.attempts(id).await?;
    let replayed_as = tx.replay_of(id).await?;
    tx.commit().await?;
    let why = write.reason.as_deref().map(reason);
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|one| {
            json!({
                "number": one.number, "started_at": one.started_at.to_string(),
                "ended_at": one.ended_at.map(|at| at.to_string()), "outcome": one.outcome, "detail": one.detail,
            })
        })
        .collect();
    let shown = json!({
        "id": id.to_string(), "tenant": tenant.to_string(), "connection": write.connection.to_string(),
        "vendor": vendor, "operation": write.operation, "state": write.state.as_str(), "reason": write.reason,
        "sentence": why.map(|why| why.sentence), "next_action": why.map(|why| why.next_action),
        "reference": write.reference, "receipt": write.receipt, "made": write.created_vendor_id,
        "created_at": write.created_at.to_string(), "deadline_at": write.deadline_at.to_string(),
        "about_at": write.about_at.map(|at| at.to_string()),
        "finished_at": write.finished_at.map(|at| at.to_string()),
        "depends_on": write.depends_on.map(|id| id.to_string()),
        "replays": write.replays.map(|id| id.to_string()),
        "replayed_as": replayed_as.map(|id| id.to_string()), "attempts": attempts,
    });
    if out.is_json() {
        out.object(&shown);
    } else {
        out.say(serde_json::to_string_pretty(&shown)?);
    }
    Ok(())
}

async fn tasks(store: &Store, with_wanted: bool, out: Out) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let tasks = tx.open_tasks(MOST).await?;
    tx.commit().await?;
    if tasks.is_empty() {
        out.say("Staff have nothing to do.");
    }
    if i64::try_from(tasks.len()).is_ok_and(|found| found == MOST) {
        out.say(format!("These are the {MOST} most pressing; there may be more."));
    }
    let mut wishes = if with_wanted { wanted_by(store, &tasks).await? } else { BTreeMap::new() };
    for task in tasks {
        let wanted = wishes.remove(&task.id).filter(|wanted| !wanted.is_empty());
        let due = task.due_at.map(|at| format!("  by {at}")).unwrap_or_default();
        let about = task.writeback.map(|id| id.to_string());
        out.say(format!(
            "{}  {:20}  {}{due}\n    {} {}",
            task.id,
            task.code,
            about.as_deref().unwrap_or_default(),
            task.sentence,
            task.next_action
        ));
        for (name, value) in wanted.iter().flatten() {
            out.say(format!("    {name}: {}", value.as_str().map_or(value.to_string(), str::to_owned)));
        }
        out.object(&json!({
            "id": task.id, "tenant": task.tenant.to_string(), "code": task.code, "sentence": task.sentence,
            "next_action": task.next_action, "writeback": about,
            "due_at": task.due_at.map(|at| at.to_string()), "created_at": task.created_at.to_string(),
            "call": task.call_id, "wanted": wanted,
        }));
    }
    Ok(())
}

/// What each task is about, by its id, read as the tenant whose it is and noted there.
async fn wanted_by(store: &Store, tasks: &[StaffTask]) -> anyhow::Result<BTreeMap<Uuid, Wanted>> {
    let mut by_tenant: BTreeMap<TenantId, Vec<StaffTask>> = BTreeMap::new();
    for task in tasks {
        by_tenant.entry(task.tenant).or_default().push(task.clone());
    }
    let mut found = BTreeMap::new();
    for (tenant, tasks) in by_tenant {
        let mut tx = store.tenant(tenant).await?;
        let wishes = wanted(&mut tx, &tasks).await?;
        tx.audit(&NewAudit {
            actor: OPERATOR,
            action: "task.read",
            patient: whose(&wishes).as_deref(),
            call_id: None,
            tool: None,
            outcome: "ok",
            ms: 0,
            detail: json!({ "tasks": tasks.len() }),
        })
        .await?;
        tx.commit().await?;
        found.extend(tasks.iter().map(|task| task.id).zip(wishes));
    }
    Ok(found)
}
