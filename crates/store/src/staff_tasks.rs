use diesel::prelude::*;
use diesel::sql_types::{Bool, Bytea, Double, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, Sensitive, TenantId, WritebackId};
use jiff::Timestamp;
use jiff_diesel::{NullableTimestamp, ToDiesel as _};
use seal::{KeyRing, Sealed};
use uuid::Uuid;

use crate::schema::staff_tasks as t;
use crate::statement::statement;
use crate::{MachineryTx, StoreError, TenantTx, ToolCallKey};

/// Something for a person at the front desk. It names no patient: what a patient wants goes beside it, sealed.
#[derive(Debug)]
pub struct NewTask<'a> {
    /// In which practice's system.
    pub connection: Option<ConnectionId>,
    /// About which write.
    pub writeback: Option<WritebackId>,
    /// What: a word, the same for the same thing.
    pub code: &'a str,
    /// What happened, as a receptionist would say it.
    pub sentence: &'a str,
    /// What to do about it.
    pub next_action: &'a str,
    /// By when.
    pub due_at: Option<Timestamp>,
    /// Which use of a tool left it: that use leaves no other, however often it comes.
    pub tool_call: Option<&'a ToolCallKey>,
}

/// A task as it stands.
#[derive(Debug, Clone)]
pub struct StaffTask {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub tenant: TenantId,
    /// In which practice's system.
    pub connection: Option<ConnectionId>,
    /// About which write.
    pub writeback: Option<WritebackId>,
    /// What.
    pub code: String,
    /// What happened.
    pub sentence: String,
    /// What to do about it.
    pub next_action: String,
    /// By when.
    pub due_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
    /// The call it was left in, by the vendor's id: who called is told there.
    pub call_id: Option<String>,
    /// What somebody wants done, as JSON, where the sentence alone does not say it. It is a patient's.
    pub wanted: Option<Sensitive<Vec<u8>>>,
}

fn identity(id: Uuid) -> String {
    format!("staff_tasks/{id}/wanted")
}

type Row = (
    Uuid,
    Uuid,
    Option<Uuid>,
    Option<Uuid>,
    String,
    String,
    String,
    NullableTimestamp,
    jiff_diesel::Timestamp,
    Option<String>,
    Option<Vec<u8>>,
);

const COLUMNS: (
    t::id,
    t::tenant_id,
    t::connection_id,
    t::writeback_id,
    t::code,
    t::sentence,
    t::next_action,
    t::due_at,
    t::created_at,
    t::call_id,
    t::wanted,
) = (
    t::id,
    t::tenant_id,
    t::connection_id,
    t::writeback_id,
    t::code,
    t::sentence,
    t::next_action,
    t::due_at,
    t::created_at,
    t::call_id,
    t::wanted,
);

fn task(keys: &KeyRing, row: Row) -> StaffTask {
    let (id, tenant, connection, writeback, code, sentence, next_action, due_at, created_at, call_id, wanted) =
        row;
    // One that does not open hides none of the others.
    let wanted = wanted.and_then(|sealed| match keys.open(&identity(id), &Sealed::from_bytes(sealed)) {
        Ok(plain) => Some(Sensitive::from(plain)),
        Err(error) => {
            tracing::error!(task.id = %id, error = %error, "what a task is about cannot be opened");
            None
        }
    });
    StaffTask {
        id,
        tenant: TenantId::from_uuid(tenant),
        connection: connection.map(ConnectionId::from_uuid),
        writeback: writeback.map(WritebackId::from_uuid),
        code,
        sentence,
        next_action,
        due_at: due_at.into(),
        created_at: created_at.to_jiff(),
        call_id,
        wanted,
    }
}

impl TenantTx {
    /// Gives staff a task, unless they have it. True: it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_task(&mut self, new: &NewTask<'_>) -> Result<bool, StoreError> {
        self.put_task(new, None).await
    }

    /// As [`TenantTx::add_task`], with what somebody wants done, as JSON.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_task_wanting(&mut self, new: &NewTask<'_>, wanted: &[u8]) -> Result<bool, StoreError> {
        self.put_task(new, Some(wanted)).await
    }

    async fn put_task(&mut self, new: &NewTask<'_>, wanted: Option<&[u8]>) -> Result<bool, StoreError> {
        let id = Uuid::now_v7();
        let sealed = wanted.map(|wanted| self.store.keys.seal(&identity(id), wanted)).transpose()?;
        let added = diesel::insert_into(t::table)
            .values((
                t::id.eq(id),
                t::tenant_id.eq(self.tenant.uuid()),
                t::connection_id.eq(new.connection.map(ConnectionId::uuid)),
                t::writeback_id.eq(new.writeback.map(WritebackId::uuid)),
                t::code.eq(new.code),
                t::sentence.eq(new.sentence),
                t::next_action.eq(new.next_action),
                t::due_at.eq(new.due_at.map(|at| at.to_diesel())),
                t::call_id.eq(new.tool_call.map(|key| key.call_id.as_str())),
                t::tool_call_id.eq(new.tool_call.map(|key| key.tool_call_id.as_str())),
                t::wanted.eq(sealed.as_ref().map(Sealed::as_bytes)),
            ))
            .on_conflict_do_nothing()
            .execute(&mut self.conn)
            .await?;
        Ok(added == 1)
    }

    /// Whether staff have an open task about a write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_task_about(&mut self, writeback: WritebackId) -> Result<bool, StoreError> {
        let open = t::table.filter(t::writeback_id.eq(writeback.uuid())).filter(t::done_at.is_null());
        Ok(diesel::select(diesel::dsl::exists(open)).get_result(&mut self.conn).await?)
    }

    /// Notes on the open task about a write in which call it was left, and what was wanted there, unless it was left
    /// in another or this use of a tool has left one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_call(
        &mut self,
        writeback: WritebackId,
        tool_call: &ToolCallKey,
        wanted: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let open: Option<Uuid> = t::table
            .select(t::id)
            .filter(t::writeback_id.eq(writeback.uuid()))
            .filter(t::done_at.is_null().and(t::call_id.is_null()))
            .order(t::id)
            .first(&mut self.conn)
            .await
            .optional()?;
        let Some(id) = open else { return Ok(()) };
        let sealed = wanted.map(|wanted| self.store.keys.seal(&identity(id), wanted)).transpose()?;
        statement(
            "UPDATE staff_tasks SET call_id = $2, tool_call_id = $3, wanted = coalesce(wanted, $4)
             WHERE id = $1 AND call_id IS NULL
               AND NOT EXISTS (SELECT FROM staff_tasks o WHERE o.call_id = $2 AND o.tool_call_id = $3)",
        )
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(&tool_call.call_id)
        .bind::<Text, _>(&tool_call.tool_call_id)
        .bind::<Nullable<Bytea>, _>(sealed.as_ref().map(Sealed::as_bytes))
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// The last task that a caller left about this write, or about a try that it repeats, unless a person has ended it:
    /// the caller was told that staff will see to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn task_of_a_caller(
        &mut self,
        writeback: WritebackId,
    ) -> Result<Option<StaffTask>, StoreError> {
        let left = statement(
            "WITH RECURSIVE tries AS (
                 SELECT id, replays FROM pms_writebacks WHERE id = $1
                 UNION ALL
                 SELECT o.id, o.replays FROM pms_writebacks o JOIN tries n ON o.id = n.replays)
             SELECT t.id FROM staff_tasks t JOIN tries ON tries.id = t.writeback_id
             WHERE t.call_id IS NOT NULL AND (t.done_at IS NULL OR t.done_by = 'switchboard')
             ORDER BY t.id DESC LIMIT 1",
        )
        .bind::<SqlUuid, _>(writeback.uuid())
        .ids(&mut self.conn)
        .await?;
        let Some(left) = left.into_iter().next() else { return Ok(None) };
        let row: Row = t::table.select(COLUMNS).filter(t::id.eq(left)).first(&mut self.conn).await?;
        Ok(Some(task(&self.store.keys, row)))
    }

    /// The open task with this id; none: it was ended before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn open_task(&mut self, id: Uuid) -> Result<Option<StaffTask>, StoreError> {
        let (row, done): (Row, NullableTimestamp) =
            t::table.select((COLUMNS, t::done_at)).filter(t::id.eq(id)).first(&mut self.conn).await?;
        let done: Option<Timestamp> = done.into();
        Ok(done.is_none().then(|| task(&self.store.keys, row)))
    }

    /// The tenant's open tasks, the most pressing first: those after a task that a page ended with, which may be done
    /// since.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when that is another tenant's.
    pub async fn tasks(&mut self, most: i64, after: Option<Uuid>) -> Result<Vec<StaffTask>, StoreError> {
        let mut open = t::table.select(COLUMNS).filter(t::done_at.is_null()).into_boxed();
        if let Some(after) = after {
            let _: Uuid = t::table.select(t::id).filter(t::id.eq(after)).first(&mut self.conn).await?;
            let later = diesel::dsl::sql::<Bool>(
                "(coalesce(due_at, 'infinity'), created_at, id) >
                 (SELECT coalesce(o.due_at, 'infinity'), o.created_at, o.id FROM staff_tasks o WHERE o.id = ",
            );
            open = open.filter(later.bind::<SqlUuid, _>(after).sql(")"));
        }
        let order = (t::due_at.asc().nulls_last(), t::created_at, t::id);
        let rows: Vec<Row> = open.order(order).limit(most).load(&mut self.conn).await?;
        Ok(rows.into_iter().map(|row| task(&self.store.keys, row)).collect())
    }

    /// Ends a task. False: it was ended before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn end_task(&mut self, id: Uuid, by: &str) -> Result<bool, StoreError> {
        let _: Uuid = t::table.select(t::id).filter(t::id.eq(id)).first(&mut self.conn).await?;
        let ended = diesel::update(t::table.filter(t::id.eq(id)).filter(t::done_at.is_null()))
            .set((t::done_at.eq(diesel::dsl::now), t::done_by.eq(by)))
            .execute(&mut self.conn)
            .await?;
        Ok(ended == 1)
    }

    /// Ends the tasks of one kind about a write.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_tasks_of(
        &mut self,
        writeback: WritebackId,
        code: &str,
        by: &str,
    ) -> Result<(), StoreError> {
        let theirs = t::table.filter(t::writeback_id.eq(writeback.uuid())).filter(t::code.eq(code));
        diesel::update(theirs.filter(t::done_at.is_null()))
            .set((t::done_at.eq(diesel::dsl::now), t::done_by.eq(by)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Ends every task about a write: what they were about is over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_tasks_about(&mut self, writeback: WritebackId, by: &str) -> Result<(), StoreError> {
        diesel::update(t::table.filter(t::writeback_id.eq(writeback.uuid())).filter(t::done_at.is_null()))
            .set((t::done_at.eq(diesel::dsl::now), t::done_by.eq(by)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }
}

impl MachineryTx {
    /// Every tenant's open tasks, the most pressing first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_tasks(&mut self, most: i64) -> Result<Vec<StaffTask>, StoreError> {
        let rows: Vec<Row> = t::table
            .select(COLUMNS)
            .filter(t::done_at.is_null())
            .order((t::due_at.asc().nulls_last(), t::created_at))
            .limit(most)
            .load(&mut self.conn)
            .await?;
        Ok(rows.into_iter().map(|row| task(&self.store.keys, row)).collect())
    }

    /// The writes under way that come close to their deadline, and of which staff have no task yet. Close is
    /// `margin_s` seconds, and never more than half of the time that the write had.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn writes_running_late(
        &mut self,
        margin_s: f64,
        after: Option<WritebackId>,
    ) -> Result<Vec<(TenantId, WritebackId)>, StoreError> {
        let late = statement(
            "SELECT q.tenant_id, q.id FROM pms_writebacks q
             WHERE q.state IN ('queued', 'sending', 'unknown', 'submitted')
               AND now() > q.deadline_at - least(make_interval(secs => $1), (q.deadline_at - q.created_at) / 2)
               AND NOT EXISTS (SELECT FROM staff_tasks t WHERE t.writeback_id = q.id AND t.code = 'running_late')
               AND ($2 IS NULL OR q.id > $2)
             ORDER BY q.id LIMIT 200",
        )
        .bind::<Double, _>(margin_s)
        .bind::<Nullable<SqlUuid>, _>(after.map(WritebackId::uuid))
        .of_tenants(&mut self.conn)
        .await?;
        Ok(late.into_iter().map(|(tenant, id)| (tenant, WritebackId::from_uuid(id))).collect())
    }
}
