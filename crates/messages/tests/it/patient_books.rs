//! A patient's own appointments: asked for, answered, and read from bytes that travelled.

use domain::{Appointment, AppointmentState, Clinician, ClinicianKind, Freshness, PatientBook, Window};
use messages::{Named as _, Unreadable, v1};

use crate::samples::at;

/// A question as it travelled first.
const QUESTION: &str =
    "0a0574656e5f311206636f6e6e5f317a210a03323031121a0a0b0880a4a7da061080e59a77120b0888b2a7da061080e59a77";
/// An answer as it travelled first.
const REPLY: &str = "7a7b0a0f416d65726963612f4368696361676f12240a0339303012033230311a01372201322a100a060880a4a7da0612060888b2a7da06300112210a0339303012033230312201322a100a060880a4a7da0612060888b2a7da0630021a0f0a013712064472204c656518012001220608fcf9a1da062a06088081a2da06210000000000105440";

fn question() -> v1::PmsQuestion {
    let covers = v1::Window { start: at(1_800_000_000), end: at(1_800_001_800) };
    let read = v1::PatientBookRead { patient: "201".into(), covers: Some(covers) };
    v1::PmsQuestion {
        tenant_id: "ten_1".into(),
        connection_id: "conn_1".into(),
        ask: Some(v1::pms_question::Ask::PatientBook(read)),
    }
}

fn book(copied_at: Option<&str>) -> PatientBook {
    let appointment = |state, clinician: Option<&str>| Appointment {
        vendor_id: "900".into(),
        patient: "201".into(),
        clinician: clinician.map(Into::into),
        chair: Some("2".into()),
        window: Window::of_minutes("2027-01-15T08:00:00Z".parse().unwrap(), 30).unwrap(),
        state,
    };
    PatientBook {
        time_zone: "America/Chicago".into(),
        appointments: vec![
            appointment(AppointmentState::Booked, Some("7")),
            appointment(AppointmentState::Cancelled, None),
        ],
        clinicians: vec![Clinician {
            vendor_id: "7".into(),
            spoken_name: "Dr Lee".into(),
            full_name: String::new(),
            kind: ClinicianKind::Provider,
            bookable: true,
        }],
        freshness: Freshness {
            copied_at: copied_at.map(|text| text.parse().unwrap()),
            read_at: "2027-01-14T08:00:00Z".parse().unwrap(),
        },
    }
}

fn reply() -> v1::PmsReply {
    let book = book(Some("2027-01-14T07:45:00Z")).into();
    v1::PmsReply { answer: Some(v1::pms_reply::Answer::PatientBook(book)), vendor_ms: 80.25 }
}

#[test]
fn stored_bytes_of_a_patients_book_read_as_they_were_meant() {
    assert_eq!(hex::encode(question().to_bytes()), QUESTION);
    assert_eq!(hex::encode(reply().to_bytes()), REPLY);
    assert_eq!(v1::PmsQuestion::from_bytes(&hex::decode(QUESTION).unwrap()), Ok(question()));
    assert_eq!(v1::PmsReply::from_bytes(&hex::decode(REPLY).unwrap()), Ok(reply()));
}

#[test]
fn a_patients_book_arrives_as_it_left() {
    for book in [book(None), book(Some("2027-01-14T07:45:00Z"))] {
        assert_eq!(PatientBook::try_from(v1::PatientBook::from(book.clone())).unwrap(), book);
    }
}

#[test]
fn a_patients_book_that_lacks_something_is_refused_by_the_field() {
    let broken = |change: fn(&mut v1::PatientBook)| {
        let mut message = v1::PatientBook::from(book(None));
        change(&mut message);
        PatientBook::try_from(message).unwrap_err()
    };
    assert_eq!(broken(|book| book.read_at = None), Unreadable::Field("patient_book.read_at"));
    assert_eq!(broken(|book| book.appointments[0].window = None), Unreadable::Field("appointment.window"));
}
