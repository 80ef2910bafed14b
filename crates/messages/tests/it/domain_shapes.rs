//! Our own shapes on the bus and back.

use domain::{
    Appointment, AppointmentState, Chair, Clinician, ClinicianKind, DayBook, Freshness, OpenHours, Patient,
    PersonName, Phone, Resource, ResourceKind, Window,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use messages::{Unreadable, from_proto_time, proto_time, v1};

use crate::samples::at;

fn moment(minute: i64) -> Timestamp {
    "2026-11-01T06:30:00.123456789Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn window(minute: i64) -> Window {
    Window::new(moment(minute), moment(minute + 30)).unwrap()
}

fn patient() -> Patient {
    Patient {
        vendor_id: "201".into(),
        name: PersonName { first: "Nora".into(), last: "Quill".into() },
        preferred: Some("Nonie".into()),
        born: Some("1990-02-03".parse::<Date>().unwrap().into()),
        phones: vec![Phone { e164: "+15550100011".into(), as_received: "(555) 010-0011".into() }],
        email: Some("nora@example.org".into()),
        usual_clinician: Some("7".into()),
        active: true,
    }
}

fn book() -> DayBook {
    let resource = |kind, id: &str| Resource { kind, vendor_id: id.into() };
    let clinician = |kind, id: &str| Clinician {
        vendor_id: id.into(),
        spoken_name: format!("Dr {id}"),
        full_name: format!("Ann {id}"),
        kind,
        bookable: id != "9",
    };
    let appointment = |state, clinician: Option<&str>, chair: Option<&str>| Appointment {
        vendor_id: "900".into(),
        patient: "201".into(),
        clinician: clinician.map(Into::into),
        chair: chair.map(Into::into),
        window: window(0),
        state,
    };
    DayBook {
        time_zone: "America/Chicago".into(),
        covers: window(0),
        clinicians: vec![
            clinician(ClinicianKind::Provider, "7"),
            clinician(ClinicianKind::Hygienist, "8"),
            clinician(ClinicianKind::Other, "9"),
        ],
        chairs: vec![Chair { vendor_id: "2".into(), clinicians: vec![], bookable: false }],
        hours: [ResourceKind::Practice, ResourceKind::Clinician, ResourceKind::Chair]
            .map(|kind| OpenHours { resource: resource(kind, "7"), window: window(30) })
            .to_vec(),
        appointments: vec![
            appointment(AppointmentState::Booked, Some("7"), Some("2")),
            appointment(AppointmentState::Cancelled, None, Some("2")),
            appointment(AppointmentState::Unknown, Some("7"), None),
        ],
        feed: Some(vec![(window(60), vec![resource(ResourceKind::Chair, "2")])]),
        freshness: Freshness { copied_at: Some(moment(-10)), read_at: moment(0) },
    }
}

#[test]
fn a_patient_arrives_as_they_left() {
    let bare = Patient {
        preferred: None,
        born: None,
        phones: vec![],
        email: None,
        usual_clinician: None,
        active: false,
        ..patient()
    };
    for patient in [patient(), bare] {
        assert_eq!(Patient::try_from(v1::Patient::from(patient.clone())).unwrap(), patient);
    }
}

#[test]
fn a_day_book_arrives_as_it_left() {
    // No feed and an empty feed are two different answers: ask the hours, and nothing is free.
    let freshness = Freshness { copied_at: None, read_at: moment(0) };
    for book in
        [book(), DayBook { feed: None, ..book() }, DayBook { feed: Some(vec![]), freshness, ..book() }]
    {
        assert_eq!(DayBook::try_from(v1::DayBook::from(book.clone())).unwrap(), book);
    }
}

#[test]
fn a_patient_without_an_id_or_with_a_date_that_does_not_exist_is_refused_by_the_field() {
    let broken = |change: fn(&mut v1::Patient)| {
        let mut message = v1::Patient::from(patient());
        change(&mut message);
        Patient::try_from(message).unwrap_err()
    };
    assert_eq!(broken(|patient| patient.vendor_id.clear()), Unreadable::Field("patient.vendor_id"));
    assert_eq!(broken(|patient| patient.born = "1990-02-30".into()), Unreadable::Field("patient.born"));
}

#[test]
fn a_day_book_that_lacks_something_is_refused_by_the_field_and_never_half_read() {
    let broken = |change: fn(&mut v1::DayBook)| {
        let mut message = v1::DayBook::from(book());
        change(&mut message);
        DayBook::try_from(message).unwrap_err()
    };
    assert_eq!(broken(|book| book.covers = None), Unreadable::Field("day_book.covers"));
    assert_eq!(broken(|book| book.read_at = None), Unreadable::Field("day_book.read_at"));
    assert_eq!(broken(|book| book.hours[0].resource = None), Unreadable::Field("hours.resource"));
    assert_eq!(broken(|book| book.appointments[0].window = None), Unreadable::Field("appointment.window"));
    assert_eq!(broken(|book| book.feed[0].window = None), Unreadable::Field("feed.window"));
    let unspecified: fn(&mut v1::DayBook) = |book| book.feed[0].resources[0].kind = 99;
    assert_eq!(broken(unspecified), Unreadable::Field("resource.kind"));
    let backwards: fn(&mut v1::DayBook) = |book| book.covers = Some(v1::Window { start: at(10), end: at(5) });
    assert_eq!(broken(backwards), Unreadable::Field("window.end"));
}

#[test]
fn an_appointment_state_of_a_later_version_counts_as_taking_its_time() {
    let mut message = v1::DayBook::from(book());
    message.appointments[1].state = 99;
    assert_eq!(DayBook::try_from(message).unwrap().appointments[1].state, AppointmentState::Unknown);
}

#[test]
fn a_moment_keeps_its_nanoseconds_and_one_that_cannot_be_is_refused() {
    for at in [moment(0), Timestamp::UNIX_EPOCH, "1969-12-31T23:59:59.5Z".parse().unwrap()] {
        assert_eq!(from_proto_time(Some(&proto_time(at)), "f"), Ok(at));
    }
    let never = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    assert_eq!(from_proto_time(Some(&never), "f"), Err(Unreadable::Field("f")));
    assert_eq!(from_proto_time(None, "f"), Err(Unreadable::Field("f")));
}
