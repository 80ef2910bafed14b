use std::time::Duration;

use domain::WritebackState as S;
use jiff::Timestamp;
use pms::{ErrorKind, FailureReason, PmsError, WriteOrder};
use store::{DueConnection, StoreError, TenantTx, Tries, WriteHabits, Writeback};

use super::{Carrier, CarryError, Grip, Step, order_for, patience, word};
use crate::calendar::Time;
use crate::hours::{hour_of, until_up};

/// What keeps a write from being sent that is nobody's fault: a server that is off, a time that is gone.
impl Carrier {
    /// The practice's own calendar has something at the booking's time: nothing is sent. Where it is the
    /// same patient's, it may be this booking, and is looked for.
    pub(super) async fn not_free(
        &self,
        grip: Grip,
        write: &Writeback,
        found: Time,
    ) -> Result<bool, CarryError> {
        if found == Time::Taken {
            self.end(grip, write, S::Failed, word(FailureReason::SlotTaken), None).await?;
        } else {
            self.step(grip, write, Step::to(S::Unknown, "seen_in_calendar", Duration::ZERO)).await?;
        }
        Ok(true)
    }

    /// Whether an earlier write of the same patient, or about the same appointment, was lost and is still being looked
    /// for: this one would overtake it (P11). One that cannot be found for long holds up nobody any longer.
    pub(super) async fn is_behind_a_lost_one(
        &self,
        tx: &mut TenantTx,
        write: &Writeback,
        order: &WriteOrder,
    ) -> Result<bool, StoreError> {
        let longest = self.pace.lease + self.pace.grace * 2;
        for lost in tx.lost_before(write.connection, write.id, longest.as_secs_f64()).await? {
            if let Ok(lost) = order_for(tx, &lost).await?
                && order.write.is_of_the_same(&lost.write)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn tries(&self, grip: Grip, write: &Writeback) -> Result<Tries, StoreError> {
        let mut tx = self.store.tenant(grip.tenant).await?;
        let tries = tx.tries(write.id).await?;
        tx.commit().await?;
        Ok(tries)
    }

    /// The practice's server is off: everything of the practice waits until it is usually on, however often
    /// that is. The deadline ends it, and staff hear of it before.
    pub(super) async fn was_off(
        &self,
        grip: Grip,
        write: &Writeback,
        error: &PmsError,
        habits: &WriteHabits,
    ) -> Result<(), CarryError> {
        tracing::info!(writeback.id = %write.id, "a practice's server is off; its writes wait");
        let now = Timestamp::now();
        let wait = patience(error, Duration::ZERO).max(self.pace.offline_try(write.attempts));
        let wait = until_up(habits, now, wait, write.deadline_at);
        self.step(grip, write, Step::to(S::Queued, ErrorKind::PracticeOffline.word(), wait)).await?;
        let mut tx = self.store.tenant(grip.tenant).await?;
        tx.all_wait_for_the_practice(write.connection, wait.as_secs_f64()).await?;
        if let Some(hour) = hour_of(habits, now) {
            tx.learn_hour(write.connection, hour, false).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Remembers that the server was on at this hour, where there was doubt.
    pub(super) async fn was_on(&self, due: DueConnection, habits: &WriteHabits) -> Result<(), CarryError> {
        let hour = hour_of(habits, Timestamp::now());
        let known = hour.and_then(|hour| habits.hours_up.get(usize::try_from(hour).ok()?));
        if let (Some(hour), Some(true)) = (hour, known.map(|score| *score < 0.99)) {
            let mut tx = self.store.tenant(due.tenant).await?;
            tx.learn_hour(due.connection, hour, true).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
