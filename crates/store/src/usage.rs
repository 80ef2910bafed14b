use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{ConnectionId, PracticeId, TenantId};
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use uuid::Uuid;

use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

/// What one connection's office has used of its requests: locations of one office share them, and each shows the whole. Exact across replicas: it is counted where requests are taken.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Whose.
    pub tenant: TenantId,
    /// Which location.
    pub practice: PracticeId,
    /// The location's name.
    pub name: String,
    /// Which connection.
    pub connection: ConnectionId,
    /// What the vendor allows in a minute, where it has told.
    pub advertised: Option<i32>,
    /// This minute.
    pub minute: MinuteUsage,
    /// This day.
    pub day: DayUsage,
}

/// A connection's requests in the minute that runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinuteUsage {
    /// How many left since the minute began.
    pub used: i32,
    /// How many may leave at this moment without waiting; none: no request was made yet, and the limit is not known.
    pub remaining: Option<i32>,
    /// The most that any 60 seconds may see; none: no request was made yet.
    pub limit: Option<i32>,
    /// When the minute began.
    pub window_start: Timestamp,
}

/// A connection's requests in the day that runs, by UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayUsage {
    /// How many left since the day began.
    pub used: i32,
    /// How many may still leave, where a quota is set; 0 also where the vendor said that its own is used up.
    pub remaining: Option<i32>,
    /// The quota, where an operator has set it.
    pub limit: Option<i32>,
    /// When the day began.
    pub window_start: Timestamp,
    /// No request leaves before: the vendor said that the day's quota is used up.
    pub stopped_until: Option<Timestamp>,
}

impl MinuteUsage {
    /// The share of the limit that was used, in percent; 100 also where a request has to wait.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        self.remaining.zip(self.limit).map(|(remaining, limit)| match remaining {
            ..=0 => 100.0,
            _ => percent(self.used, limit - self.used),
        })
    }
}

impl DayUsage {
    /// The share used, in percent, where a quota is known or used up.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        self.remaining.map(|remaining| percent(self.used, remaining))
    }
}

fn percent(used: i32, remaining: i32) -> f64 {
    if remaining <= 0 {
        return 100.0;
    }
    let share = f64::from(used) / f64::from(used + remaining);
    (share * 1000.0).round() / 10.0
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    practice_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<Integer>)]
    advertised: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    most: Option<i32>,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    minute: Timestamp,
    #[diesel(sql_type = Integer)]
    minute_used: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    free_now: Option<i32>,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    day: Timestamp,
    #[diesel(sql_type = Integer)]
    day_used: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    day_most: Option<i32>,
    #[diesel(sql_type = Bool)]
    stopped: bool,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    closed_until: Option<Timestamp>,
}

async fn usage(conn: &mut AsyncPgConnection) -> Result<Vec<Usage>, StoreError> {
    let rows: Vec<Row> = statement(
        "SELECT c.tenant_id, c.practice_id, p.name, c.id, b.advertised, b.most,
             date_trunc('minute', now()) AS minute, date_trunc('day', now(), 'UTC') AS day,
             CASE WHEN b.minute_start = date_trunc('minute', now()) THEN b.minute_used ELSE 0 END AS minute_used,
             CASE WHEN b.day_start = date_trunc('day', now(), 'UTC') THEN b.day_used ELSE 0 END AS day_used,
             b.day_most, b.closed_until,
             coalesce(b.closed_until > now() AND b.day_spent_at > now() - interval '1 hour', false) AS stopped,
             CASE WHEN b.most IS NULL THEN NULL WHEN b.closed_until > now() THEN 0 ELSE floor(least(greatest(b.most / 2.0, 1),
                 b.tokens + b.most / 120.0
                     * greatest(0, extract(epoch FROM now() - b.refilled_at)::float8)))::int END AS free_now
         FROM pms_connections c JOIN practices p ON p.id = c.practice_id
         LEFT JOIN pms_request_budgets b ON b.connection_id = pms_budget_of(c.id)
         WHERE c.status <> 'disabled' ORDER BY p.name, c.id",
    )
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(Usage::from).collect())
}

impl From<Row> for Usage {
    fn from(row: Row) -> Self {
        let left_today = row.day_most.map(|most| (most - row.day_used).max(0));
        Self {
            tenant: TenantId::from_uuid(row.tenant_id),
            practice: PracticeId::from_uuid(row.practice_id),
            name: row.name,
            connection: ConnectionId::from_uuid(row.id),
            advertised: row.advertised,
            minute: MinuteUsage {
                used: row.minute_used,
                remaining: row.free_now.map(|free| free.min(left_today.unwrap_or(i32::MAX))),
                limit: row.most,
                window_start: row.minute,
            },
            day: DayUsage {
                used: row.day_used,
                remaining: if row.stopped { Some(0) } else { left_today },
                limit: row.day_most,
                window_start: row.day,
                stopped_until: row.closed_until.filter(|_| row.stopped),
            },
        }
    }
}

impl TenantTx {
    /// What the tenant's connections have used, by location.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn usage(&mut self) -> Result<Vec<Usage>, StoreError> {
        usage(&mut self.conn).await
    }
}

impl MachineryTx {
    /// What everybody's connections have used, by location.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn usage(&mut self) -> Result<Vec<Usage>, StoreError> {
        usage(&mut self.conn).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_no_longer_leave_is_all_used_whatever_was_counted() {
        for (used, remaining, expected) in
            [(0, 0, 100.0), (50, 0, 100.0), (0, 50, 0.0), (40, 10, 80.0), (1, 2, 33.3)]
        {
            assert!((percent(used, remaining) - expected).abs() < 1e-9, "{used} and {remaining}");
        }
    }
}
