use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId, WritebackId};
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;
use uuid::Uuid;

use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

/// What was learnt of a practice's system, and what its staff have set.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteHabits {
    /// Milliseconds that its last writes took, the latest first; at most 32.
    pub recent_ms: Vec<i32>,
    /// For each hour of its day, how surely its server is on: 0 to 1.
    pub hours_up: Vec<f64>,
    /// When its night is, in minutes after midnight.
    pub night_minute: i32,
    /// From when until when its server is on, in minutes after midnight, where staff have said.
    pub up: Option<(i32, i32)>,
    /// Its IANA zone.
    pub time_zone: String,
}

/// A write that went wrong and that another try in the practice's night may help.
#[derive(Debug, Clone)]
pub struct NightCandidate {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub id: WritebackId,
    /// When it went wrong or, where nothing did and its own time ran out, when it was asked for.
    pub tried_at: Timestamp,
    /// When its practice's night is, in minutes after midnight.
    pub night_minute: i32,
    /// The practice's IANA zone.
    pub time_zone: String,
}

/// What one hour without the server, or with it, counts for.
const HOUR_WEIGHT: f64 = 0.25;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Array<Integer>)]
    recent_ms: Vec<i32>,
    #[diesel(sql_type = Array<Double>)]
    hours_up: Vec<f64>,
    #[diesel(sql_type = Integer)]
    night_minute: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    up_from_minute: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    up_until_minute: Option<i32>,
    #[diesel(sql_type = Text)]
    time_zone: String,
}

impl TenantTx {
    /// What is known of how a practice's system takes writes; of one that never took any, the defaults.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such connection.
    pub async fn write_habits(&mut self, connection: ConnectionId) -> Result<WriteHabits, StoreError> {
        let row: Row = statement(
            "SELECT coalesce(h.recent_ms, '{}') AS recent_ms, coalesce(h.hours_up, '{}') AS hours_up,
                 coalesce(h.night_minute, 120) AS night_minute, h.up_from_minute, h.up_until_minute, p.time_zone
             FROM pms_connections c JOIN practices p ON p.id = c.practice_id
             LEFT JOIN pms_write_habits h ON h.connection_id = c.id WHERE c.id = $1",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .get_result(&mut self.conn)
        .await?;
        Ok(WriteHabits {
            recent_ms: row.recent_ms,
            hours_up: row.hours_up,
            night_minute: row.night_minute,
            up: row.up_from_minute.zip(row.up_until_minute),
            time_zone: row.time_zone,
        })
    }

    /// Learns how long writes took.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn_times(&mut self, connection: ConnectionId, ms: &[i32]) -> Result<(), StoreError> {
        statement(
            "INSERT INTO pms_write_habits (connection_id, tenant_id, recent_ms) VALUES ($1, $2, $3)
             ON CONFLICT (connection_id) DO UPDATE
                 SET recent_ms = (excluded.recent_ms || pms_write_habits.recent_ms)[1:32]",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Array<Integer>, _>(ms)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Learns whether the server was on at this hour of the practice's day, 0 to 23. However often it is
    /// found off, that counts once in 50 minutes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn learn_hour(
        &mut self,
        connection: ConnectionId,
        hour: i32,
        is_on: bool,
    ) -> Result<(), StoreError> {
        statement(
            "INSERT INTO pms_write_habits (connection_id, tenant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .execute(&mut self.conn)
        .await?;
        statement(
            "UPDATE pms_write_habits SET
                 hours_up[$2 + 1] = hours_up[$2 + 1] * (1 - $4) + CASE WHEN $3 THEN $4 ELSE 0 END,
                 seen_off_at = CASE WHEN $3 THEN seen_off_at ELSE now() END
             WHERE connection_id = $1
               AND CASE WHEN $3 THEN hours_up[$2 + 1] < 0.99
                        ELSE seen_off_at IS NULL OR seen_off_at < now() - interval '50 minutes' END",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Integer, _>(hour)
        .bind::<Bool, _>(is_on)
        .bind::<Double, _>(HOUR_WEIGHT)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Sets a practice's night and, where staff know them, the hours its server is on: minutes after
    /// midnight.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a minute that no day has.
    pub async fn set_write_hours(
        &mut self,
        connection: ConnectionId,
        night_minute: i32,
        up: Option<(i32, i32)>,
    ) -> Result<(), StoreError> {
        statement(
            "INSERT INTO pms_write_habits (connection_id, tenant_id, night_minute, up_from_minute, up_until_minute)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (connection_id) DO UPDATE SET
                 night_minute = excluded.night_minute, up_from_minute = excluded.up_from_minute,
                 up_until_minute = excluded.up_until_minute",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(self.tenant.uuid())
        .bind::<Integer, _>(night_minute)
        .bind::<Nullable<Integer>, _>(up.map(|(from, _)| from))
        .bind::<Nullable<Integer>, _>(up.map(|(_, until)| until))
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// The practice's server is off: what waits behind `head` waits as long, for the same reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all_wait_for_the_practice(
        &mut self,
        connection: ConnectionId,
        wait_s: f64,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE pms_writebacks SET reason = 'practice_offline', updated_at = now(),
                 next_check_at = greatest(next_check_at, now() + make_interval(secs => $2))
             WHERE connection_id = $1 AND state = 'queued' AND reason IS DISTINCT FROM 'practice_offline'",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Double, _>(wait_s)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Somebody is on the line: what waits for the practice's server is tried now. Of what they ask for `again`, that
    /// the server was off when it was last tried is no answer to them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn try_the_practice_now(
        &mut self,
        connection: ConnectionId,
        again: Option<WritebackId>,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE pms_writebacks SET next_check_at = least(next_check_at, now()),
                 reason = CASE WHEN id = $2 THEN NULL ELSE reason END
             WHERE connection_id = $1 AND state = 'queued' AND reason = 'practice_offline'",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Nullable<SqlUuid>, _>(again.map(WritebackId::uuid))
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Whose a connection is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn tenant_of(&mut self, connection: ConnectionId) -> Result<TenantId, StoreError> {
        use crate::schema::pms_connections as c;
        let tenant: Uuid =
            c::table.select(c::tenant_id).filter(c::id.eq(connection.uuid())).first(&mut self.conn).await?;
        Ok(TenantId::from_uuid(tenant))
    }

    /// The writes that went wrong for one of `reasons`, that nobody has replayed or given up, and whose
    /// appointment is not past. At most `most_nights` tries are made of one in the nights. A page of 500, the
    /// one behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn night_candidates(
        &mut self,
        reasons: &[&str],
        most_nights: i64,
        now: Timestamp,
        after: Option<WritebackId>,
    ) -> Result<Vec<NightCandidate>, StoreError> {
        #[derive(QueryableByName)]
        struct Candidate {
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
            tried_at: Timestamp,
            #[diesel(sql_type = Integer)]
            night_minute: i32,
            #[diesel(sql_type = Text)]
            time_zone: String,
        }
        let rows: Vec<Candidate> = statement(format!(
            "SELECT q.tenant_id, q.id, coalesce(h.night_minute, 120) AS night_minute, p.time_zone,
                 CASE WHEN q.deadline_at <= q.finished_at THEN q.created_at ELSE q.finished_at END AS tried_at
             FROM pms_writebacks q JOIN pms_connections c ON c.id = q.connection_id
             JOIN practices p ON p.id = c.practice_id
             LEFT JOIN pms_write_habits h ON h.connection_id = c.id
             WHERE ($4 IS NULL OR q.id > $4) AND q.state IN ('failed', 'parked') AND q.reason = ANY($1) AND c.status = 'active'
               AND q.finished_at > $3 - interval '8 days' AND (q.about_at IS NULL OR q.about_at > $3) AND {}
               AND (WITH RECURSIVE tries AS (
                        SELECT q.id, q.replays, q.replayed_by
                        UNION ALL
                        SELECT o.id, o.replays, o.replayed_by FROM pms_writebacks o JOIN tries t ON o.id = t.replays)
                    SELECT count(*) FROM tries WHERE replayed_by = 'night') < $2
             ORDER BY q.id LIMIT 500",
            crate::replays::OPEN
        ))
        .bind::<Array<Text>, _>(reasons)
        .bind::<BigInt, _>(most_nights)
        .bind::<Timestamptz, _>(now.to_diesel())
        .bind::<Nullable<SqlUuid>, _>(after.map(WritebackId::uuid))
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| NightCandidate {
                tenant: TenantId::from_uuid(row.tenant_id),
                id: WritebackId::from_uuid(row.id),
                tried_at: row.tried_at,
                night_minute: row.night_minute,
                time_zone: row.time_zone,
            })
            .collect())
    }
}
