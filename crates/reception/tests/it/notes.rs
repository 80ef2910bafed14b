//! `addPatientNote`.

use jiff::SignedDuration;
use pms::{ErrorKind, FailureReason, Operation, Write};
use reception::{BookError, Status, WriteNews};
use serde_json::{Value, json};

use crate::clinic::{clinic, now};
use crate::own_appointments::DANIELS_PHONE;

fn note() -> Value {
    json!({ "patientId": "104", "note": "Allergic to latex" })
}

#[tokio::test]
async fn p5_a_note_is_said_to_be_in_the_record_when_it_is_and_not_before() {
    for (news, status, code) in [
        (WriteNews::Succeeded { created: None }, Status::Confirmed, "noted"),
        (WriteNews::Waiting, Status::Accepted, "note_on_its_way"),
        (WriteNews::Unknown, Status::Unknown, "note_not_known_yet"),
        (WriteNews::Offline, Status::NeedsStaff, "note_kept_offline"),
        (WriteNews::Failed(FailureReason::Refused), Status::NeedsStaff, "note_needs_staff"),
        (WriteNews::Parked, Status::NeedsStaff, "note_needs_staff"),
    ] {
        let clinic = clinic();
        clinic.calls_from(DANIELS_PHONE);
        clinic.rows(|rows| rows.news = Some(news));
        let handled = clinic.run("addPatientNote", note()).await;
        assert_eq!((handled.answer.status, handled.answer.code), (status, code));
        let audit = handled.audit.unwrap();
        assert_eq!((audit.action, audit.patients), ("patient.note", vec!["104".to_owned()]));
    }
}

#[tokio::test]
async fn p3_the_same_note_twice_is_one_note_filed_under_the_patients_own_clinician() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    clinic.system(|system| system.patients[3].usual_clinician = Some("DR2".into()));
    for _ in 0..2 {
        clinic.run("addPatientNote", note()).await;
    }
    let writes = clinic.writes();
    assert_eq!(writes.len(), 1);
    let Write::AddNote(new) = &writes[0].1.write else { panic!("not a note") };
    assert_eq!((new.clinician.as_str(), new.text.expose().as_str()), ("DR2", "Allergic to latex"));
    assert!(!format!("{new:?}").contains("latex"));
    let mut other = note();
    other["note"] = json!("Prefers mornings");
    clinic.run("addPatientNote", other).await;
    assert_eq!(clinic.writes().len(), 2);
}

#[tokio::test]
async fn the_same_words_in_another_call_or_on_another_day_are_another_note() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    for (call, notes) in [("call-1", 1), ("call-1", 1), ("call-2", 2)] {
        clinic.desk(|desk| desk.caller.call = Some(call.to_owned()));
        clinic.run("addPatientNote", note()).await;
        assert_eq!(clinic.writes().len(), notes, "{call}");
    }
    clinic.desk(|desk| (desk.caller.call, desk.caller.vouched) = (None, true));
    for (hours, notes) in [(0, 3), (1, 3), (24, 4)] {
        clinic.desk(|desk| desk.now = now() + SignedDuration::from_hours(hours));
        clinic.run("addPatientNote", note()).await;
        assert_eq!(clinic.writes().len(), notes, "{hours} hours later");
    }
}

#[tokio::test]
async fn a_patient_of_nobody_has_their_note_filed_under_somebody_who_is_there() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    clinic.run("addPatientNote", note()).await;
    let Write::AddNote(new) = &clinic.writes()[0].1.write else { panic!("not a note") };
    assert_eq!(new.clinician, "DR1");
}

#[tokio::test]
async fn a_note_outlives_a_long_weekend_with_the_server_off() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    clinic.run("addPatientNote", note()).await;
    let needed_for = clinic.writes()[0].1.needed_by.duration_since(now());
    assert!(needed_for >= SignedDuration::from_hours(4 * 24), "{needed_for}");
}

#[tokio::test]
async fn a_note_that_the_system_does_not_take_is_never_attempted() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    clinic.desk(|desk| {
        desk.capabilities.operations.remove(&Operation::AddNote);
    });
    let handled = clinic.run("addPatientNote", note()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "cannot_here"));
    clinic.desk(|desk| {
        desk.capabilities.operations.insert(Operation::AddNote);
    });
    clinic.system(|system| system.fails = Some(BookError::new(ErrorKind::PracticeOffline)));
    let handled = clinic.run("addPatientNote", note()).await;
    assert_eq!(handled.answer.code, "practice_offline");
    for (wrong, code) in
        [(json!(""), "empty"), (json!("x".repeat(501)), "too_long"), (Value::Null, "missing")]
    {
        let mut arguments = note();
        arguments["note"] = wrong;
        assert_eq!(clinic.run("addPatientNote", arguments).await.answer.code, code);
    }
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p8_a_card_number_said_to_any_tool_goes_nowhere() {
    let numbers = [
        "4111 1111 1111 1111",
        "(4111) 1111:1111|1111",
        "four one one one one one one one one one one one one one one one",
    ];
    for number in numbers {
        for (tool, field) in [
            ("addPatientNote", "note"),
            ("bookAppointment", "reason"),
            ("checkAvailability", "reason"),
            ("createPatient", "lastName"),
            ("searchPatients", "somethingElse"),
        ] {
            let clinic = clinic();
            let said = format!("my card is {number}");
            let handled = clinic.run(tool, json!({ "patientId": "104", field: said })).await;
            let bad = handled.bad_input.as_ref().unwrap_or_else(|| panic!("{tool} took it"));
            assert_eq!((bad.path.as_str(), bad.code), (field, "card_number_said"), "{tool}");
            assert!(!format!("{handled:?} {}", handled.answer.line()).contains("1111"), "{tool}");
            assert!(clinic.asked().is_empty() && clinic.writes().is_empty(), "{tool}");
            assert_eq!(handled.audit.unwrap().status, Status::Refused);
        }
    }
}
