//! Whether what a write wants can still be done, by the practice's own calendar. Nobody asks before a write that was
//! just wished for; one that waited, or is tried again, may have been overtaken by the practice's staff.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Appointment, AppointmentState, DayBook, Window};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use pms::{DayBookQuery, ErrorKind, PMSAdapter, PmsError, Takes, Write};
use store::{OwnWrites, Writeback};

use crate::request::COPY_MARGIN;

/// A write that is older than this was wished for too long ago.
const STILL_FRESH: SignedDuration = SignedDuration::from_mins(10);
/// What a copy of unknown age counts as: most vendors make one every night at least.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// What a practice's calendar shows of what a write wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Nothing is in its way, or the calendar cannot be read in this system.
    Free,
    /// It is there: the same patient at the same time, or the appointment as it was to become.
    TheirOwn,
    /// Somebody else has the time.
    Taken,
    /// The appointment it changes is not where it was when the change was wished for.
    Overtaken,
}

/// Whether the calendar must be read before this write is sent.
pub(crate) fn must_be_read(write: &Writeback, now: Timestamp) -> bool {
    write.replays.is_some() || now.duration_since(write.created_at) > STILL_FRESH
}

/// What came of reading some days; nothing where the system has no calendar to read.
type Read = Result<Option<Arc<DayBook>>, Arc<PmsError>>;

/// A practice's calendar. Each day is read once, for everybody who asks for it.
pub(crate) struct Days<'a> {
    office: &'a dyn PMSAdapter,
    zone: TimeZone,
    read: BTreeMap<(Date, Date), Read>,
}

impl<'a> Days<'a> {
    pub(crate) fn of(office: &'a dyn PMSAdapter, time_zone: &str) -> Self {
        Self { office, zone: TimeZone::get(time_zone).unwrap_or(TimeZone::UTC), read: BTreeMap::new() }
    }

    /// The whole days of `window` on the practice's own clock.
    async fn at(&mut self, window: Window) -> Read {
        // What ends at midnight takes nothing of the next day.
        let last = window.end - SignedDuration::from_nanos(1);
        let days = (self.zone.to_datetime(window.start).date(), self.zone.to_datetime(last).date());
        if let Some(read) = self.read.get(&days) {
            return read.clone();
        }
        let covers = self.whole(days).unwrap_or(window);
        let read = match self.office.day_book(&DayBookQuery { covers }).await {
            Ok(book) => Ok(Some(Arc::new(book))),
            Err(error) if error.kind == ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(Arc::new(error)),
        };
        self.read.insert(days, read.clone());
        read
    }

    fn whole(&self, (first, last): (Date, Date)) -> Option<Window> {
        let start = first.to_zoned(self.zone.clone()).ok()?.timestamp();
        let end = last.checked_add(1.day()).ok()?.to_zoned(self.zone.clone()).ok()?.timestamp();
        Window::new(start, end).ok()
    }
}

/// Reads the calendar at the time a write takes, and where the appointment stood that it changes. `own` is what our
/// own rows tell of that one.
pub(crate) async fn shown(
    days: &mut Days<'_>,
    write: &Write,
    own: Option<&OwnWrites>,
) -> Result<Time, Arc<PmsError>> {
    let mut shown = Time::Free;
    if let Some(place) = write.takes()
        && let Some(book) = days.at(place.window).await?
    {
        for one in book.appointments.iter().filter(|one| is_in_the_way(one, &place)) {
            let starts_then = one.window.start == place.window.start;
            let (is_theirs, is_there) = match write.changes() {
                Some(moved) => {
                    (one.vendor_id == moved, starts_then && one.chair.as_deref() == Some(place.chair))
                }
                None => (write.patient() == Some(one.patient.as_str()), starts_then),
            };
            if is_theirs && is_there {
                return Ok(Time::TheirOwn);
            }
            // An appointment that is moved makes room for itself.
            if !(is_theirs && write.changes().is_some()) {
                shown = Time::Taken;
            }
        }
    }
    if let Some((appointment, was)) = write.changes().zip(write.was())
        && let Some(book) = days.at(was).await?
    {
        let stands = stands(write, appointment, was, &book, own);
        if stands != Time::Free {
            return Ok(stands);
        }
    }
    Ok(shown)
}

/// Whether the appointment still stands where the change was wished for.
fn stands(write: &Write, appointment: &str, was: Window, book: &DayBook, own: Option<&OwnWrites>) -> Time {
    let rows: Vec<_> = book.appointments.iter().filter(|one| one.vendor_id == appointment).collect();
    let is_cancelled = |one: &&Appointment| one.state == AppointmentState::Cancelled;
    if matches!(write, Write::CancelAppointment(_)) && !rows.is_empty() && rows.iter().all(is_cancelled) {
        return Time::TheirOwn;
    }
    let ours_at = own.and_then(|own| own.last_at);
    if ours_at.zip(own).is_some_and(|(at, own)| at > own.wished_at) {
        return Time::Overtaken;
    }
    if rows.iter().any(|one| one.window.start == was.start && !is_cancelled(one)) {
        return Time::Free;
    }
    // A copy that may be older than our own last write of it shows it where it was before that one.
    let copied_at = book.freshness.copied_at.unwrap_or(book.freshness.read_at - A_DAY);
    match ours_at {
        Some(at) if copied_at.duration_since(at) <= COPY_MARGIN => Time::Free,
        _ => Time::Overtaken,
    }
}

fn is_in_the_way(one: &Appointment, place: &Takes<'_>) -> bool {
    let nobodys = one.clinician.is_none() && one.chair.is_none();
    let is_of = |id: &str| one.clinician.as_deref() == Some(id);
    one.state != AppointmentState::Cancelled
        && one.window.overlaps(&place.window)
        && (nobodys
            || is_of(place.clinician)
            || place.beside.is_some_and(is_of)
            || one.chair.as_deref() == Some(place.chair))
}
