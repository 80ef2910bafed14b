use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bus::{Bus, Letter};
use domain::{ConnectionId, TenantId, WritebackId};
use messages::{Named as _, v1};
use pms::{PmsError, Receipt, Sighting, WriteOutcome};
use store::DueConnection;

use crate::Carrier;
use crate::calendar::{Time, shown};

/// What a practice's system shows of a write of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is done.
    Applied,
    /// The vendor has it, and it is not done.
    Taken,
    /// The vendor had it, and the practice's system refused it.
    Refused,
    /// It was looked for everywhere and is nowhere.
    Nowhere,
    /// It is not there, and somebody else has its time in the practice's own calendar.
    TimeTaken,
}

impl Seen {
    const WORDS: [(Self, &'static str); 5] = [
        (Self::Applied, "applied"),
        (Self::Taken, "taken"),
        (Self::Refused, "refused"),
        (Self::Nowhere, "nowhere"),
        (Self::TimeTaken, "time_taken"),
    ];

    /// The word for it on the bus.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(seen, _)| *seen == self).map_or("", |(_, word)| word)
    }

    /// What a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(seen, _)| *seen)
    }
}

/// Whoever can look into the practices' systems.
#[async_trait]
pub trait Lookout: Send + Sync {
    /// What a practice's system shows of these writes of ours. Of one that is absent nothing is known.
    async fn look(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        vendor: &str,
        ids: &[WritebackId],
    ) -> BTreeMap<WritebackId, Seen>;
}

impl Carrier {
    /// What the practice's system shows of these writes of ours. Of one that is absent nothing is known.
    ///
    /// # Errors
    /// [`PmsError`] when nothing is known of any of them.
    pub async fn sight(
        &self,
        due: DueConnection,
        ids: &[WritebackId],
    ) -> Result<BTreeMap<WritebackId, Seen>, PmsError> {
        let sightings = self.sightings(due, ids).await?;
        let receipts: Vec<Receipt> = sightings
            .values()
            .filter_map(|sighting| match sighting {
                Sighting::Accepted(receipt) => Some(receipt.clone()),
                _ => None,
            })
            .collect();
        let outcomes = if receipts.is_empty() {
            BTreeMap::new()
        } else {
            // That the vendor has it is known all the same.
            let office = self.offices().office(due.tenant, due.connection).await?;
            office.outcomes(&receipts).await.unwrap_or_default()
        };
        let seen = |sighting: Sighting| match sighting {
            Sighting::InRecords { .. } => Seen::Applied,
            Sighting::Nowhere => Seen::Nowhere,
            Sighting::Accepted(receipt) => match outcomes.get(&receipt) {
                Some(WriteOutcome::Succeeded { .. }) => Seen::Applied,
                Some(WriteOutcome::Failed { .. }) => Seen::Refused,
                Some(WriteOutcome::Pending | WriteOutcome::Unshown) | None => Seen::Taken,
            },
        };
        let mut seen: BTreeMap<WritebackId, Seen> =
            sightings.into_iter().map(|(id, sighting)| (id, seen(sighting))).collect();
        self.look_at_times(due, &mut seen).await?;
        Ok(seen)
    }

    /// Of what is not there, whether its time is still free.
    async fn look_at_times(
        &self,
        due: DueConnection,
        seen: &mut BTreeMap<WritebackId, Seen>,
    ) -> Result<(), PmsError> {
        let absent = |seen: &Seen| matches!(seen, Seen::Nowhere | Seen::Refused);
        let ids: Vec<WritebackId> = seen.iter().filter(|(_, seen)| absent(seen)).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let office = self.offices().office(due.tenant, due.connection).await?;
        for (id, order) in self.orders(due, &ids).await? {
            match shown(&*office, &order.write).await {
                Ok(Time::Free) => {}
                Ok(Time::Taken) => {
                    seen.insert(id, Seen::TimeTaken);
                }
                // The same patient at the same time, or no answer: that is not known to be safe.
                Ok(Time::TheirOwn) | Err(_) => {
                    seen.remove(&id);
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Lookout for Carrier {
    async fn look(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        _: &str,
        ids: &[WritebackId],
    ) -> BTreeMap<WritebackId, Seen> {
        self.sight(DueConnection { tenant, connection }, ids).await.unwrap_or_default()
    }
}

/// The worker that talks to the vendor, asked over the bus.
pub struct BusLookout {
    bus: Bus,
    patience: Duration,
}

impl BusLookout {
    /// Waits up to `patience` for each practice.
    #[must_use]
    pub const fn new(bus: Bus, patience: Duration) -> Self {
        Self { bus, patience }
    }
}

#[async_trait]
impl Lookout for BusLookout {
    async fn look(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        vendor: &str,
        ids: &[WritebackId],
    ) -> BTreeMap<WritebackId, Seen> {
        let look = v1::WritesLook { writeback_ids: ids.iter().map(ToString::to_string).collect() };
        let question = v1::PmsQuestion {
            tenant_id: tenant.to_string(),
            connection_id: connection.to_string(),
            ask: Some(v1::pms_question::Ask::Writes(look)),
        };
        let letter = Letter::new(v1::PmsQuestion::NAME, question.to_bytes()).tenant(tenant.to_string());
        let reply = match self.bus.ask(&format!("pms.query.{vendor}"), letter, self.patience).await {
            Ok(reply) => v1::PmsReply::from_bytes(&reply.body).ok().and_then(|reply| reply.answer),
            Err(error) => {
                tracing::warn!(connection.id = %connection, error = %error, "no worker could look");
                None
            }
        };
        let Some(v1::pms_reply::Answer::Writes(found)) = reply else { return BTreeMap::new() };
        let read =
            |one: v1::WriteSighting| Some((one.writeback_id.parse().ok()?, Seen::from_word(&one.seen)?));
        found.sightings.into_iter().filter_map(read).collect()
    }
}
