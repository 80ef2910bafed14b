//! `updatePatient`: nothing is changed, nothing is said to be, and the staff know what is wanted.

use pms::{ErrorKind, Operation};
use reception::{BookError, Status};
use serde_json::{Value, json};

use crate::clinic::clinic;
use crate::own_appointments::DANIELS_PHONE;

fn moved() -> Value {
    json!({ "patientId": "104", "phone": "555 010 0077", "email": "dan@clinic.test", "address": "7 Harbour Lane" })
}

#[tokio::test]
async fn p5_a_change_of_a_record_is_left_to_the_staff_with_what_is_wanted_and_never_attempted() {
    // Whatever a system is said to take: nobody could carry it out.
    for declared in [false, true] {
        let clinic = clinic();
        clinic.calls_from(DANIELS_PHONE);
        clinic.desk(|desk| {
            if declared {
                desk.capabilities.operations.insert(Operation::UpdatePatient);
            }
        });
        let handled = clinic.run("updatePatient", moved()).await;
        assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "cannot_here"));
        assert_eq!(
            Value::from(handled.wanted.unwrap().expose().clone()),
            json!({
                "patientId": "104", "patientName": "Daniel Okafor", "phone": "+15550100077",
                "email": "dan@clinic.test", "address": "7 Harbour Lane", "callerPhone": DANIELS_PHONE,
            })
        );
        assert!(handled.answer.data.is_empty(), "whoever asked knows it");
        let audit = handled.audit.unwrap();
        assert_eq!((audit.action, audit.patients), ("patient.update", vec!["104".to_owned()]));
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn p6_nobody_has_somebody_elses_record_changed() {
    let clinic = clinic();
    for born in [Value::Null, json!("1990-02-01")] {
        let mut arguments = moved();
        arguments["dateOfBirth"] = born;
        let handled = clinic.run("updatePatient", arguments).await;
        assert_eq!((handled.answer.code, handled.answer.data.is_empty()), ("identity_needed", true));
    }
    let mut named = moved();
    for (field, value) in [("firstName", "Daniel"), ("lastName", "Okafor"), ("dateOfBirth", "1990-01-31")] {
        named[field] = json!(value);
    }
    assert_eq!(clinic.run("updatePatient", named).await.answer.status, Status::NeedsStaff);
    let mut unknown = moved();
    unknown["patientId"] = json!("999");
    assert_eq!(clinic.run("updatePatient", unknown).await.answer.code, "patient_unknown");
}

#[tokio::test]
async fn a_change_of_nothing_or_to_nonsense_is_refused_by_its_field() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    for (wish, path, code) in [
        (json!({}), "phone", "nothing_to_change"),
        (json!({ "phone": "", "email": " " }), "phone", "nothing_to_change"),
        (json!({ "phone": "five" }), "phone", "not_a_phone"),
        (json!({ "email": "dan at home" }), "email", "not_an_email"),
        (json!({ "address": "x".repeat(201) }), "address", "too_long"),
        (json!({ "address": "7 Harbour\nLane" }), "address", "control_character"),
    ] {
        let mut arguments = wish.clone();
        arguments["patientId"] = json!("104");
        let handled = clinic.run("updatePatient", arguments).await;
        let bad = handled.bad_input.unwrap_or_else(|| panic!("{wish} was taken"));
        assert_eq!((bad.path.as_str(), bad.code), (path, code), "{wish}");
    }
    clinic.system(|system| system.fails = Some(BookError::new(ErrorKind::PracticeOffline)));
    assert_eq!(clinic.run("updatePatient", moved()).await.answer.code, "practice_offline");
}
