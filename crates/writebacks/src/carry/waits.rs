use std::sync::Arc;
use std::time::Duration;

use domain::WritebackState as S;
use jiff::Timestamp;
use pms::{Advice, ErrorKind, FailureReason, PmsError, WriteOrder};
use store::{DueConnection, StoreError, TenantTx, Tries, WriteHabits, Writeback};

use super::{Carrier, CarryError, Grip, Step, order_for, patience, word};
use crate::calendar::Time;
use crate::hours::{hour_of, until_up};

/// The calendar could not be read, or not in time.
pub(super) const UNREAD: &str = "calendar_unreadable";

/// What keeps a write from being sent that is nobody's fault: a server that is off, a time that is gone.
impl Carrier {
    /// Whether what the practice's own calendar shows keeps the write from being sent. What it wants and is there
    /// already may be this very write, and is looked for. That the calendar cannot be read says nothing about the
    /// write: it waits, and its deadline ends it.
    pub(super) async fn is_in_the_way(
        &self,
        grip: Grip,
        write: &Writeback,
        found: Result<Time, Arc<PmsError>>,
    ) -> Result<bool, CarryError> {
        match found {
            Ok(Time::Free) => return Ok(false),
            Ok(Time::Taken) => {
                self.end(grip, write, S::Failed, word(FailureReason::SlotTaken), None).await?;
            }
            Ok(Time::Overtaken) => self.end(grip, write, S::Failed, "changed_since", None).await?,
            Ok(Time::TheirOwn) => {
                self.step(grip, write, Step::to(S::Unknown, "seen_in_calendar", Duration::ZERO)).await?;
            }
            Err(error) if error.kind == ErrorKind::AccessWithdrawn => {
                self.not_sent(grip, write, &error).await?;
            }
            Err(error) => {
                tracing::warn!(writeback.id = %write.id, error = %error, "a calendar could not be read");
                let is_lasting = matches!(error.advice, Advice::Permanent | Advice::OutcomeUnknown);
                let why = if is_lasting { UNREAD } else { error.kind.word() };
                let wait = patience(&error, self.pace.next_try(write.attempts));
                self.step(grip, write, Step::to(S::Queued, why, wait)).await?;
            }
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
