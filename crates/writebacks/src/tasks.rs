use domain::{TenantId, WritebackId, WritebackState as S};
use serde_json::json;
use store::{NewAudit, Store, StoreError};
use uuid::Uuid;

use crate::drops::{DropError, DropOutcome, give_up};
use crate::settle::{Found, SettleError, settle};

/// Why a task was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndTaskError {
    /// The write it is about may still be sent, tonight or by anybody who replays it: what became of it must be said.
    #[error("the task's write {0} is still open: it must be dropped with an outcome, settled or replayed")]
    StillOpen(WritebackId),
    /// The write it is about cannot be given up.
    #[error(transparent)]
    Drop(#[from] DropError),
    /// The write it is about cannot be settled.
    #[error(transparent)]
    Settle(#[from] SettleError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody did about a task, where it is about a write.
#[derive(Debug, Clone, Copy)]
pub enum Done<'a> {
    /// They give the write up.
    GivenUp {
        /// As what.
        outcome: DropOutcome,
        /// Why, in their own words.
        reason: &'a str,
    },
    /// They looked, and it is there.
    Landed {
        /// The vendor's id of what was made.
        vendor_id: &'a str,
    },
}

/// Ends a task: somebody has done it. False: it was ended before.
///
/// A task about a write that nobody has given up, settled or replayed is not over with "done": the write may still be
/// sent, a second time if it was entered by hand. Then `done` must say what became of it, and gives it up or settles it. What is at
/// the vendor cannot be given up; its task may be ended, and it leaves another if it goes wrong.
///
/// # Errors
/// [`EndTaskError`].
pub async fn end_task(
    store: &Store,
    tenant: TenantId,
    id: Uuid,
    done: Option<Done<'_>>,
    by: &str,
) -> Result<bool, EndTaskError> {
    let mut tx = store.tenant(tenant).await?;
    let Some(task) = tx.open_task(id).await? else {
        tx.commit().await?;
        return Ok(false);
    };
    let mut open = None;
    if let Some(write) = task.writeback {
        let write = tx.latest_try(write).await?;
        let is_over = write.state == S::Succeeded
            || write.reason.as_deref() == Some("settled_by_staff")
            || tx.is_dropped(write.id).await?;
        open = (!is_over).then_some(write);
    }
    tx.commit().await?;
    match (open, done) {
        (Some(write), Some(Done::GivenUp { outcome, reason })) => {
            give_up(store, tenant, write.id, outcome, reason, by).await?;
        }
        (Some(write), Some(Done::Landed { vendor_id })) => {
            settle(store, tenant, write.id, Found::There { vendor_id }, by).await?;
        }
        (Some(write), None) if matches!(write.state, S::Queued | S::Failed | S::Parked) => {
            return Err(EndTaskError::StillOpen(write.id));
        }
        _ => {}
    }
    let mut tx = store.tenant(tenant).await?;
    // Giving the write up has ended it already, unless it was about an earlier try.
    tx.end_task(id, by).await?;
    let record = NewAudit {
        actor: by,
        action: "task.done",
        patient: None,
        call_id: task.call_id.as_deref(),
        tool: None,
        outcome: "ok",
        ms: 0,
        detail: json!({ "task": id, "writeback": task.writeback.map(|id| id.to_string()) }),
    };
    tx.audit(&record).await?;
    tx.commit().await?;
    Ok(true)
}
