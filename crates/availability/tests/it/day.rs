//! A day at a small clinic.

use domain::{
    Appointment, AppointmentState, Chair, Clinician, ClinicianKind, DayBook, Freshness, OpenHours, Resource,
    ResourceKind, Window,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(crate) const ZONE: &str = "America/New_York";

/// Monday morning.
pub(crate) const NOW: &str = "2026-11-23T08:00:00-05:00";

pub(crate) fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap()
}

/// A moment on the clinic's clock.
pub(crate) fn at(day: Date, hour: i8, minute: i8) -> Timestamp {
    day.at(hour, minute, 0, 0).to_zoned(zone()).unwrap().timestamp()
}

pub(crate) fn window(day: Date, hour: i8, minute: i8, minutes: i64) -> Window {
    Window::of_minutes(at(day, hour, minute), minutes).unwrap()
}

pub(crate) fn clinician(id: &str, name: &str, kind: ClinicianKind) -> Clinician {
    Clinician {
        vendor_id: id.to_owned(),
        spoken_name: name.to_owned(),
        full_name: String::new(),
        kind,
        bookable: true,
    }
}

pub(crate) fn chair(id: &str, clinicians: &[&str]) -> Chair {
    Chair {
        vendor_id: id.to_owned(),
        clinicians: clinicians.iter().map(|id| (*id).to_owned()).collect(),
        bookable: true,
    }
}

pub(crate) fn hours(kind: ResourceKind, id: &str, window: Window) -> OpenHours {
    OpenHours { resource: Resource { kind, vendor_id: id.to_owned() }, window }
}

pub(crate) fn taken(who: Option<&str>, chair: Option<&str>, window: Window) -> Appointment {
    Appointment {
        vendor_id: "a1".to_owned(),
        patient: "104".to_owned(),
        clinician: who.map(str::to_owned),
        chair: chair.map(str::to_owned),
        window,
        state: AppointmentState::Booked,
    }
}

/// Open on weekdays from 9 to 17: two dentists, a hygienist, two chairs.
pub(crate) fn day_book(covers: Window) -> DayBook {
    let first = zone().to_datetime(covers.start).date();
    let days = (0..14).map(|day| first.saturating_add(jiff::Span::new().days(day)));
    let open = days
        .filter(|day| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday))
        .map(|day| hours(ResourceKind::Practice, "1", window(day, 9, 0, 8 * 60)))
        .filter(|hours| covers.contains(&hours.window));
    DayBook {
        time_zone: ZONE.to_owned(),
        covers,
        clinicians: vec![
            clinician("DR1", "Dr Lee", ClinicianKind::Provider),
            clinician("DR2", "Dr Osei", ClinicianKind::Provider),
            clinician("HY1", "Sam Reyes", ClinicianKind::Hygienist),
        ],
        chairs: vec![chair("OP1", &[]), chair("OP2", &[])],
        hours: open.collect(),
        appointments: vec![],
        feed: None,
        freshness: Freshness { copied_at: Some(now()), read_at: now() },
    }
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}
