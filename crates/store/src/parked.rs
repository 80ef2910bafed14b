use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use domain::TenantId;
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use seal::{SealError, Sealed};
use uuid::Uuid;

use crate::schema::parked_messages as p;
use crate::{MachineryTx, StoreError, outbox};

/// A message to be set aside.
#[derive(Debug)]
pub struct NewParked<'a> {
    /// The message's own id.
    pub id: Uuid,
    /// Whose it is, where it is known.
    pub tenant: Option<TenantId>,
    /// The queue it was taken from.
    pub queue: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// Why it is set aside.
    pub reason: &'a str,
    /// How often it was tried.
    pub attempts: i32,
    /// What kept it in order.
    pub hash_key: Option<&'a str>,
    /// Its bytes; sealed at rest.
    pub body: &'a [u8],
}

/// A message set aside.
#[derive(Debug, Clone)]
pub struct Parked {
    /// The message's own id.
    pub id: Uuid,
    /// Whose it is, where it is known.
    pub tenant: Option<TenantId>,
    /// The queue it was taken from.
    pub queue: String,
    /// Its type.
    pub kind: String,
    /// Why it is set aside.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i32,
    /// What kept it in order.
    pub hash_key: Option<String>,
    /// When it was set aside.
    pub parked_at: Timestamp,
    /// When it was last sent again.
    pub replayed_at: Option<Timestamp>,
}

type Row = (
    Uuid,
    Option<Uuid>,
    String,
    String,
    String,
    i32,
    Option<String>,
    jiff_diesel::Timestamp,
    NullableTimestamp,
);

fn parked(row: Row) -> Parked {
    let (id, tenant, queue, kind, reason, attempts, hash_key, parked_at, replayed_at) = row;
    Parked {
        id,
        tenant: tenant.map(TenantId::from_uuid),
        queue,
        kind,
        reason,
        attempts,
        hash_key,
        parked_at: parked_at.to_jiff(),
        replayed_at: replayed_at.into(),
    }
}

fn identity(id: Uuid) -> String {
    format!("parked_messages/{id}")
}

impl MachineryTx {
    /// Sets a message aside. One that was replayed and came back is set aside anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn park(&mut self, new: &NewParked<'_>) -> Result<(), StoreError> {
        let body = self.store.keys.seal(&identity(new.id), new.body)?;
        diesel::insert_into(p::table)
            .values((
                p::id.eq(new.id),
                p::tenant_id.eq(new.tenant.map(TenantId::uuid)),
                p::queue.eq(new.queue),
                p::kind.eq(new.kind),
                p::reason.eq(new.reason),
                p::attempts.eq(new.attempts),
                p::hash_key.eq(new.hash_key),
                p::body.eq(body.as_bytes()),
            ))
            .on_conflict(p::id)
            .do_update()
            .set((
                p::reason.eq(new.reason),
                p::attempts.eq(new.attempts),
                p::parked_at.eq(diesel::dsl::now),
                p::replayed_at.eq(None::<jiff_diesel::Timestamp>),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// What is set aside, newest first; with `all` also what was sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parked(&mut self, all: bool, most: i64) -> Result<Vec<Parked>, StoreError> {
        let mut query = p::table
            .select((
                p::id,
                p::tenant_id,
                p::queue,
                p::kind,
                p::reason,
                p::attempts,
                p::hash_key,
                p::parked_at,
                p::replayed_at,
            ))
            .order(p::parked_at.desc())
            .limit(most)
            .into_boxed();
        if !all {
            query = query.filter(p::replayed_at.is_null());
        }
        let rows: Vec<Row> = query.load(&mut self.conn).await?;
        Ok(rows.into_iter().map(parked).collect())
    }

    /// One message set aside, with its bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn parked_one(&mut self, id: Uuid) -> Result<(Parked, Vec<u8>), StoreError> {
        let (row, body): (Row, Vec<u8>) = p::table
            .select((
                (
                    p::id,
                    p::tenant_id,
                    p::queue,
                    p::kind,
                    p::reason,
                    p::attempts,
                    p::hash_key,
                    p::parked_at,
                    p::replayed_at,
                ),
                p::body,
            ))
            .filter(p::id.eq(id))
            .first(&mut self.conn)
            .await?;
        let sealed = Sealed::from_bytes(body);
        // A letter that the outbox set aside unopened still has the seal it had there.
        let body = match self.store.keys.open(&identity(id), &sealed) {
            Err(SealError::DoesNotOpen) => self.store.keys.open(&outbox::identity(id), &sealed)?,
            other => other?,
        };
        Ok((parked(row), body))
    }

    /// Notes that a message was sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replayed(&mut self, id: Uuid) -> Result<(), StoreError> {
        diesel::update(p::table.filter(p::id.eq(id)))
            .set(p::replayed_at.eq(diesel::dsl::now))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// How many messages are set aside and not sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parked_count(&mut self) -> Result<i64, StoreError> {
        Ok(p::table.filter(p::replayed_at.is_null()).count().get_result(&mut self.conn).await?)
    }
}
