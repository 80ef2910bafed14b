use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{ConnectionId, PracticeId, TenantId, WritebackId, WritebackState};
use jiff::Timestamp;
use jiff_diesel::{NullableTimestamp, ToDiesel as _};
use uuid::Uuid;

use crate::replays::OPEN;
use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

/// Which writes to list. What is not given does not matter.
#[derive(Debug, Clone, Default)]
pub struct WritebackFilter {
    /// Of this location.
    pub practice: Option<PracticeId>,
    /// In any of these states; none: in whichever.
    pub states: Vec<WritebackState>,
    /// Where they are for this reason.
    pub reason: Option<String>,
    /// Asked for at this time or later.
    pub since: Option<Timestamp>,
    /// Asked for before.
    pub until: Option<Timestamp>,
    /// Only those that nobody has replayed or given up.
    pub open: bool,
    /// The page after this one.
    pub after: Option<WritebackId>,
    /// How many at most.
    pub most: i64,
}

/// A write as a list shows it: without its content.
#[derive(Debug, Clone)]
pub struct ListedWriteback {
    /// Which.
    pub id: WritebackId,
    /// Whose.
    pub tenant: TenantId,
    /// Of which location.
    pub practice: PracticeId,
    /// Into which system.
    pub connection: ConnectionId,
    /// `create_patient`, `book_appointment`, …
    pub operation: String,
    /// Where it is.
    pub state: WritebackState,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// What the practice's system would show of it.
    pub reference: String,
    /// How often it was sent, or nearly.
    pub attempts: i32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When nobody waits for it any longer.
    pub deadline_at: Timestamp,
    /// When the appointment it is about begins.
    pub about_at: Option<Timestamp>,
    /// The write that it tries again.
    pub replays: Option<WritebackId>,
    /// The write that tries it again.
    pub replayed_as: Option<WritebackId>,
    /// Why staff gave it up.
    pub dropped: Option<String>,
    /// As what they gave it up: `entered_by_hand` or `not_wanted`.
    pub dropped_as: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    practice_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    connection_id: Uuid,
    #[diesel(sql_type = Text)]
    operation: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Text)]
    reference: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    created_at: Timestamp,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    deadline_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    about_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    replays: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    replayed_as: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    dropped: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    dropped_as: Option<String>,
}

impl TryFrom<Row> for ListedWriteback {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: WritebackId::from_uuid(row.id),
            tenant: TenantId::from_uuid(row.tenant_id),
            practice: PracticeId::from_uuid(row.practice_id),
            connection: ConnectionId::from_uuid(row.connection_id),
            operation: row.operation,
            state: row.state.parse().map_err(|_| StoreError::Unreadable("pms_writebacks.state"))?,
            reason: row.reason,
            reference: row.reference,
            attempts: row.attempts,
            created_at: row.created_at,
            deadline_at: row.deadline_at,
            about_at: row.about_at,
            replays: row.replays.map(WritebackId::from_uuid),
            replayed_as: row.replayed_as.map(WritebackId::from_uuid),
            dropped: row.dropped,
            dropped_as: row.dropped_as,
        })
    }
}

async fn list(
    conn: &mut AsyncPgConnection,
    filter: &WritebackFilter,
) -> Result<Vec<ListedWriteback>, StoreError> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let time = |at: Option<Timestamp>| at.map(|at| at.to_diesel());
    let rows: Vec<Row> = statement(format!(
        "SELECT q.id, q.tenant_id, c.practice_id, q.connection_id, q.operation, q.state, q.reason, q.reference,
             q.attempts, q.created_at, q.deadline_at, q.about_at, q.replays, r.id AS replayed_as, d.reason AS dropped,
             d.outcome AS dropped_as
         FROM pms_writebacks q JOIN pms_connections c ON c.id = q.connection_id
         LEFT JOIN pms_writebacks r ON r.replays = q.id
         LEFT JOIN pms_writeback_drops d ON d.writeback_id = q.id
         WHERE ($1 IS NULL OR c.practice_id = $1) AND (cardinality($2) = 0 OR q.state = ANY($2))
           AND ($3 IS NULL OR q.reason = $3) AND ($4 IS NULL OR q.created_at >= $4)
           AND ($5 IS NULL OR q.created_at < $5) AND ($6 IS NULL OR q.id > $6) AND (NOT $7 OR ({OPEN}))
         ORDER BY q.id LIMIT $8"
    ))
    .bind::<Nullable<SqlUuid>, _>(filter.practice.map(PracticeId::uuid))
    .bind::<Array<Text>, _>(states)
    .bind::<Nullable<Text>, _>(&filter.reason)
    .bind::<Nullable<Timestamptz>, _>(time(filter.since))
    .bind::<Nullable<Timestamptz>, _>(time(filter.until))
    .bind::<Nullable<SqlUuid>, _>(filter.after.map(WritebackId::uuid))
    .bind::<Bool, _>(filter.open)
    .bind::<BigInt, _>(filter.most)
    .load(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

impl TenantTx {
    /// The tenant's writes that fit, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_writebacks(
        &mut self,
        filter: &WritebackFilter,
    ) -> Result<Vec<ListedWriteback>, StoreError> {
        list(&mut self.conn, filter).await
    }
}

impl MachineryTx {
    /// Every tenant's writes that fit, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_writebacks(
        &mut self,
        filter: &WritebackFilter,
    ) -> Result<Vec<ListedWriteback>, StoreError> {
        list(&mut self.conn, filter).await
    }
}
