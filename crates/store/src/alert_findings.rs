use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{AlertKind, ConnectionId, TenantId};
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use uuid::Uuid;

use crate::replays::OPEN;
use crate::schema::{alerts as al, pms_connections as c};
use crate::statement::statement;
use crate::{MachineryTx, StoreError};

/// From when on something is worth an alert.
#[derive(Debug, Clone, Copy)]
pub struct AlertRules {
    /// Refreshes of one key that failed in a row.
    pub refresh_failures: i32,
    /// Minutes before its end at which a key that nobody refreshed is told of.
    pub expiring_minutes: i32,
    /// Minutes a write may be under way without anything planned for it.
    pub stuck_minutes: i32,
    /// Hours that the practice's own records may take to show a write, where nothing else tells that it is done.
    pub unshown_hours: i32,
    /// Per cent of a connection's writes of the last hour that may fail.
    pub failing_percent: i32,
    /// Failed writes below which nothing is said: one of two is no trend.
    pub failing_least: i32,
    /// Where the last hour had fewer writes, so many of the last day are looked at: of a small practice every write may
    /// fail, and no hour show it.
    pub failing_writes: i32,
    /// The same of all practices together, which may have too few each: so many failed writes of the last hour,
    pub everywhere_least: i64,
    /// in so many practices.
    pub everywhere_practices: i64,
    /// Minutes for which a budget that was nearly used up stays told of.
    pub budget_minutes: i32,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            // Backing off, eight take ten minutes: what a restart of the vendor's mends is nobody's alert.
            refresh_failures: 8,
            expiring_minutes: 120,
            stuck_minutes: 30,
            // Records are copied once a night at least, and a night's copy takes a while.
            unshown_hours: 26,
            failing_percent: 5,
            failing_least: 3,
            failing_writes: 20,
            everywhere_least: 10,
            everywhere_practices: 3,
            budget_minutes: 15,
        }
    }
}

impl AlertRules {
    /// SQL with what it says of writes that are stuck.
    pub(crate) fn stuck(&self, sql: &str) -> String {
        sql.replace("{LINES}", LINES)
            .replace("{STUCK}", STUCK)
            .replace("{MINUTES}", &self.stuck_minutes.to_string())
            .replace("{HOURS}", &self.unshown_hours.to_string())
    }

    /// The kinds that these rules open and close. The others are opened, and closed, where their cause comes and goes.
    pub const KINDS: [AlertKind; 9] = [
        AlertKind::Reauthorise,
        AlertKind::RefreshFailing,
        AlertKind::TokenExpiring,
        AlertKind::WritebacksStuck,
        AlertKind::WritebacksFailing,
        AlertKind::WritebackParked,
        AlertKind::Budget80,
        AlertKind::Budget93,
        AlertKind::Budget100,
    ];
}

/// Something that is so at this moment, and worth an alert.
#[derive(Debug, Clone)]
pub struct AlertFinding {
    /// Whose.
    pub tenant: TenantId,
    /// Of which connection.
    pub connection: ConnectionId,
    /// What.
    pub kind: AlertKind,
    /// How many: failures, writes, requests of the minute.
    pub count: i64,
    /// Of how many: writes of the hour, requests that one minute may see.
    pub of: Option<i64>,
    /// Since when, or when: the key's end, the oldest write, the day's quota used up.
    pub at: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    connection_id: Uuid,
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    of: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    at: Option<Timestamp>,
}

/// The lines of writes: which is the first of each, and which lines are being worked off.
pub(crate) const LINES: &str = "
    WITH firsts AS MATERIALIZED (
        SELECT DISTINCT ON (h.connection_id) h.connection_id, h.created_at, h.next_check_at FROM pms_writebacks h
        WHERE h.state = 'queued' AND h.deadline_at > now() AND (h.depends_on IS NULL OR EXISTS (
            SELECT FROM pms_writebacks d WHERE d.id = h.depends_on AND d.state = 'succeeded'))
        ORDER BY h.connection_id, h.id),
    moving AS MATERIALIZED (
        SELECT connection_id FROM firsts f
        WHERE next_check_at > now() OR created_at >= now() - make_interval(mins => {MINUTES}) OR EXISTS (
            SELECT FROM pms_writebacks s WHERE s.connection_id = f.connection_id
                AND s.last_sent_at > now() - make_interval(mins => {MINUTES})))";

/// Which write of `pms_writebacks q` is stuck, with [`LINES`]. It waits on purpose when it is queued for later, behind one
/// that it needs, or in a line whose first waits on purpose or that is being worked off: those are not stuck.
pub(crate) const STUCK: &str = "
    q.state IN ('queued', 'sending', 'unknown', 'submitted')
        -- What waited long before it was sent has had no time since.
        AND greatest(q.created_at, q.last_sent_at) < now()
            - CASE WHEN q.state = 'submitted' AND q.reason = 'not_in_records_yet'
                THEN make_interval(hours => {HOURS}) ELSE make_interval(mins => {MINUTES}) END
        AND NOT (q.state = 'queued' AND (q.next_check_at > now()
            OR q.connection_id IN (SELECT connection_id FROM moving)
            OR EXISTS (SELECT FROM pms_writebacks d WHERE d.id = q.depends_on AND d.state <> 'succeeded')))";

const FINDINGS: &str = "
    {LINES}
    SELECT tenant_id, id AS connection_id, 'reauthorise' AS code, 0::bigint AS count, NULL::bigint AS of,
        updated_at AS at
    FROM pms_connections WHERE status = 'reauthorise'
    UNION ALL
    SELECT tenant_id, id, 'refresh_failing', refresh_failures::bigint, NULL, updated_at
    FROM pms_connections WHERE status = 'active' AND refresh_failures >= $1
        -- Then it is all of them, for one reason that is told of once; what was told of before goes on.
        AND (EXISTS (SELECT FROM alerts a WHERE a.connection_id = pms_connections.id AND a.cleared_at IS NULL
                AND a.code = 'refresh_failing')
            OR NOT EXISTS (SELECT FROM alerts WHERE tenant_id IS NULL AND cleared_at IS NULL
                AND code IN ('application_refused', 'vendor_down')))
    UNION ALL
    SELECT tenant_id, id, 'token_expiring', refresh_failures::bigint, NULL, token_expires_at
    FROM pms_connections WHERE status = 'active' AND token_expires_at < now() + make_interval(mins => $2)
        -- What was only put off, by a limit, is no failure; with the key's end so near it is told of.
        AND (refresh_failures > 0 OR last_error IS NOT NULL OR refresh_due_at < now() - interval '5 min')
    UNION ALL
    SELECT q.tenant_id, q.connection_id, 'writebacks_stuck', count(*), NULL, min(q.created_at)
    FROM pms_writebacks q
    WHERE {STUCK}
    GROUP BY q.tenant_id, q.connection_id
    UNION ALL
    SELECT tenant_id, connection_id, 'writebacks_failing',
        count(*) FILTER (WHERE state <> 'succeeded'), count(*), NULL
    FROM (
        SELECT tenant_id, connection_id, state, finished_at,
            row_number() OVER (PARTITION BY connection_id ORDER BY finished_at DESC) AS nth
        -- What people ended went no way of its own.
        FROM pms_writebacks WHERE finished_at > now() - interval '1 day'
            AND reason IS DISTINCT FROM 'settled_by_staff' AND connection_id IN (
            SELECT connection_id FROM pms_writebacks
            WHERE finished_at > now() - interval '1 day' AND state IN ('failed', 'parked')
            GROUP BY connection_id HAVING count(*) >= $4)) w
    WHERE finished_at > now() - interval '1 hour' OR nth <= $6
    GROUP BY tenant_id, connection_id
    HAVING count(*) FILTER (WHERE state <> 'succeeded') >= $4
        AND count(*) FILTER (WHERE state <> 'succeeded') * 100 > count(*) * $3
    UNION ALL
    -- Told and ended with the write; here for those that a crash kept from it.
    SELECT tenant_id, connection_id, 'writeback_parked', count(*), NULL, min(finished_at)
    FROM pms_writebacks q WHERE state = 'parked' AND {OPEN} GROUP BY tenant_id, connection_id
    UNION ALL
    SELECT tenant_id, connection_id,
        CASE WHEN spent_at IS NOT NULL OR reached_100_at > since THEN 'budget_100'
            WHEN reached_93_at > since THEN 'budget_93' ELSE 'budget_80' END,
        minute_used::bigint, most::bigint, spent_at
    FROM (SELECT *, now() - make_interval(mins => $5) AS since,
            -- The day's quota is asked for once an hour: until then, and a little longer, it counts as used up.
            CASE WHEN day_spent_at > now() - interval '75 min' THEN day_spent_at END AS spent_at
        FROM pms_request_budgets) b
    WHERE spent_at IS NOT NULL OR greatest(reached_80_at, reached_93_at, reached_100_at) > since";

impl MachineryTx {
    /// How many of a vendor's connections could not refresh their keys the last `times` times, for another reason than that
    /// the application's own are refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refreshes_failing(&mut self, vendor: &str, times: i32) -> Result<i64, StoreError> {
        let ours = al::table
            .filter(al::tenant_id.is_null())
            .filter(al::cleared_at.is_null())
            .filter(al::code.eq(AlertKind::ApplicationRefused.code()));
        // Our own keys are refused: that is told of, and is no word about the vendor.
        if ours.count().get_result::<i64>(&mut self.conn).await? > 0 {
            return Ok(0);
        }
        let failing = c::table
            .filter(c::vendor.eq(vendor))
            .filter(c::status.eq("active"))
            .filter(c::refresh_failures.ge(times));
        Ok(failing.count().get_result(&mut self.conn).await?)
    }

    /// Of the writes of the last hour, all practices together: how many failed or were set aside, and how many there
    /// were; nothing where too few failed, in too few practices, to say anything of the vendor.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn failing_everywhere(&mut self, rules: &AlertRules) -> Result<Option<(i64, i64)>, StoreError> {
        #[derive(QueryableByName)]
        struct Sums {
            #[diesel(sql_type = BigInt)]
            failed: i64,
            #[diesel(sql_type = BigInt)]
            all: i64,
            #[diesel(sql_type = BigInt)]
            practices: i64,
        }
        let sums: Sums = statement(
            "SELECT count(*) FILTER (WHERE state <> 'succeeded') AS failed, count(*) AS all,
                 count(DISTINCT connection_id) FILTER (WHERE state <> 'succeeded') AS practices
             FROM pms_writebacks
             WHERE finished_at > now() - interval '1 hour' AND reason IS DISTINCT FROM 'settled_by_staff'",
        )
        .get_result(&mut self.conn)
        .await?;
        let is_much = sums.failed >= rules.everywhere_least
            && sums.practices >= rules.everywhere_practices
            && sums.failed * 100 > sums.all * i64::from(rules.failing_percent);
        Ok(is_much.then_some((sums.failed, sums.all)))
    }

    /// Everything that is worth an alert now, whoever's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alert_findings(&mut self, rules: &AlertRules) -> Result<Vec<AlertFinding>, StoreError> {
        let rows: Vec<Row> = statement(rules.stuck(FINDINGS).replace("{OPEN}", OPEN))
            .bind::<Integer, _>(rules.refresh_failures)
            .bind::<Integer, _>(rules.expiring_minutes)
            .bind::<Integer, _>(rules.failing_percent)
            .bind::<Integer, _>(rules.failing_least)
            .bind::<Integer, _>(rules.budget_minutes)
            .bind::<Integer, _>(rules.failing_writes)
            .load(&mut self.conn)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(AlertFinding {
                    tenant: TenantId::from_uuid(row.tenant_id),
                    connection: ConnectionId::from_uuid(row.connection_id),
                    kind: AlertKind::from_code(&row.code)
                        .ok_or(StoreError::Unreadable("alert_findings.code"))?,
                    count: row.count,
                    of: row.of,
                    at: row.at,
                })
            })
            .collect()
    }
}
