use domain::{TenantId, WritebackId, WritebackState};
use serde_json::json;
use store::{Store, StoreError, TenantTx};

use crate::finish::{Ending, clear_parked, end_one, follow};
use crate::moves::{Actor, allowed};
use crate::replay::note;

/// The longest id of a vendor's that is believed.
const MOST: usize = 100;

/// What staff found when they looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// The practice's system holds it, under this id.
    There {
        /// The vendor's id of what was made.
        vendor_id: &'a str,
    },
    /// The practice's system does not hold it, and it is no longer wanted: its time is given back.
    NotThere,
}

/// Why a write was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// It is under way, or over: only a write that was set aside needs a person.
    #[error("the write is {0}, and only a parked one can be settled")]
    NotParked(WritebackState),
    /// It was replayed or given up, or somebody settled it just now.
    #[error("the write was replayed, given up or settled by somebody else")]
    TakenUp,
    /// No vendor calls anything so.
    #[error("the id in the practice's system must have 1 to 100 characters")]
    NoId,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends a parked write by what `by` found, and closes the alert with the last of its connection.
///
/// # Errors
/// [`SettleError`].
pub async fn settle(
    store: &Store,
    tenant: TenantId,
    id: WritebackId,
    found: Found<'_>,
    by: &str,
) -> Result<(), SettleError> {
    let mut tx = store.tenant(tenant).await?;
    match settle_in(&mut tx, id, found, by).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(error) => {
            tx.roll_back().await?;
            Err(error)
        }
    }
}

async fn settle_in(
    tx: &mut TenantTx,
    id: WritebackId,
    found: Found<'_>,
    by: &str,
) -> Result<(), SettleError> {
    let write = tx.writeback(id).await?;
    let (to, created) = match found {
        Found::There { vendor_id } => (WritebackState::Succeeded, Some(vendor_id)),
        Found::NotThere => (WritebackState::Failed, None),
    };
    if write.state != WritebackState::Parked || !allowed(write.state, to, Actor::Staff) {
        return Err(SettleError::NotParked(write.state));
    }
    if created.is_some_and(|id| id.is_empty() || id.len() > MOST || id.chars().any(char::is_control)) {
        return Err(SettleError::NoId);
    }
    let (reason, actor) = (Some("settled_by_staff"), Actor::Staff);
    let ending = Ending { to, reason, created, actor, by: Some(by), owner: None };
    if !end_one(tx, &write, &ending).await? {
        return Err(SettleError::TakenUp);
    }
    let vendor = tx.connection(write.connection).await?.vendor;
    follow(tx, &vendor, id, to).await?;
    clear_parked(tx, write.connection).await?;
    note(tx, &write, by, "writeback.settle", to.as_str(), json!({})).await?;
    Ok(())
}
