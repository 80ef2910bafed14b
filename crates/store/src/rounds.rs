use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId, WritebackId, WritebackState};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{MachineryTx, StoreError};

/// A connection with writes that somebody should look at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DueConnection {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub connection: ConnectionId,
}

/// A write as a list shows it: without its content.
#[derive(Debug, Clone)]
pub struct ListedWriteback {
    /// Which.
    pub id: WritebackId,
    /// Whose.
    pub tenant: TenantId,
    /// As [`crate::Writeback::operation`].
    pub operation: String,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// What the practice's system would show of it.
    pub reference: String,
    /// How often it was sent, or nearly.
    pub attempts: i32,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// A write in flight for longer than it should be.
#[derive(Debug, Clone)]
pub struct StuckWriteback {
    /// Which.
    pub id: WritebackId,
    /// Whose.
    pub tenant: TenantId,
    /// Where it is.
    pub state: String,
    /// Since when.
    pub since: Timestamp,
}

/// How many writes are in each state.
pub type WritebackCounts = Vec<(String, i64)>;

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    connection_id: Uuid,
}

impl MachineryTx {
    /// The connections with a write in `state` that is due and nobody's. A queued write whose
    /// forerunner has not succeeded is not due; neither is one behind another that is being sent, or
    /// behind an older one that waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_connections(
        &mut self,
        state: WritebackState,
        vendor: &str,
    ) -> Result<Vec<DueConnection>, StoreError> {
        let rows: Vec<DueRow> = diesel::sql_query(
            "SELECT DISTINCT q.tenant_id, q.connection_id FROM pms_writebacks q
             JOIN pms_connections c ON c.id = q.connection_id
             WHERE q.state = $1 AND c.vendor = $2 AND q.next_check_at <= now()
               AND (q.lease_until IS NULL OR q.lease_until < now())
               AND (q.state <> 'queued' OR (
                    (q.depends_on IS NULL OR EXISTS (
                        SELECT FROM pms_writebacks d WHERE d.id = q.depends_on AND d.state = 'succeeded'))
                    AND NOT EXISTS (SELECT FROM pms_writebacks s
                        WHERE s.connection_id = q.connection_id AND s.state = 'sending')
                    AND NOT EXISTS (SELECT FROM pms_writebacks e
                        WHERE e.connection_id = q.connection_id AND e.state = 'queued' AND e.id < q.id
                          AND e.next_check_at > now() AND e.deadline_at > now()
                          AND (e.depends_on IS NULL OR EXISTS (
                              SELECT FROM pms_writebacks d WHERE d.id = e.depends_on AND d.state = 'succeeded')))))
             LIMIT 1000",
        )
        .bind::<Text, _>(state.as_str())
        .bind::<Text, _>(vendor)
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| DueConnection {
                tenant: TenantId::from_uuid(row.tenant_id),
                connection: ConnectionId::from_uuid(row.connection_id),
            })
            .collect())
    }

    /// Turns writes whose sender died into `unknown`: somebody must look before they are sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reap_dead_senders(&mut self) -> Result<usize, StoreError> {
        Ok(diesel::sql_query(
            "UPDATE pms_writebacks SET state = 'unknown', reason = 'sender_died', lease_until = NULL,
                 lease_owner = NULL, check_count = 0, next_check_at = now(), updated_at = now()
             WHERE state = 'sending' AND lease_until < now()",
        )
        .execute(&mut self.conn)
        .await?)
    }

    /// The writes past their deadline, or whose forerunner ended without success.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn overdue(&mut self) -> Result<Vec<(TenantId, WritebackId, bool)>, StoreError> {
        #[derive(QueryableByName)]
        struct Overdue {
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = diesel::sql_types::Bool)]
            forerunner_ended: bool,
        }
        let rows: Vec<Overdue> = diesel::sql_query(
            "SELECT q.tenant_id, q.id, coalesce(d.state IN ('failed', 'parked'), false) AS forerunner_ended
             FROM pms_writebacks q LEFT JOIN pms_writebacks d ON d.id = q.depends_on
             WHERE q.state IN ('queued', 'unknown', 'submitted')
               AND (q.deadline_at < now() OR (q.state = 'queued' AND d.state IN ('failed', 'parked')))
               AND (q.lease_until IS NULL OR q.lease_until < now())
             LIMIT 200",
        )
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (TenantId::from_uuid(row.tenant_id), WritebackId::from_uuid(row.id), row.forerunner_ended)
            })
            .collect())
    }

    /// Whose a write is, and which vendor's.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn writeback_owner(&mut self, id: WritebackId) -> Result<(TenantId, String), StoreError> {
        use crate::schema::{pms_connections as c, pms_writebacks as w};
        let (tenant, vendor): (Uuid, String) = w::table
            .inner_join(c::table.on(c::id.eq(w::connection_id)))
            .select((w::tenant_id, c::vendor))
            .filter(w::id.eq(id.uuid()))
            .first(&mut self.conn)
            .await?;
        Ok((TenantId::from_uuid(tenant), vendor))
    }

    /// The writes in `state`, oldest first: which, whose, why, since when.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn writebacks_in(
        &mut self,
        state: WritebackState,
        most: i64,
    ) -> Result<Vec<ListedWriteback>, StoreError> {
        use crate::schema::pms_writebacks as w;
        type Row = (Uuid, Uuid, String, Option<String>, String, i32, jiff_diesel::Timestamp);
        let rows: Vec<Row> = w::table
            .select((w::id, w::tenant_id, w::operation, w::reason, w::reference, w::attempts, w::created_at))
            .filter(w::state.eq(state.as_str()))
            .order(w::id)
            .limit(most)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, tenant, operation, reason, reference, attempts, created_at)| ListedWriteback {
                id: WritebackId::from_uuid(id),
                tenant: TenantId::from_uuid(tenant),
                operation,
                reason,
                reference,
                attempts,
                created_at: created_at.to_jiff(),
            })
            .collect())
    }

    /// How many writes are in each state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn writeback_counts(&mut self) -> Result<WritebackCounts, StoreError> {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = Text)]
            state: String,
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let rows: Vec<Count> =
            diesel::sql_query("SELECT state, count(*) FROM pms_writebacks GROUP BY state ORDER BY state")
                .load(&mut self.conn)
                .await?;
        Ok(rows.into_iter().map(|row| (row.state, row.count)).collect())
    }

    /// The writes that have not moved for `minutes` though nothing is final about them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stuck_writebacks(&mut self, minutes: i32) -> Result<Vec<StuckWriteback>, StoreError> {
        #[derive(QueryableByName)]
        struct Stuck {
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = Text)]
            state: String,
            #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
            created_at: Timestamp,
        }
        let rows: Vec<Stuck> = diesel::sql_query(
            "SELECT id, tenant_id, state, created_at FROM pms_writebacks
             WHERE state IN ('queued', 'sending', 'unknown', 'submitted')
               AND created_at < now() - make_interval(mins => $1)
             ORDER BY created_at LIMIT 100",
        )
        .bind::<Integer, _>(minutes)
        .load(&mut self.conn)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| StuckWriteback {
                id: WritebackId::from_uuid(row.id),
                tenant: TenantId::from_uuid(row.tenant_id),
                state: row.state,
                since: row.created_at,
            })
            .collect())
    }
}
