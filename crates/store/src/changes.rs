use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, WritebackId};
use jiff::Timestamp;
use jiff_diesel::{NullableTimestamp, ToDiesel as _};

use crate::replays::OPEN;
use crate::schema::pms_writebacks as w;
use crate::statement::statement;
use crate::writebacks::{COLUMNS, Row};
use crate::{StoreError, TenantTx, Writeback};

/// What our own rows tell of an appointment that a write changes.
#[derive(Debug, Clone, Copy)]
pub struct OwnWrites {
    /// When the change was first wished for, whatever tries there were since.
    pub wished_at: Timestamp,
    /// When another write of ours last made or changed the appointment.
    pub last_at: Option<Timestamp>,
}

#[derive(QueryableByName)]
struct OwnRow {
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    wished_at: Timestamp,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    last_at: Option<Timestamp>,
}

impl TenantTx {
    /// What our own rows tell of the appointment that `id` changes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn own_writes(
        &mut self,
        id: WritebackId,
        connection: ConnectionId,
        appointment: &str,
    ) -> Result<OwnWrites, StoreError> {
        let row: OwnRow = statement(
            "WITH RECURSIVE tries AS (
                 SELECT id, replays, created_at FROM pms_writebacks WHERE id = $1
                 UNION ALL
                 SELECT o.id, o.replays, o.created_at FROM pms_writebacks o JOIN tries t ON o.id = t.replays)
             SELECT min(created_at) AS wished_at,
                 (SELECT max(finished_at) FROM pms_writebacks
                  WHERE connection_id = $2 AND created_vendor_id = $3 AND state = 'succeeded'
                    AND operation LIKE '%_appointment' AND id NOT IN (SELECT id FROM tries)) AS last_at
             FROM tries",
        )
        .bind::<SqlUuid, _>(id.uuid())
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Text, _>(appointment)
        .get_result(&mut self.conn)
        .await?;
        Ok(OwnWrites { wished_at: row.wished_at, last_at: row.last_at })
    }

    /// Notes which appointment a write changes. One appointment has one change under way at a time: the schema
    /// refuses a second.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the rule `pms_writebacks_one_change`; the transaction is then lost.
    pub async fn mark_change(&mut self, id: WritebackId, appointment: &str) -> Result<(), StoreError> {
        diesel::update(w::table.filter(w::id.eq(id.uuid())))
            .set(w::appointment.eq(appointment))
            .execute(&mut self.conn)
            .await?;
        Ok(())
    }

    /// The change of this appointment that is not over: under way, or waiting for staff, who must find out first
    /// what became of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_under_way(
        &mut self,
        connection: ConnectionId,
        appointment: &str,
    ) -> Result<Option<WritebackId>, StoreError> {
        let row: Option<Row> = statement(format!(
            "SELECT {COLUMNS} FROM pms_writebacks q WHERE connection_id = $1 AND appointment = $2
               AND state IN ('queued', 'sending', 'unknown', 'submitted', 'parked') AND {OPEN}
             ORDER BY id LIMIT 1"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Text, _>(appointment)
        .get_result(&mut self.conn)
        .await
        .optional()?;
        Ok(row.map(|row| self.read(row)).transpose()?.map(|write| write.id))
    }

    /// The connection's changes of appointments that are not over, or were done, by us or by hand, in the last two
    /// days; the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_changes(&mut self, connection: ConnectionId) -> Result<Vec<Writeback>, StoreError> {
        let rows: Vec<Row> = statement(format!(
            "SELECT {COLUMNS} FROM pms_writebacks q WHERE connection_id = $1 AND appointment IS NOT NULL
               AND (state IN ('queued', 'sending', 'unknown', 'submitted', 'parked')
                    OR (state = 'succeeded' AND finished_at > now() - interval '2 days'))
               AND {OPEN}
             UNION ALL
             SELECT {COLUMNS} FROM pms_writebacks q WHERE connection_id = $1 AND appointment IS NOT NULL
               AND state IN ('failed', 'parked') AND id IN (
                   SELECT writeback_id FROM pms_writeback_drops
                   WHERE outcome = 'entered_by_hand' AND dropped_at > now() - interval '2 days')
             ORDER BY id"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .load(&mut self.conn)
        .await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// The connection's payments that are not over, or were posted in the last two days; the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_payments(&mut self, connection: ConnectionId) -> Result<Vec<Writeback>, StoreError> {
        let rows: Vec<Row> = statement(format!(
            "SELECT {COLUMNS} FROM pms_writebacks q WHERE connection_id = $1 AND operation = 'record_payment'
               AND (state IN ('queued', 'sending', 'unknown', 'submitted', 'parked')
                    OR (state = 'succeeded' AND finished_at > now() - interval '2 days'))
               AND {OPEN} ORDER BY id"
        ))
        .bind::<SqlUuid, _>(connection.uuid())
        .load(&mut self.conn)
        .await?;
        rows.into_iter().map(|row| self.read(row)).collect()
    }

    /// The vendor's numbers of the connection's other changes that were sent since `since`: those that are not
    /// known to the vendor as `reference`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receipts_of_other_changes(
        &mut self,
        connection: ConnectionId,
        reference: &str,
        since: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let receipts: Vec<Option<String>> = w::table
            .select(w::receipt)
            .filter(w::connection_id.eq(connection.uuid()))
            .filter(w::appointment.is_not_null())
            .filter(w::reference.ne(reference))
            .filter(w::receipt.is_not_null())
            .filter(w::first_sent_at.ge(since.to_diesel()))
            .order(w::id)
            .load(&mut self.conn)
            .await?;
        Ok(receipts.into_iter().flatten().collect())
    }

    /// Gives back the time that earlier writes hold for an appointment which the practice's system has moved or
    /// cancelled since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_earlier_holds(
        &mut self,
        connection: ConnectionId,
        appointment: &str,
        id: WritebackId,
    ) -> Result<(), StoreError> {
        statement(
            "UPDATE slot_holds SET released_at = now() WHERE released_at IS NULL AND writeback_id IN (
                 SELECT id FROM pms_writebacks WHERE connection_id = $1 AND created_vendor_id = $2
                   AND state = 'succeeded' AND id < $3)",
        )
        .bind::<SqlUuid, _>(connection.uuid())
        .bind::<Text, _>(appointment)
        .bind::<SqlUuid, _>(id.uuid())
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }
}
