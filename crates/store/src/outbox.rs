use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::TenantId;
use seal::Sealed;
use uuid::Uuid;

use crate::schema::outbox as o;
use crate::statement::statement;
use crate::{MachineryTx, Store, StoreError, TenantTx};

/// How long a letter that does not open lets the others go first.
const SHUT_SECONDS: f64 = 60.0;

/// A message to be published once the transaction that writes it has happened.
#[derive(Debug)]
pub struct OutgoingLetter<'a> {
    /// The message's own id: consumers know a repeat by it.
    pub message_id: Uuid,
    /// The exchange's name.
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// The message's type.
    pub kind: &'a str,
    /// What keeps messages in order among themselves.
    pub hash_key: Option<&'a str>,
    /// The trace it belongs to.
    pub traceparent: Option<&'a str>,
    /// Its bytes; sealed at rest.
    pub body: &'a [u8],
}

impl<'a> OutgoingLetter<'a> {
    /// A fact, as it is told on the bus: a new message of the exchange `events`.
    #[must_use]
    pub fn event(routing_key: &'a str, kind: &'a str, body: &'a [u8]) -> Self {
        Self {
            message_id: Uuid::now_v7(),
            exchange: "events",
            routing_key,
            kind,
            hash_key: None,
            traceparent: None,
            body,
        }
    }
}

/// A message claimed for publishing.
#[derive(Debug, Clone)]
pub struct OutboxLetter {
    /// Its row.
    pub id: i64,
    /// The message's own id.
    pub message_id: Uuid,
    /// The exchange's name.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
    /// The message's type.
    pub kind: String,
    /// Whose it is, where it is anybody's yet.
    pub tenant: Option<TenantId>,
    /// What keeps messages in order among themselves.
    pub hash_key: Option<String>,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// Its bytes.
    pub body: Vec<u8>,
}

pub(crate) fn identity(message_id: Uuid) -> String {
    format!("outbox/{message_id}")
}

impl Store {
    fn seal_letter(&self, letter: &OutgoingLetter<'_>) -> Result<Vec<u8>, StoreError> {
        Ok(self.keys.seal(&identity(letter.message_id), letter.body)?.as_bytes().to_vec())
    }
}

macro_rules! insert_letter {
    ($tx:expr, $tenant:expr, $letter:expr) => {{
        let body = $tx.store.seal_letter($letter)?;
        diesel::insert_into(o::table)
            .values((
                o::message_id.eq($letter.message_id),
                o::exchange.eq($letter.exchange),
                o::routing_key.eq($letter.routing_key),
                o::kind.eq($letter.kind),
                o::tenant_id.eq($tenant),
                o::hash_key.eq($letter.hash_key),
                o::traceparent.eq($letter.traceparent),
                o::body.eq(body),
            ))
            .execute(&mut $tx.conn)
            .await?;
        Ok(())
    }};
}

impl TenantTx {
    /// Writes a message to be published after this transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn send(&mut self, letter: &OutgoingLetter<'_>) -> Result<(), StoreError> {
        insert_letter!(self, Some(self.tenant.uuid()), letter)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    message_id: Uuid,
    #[diesel(sql_type = Text)]
    exchange: String,
    #[diesel(sql_type = Text)]
    routing_key: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    hash_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    traceparent: Option<String>,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

impl MachineryTx {
    /// Writes a message that is nobody's yet, to be published after this transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn send(&mut self, letter: &OutgoingLetter<'_>) -> Result<(), StoreError> {
        insert_letter!(self, None::<Uuid>, letter)
    }

    /// Writes a message of a tenant's, or nobody's, to be published after this transaction.
    pub(crate) async fn send_of(
        &mut self,
        tenant: Option<TenantId>,
        letter: &OutgoingLetter<'_>,
    ) -> Result<(), StoreError> {
        insert_letter!(self, tenant.map(TenantId::uuid), letter)
    }

    /// Claims the `most` oldest messages nobody is publishing, for `seconds`. Those sealed with a key that this process
    /// does not have are left to whoever has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_outbox(&mut self, most: i64, seconds: f64) -> Result<Vec<OutboxLetter>, StoreError> {
        let mut rows: Vec<Row> = statement(
            "WITH free AS MATERIALIZED (
                 SELECT id AS free FROM outbox WHERE (claimed_until IS NULL OR claimed_until < now())
                   AND EXISTS (SELECT FROM unnest($3) AS ours WHERE substring(body FROM 1 FOR length(ours)) = ours)
                 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
             UPDATE outbox SET claimed_until = now() + make_interval(secs => $2)
             FROM free WHERE id = free
             RETURNING id, message_id, exchange, routing_key, kind, tenant_id, hash_key, traceparent, body",
        )
        .bind::<BigInt, _>(most)
        .bind::<Double, _>(seconds)
        .bind::<Array<Binary>, _>(self.store.keys.prefixes())
        .load(&mut self.conn)
        .await?;
        rows.sort_by_key(|row| row.id);
        let (mut letters, mut sealed_shut) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let Ok(body) = self.store.keys.open(&identity(row.message_id), &Sealed::from_bytes(row.body))
            else {
                sealed_shut.push(row.id);
                continue;
            };
            letters.push(OutboxLetter {
                id: row.id,
                message_id: row.message_id,
                exchange: row.exchange,
                routing_key: row.routing_key,
                kind: row.kind,
                tenant: row.tenant_id.map(TenantId::from_uuid),
                hash_key: row.hash_key,
                traceparent: row.traceparent,
                body,
            });
        }
        if !sealed_shut.is_empty() {
            tracing::error!(
                letters = sealed_shut.len(),
                "letters of the outbox do not open with this ENCRYPTION_KEY"
            );
            self.outbox_set_aside(&sealed_shut, SHUT_SECONDS).await?;
        }
        Ok(letters)
    }

    /// Removes messages the broker has confirmed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_sent(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        diesel::delete(o::table.filter(o::id.eq_any(ids))).execute(&mut self.conn).await?;
        Ok(())
    }

    /// Gives back messages that could not be published.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_unsent(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        diesel::update(o::table.filter(o::id.eq_any(ids)))
            .set(o::claimed_until.eq(None::<jiff_diesel::Timestamp>))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Gives back messages that are themselves in the way of being published, to be tried again in `seconds`:
    /// until then they hold up nobody.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_set_aside(&mut self, ids: &[i64], seconds: f64) -> Result<(), StoreError> {
        statement("UPDATE outbox SET claimed_until = now() + make_interval(secs => $2) WHERE id = ANY($1)")
            .bind::<Array<BigInt>, _>(ids)
            .bind::<Double, _>(seconds)
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// How many messages wait to be published.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outbox_depth(&mut self) -> Result<i64, StoreError> {
        Ok(o::table.count().get_result(&mut self.conn).await?)
    }
}
