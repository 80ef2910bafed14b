use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{TenantId, WritebackId};
use uuid::Uuid;

use crate::schema::{pms_replay_items as i, pms_replay_runs as r};
use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx};

/// Many replays, one after the other.
#[derive(Debug)]
pub struct NewReplayRun<'a> {
    /// Its id.
    pub id: Uuid,
    /// Who wants it.
    pub asked_by: &'a str,
    /// How many a minute.
    pub per_minute: i32,
    /// End it once so many went wrong.
    pub stop_after: Option<i32>,
    /// Which, in order.
    pub writes: &'a [WritebackId],
}

/// One write of a run.
#[derive(Debug, Clone)]
pub struct ReplayItem {
    /// Its place.
    pub position: i32,
    /// The write.
    pub writeback: WritebackId,
    /// `replayed`, or why not; nothing: its turn has not come.
    pub outcome: Option<String>,
    /// What replays it.
    pub replay: Option<WritebackId>,
    /// Where that is now.
    pub replay_state: Option<String>,
    /// It waits for what may take long and is nobody's fault, a server or the vendor's limit, or behind another of its
    /// practice that does.
    pub replay_waits: bool,
}

/// A run as it stands.
#[derive(Debug, Clone)]
pub struct ReplayRun {
    /// `running`, `done` or `stopped`.
    pub state: String,
    /// How many a minute.
    pub per_minute: i32,
    /// After how many that went wrong it ends.
    pub stop_after: Option<i32>,
    /// Its writes, in order.
    pub items: Vec<ReplayItem>,
}

#[derive(QueryableByName)]
struct ItemRow {
    #[diesel(sql_type = Integer)]
    position: i32,
    #[diesel(sql_type = SqlUuid)]
    writeback_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    outcome: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    replay_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    replay_state: Option<String>,
    #[diesel(sql_type = Bool)]
    replay_waits: bool,
}

impl TenantTx {
    /// Writes a run down, for whoever works it off.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a write of another tenant.
    pub async fn add_replay_run(&mut self, new: &NewReplayRun<'_>) -> Result<(), StoreError> {
        diesel::insert_into(r::table)
            .values((
                r::id.eq(new.id),
                r::tenant_id.eq(self.tenant.uuid()),
                r::asked_by.eq(new.asked_by),
                r::per_minute.eq(new.per_minute),
                r::stop_after.eq(new.stop_after),
            ))
            .execute(&mut self.conn)
            .await?;
        let items: Vec<_> = new
            .writes
            .iter()
            .zip(0..)
            .map(|(write, position)| {
                (
                    i::run_id.eq(new.id),
                    i::position.eq(position),
                    i::tenant_id.eq(self.tenant.uuid()),
                    i::writeback_id.eq(write.uuid()),
                )
            })
            .collect();
        // One statement takes 65,535 values.
        for some in items.chunks(10_000) {
            diesel::insert_into(i::table).values(some).execute(&mut self.conn).await?;
        }
        Ok(())
    }

    /// A run as it stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn replay_run(&mut self, id: Uuid) -> Result<ReplayRun, StoreError> {
        let (state, per_minute, stop_after) = r::table
            .select((r::state, r::per_minute, r::stop_after))
            .filter(r::id.eq(id))
            .first(&mut self.conn)
            .await?;
        let items: Vec<ItemRow> = statement(
            "SELECT i.position, i.writeback_id, i.outcome, i.replay_id, w.state AS replay_state,
                 coalesce(w.state = 'queued' AND held_up.id <= w.id, false) AS replay_waits
             FROM pms_replay_items i LEFT JOIN pms_writebacks w ON w.id = i.replay_id
             LEFT JOIN (
                 SELECT DISTINCT ON (connection_id) connection_id, id FROM pms_writebacks
                 WHERE state = 'queued'
                   AND reason IN ('practice_offline', 'rate_limited', 'not_ready', 'calendar_unreadable')
                 ORDER BY connection_id, id) held_up ON held_up.connection_id = w.connection_id
             WHERE i.run_id = $1 ORDER BY i.position",
        )
        .bind::<SqlUuid, _>(id)
        .load(&mut self.conn)
        .await?;
        let item = |row: ItemRow| ReplayItem {
            position: row.position,
            writeback: WritebackId::from_uuid(row.writeback_id),
            outcome: row.outcome,
            replay: row.replay_id.map(WritebackId::from_uuid),
            replay_state: row.replay_state,
            replay_waits: row.replay_waits,
        };
        Ok(ReplayRun { state, per_minute, stop_after, items: items.into_iter().map(item).collect() })
    }

    /// Who asked for a run, held until the transaction ends: two that work one run off take turns.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it has come to its end.
    pub async fn lock_replay_run(&mut self, id: Uuid) -> Result<String, StoreError> {
        Ok(r::table
            .select(r::asked_by)
            .filter(r::id.eq(id))
            .filter(r::state.eq("running"))
            .for_update()
            .first(&mut self.conn)
            .await?)
    }

    /// What became of one write of a run.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_replay_item(
        &mut self,
        run: Uuid,
        position: i32,
        outcome: &str,
        replay: Option<WritebackId>,
    ) -> Result<(), StoreError> {
        diesel::update(i::table.filter(i::run_id.eq(run)).filter(i::position.eq(position)))
            .set((i::outcome.eq(outcome), i::replay_id.eq(replay.map(WritebackId::uuid))))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Ends a run as `done` or `stopped`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_replay_run(&mut self, id: Uuid, state: &str) -> Result<(), StoreError> {
        diesel::update(r::table.filter(r::id.eq(id)))
            .set((r::state.eq(state), r::finished_at.eq(diesel::dsl::now)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Whose a run is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn replay_run_owner(&mut self, id: Uuid) -> Result<TenantId, StoreError> {
        let tenant: Uuid = r::table.select(r::tenant_id).filter(r::id.eq(id)).first(&mut self.conn).await?;
        Ok(TenantId::from_uuid(tenant))
    }

    /// A run whose next write is due. The one after that is due by the run's rate, whoever asks.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_replay_run(&mut self) -> Result<Option<(TenantId, Uuid)>, StoreError> {
        let claimed = statement(
            "UPDATE pms_replay_runs SET next_at = now() + interval '1 minute' / per_minute
             WHERE id = (SELECT id FROM pms_replay_runs WHERE state = 'running' AND next_at <= now()
                         ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING tenant_id, id",
        )
        .of_tenants(&mut self.conn)
        .await?;
        Ok(claimed.into_iter().next())
    }
}
