use domain::{TenantId, WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{NewAudit, NewReplay, Store, StoreError, TenantTx, Writeback};

use crate::finish::{clear_parked, patient_of, tell};
use crate::moves::starts_replay;
use crate::reference;
use crate::request::{announce, forerunner};

/// Why a write cannot be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It is under way.
    UnderWay,
    /// The practice's system holds it.
    Succeeded,
    /// It was replayed: who wants another try replays that one.
    Replayed(WritebackId),
    /// Staff gave it up, or settled that it is no longer wanted.
    Dropped,
    /// The time it is about is past.
    Stale,
    /// Another write of ours has the time, or does the same.
    Conflicting(WritebackId),
    /// What it waits for is not there: that one first.
    Forerunner(WritebackId),
    /// What it waits for was given up: nobody will ever tell whom it is for.
    Forlorn(WritebackId),
}

impl Obstacle {
    /// The word for it in answers and in runs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::Succeeded => "already_applied",
            Self::Replayed(_) => "already_replayed",
            Self::Dropped => "dropped",
            Self::Stale => "stale",
            Self::Conflicting(_) => "conflicting",
            Self::Forerunner(_) => "forerunner_first",
            Self::Forlorn(_) => "forerunner_given_up",
        }
    }

    /// The write that is in the way.
    #[must_use]
    pub const fn other(self) -> Option<WritebackId> {
        match self {
            Self::Replayed(id) | Self::Conflicting(id) | Self::Forerunner(id) | Self::Forlorn(id) => Some(id),
            Self::UnderWay | Self::Succeeded | Self::Dropped | Self::Stale => None,
        }
    }
}

/// Why a write was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It must not be.
    #[error("the write cannot be replayed: {}", .0.word())]
    Obstacle(Obstacle),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tries a write that failed, or was set aside, once more: as a write of its own that names it. The original
/// stays as it is; its time goes over to the replay.
///
/// Nothing is sent that may be there: a replay of what may have been taken starts as `unknown`, under the
/// original's reference, and is looked for before it is sent (P3). Of two replays at once one wins, and a time
/// that another write of ours has is not taken from it (P4).
///
/// # Errors
/// [`ReplayError`].
pub async fn replay(
    store: &Store,
    tenant: TenantId,
    id: WritebackId,
    by: &str,
) -> Result<WritebackId, ReplayError> {
    let mut tx = store.tenant(tenant).await?;
    match replay_in(&mut tx, id, by).await {
        Ok(new) => {
            tx.commit().await?;
            Ok(new)
        }
        Err(error) => {
            tx.roll_back().await?;
            Err(error)
        }
    }
}

/// As [`replay`], in the caller's transaction.
pub(crate) async fn replay_in(
    tx: &mut TenantTx,
    id: WritebackId,
    by: &str,
) -> Result<WritebackId, ReplayError> {
    let connection = tx.writeback(id).await?.connection;
    // Whoever asks for the same time, or replays the same write, takes turns with this.
    tx.lock_connection(connection).await?;
    let old = tx.writeback(id).await?;
    if let Some(obstacle) = obstacle(tx, &old).await? {
        return Err(ReplayError::Obstacle(obstacle));
    }
    let waiting = tx.dependents(old.id).await?;
    let waiting = waiting.iter().filter(|next| next.state == S::Queued).map(|next| next.deadline_at);
    let deadline_at = waiting.fold(deadline(&old, Timestamp::now()), Ord::max);
    let depends_on = forerunner(tx, old.depends_on, deadline_at).await?;
    let new = WritebackId::new();
    let (state, fresh) = start(&old);
    let own = reference(new);
    let add = NewReplay {
        id: new,
        of: &old,
        state,
        reference: if fresh { &own } else { &old.reference },
        depends_on,
        deadline_at,
        by,
    };
    tx.add_replay(&add).await?;
    if let Some(appointment) = changed(&old) {
        tx.mark_change(new, &appointment).await?;
    }
    tx.pass_holds_on(old.id, new).await?;
    tx.pass_dependents_on(old.id, new).await?;
    // Not by whoever wants another try: a caller who was told that staff would see to it has heard nothing by that.
    tx.end_tasks_about(old.id, "switchboard").await?;
    clear_parked(tx, connection).await?;
    note(tx, &old, by, "writeback.replay", state.as_str(), json!({ "replay": new.to_string() })).await?;
    let row = tx.writeback(new).await?;
    tell(tx, &row, state, Some("replayed")).await?;
    if state == S::Queued {
        let vendor = tx.connection(connection).await?.vendor;
        announce(tx, connection, &vendor, new, None).await?;
    }
    Ok(new)
}

/// What stands against another try, as far as our own rows tell.
pub(crate) async fn obstacle(tx: &mut TenantTx, old: &Writeback) -> Result<Option<Obstacle>, StoreError> {
    if let Some(replay) = tx.replay_of(old.id).await? {
        return Ok(Some(Obstacle::Replayed(replay)));
    }
    match old.state {
        S::Succeeded => return Ok(Some(Obstacle::Succeeded)),
        S::Queued | S::Sending | S::Unknown | S::Submitted => return Ok(Some(Obstacle::UnderWay)),
        S::Failed | S::Parked => {}
    }
    if is_given_up(tx, old).await? {
        return Ok(Some(Obstacle::Dropped));
    }
    if too_late_from(old).is_some_and(|at| at <= Timestamp::now()) {
        return Ok(Some(Obstacle::Stale));
    }
    if let Some(first) = old.depends_on {
        let first = tx.latest_try(first).await?;
        if matches!(first.state, S::Failed | S::Parked) {
            return Ok(Some(if is_given_up(tx, &first).await? {
                Obstacle::Forlorn(first.id)
            } else {
                Obstacle::Forerunner(first.id)
            }));
        }
    }
    // The same was wished for again since, or the time was given to somebody else.
    let same = tx.writeback_by_fingerprint(old.connection, &old.fingerprint).await?;
    if let Some(same) = same.filter(|same| same.id != old.id) {
        return Ok(Some(Obstacle::Conflicting(same.id)));
    }
    if let Some(appointment) = changed(old)
        && let Some(change) = tx.change_under_way(old.connection, &appointment).await?
        && change != old.id
    {
        return Ok(Some(Obstacle::Conflicting(change)));
    }
    Ok(tx.time_taken_by(old.id).await?.map(Obstacle::Conflicting))
}

/// The appointment a write changes, where it changes one.
fn changed(write: &Writeback) -> Option<String> {
    content(write)?.changes().map(str::to_owned)
}

fn content(write: &Writeback) -> Option<pms::Write> {
    serde_json::from_slice(write.payload.expose()).ok()
}

/// Whether staff gave it up, or settled that it is not there and not wanted.
async fn is_given_up(tx: &mut TenantTx, write: &Writeback) -> Result<bool, StoreError> {
    let is_settled = write.state == S::Failed && write.reason.as_deref() == Some("settled_by_staff");
    Ok(is_settled || tx.is_dropped(write.id).await?)
}

/// From when on another try is too late. Of a move that may be long before the time it is about.
pub(crate) fn too_late_from(write: &Writeback) -> Option<Timestamp> {
    content(write).and_then(|content| content.too_late_from()).into_iter().chain(write.about_at).min()
}

/// Where a replay starts, and whether it goes by a reference of its own.
fn start(old: &Writeback) -> (S, bool) {
    let (state, fresh) = match (old.state, &old.receipt, old.first_sent_at) {
        // The vendor took it and the practice's system refused it: that one is not there, and under its
        // reference only the refusal would be found.
        (S::Failed, Some(_), _) => (S::Queued, true),
        // The vendor has it: only its outcome is open.
        (_, Some(_), _) => (S::Submitted, false),
        (_, None, None) => (S::Queued, false),
        (_, None, Some(_)) => (S::Unknown, false),
    };
    debug_assert!(starts_replay(state), "{state}");
    (state, fresh)
}

/// When it is too late; otherwise as long as the original had, an hour at least and a day at most. What waits for it
/// may give it longer.
fn deadline(old: &Writeback, now: Timestamp) -> Timestamp {
    too_late_from(old).unwrap_or_else(|| {
        let had = old.deadline_at.duration_since(old.created_at);
        now + had.clamp(SignedDuration::from_hours(1), SignedDuration::from_hours(24))
    })
}

/// The record of what a person, or the night, decided about a write.
pub(crate) async fn note(
    tx: &mut TenantTx,
    write: &Writeback,
    by: &str,
    action: &str,
    outcome: &str,
    mut detail: serde_json::Value,
) -> Result<(), StoreError> {
    let created = write.created_vendor_id.as_deref();
    let patient = patient_of(tx, write, content(write).as_ref(), created).await?;
    if let Some(fields) = detail.as_object_mut() {
        fields.insert("writeback".to_owned(), json!(write.id.to_string()));
    }
    let audit = NewAudit {
        actor: by,
        action,
        patient: Some(&patient),
        call_id: None,
        tool: None,
        outcome,
        ms: 0,
        detail,
    };
    tx.audit(&audit).await
}
