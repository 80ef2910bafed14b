//! What is free, found out the slow way: minute by minute, by its own rules, with nothing of the engine's.

use std::collections::BTreeSet;

use domain::{AppointmentState, ClinicianKind, DayBook, Resource, ResourceKind, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reception::Held;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) within: Window,
    pub(crate) minutes: i64,
    pub(crate) step_minutes: i64,
    pub(crate) not_before: Timestamp,
    /// Only these clinicians.
    pub(crate) only: Option<Vec<String>>,
    /// Some(true): only before noon; Some(false): only from noon on.
    pub(crate) morning: Option<bool>,
    pub(crate) zone: TimeZone,
}

/// A start and with whom, and in which chair.
pub(crate) type Free = (Timestamp, String, String);

/// Every minute of a day book, and what stands in it.
pub(crate) struct Grid<'a> {
    book: &'a DayBook,
    held: &'a [Held],
    first: i64,
    minutes: usize,
}

impl<'a> Grid<'a> {
    pub(crate) fn of(book: &'a DayBook, held: &'a [Held]) -> Self {
        let (first, end) = (minute(book.covers.start), minute(book.covers.end));
        Self { book, held, first, minutes: usize::try_from(end - first).unwrap() }
    }

    fn paint(&self, on: &mut [bool], window: &Window, value: bool) {
        for at in minute(window.start)..minute(window.end) {
            if let Some(cell) = usize::try_from(at - self.first).ok().and_then(|at| on.get_mut(at)) {
                *cell = value;
            }
        }
    }

    /// The minutes in which the hours of a kind say open; `None` where nobody of it has hours.
    fn hours(&self, kind: ResourceKind, id: Option<&str>) -> Option<Vec<bool>> {
        let rows = self
            .book
            .hours
            .iter()
            .filter(|row| row.resource.kind == kind && id.is_none_or(|id| row.resource.vendor_id == id));
        let rows: Vec<&Window> = rows.map(|row| &row.window).filter(|row| row.start < row.end).collect();
        let mut open = vec![false; self.minutes];
        rows.iter().for_each(|window| self.paint(&mut open, window, true));
        (!rows.is_empty()).then_some(open)
    }

    /// Open for both by the hours of all three.
    fn open(&self, clinician: &str, chair: &str) -> Vec<bool> {
        let practice = self.hours(ResourceKind::Practice, None);
        let alone = |kind, id: &str| match (self.hours(kind, Some(id)), &practice) {
            (None, None) => vec![false; self.minutes],
            (None, Some(practice)) => practice.clone(),
            (Some(own), None) => own,
            (Some(own), Some(practice)) => own.iter().zip(practice).map(|(a, b)| *a && *b).collect(),
        };
        let who = alone(ResourceKind::Clinician, clinician);
        let place = alone(ResourceKind::Chair, chair);
        who.iter().zip(&place).map(|(a, b)| *a && *b).collect()
    }

    fn named(resources: &[Resource], kind: ResourceKind, id: &str) -> bool {
        let of_kind: Vec<&Resource> = resources.iter().filter(|one| one.kind == kind).collect();
        of_kind.is_empty() || of_kind.iter().any(|one| one.vendor_id == id)
    }

    /// Free minutes of a pair, and the starts it is bound to where the practice has a feed.
    fn free(&self, clinician: &str, chair: &str) -> (Vec<bool>, Option<BTreeSet<i64>>) {
        let (mut free, starts) = match &self.book.feed {
            None => (self.open(clinician, chair), None),
            Some(feed) => {
                let mut fed = vec![false; self.minutes];
                let mut starts = BTreeSet::new();
                for (window, resources) in feed {
                    if Self::named(resources, ResourceKind::Clinician, clinician)
                        && Self::named(resources, ResourceKind::Chair, chair)
                    {
                        self.paint(&mut fed, window, true);
                        starts.insert(minute(window.start));
                    }
                }
                (fed, Some(starts))
            }
        };
        let booked = self.book.appointments.iter().filter(|one| one.state != AppointmentState::Cancelled);
        let booked = booked.map(|one| (one.window, one.clinician.as_deref(), one.chair.as_deref()));
        let held = self.held.iter().map(|one| (one.window, one.clinician.as_deref(), one.chair.as_deref()));
        for (window, who, place) in booked.chain(held) {
            if who == Some(clinician) || place == Some(chair) || (who.is_none() && place.is_none()) {
                let end = window.end.max(window.start + jiff::SignedDuration::from_mins(1));
                self.paint(&mut free, &Window { start: window.start, end }, false);
            }
        }
        (free, starts)
    }

    /// Everything that can be offered.
    pub(crate) fn offers(&self, asked: &Question) -> BTreeSet<Free> {
        let mut offers = BTreeSet::new();
        let length = usize::try_from(asked.minutes).unwrap();
        for clinician in &self.book.clinicians {
            let id = &clinician.vendor_id;
            let wanted = asked.only.as_ref().is_none_or(|only| only.contains(id));
            if !clinician.bookable || clinician.kind == ClinicianKind::Other || !wanted {
                continue;
            }
            for chair in &self.book.chairs {
                if !chair.bookable || !(chair.clinicians.is_empty() || chair.clinicians.contains(id)) {
                    continue;
                }
                let (free, starts) = self.free(id, &chair.vendor_id);
                // How many free minutes follow, this one included.
                let mut run = vec![0_usize; self.minutes + 1];
                for at in (0..self.minutes).rev() {
                    run[at] = if free[at] { run[at + 1] + 1 } else { 0 };
                }
                for (at, run) in run.iter().enumerate().take(self.minutes) {
                    let start = self.first + i64::try_from(at).unwrap();
                    let begins = match &starts {
                        Some(starts) => starts.contains(&start),
                        None => wall_minute(start, &asked.zone) % asked.step_minutes == 0,
                    };
                    if *run >= length && begins && suits(start, asked) {
                        offers.insert((moment(start), id.clone(), chair.vendor_id.clone()));
                    }
                }
            }
        }
        offers
    }
}

fn suits(start: i64, asked: &Question) -> bool {
    let at = moment(start);
    at >= asked.not_before
        && at >= asked.within.start
        && moment(start + asked.minutes) <= asked.within.end
        && ![-60, -30, 30, 60]
            .into_iter()
            .any(|shift| wall(start + shift, &asked.zone) == wall(start, &asked.zone))
        && asked.morning.is_none_or(|morning| (wall_minute(start, &asked.zone) < 720) == morning)
}

fn wall(at: i64, zone: &TimeZone) -> jiff::civil::DateTime {
    zone.to_datetime(moment(at))
}

fn wall_minute(at: i64, zone: &TimeZone) -> i64 {
    let wall = wall(at, zone);
    i64::from(wall.hour()) * 60 + i64::from(wall.minute())
}

fn minute(at: Timestamp) -> i64 {
    assert_eq!(at.as_second() % 60, 0, "the oracle sees minutes only");
    at.as_second() / 60
}

fn moment(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}
