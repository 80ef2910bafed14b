use std::collections::BTreeMap;
use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind, FailureReason, PmsError, Sighting, Write, WriteOrder};
use store::{DueConnection, OwnWrites, StoreError, Writeback, WritebackAttempt};

use super::{Carrier, CarryError, Grip, Step, order_for, patience, word};
use crate::reasons::NOT_SHOWN_YET;

/// That our own database did not answer, to whoever waits for the practice's.
pub(crate) fn ours(error: StoreError) -> PmsError {
    PmsError::new(ErrorKind::VendorDown, Advice::Retry).caused_by(error)
}

/// Whether the vendor may have what this try sent.
fn may_have_arrived(attempt: &WritebackAttempt) -> bool {
    matches!(
        (attempt.outcome.as_deref(), attempt.detail.as_deref()),
        (None | Some("unknown" | "submitted"), _)
            | (Some("queued"), Some("found_nowhere"))
            | (Some("parked"), Some("outcome_unknown"))
    )
}

/// Writes of ours in what a practice's system shows.
impl Carrier {
    /// What the practice's system refused has failed. That the time is taken may be the doing of another try of ours:
    /// then that one is looked for, and as long as nobody knows what became of it the write is not called failed (P5).
    pub(super) async fn refused(
        &self,
        grip: Grip,
        due: DueConnection,
        write: &Writeback,
        reason: FailureReason,
        wait: Duration,
    ) -> Result<(), CarryError> {
        if reason != FailureReason::SlotTaken || !self.another_may_have_arrived(grip, write).await? {
            return self.end(grip, write, S::Failed, word(reason), None).await;
        }
        let sightings = self.sightings(due, &[write.id]).await;
        let wait = sightings.as_ref().err().map_or(wait, |error| patience(error, wait));
        match sightings.ok().and_then(|mut seen| seen.remove(&write.id)) {
            Some(Sighting::InRecords { created }) => {
                self.end(grip, write, S::Succeeded, "found", Some(&created)).await
            }
            Some(Sighting::Accepted(receipt)) if write.receipt.as_ref() != Some(&receipt.0) => {
                let other =
                    Step { receipt: Some(&receipt.0), ..Step::to(S::Submitted, "found", Duration::ZERO) };
                self.step(grip, write, other).await
            }
            // Nothing but what was refused is there: a person must look.
            Some(Sighting::Accepted(_) | Sighting::Nowhere) => {
                self.end(grip, write, S::Parked, "outcome_unknown", None).await
            }
            None => self.step(grip, write, Step::unanswered(S::Submitted, wait).because(write)).await,
        }
    }

    /// Whether more tries than one may have arrived under the write's reference, also of a write that it replays:
    /// what is said of the last may be about another.
    async fn another_may_have_arrived(&self, grip: Grip, write: &Writeback) -> Result<bool, StoreError> {
        let mut tx = self.store.tenant(grip.tenant).await?;
        let arrived = |tries: &[WritebackAttempt]| tries.iter().filter(|one| may_have_arrived(one)).count();
        let mut count = arrived(&tx.attempts(write.id).await?);
        let mut before = write.replays;
        while let Some(id) = before {
            let old = tx.writeback(id).await?;
            if old.reference != write.reference {
                break;
            }
            count += arrived(&tx.attempts(id).await?);
            before = old.replays;
        }
        tx.commit().await?;
        Ok(count > 1)
    }

    /// Success counts once the practice's records show it; anything else waits for its next refresh.
    pub(super) async fn look_in_records(
        &self,
        grip: Grip,
        due: DueConnection,
        writes: Vec<Writeback>,
    ) -> Result<(), CarryError> {
        let ids: Vec<_> = writes.iter().map(|write| write.id).collect();
        let sightings = self.sightings(due, &ids).await;
        for write in writes {
            let seen = sightings.as_ref().ok().and_then(|seen| seen.get(&write.id));
            if let Some(Sighting::InRecords { created }) = seen {
                self.end(grip, &write, S::Succeeded, "seen_in_records", Some(created)).await?;
            } else {
                self.step(grip, &write, Step::to(S::Submitted, NOT_SHOWN_YET, self.pace.refresh)).await?;
            }
        }
        Ok(())
    }

    /// What the practice's system shows of writes of ours. Of one that is absent nothing is known.
    pub(crate) async fn sightings(
        &self,
        due: DueConnection,
        ids: &[WritebackId],
    ) -> Result<BTreeMap<WritebackId, Sighting>, PmsError> {
        let orders = self.orders(due, ids).await?;
        if orders.is_empty() {
            return Ok(BTreeMap::new());
        }
        let office = self.offices.office(due.tenant, due.connection).await?;
        let asked: Vec<WriteOrder> = orders.iter().map(|(_, order)| order.clone()).collect();
        let found = office.look_for(&asked).await?;
        let of = |(id, order): (WritebackId, WriteOrder)| Some((id, found.get(&order.reference)?.clone()));
        Ok(orders.into_iter().filter_map(of).collect())
    }

    /// What our own rows tell of the appointment that a write of ours changes.
    pub(crate) async fn own_writes(
        &self,
        due: DueConnection,
        id: WritebackId,
        content: &Write,
    ) -> Result<Option<OwnWrites>, StoreError> {
        let Some(appointment) = content.changes() else { return Ok(None) };
        let mut tx = self.store.tenant(due.tenant).await?;
        let own = tx.own_writes(id, due.connection, appointment).await?;
        tx.commit().await?;
        Ok(Some(own))
    }

    /// The practice's IANA zone.
    pub(crate) async fn zone(&self, due: DueConnection) -> Result<String, StoreError> {
        let mut tx = self.store.tenant(due.tenant).await?;
        let zone = tx.write_habits(due.connection).await?.time_zone;
        tx.commit().await?;
        Ok(zone)
    }

    /// The orders of writes of ours; those that cannot be read are left out.
    pub(crate) async fn orders(
        &self,
        due: DueConnection,
        ids: &[WritebackId],
    ) -> Result<Vec<(WritebackId, WriteOrder)>, PmsError> {
        let mut tx = self.store.tenant(due.tenant).await.map_err(ours)?;
        let mut orders = Vec::new();
        for write in tx.writebacks(ids).await.map_err(ours)? {
            if write.connection == due.connection
                && let Ok(order) = order_for(&mut tx, &write).await.map_err(ours)?
            {
                orders.push((write.id, order));
            }
        }
        tx.commit().await.map_err(ours)?;
        Ok(orders)
    }
}
