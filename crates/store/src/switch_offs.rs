//! Locations that are to be switched off at their vendor, because nobody uses the connection to them any more: one that
//! is on is billed. What is owed stands in the connection's row, until it is done or needless.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

/// A location to switch off, claimed for this caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchOff {
    /// Whose.
    pub tenant: TenantId,
    /// The connection that is used no more.
    pub connection: ConnectionId,
    /// The vendor's id of the customer.
    pub office: String,
    /// The vendor's id of the location.
    pub location: String,
    /// How often it was tried, this time included.
    pub tries: i32,
    /// Since when it is owed.
    pub since: Timestamp,
}

/// How a try to switch a location off ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SwitchOffEnd {
    /// It is off, or there is nothing to be switched off.
    Over,
    /// It is tried again in so many seconds.
    Again(f64),
    /// Nobody tries it any more: this stands beside the connection, for whoever looks at it.
    GivenUp(&'static str),
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    office: String,
    #[diesel(sql_type = Text)]
    location: String,
    #[diesel(sql_type = Integer)]
    tries: i32,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    since: Timestamp,
}

/// `o` is a connection to the location that `c` is to, whoever's.
const SAME_PLACE: &str =
    "o.vendor = c.vendor AND upper(o.config ->> 'office_id') = upper(c.config ->> 'office_id')
     AND o.config ->> 'practice_id' = c.config ->> 'practice_id'";

/// Somebody is switching the location off at this moment: whatever becomes of the connection, what the vendor was sent
/// already has its effect there.
const IS_BUSY: &str = "coalesce(jsonb_exists(config -> 'switch_off', 'busy')
     AND (config #>> '{switch_off,due_at}')::timestamptz > now(), false)";

/// A connection's row from the moment on in which its location is to be switched off.
fn owed_now() -> String {
    format!(
        "CASE WHEN {IS_BUSY} THEN jsonb_set(config, '{{switch_off,anew}}', 'true'::jsonb)
             ELSE config || jsonb_build_object('switch_off',
                 jsonb_build_object('due_at', now(), 'tries', 0, 'since', now())) END"
    )
}

impl TenantTx {
    /// Has the location of a connection that is disabled switched off at the vendor, and of no other; `anew`: at once,
    /// where that is owed already and was put off. Where it is being switched off at this moment it is once more after
    /// that: it may have been switched on in between.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owe_switch_off(&mut self, id: ConnectionId, anew: bool) -> Result<(), StoreError> {
        statement(format!(
            "UPDATE pms_connections SET config = {}
             WHERE id = $1 AND status = 'disabled' AND ($2 OR {IS_BUSY} OR NOT jsonb_exists(config, 'switch_off'))
               AND config ->> 'office_id' <> '' AND config ->> 'practice_id' <> ''",
            owed_now()
        ))
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Bool, _>(anew)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Uses none of a tenant's connections to an office any more: its install was cancelled. Their locations are to be
    /// switched off at the vendor. Returns those that were in use, or on their way, until now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_office(
        &mut self,
        tenant: TenantId,
        vendor: &str,
        office: &str,
    ) -> Result<Vec<ConnectionId>, StoreError> {
        let ended = statement(format!(
            "UPDATE pms_connections SET status = 'disabled', last_error = NULL, updated_at = now(),
                 config = CASE WHEN config ->> 'practice_id' <> '' THEN {} ELSE config END
             WHERE tenant_id = $1 AND vendor = $2 AND upper(config ->> 'office_id') = $3 AND status <> 'disabled'
             RETURNING id",
            owed_now()
        ))
        .bind::<SqlUuid, _>(tenant.uuid())
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(office.to_ascii_uppercase())
        .ids(&mut self.conn)
        .await?;
        Ok(ended.into_iter().map(ConnectionId::from_uuid).collect())
    }

    /// Claims up to `most` locations that are due to be switched off, for `seconds`. What is owed for a location that is
    /// used again is forgotten, unless somebody is at it. One that still has a write on its way, by whichever connection,
    /// waits for its end: the vendor shows nothing of a location that is off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_switch_offs(
        &mut self,
        vendor: &str,
        most: i64,
        seconds: f64,
    ) -> Result<Vec<SwitchOff>, StoreError> {
        // By another connection, that is in use or on its way.
        let is_used = format!(
            "EXISTS (SELECT FROM pms_connections o
                 WHERE o.id <> c.id AND o.status NOT IN ('disabled', 'error') AND {SAME_PLACE})"
        );
        statement(format!(
            "UPDATE pms_connections c SET config = config - 'switch_off'
             WHERE vendor = $1 AND jsonb_exists(config, 'switch_off') AND (status <> 'disabled' OR {is_used})
               AND NOT {IS_BUSY}"
        ))
        .bind::<Text, _>(vendor)
        .execute(&mut self.conn)
        .await?;
        let rows: Vec<Row> = statement(format!(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due FROM pms_connections c
                 WHERE vendor = $1 AND status = 'disabled'
                   AND (config #>> '{{switch_off,due_at}}')::timestamptz <= now() AND NOT {is_used}
                   AND NOT EXISTS (SELECT FROM pms_connections o JOIN pms_writebacks w ON w.connection_id = o.id
                       WHERE {SAME_PLACE} AND w.state IN ('queued', 'sending', 'unknown', 'submitted'))
                 LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE pms_connections
             SET config = config || jsonb_build_object('switch_off', jsonb_build_object('busy', true,
                 'due_at', now() + make_interval(secs => $3), 'tries', (config #>> '{{switch_off,tries}}')::int + 1,
                 'since', coalesce((config #>> '{{switch_off,since}}')::timestamptz, now())))
             FROM due WHERE id = due
             RETURNING id, tenant_id, config ->> 'office_id' AS office, config ->> 'practice_id' AS location,
                 (config #>> '{{switch_off,tries}}')::int AS tries,
                 (config #>> '{{switch_off,since}}')::timestamptz AS since"
        ))
        .bind::<Text, _>(vendor)
        .bind::<BigInt, _>(most)
        .bind::<Double, _>(seconds)
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| SwitchOff {
                tenant: TenantId::from_uuid(row.tenant_id),
                connection: ConnectionId::from_uuid(row.id),
                office: row.office,
                location: row.location,
                tries: row.tries,
                since: row.since,
            })
            .collect())
    }

    /// Notes how a claimed one ended. One that was claimed anew since is that claim's, and one that was owed anew since is
    /// due again. True: nothing is owed for it any more, and it is not used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn switch_off_ended(&mut self, one: &SwitchOff, end: SwitchOffEnd) -> Result<bool, StoreError> {
        let (again_s, why) = match end {
            SwitchOffEnd::Over => (None, None),
            SwitchOffEnd::Again(seconds) => (Some(seconds), None),
            SwitchOffEnd::GivenUp(why) => (None, Some(why)),
        };
        let is_over = statement(
            "UPDATE pms_connections SET config = CASE
                 WHEN jsonb_exists(config -> 'switch_off', 'anew') THEN config || jsonb_build_object('switch_off',
                     jsonb_build_object('due_at', now(), 'tries', 0, 'since', now()))
                 WHEN $3 IS NULL THEN config - 'switch_off'
                 ELSE config || jsonb_build_object('switch_off', jsonb_build_object('tries', $2,
                     'due_at', now() + make_interval(secs => $3), 'since', config #> '{switch_off,since}')) END,
                 last_error = CASE WHEN status <> 'disabled' OR jsonb_exists(config -> 'switch_off', 'anew')
                     THEN last_error ELSE coalesce($4, last_error) END
             WHERE id = $1 AND (config #>> '{switch_off,tries}')::int = $2
               AND jsonb_exists(config -> 'switch_off', 'busy')
             RETURNING status = 'disabled' AND NOT jsonb_exists(config, 'switch_off') AS is_so",
        )
        .bind::<SqlUuid, _>(one.connection.uuid())
        .bind::<Integer, _>(one.tries)
        .bind::<Nullable<Double>, _>(again_s)
        .bind::<Nullable<Text>, _>(why)
        .flag(&mut self.conn)
        .await
        .optional()?;
        Ok(is_over == Some(true))
    }

    /// Has nobody switch a location off for `seconds`: somebody is about to have it switched on, and to use it. From now on
    /// it is owed for whatever connection to it is disabled: where nothing comes of it, for whoever dies over it too, the
    /// location is switched off after that time, and where it is used that is forgotten. False: it is being switched off
    /// at this moment, and whoever wants it on has to wait for the end of that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold_switch_offs(
        &mut self,
        vendor: &str,
        (office, location): (&str, &str),
        seconds: f64,
    ) -> Result<bool, StoreError> {
        let to_it = "vendor = $1 AND upper(config ->> 'office_id') = $2 AND config ->> 'practice_id' = $3";
        let office = office.to_ascii_uppercase();
        statement(format!(
            "UPDATE pms_connections SET config = config || jsonb_build_object('switch_off',
                 jsonb_build_object('due_at', now() + make_interval(secs => $4), 'tries', 0, 'since', now()))
             WHERE {to_it} AND status = 'disabled' AND NOT {IS_BUSY}"
        ))
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(&office)
        .bind::<Text, _>(location)
        .bind::<Double, _>(seconds)
        .execute(&mut self.conn)
        .await?;
        let is_busy = statement(format!(
            "SELECT EXISTS (SELECT FROM pms_connections WHERE {to_it} AND {IS_BUSY}) AS is_so"
        ))
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(&office)
        .bind::<Text, _>(location)
        .flag(&mut self.conn)
        .await?;
        Ok(!is_busy)
    }
}
