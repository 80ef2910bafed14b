mod held;
mod records;
mod waits;

pub(crate) use records::ours;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::{ConnectionId, TenantId, WritebackState as S};
use fail::fail_point;
use jiff::{SignedDuration, Timestamp};
use pms::{
    Advice, ErrorKind, FailureReason, PMSAdapter, PmsError, Receipt, Sighting, Write, WriteOrder,
    WriteOutcome,
};
use store::{DueConnection, Move, Store, StoreError, TenantTx, WriteHabits, Writeback};
use uuid::Uuid;

use crate::Pace;
use crate::calendar::{Days, must_be_read, shown};
use crate::finish::{Ending, finish, reap, tell};
use crate::moves::{Actor, allowed};
use crate::reasons::NOT_SHOWN_YET;
use crate::rhythm::Rhythm;
use waits::UNREAD;

/// Where a carrier gets the adapter of one connection.
#[async_trait]
pub trait Offices: Send + Sync {
    /// The adapter, with its key and its budget.
    ///
    /// # Errors
    /// [`PmsError`] when the connection cannot be used now, or ever.
    async fn office(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<Arc<dyn PMSAdapter>, PmsError>;
}

/// Why a step could not be taken. The write is where it was, and somebody will come back to it.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries one vendor's writes into the practices' systems.
///
/// Delivery to the vendor is at most once: a write is marked as being sent before it is, and once
/// marked it is never sent again before the vendor was asked for it. Any number of carriers may run;
/// rows are claimed with a lease, and a lease only saves work.
pub struct Carrier {
    store: Store,
    offices: Arc<dyn Offices>,
    vendor: String,
    pace: Pace,
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier").field("vendor", &self.vendor).finish_non_exhaustive()
    }
}

impl Carrier {
    /// A carrier for `vendor`'s connections.
    pub fn new(store: Store, offices: Arc<dyn Offices>, vendor: &str, pace: Pace) -> Self {
        Self { store, offices, vendor: vendor.to_owned(), pace }
    }

    /// The connections with something to do in `state` now.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn due(&self, state: S) -> Result<Vec<DueConnection>, CarryError> {
        let mut tx = self.store.machinery().await?;
        let due = tx.due_connections(state, &self.vendor).await?;
        tx.commit().await?;
        Ok(due)
    }

    /// Ends what nobody finished; returns how many it touched.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn reap(&self) -> Result<usize, CarryError> {
        Ok(reap(&self.store, &self.vendor).await?)
    }

    /// Sends the connection's next write, if there is one that may be sent. True: it did something.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn send_next(&self, due: DueConnection) -> Result<bool, CarryError> {
        fail_point!("before_claim");
        // A worker that was stopped for so long must not send: another may be at it.
        let send_by = Instant::now() + self.pace.lease / 2;
        let grip = Grip::new(due.tenant);
        let mut tx = self.store.tenant(due.tenant).await?;
        let claimed = tx.claim_for_sending(due.connection, grip.lease, self.pace.lease.as_secs_f64()).await?;
        let Some(write) = claimed else {
            tx.commit().await?;
            return Ok(false);
        };
        let order = order_for(&mut tx, &write).await?;
        if let Ok(order) = &order
            && self.is_behind_a_lost_one(&mut tx, &write, order).await?
        {
            tx.roll_back().await?;
            return Ok(false);
        }
        let habits = tx.write_habits(due.connection).await?;
        let must_be_read = must_be_read(&write, Timestamp::now());
        tx.commit().await?;
        let order = match order {
            Ok(order) => order,
            Err(reason) => {
                self.end(grip, &write, S::Parked, reason, None).await?;
                return Ok(true);
            }
        };
        fail_point!("before_send");
        let sent = match self.offices.office(due.tenant, due.connection).await {
            Ok(office) => {
                if must_be_read {
                    let own = self.own_writes(due, write.id, &order.write).await?;
                    let mut days = Days::of(&*office, &habits.time_zone);
                    let found = shown(&mut days, &order.write, own.as_ref()).await;
                    if self.is_in_the_way(grip, &write, found).await? {
                        return Ok(true);
                    }
                }
                if Instant::now() > send_by {
                    // Nothing was sent: nobody has to look for it.
                    let wait = self.pace.next_try(write.attempts);
                    self.step(grip, &write, Step::to(S::Queued, UNREAD, wait)).await?;
                    return Ok(true);
                }
                office.submit(&order, send_by).await
            }
            Err(error) => Err(error),
        };
        fail_point!("after_send");
        match sent {
            Ok(receipt) => {
                let look_in = Rhythm::of(&habits).first_look(&self.pace);
                let taken = Step { receipt: Some(&receipt.0), ..Step::to(S::Submitted, "taken", look_in) };
                self.step(grip, &write, taken).await?;
                fail_point!("after_receipt");
                self.was_on(due, &habits).await?;
            }
            Err(error)
                if error.kind == ErrorKind::PracticeOffline && error.advice != Advice::OutcomeUnknown =>
            {
                self.was_off(grip, &write, &error, &habits).await?;
            }
            Err(error) => self.not_sent(grip, &write, &error).await?,
        }
        Ok(true)
    }

    /// Asks how the connection's submitted writes stand: all that are due in one go.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn look(&self, due: DueConnection) -> Result<(), CarryError> {
        let (grip, writes, habits) = self.claim(due, S::Submitted).await?;
        let Some(habits) = habits else { return Ok(()) };
        fail_point!("while_polling");
        let receipts: Vec<Receipt> =
            writes.iter().filter_map(|write| write.receipt.clone().map(Receipt)).collect();
        let outcomes = match self.offices.office(due.tenant, due.connection).await {
            Ok(office) => office.outcomes(&receipts).await,
            Err(error) => Err(error),
        };
        let outcomes = match outcomes {
            // The plan has no way to ask how a write stands: the practice's own records must show it.
            Err(error) if error.kind == ErrorKind::Unsupported => {
                return self.look_in_records(grip, due, writes).await;
            }
            other => other,
        };
        let (now, rhythm) = (Timestamp::now(), Rhythm::of(&habits));
        let mut took = Vec::new();
        for write in writes {
            let wait = rhythm.next_look(&self.pace, &write, now);
            let outcome = match &outcomes {
                Ok(outcomes) => write.receipt.clone().and_then(|receipt| outcomes.get(&Receipt(receipt))),
                Err(error) => {
                    let step = Step::unanswered(S::Submitted, patience(error, wait));
                    self.step(grip, &write, step.because(&write)).await?;
                    continue;
                }
            };
            match outcome {
                Some(WriteOutcome::Succeeded { created }) => {
                    took.extend(rhythm.took(&self.pace, &write, now));
                    self.end(grip, &write, S::Succeeded, "", created.as_deref()).await?;
                }
                Some(WriteOutcome::Failed { reason, .. }) => {
                    self.refused(grip, due, &write, *reason, wait).await?;
                }
                Some(WriteOutcome::Unshown) => {
                    self.step(grip, &write, Step::to(S::Submitted, NOT_SHOWN_YET, self.pace.refresh)).await?;
                }
                Some(WriteOutcome::Pending) | None => {
                    self.step(grip, &write, Step::to(S::Submitted, "", wait)).await?;
                }
            }
        }
        if took.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.tenant(due.tenant).await?;
        tx.learn_times(due.connection, &took).await?;
        Ok(tx.commit().await?)
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) const fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(crate) fn offices(&self) -> &dyn Offices {
        &*self.offices
    }

    /// Looks for the connection's writes whose reply was lost, before any of them may be sent again.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn look_for_lost(&self, due: DueConnection) -> Result<(), CarryError> {
        let (grip, writes, _) = self.claim(due, S::Unknown).await?;
        let (mut lost, mut orders) = (Vec::new(), Vec::new());
        let mut tx = self.store.tenant(due.tenant).await?;
        for write in writes {
            // What cannot be read was never sent by this program; its deadline hands it to staff.
            if let Ok(order) = order_for(&mut tx, &write).await? {
                lost.push(write);
                orders.push(order);
            }
        }
        tx.commit().await?;
        if orders.is_empty() {
            return Ok(());
        }
        let sightings = match self.offices.office(due.tenant, due.connection).await {
            Ok(office) => office.look_for(&orders).await,
            Err(error) => Err(error),
        };
        for write in lost {
            let (sighting, wait) = match &sightings {
                Ok(sightings) => (sightings.get(&write.reference), self.pace.look_again),
                Err(error) => (None, patience(error, self.pace.look_again)),
            };
            match sighting {
                Some(Sighting::Accepted(receipt)) => {
                    let found =
                        Step { receipt: Some(&receipt.0), ..Step::to(S::Submitted, "found", Duration::ZERO) };
                    self.step(grip, &write, found).await?;
                }
                Some(Sighting::InRecords { created }) => {
                    self.end(grip, &write, S::Succeeded, "found", Some(created)).await?;
                }
                Some(Sighting::Nowhere) => self.nowhere(grip, &write).await?,
                None => {
                    self.step(grip, &write, Step::unanswered(S::Unknown, wait).because(&write)).await?;
                }
            }
        }
        Ok(())
    }

    /// Claims what is due in `state`, with what is known of the practice where there is any.
    async fn claim(
        &self,
        due: DueConnection,
        state: S,
    ) -> Result<(Grip, Vec<Writeback>, Option<WriteHabits>), CarryError> {
        let grip = Grip::new(due.tenant);
        let mut tx = self.store.tenant(due.tenant).await?;
        let lease = self.pace.lease.as_secs_f64();
        let writes = tx.claim_for_looking(due.connection, state, grip.lease, lease).await?;
        let habits = if writes.is_empty() { None } else { Some(tx.write_habits(due.connection).await?) };
        tx.commit().await?;
        Ok((grip, writes, habits))
    }

    async fn nowhere(&self, grip: Grip, write: &Writeback) -> Result<(), CarryError> {
        // The request may still be on its way, or the vendor slow to list it: one look is not enough.
        let looked = u32::try_from(write.check_count).unwrap_or(u32::MAX);
        let step = if looked == 0 || self.pace.look_again.saturating_mul(looked) < self.pace.grace {
            Step::to(S::Unknown, "", self.pace.look_again).because(write)
        } else {
            let blind = self.tries(grip, write).await?.blind;
            if blind >= self.pace.most_blind_attempts {
                // Each try may have been taken after all: a person must look before there is another.
                return self.end(grip, write, S::Parked, "outcome_unknown", None).await;
            }
            Step::to(S::Queued, "found_nowhere", self.pace.next_try(blind))
        };
        self.step(grip, write, step).await
    }

    async fn not_sent(&self, grip: Grip, write: &Writeback, error: &PmsError) -> Result<(), CarryError> {
        tracing::warn!(
            writeback.id = %write.id,
            error = %error,
            "a write could not be sent"
        );
        let failed = self.tries(grip, write).await?.failed;
        let retry = self.pace.next_try(failed);
        let why = error.kind.word();
        match (error.advice, error.kind) {
            (Advice::OutcomeUnknown, _) => {
                self.step(grip, write, Step::to(S::Unknown, "reply_lost", self.pace.look_again)).await
            }
            (Advice::Permanent, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Unsupported) => {
                self.end(grip, write, S::Failed, why, None).await
            }
            (Advice::Permanent, _) => self.end(grip, write, S::Parked, why, None).await,
            // The practice's budget, and a copy that is not there yet, come by themselves; the deadline ends it.
            (_, ErrorKind::RateLimited | ErrorKind::NotReady) => {
                self.step(grip, write, Step::to(S::Queued, why, patience(error, retry))).await
            }
            _ if failed >= self.pace.most_attempts => self.end(grip, write, S::Parked, why, None).await,
            _ => self.step(grip, write, Step::to(S::Queued, why, patience(error, retry))).await,
        }
    }

    async fn end(
        &self,
        grip: Grip,
        write: &Writeback,
        to: S,
        reason: &str,
        created: Option<&str>,
    ) -> Result<(), CarryError> {
        let ending = Ending {
            to,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            created,
            actor: Actor::Worker,
            by: None,
            owner: Some(grip.lease),
        };
        finish(&self.store, grip.tenant, &self.vendor, write, &ending).await?;
        Ok(())
    }

    async fn step(&self, grip: Grip, write: &Writeback, step: Step<'_>) -> Result<(), CarryError> {
        if !allowed(write.state, step.to, Actor::Worker) {
            tracing::error!(writeback.id = %write.id, writeback.to = %step.to, "a move that is not in the table was refused");
            return Ok(());
        }
        let mut tx = self.store.tenant(grip.tenant).await?;
        let reason = Some(step.reason).filter(|reason| !reason.is_empty());
        let change = Move {
            from: &[write.state],
            owner: Some(grip.lease),
            reason,
            receipt: step.receipt,
            look_in_s: step.look_in.as_secs_f64(),
            uncounted: step.uncounted,
            ..Move::default()
        };
        let moved = tx.move_writeback(write.id, step.to, &change).await?;
        if moved && write.state != step.to {
            tx.end_attempt(write.id, step.to.as_str(), reason).await?;
            tell(&mut tx, write, step.to, reason).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// What a worker holds rows by: new for every claim, so that a worker that comes late cannot move a
/// row that it, or another, has claimed again since.
#[derive(Clone, Copy)]
struct Grip {
    tenant: TenantId,
    lease: Uuid,
}

impl Grip {
    fn new(tenant: TenantId) -> Self {
        Self { tenant, lease: Uuid::now_v7() }
    }
}

/// One move that does not end a write.
struct Step<'a> {
    to: S,
    reason: &'a str,
    receipt: Option<&'a str>,
    look_in: Duration,
    uncounted: bool,
}

impl<'a> Step<'a> {
    const fn to(to: S, reason: &'a str, look_in: Duration) -> Self {
        Self { to, reason, receipt: None, look_in, uncounted: false }
    }

    /// The vendor could not be asked: that is no look, and says nothing about the write.
    const fn unanswered(to: S, look_in: Duration) -> Self {
        Self { uncounted: true, ..Self::to(to, "", look_in) }
    }

    /// For the reason the write is there already.
    fn because(mut self, write: &'a Writeback) -> Self {
        self.reason = write.reason.as_deref().unwrap_or_default();
        self
    }
}

/// The order for a write, or why there is none. A booking that waited for its patient gets the id
/// the practice's system gave them.
async fn order_for(
    tx: &mut TenantTx,
    write: &Writeback,
) -> Result<Result<WriteOrder, &'static str>, StoreError> {
    let Ok(mut body) = serde_json::from_slice::<Write>(write.payload.expose()) else {
        return Ok(Err("payload_unreadable"));
    };
    if let (Write::BookAppointment(booking), Some(first)) = (&mut body, write.depends_on) {
        // Without the id it would be an appointment of nobody.
        let Some(patient) = tx.writeback(first).await?.created_vendor_id else {
            return Ok(Err("patient_id_unknown"));
        };
        booking.patient = patient;
    }
    let first_sent_at = write.first_sent_at.unwrap_or(write.created_at);
    if body.changes().is_some() {
        // Farther back than the vendor's own times can be mistaken.
        let since = first_sent_at.saturating_sub(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MIN);
        let others = tx.receipts_of_other_changes(write.connection, &write.reference, since).await?;
        body.rule_out(others.into_iter().map(Receipt).collect());
    }
    Ok(Ok(WriteOrder { write: body, reference: write.reference.clone(), first_sent_at }))
}

fn patience(error: &PmsError, otherwise: Duration) -> Duration {
    match error.advice {
        Advice::RetryAfter(wait) => wait.max(Duration::from_millis(200)),
        _ => otherwise,
    }
}

const fn word(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::SlotTaken => "slot_taken",
        FailureReason::UnknownReference => "unknown_reference",
        FailureReason::Refused => "refused",
    }
}
