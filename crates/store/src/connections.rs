use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{ConnectionId, PracticeId, TenantId};
use jiff::{SignedDuration, Timestamp};
use jiff_diesel::{NullableTimestamp, ToDiesel as _};
use seal::{Sealed, Secret};
use serde_json::Value;
use uuid::Uuid;

use crate::schema::pms_connections as c;
use crate::statement::statement;
use crate::{MachineryTx, Store, StoreError, TenantTx};

/// A tenant's link to one practice-management system.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// The location it serves.
    pub practice: PracticeId,
    /// Which vendor's: `sikka`.
    pub vendor: String,
    /// `pending`, `active`, `reauthorise`, `error` or `disabled`.
    pub status: String,
    /// Which office at the vendor, and what staff chose.
    pub config: Value,
    /// What it can do, where it was read.
    pub capabilities: Option<Value>,
    /// When its key stops working, where it has one.
    pub token_expires_at: Option<Timestamp>,
    /// Why it does not work, in words for staff.
    pub last_error: Option<String>,
}

/// A link to be made.
#[derive(Debug)]
pub struct NewConnection<'a> {
    /// Its id.
    pub id: ConnectionId,
    /// The location it serves.
    pub practice: PracticeId,
    /// Which vendor's.
    pub vendor: &'a str,
    /// Where it starts: `pending` or `active`.
    pub status: &'a str,
    /// Which office at the vendor; no secret.
    pub config: Value,
    /// What it can do.
    pub capabilities: Option<Value>,
    /// What its keys are got with.
    pub credentials: &'a Secret,
}

/// A connection's open keys.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// What keys are got with.
    pub credentials: Secret,
    /// The key in force.
    pub key: Option<Secret>,
    /// What the next refresh is made with.
    pub refresh: Option<Secret>,
    /// When the key stops working.
    pub expires_at: Option<Timestamp>,
    /// The last refresh failed: before this moment nobody who waits for a key should try again.
    pub retry_at: Option<Timestamp>,
}

/// A connection whose key should be refreshed, claimed for this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRefresh {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub connection: ConnectionId,
    /// The right to refresh it.
    pub lease: RefreshLease,
}

/// The right to refresh a connection's key, until it ends: whoever takes it next has a later one. What is written with
/// one that somebody else has taken over from writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshLease(Timestamp);

#[derive(QueryableByName)]
struct LeaseRow {
    #[diesel(sql_type = Timestamptz)]
    refresh_lease_until: jiff_diesel::Timestamp,
}

/// How a connection's key stands.
#[derive(Debug, Clone)]
pub struct KeyLife {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub connection: ConnectionId,
    /// What the connection is: `active`, `reauthorise` …
    pub status: String,
    /// When the key stops working; `None`: there is none yet.
    pub expires_at: Option<Timestamp>,
}

/// However long the refresher backs off, somebody who waits for a key may try this long after a failure.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);

pub(crate) type Row = (Uuid, Uuid, String, String, Value, Option<Value>, NullableTimestamp, Option<String>);

type TokenRow = (
    Vec<u8>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    NullableTimestamp,
    i32,
    jiff_diesel::Timestamp,
    jiff_diesel::Timestamp,
);

pub(crate) const COLUMNS: (
    c::id,
    c::practice_id,
    c::vendor,
    c::status,
    c::config,
    c::capabilities,
    c::token_expires_at,
    c::last_error,
) = (
    c::id,
    c::practice_id,
    c::vendor,
    c::status,
    c::config,
    c::capabilities,
    c::token_expires_at,
    c::last_error,
);

pub(crate) fn connection(row: Row) -> Connection {
    let (id, practice, vendor, status, config, capabilities, token_expires_at, last_error) = row;
    Connection {
        id: ConnectionId::from_uuid(id),
        practice: PracticeId::from_uuid(practice),
        vendor,
        status,
        config,
        capabilities,
        token_expires_at: token_expires_at.into(),
        last_error,
    }
}

fn identity(id: ConnectionId, column: &str) -> String {
    format!("pms_connections/{}/{column}", id.uuid())
}

pub(crate) async fn forget_keys(conn: &mut AsyncPgConnection, id: ConnectionId) -> Result<(), StoreError> {
    diesel::update(c::table.filter(c::id.eq(id.uuid())))
        .set((
            c::token.eq(None::<Vec<u8>>),
            c::refresh_token.eq(None::<Vec<u8>>),
            c::token_expires_at.eq(None::<jiff_diesel::Timestamp>),
            c::refresh_due_at.eq(diesel::dsl::now),
            c::refresh_lease_until.eq(None::<jiff_diesel::Timestamp>),
            c::refresh_failures.eq(0),
            c::last_error.eq(None::<String>),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

impl Store {
    fn seal_secret(&self, id: ConnectionId, column: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let sealed = self.keys.seal(&identity(id, column), secret.expose().as_bytes())?;
        Ok(sealed.as_bytes().to_vec())
    }

    fn open_secret(
        &self,
        id: ConnectionId,
        column: &'static str,
        bytes: Vec<u8>,
    ) -> Result<Secret, StoreError> {
        let plain = self.keys.open(&identity(id, column), &Sealed::from_bytes(bytes))?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| StoreError::Unreadable(column))
    }
}

impl TenantTx {
    /// One of the tenant's connections.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn connection(&mut self, id: ConnectionId) -> Result<Connection, StoreError> {
        let row: Row = c::table.select(COLUMNS).filter(c::id.eq(id.uuid())).first(&mut self.conn).await?;
        Ok(connection(row))
    }

    /// The tenant's connections, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connections(&mut self) -> Result<Vec<Connection>, StoreError> {
        let rows: Vec<Row> = c::table.select(COLUMNS).order(c::id).load(&mut self.conn).await?;
        Ok(rows.into_iter().map(connection).collect())
    }

    /// As [`TenantTx::connection`]; nobody else changes it until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn connection_to_change(&mut self, id: ConnectionId) -> Result<Connection, StoreError> {
        let row: Row =
            c::table.select(COLUMNS).filter(c::id.eq(id.uuid())).for_update().first(&mut self.conn).await?;
        Ok(connection(row))
    }

    /// Writes down what staff chose and what the connection can do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn configure(
        &mut self,
        id: ConnectionId,
        config: &Value,
        capabilities: Option<&Value>,
    ) -> Result<(), StoreError> {
        diesel::update(c::table.filter(c::id.eq(id.uuid())))
            .set((c::config.eq(config), c::capabilities.eq(capabilities), c::updated_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Sets a connection's status, and why it does not work where it does not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn set_status(
        &mut self,
        id: ConnectionId,
        status: &str,
        last_error: Option<&str>,
    ) -> Result<(), StoreError> {
        let set = diesel::update(c::table.filter(c::id.eq(id.uuid())))
            .set((c::status.eq(status), c::last_error.eq(last_error), c::updated_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        if set == 1 { Ok(()) } else { Err(StoreError::NotFound) }
    }

    /// Has the next use of a connection log in from the start, whatever went wrong with its keys before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_keys(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        forget_keys(&mut self.conn, id).await
    }

    /// A connection's keys, opened.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Seal`].
    pub async fn tokens(&mut self, id: ConnectionId) -> Result<Tokens, StoreError> {
        let (credentials, key, refresh, expires_at, failures, due_at, failed_at): TokenRow = c::table
            .select((
                c::credentials,
                c::token,
                c::refresh_token,
                c::token_expires_at,
                c::refresh_failures,
                c::refresh_due_at,
                c::updated_at,
            ))
            .filter(c::id.eq(id.uuid()))
            .first(&mut self.conn)
            .await?;
        Ok(Tokens {
            credentials: self.store.open_secret(id, "credentials", credentials)?,
            key: key.map(|bytes| self.store.open_secret(id, "token", bytes)).transpose()?,
            refresh: refresh.map(|bytes| self.store.open_secret(id, "refresh_token", bytes)).transpose()?,
            expires_at: expires_at.into(),
            retry_at: (failures > 0).then(|| due_at.to_jiff().min(failed_at.to_jiff() + PATIENCE)),
        })
    }

    /// Takes the right to refresh this connection's key for `seconds`, unless somebody has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_refresh(
        &mut self,
        id: ConnectionId,
        seconds: f64,
    ) -> Result<Option<RefreshLease>, StoreError> {
        let taken: Option<LeaseRow> = statement(
            "UPDATE pms_connections SET refresh_lease_until = now() + make_interval(secs => $2)
             WHERE id = $1 AND (refresh_lease_until IS NULL OR refresh_lease_until < now())
             RETURNING refresh_lease_until",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Double, _>(seconds)
        .get_result(&mut self.conn)
        .await
        .optional()?;
        Ok(taken.map(|row| RefreshLease(row.refresh_lease_until.to_jiff())))
    }

    /// Stores a new key and when to refresh it, and gives the lease back. True: the connection was `reauthorise`, and
    /// is `active` again; none: the lease is somebody else's by now, or the connection was connected anew, and nothing is
    /// stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn store_tokens(
        &mut self,
        id: ConnectionId,
        lease: RefreshLease,
        key: &Secret,
        refresh: Option<&Secret>,
        expires_at: Timestamp,
        refresh_due_at: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let key = self.store.seal_secret(id, "token", key)?;
        let refresh =
            refresh.map(|secret| self.store.seal_secret(id, "refresh_token", secret)).transpose()?;
        let leased =
            c::table.filter(c::id.eq(id.uuid())).filter(c::refresh_lease_until.eq(lease.0.to_diesel()));
        let stored = diesel::update(leased)
            .set((
                c::token.eq(Some(key)),
                c::refresh_token.eq(refresh),
                c::token_expires_at.eq(Some(expires_at.to_diesel())),
                c::refresh_due_at.eq(refresh_due_at.to_diesel()),
                c::refresh_lease_until.eq(None::<jiff_diesel::Timestamp>),
                c::refresh_failures.eq(0),
                c::last_error.eq(None::<String>),
                c::updated_at.eq(diesel::dsl::now),
            ))
            .execute(&mut self.conn)
            .await?;
        if stored == 0 {
            return Ok(None);
        }
        let dead = c::table.filter(c::id.eq(id.uuid())).filter(c::status.eq("reauthorise"));
        let healed = diesel::update(dead).set(c::status.eq("active")).execute(&mut self.conn).await?;
        Ok(Some(healed == 1))
    }

    /// Writes down what keys are got with from now on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn store_credentials(
        &mut self,
        id: ConnectionId,
        credentials: &Secret,
    ) -> Result<(), StoreError> {
        let credentials = self.store.seal_secret(id, "credentials", credentials)?;
        diesel::update(c::table.filter(c::id.eq(id.uuid())))
            .set((c::credentials.eq(credentials), c::updated_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Records that a refresh failed; whoever records it puts the next try off. `is_dead`: the vendor takes the grant no
    /// longer, so a connection that is in use becomes `reauthorise`.
    /// Returns how many failed in a row, and whether it is `reauthorise` now; none: the lease is somebody else's by now,
    /// and nothing is recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refresh_failed(
        &mut self,
        id: ConnectionId,
        lease: RefreshLease,
        is_dead: bool,
        error: &str,
    ) -> Result<Option<(i32, bool)>, StoreError> {
        #[derive(QueryableByName)]
        struct Failures {
            #[diesel(sql_type = diesel::sql_types::Integer)]
            refresh_failures: i32,
            #[diesel(sql_type = Text)]
            status: String,
        }
        // Whoever switched it off meanwhile, or is connecting it, decides what it is.
        let row: Option<Failures> = statement(
            "UPDATE pms_connections SET refresh_failures = refresh_failures + 1,
                 last_error = CASE WHEN status = 'disabled' THEN last_error ELSE $2 END,
                 status = CASE WHEN $3 AND status = 'active' THEN 'reauthorise' ELSE status END,
                 updated_at = now()
             WHERE id = $1 AND refresh_lease_until = $4 RETURNING refresh_failures, status",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Text, _>(error)
        .bind::<Bool, _>(is_dead)
        .bind::<Timestamptz, _>(lease.0.to_diesel())
        .get_result(&mut self.conn)
        .await
        .optional()?;
        Ok(row.map(|row| (row.refresh_failures, row.status == "reauthorise")))
    }

    /// Puts the next try at a refresh off to `due_at`, and gives the lease back. False: it is somebody else's by now, and
    /// nothing is put off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn postpone_refresh(
        &mut self,
        id: ConnectionId,
        lease: RefreshLease,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let leased =
            c::table.filter(c::id.eq(id.uuid())).filter(c::refresh_lease_until.eq(lease.0.to_diesel()));
        let put_off = diesel::update(leased)
            .set((
                c::refresh_due_at.eq(due_at.to_diesel()),
                c::refresh_lease_until.eq(None::<jiff_diesel::Timestamp>),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(put_off == 1)
    }
}

impl TenantTx {
    /// Has `error` stand beside a connection whose key was not refreshed in time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_refresh(&mut self, id: ConnectionId, error: &str) -> Result<(), StoreError> {
        let own = c::table.filter(c::id.eq(id.uuid()));
        diesel::update(own).set(c::last_error.eq(Some(error))).execute(&mut self.conn).await?;
        Ok(())
    }
}

impl MachineryTx {
    /// How the key of every connection stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_lives(&mut self) -> Result<Vec<KeyLife>, StoreError> {
        let rows: Vec<(Uuid, Uuid, String, NullableTimestamp)> = c::table
            .select((c::tenant_id, c::id, c::status, c::token_expires_at))
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(tenant, connection, status, expires_at)| KeyLife {
                tenant: TenantId::from_uuid(tenant),
                connection: ConnectionId::from_uuid(connection),
                status,
                expires_at: expires_at.into(),
            })
            .collect())
    }

    /// Makes a connection; one that exists keeps its keys and gets the new config and credentials.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_connection(
        &mut self,
        tenant: TenantId,
        new: NewConnection<'_>,
    ) -> Result<(), StoreError> {
        let credentials = self.store.seal_secret(new.id, "credentials", new.credentials)?;
        diesel::insert_into(c::table)
            .values((
                c::id.eq(new.id.uuid()),
                c::tenant_id.eq(tenant.uuid()),
                c::practice_id.eq(new.practice.uuid()),
                c::vendor.eq(new.vendor),
                c::status.eq(new.status),
                c::config.eq(&new.config),
                c::capabilities.eq(&new.capabilities),
                c::credentials.eq(&credentials),
            ))
            .on_conflict(c::id)
            .do_update()
            .set((
                c::status.eq(new.status),
                c::config.eq(&new.config),
                c::capabilities.eq(&new.capabilities),
                c::credentials.eq(&credentials),
                c::last_error.eq(None::<String>),
                c::updated_at.eq(diesel::dsl::now),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Claims up to `most` connections in use whose key is due, soonest first, for `seconds`; among them those that the
    /// vendor refused a while ago.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_due_refreshes(
        &mut self,
        vendor: &str,
        most: i64,
        seconds: f64,
    ) -> Result<Vec<DueRefresh>, StoreError> {
        #[derive(QueryableByName)]
        struct Due {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = Timestamptz)]
            refresh_lease_until: jiff_diesel::Timestamp,
        }
        let due: Vec<Due> = statement(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due FROM pms_connections
                 WHERE vendor = $1 AND status IN ('active', 'reauthorise') AND refresh_due_at <= now()
                   AND (refresh_lease_until IS NULL OR refresh_lease_until < now())
                 ORDER BY token_expires_at NULLS FIRST LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE pms_connections SET refresh_lease_until = now() + make_interval(secs => $3)
             FROM due WHERE id = due
             RETURNING id, tenant_id, refresh_lease_until",
        )
        .bind::<Text, _>(vendor)
        .bind::<diesel::sql_types::BigInt, _>(most)
        .bind::<Double, _>(seconds)
        .load(&mut self.conn)
        .await?;
        Ok(due
            .into_iter()
            .map(|due| DueRefresh {
                tenant: TenantId::from_uuid(due.tenant_id),
                connection: ConnectionId::from_uuid(due.id),
                lease: RefreshLease(due.refresh_lease_until.to_jiff()),
            })
            .collect())
    }

    /// Disables the connections of demo tenants made earlier and gives their time back: their sandbox is gone, and the next
    /// one has offices of the same names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retire_demo_connections(&mut self) -> Result<usize, StoreError> {
        const DEMOS: &str = "tenant_id IN (SELECT id FROM tenants WHERE slug LIKE 'demo-%')";
        let retire = format!(
            "UPDATE pms_connections SET status = 'disabled', updated_at = now() WHERE status <> 'disabled' AND {DEMOS}"
        );
        let retired = statement(retire).execute(&mut self.conn).await?;
        let release =
            format!("UPDATE slot_holds SET released_at = now() WHERE released_at IS NULL AND {DEMOS}");
        statement(release).execute(&mut self.conn).await?;
        Ok(retired)
    }
}
