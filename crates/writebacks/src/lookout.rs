use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bus::{Bus, Letter, topology};
use domain::{ConnectionId, TenantId, WritebackId};
use messages::{Named as _, v1};
use pms::{Advice, ErrorKind, PmsError, Receipt, Sighting, WriteOutcome};
use store::DueConnection;
use tokio::time::{Instant, timeout_at};

use crate::Carrier;
use crate::calendar::{Days, Time, shown};
use crate::carry::ours;

/// How long a look takes at most, where nobody says how long they wait.
const A_LOOK: Duration = Duration::from_secs(20);
/// Writes of one question: what is known of some is answered whatever becomes of the rest.
const OF_ONE_QUESTION: usize = 100;

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
    /// It is not there, and the appointment it changes was moved or cancelled otherwise.
    Overtaken,
}

impl Seen {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Applied, "applied"),
        (Self::Taken, "taken"),
        (Self::Refused, "refused"),
        (Self::Nowhere, "nowhere"),
        (Self::TimeTaken, "time_taken"),
        (Self::Overtaken, "overtaken"),
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
    /// What the practice's system shows of these writes of ours. Of one that is absent nothing is known, or nothing
    /// was by `until`: then whoever asked is gone, and the practice's requests are for others.
    ///
    /// # Errors
    /// [`PmsError`] when nothing is known of any of them.
    pub async fn sight(
        &self,
        due: DueConnection,
        ids: &[WritebackId],
        until: Instant,
    ) -> Result<BTreeMap<WritebackId, Seen>, PmsError> {
        let too_late = |_| PmsError::new(ErrorKind::VendorDown, Advice::Retry).code("too_late");
        let sightings = timeout_at(until, self.sightings(due, ids)).await.map_err(too_late)??;
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
            timeout_at(until, office.outcomes(&receipts)).await.ok().and_then(Result::ok).unwrap_or_default()
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
        self.look_at_times(due, &mut seen, until).await?;
        Ok(seen)
    }

    /// Of what is not there, whether it can still be done. Each day is read once.
    async fn look_at_times(
        &self,
        due: DueConnection,
        seen: &mut BTreeMap<WritebackId, Seen>,
        until: Instant,
    ) -> Result<(), PmsError> {
        let absent = |seen: &Seen| matches!(seen, Seen::Nowhere | Seen::Refused);
        let ids: Vec<WritebackId> = seen.iter().filter(|(_, seen)| absent(seen)).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let office = self.offices().office(due.tenant, due.connection).await?;
        let (orders, zone) = (self.orders(due, &ids).await?, self.zone(due).await.map_err(ours)?);
        let mut days = Days::of(&*office, &zone);
        for (id, order) in orders {
            if Instant::now() >= until {
                seen.remove(&id);
                continue;
            }
            let found = async {
                let own = self.own_writes(due, id, &order.write).await.ok()?;
                shown(&mut days, &order.write, own.as_ref()).await.ok()
            };
            let now_seen = match timeout_at(until, found).await {
                Ok(Some(Time::Free)) => continue,
                Ok(Some(Time::Taken)) => Some(Seen::TimeTaken),
                Ok(Some(Time::Overtaken)) => Some(Seen::Overtaken),
                // That the appointment is as it was to become is certain; of a booking, who knows which one it is.
                Ok(Some(Time::TheirOwn)) if order.write.changes().is_some() => Some(Seen::Applied),
                // No answer, or none in time: that is not known to be safe.
                Ok(Some(Time::TheirOwn) | None) | Err(_) => None,
            };
            match now_seen {
                Some(now_seen) => seen.insert(id, now_seen),
                None => seen.remove(&id),
            };
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
        self.sight(DueConnection { tenant, connection }, ids, Instant::now() + A_LOOK)
            .await
            .unwrap_or_default()
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
        let until = Instant::now() + self.patience;
        let mut seen = BTreeMap::new();
        for some in ids.chunks(OF_ONE_QUESTION) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            seen.extend(self.ask(tenant, connection, vendor, some, left).await);
        }
        seen
    }
}

impl BusLookout {
    async fn ask(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        vendor: &str,
        ids: &[WritebackId],
        patience: Duration,
    ) -> BTreeMap<WritebackId, Seen> {
        let look = v1::WritesLook { writeback_ids: ids.iter().map(ToString::to_string).collect() };
        let question = v1::PmsQuestion {
            tenant_id: tenant.to_string(),
            connection_id: connection.to_string(),
            ask: Some(v1::pms_question::Ask::Writes(look)),
        };
        let letter = Letter::new(v1::PmsQuestion::NAME, question.to_bytes()).tenant(tenant.to_string());
        let reply = match self.bus.ask(&topology::pms_query(vendor), letter, patience).await {
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
