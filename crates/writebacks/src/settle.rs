use domain::{TenantId, WritebackId, WritebackState};
use store::{Store, StoreError};

use crate::finish::{Ending, finish};
use crate::moves::{Actor, allowed};

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
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends a parked write by what staff found, and closes the alert with the last of its connection.
///
/// # Errors
/// [`SettleError`].
pub async fn settle(
    store: &Store,
    tenant: TenantId,
    vendor: &str,
    id: WritebackId,
    found: Found<'_>,
) -> Result<(), SettleError> {
    let mut tx = store.tenant(tenant).await?;
    let write = tx.writeback(id).await?;
    tx.commit().await?;
    let (to, created) = match found {
        Found::There { vendor_id } => (WritebackState::Succeeded, Some(vendor_id)),
        Found::NotThere => (WritebackState::Failed, None),
    };
    if write.state != WritebackState::Parked || !allowed(write.state, to, Actor::Staff) {
        return Err(SettleError::NotParked(write.state));
    }
    let ending = Ending { to, reason: Some("settled_by_staff"), created, actor: Actor::Staff, owner: None };
    if !finish(store, tenant, vendor, &write, &ending).await? {
        return Err(SettleError::TakenUp);
    }
    let mut tx = store.tenant(tenant).await?;
    if tx.parked_left(write.connection).await? == 0 {
        tx.clear(Some(write.connection), domain::AlertKind::WritebackParked).await?;
    }
    Ok(tx.commit().await?)
}
