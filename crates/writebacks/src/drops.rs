use domain::{TenantId, WritebackId, WritebackState as S};
use serde_json::json;
use store::{Store, StoreError};

use crate::replay::note;

/// The longest reason.
const MOST: usize = 500;

/// Why a write was not given up.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// It is under way, or done: there is nothing to give up.
    #[error("the write is {0}; only a failed or parked one can be dropped")]
    NotOver(S),
    /// It was replayed: that one may be given up, once it is over.
    #[error("the write was replayed by {0}")]
    Replayed(WritebackId),
    /// Somebody was first.
    #[error("the write was dropped before")]
    Before,
    /// Without a reason nobody will know why.
    #[error("a reason of 1 to 500 characters is needed")]
    NoReason,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives up a write that failed or was set aside: it is nobody's task any more, its time is free, and nothing
/// tries it again. Whoever does so has looked, or has entered it by hand. The write stays as it is.
///
/// # Errors
/// [`DropError`].
pub async fn give_up(
    store: &Store,
    tenant: TenantId,
    id: WritebackId,
    why: &str,
    by: &str,
) -> Result<(), DropError> {
    let why = why.trim();
    if why.is_empty() || why.chars().count() > MOST {
        return Err(DropError::NoReason);
    }
    let mut tx = store.tenant(tenant).await?;
    let connection = tx.writeback(id).await?.connection;
    tx.lock_connection(connection).await?;
    let write = tx.writeback(id).await?;
    let error = if let Some(replay) = tx.replay_of(id).await? {
        Some(DropError::Replayed(replay))
    } else if !matches!(write.state, S::Failed | S::Parked) {
        Some(DropError::NotOver(write.state))
    } else if tx.is_dropped(id).await? {
        Some(DropError::Before)
    } else {
        None
    };
    if let Some(error) = error {
        tx.roll_back().await?;
        return Err(error);
    }
    tx.add_drop(id, why, by).await?;
    tx.release_holds(id).await?;
    tx.end_tasks_about(id, by).await?;
    if tx.parked_left(connection).await? == 0 {
        tx.clear(Some(connection), domain::AlertKind::WritebackParked).await?;
    }
    // The reason stays with the drop: it is free text, and the record holds no patient's data.
    note(&mut tx, &write, by, "writeback.drop", write.state.as_str(), json!({})).await?;
    Ok(tx.commit().await?)
}
