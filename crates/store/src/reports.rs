use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use jiff_diesel::ToDiesel as _;
use serde_json::Value;

use crate::statement::statement;
use crate::{AlertRules, MachineryTx, StoreError, TenantTx};

/// A question an operator asks often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// How often each action went well: answers to callers, and writes in the practices' systems.
    SuccessRate,
    /// How many actions of each hour went wrong.
    ErrorRate,
    /// Who read or wrote how many patients' data, and how often.
    PatientAccess,
    /// Keys that end within two hours.
    TokensExpiring,
    /// Writes that have been under way for more than half an hour and wait for nothing on purpose.
    StuckWritebacks,
    /// Writes that failed or were set aside, by what and why.
    FailedWritebacks,
}

impl Report {
    /// Every report.
    pub const ALL: [Self; 6] = [
        Self::SuccessRate,
        Self::ErrorRate,
        Self::PatientAccess,
        Self::TokensExpiring,
        Self::StuckWritebacks,
        Self::FailedWritebacks,
    ];

    /// Its name, in commands and paths.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SuccessRate => "success-rate",
            Self::ErrorRate => "error-rate",
            Self::PatientAccess => "patient-access",
            Self::TokensExpiring => "tokens-expiring",
            Self::StuckWritebacks => "stuck-writebacks",
            Self::FailedWritebacks => "failed-writebacks",
        }
    }

    /// The report of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|report| report.name() == name)
    }

    /// What it tells, in one sentence.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::SuccessRate => {
                "How often each action went well since then: `answer` is what a caller or a program was told, \
                 `write` how writes ended in the practices' systems. What was refused, or left to staff, counts as \
                 neither success nor error."
            }
            Self::ErrorRate => "How many actions of each hour since then went wrong, in percent of all.",
            Self::PatientAccess => {
                "Who read or wrote patients' data since then: how often, and of how many patients. No patient is \
                 named."
            }
            Self::TokensExpiring => "Keys of active connections that end within two hours, or have ended.",
            Self::StuckWritebacks => {
                "Writes that have been under way for more than half an hour and wait for nothing on purpose, oldest first."
            }
            Self::FailedWritebacks => {
                "Writes that failed or were set aside since then, by operation and reason."
            }
        }
    }

    /// SQL for its lines; `$1` is the time it begins at. Of what stands now it gives so many, `most`.
    fn lines(self, most: &str) -> String {
        match self {
            Self::SuccessRate => format!(
                "SELECT replace(action, '.landed', '') AS action, CASE WHEN action LIKE '%.landed' THEN 'write' ELSE 'answer' END AS side, count(*) AS total,
                     count(*) FILTER (WHERE outcome IN {WELL}) AS succeeded,
                     count(*) FILTER (WHERE outcome IN {WRONG}) AS failed,
                     round(100.0 * count(*) FILTER (WHERE outcome IN {WELL})
                         / nullif(count(*) FILTER (WHERE outcome IN {WELL} OR outcome IN {WRONG}), 0), 1)
                         AS success_percent
                 FROM audit_log WHERE {ACTIONS} GROUP BY 1, 2 ORDER BY 1, 2"
            ),
            Self::ErrorRate => format!(
                "SELECT to_char(date_trunc('hour', at, 'UTC') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS hour,
                     count(*) AS total, count(*) FILTER (WHERE outcome IN {WRONG}) AS failed,
                     round(100.0 * count(*) FILTER (WHERE outcome IN {WRONG}) / count(*), 1) AS error_percent
                 FROM audit_log WHERE {ACTIONS} GROUP BY 1 ORDER BY 1"
            ),
            Self::PatientAccess => format!(
                "SELECT actor, action, count(DISTINCT sequence_of) AS times, count(DISTINCT one) AS patients, {}
                 FROM (SELECT actor, action, at, tenant_id || '/' || sequence AS sequence_of,
                         tenant_id || '/' || regexp_split_to_table(patient, ' ') AS one
                     FROM audit_log WHERE at >= $1 AND patient IS NOT NULL) AS seen
                 GROUP BY actor, action ORDER BY times DESC, actor, action",
                time("max(at)", "last_at")
            ),
            Self::TokensExpiring => format!(
                "SELECT {TENANT}, {CONNECTION}, p.name AS practice, {},
                     extract(epoch FROM c.token_expires_at - now())::bigint AS seconds_left,
                     c.refresh_failures, c.last_error
                 FROM pms_connections c JOIN practices p ON p.id = c.practice_id
                 WHERE c.status = 'active' AND c.token_expires_at < now() + interval '2 hours' AND $1 IS NOT NULL
                 ORDER BY c.token_expires_at LIMIT {most}",
                time("c.token_expires_at", "expires_at")
            ),
            Self::StuckWritebacks => AlertRules::default().stuck(&format!(
                "{{LINES}} SELECT 'wb_' || replace(q.id::text, '-', '') AS writeback, {TENANT}, {CONNECTION},
                     p.name AS practice, q.operation, q.state, q.reason, {}, {},
                     extract(epoch FROM now() - q.created_at)::bigint / 60 AS minutes
                 FROM pms_writebacks q JOIN pms_connections c ON c.id = q.connection_id
                 JOIN practices p ON p.id = c.practice_id
                 WHERE {{STUCK}} AND $1 IS NOT NULL
                 ORDER BY q.created_at LIMIT {most}",
                time("q.created_at", "created_at"),
                time("q.next_check_at", "next_check_at")
            )),
            Self::FailedWritebacks => format!(
                "SELECT w.operation, w.state, w.reason, count(*) AS writes, count(DISTINCT w.connection_id) AS practices, {}
                 FROM pms_writebacks w WHERE w.finished_at >= $1 AND w.state IN ('failed', 'parked')
                 GROUP BY 1, 2, 3 ORDER BY writes DESC, 1, 3",
                time("max(w.finished_at)", "last_at")
            ),
        }
    }
}

/// An action went well.
const WELL: &str = "('ok', 'found', 'none', 'several', 'confirmed', 'accepted', 'succeeded')";
/// An action went wrong: nobody knows what became of it, or it did not land.
const WRONG: &str = "('unknown', 'failed', 'parked')";
/// What a caller or a program was told, and how writes ended; the rest of the record is housekeeping. The same answer
/// given again is no action.
const ACTIONS: &str = "at >= $1 AND (tool IS NOT NULL OR action LIKE '%.landed') AND NOT coalesce((detail ->> 'repeat')::boolean, false)";
const TENANT: &str = "'ten_' || replace(c.tenant_id::text, '-', '') AS tenant";
const CONNECTION: &str = "'conn_' || replace(c.id::text, '-', '') AS connection";

fn time(column: &str, name: &str) -> String {
    format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS {name}")
}

async fn lines(
    conn: &mut AsyncPgConnection,
    report: Report,
    since: Timestamp,
) -> Result<Vec<Value>, StoreError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Jsonb)]
        row: Value,
    }
    let rows: Vec<Row> =
        statement(format!("SELECT to_jsonb(line) AS row FROM ({}) AS line", report.lines("1000")))
            .bind::<Timestamptz, _>(since.to_diesel())
            .load(conn)
            .await?;
    Ok(rows.into_iter().map(|row| row.row).collect())
}

impl TenantTx {
    /// The lines of a report on this tenant. Reports on what stands now take no notice of `since`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(&mut self, report: Report, since: Timestamp) -> Result<Vec<Value>, StoreError> {
        lines(&mut self.conn, report, since).await
    }
}

impl MachineryTx {
    /// The lines of a report on everybody.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(&mut self, report: Report, since: Timestamp) -> Result<Vec<Value>, StoreError> {
        lines(&mut self.conn, report, since).await
    }

    /// How many lines a report on everybody has, also beyond those it gives.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report_size(&mut self, report: Report, since: Timestamp) -> Result<i64, StoreError> {
        let count = format!("SELECT count(*) AS number FROM ({}) AS line", report.lines("ALL"));
        Ok(statement(count).bind::<Timestamptz, _>(since.to_diesel()).number(&mut self.conn).await?)
    }
}
