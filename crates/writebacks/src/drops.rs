use std::fmt;
use std::str::FromStr;

use domain::{TenantId, WritebackId, WritebackState as S};
use serde_json::json;
use store::{Store, StoreError, TenantTx, Writeback};

use crate::finish::{Ending, clear_parked, end_one, follow};
use crate::moves::Actor;
use crate::replay::note;

/// The longest reason.
const MOST: usize = 500;

/// As what a write is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropOutcome {
    /// Staff have entered it in their own system.
    EnteredByHand,
    /// Nobody wants it any more, or it was agreed on otherwise.
    NotWanted,
}

impl DropOutcome {
    /// Every outcome.
    pub const ALL: [Self; 2] = [Self::EnteredByHand, Self::NotWanted];

    /// The word for it, in the database and at every edge.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EnteredByHand => "entered_by_hand",
            Self::NotWanted => "not_wanted",
        }
    }
}

impl fmt::Display for DropOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no outcome of a drop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be entered_by_hand or not_wanted")]
pub struct UnknownOutcome;

impl FromStr for DropOutcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or(UnknownOutcome)
    }
}

/// Why a write was not given up.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// It is at the vendor, or may be, or is done: there is nothing to give up.
    #[error("the write is {0}; only a queued, failed or parked one can be dropped")]
    NotOver(S),
    /// It was replayed: that one may be given up.
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

/// Gives up a write that failed, was set aside or was not sent yet: it is nobody's task any more, and nothing tries it
/// again. Whoever does so has looked, or has entered it by hand. One that failed or was set aside stays as it is; one
/// that was not sent yet has failed by it. What waited for it fails with it, and is a task of its own.
///
/// Time that is `entered_by_hand` stays held until a copy of the practice's calendar is newer than this: the older
/// one does not show it. Of what is `not_wanted` the time is free at once.
///
/// # Errors
/// [`DropError`].
pub async fn give_up(
    store: &Store,
    tenant: TenantId,
    id: WritebackId,
    outcome: DropOutcome,
    why: &str,
    by: &str,
) -> Result<(), DropError> {
    let why = why.trim();
    if why.is_empty() || why.chars().count() > MOST {
        return Err(DropError::NoReason);
    }
    let mut tx = store.tenant(tenant).await?;
    match give_up_in(&mut tx, id, outcome, why, by).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(error) => {
            tx.roll_back().await?;
            Err(error)
        }
    }
}

async fn give_up_in(
    tx: &mut TenantTx,
    id: WritebackId,
    outcome: DropOutcome,
    why: &str,
    by: &str,
) -> Result<(), DropError> {
    let connection = tx.writeback(id).await?.connection;
    // Nobody starts to send it, replays it or takes its time between this look and the end of the transaction.
    tx.lock_connection(connection).await?;
    let write = tx.writeback(id).await?;
    if let Some(replay) = tx.replay_of(id).await? {
        return Err(DropError::Replayed(replay));
    }
    if !matches!(write.state, S::Queued | S::Failed | S::Parked) {
        return Err(DropError::NotOver(write.state));
    }
    if tx.is_dropped(id).await? {
        return Err(DropError::Before);
    }
    if write.state == S::Queued {
        let ending = Ending {
            to: S::Failed,
            reason: Some("settled_by_staff"),
            created: None,
            actor: Actor::Staff,
            by: Some(by),
            owner: None,
        };
        if !end_one(tx, &write, &ending).await? {
            return Err(DropError::NotOver(tx.writeback(id).await?.state));
        }
    }
    tx.add_drop(id, outcome.as_str(), why, by).await?;
    hold(tx, &write, outcome).await?;
    tx.end_tasks_about(id, by).await?;
    let vendor = tx.connection(connection).await?.vendor;
    follow(tx, &vendor, id, S::Failed).await?;
    clear_parked(tx, connection).await?;
    // The reason stays with the drop: it is free text, and the record holds no patient's data.
    let detail = json!({ "outcome": outcome.as_str() });
    note(tx, &write, by, "writeback.drop", write.state.as_str(), detail).await?;
    Ok(())
}

/// Holds the time of what was entered by hand, where no other write of ours has it by now.
async fn hold(tx: &mut TenantTx, write: &Writeback, outcome: DropOutcome) -> Result<(), StoreError> {
    match outcome {
        DropOutcome::NotWanted => {
            tx.release_holds(write.id).await?;
            Ok(())
        }
        DropOutcome::EnteredByHand if tx.time_taken_by(write.id).await?.is_none() => {
            tx.hold_again(write.id).await
        }
        DropOutcome::EnteredByHand => Ok(()),
    }
}
