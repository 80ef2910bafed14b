use std::collections::BTreeMap;

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind, PmsError, Sighting, Write, WriteOrder};
use store::{DueConnection, OwnWrites, StoreError, Writeback};

use super::{Carrier, CarryError, Grip, Step, order_for};
use crate::reasons::NOT_SHOWN_YET;

/// That our own database did not answer, to whoever waits for the practice's.
pub(crate) fn ours(error: StoreError) -> PmsError {
    PmsError::new(ErrorKind::VendorDown, Advice::Retry).caused_by(error)
}

/// Writes of ours in what a practice's system shows.
impl Carrier {
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
