use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use domain::{ConnectionId, HoldId, Resource, ResourceKind, Window, WritebackId};
use jiff_diesel::ToDiesel as _;
use uuid::Uuid;

use crate::schema::{pms_writebacks as w, slot_holds as h};
use crate::statement::statement;
use crate::{StoreError, TenantTx};

diesel::define_sql_function! {
    /// Ours: in whose calendar a connection's holds of this kind stand.
    fn pms_calendar(connection: SqlUuid, kind: Text) -> Text;
}

/// Time that is ours until the practice's own system shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The write it is held for.
    pub writeback: WritebackId,
    /// The write that first held time for the appointment.
    pub booking: WritebackId,
    /// Who or what is busy.
    pub resource: Resource,
    /// When.
    pub window: Window,
}

/// Time to be held for a write.
#[derive(Debug)]
pub struct NewHold<'a> {
    /// In whose calendar.
    pub connection: ConnectionId,
    /// For which write.
    pub writeback: WritebackId,
    /// The write that first held time for the appointment: the same one, or an earlier one that `writeback` changes.
    pub booking: WritebackId,
    /// With whom and where: all of them are held, or none.
    pub resources: &'a [Resource],
    /// When.
    pub window: Window,
}

const fn word(kind: ResourceKind) -> Option<&'static str> {
    match kind {
        ResourceKind::Clinician => Some("clinician"),
        ResourceKind::Chair => Some("chair"),
        ResourceKind::Practice => None,
    }
}

impl TenantTx {
    /// Everything held in `covers`, by whatever channel: at the connection's location, and of its clinicians at the
    /// other locations of the same database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holds(&mut self, connection: ConnectionId, covers: Window) -> Result<Vec<Held>, StoreError> {
        let at = connection.uuid();
        let rows: Vec<(Uuid, Uuid, String, String, jiff_diesel::Timestamp, jiff_diesel::Timestamp)> =
            h::table
                .select((h::writeback_id, h::booking, h::kind, h::vendor_id, h::starts_at, h::ends_at))
                .filter(h::calendar.eq(at.to_string()).or(h::calendar.eq(pms_calendar(at, "clinician"))))
                .filter(h::released_at.is_null())
                .filter(h::starts_at.lt(covers.end.to_diesel()))
                .filter(h::ends_at.gt(covers.start.to_diesel()))
                .order(h::id)
                .load(&mut self.conn)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(writeback, booking, kind, vendor_id, start, end)| Held {
                writeback: WritebackId::from_uuid(writeback),
                booking: WritebackId::from_uuid(booking),
                resource: Resource {
                    kind: if kind == "chair" { ResourceKind::Chair } else { ResourceKind::Clinician },
                    vendor_id,
                },
                window: Window { start: start.to_jiff(), end: end.to_jiff() },
            })
            .collect())
    }

    /// The write that first held time for an appointment of which something is still held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn booking_of(
        &mut self,
        connection: ConnectionId,
        appointment: &str,
    ) -> Result<Option<WritebackId>, StoreError> {
        let id: Option<Uuid> = h::table
            .inner_join(w::table.on(w::id.eq(h::writeback_id)))
            .select(h::booking)
            .filter(h::released_at.is_null())
            .filter(w::connection_id.eq(connection.uuid()))
            .filter(w::created_vendor_id.eq(appointment))
            .order(h::id)
            .first(&mut self.conn)
            .await
            .optional()?;
        Ok(id.map(WritebackId::from_uuid))
    }

    /// Holds time for a write. Two holds of one clinician or chair never overlap: the schema refuses. Those of one
    /// appointment, where it is moved, may.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the rule `slot_holds_one_wins` when somebody was first; the
    /// transaction is then lost.
    pub async fn place_hold(&mut self, new: &NewHold<'_>) -> Result<(), StoreError> {
        // Two that insert at the same moment would wait for each other until one is shot.
        self.lock_connection(new.connection).await?;
        let rows: Vec<_> = new
            .resources
            .iter()
            .filter_map(|resource| Some((word(resource.kind)?, &resource.vendor_id)))
            .map(|(kind, vendor_id)| {
                (
                    h::id.eq(HoldId::new().uuid()),
                    h::tenant_id.eq(self.tenant.uuid()),
                    h::connection_id.eq(new.connection.uuid()),
                    h::writeback_id.eq(new.writeback.uuid()),
                    h::booking.eq(new.booking.uuid()),
                    h::calendar.eq(pms_calendar(new.connection.uuid(), kind)),
                    h::kind.eq(kind),
                    h::vendor_id.eq(vendor_id),
                    h::starts_at.eq(new.window.start.to_diesel()),
                    h::ends_at.eq(new.window.end.to_diesel()),
                )
            })
            .collect();
        diesel::insert_into(h::table).values(rows).execute(&mut self.conn).await?;
        Ok(())
    }

    /// Notes that the practice's copy shows a write's appointment, and gives its time back once that
    /// has been so for `seconds`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hold_seen(&mut self, writeback: WritebackId, seconds: f64) -> Result<(), StoreError> {
        statement(
            "UPDATE slot_holds SET seen_at = coalesce(seen_at, now()),
                 released_at = CASE WHEN seen_at < now() - make_interval(secs => $2) THEN now() END
             WHERE writeback_id = $1 AND released_at IS NULL",
        )
        .bind::<diesel::sql_types::Uuid, _>(writeback.uuid())
        .bind::<diesel::sql_types::Double, _>(seconds)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Gives a write's time back. Doing it twice is doing it once. False: nothing was held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_holds(&mut self, writeback: WritebackId) -> Result<bool, StoreError> {
        let released = diesel::update(
            h::table.filter(h::writeback_id.eq(writeback.uuid())).filter(h::released_at.is_null()),
        )
        .set(h::released_at.eq(diesel::dsl::now))
        .execute(&mut self.conn)
        .await?;
        Ok(released > 0)
    }
}
