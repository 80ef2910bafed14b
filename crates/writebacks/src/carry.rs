use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{ConnectionId, DayBook, TenantId, WritebackState as S};
use fail::fail_point;
use jiff::{SignedDuration, Timestamp};
use pms::{
    Advice, ErrorKind, FailureReason, PMSAdapter, PmsError, Receipt, Sighting, Write, WriteOrder,
    WriteOutcome,
};
use store::{DueConnection, Move, Store, StoreError, Writeback};
use uuid::Uuid;

use crate::Pace;
use crate::finish::{Ending, finish, reap, tell};
use crate::moves::{Actor, allowed};

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
    owner: Uuid,
    pace: Pace,
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier")
            .field("vendor", &self.vendor)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl Carrier {
    /// A carrier for `vendor`'s connections.
    pub fn new(store: Store, offices: Arc<dyn Offices>, vendor: &str, pace: Pace) -> Self {
        Self { store, offices, vendor: vendor.to_owned(), owner: Uuid::now_v7(), pace }
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
        let claimed_at = Timestamp::now();
        let mut tx = self.store.tenant(due.tenant).await?;
        let claimed = tx.claim_for_sending(due.connection, self.owner, self.pace.lease.as_secs_f64()).await?;
        let order = match &claimed {
            Some(write) => match write.depends_on {
                Some(first) => order(write, tx.writeback(first).await?.created_vendor_id),
                None => order(write, None),
            },
            None => None,
        };
        tx.commit().await?;
        let Some(write) = claimed else { return Ok(false) };
        let Some(order) = order else {
            self.end(due.tenant, &write, S::Parked, "payload_unreadable", None).await?;
            return Ok(true);
        };
        fail_point!("before_send");
        let sent = match self.offices.office(due.tenant, due.connection).await {
            Ok(office) => {
                // A worker that was stopped for so long must not send: another may be at it.
                let held = Timestamp::now().duration_since(claimed_at);
                if held > SignedDuration::try_from(self.pace.lease / 2).unwrap_or(SignedDuration::ZERO) {
                    return Ok(true);
                }
                office.submit(&order).await
            }
            Err(error) => Err(error),
        };
        fail_point!("after_send");
        match sent {
            Ok(receipt) => {
                self.step(due.tenant, &write, S::Submitted, "taken", Some(&receipt.0), self.pace.first_look)
                    .await?;
                fail_point!("after_receipt");
            }
            Err(error) => self.not_sent(due.tenant, &write, &error).await?,
        }
        Ok(true)
    }

    /// Asks how the connection's submitted writes stand: all that are due in one go.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn look(&self, due: DueConnection) -> Result<(), CarryError> {
        let writes = self.claim(due, S::Submitted).await?;
        if writes.is_empty() {
            return Ok(());
        }
        fail_point!("while_polling");
        let receipts: Vec<Receipt> =
            writes.iter().filter_map(|write| write.receipt.clone().map(Receipt)).collect();
        let outcomes = match self.offices.office(due.tenant, due.connection).await {
            Ok(office) => office.outcomes(&receipts).await,
            Err(error) => Err(error),
        };
        let now = Timestamp::now();
        for write in writes {
            let wait = self.pace.next_look(write.first_sent_at, now);
            let outcome = match &outcomes {
                Ok(outcomes) => write.receipt.clone().and_then(|receipt| outcomes.get(&Receipt(receipt))),
                Err(error) => {
                    self.step(due.tenant, &write, S::Submitted, "", None, patience(error, wait)).await?;
                    continue;
                }
            };
            match outcome {
                Some(WriteOutcome::Succeeded { created }) => {
                    self.end(due.tenant, &write, S::Succeeded, "", created.as_deref()).await?;
                }
                Some(WriteOutcome::Failed { reason, .. }) => {
                    self.end(due.tenant, &write, S::Failed, word(*reason), None).await?;
                }
                Some(WriteOutcome::Pending) | None => {
                    self.step(due.tenant, &write, S::Submitted, "", None, wait).await?;
                }
            }
        }
        Ok(())
    }

    /// Looks for the connection's writes whose reply was lost, before any of them may be sent again.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn look_for_lost(&self, due: DueConnection) -> Result<(), CarryError> {
        for write in self.claim(due, S::Unknown).await? {
            let Some(order) = self.order_of(due.tenant, &write).await? else {
                continue;
            };
            let sighting = match self.offices.office(due.tenant, due.connection).await {
                Ok(office) => office.look_for(&order).await,
                Err(error) => Err(error),
            };
            match sighting {
                Ok(Sighting::Accepted(receipt)) => {
                    self.step(due.tenant, &write, S::Submitted, "found", Some(&receipt.0), Duration::ZERO)
                        .await?;
                }
                Ok(Sighting::InRecords { created }) => {
                    self.end(due.tenant, &write, S::Succeeded, "found", Some(&created)).await?;
                }
                Ok(Sighting::Nowhere) => self.nowhere(due.tenant, &write).await?,
                Err(error) => {
                    let wait = patience(&error, self.pace.look_again);
                    self.step(due.tenant, &write, S::Unknown, "sender_died", None, wait).await?;
                }
            }
        }
        Ok(())
    }

    /// Gives the time of our bookings back once the practice's copy shows them: from then on the
    /// copy keeps it busy, and frees it when staff move the appointment.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn seen(&self, due: DueConnection, book: &DayBook) -> Result<(), CarryError> {
        let mut tx = self.store.tenant(due.tenant).await?;
        for (id, created) in tx.succeeded_and_held(due.connection).await? {
            if book.appointments.iter().any(|shown| created.as_deref() == Some(shown.vendor_id.as_str())) {
                tx.hold_seen(id, self.pace.seen_for.as_secs_f64()).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    async fn claim(&self, due: DueConnection, state: S) -> Result<Vec<Writeback>, CarryError> {
        let mut tx = self.store.tenant(due.tenant).await?;
        let lease = self.pace.lease.as_secs_f64();
        let writes = tx.claim_for_looking(due.connection, state, self.owner, lease).await?;
        tx.commit().await?;
        Ok(writes)
    }

    async fn order_of(&self, tenant: TenantId, write: &Writeback) -> Result<Option<WriteOrder>, CarryError> {
        let mut patient = None;
        if let Some(first) = write.depends_on {
            let mut tx = self.store.tenant(tenant).await?;
            patient = tx.writeback(first).await?.created_vendor_id;
            tx.commit().await?;
        }
        Ok(order(write, patient))
    }

    async fn nowhere(&self, tenant: TenantId, write: &Writeback) -> Result<(), CarryError> {
        // The request may still be on its way, or the vendor slow to list it: one look is not enough.
        let looked = u32::try_from(write.check_count).unwrap_or(u32::MAX);
        if looked == 0 || self.pace.look_again.saturating_mul(looked) < self.pace.grace {
            return self.step(tenant, write, S::Unknown, "sender_died", None, self.pace.look_again).await;
        }
        self.step(tenant, write, S::Queued, "found_nowhere", None, Duration::ZERO).await
    }

    async fn not_sent(
        &self,
        tenant: TenantId,
        write: &Writeback,
        error: &PmsError,
    ) -> Result<(), CarryError> {
        tracing::warn!(
            writeback.id = %write.id,
            error = %error,
            "a write could not be sent"
        );
        let retry = self.pace.next_try(write.attempts);
        match (error.advice, error.kind) {
            (Advice::OutcomeUnknown, _) => {
                self.step(tenant, write, S::Unknown, "reply_lost", None, self.pace.look_again).await
            }
            (Advice::Permanent, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Unsupported) => {
                self.end(tenant, write, S::Failed, error.kind.word(), None).await
            }
            (Advice::Permanent, _) => self.end(tenant, write, S::Parked, error.kind.word(), None).await,
            _ if write.attempts >= self.pace.most_attempts => {
                self.end(tenant, write, S::Parked, error.kind.word(), None).await
            }
            _ => self.step(tenant, write, S::Queued, error.kind.word(), None, patience(error, retry)).await,
        }
    }

    async fn end(
        &self,
        tenant: TenantId,
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
            owner: Some(self.owner),
        };
        finish(&self.store, tenant, &self.vendor, write, &ending).await?;
        Ok(())
    }

    async fn step(
        &self,
        tenant: TenantId,
        write: &Writeback,
        to: S,
        reason: &str,
        receipt: Option<&str>,
        look_in: Duration,
    ) -> Result<(), CarryError> {
        if !allowed(write.state, to, Actor::Worker) {
            tracing::error!(writeback.id = %write.id, writeback.to = %to, "a move that is not in the table was refused");
            return Ok(());
        }
        let mut tx = self.store.tenant(tenant).await?;
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        let step = Move {
            from: &[write.state],
            owner: Some(self.owner),
            reason,
            receipt,
            look_in_s: look_in.as_secs_f64(),
            ..Move::default()
        };
        let moved = tx.move_writeback(write.id, to, &step).await?;
        if moved && write.state != to {
            tx.end_attempt(write.id, to.as_str(), reason).await?;
            tell(&mut tx, write, to, reason).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// The order for a write; a booking that waited for its patient gets `patient`. None: it cannot be read.
fn order(write: &Writeback, patient: Option<String>) -> Option<WriteOrder> {
    let mut body: Write = serde_json::from_slice(write.payload.expose()).ok()?;
    if let (Write::BookAppointment(booking), Some(patient)) = (&mut body, patient) {
        booking.patient = patient;
    }
    Some(WriteOrder {
        write: body,
        reference: write.reference.clone(),
        first_sent_at: write.first_sent_at.unwrap_or(write.created_at),
    })
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
