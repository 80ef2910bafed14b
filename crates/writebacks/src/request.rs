use bus::Exchange;
use domain::{ConnectionId, Resource, ResourceKind, WritebackId, WritebackState};
use jiff::{SignedDuration, Timestamp};
use messages::{Named as _, v1};
use pms::Write;
use store::{NewHold, NewWriteback, OutgoingLetter, StoreError, TenantTx, Writeback};
use uuid::Uuid;

use crate::reference;

/// Something that should land in a practice's system.
#[derive(Debug)]
pub struct Wish<'a> {
    /// Whose system.
    pub connection: ConnectionId,
    /// The vendor's name, in routing keys.
    pub vendor: &'a str,
    /// What.
    pub write: &'a Write,
    /// The same wish, repeated, has the same intent.
    pub intent: &'a str,
    /// Where the tenant has such a wish only once: its intents at each of the tenant's locations.
    pub once_for_all: &'a [String],
    /// The write that must succeed first, and whose patient a booking is for.
    pub depends_on: Option<WritebackId>,
    /// When nobody waits for it any longer, unless something waits for it that has more time.
    pub deadline_at: Timestamp,
    /// The trace it belongs to.
    pub traceparent: Option<&'a str>,
}

/// What became of a wish.
#[derive(Debug)]
pub enum Requested {
    /// It is written down and on its way.
    New(WritebackId),
    /// It was made before, for all locations perhaps at another one: this is where it stands.
    Same(Box<Writeback>),
}

/// Why a wish was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Another booking of ours has a clinician or the chair at that time.
    #[error("another booking has the time")]
    SlotTaken,
    /// Another change of the same appointment is not over yet.
    #[error("another change of the appointment is under way")]
    ChangeUnderWay,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a wish: the hold, the row and the message to the worker in the caller's transaction, all of
/// them or none. Of two wishes for one clinician or chair at overlapping times, one wins (P4).
///
/// # Errors
/// [`RequestError`]; then the transaction must be dropped.
pub async fn request(tx: &mut TenantTx, wish: &Wish<'_>) -> Result<Requested, RequestError> {
    let (resources, window) = match wish.write.takes() {
        None => (Vec::new(), None),
        Some(place) => {
            let resource = |kind, id: &str| Resource { kind, vendor_id: id.to_owned() };
            let mut resources = vec![
                resource(ResourceKind::Clinician, place.clinician),
                resource(ResourceKind::Chair, place.chair),
            ];
            // After the first: whoever reads the holds tells the two apart by their order.
            resources.extend(place.beside.map(|id| resource(ResourceKind::Clinician, id)));
            (resources, Some(place.window))
        }
    };
    let fingerprint = seal::sha256(wish.intent.as_bytes());
    if !wish.once_for_all.is_empty() {
        tx.lock_payments().await?;
    }
    // Everything below sees the connection as it is until the commit: two callers take turns.
    tx.lock_connection(wish.connection).await?;
    let held = match window {
        Some(window) => tx
            .holds(wish.connection, window)
            .await?
            .into_iter()
            .filter(|held| resources.contains(&held.resource))
            .collect(),
        None => Vec::new(),
    };
    if let Some(same) = tx.writeback_by_fingerprint(wish.connection, &fingerprint).await? {
        // A booking that succeeded and is no longer held was seen in the practice's own calendar:
        // wishing for it again is a new wish, and the calendar decides.
        let still_ours = held.iter().any(|held| held.writeback == same.id);
        let holds_nothing = window.is_none() && !was_undone(wish.write, &same);
        if same.state != WritebackState::Succeeded || holds_nothing || still_ours {
            try_now(tx, &same, wish.vendor, wish.traceparent).await?;
            return Ok(Requested::Same(Box::new(same)));
        }
    }
    if !wish.once_for_all.is_empty() {
        let known: Vec<Vec<u8>> =
            wish.once_for_all.iter().map(|intent| seal::sha256(intent.as_bytes()).to_vec()).collect();
        if let Some(elsewhere) = tx.payment_by_fingerprints(&known).await? {
            return Ok(Requested::Same(Box::new(elsewhere)));
        }
    }
    if let Some(appointment) = wish.write.changes()
        && tx.change_under_way(wish.connection, appointment).await?.is_some()
    {
        return Err(RequestError::ChangeUnderWay);
    }
    // What an appointment holds since it was made does not stand in its own way.
    let booking = match wish.write.changes() {
        Some(appointment) => tx.booking_of(wish.connection, appointment).await?,
        None => None,
    };
    if held.iter().any(|held| Some(held.booking) != booking) {
        return Err(RequestError::SlotTaken);
    }
    let deadline_at = wish.write.too_late_from().map_or(wish.deadline_at, |at| wish.deadline_at.min(at));
    let depends_on = forerunner(tx, wish.depends_on, deadline_at).await?;
    let id = WritebackId::new();
    let payload =
        serde_json::to_vec(wish.write).map_err(|_| StoreError::Unreadable("pms_writebacks.payload"))?;
    tx.add_writeback(&NewWriteback {
        id,
        connection: wish.connection,
        operation: operation(wish.write),
        payload: &payload,
        fingerprint: &fingerprint,
        reference: &reference(id),
        depends_on,
        deadline_at,
        about_at: window.map(|window| window.start).or(wish.write.was().map(|was| was.start)),
    })
    .await?;
    tx.try_the_practice_now(wish.connection, None).await?;
    if let Some(appointment) = wish.write.changes() {
        tx.mark_change(id, appointment).await?;
    }
    if let Some(window) = window {
        let hold = NewHold {
            connection: wish.connection,
            writeback: id,
            booking: booking.unwrap_or(id),
            resources: &resources,
            window,
        };
        tx.place_hold(&hold).await.map_err(|error| {
            if error.is_rule("slot_holds_one_wins") { RequestError::SlotTaken } else { error.into() }
        })?;
    }
    announce(tx, wish.connection, wish.vendor, id, wish.traceparent).await?;
    Ok(Requested::New(id))
}

/// Has a write that waits for its practice's server tried now: somebody asks again for it. The connection is locked.
async fn try_now(
    tx: &mut TenantTx,
    write: &Writeback,
    vendor: &str,
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    if write.state != WritebackState::Queued || write.reason.as_deref() != Some("practice_offline") {
        return Ok(());
    }
    tx.try_the_practice_now(write.connection, Some(write.id)).await?;
    announce(tx, write.connection, vendor, write.id, traceparent).await
}

/// Has a write that is on its way tried now where it waits for its practice's server: somebody asks again for what it
/// is about.
///
/// # Errors
/// [`StoreError`].
pub async fn ask_again(
    tx: &mut TenantTx,
    id: WritebackId,
    vendor: &str,
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    let write = tx.writeback(id).await?;
    tx.lock_connection(write.connection).await?;
    let write = tx.writeback(id).await?;
    try_now(tx, &write, vendor, traceparent).await
}

/// The write that must succeed first, by its latest try: staff may have asked for another since somebody was told of it.
/// It is waited for as long as what waits for it, which would fail with it.
pub(crate) async fn forerunner(
    tx: &mut TenantTx,
    first: Option<WritebackId>,
    until: Timestamp,
) -> Result<Option<WritebackId>, StoreError> {
    let Some(first) = first else { return Ok(None) };
    let latest = tx.latest_try(first).await?.id;
    tx.wait_longer(latest, until).await?;
    Ok(Some(latest))
}

/// Whether a cancellation that succeeded was taken back at the practice since: a copy that is certainly newer
/// shows the appointment as it was. Wishing for it again is then a new wish.
fn was_undone(write: &Write, done: &Writeback) -> bool {
    let Some((finished_at, as_of)) = done.finished_at.zip(write.as_of()) else { return false };
    as_of.duration_since(finished_at) > COPY_MARGIN
}

/// How much later than a write a copy of the practice's system must have been made to be sure that it shows what
/// the write did.
pub const COPY_MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// Tells the worker that there is a write to carry.
pub(crate) async fn announce(
    tx: &mut TenantTx,
    connection: ConnectionId,
    vendor: &str,
    id: WritebackId,
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    let body = v1::WritebackRequested {
        tenant_id: tx.tenant().to_string(),
        connection_id: connection.to_string(),
        writeback_id: id.to_string(),
    }
    .to_bytes();
    tx.send(&OutgoingLetter {
        message_id: Uuid::now_v7(),
        exchange: Exchange::Commands.name(),
        routing_key: &format!("{vendor}.writeback"),
        kind: v1::WritebackRequested::NAME,
        hash_key: Some(&connection.to_string()),
        traceparent,
        body: &body,
    })
    .await
}

const fn operation(write: &Write) -> &'static str {
    match write {
        Write::CreatePatient(_) => "create_patient",
        Write::BookAppointment(_) => "book_appointment",
        Write::RescheduleAppointment(_) => "reschedule_appointment",
        Write::CancelAppointment(_) => "cancel_appointment",
        Write::AddNote(_) => "add_note",
        Write::RecordPayment(_) => "record_payment",
    }
}
