#![doc = include_str!("../README.md")]

mod choose;
mod free;
mod held;
mod spans;

use domain::{Chair, Clinician, ClinicianKind, DayBook, Window};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

pub use choose::{choose, nearest};
pub use held::{Held, Stage};

use free::Free;

/// Half a day on the practice's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartOfDay {
    /// Before noon.
    Morning,
    /// From noon on.
    Afternoon,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The slot must lie inside.
    pub within: Window,
    /// The slot's length.
    pub minutes: i64,
    /// Slots begin at full multiples of this by the wall clock. With a feed, they begin where it says.
    pub step_minutes: i64,
    /// Nothing that begins earlier.
    pub not_before: Timestamp,
    /// Only with these, by the vendor's id; `None`: with anyone.
    pub clinicians: Option<&'a [String]>,
    /// Only in this half of a day.
    pub part: Option<PartOfDay>,
    /// The wall clock.
    pub zone: &'a TimeZone,
}

/// A time that can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening<'a> {
    /// When.
    pub window: Window,
    /// With whom.
    pub clinician: &'a Clinician,
    /// Where.
    pub chair: &'a Chair,
}

/// Every free time, once for each start and clinician, in order of start and then of the day book's
/// clinicians.
///
/// No opening overlaps an appointment, booked or of unknown state, or a hold of its clinician or its
/// chair; every one lies in the hours of the practice, the clinician and the chair, or in the feed.
#[must_use]
pub fn openings<'a>(book: &'a DayBook, held: &[Held], ask: &Ask<'_>) -> Vec<Opening<'a>> {
    let free = Free::of(book, held);
    let length = ask.minutes.saturating_mul(60);
    if length <= 0 {
        return Vec::new();
    }
    let earliest = ask.not_before.max(ask.within.start).as_second();
    let latest = ask.within.end.as_second();
    let mut found: Vec<(i64, usize, Opening<'a>)> = Vec::new();
    for (who, (clinician, spans)) in free.clinicians.iter().enumerate() {
        if ask.clinicians.is_some_and(|wanted| !wanted.contains(&clinician.vendor_id)) {
            continue;
        }
        let chairs = free.chairs_of(&clinician.vendor_id);
        let mut try_at = |start: i64| {
            let end = start + length;
            if start < earliest || end > latest || !in_part(start, ask) || comes_twice(start, ask.zone) {
                return;
            }
            let Some(chair) = free.chair(who, &chairs, start, end) else { return };
            if let (Ok(from), Ok(to)) = (Timestamp::from_second(start), Timestamp::from_second(end)) {
                let window = Window { start: from, end: to };
                found.push((start, who, Opening { window, clinician, chair }));
            }
        };
        match free.fed_starts(who) {
            Some(starts) => {
                starts.into_iter().filter(|start| spans.hold(*start, start + length)).for_each(&mut try_at);
            }
            None => {
                for (from, to) in spans.iter() {
                    steps(from.max(earliest), to - length, ask).for_each(&mut try_at);
                }
            }
        }
    }
    found.sort_by_key(|(start, who, _)| (*start, *who));
    found.into_iter().map(|(_, _, opening)| opening).collect()
}

/// Whether `window` is still free with `clinician`, and in which chair: `preferred` if it can be,
/// otherwise another one, which is the same to a patient. A start that comes twice is never free.
#[must_use]
pub fn still_free<'a>(
    book: &'a DayBook,
    held: &[Held],
    window: Window,
    clinician: &str,
    preferred: &str,
) -> Option<&'a Chair> {
    let free = Free::of(book, held);
    let (start, end) = (window.start.as_second(), window.end.as_second());
    if TimeZone::get(&book.time_zone).is_ok_and(|zone| comes_twice(start, &zone)) {
        return None;
    }
    let who = free.clinicians.iter().position(|(one, _)| one.vendor_id == clinician)?;
    if !free.clinicians.get(who)?.1.hold(start, end) {
        return None;
    }
    let mut chairs = free.chairs_of(clinician);
    chairs.sort_by_key(|place| free.chair_id(*place) != Some(preferred));
    free.chair(who, &chairs, start, end)
}

/// Whether anybody may be booked with them at all.
#[must_use]
pub fn takes_patients(clinician: &Clinician) -> bool {
    clinician.bookable && clinician.kind != ClinicianKind::Other
}

fn local(second: i64, zone: &TimeZone) -> i64 {
    Timestamp::from_second(second).map_or(second, |at| second + i64::from(zone.to_offset(at).seconds()))
}

/// Whether the wall clock shows this time once more that night: then nobody can say which of the two is meant, and no
/// system can be told.
fn comes_twice(start: i64, zone: &TimeZone) -> bool {
    Timestamp::from_second(start).is_ok_and(|at| {
        matches!(zone.to_ambiguous_timestamp(zone.to_datetime(at)).offset(), AmbiguousOffset::Fold { .. })
    })
}

fn in_part(start: i64, ask: &Ask<'_>) -> bool {
    const NOON: i64 = 12 * 3600;
    match ask.part {
        None => true,
        Some(PartOfDay::Morning) => local(start, ask.zone).rem_euclid(86_400) < NOON,
        Some(PartOfDay::Afternoon) => local(start, ask.zone).rem_euclid(86_400) >= NOON,
    }
}

/// The full steps of the wall clock from `from` to `to`, both included. The clock is asked again for
/// each, so a night in which it moves neither loses nor invents a time.
fn steps<'z>(from: i64, to: i64, ask: &Ask<'z>) -> impl Iterator<Item = i64> + use<'z> {
    let (step, zone) = (ask.step_minutes.max(1).saturating_mul(60), ask.zone);
    let mut next = from;
    std::iter::from_fn(move || {
        loop {
            if next > to {
                return None;
            }
            // Of its day: steps that do not fill a day begin again at midnight.
            let past = local(next, zone).rem_euclid(86_400).rem_euclid(step);
            if past == 0 {
                let found = next;
                next = found.saturating_add(step.min(900 - local(found, zone).rem_euclid(900)));
                return Some(found);
            }
            // Never further than the next quarter of an hour: every zone moves its clock on one.
            next += (step - past).min(900 - local(next, zone).rem_euclid(900));
        }
    })
}
