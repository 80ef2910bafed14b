use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, WritebackId, WritebackState};
use jiff::Timestamp;
use jiff_diesel::{NullableTimestamp, ToDiesel as _};
use seal::Sealed;
use uuid::Uuid;

use crate::replays::OPEN;
use crate::schema::{pms_writeback_attempts as a, pms_writebacks as w};
use crate::statement::statement;
use crate::{StoreError, TenantTx};

/// One write that must land in a practice's system.
#[derive(Debug, Clone)]
pub struct Writeback {
    /// Its id.
    pub id: WritebackId,
    /// Which practice's system.
    pub connection: ConnectionId,
    /// `create_patient`, `book_appointment`, `reschedule_appointment`, `cancel_appointment` or `add_note`.
    pub operation: String,
    /// What is to be written, as JSON. It names a patient.
    pub payload: domain::Sensitive<Vec<u8>>,
    /// What it is known by among our own.
    pub fingerprint: Vec<u8>,
    /// What it is known by at the vendor.
    pub reference: String,
    /// Where it is.
    pub state: WritebackState,
    /// Why it is there.
    pub reason: Option<String>,
    /// The vendor's number for it.
    pub receipt: Option<String>,
    /// The vendor's id of what it made.
    pub created_vendor_id: Option<String>,
    /// The write that must succeed first.
    pub depends_on: Option<WritebackId>,
    /// How often it was sent, or nearly.
    pub attempts: i32,
    /// How often its outcome was asked for since it last moved.
    pub check_count: i32,
    /// When nobody waits for it any longer.
    pub deadline_at: Timestamp,
    /// When it was first sent, or nearly.
    pub first_sent_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// When the appointment it is about begins.
    pub about_at: Option<Timestamp>,
    /// When it was last sent, or nearly.
    pub last_sent_at: Option<Timestamp>,
    /// The write that this one tries again.
    pub replays: Option<WritebackId>,
}

/// What the tries at a write came to.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Tries {
    /// So many may have arrived: how they ended is not known, or only that they were found nowhere.
    #[diesel(sql_type = Integer)]
    pub blind: i32,
    /// So many failed, those among them.
    #[diesel(sql_type = Integer)]
    pub failed: i32,
}

/// A write to be made.
#[derive(Debug)]
pub struct NewWriteback<'a> {
    /// Its id.
    pub id: WritebackId,
    /// Which practice's system.
    pub connection: ConnectionId,
    /// `create_patient`, `book_appointment`, `reschedule_appointment`, `cancel_appointment` or `add_note`.
    pub operation: &'a str,
    /// What is to be written, as JSON.
    pub payload: &'a [u8],
    /// The same wish has the same one, however often it is wished for.
    pub fingerprint: &'a [u8],
    /// What the vendor will see of it.
    pub reference: &'a str,
    /// The write that must succeed first.
    pub depends_on: Option<WritebackId>,
    /// When nobody waits for it any longer.
    pub deadline_at: Timestamp,
    /// When the appointment it is about begins, where it is about one.
    pub about_at: Option<Timestamp>,
}

/// One step of a write from one state to another.
#[derive(Debug, Default)]
pub struct Move<'a> {
    /// The states it may be in; in any other nothing happens.
    pub from: &'a [WritebackState],
    /// Only while this worker holds the lease.
    pub owner: Option<Uuid>,
    /// Why.
    pub reason: Option<&'a str>,
    /// The vendor's number for it, where it is new.
    pub receipt: Option<&'a str>,
    /// The vendor's id of what it made, where it is new.
    pub created_vendor_id: Option<&'a str>,
    /// Seconds until somebody should look at it again.
    pub look_in_s: f64,
    /// The look brought no answer: it does not count as one.
    pub uncounted: bool,
}

/// One try at sending a write.
#[derive(Debug, Clone)]
pub struct WritebackAttempt {
    /// 1, 2, …
    pub number: i32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, if anybody saw it end.
    pub ended_at: Option<Timestamp>,
    /// How.
    pub outcome: Option<String>,
    /// The vendor's code, or where it was found.
    pub detail: Option<String>,
}

#[derive(QueryableByName, Queryable, Selectable)]
#[diesel(table_name = w)]
pub(crate) struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    connection_id: Uuid,
    #[diesel(sql_type = Text)]
    operation: String,
    #[diesel(sql_type = Binary)]
    payload: Vec<u8>,
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Text)]
    reference: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    receipt: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    created_vendor_id: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    depends_on: Option<Uuid>,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Integer)]
    check_count: i32,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    deadline_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    first_sent_at: Option<Timestamp>,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    created_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    finished_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    about_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    last_sent_at: Option<Timestamp>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    replays: Option<Uuid>,
}

type AttemptRow = (i32, jiff_diesel::Timestamp, NullableTimestamp, Option<String>, Option<String>);

pub(crate) const COLUMNS: &str = "id, connection_id, operation, payload, fingerprint, reference, state, reason, \
     receipt, created_vendor_id, depends_on, attempts, check_count, deadline_at, first_sent_at, created_at, \
     finished_at, about_at, last_sent_at, replays";

pub(crate) fn identity(id: Uuid) -> String {
    format!("pms_writebacks/{id}/payload")
}

impl TenantTx {
    pub(crate) fn read(&self, row: Row) -> Result<Writeback, StoreError> {
        // One payload that does not open must not keep its neighbours from being read: it reads as
        // empty, and whoever would send it sets the write aside.
        let payload =
            self.store.keys.open(&identity(row.id), &Sealed::from_bytes(row.payload)).unwrap_or_default();
        Ok(Writeback {
            id: WritebackId::from_uuid(row.id),
            connection: ConnectionId::from_uuid(row.connection_id),
            operation: row.operation,
            payload: payload.into(),
            fingerprint: row.fingerprint,
            reference: row.reference,
            state: row.state.parse().map_err(|_| StoreError::Unreadable("pms_writebacks.state"))?,
            reason: row.reason,
            receipt: row.receipt,
            created_vendor_id: row.created_vendor_id,
            depends_on: row.depends_on.map(WritebackId::from_uuid),
            attempts: row.attempts,
            check_count: row.check_count,
            deadline_at: row.deadline_at,
            first_sent_at: row.first_sent_at,
            created_at: row.created_at,
            finished_at: row.finished_at,
            about_at: row.about_at,
            last_sent_at: row.last_sent_at,
            replays: row.replays.map(WritebackId::from_uuid),
        })
    }

    /// Writes a wish down.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the rule `pms_writebacks_live` when the same wish is under way; the
    /// transaction is then lost.
    pub async fn add_writeback(&mut self, new: &NewWriteback<'_>) -> Result<(), StoreError> {
        let payload = self.store.keys.seal(&identity(new.id.uuid()), new.payload)?;
        diesel::insert_into(w::table)
            .values((
                w::id.eq(new.id.uuid()),
                w::tenant_id.eq(self.tenant.uuid()),
                w::connection_id.eq(new.connection.uuid()),
                w::operation.eq(new.operation),
                w::payload.eq(payload.as_bytes()),
                w::fingerprint.eq(new.fingerprint),
                w::reference.eq(new.reference),
                w::depends_on.eq(new.depends_on.map(WritebackId::uuid)),
                w::deadline_at.eq(new.deadline_at.to_diesel()),
                w::about_at.eq(new.about_at.map(|at| at.to_diesel())),
            ))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// One of the tenant's writes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also when it is another tenant's.
    pub async fn writeback(&mut self, id: WritebackId) -> Result<Writeback, StoreError> {
        let row: Row =
            w::table.select(Row::as_select()).filter(w::id.eq(id.uuid())).first(&mut self.conn).await?;
        self.read(row)
    }

    /// The write for the same thing that is under way, waits for staff, or succeeded in the last two days.
    /// A parked one may be in the practice's system: nobody may send a second before staff have settled it.
    /// One that was replayed, or given up, no longer speaks for itself.
    ///
    /// A payment is the same one for ever, whatever became of it: its latest try. What failed or was given up staff
    /// may have entered by hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn writeback_by_fingerprint(
        &mut self,
        connection: ConnectionId,
        fingerprint: &[u8],
    ) -> Result<Option<Writeback>, StoreError> {
        let row: Option<Row> = statement(format!(
            "SELECT {COLUMNS} FROM pms_writebacks q WHERE connection_id = $1 AND fingerprint = $2
             AND (operation = 'record_payment'
                  OR ((state IN ('queued', 'sending', 'unknown', 'submitted', 'parked')
                       OR (state = 'succeeded' AND finished_at > now() - interval '2 days'))
                      AND {OPEN}))
             ORDER BY id DESC LIMIT 1"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Binary, _>(fingerprint)
        .get_result(&mut self.conn)
        .await
        .optional()?;
        row.map(|row| self.read(row)).transpose()
    }

    /// A payment that one of these fingerprints stands for, at whatever location of the tenant's, and whatever became
    /// of it. Until the transaction ends nobody else who locked the payments looks for one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payment_by_fingerprints(
        &mut self,
        fingerprints: &[Vec<u8>],
    ) -> Result<Option<Writeback>, StoreError> {
        let row: Option<Row> = statement(format!(
            "SELECT {COLUMNS} FROM pms_writebacks
             WHERE connection_id IN (SELECT id FROM pms_connections) AND fingerprint = ANY($1)
               AND operation = 'record_payment'
             ORDER BY id DESC LIMIT 1"
        ))
        .bind::<Array<Binary>, _>(fingerprints)
        .get_result(&mut self.conn)
        .await
        .optional()?;
        row.map(|row| self.read(row)).transpose()
    }

    /// One at a time: holds back every other payment of the tenant's, at whatever location, until the transaction
    /// ends. Whoever also locks a connection does so after this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lock_payments(&mut self) -> Result<(), StoreError> {
        statement("SELECT pg_advisory_xact_lock(hashtextextended('payments of ' || $1, 0))")
            .bind::<Text, _>(self.tenant.to_string())
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// One at a time: holds back every other claim on this connection, and on those to other locations of its
    /// database, until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lock_connection(&mut self, connection: ConnectionId) -> Result<(), StoreError> {
        statement("SELECT pg_advisory_xact_lock(hashtextextended(pms_calendar($1, 'clinician'), 0))")
            .bind::<SqlUuid, _>(connection.uuid())
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Claims the connection's next write for sending: the oldest one that is queued and whose
    /// forerunner succeeded, unless it is not due yet or one of the connection is being sent. What came
    /// later never overtakes what waits (P11). Its attempt is written down with it, so that a crash from here on
    /// is known to have maybe sent it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_for_sending(
        &mut self,
        connection: ConnectionId,
        owner: Uuid,
        lease_s: f64,
    ) -> Result<Option<Writeback>, StoreError> {
        self.lock_connection(connection).await?;
        let row: Option<Row> = statement(format!(
            "UPDATE pms_writebacks SET state = 'sending', lease_owner = $2, attempts = attempts + 1,
                 lease_until = now() + make_interval(secs => $3), check_count = 0, reason = NULL,
                 first_sent_at = coalesce(first_sent_at, now()), last_sent_at = now(), updated_at = now()
             WHERE next_check_at <= now() AND id = (
                 SELECT id FROM pms_writebacks q WHERE connection_id = $1 AND state = 'queued'
                   AND deadline_at > now()
                   AND (depends_on IS NULL OR EXISTS (
                       SELECT FROM pms_writebacks d WHERE d.id = q.depends_on AND d.state = 'succeeded'))
                   AND NOT EXISTS (
                       SELECT FROM pms_writebacks s WHERE s.connection_id = $1 AND s.state = 'sending')
                 ORDER BY id LIMIT 1)
             RETURNING {COLUMNS}"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(owner)
        .bind::<Double, _>(lease_s)
        .get_result(&mut self.conn)
        .await
        .optional()?;
        let Some(row) = row else { return Ok(None) };
        diesel::insert_into(a::table)
            .values((
                a::writeback_id.eq(row.id),
                a::number.eq(row.attempts),
                a::tenant_id.eq(self.tenant.uuid()),
            ))
            .execute(&mut self.conn)
            .await?;
        self.read(row).map(Some)
    }

    /// Claims the connection's due writes in `state` for looking at, for `lease_s` seconds. Of those that were taken
    /// also the ones that are nearly due: asked for together they cost one question, and each for itself they use up
    /// the practice's budget. A lost one is never looked for early, because the looks are counted for time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_for_looking(
        &mut self,
        connection: ConnectionId,
        state: WritebackState,
        owner: Uuid,
        lease_s: f64,
    ) -> Result<Vec<Writeback>, StoreError> {
        let state = state.as_str();
        let mut rows: Vec<Row> = statement(format!(
            "WITH due AS MATERIALIZED (
                 SELECT id AS due FROM pms_writebacks WHERE connection_id = $1 AND state = '{state}'
                   AND next_check_at <= now() + CASE WHEN '{state}' = 'submitted' THEN interval '2 s'
                       ELSE interval '0' END
                   AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED)
             UPDATE pms_writebacks SET lease_owner = $2, lease_until = now() + make_interval(secs => $3)
             FROM due WHERE id = due
             RETURNING {COLUMNS}"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(owner)
        .bind::<Double, _>(lease_s)
        .load(&mut self.conn)
        .await?;
        rows.sort_by_key(|row| row.id);
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// Takes one step. False: it was not where it had to be, or another worker's.
    ///
    /// The lease ends with the step. A final state ends the write, once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_writeback(
        &mut self,
        id: WritebackId,
        to: WritebackState,
        step: &Move<'_>,
    ) -> Result<bool, StoreError> {
        let from: Vec<&str> = step.from.iter().map(|state| state.as_str()).collect();
        let moved = statement(
            "UPDATE pms_writebacks SET state = $2, reason = $4, receipt = coalesce($5, receipt),
                 created_vendor_id = coalesce($6, created_vendor_id),
                 next_check_at = now() + make_interval(secs => $7),
                 check_count = CASE WHEN state = $2 THEN check_count + $10::int ELSE 0 END,
                 lease_until = NULL, lease_owner = NULL, updated_at = now(),
                 finished_at = CASE WHEN $9 THEN now() END
             WHERE id = $1 AND state = ANY($3) AND ($8 IS NULL OR lease_owner = $8)",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Text, _>(to.as_str())
        .bind::<Array<Text>, _>(from)
        .bind::<Nullable<Text>, _>(step.reason)
        .bind::<Nullable<Text>, _>(step.receipt)
        .bind::<Nullable<Text>, _>(step.created_vendor_id)
        .bind::<Double, _>(step.look_in_s)
        .bind::<Nullable<SqlUuid>, _>(step.owner)
        .bind::<diesel::sql_types::Bool, _>(to.is_final())
        .bind::<Integer, _>(i32::from(!step.uncounted))
        .execute(&mut self.conn)
        .await?;
        Ok(moved == 1)
    }

    /// Closes the attempt under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_attempt(
        &mut self,
        id: WritebackId,
        outcome: &str,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        diesel::update(a::table.filter(a::writeback_id.eq(id.uuid())).filter(a::ended_at.is_null()))
            .set((a::ended_at.eq(diesel::dsl::now), a::outcome.eq(outcome), a::detail.eq(detail)))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// Every try at a write, first to last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempts(&mut self, id: WritebackId) -> Result<Vec<WritebackAttempt>, StoreError> {
        let rows: Vec<AttemptRow> = a::table
            .select((a::number, a::started_at, a::ended_at, a::outcome, a::detail))
            .filter(a::writeback_id.eq(id.uuid()))
            .order(a::number)
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(number, started_at, ended_at, outcome, detail)| WritebackAttempt {
                number,
                started_at: started_at.to_jiff(),
                ended_at: ended_at.into(),
                outcome,
                detail,
            })
            .collect())
    }

    /// What counts against a write of its tries: a practice that was off, and a budget that was used up, do not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tries(&mut self, id: WritebackId) -> Result<Tries, StoreError> {
        Ok(statement(
            "SELECT count(*) FILTER (WHERE blind)::int AS blind, count(*) FILTER (WHERE blind
                 OR (outcome = 'queued'
                     AND detail IN ('vendor_down', 'key_expired', 'unreadable', 'access_withdrawn')))::int AS failed
             FROM (SELECT outcome, detail, ended_at IS NULL OR outcome = 'unknown'
                     OR outcome = 'queued' AND detail = 'found_nowhere' AS blind
                 FROM pms_writeback_attempts WHERE writeback_id = $1) tries",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .get_result(&mut self.conn)
        .await?)
    }

    /// The connection's writes that were wished for before `id`, sent within the last `within_s` seconds, and lost.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lost_before(
        &mut self,
        connection: ConnectionId,
        id: WritebackId,
        within_s: f64,
    ) -> Result<Vec<Writeback>, StoreError> {
        let rows: Vec<Row> = statement(format!(
            "SELECT {COLUMNS} FROM pms_writebacks q WHERE connection_id = $1 AND id < $2 AND state = 'unknown'
               AND last_sent_at > now() - make_interval(secs => $3)"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<Double, _>(within_s)
        .load(&mut self.conn)
        .await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// The writes that wait for this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn dependents(&mut self, id: WritebackId) -> Result<Vec<Writeback>, StoreError> {
        let rows: Vec<Row> = w::table
            .select(Row::as_select())
            .filter(w::depends_on.eq(id.uuid()))
            .order(w::id)
            .load(&mut self.conn)
            .await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// The writes with these ids, in no order; ids that are nobody's or another tenant's are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn writebacks(&mut self, ids: &[WritebackId]) -> Result<Vec<Writeback>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows: Vec<Row> =
            w::table.select(Row::as_select()).filter(w::id.eq_any(ids)).load(&mut self.conn).await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// The tenant's latest writes, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn latest_writebacks(&mut self, most: i64) -> Result<Vec<Writeback>, StoreError> {
        let rows: Vec<Row> =
            w::table.select(Row::as_select()).order(w::id.desc()).limit(most).load(&mut self.conn).await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }
}
