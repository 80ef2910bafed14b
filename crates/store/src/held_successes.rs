use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, TenantId, Window, WritebackId};
use jiff::Timestamp;
use jiff_diesel::NullableTimestamp;
use uuid::Uuid;

use crate::statement::statement;
use crate::{DueConnection, MachineryTx, StoreError, TenantTx};

/// A booking that is done, by us or by hand, and whose time is still held: the practice's copy was not seen to show
/// it for long enough.
#[derive(Debug, Clone)]
pub struct HeldSuccess {
    /// The write.
    pub id: WritebackId,
    /// The vendor's id of the appointment, where it told.
    pub created: Option<String>,
    /// When it is.
    pub window: Window,
    /// The appointment was there before, at another time: a copy that shows it there is an older one.
    pub moved: bool,
    /// When the practice's system was known to hold it.
    pub finished_at: Timestamp,
    /// Staff entered it by hand, then: nobody knows under which id, nor whether at this time.
    pub by_hand: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    connection_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    created_vendor_id: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>, deserialize_as = NullableTimestamp)]
    finished_at: Option<Timestamp>,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    starts_at: Timestamp,
    #[diesel(sql_type = Timestamptz, deserialize_as = jiff_diesel::Timestamp)]
    ends_at: Timestamp,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    moved: bool,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    by_hand: bool,
}

const SELECT: &str = "SELECT DISTINCT w.tenant_id, w.connection_id, w.id, w.created_vendor_id,
         coalesce(d.dropped_at, w.finished_at) AS finished_at, h.starts_at, h.ends_at,
         w.operation = 'reschedule_appointment' AS moved, d.writeback_id IS NOT NULL AS by_hand
     FROM pms_writebacks w JOIN slot_holds h ON h.writeback_id = w.id
     JOIN pms_connections c ON c.id = w.connection_id
     LEFT JOIN pms_writeback_drops d ON d.writeback_id = w.id AND d.outcome = 'entered_by_hand'
     WHERE h.released_at IS NULL AND h.ends_at > now() AND (w.state = 'succeeded' OR d.writeback_id IS NOT NULL)";

impl TenantTx {
    /// The connection's bookings that are done, by us or by hand, and still held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn held_successes(&mut self, connection: ConnectionId) -> Result<Vec<HeldSuccess>, StoreError> {
        let rows: Vec<Row> = statement(format!("{SELECT} AND w.connection_id = $1"))
            .bind::<SqlUuid, _>(connection.uuid())
            .load(&mut self.conn)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| HeldSuccess {
                id: WritebackId::from_uuid(row.id),
                created: row.created_vendor_id,
                window: Window { start: row.starts_at, end: row.ends_at },
                moved: row.moved,
                finished_at: row.finished_at.unwrap_or(Timestamp::MAX),
                by_hand: row.by_hand,
            })
            .collect())
    }
}

impl MachineryTx {
    /// Gives back the times that are past: nobody can be given them any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_past_holds(&mut self) -> Result<usize, StoreError> {
        let past = "UPDATE slot_holds SET released_at = now() WHERE released_at IS NULL AND ends_at < now()";
        Ok(statement(past).execute(&mut self.conn).await?)
    }

    /// Where and when bookings are done and still held, the soonest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn held_days(&mut self, vendor: &str) -> Result<Vec<(DueConnection, Window)>, StoreError> {
        let rows: Vec<Row> =
            statement(format!("{SELECT} AND c.vendor = $1 AND c.status = 'active' ORDER BY h.starts_at"))
                .bind::<Text, _>(vendor)
                .load(&mut self.conn)
                .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let due = DueConnection {
                    tenant: TenantId::from_uuid(row.tenant_id),
                    connection: ConnectionId::from_uuid(row.connection_id),
                };
                (due, Window { start: row.starts_at, end: row.ends_at })
            })
            .collect())
    }
}
