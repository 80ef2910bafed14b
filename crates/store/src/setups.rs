use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId};
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;
use uuid::Uuid;

use crate::schema::pms_setups as s;
use crate::statement::statement;
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
    /// The right to take its next step, where it was claimed last.
    pub lease: Uuid,
}

/// The date that a vendor's notice bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// It names a day and no time: it is compared with others by their days.
    pub is_day: bool,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is written down.
    Yes,
    /// It was cancelled in between: nothing of it may stay in use.
    Cancelled,
    /// It is somebody else's step now, or it ended by another way.
    Lost,
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
    #[diesel(sql_type = Nullable<SqlUuid>)]
    lease_owner: Option<Uuid>,
}

const COLUMNS: &str = "id, tenant_id, vendor, office, location, connection_id, state, reason, attempts, due_at, \
     give_up_at, created_at, lease_owner";

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
        lease: row.lease_owner.unwrap_or_default(),
    }
}

impl TenantTx {
    /// The tenant's setups, the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn setups(&mut self, most: i64) -> Result<Vec<Setup>, StoreError> {
        let rows: Vec<Row> =
            statement(format!("SELECT {COLUMNS} FROM pms_setups ORDER BY updated_at DESC LIMIT $1"))
                .bind::<BigInt, _>(most)
                .load(&mut self.conn)
                .await?;
        Ok(rows.into_iter().map(setup).collect())
    }

    /// Uses a connection no more, and ends what would bring it back by itself. Its location is to be switched off at the
    /// vendor, where it was in use until now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn disable_connection(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        let was_used = self.connection_to_change(id).await?.status != "disabled";
        self.set_status(id, "disabled", None).await?;
        if was_used {
            self.owe_switch_off(id, true).await?;
        }
        // One that came by a notice may not know yet what it will become: without a location it is the office's main
        // one, as the worker takes it.
        statement(
            "UPDATE pms_setups s SET state = CASE s.state WHEN 'done' THEN 'done' ELSE 'cancelled' END,
                 reason = 'by_hand', updated_at = now()
             FROM (SELECT vendor, upper(config ->> 'office_id') AS office, config ->> 'practice_id' AS location
                   FROM pms_connections WHERE id = $1) c
             WHERE s.state IN ('confirming', 'onboarding', 'gave_up', 'done') AND (s.connection_id = $1
                OR s.connection_id IS NULL AND s.vendor = c.vendor AND s.office = c.office
                AND (s.location = c.location OR s.location = '' AND NOT EXISTS (
                    SELECT FROM pms_connections o
                    WHERE o.vendor = c.vendor AND upper(o.config ->> 'office_id') = c.office AND o.id <> $1
                      AND (o.config ->> 'practice_id' <> '1', length(o.config ->> 'practice_id'),
                              o.config ->> 'practice_id')
                          < (c.location <> '1', length(c.location), c.location))))",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .execute(&mut self.conn)
        .await?;
        self.clear_failed_setups().await
    }
}

impl MachineryTx {
    /// Notes that the vendor told of an office that is to be connected, from the beginning where it ended before.
    /// `told` is the date that its notice bears. False: a later notice was taken before this one, or somebody switched
    /// it off since, and only a purchase after the one that is known opens it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ask_setup(&mut self, key: SetupKey<'_>, told: Option<Told>) -> Result<bool, StoreError> {
        self.tell_setup(key, "confirming", told).await
    }

    /// Notes that an office is not to be connected any more. False: a later notice was taken before this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cancel_setup(&mut self, key: SetupKey<'_>, told: Option<Told>) -> Result<bool, StoreError> {
        if !self.tell_setup(key, "cancelled", told).await? {
            return Ok(false);
        }
        // The notice is about the office: all its locations end with it.
        statement(
            "UPDATE pms_setups SET state = 'cancelled', reason = NULL, updated_at = now()
             WHERE tenant_id = $1 AND vendor = $2 AND office = $3 AND state <> 'cancelled'",
        )
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office.to_ascii_uppercase())
        .execute(&mut self.conn)
        .await?;
        self.clear_failed_setups(key.tenant).await?;
        Ok(true)
    }

    /// Whether a notice without a date tells something new by what became of the last one: a purchase once the office was
    /// cancelled, and not by hand; a cancellation (`is_over`) while something of the office is used or on its way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tells_something_new(
        &mut self,
        key: SetupKey<'_>,
        is_over: bool,
    ) -> Result<bool, StoreError> {
        Ok(statement(
            "SELECT CASE WHEN $5 THEN
                 EXISTS (SELECT FROM pms_setups WHERE tenant_id = $1 AND vendor = $2 AND office = $3
                     AND state <> 'cancelled')
                 OR EXISTS (SELECT FROM pms_connections WHERE tenant_id = $1 AND vendor = $2
                     AND upper(config ->> 'office_id') = $3 AND status <> 'disabled')
             ELSE EXISTS (SELECT FROM pms_setups WHERE tenant_id = $1 AND vendor = $2 AND office = $3
                 AND location = $4 AND state = 'cancelled' AND reason IS DISTINCT FROM 'by_hand') END AS is_so",
        )
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office.to_ascii_uppercase())
        .bind::<Text, _>(key.location)
        .bind::<Bool, _>(is_over)
        .flag(&mut self.conn)
        .await?)
    }

    async fn tell_setup(
        &mut self,
        key: SetupKey<'_>,
        state: &str,
        told: Option<Told>,
    ) -> Result<bool, StoreError> {
        let changed = statement(
            "INSERT INTO pms_setups AS s (id, tenant_id, vendor, office, location, state, told_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, vendor, office, location) DO UPDATE
             SET state = EXCLUDED.state, reason = NULL, attempts = 0, due_at = now(),
                 give_up_at = now() + interval '7 days', told_at = greatest(EXCLUDED.told_at, s.told_at),
                 updated_at = now()
             WHERE (EXCLUDED.told_at IS NULL OR s.told_at IS NULL OR EXCLUDED.told_at >=
                 CASE WHEN $8 THEN date_trunc('day', s.told_at, 'UTC') ELSE s.told_at END)
               AND (EXCLUDED.state <> 'confirming' OR s.reason IS DISTINCT FROM 'by_hand'
                 OR EXCLUDED.told_at > coalesce(s.told_at, '-infinity'))",
        )
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office.to_ascii_uppercase())
        .bind::<Text, _>(key.location)
        .bind::<Text, _>(state)
        .bind::<Nullable<Timestamptz>, _>(told.map(|told| told.at.to_diesel()))
        .bind::<Bool, _>(told.is_some_and(|told| told.is_day))
        .execute(&mut self.conn)
        .await?;
        self.clear_failed_setups(key.tenant).await?;
        Ok(changed == 1)
    }

    /// Has an office that was given up, or refused, tried again for its whole time: somebody asks for it once more.
    /// Returns whose it is; none: it is on its way, done, cancelled, or nobody asked for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reopen_setup(&mut self, id: SetupRef<'_>) -> Result<Option<TenantId>, StoreError> {
        let (id, key) = match id {
            SetupRef::Id(id) => (Some(id), None),
            SetupRef::Key(key) => (None, Some(key)),
        };
        let reopened: Vec<Row> = statement(format!(
            "UPDATE pms_setups SET state = 'confirming', reason = NULL, attempts = 0, due_at = now(),
                 give_up_at = now() + interval '7 days', lease_until = NULL, updated_at = now()
             WHERE state IN ('gave_up', 'refused') AND (id = $1
                OR (tenant_id, vendor, office, location) = ($2, $3, $4, $5))
             RETURNING {COLUMNS}"
        ))
        .bind::<Nullable<SqlUuid>, _>(id)
        .bind::<Nullable<SqlUuid>, _>(key.map(|key| key.tenant.uuid()))
        .bind::<Nullable<Text>, _>(key.map(|key| key.vendor))
        .bind::<Nullable<Text>, _>(key.map(|key| key.office.to_ascii_uppercase()))
        .bind::<Nullable<Text>, _>(key.map(|key| key.location))
        .load(&mut self.conn)
        .await?;
        let whose = reopened.split_first().map(|(one, _)| TenantId::from_uuid(one.tenant_id));
        if let Some(tenant) = whose {
            self.clear_failed_setups(tenant).await?;
        }
        Ok(whose)
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
        let rows: Vec<Row> = statement(format!(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due FROM pms_setups
                 WHERE vendor = $1 AND state IN ('confirming', 'onboarding') AND due_at <= now()
                   AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE pms_setups SET lease_until = now() + make_interval(secs => $3), lease_owner = $4
             FROM due WHERE id = due
             RETURNING {COLUMNS}"
        ))
        .bind::<Text, _>(vendor)
        .bind::<BigInt, _>(most)
        .bind::<Double, _>(seconds)
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .load(&mut self.conn)
        .await?;
        Ok(rows.into_iter().map(setup).collect())
    }

    /// Moves a setup that `setup`'s lease is still good for, and gives the lease back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_setup(&mut self, setup: &Setup, to: &SetupMove<'_>) -> Result<Moved, StoreError> {
        let moved = statement(
            "UPDATE pms_setups SET attempts = CASE WHEN state = $2 THEN attempts + 1 ELSE 1 END, state = $2,
                 reason = $3, connection_id = coalesce($4, connection_id), lease_until = NULL, lease_owner = NULL,
                 due_at = now() + make_interval(secs => $5), updated_at = now()
             WHERE id = $1 AND state IN ('confirming', 'onboarding') AND lease_owner = $6",
        )
        .bind::<SqlUuid, _>(setup.id)
        .bind::<Text, _>(to.state)
        .bind::<Nullable<Text>, _>(to.reason)
        .bind::<Nullable<SqlUuid>, _>(to.connection.map(ConnectionId::uuid))
        .bind::<Double, _>(to.wait_s)
        .bind::<SqlUuid, _>(setup.lease)
        .execute(&mut self.conn)
        .await?;
        if moved == 1 { Ok(Moved::Yes) } else { self.why_not_moved(setup).await }
    }

    /// Has a connection be made, or looked at anew, step by step, from the beginning where that ended before: one that
    /// somebody asked for by hand, in the same moment as the connection, or one whose data is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_up_setup(
        &mut self,
        key: SetupKey<'_>,
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        statement(
            "INSERT INTO pms_setups AS s (id, tenant_id, vendor, office, location, connection_id)
             VALUES ($6, $1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, vendor, office, location) DO UPDATE
             SET state = 'confirming', reason = NULL, attempts = 0, due_at = now(), updated_at = now(),
                 give_up_at = now() + interval '7 days', connection_id = EXCLUDED.connection_id,
                 lease_until = NULL, lease_owner = NULL",
        )
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office.to_ascii_uppercase())
        .bind::<Text, _>(key.location)
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .execute(&mut self.conn)
        .await?;
        self.clear_failed_setups(key.tenant).await
    }

    /// Writes down what a setup is becoming, while its lease is still good: in the same moment as the connection.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attach_setup(
        &mut self,
        setup: &Setup,
        connection: ConnectionId,
    ) -> Result<Moved, StoreError> {
        let moved = statement(
            "UPDATE pms_setups SET connection_id = $2, updated_at = now()
             WHERE id = $1 AND state IN ('confirming', 'onboarding') AND lease_owner = $3",
        )
        .bind::<SqlUuid, _>(setup.id)
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(setup.lease)
        .execute(&mut self.conn)
        .await?;
        if moved == 1 { Ok(Moved::Yes) } else { self.why_not_moved(setup).await }
    }

    async fn why_not_moved(&mut self, setup: &Setup) -> Result<Moved, StoreError> {
        let state: Option<String> =
            s::table.select(s::state).filter(s::id.eq(setup.id)).first(&mut self.conn).await.optional()?;
        Ok(if state.as_deref() == Some("cancelled") { Moved::Cancelled } else { Moved::Lost })
    }

    /// Ends whatever was on its way to a connection that is used now: it is there, by whichever way. `is_main`: the
    /// connection is to the office's main location.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_setups(
        &mut self,
        key: SetupKey<'_>,
        is_main: bool,
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE pms_setups SET state = 'done', reason = NULL, connection_id = $6, lease_until = NULL,
                 lease_owner = NULL, updated_at = now()
             WHERE tenant_id = $1 AND vendor = $2 AND (state <> 'done' OR reason IS NOT NULL) AND (connection_id = $6
                OR office = $3 AND (location = $4 OR $5 AND location = ''))",
        )
        .bind::<SqlUuid, _>(key.tenant.uuid())
        .bind::<Text, _>(key.vendor)
        .bind::<Text, _>(key.office.to_ascii_uppercase())
        .bind::<Text, _>(key.location)
        .bind::<Bool, _>(is_main)
        .bind::<SqlUuid, _>(connection.uuid())
        .execute(&mut self.conn)
        .await?;
        self.clear_failed_setups(key.tenant).await
    }

    /// Has the next step of everything on its way to an office taken now. Returns how many there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hurry_setups(&mut self, vendor: &str, office: &str) -> Result<usize, StoreError> {
        Ok(statement(
            "UPDATE pms_setups SET due_at = least(due_at, now())
             WHERE vendor = $1 AND office = $2 AND state IN ('confirming', 'onboarding')",
        )
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(office.to_ascii_uppercase())
        .execute(&mut self.conn)
        .await?)
    }

    /// Takes up connections that have been on their way for `minutes` with nobody left to finish them (P12).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn adopt_pending(&mut self, vendor: &str, minutes: i32) -> Result<usize, StoreError> {
        Ok(statement(
            "INSERT INTO pms_setups AS s (id, tenant_id, vendor, office, location, connection_id, updated_at)
             SELECT gen_random_uuid(), c.tenant_id, c.vendor, upper(c.config ->> 'office_id'),
                 c.config ->> 'practice_id', c.id, c.updated_at
             FROM pms_connections c
             WHERE c.vendor = $1 AND c.status = 'pending' AND c.updated_at < now() - make_interval(mins => $2)
               AND c.config ->> 'office_id' <> '' AND c.config ->> 'practice_id' <> ''
               AND NOT EXISTS (SELECT FROM pms_setups o WHERE o.tenant_id = c.tenant_id AND o.connection_id = c.id
                   AND o.state IN ('confirming', 'onboarding'))
             ON CONFLICT (tenant_id, vendor, office, location) DO UPDATE
             SET state = 'confirming', reason = NULL, attempts = 0, due_at = now(), updated_at = now(),
                 give_up_at = now() + interval '7 days', connection_id = EXCLUDED.connection_id
             -- A connection that was begun after a cancellation is not what was cancelled.
             WHERE s.state <> 'cancelled' OR s.updated_at < EXCLUDED.updated_at",
        )
        .bind::<Text, _>(vendor)
        .bind::<Integer, _>(minutes)
        .execute(&mut self.conn)
        .await?)
    }
}

/// A setup, by what is known of it.
#[derive(Debug, Clone, Copy)]
pub enum SetupRef<'a> {
    /// Its id.
    Id(Uuid),
    /// Its office.
    Key(SetupKey<'a>),
}
