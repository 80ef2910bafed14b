use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{TenantId, WebhookEventId};
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;
use uuid::Uuid;

use crate::statement::statement;
use crate::{MachineryTx, StoreError};

/// An event as a vendor sent it.
#[derive(Debug)]
pub struct NewEvent<'a> {
    /// The vendor: `vapi`.
    pub source: &'a str,
    /// The vendor's word for it.
    pub kind: &'a str,
    /// The same for every delivery of it.
    pub dedupe_key: &'a str,
    /// The raw event, redacted.
    pub body: &'a [u8],
    /// When it came.
    pub received_at: Timestamp,
}

/// What a delivery turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The first of its event, one whose handling never came to an end, or one that was set aside and is
    /// sent again.
    New(WebhookEventId),
    /// One more of an event already dealt with.
    Duplicate,
}

/// How an event was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventState {
    /// It had its effect.
    Handled,
    /// It is set aside.
    Parked,
    /// It is nobody's, or not to be taken.
    Rejected,
}

impl EventState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Parked => "parked",
            Self::Rejected => "rejected",
        }
    }
}

/// What becomes of an event, known before it is noted.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'a> {
    /// How it is dealt with.
    pub state: EventState,
    /// Whose it is.
    pub tenant: Option<TenantId>,
    /// Why, where it did not have its effect.
    pub reason: Option<&'a str>,
}

/// Every delivery accounted for: `accepted = received + what is still in a queue`. What was received is what was handled,
/// parked, rejected, a duplicate or is pending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Ledger {
    /// What the gateways say they took. A gateway that was killed takes up to a second's count with it, so
    /// this may be less than `received`; that it is more means a message is on its way, or lost.
    pub accepted: i64,
    /// Deliveries.
    pub received: i64,
    /// Events that had their effect.
    pub handled: i64,
    /// Events set aside.
    pub parked: i64,
    /// Events refused.
    pub rejected: i64,
    /// Deliveries after the first.
    pub duplicate: i64,
    /// Events noted and not dealt with yet.
    pub pending: i64,
}

impl Ledger {
    /// Messages a gateway took that nobody has noted as received.
    #[must_use]
    pub const fn outstanding(&self) -> i64 {
        if self.accepted > self.received { self.accepted - self.received } else { 0 }
    }

    /// Of these, so many as are neither `queued` with the broker nor among `outbox` letters. What a consumer holds at
    /// that moment is in none of the three.
    #[must_use]
    pub fn missing(&self, queued: u64, outbox: i64) -> i64 {
        let waiting = i64::try_from(queued).unwrap_or(i64::MAX).saturating_add(outbox);
        (self.outstanding() - waiting).max(0)
    }
}

impl MachineryTx {
    /// Notes a delivery. The broker's own repeat of one delivery (the same `delivery` id) counts once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_event(&mut self, delivery: Uuid, event: &NewEvent<'_>) -> Result<Taken, StoreError> {
        Ok(self.note(delivery, event, None).await?.0)
    }

    /// As [`MachineryTx::take_event`], where what becomes of the event is known already: what is [`Taken::New`] is settled
    /// with this transaction, which is to have its effects as well.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_event(
        &mut self,
        delivery: Uuid,
        event: &NewEvent<'_>,
        settled: &Settled<'_>,
    ) -> Result<Taken, StoreError> {
        let (taken, is_first) = self.note(delivery, event, Some(settled)).await?;
        if let Taken::New(id) = taken
            && !is_first
        {
            self.event_done(id, settled.state, settled.tenant, settled.reason).await?;
        }
        Ok(taken)
    }

    /// What the delivery is, and whether nothing was noted of its event before.
    async fn note(
        &mut self,
        delivery: Uuid,
        event: &NewEvent<'_>,
        settled: Option<&Settled<'_>>,
    ) -> Result<(Taken, bool), StoreError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = Text)]
            state: String,
            #[diesel(sql_type = Bool)]
            fresh: bool,
        }
        let new = WebhookEventId::new().uuid();
        let identity = format!("webhook_events/{}/{}", event.source, event.dedupe_key);
        let body = self.store.keys.seal(&identity, event.body)?;
        // One that was set aside before anybody could read it has its body from whoever handles it after all.
        let row: Row = statement(
            "WITH fresh AS (INSERT INTO inbox (consumer, message_id) VALUES ('webhook_events', $7)
                 ON CONFLICT DO NOTHING RETURNING message_id)
             INSERT INTO webhook_events AS e
                 (id, source, kind, dedupe_key, body, received_at, state, tenant_id, reason, handled_at)
             VALUES ($1, $2, $3, $4, $5, $6, $8, $9, $10, CASE WHEN $8 <> 'received' THEN now() END)
             ON CONFLICT (source, dedupe_key) DO UPDATE SET
                 deliveries = e.deliveries + (SELECT count(*)::int FROM fresh),
                 body = CASE WHEN e.state = 'parked' AND $11 THEN EXCLUDED.body ELSE e.body END
             RETURNING id, state, EXISTS (SELECT FROM fresh) AS fresh",
        )
        .bind::<SqlUuid, _>(new)
        .bind::<Text, _>(event.source)
        .bind::<Text, _>(event.kind)
        .bind::<Text, _>(event.dedupe_key)
        .bind::<Binary, _>(body.as_bytes())
        .bind::<Timestamptz, _>(event.received_at.to_diesel())
        .bind::<SqlUuid, _>(delivery)
        .bind::<Text, _>(settled.map_or("received", |settled| settled.state.as_str()))
        .bind::<Nullable<SqlUuid>, _>(settled.and_then(|settled| settled.tenant).map(TenantId::uuid))
        .bind::<Nullable<Text>, _>(settled.and_then(|settled| settled.reason))
        .bind::<Bool, _>(!event.body.is_empty())
        .get_result(&mut self.conn)
        .await?;
        let is_first = row.id == new;
        if is_first || row.state == "received" || (row.state == "parked" && !row.fresh) {
            return Ok((Taken::New(WebhookEventId::from_uuid(row.id)), is_first));
        }
        Ok((Taken::Duplicate, false))
    }

    /// Under which key a delivery is noted whose event bears no date, so that `key` says the same whenever it comes: under
    /// one of its own where it `is_another` event than the one that is noted under `key`. The broker's own repeat of a
    /// delivery has the key that it had before, whatever has become of it since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn undated_key(
        &mut self,
        delivery: Uuid,
        (source, key): (&str, &str),
        is_another: bool,
    ) -> Result<String, StoreError> {
        let own = format!("{key}.{delivery}");
        let is_own = statement(
            "SELECT EXISTS (SELECT FROM webhook_events WHERE source = $1 AND dedupe_key = $2) OR ($4
                 AND EXISTS (SELECT FROM webhook_events WHERE source = $1 AND dedupe_key = $3 AND state <> 'received')
                 AND NOT EXISTS (SELECT FROM inbox WHERE consumer = 'webhook_events' AND message_id = $5)) AS is_so",
        )
        .bind::<Text, _>(source)
        .bind::<Text, _>(&own)
        .bind::<Text, _>(key)
        .bind::<Bool, _>(is_another)
        .bind::<SqlUuid, _>(delivery)
        .flag(&mut self.conn)
        .await?;
        Ok(if is_own { own } else { key.to_owned() })
    }

    /// Notes how many messages of `source` this run of a gateway has taken since it began.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell_accepted(
        &mut self,
        gateway: Uuid,
        source: &str,
        accepted: i64,
    ) -> Result<(), StoreError> {
        use crate::schema::webhook_acceptances as a;
        diesel::insert_into(a::table)
            .values((a::gateway.eq(gateway), a::source.eq(source), a::accepted.eq(accepted)))
            .on_conflict(a::gateway)
            .do_update()
            .set((a::accepted.eq(accepted), a::told_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Notes how an event was dealt with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_done(
        &mut self,
        id: WebhookEventId,
        state: EventState,
        tenant: Option<TenantId>,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE webhook_events SET state = $2, tenant_id = coalesce($3, tenant_id), reason = $4,
                 handled_at = now() WHERE id = $1",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Text, _>(state.as_str())
        .bind::<Nullable<SqlUuid>, _>(tenant.map(TenantId::uuid))
        .bind::<Nullable<Text>, _>(reason)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// How often each of these events of `source` was delivered, by its dedupe key; events that are not
    /// in the ledger are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_deliveries(
        &mut self,
        source: &str,
        dedupe_keys: &[String],
    ) -> Result<Vec<(String, i32)>, StoreError> {
        use crate::schema::webhook_events as e;
        Ok(e::table
            .select((e::dedupe_key, e::deliveries))
            .filter(e::source.eq(source))
            .filter(e::dedupe_key.eq_any(dedupe_keys))
            .load(&mut self.conn)
            .await?)
    }

    /// The whole ledger.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ledger(&mut self) -> Result<Ledger, StoreError> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            accepted: i64,
            #[diesel(sql_type = BigInt)]
            received: i64,
            #[diesel(sql_type = BigInt)]
            handled: i64,
            #[diesel(sql_type = BigInt)]
            parked: i64,
            #[diesel(sql_type = BigInt)]
            rejected: i64,
            #[diesel(sql_type = BigInt)]
            pending: i64,
            #[diesel(sql_type = BigInt)]
            events: i64,
        }
        let row: Row = statement(
            "SELECT (SELECT coalesce(sum(accepted), 0)::bigint FROM webhook_acceptances) AS accepted,
                 coalesce(sum(deliveries), 0)::bigint AS received,
                 count(*) FILTER (WHERE state = 'handled') AS handled,
                 count(*) FILTER (WHERE state = 'parked') AS parked,
                 count(*) FILTER (WHERE state = 'rejected') AS rejected,
                 count(*) FILTER (WHERE state = 'received') AS pending,
                 count(*) AS events
             FROM webhook_events",
        )
        .get_result(&mut self.conn)
        .await?;
        Ok(Ledger {
            accepted: row.accepted,
            received: row.received,
            handled: row.handled,
            parked: row.parked,
            rejected: row.rejected,
            duplicate: row.received - row.events,
            pending: row.pending,
        })
    }
}
