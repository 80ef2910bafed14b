//! Locations that are to be switched off at their vendor, because nobody uses the connection to them any more: one that
//! is on is billed. What is owed stands in the connection's row, until it is done or needless.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId};
use uuid::Uuid;

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
}

/// Another connection to the same location, whoever's, is used or on its way.
const IS_USED: &str = "EXISTS (SELECT FROM pms_connections o WHERE o.vendor = c.vendor AND o.id <> c.id
     AND o.status NOT IN ('disabled', 'error') AND upper(o.config ->> 'office_id') = upper(c.config ->> 'office_id')
     AND o.config ->> 'practice_id' = c.config ->> 'practice_id')";

impl TenantTx {
    /// Has the location of a connection that is disabled switched off at the vendor, and of no other; `anew`: at once,
    /// where that is owed already and was put off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn owe_switch_off(&mut self, id: ConnectionId, anew: bool) -> Result<(), StoreError> {
        diesel::sql_query(
            "UPDATE pms_connections
             SET config = config || jsonb_build_object('switch_off', jsonb_build_object('due_at', now(), 'tries', 0))
             WHERE id = $1 AND status = 'disabled' AND ($2 OR NOT jsonb_exists(config, 'switch_off'))
               AND config ->> 'office_id' <> '' AND config ->> 'practice_id' <> ''",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Bool, _>(anew)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Claims up to `most` locations that are due to be switched off, for `seconds`. What is owed for a location that is
    /// used again is forgotten. One whose connection still has a write on its way waits for its end: the vendor shows
    /// nothing of a location that is off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_switch_offs(
        &mut self,
        vendor: &str,
        most: i64,
        seconds: f64,
    ) -> Result<Vec<SwitchOff>, StoreError> {
        diesel::sql_query(format!(
            "UPDATE pms_connections c SET config = config - 'switch_off'
             WHERE vendor = $1 AND jsonb_exists(config, 'switch_off') AND (status <> 'disabled' OR {IS_USED})"
        ))
        .bind::<Text, _>(vendor)
        .execute(&mut self.conn)
        .await?;
        let rows: Vec<Row> = diesel::sql_query(format!(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due FROM pms_connections c
                 WHERE vendor = $1 AND status = 'disabled'
                   AND (config #>> '{{switch_off,due_at}}')::timestamptz <= now() AND NOT {IS_USED}
                   AND NOT EXISTS (SELECT FROM pms_writebacks w WHERE w.connection_id = c.id
                       AND w.state IN ('queued', 'sending', 'unknown', 'submitted'))
                 LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE pms_connections
             SET config = config || jsonb_build_object('switch_off', jsonb_build_object('busy', true,
                 'due_at', now() + make_interval(secs => $3), 'tries', (config #>> '{{switch_off,tries}}')::int + 1))
             FROM due WHERE id = due
             RETURNING id, tenant_id, config ->> 'office_id' AS office, config ->> 'practice_id' AS location,
                 (config #>> '{{switch_off,tries}}')::int AS tries"
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
            })
            .collect())
    }

    /// Notes how a claimed one ended: it is over, or is tried again in `again_s` seconds. One that was claimed anew since
    /// is that claim's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn switch_off_ended(
        &mut self,
        one: &SwitchOff,
        again_s: Option<f64>,
    ) -> Result<(), StoreError> {
        diesel::sql_query(
            "UPDATE pms_connections SET config = CASE WHEN $3 IS NULL THEN config - 'switch_off'
                 ELSE config || jsonb_build_object('switch_off', jsonb_build_object('tries', $2,
                     'due_at', now() + make_interval(secs => $3))) END
             WHERE id = $1 AND (config #>> '{switch_off,tries}')::int = $2
               AND jsonb_exists(config -> 'switch_off', 'busy')",
        )
        .bind::<SqlUuid, _>(one.connection.uuid())
        .bind::<Integer, _>(one.tries)
        .bind::<Nullable<Double>, _>(again_s)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Has nobody switch a location off for `seconds`: somebody is about to use it. False: it is being switched off at
    /// this moment, and whoever wants it on has to wait for the end of that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold_switch_offs(
        &mut self,
        vendor: &str,
        (office, location): (&str, &str),
        seconds: f64,
    ) -> Result<bool, StoreError> {
        #[derive(QueryableByName)]
        struct Busy {
            #[diesel(sql_type = Bool)]
            busy: bool,
        }
        let own = "vendor = $1 AND upper(config ->> 'office_id') = $2 AND config ->> 'practice_id' = $3
             AND jsonb_exists(config, 'switch_off')";
        let busy = "jsonb_exists(config -> 'switch_off', 'busy')
             AND (config #>> '{switch_off,due_at}')::timestamptz > now()";
        let office = office.to_ascii_uppercase();
        diesel::sql_query(format!(
            "UPDATE pms_connections SET config = config || jsonb_build_object('switch_off',
                 jsonb_build_object('due_at', now() + make_interval(secs => $4), 'tries', 0))
             WHERE {own} AND NOT ({busy})"
        ))
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(&office)
        .bind::<Text, _>(location)
        .bind::<Double, _>(seconds)
        .execute(&mut self.conn)
        .await?;
        let row: Busy = diesel::sql_query(format!(
            "SELECT EXISTS (SELECT FROM pms_connections WHERE {own} AND {busy}) AS busy"
        ))
        .bind::<Text, _>(vendor)
        .bind::<Text, _>(&office)
        .bind::<Text, _>(location)
        .get_result(&mut self.conn)
        .await?;
        Ok(!row.busy)
    }
}
