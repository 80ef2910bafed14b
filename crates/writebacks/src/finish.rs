use domain::{AlertKind, ConnectionId, WritebackId, WritebackState};
use jiff::Timestamp;
use messages::{Named as _, proto_time, v1};
use pms::Write;
use serde_json::json;
use store::{
    Move, NewAlert, NewAudit, NewTask, OutgoingLetter, StaffTask, Store, StoreError, TenantTx, ToolCallKey,
    Writeback,
};
use uuid::Uuid;

use crate::moves::{Actor, allowed};
use crate::night::MOST_NIGHTS;
use crate::reasons::{AND_WAITED_FOR, BY_HAND, CALLER_NOT_TOLD, LOOK, Reason, reason};
use crate::replay::too_late_from;
use crate::request::announce;

/// How a write ends.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) to: WritebackState,
    pub(crate) reason: Option<&'a str>,
    pub(crate) created: Option<&'a str>,
    pub(crate) actor: Actor,
    /// Whose hand it was, where it was somebody's: what the record says instead of the actor's word.
    pub(crate) by: Option<&'a str>,
    /// The worker that holds the lease, where one must.
    pub(crate) owner: Option<Uuid>,
}

/// Ends a write: state, holds, audit, news, and what waits for it, in one transaction.
/// False: somebody else did.
pub(crate) async fn finish(
    store: &Store,
    tenant: domain::TenantId,
    vendor: &str,
    write: &Writeback,
    ending: &Ending<'_>,
) -> Result<bool, StoreError> {
    let mut tx = store.tenant(tenant).await?;
    if !end_one(&mut tx, write, ending).await? {
        tx.roll_back().await?;
        return Ok(false);
    }
    follow(&mut tx, vendor, write.id, ending.to).await?;
    tx.commit().await?;
    metrics::counter!("writebacks_finished", "operation" => write.operation.clone(), "state" => ending.to.as_str())
        .increment(1);
    tracing::info!(
        writeback.id = %write.id,
        writeback.state = %ending.to,
        writeback.reason = ending.reason.unwrap_or_default(),
        "a write came to its end"
    );
    Ok(true)
}

/// What becomes of whatever waits for a write that came to `to`: it goes on, fails with it, or waits for what staff
/// find about one that was set aside; its own deadline ends that. A chain may be longer than two.
pub(crate) async fn follow(
    tx: &mut TenantTx,
    vendor: &str,
    id: WritebackId,
    to: WritebackState,
) -> Result<(), StoreError> {
    let mut ended = vec![(id, to)];
    while let Some((id, to)) = ended.pop() {
        if to == WritebackState::Parked {
            continue;
        }
        for next in tx.dependents(id).await?.into_iter().filter(|next| next.state == WritebackState::Queued) {
            if to == WritebackState::Succeeded {
                announce(tx, next.connection, vendor, next.id, None).await?;
                continue;
            }
            let fate = Ending {
                to: WritebackState::Failed,
                reason: Some("forerunner_failed"),
                created: None,
                actor: Actor::Reaper,
                by: None,
                owner: None,
            };
            if end_one(tx, &next, &fate).await? {
                ended.push((next.id, WritebackState::Failed));
            }
        }
    }
    Ok(())
}

/// Nothing of a connection is set aside any more, where that is so: its alert ends.
pub(crate) async fn clear_parked(tx: &mut TenantTx, connection: ConnectionId) -> Result<(), StoreError> {
    if tx.parked_left(connection).await? == 0 {
        tx.clear(Some(connection), AlertKind::WritebackParked).await?;
    }
    Ok(())
}

pub(crate) async fn end_one(
    tx: &mut TenantTx,
    write: &Writeback,
    ending: &Ending<'_>,
) -> Result<bool, StoreError> {
    if !allowed(write.state, ending.to, ending.actor) {
        tracing::error!(
            writeback.id = %write.id,
            writeback.state = %write.state,
            writeback.to = %ending.to,
            "a move that is not in the table was refused"
        );
        return Ok(false);
    }
    if ending.actor == Actor::Staff {
        // Nobody may start a replay between this look and the end of this transaction.
        tx.lock_connection(write.connection).await?;
        if tx.replay_of(write.id).await?.is_some() || tx.is_dropped(write.id).await? {
            return Ok(false);
        }
    }
    let content = serde_json::from_slice::<Write>(write.payload.expose()).ok();
    let changed =
        content.as_ref().and_then(Write::changes).filter(|_| ending.to == WritebackState::Succeeded);
    let step = Move {
        from: &[write.state],
        owner: ending.owner,
        reason: ending.reason,
        // What a change made is what it changed, whether or not the vendor says so.
        created_vendor_id: changed.or(ending.created),
        ..Move::default()
    };
    if !tx.move_writeback(write.id, ending.to, &step).await? {
        return Ok(false);
    }
    tx.end_attempt(write.id, ending.to.as_str(), ending.reason).await?;
    // What may be in the practice's calendar keeps its time: only a write that certainly is not
    // there gives it back.
    if ending.to == WritebackState::Failed {
        tx.release_holds(write.id).await?;
    }
    if let Some(appointment) = changed {
        tx.release_earlier_holds(write.connection, appointment, write.id).await?;
    }
    if ending.to == WritebackState::Parked {
        tx.raise(&NewAlert {
            connection: Some(write.connection),
            kind: AlertKind::WritebackParked,
            happened: reason(ending.reason.unwrap_or_default()).sentence,
        })
        .await?;
    }
    tell_staff(tx, write, ending).await?;
    let patient = patient_of(tx, write, content.as_ref(), ending.created).await?;
    let waited = Timestamp::now().duration_since(write.created_at).as_millis();
    tx.audit(&NewAudit {
        actor: ending.by.unwrap_or(match ending.actor {
            Actor::Worker => "worker",
            Actor::Reaper => "reaper",
            Actor::Staff => "staff",
        }),
        action: action(&write.operation),
        patient: Some(&patient),
        call_id: None,
        tool: None,
        outcome: ending.to.as_str(),
        ms: i32::try_from(waited).unwrap_or(i32::MAX),
        detail: json!({ "writeback": write.id.to_string(), "reason": ending.reason }),
    })
    .await?;
    tell(tx, write, ending.to, ending.reason).await?;
    Ok(true)
}

/// The tasks about a write end with it, and it leaves one where it did not land. Whoever tells its caller so ends
/// that one again: nobody here knows whether one is still on the line, and a task too many is better than a patient
/// who waits for a word that never comes. For the same reason one that a caller left is followed by another where the
/// write landed by itself; whoever settles it by hand has that task before them.
async fn tell_staff(tx: &mut TenantTx, write: &Writeback, ending: &Ending<'_>) -> Result<(), StoreError> {
    let left = match (ending.to, ending.actor) {
        (WritebackState::Succeeded, Actor::Worker | Actor::Reaper) => tx.task_of_a_caller(write.id).await?,
        _ => None,
    };
    tx.end_tasks_about(write.id, "switchboard").await?;
    if let Some(left) = left {
        return have_caller_told(tx, write, left).await;
    }
    let is_theirs = match ending.to {
        WritebackState::Parked => true,
        WritebackState::Failed => ending.actor != Actor::Staff,
        _ => false,
    };
    if !is_theirs {
        return Ok(());
    }
    let why = reason(ending.reason.unwrap_or_default());
    let mut next_action = what_to_do(tx, write, ending, why).await?.to_owned();
    let mut due_at = write.about_at;
    if ending.to == WritebackState::Parked {
        let waiting = tx.dependents(write.id).await?;
        let waiting: Vec<_> = waiting.iter().filter(|next| next.state == WritebackState::Queued).collect();
        if !waiting.is_empty() {
            next_action.push_str(AND_WAITED_FOR);
        }
        due_at = due_at.into_iter().chain(waiting.iter().filter_map(|next| next.about_at)).min();
    }
    tx.add_task(&NewTask {
        connection: Some(write.connection),
        writeback: Some(write.id),
        code: why.code,
        sentence: why.sentence,
        next_action: &next_action,
        due_at,
        tool_call: None,
    })
    .await?;
    Ok(())
}

/// What a caller wanted is there by now, and they were told that the clinic would get back to them.
async fn have_caller_told(tx: &mut TenantTx, write: &Writeback, left: StaffTask) -> Result<(), StoreError> {
    let why = reason(CALLER_NOT_TOLD);
    // The use of the tool has had its one task: this is another of the same call.
    let tool_call_id = format!("{} {}", why.code, write.id);
    let tool_call = left.call_id.map(|call_id| ToolCallKey { call_id, tool_call_id });
    let task = NewTask {
        connection: Some(write.connection),
        writeback: Some(write.id),
        code: why.code,
        sentence: why.sentence,
        next_action: why.next_action,
        due_at: write.about_at,
        tool_call: tool_call.as_ref(),
    };
    match left.wanted {
        Some(wanted) => tx.add_task_wanting(&task, wanted.expose()).await?,
        None => tx.add_task(&task).await?,
    };
    Ok(())
}

/// What the reason says, unless it promises a night that this write does not have.
async fn what_to_do(
    tx: &mut TenantTx,
    write: &Writeback,
    ending: &Ending<'_>,
    why: &Reason,
) -> Result<&'static str, StoreError> {
    if !why.at_night {
        return Ok(why.next_action);
    }
    let is_past = too_late_from(write).is_some_and(|at| at <= Timestamp::now());
    Ok(match (is_past || tx.nights_of(write.id).await? >= MOST_NIGHTS, ending.to) {
        (false, _) => why.next_action,
        (true, WritebackState::Parked) => LOOK,
        (true, _) => BY_HAND,
    })
}

/// Whose data a write holds: the vendor's id, or the write that makes the patient.
pub(crate) async fn patient_of(
    tx: &mut TenantTx,
    write: &Writeback,
    content: Option<&Write>,
    created: Option<&str>,
) -> Result<String, StoreError> {
    let Some(patient) = content.and_then(Write::patient) else {
        return Ok(created.map_or_else(|| write.id.to_string(), str::to_owned));
    };
    Ok(match write.depends_on {
        Some(first) => tx.writeback(first).await?.created_vendor_id.unwrap_or_else(|| first.to_string()),
        None => patient.to_owned(),
    })
}

fn action(operation: &str) -> &'static str {
    match operation {
        "create_patient" => "patient.create.landed",
        "reschedule_appointment" => "appointment.reschedule.landed",
        "cancel_appointment" => "appointment.cancel.landed",
        "add_note" => "patient.note.landed",
        "record_payment" => "payment.record.landed",
        _ => "appointment.book.landed",
    }
}

/// Writes the news down, to be published with the transaction.
pub(crate) async fn tell(
    tx: &mut TenantTx,
    write: &Writeback,
    to: WritebackState,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let body = v1::WritebackChanged {
        tenant_id: tx.tenant().to_string(),
        connection_id: write.connection.to_string(),
        writeback_id: write.id.to_string(),
        state: to.to_string(),
        reason: reason.unwrap_or_default().to_owned(),
        at: Some(proto_time(Timestamp::now())),
    }
    .to_bytes();
    tx.send(&OutgoingLetter::event(&format!("writeback.{to}"), v1::WritebackChanged::NAME, &body)).await
}

/// Ends the writes nobody finished (P12).
pub(crate) async fn reap(store: &Store, vendor: &str) -> Result<usize, StoreError> {
    let mut tx = store.machinery().await?;
    let died = tx.reap_dead_senders().await?;
    tx.commit().await?;
    if died > 0 {
        tracing::warn!(writebacks = died, "writes whose sender died will be looked for");
    }
    let (mut ended, mut after) = (0, None);
    loop {
        let mut tx = store.machinery().await?;
        let overdue = tx.overdue(after).await?;
        tx.commit().await?;
        let Some((_, last, _)) = overdue.last() else { return Ok(died + ended) };
        after = Some(*last);
        for (tenant, id, forerunner_ended) in overdue {
            // One that cannot be ended now must not keep the others from it.
            match reap_one(store, vendor, tenant, id, forerunner_ended).await {
                Ok(one) => ended += usize::from(one),
                Err(error) => {
                    tracing::warn!(writeback.id = %id, error = %error, "a write could not be ended");
                }
            }
        }
    }
}

/// Why a write was not sent in time, where what it waited for last says more than that it waited: staff can see to it.
fn why_not_sent(reason: Option<&str>) -> &str {
    const CAUSES: [&str; 6] = [
        "practice_offline",
        "vendor_down",
        "rate_limited",
        "not_ready",
        "key_expired",
        "calendar_unreadable",
    ];
    reason.filter(|reason| CAUSES.contains(reason)).unwrap_or("not_sent_in_time")
}

async fn reap_one(
    store: &Store,
    vendor: &str,
    tenant: domain::TenantId,
    id: WritebackId,
    forerunner_ended: bool,
) -> Result<bool, StoreError> {
    let mut tx = store.tenant(tenant).await?;
    let write = tx.writeback(id).await?;
    tx.commit().await?;
    let (to, reason) = match write.state {
        WritebackState::Queued if forerunner_ended => (WritebackState::Failed, "forerunner_failed"),
        WritebackState::Queued => (WritebackState::Failed, why_not_sent(write.reason.as_deref())),
        WritebackState::Unknown => (WritebackState::Parked, "outcome_unknown"),
        WritebackState::Submitted => (WritebackState::Parked, "not_confirmed_in_time"),
        _ => return Ok(false),
    };
    let ending =
        Ending { to, reason: Some(reason), created: None, actor: Actor::Reaper, by: None, owner: None };
    finish(store, tenant, vendor, &write, &ending).await
}
