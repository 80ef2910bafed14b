use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId};
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;
use uuid::Uuid;

use crate::rounds::DueConnection;
use crate::{MachineryTx, StoreError, TenantTx};

/// An office on its way to becoming a connection.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its id.
    pub id: Uuid,
    /// Whose it will be.
    pub tenant: TenantId,
    /// Which vendor's: `sikka`.
    pub vendor: String,
    /// The vendor's id of the customer.
    pub office: String,
    /// The vendor's id of the location; empty: the office's main one.
    pub location: String,
    /// What it became, as soon as it is confirmed.
    pub connection: Option<ConnectionId>,
    /// `confirming`, `onboarding`, `done`, `cancelled`, `refused` or `gave_up`.
    pub state: String,
    /// Why it waits or ended, as one word.
    pub reason: Option<String>,
    /// Steps tried in this state.
    pub attempts: i32,
    /// When the next step is tried.
    pub due_at: Timestamp,
    /// From when on nobody tries any more.
    pub give_up_at: Timestamp,
    /// When it was asked for first.
    pub created_at: Timestamp,
}

/// Which office.
#[derive(Debug, Clone, Copy)]
pub struct SetupKey<'a> {
    /// Whose.
    pub tenant: TenantId,
    /// Which vendor's.
    pub vendor: &'a str,
    /// The vendor's id of the customer.
    pub office: &'a str,
    /// The vendor's id of the location; empty: the office's main one.
    pub location: &'a str,
}

/// Where a setup goes next.
#[derive(Debug, Clone, Copy, Default)]
pub struct SetupMove<'a> {
    /// The state it is in from now on.
    pub state: &'a str,
    /// Why, as one word.
    pub reason: Option<&'a str>,
    /// What it became, where it became something now.
    pub connection: Option<ConnectionId>,
    /// Seconds until the next step.
    pub wait_s: f64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    vendor: String,
    #[diesel(sql_type = Text)]
    office: String,
    #[diesel(sql_type = Text)]
    location: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    connection_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Timestamptz)]
    due_at: jiff_diesel::Timestamp,
    #[diesel(sql_type = Timestamptz)]
    give_up_at: jiff_diesel::Timestamp,
    #[diesel(sql_type = Timestamptz)]
    created_at: jiff_diesel::Timestamp,
}

fn setup(row: Row) -> Setup {
    Setup {
        id: row.id,
        tenant: TenantId::from_uuid(row.tenant_id),
        vendor: row.vendor,
        office: row.office,
        location: row.location,
        connection: row.connection_id.map(ConnectionId::from_uuid),
        state: row.state,
        reason: row.reason,
        attempts: row.attempts,
        due_at: row.due_at.to_jiff(),
        give_up_at: row.give_up_at.to_jiff(),
        created_at: row.created_at.to_jiff(),
    }
}

impl TenantTx {
    /// The tenant's setups, the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn setups(&mut self, most: i64) -> Result<Vec<Setup>, StoreError> {
        let rows: Vec<Row> = diesel::sql_query(
            "SELECT id, tenant_id, vendor, office, location, connection_id, state, reason, attempts, due_at,
                 give_up_at, created_at
             FROM pms_setups ORDER BY updated_at DESC LIMIT $1",
        )
        .bind::<BigInt, _>(most)
        .load(&mut self.conn)
        .await?;
        Ok(rows.into_iter().map(setup).collect())
    }

    /// Uses a connection no more, and ends what would bring it back by itself.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn disable_connection(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        self.set_status(id, "disabled", None).await?;
        diesel::sql_query(
            "UPDATE pms_setups SET state = 'cancelled', reason = 'by_hand', updated_at = now()
             WHERE connection_id = $1 AND state IN ('confirming', 'onboarding')",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Notes that an office is to be connected, from the beginning where it ended before. `told_at` is the date that
    /// the vendor's notice bears. False: a later notice was taken before this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ask_setup(
        &mut self,
        key: SetupKey<'_>,
        told_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.tell_setup(key, "confirming", told_at).await
    }

    /// Notes that an office is not to be connected any more. False: a later notice was taken before this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cancel_setup(
        &mut self,
        key: SetupKey<'_>,
        told_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        if !self.tell_setup(key, "cancelled", told_at).await? {
            return Ok(false);
        }
        // The notice is about the office: all its locations end with it.
        diesel::sql_query(
            "UPDATE pms_setups SET state = 'cancelled', reason = NULL, updated_at = now()
             WHERE tenant_id = $1 AND vendor = $2 AND office = $3 AND state <> 'cancelled'",
        )
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office)
        .execute(&mut self.conn)
        .await?;
        Ok(true)
    }

    async fn tell_setup(
        &mut self,
        key: SetupKey<'_>,
        state: &str,
        told_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let told = diesel::sql_query(
            "INSERT INTO pms_setups AS s (id, tenant_id, vendor, office, location, state, told_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, vendor, office, location) DO UPDATE
             SET state = EXCLUDED.state, reason = NULL, attempts = 0, due_at = now(),
                 give_up_at = now() + interval '7 days', told_at = coalesce(EXCLUDED.told_at, s.told_at),
                 updated_at = now()
             WHERE EXCLUDED.told_at IS NULL OR s.told_at IS NULL OR EXCLUDED.told_at >= s.told_at",
        )
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office)
        .bind::<Text, _>(key.location)
        .bind::<Text, _>(state)
        .bind::<Nullable<Timestamptz>, _>(told_at.map(|at| at.to_diesel()))
        .execute(&mut self.conn)
        .await?;
        Ok(told == 1)
    }

    /// Claims up to `most` setups whose next step is due, for `seconds`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_setups(
        &mut self,
        vendor: &str,
        most: i64,
        seconds: f64,
    ) -> Result<Vec<Setup>, StoreError> {
        let rows: Vec<Row> = diesel::sql_query(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due FROM pms_setups
                 WHERE vendor = $1 AND state IN ('confirming', 'onboarding') AND due_at <= now()
                   AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE pms_setups SET lease_until = now() + make_interval(secs => $3)
             FROM due WHERE id = due
             RETURNING id, tenant_id, vendor, office, location, connection_id, state, reason, attempts, due_at,
                 give_up_at, created_at",
        )
        .bind::<Text, _>(vendor)
        .bind::<BigInt, _>(most)
        .bind::<Double, _>(seconds)
        .load(&mut self.conn)
        .await?;
        Ok(rows.into_iter().map(setup).collect())
    }

    /// Moves a setup that is under way and gives its lease back. False: it was cancelled in between.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_setup(&mut self, id: Uuid, to: &SetupMove<'_>) -> Result<bool, StoreError> {
        let moved = diesel::sql_query(
            "UPDATE pms_setups SET attempts = CASE WHEN state = $2 THEN attempts + 1 ELSE 1 END, state = $2,
                 reason = $3, connection_id = coalesce($4, connection_id), lease_until = NULL,
                 due_at = now() + make_interval(secs => $5), updated_at = now()
             WHERE id = $1 AND state IN ('confirming', 'onboarding')",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(to.state)
        .bind::<Nullable<Text>, _>(to.reason)
        .bind::<Nullable<SqlUuid>, _>(to.connection.map(ConnectionId::uuid))
        .bind::<Double, _>(to.wait_s)
        .execute(&mut self.conn)
        .await?;
        Ok(moved == 1)
    }

    /// Lets nobody else decide whose an office is until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lock_office(&mut self, vendor: &str, office: &str) -> Result<(), StoreError> {
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind::<Text, _>(format!("pms office {vendor} {office}"))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Every connection to an office, whoever's, those that are disabled last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn connections_of_office(
        &mut self,
        vendor: &str,
        office: &str,
    ) -> Result<Vec<OfficeConnection>, StoreError> {
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = Text)]
            location: String,
            #[diesel(sql_type = Text)]
            status: String,
        }
        let rows: Vec<Found> = diesel::sql_query(
            "SELECT id, tenant_id, coalesce(config ->> 'practice_id', '') AS location, status
             FROM pms_connections WHERE vendor = $1 AND config ->> 'office_id' = $2
             ORDER BY status = 'disabled', id",
        )
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(office)
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| OfficeConnection {
                due: DueConnection {
                    tenant: TenantId::from_uuid(row.tenant_id),
                    connection: ConnectionId::from_uuid(row.id),
                },
                location: row.location,
                status: row.status,
            })
            .collect())
    }

    /// Has outcomes of a connection's writes looked at now: the copy that may show them is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hurry_looks(&mut self, connection: ConnectionId) -> Result<usize, StoreError> {
        Ok(diesel::sql_query(
            "UPDATE pms_writebacks SET next_check_at = now()
             WHERE connection_id = $1 AND state = 'submitted' AND next_check_at > now()",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .execute(&mut self.conn)
        .await?)
    }
}

/// A connection to an office.
#[derive(Debug, Clone)]
pub struct OfficeConnection {
    /// Whose, and which.
    pub due: DueConnection,
    /// The vendor's id of the location.
    pub location: String,
    /// As the connection's own.
    pub status: String,
}
