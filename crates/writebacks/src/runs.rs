use domain::{TenantId, WritebackId};
use serde_json::json;
use store::{NewAudit, NewReplayRun, ReplayItem, ReplayRun, Store, StoreError, TenantTx};
use uuid::Uuid;

use crate::replay::{ReplayError, replay_in};
use crate::{Carrier, CarryError};

/// Steps of one look at the runs: whoever has more to do looks again.
const MOST_STEPS: usize = 500;

/// Asks for replays, one after the other, `per_minute` of them, until `stop_after` have gone wrong; no more than that
/// are under way at once, those aside that wait for a server or for the vendor's limit. A worker takes them on; the
/// answer is the run's id.
///
/// # Errors
/// [`StoreError::Refused`] for a write of another tenant, or a rate of nothing.
pub async fn start_run(
    store: &Store,
    tenant: TenantId,
    writes: &[WritebackId],
    per_minute: i32,
    stop_after: Option<i32>,
    by: &str,
) -> Result<Uuid, StoreError> {
    let id = Uuid::now_v7();
    let mut tx = store.tenant(tenant).await?;
    tx.add_replay_run(&NewReplayRun { id, asked_by: by, per_minute, stop_after, writes }).await?;
    tx.commit().await?;
    Ok(id)
}

/// Ends a run by hand: none of its writes is taken up any more. What was taken up goes its own way. The answer is how many
/// were not; nothing: the run had come to its end before.
///
/// # Errors
/// [`StoreError::NotFound`] also for a run of another tenant.
pub async fn stop_run(
    store: &Store,
    tenant: TenantId,
    run: Uuid,
    by: &str,
) -> Result<Option<usize>, StoreError> {
    let mut tx = store.tenant(tenant).await?;
    let Some((_, stands)) = open_run(&mut tx, run).await? else {
        tx.replay_run(run).await?;
        tx.roll_back().await?;
        return Ok(None);
    };
    let left = stands.items.iter().filter(|item| item.outcome.is_none()).count();
    tx.end_replay_run(run, "stopped").await?;
    tx.audit(&NewAudit {
        actor: by,
        action: "replays.stopped",
        patient: None,
        call_id: None,
        tool: None,
        outcome: "ok",
        ms: 0,
        detail: json!({ "run": run, "left": left }),
    })
    .await?;
    tx.commit().await?;
    Ok(Some(left))
}

impl Carrier {
    /// Takes the replays whose turn it is; returns how many.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn work_runs_off(&self) -> Result<usize, CarryError> {
        for steps in 0..MOST_STEPS {
            let mut tx = self.store().machinery().await?;
            let claimed = tx.claim_replay_run().await?;
            tx.commit().await?;
            let Some((tenant, run)) = claimed else { return Ok(steps) };
            step(self.store(), tenant, run).await?;
        }
        Ok(MOST_STEPS)
    }
}

/// What of a run went wrong so far, and what may go wrong before long. A replay that waits for a server, or for the
/// vendor's limit, may do so until its appointment: the others do not wait for it.
fn wrong_and_open(run: &ReplayRun) -> (usize, usize) {
    let is_wrong = |item: &&ReplayItem| {
        matches!(item.outcome.as_deref(), Some("conflicting" | "refused"))
            || matches!(item.replay_state.as_deref(), Some("failed" | "parked"))
    };
    let is_open = |item: &&ReplayItem| {
        matches!(item.replay_state.as_deref(), Some("queued" | "sending" | "unknown" | "submitted"))
            && !item.replay_waits
    };
    (run.items.iter().filter(is_wrong).count(), run.items.iter().filter(is_open).count())
}

async fn step(store: &Store, tenant: TenantId, id: Uuid) -> Result<(), StoreError> {
    let mut tx = store.tenant(tenant).await?;
    let Some((by, run)) = open_run(&mut tx, id).await? else { return tx.roll_back().await };
    let next = run.items.iter().find(|item| item.outcome.is_none());
    let most = run.stop_after.and_then(|most| usize::try_from(most).ok());
    let (wrong, open) = wrong_and_open(&run);
    let (Some(next), false) = (next, most.is_some_and(|most| wrong >= most)) else {
        let end = if next.is_some() { "stopped" } else { "done" };
        tx.end_replay_run(id, end).await?;
        return tx.commit().await;
    };
    // What is under way may go wrong as well: only so many are, whatever the rate.
    if most.is_some_and(|most| wrong + open >= most) {
        return tx.roll_back().await;
    }
    let (outcome, replay) = match replay_in(&mut tx, next.writeback, &by).await {
        Ok(new) => ("replayed", Some(new)),
        Err(ReplayError::Obstacle(obstacle)) => (obstacle.word(), None),
        Err(ReplayError::Store(StoreError::Refused { .. })) => {
            // The database itself said no, and the transaction is lost with it.
            tx.roll_back().await?;
            tx = store.tenant(tenant).await?;
            tx.lock_replay_run(id).await?;
            ("refused", None)
        }
        Err(ReplayError::Store(error)) => return Err(error),
    };
    tx.end_replay_item(id, next.position, outcome, replay).await?;
    if run.items.last().is_some_and(|last| last.position == next.position) {
        tx.end_replay_run(id, "done").await?;
    }
    tx.commit().await
}

async fn open_run(tx: &mut TenantTx, id: Uuid) -> Result<Option<(String, ReplayRun)>, StoreError> {
    match tx.lock_replay_run(id).await {
        Ok(by) => Ok(Some((by, tx.replay_run(id).await?))),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
