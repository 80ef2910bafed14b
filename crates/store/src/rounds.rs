use diesel::prelude::*;
use diesel::sql_types::{Double, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId, WritebackId, WritebackState};
use jiff::Timestamp;
use uuid::Uuid;

use crate::statement::statement;
use crate::{AlertRules, MachineryTx, StoreError};

/// A connection with writes that somebody should look at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DueConnection {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub connection: ConnectionId,
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

/// Of each connection with queued writes only the first that may be sent is looked at, by an index that holds
/// nothing else: of tens of thousands that wait, a few hundred are read.
const FIRST_IN_LINE: &str = "WITH RECURSIVE waiting AS (
        (SELECT connection_id FROM pms_writebacks WHERE state = 'queued' ORDER BY connection_id LIMIT 1)
        UNION ALL
        SELECT (SELECT w.connection_id FROM pms_writebacks w
                WHERE w.state = 'queued' AND w.connection_id > waiting.connection_id
                ORDER BY w.connection_id LIMIT 1)
        FROM waiting WHERE waiting.connection_id IS NOT NULL)
    SELECT c.tenant_id, c.id FROM waiting
    JOIN pms_connections c ON c.id = waiting.connection_id
    CROSS JOIN LATERAL (
        SELECT q.next_check_at, q.lease_until FROM pms_writebacks q
        WHERE q.connection_id = waiting.connection_id AND q.state = 'queued' AND q.deadline_at > now()
          AND (q.depends_on IS NULL OR EXISTS (
              SELECT FROM pms_writebacks d WHERE d.id = q.depends_on AND d.state = 'succeeded'))
        ORDER BY q.id LIMIT 1) head
    WHERE c.vendor = $1 AND head.next_check_at <= now()
      AND (head.lease_until IS NULL OR head.lease_until < now())
      AND NOT EXISTS (SELECT FROM pms_writebacks s
          WHERE s.connection_id = waiting.connection_id AND s.state = 'sending')
    ORDER BY head.next_check_at LIMIT 1000";

const DUE_IN_STATE: &str = "SELECT q.tenant_id, q.connection_id AS id FROM pms_writebacks q
    JOIN pms_connections c ON c.id = q.connection_id
    WHERE c.vendor = $1 AND q.state = '{STATE}' AND q.next_check_at <= now()
      AND (q.lease_until IS NULL OR q.lease_until < now())
    GROUP BY q.tenant_id, q.connection_id ORDER BY min(q.next_check_at) LIMIT 1000";

impl MachineryTx {
    /// The connections with a write in `state` that is due and nobody's. A queued write whose
    /// forerunner has not succeeded is not due, nor one past its deadline; neither is one behind another that is
    /// being sent, or behind an older one that waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_connections(
        &mut self,
        state: WritebackState,
        vendor: &str,
    ) -> Result<Vec<DueConnection>, StoreError> {
        let sql = match state {
            WritebackState::Queued => FIRST_IN_LINE.to_owned(),
            other => DUE_IN_STATE.replace("{STATE}", other.as_str()),
        };
        let due = statement(sql).bind::<Text, _>(vendor).of_tenants(&mut self.conn).await?;
        let due = due.into_iter();
        Ok(due
            .map(|(tenant, id)| DueConnection { tenant, connection: ConnectionId::from_uuid(id) })
            .collect())
    }

    /// Whether the round called `name` is this process's to make now: one of all makes it, once in `every_s` seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_round(&mut self, name: &str, every_s: f64) -> Result<bool, StoreError> {
        let begun = statement(
            "INSERT INTO rounds AS r (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET begun_at = now()
             WHERE r.begun_at <= now() - make_interval(secs => $2)",
        )
        .bind::<Text, _>(name)
        .bind::<Double, _>(every_s)
        .execute(&mut self.conn)
        .await?;
        Ok(begun == 1)
    }

    /// Turns writes whose sender died into `unknown`: somebody must look before they are sent again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reap_dead_senders(&mut self) -> Result<usize, StoreError> {
        Ok(statement(
            "UPDATE pms_writebacks SET state = 'unknown', reason = 'sender_died', lease_until = NULL,
                 lease_owner = NULL, check_count = 0, next_check_at = now(), updated_at = now()
             WHERE state = 'sending' AND lease_until < now()",
        )
        .execute(&mut self.conn)
        .await?)
    }

    /// The writes past their deadline, or whose forerunner failed or was given up. One whose forerunner was set aside
    /// waits for what staff find. A page of 200, the one behind `after`: one that cannot be ended hides no other.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn overdue(
        &mut self,
        after: Option<WritebackId>,
    ) -> Result<Vec<(TenantId, WritebackId, bool)>, StoreError> {
        #[derive(QueryableByName)]
        struct Overdue {
            #[diesel(sql_type = SqlUuid)]
            tenant_id: Uuid,
            #[diesel(sql_type = SqlUuid)]
            id: Uuid,
            #[diesel(sql_type = diesel::sql_types::Bool)]
            forerunner_ended: bool,
        }
        let rows: Vec<Overdue> = statement(
            "SELECT q.tenant_id, q.id,
                 coalesce(d.state = 'failed' OR gone.writeback_id IS NOT NULL, false) AS forerunner_ended
             FROM pms_writebacks q LEFT JOIN pms_writebacks d ON d.id = q.depends_on
             LEFT JOIN pms_writeback_drops gone ON gone.writeback_id = d.id
             WHERE q.state IN ('queued', 'unknown', 'submitted')
               AND (q.deadline_at < now()
                    OR (q.state = 'queued' AND (d.state = 'failed' OR gone.writeback_id IS NOT NULL)))
               AND (q.lease_until IS NULL OR q.lease_until < now()) AND ($1 IS NULL OR q.id > $1)
             ORDER BY q.id LIMIT 200",
        )
        .bind::<Nullable<SqlUuid>, _>(after.map(WritebackId::uuid))
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

    /// How many writes are in each state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn writeback_counts(&mut self) -> Result<WritebackCounts, StoreError> {
        use crate::schema::pms_writebacks as w;
        let counted =
            w::table.group_by(w::state).select((w::state, diesel::dsl::count_star())).order(w::state);
        Ok(counted.load(&mut self.conn).await?)
    }

    /// The writes that do not move though nothing is final about them, and that wait for nothing on purpose: those that an
    /// alert would tell of. The oldest of them first, a hundred at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stuck_writebacks(&mut self, rules: &AlertRules) -> Result<Vec<StuckWriteback>, StoreError> {
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
        let rows: Vec<Stuck> = statement(rules.stuck(
            "{LINES} SELECT id, tenant_id, state, created_at FROM pms_writebacks q WHERE {STUCK}
             ORDER BY created_at LIMIT 100",
        ))
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
