//! Clinics of every kind, around the nights in which the clock moves.

use domain::{
    Appointment, AppointmentState, Chair, Clinician, ClinicianKind, DayBook, Freshness, OpenHours, Resource,
    ResourceKind, Window,
};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use reception::{Held, Stage};

use crate::clinic::{chair, clinician, taken};

/// Clocks that move by an hour, by half an hour, at midnight, at an odd offset, and not at all.
const ZONES: [&str; 16] = [
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Phoenix",
    "America/Havana",
    "America/Santiago",
    "Europe/London",
    "Europe/Berlin",
    "Atlantic/Azores",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
];

/// A stretch of a practice's wall clock: day, first minute of the day, minutes.
pub(crate) type Stretch = (i64, i64, i64);

/// A clinic as a list of what was drawn for it.
#[derive(Debug, Clone)]
pub(crate) struct AnyClinic {
    pub(crate) zone: TimeZone,
    /// The day before the night in which the clock moves.
    pub(crate) first: Date,
    pub(crate) days: i64,
    clinicians: Vec<Clinician>,
    chairs: Vec<Chair>,
    hours: Vec<(Resource, Stretch)>,
    /// Days on which the practice is closed, whatever the hours say.
    holidays: Vec<i64>,
    appointments: Vec<(Option<String>, Option<String>, Stretch, AppointmentState)>,
    held: Vec<(Option<String>, Option<String>, Stretch)>,
    feed: Option<Vec<(Stretch, Vec<Resource>)>>,
}

impl AnyClinic {
    pub(crate) fn day(&self, day: i64) -> Date {
        self.first.checked_add(day.days()).unwrap()
    }

    /// The first moment of a day.
    pub(crate) fn midnight(&self, day: i64) -> Timestamp {
        self.day(day).to_zoned(self.zone.clone()).unwrap().timestamp()
    }

    pub(crate) fn covers(&self) -> Window {
        Window::new(self.midnight(0), self.midnight(self.days)).unwrap()
    }

    /// The stretch as it passes; a start that the clock skips is moved on with the clock.
    fn window(&self, (day, start, minutes): Stretch) -> Option<Window> {
        let (hour, minute) = (i8::try_from(start / 60).unwrap(), i8::try_from(start % 60).unwrap());
        let start = self.day(day).at(hour, minute, 0, 0).to_zoned(self.zone.clone()).unwrap().timestamp();
        Window::of_minutes(start, minutes).ok()
    }

    pub(crate) fn book(&self, covers: Window) -> DayBook {
        let open = self.hours.iter().filter(|(_, stretch)| !self.holidays.contains(&stretch.0));
        let hours = open.filter_map(|(resource, stretch)| {
            Some(OpenHours { resource: resource.clone(), window: self.window(*stretch)? })
        });
        let appointments = self.appointments.iter().filter_map(|(who, place, stretch, state)| {
            let window = self.window(*stretch)?;
            Some(Appointment { state: *state, ..taken(who.as_deref(), place.as_deref(), window) })
        });
        let feed = self.feed.as_ref().map(|entries| {
            let entries = entries.iter();
            entries.filter_map(|(stretch, whose)| Some((self.window(*stretch)?, whose.clone()))).collect()
        });
        DayBook {
            time_zone: self.zone.iana_name().unwrap().to_owned(),
            covers,
            clinicians: self.clinicians.clone(),
            chairs: self.chairs.clone(),
            hours: hours.filter(|row| row.window.overlaps(&covers)).collect(),
            appointments: appointments.collect(),
            feed,
            freshness: Freshness { copied_at: None, read_at: covers.start },
        }
    }

    pub(crate) fn held(&self) -> Vec<Held> {
        let held = self.held.iter().filter_map(|(clinician, chair, stretch)| {
            Some(Held {
                window: self.window(*stretch)?,
                clinician: clinician.clone(),
                chair: chair.clone(),
                writeback: None,
                stage: Stage::UnderWay,
                appointment: None,
                patients: vec![],
            })
        });
        held.collect()
    }
}

/// Two dentists, two hygienists, somebody who only answers the phone, and one who has left.
fn people() -> Vec<Clinician> {
    let mut people = vec![
        clinician("DR1", "Dr Lee", ClinicianKind::Provider),
        clinician("DR2", "Dr Osei", ClinicianKind::Provider),
        clinician("HY1", "Sam Reyes", ClinicianKind::Hygienist),
        clinician("HY2", "Kim Lee", ClinicianKind::Hygienist),
        clinician("ST1", "Pat Lee", ClinicianKind::Other),
        clinician("DR9", "Dr Gone", ClinicianKind::Provider),
    ];
    people[5].bookable = false;
    people
}

fn any_who() -> impl Strategy<Value = String> {
    prop_oneof![Just("DR1"), Just("DR2"), Just("HY1"), Just("HY2"), Just("ST1"), Just("DR9")]
        .prop_map(str::to_owned)
}

fn any_place() -> impl Strategy<Value = String> {
    (1..5).prop_map(|n| format!("OP{n}"))
}

/// Operatories for anyone, and columns of one hygienist or of some.
fn any_chairs() -> impl Strategy<Value = Vec<Chair>> {
    let one = (proptest::collection::vec(any_who(), 0..3), proptest::bool::weighted(0.9));
    proptest::collection::vec(one, 1..5).prop_map(|chairs| {
        let named = chairs.into_iter().enumerate().map(|(n, (who, bookable))| {
            let who: Vec<&str> = who.iter().map(String::as_str).collect();
            Chair { bookable, ..chair(&format!("OP{}", n + 1), &who) }
        });
        named.collect()
    })
}

fn resource(kind: ResourceKind, id: &str) -> Resource {
    Resource { kind, vendor_id: id.to_owned() }
}

fn any_resource() -> impl Strategy<Value = Resource> {
    prop_oneof![
        2 => Just(resource(ResourceKind::Practice, "1")),
        3 => any_who().prop_map(|id| resource(ResourceKind::Clinician, &id)),
        2 => any_place().prop_map(|id| resource(ResourceKind::Chair, &id)),
    ]
}

fn any_stretch(days: i64, most: i64) -> impl Strategy<Value = Stretch> {
    (0..days, 0_i64..288, 1..=most / 5).prop_map(|(day, start, length)| (day, start * 5, length * 5))
}

/// Every day from one time to another with a break between, for one resource.
fn any_week(days: i64) -> impl Strategy<Value = Vec<(Resource, Stretch)>> {
    (any_resource(), 0_i64..40, 4_i64..24, 0_i64..12, 4_i64..40).prop_map(
        move |(whose, start, first, lunch, second)| {
            let (open, noon) = (start * 15, start * 15 + first * 15);
            let after = (noon + lunch * 15).min(1_425);
            let rows = (0..days).flat_map(|day| [(day, open, noon - open), (day, after, second * 15)]);
            rows.map(|stretch| (whose.clone(), stretch)).collect()
        },
    )
}

fn any_night() -> impl Strategy<Value = (TimeZone, Date)> {
    (0..ZONES.len(), 0_usize..2).prop_map(|(zone, which)| {
        let zone = TimeZone::get(ZONES[zone]).unwrap();
        let year = date(2027, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
        let moves = zone.following(year).nth(which).map(|moves| moves.timestamp());
        let at = moves.unwrap_or_else(|| "2027-05-05T12:00:00Z".parse().unwrap());
        // What the clock shows just before it moves: a move at midnight belongs to the night before.
        let before = zone.to_datetime(at - jiff::SignedDuration::from_secs(1)).date();
        (zone, before.yesterday().unwrap())
    })
}

fn any_state() -> impl Strategy<Value = AppointmentState> {
    prop_oneof![
        4 => Just(AppointmentState::Booked),
        1 => Just(AppointmentState::Unknown),
        2 => Just(AppointmentState::Cancelled),
    ]
}

/// A clinic of `days` days from the one before the clock moves.
pub(crate) fn any_clinic(days: i64) -> impl Strategy<Value = AnyClinic> {
    let who = || proptest::option::weighted(0.85, any_who());
    let place = || proptest::option::weighted(0.7, any_place());
    let fed = (any_stretch(days, 120), proptest::collection::vec(any_resource(), 0..3));
    (
        any_night(),
        any_chairs(),
        proptest::collection::vec(any_week(days), 0..5),
        proptest::collection::vec((any_resource(), any_stretch(days, 900)), 0..5),
        proptest::collection::vec(0..days, 0..2),
        proptest::collection::vec((who(), place(), any_stretch(days, 300), any_state()), 0..14),
        proptest::collection::vec((who(), place(), any_stretch(days, 120)), 0..5),
        proptest::option::weighted(0.2, proptest::collection::vec(fed, 0..24)),
        proptest::bool::weighted(0.8),
    )
        .prop_map(move |((zone, first), chairs, weeks, more, holidays, taken, held, feed, open)| {
            let mut hours: Vec<_> = weeks.into_iter().flatten().chain(more).collect();
            if open {
                let all_day = |day| (resource(ResourceKind::Practice, "1"), (day, 6 * 60, 16 * 60));
                hours.extend((0..days).map(all_day));
            }
            AnyClinic {
                zone,
                first,
                days,
                clinicians: people(),
                chairs,
                hours,
                holidays,
                appointments: taken,
                held,
                feed,
            }
        })
}
