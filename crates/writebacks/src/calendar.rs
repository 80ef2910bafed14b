//! Whether a booking's time is still free in the practice's own calendar. Nobody asks before a booking that was
//! just offered; one that waited, or is tried again, may have been overtaken by the practice's staff.

use domain::{Appointment, AppointmentState, Window};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use pms::{DayBookQuery, ErrorKind, PMSAdapter, PmsError, Takes, Write};
use store::Writeback;

/// A booking that is older than this was offered too long ago.
const STILL_FRESH: SignedDuration = SignedDuration::from_mins(10);

/// What a practice's calendar shows at a booking's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Nothing, or the calendar cannot be read in this system.
    Free,
    /// The same patient at the same time: it may be this one.
    TheirOwn,
    /// Somebody else.
    Taken,
}

/// Whether the calendar must be read before this write is sent.
pub(crate) fn must_be_read(write: &Writeback, now: Timestamp) -> bool {
    write.replays.is_some() || now.duration_since(write.created_at) > STILL_FRESH
}

/// Reads the calendar at the time a write takes. For what takes none there is nothing to read.
pub(crate) async fn shown(office: &dyn PMSAdapter, write: &Write) -> Result<Time, PmsError> {
    let Some((place, covers)) = write.takes().and_then(|place| Some((place, days(write, &place)?))) else {
        return Ok(Time::Free);
    };
    let book = match office.day_book(&DayBookQuery { covers }).await {
        Ok(book) => book,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(Time::Free),
        Err(error) => return Err(error),
    };
    let mut shown = Time::Free;
    for one in book.appointments.iter().filter(|one| is_in_the_way(one, &place)) {
        let starts_then = one.window.start == place.window.start;
        let is_theirs = match write.changes() {
            Some(moved) if one.vendor_id == moved && !starts_then => continue,
            Some(moved) => one.vendor_id == moved,
            None => write.patient() == Some(one.patient.as_str()),
        };
        if is_theirs && starts_then {
            return Ok(Time::TheirOwn);
        }
        shown = Time::Taken;
    }
    Ok(shown)
}

fn is_in_the_way(one: &Appointment, place: &Takes<'_>) -> bool {
    let nobodys = one.clinician.is_none() && one.chair.is_none();
    one.state != AppointmentState::Cancelled
        && one.window.overlaps(&place.window)
        && (nobodys
            || one.clinician.as_deref() == Some(place.clinician)
            || one.chair.as_deref() == Some(place.chair))
}

/// The whole days of the time it takes, on the practice's own clock.
fn days(write: &Write, place: &Takes<'_>) -> Option<Window> {
    let zone = TimeZone::get(write.time_zone()?).ok()?;
    let first = zone.to_datetime(place.window.start).date();
    let last = zone.to_datetime(place.window.end).date().checked_add(1.day()).ok()?;
    let start = first.to_zoned(zone.clone()).ok()?.timestamp();
    Window::new(start, last.to_zoned(zone).ok()?.timestamp()).ok()
}
