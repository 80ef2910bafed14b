//! `getAppointments`: what is said of a patient's own appointments, and to whom.

use domain::{AppointmentState, Window, WritebackId};
use jiff::SignedDuration;
use jiff::civil::date;
use pms::{ErrorKind, Operation};
use reception::{BookError, Change, Claim, Held, Language, Stage, Status};
use serde_json::{Value, json};

use crate::clinic::{Clinic, clinic, held, now, taken, window};

pub(crate) const DANIELS_PHONE: &str = "+15550100020";

pub(crate) fn tuesday(hour: i8) -> Window {
    window(date(2026, 11, 24), hour, 0, 30)
}

/// A clinic whose system has Daniel (104) in its calendar on Tuesday at 9 and another patient at 10.
pub(crate) fn with_an_appointment() -> std::sync::Arc<Clinic> {
    let clinic = clinic();
    clinic.system(|system| {
        system.appointments.push(taken(Some("DR1"), Some("OP1"), tuesday(9)));
        let mut other = taken(Some("DR1"), Some("OP1"), tuesday(10));
        other.vendor_id = "a2".to_owned();
        other.patient = "101".to_owned();
        system.appointments.push(other);
    });
    clinic.calls_from(DANIELS_PHONE);
    clinic
}

fn daniel() -> Value {
    json!({ "patientId": "104" })
}

#[tokio::test]
async fn a_patient_hears_of_their_own_appointments_and_of_nobody_elses() {
    let clinic = with_an_appointment();
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!(
        handled.answer.say,
        "I see one appointment to come: Tuesday, November 24 at 9 AM with Dr Lee."
    );
    assert_eq!(
        handled.answer.data["appointments"],
        json!([{ "appointmentId": "a1", "start": "2026-11-24T09:00:00-05:00", "durationMinutes": 30,
            "provider": "Dr Lee", "status": "booked", "pending": false, "changing": false }])
    );
    let audit = handled.audit.unwrap();
    assert_eq!((audit.action, audit.status), ("appointment.read", Status::Ok));
    assert_eq!(audit.patients, ["104"]);
}

#[tokio::test]
async fn nothing_is_said_of_an_appointment_before_the_caller_has_shown_who_they_are() {
    let clinic = with_an_appointment();
    clinic.calls_from("+15550100099");
    let slot = clinic.first_slot("2026-11-25").await;
    let uses = [
        ("getAppointments", json!({})),
        ("cancelAppointment", json!({ "appointmentId": "a1" })),
        ("cancelAppointment", json!({ "appointmentId": "no such thing" })),
        ("rescheduleAppointment", json!({ "appointmentId": "a1", "slotId": slot })),
        ("addPatientNote", json!({ "note": "late" })),
    ];
    for (tool, arguments) in &uses {
        for born in [Value::Null, json!("1990-02-01"), json!("1990-01-31")] {
            let mut arguments = arguments.clone();
            arguments["patientId"] = json!("104");
            arguments["dateOfBirth"] = born;
            let handled = clinic.run(tool, arguments).await;
            assert_eq!(handled.answer.code, "identity_needed", "{tool}");
            assert!(handled.answer.data.is_empty(), "{tool}");
        }
    }
    for (tool, mut arguments) in uses {
        let shown = json!({ "patientId": "104", "firstName": "Daniel", "lastName": "Okafor", "dateOfBirth": "1990-01-31" });
        for (field, value) in shown.as_object().unwrap() {
            arguments[field] = value.clone();
        }
        assert_ne!(clinic.run(tool, arguments).await.answer.code, "identity_needed", "{tool}");
    }
}

#[tokio::test]
async fn several_appointments_are_counted_and_the_next_ones_are_said() {
    let clinic = with_an_appointment();
    for (id, hour, count) in [("a3", 11, 2), ("a4", 14, 3)] {
        clinic.system(|system| {
            let mut more = taken(Some("DR2"), Some("OP2"), tuesday(hour));
            more.vendor_id = id.to_owned();
            system.appointments.push(more);
        });
        let handled = clinic.run("getAppointments", daniel()).await;
        assert_eq!(handled.answer.data["appointments"].as_array().unwrap().len(), count);
    }
    let said = clinic.run("getAppointments", daniel()).await.answer.say;
    assert_eq!(
        said,
        "I see 3 appointments to come. The next ones are Tuesday, November 24 at 9 AM with Dr Lee, and Tuesday, November 24 at 11 AM with Dr Osei."
    );
}

#[tokio::test]
async fn what_is_over_or_cancelled_is_not_to_come() {
    let clinic = with_an_appointment();
    clinic.system(|system| {
        system.appointments[0].state = AppointmentState::Cancelled;
        let mut past = taken(Some("DR1"), Some("OP1"), window(date(2026, 11, 20), 9, 0, 30));
        past.vendor_id = "a0".to_owned();
        system.appointments.push(past);
    });
    clinic.desk(|desk| desk.language = Language::Spanish);
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::None, "appointments_none"));
    assert_eq!(handled.answer.say, "No veo ninguna cita próxima. ¿Busco un horario libre?");
}

#[tokio::test]
async fn what_was_just_booked_moved_or_cancelled_is_said_as_it_is_and_not_as_an_older_copy_shows_it() {
    let claim = |hour| Claim { window: tuesday(hour), clinician: "DR2".into(), chair: "OP2".into() };
    let done = |to: Option<Claim>| Change {
        writeback: WritebackId::new(),
        appointment: "a1".into(),
        patient: "104".into(),
        from: tuesday(9),
        to,
        wished_at: now(),
        done_at: Some(now()),
        stage: Stage::Done,
    };
    let clinic = with_an_appointment();
    clinic.rows(|rows| rows.changes.push(done(Some(claim(15)))));
    let said = clinic.run("getAppointments", daniel()).await.answer.say;
    assert_eq!(said, "I see one appointment to come: Tuesday, November 24 at 3 PM with Dr Osei.");

    clinic.rows(|rows| rows.changes.push(done(None)));
    assert_eq!(clinic.run("getAppointments", daniel()).await.answer.code, "appointments_none");

    let new = Held { appointment: Some("a9".into()), stage: Stage::Done, ..held(&claim(11), None, &["104"]) };
    clinic.rows(|rows| rows.held.push(new));
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!(handled.answer.data["appointments"][0]["appointmentId"], "a9");
}

#[tokio::test]
async fn p5_a_request_on_its_way_is_said_to_be_one() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    let claim = Claim { window: tuesday(11), clinician: "DR1".into(), chair: "OP1".into() };
    let request = WritebackId::new();
    clinic.rows(|rows| rows.held.push(held(&claim, Some(request), &["104"])));
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!(
        handled.answer.say,
        "Your request for Tuesday, November 24 at 11 AM with Dr Lee is still on its way to the clinic. It isn't confirmed yet."
    );
    let shown = &handled.answer.data["appointments"][0];
    assert_eq!((&shown["pending"], &shown["appointmentId"]), (&json!(true), &json!(request.to_string())));
    assert_eq!(shown["status"], "on_its_way");
}

/// A request of Daniel's for Tuesday at 11 that stands so.
fn request(stage: Stage) -> Held {
    let claim = Claim { window: tuesday(11), clinician: "DR1".into(), chair: "OP1".into() };
    Held { stage, ..held(&claim, Some(WritebackId::new()), &["104"]) }
}

#[tokio::test]
async fn p5_a_request_is_said_to_be_on_its_way_only_while_it_is() {
    for (stage, code, status, say) in [
        (
            Stage::WithStaff,
            "appointments_with_staff",
            "with_staff",
            "Your request for Tuesday, November 24 at 11 AM with Dr Lee is with the clinic's staff, who have to look \
             into it. It isn't confirmed, so please don't count on it yet.",
        ),
        (
            Stage::ByHand,
            "appointments_entered_by_hand",
            "entered_by_hand",
            "The clinic's staff have entered your request for Tuesday, November 24 at 11 AM with Dr Lee themselves, \
             but I can't see it in their calendar yet.",
        ),
        (
            Stage::Done,
            "appointments_one",
            "booked",
            "I see one appointment to come: Tuesday, November 24 at 11 AM with Dr Lee.",
        ),
    ] {
        let clinic = clinic();
        clinic.calls_from(DANIELS_PHONE);
        clinic.rows(|rows| rows.held.push(request(stage)));
        let answer = clinic.run("getAppointments", daniel()).await.answer;
        assert_eq!((answer.status, answer.code, answer.say.as_str()), (Status::Ok, code, say));
        let shown = &answer.data["appointments"][0];
        assert_eq!((&shown["status"], &shown["pending"]), (&json!(status), &json!(stage != Stage::Done)));
        // The same beside an appointment that stands.
        let clinic = with_an_appointment();
        clinic.rows(|rows| rows.held.push(request(stage)));
        let answer = clinic.run("getAppointments", daniel()).await.answer;
        assert!(!answer.say.contains("on its way"), "{}", answer.say);
        assert_eq!(answer.say.contains(say), stage != Stage::Done, "{}", answer.say);
        assert_eq!(answer.data["appointments"][1]["status"], status);
    }
}

#[tokio::test]
async fn p5_an_appointment_whose_change_is_with_the_staff_is_not_told_as_certain() {
    for (stage, word, said) in [
        (
            Stage::WithStaff,
            "with_staff",
            "A change of your appointment, Tuesday, November 24 at 9 AM with Dr Lee, is with the clinic's staff; it \
             isn't certain yet whether it was made.",
        ),
        (
            Stage::ByHand,
            "entered_by_hand",
            "The clinic's staff have made a change of your appointment, Tuesday, November 24 at 9 AM with Dr Lee, \
             that I can't see yet, so it may not stand like that any more.",
        ),
    ] {
        let clinic = with_an_appointment();
        clinic.system(|system| {
            let mut more = taken(Some("DR2"), Some("OP2"), tuesday(14));
            more.vendor_id = "a3".to_owned();
            system.appointments.push(more);
        });
        clinic.rows(|rows| {
            rows.changes.push(Change {
                writeback: WritebackId::new(),
                appointment: "a1".into(),
                patient: "104".into(),
                from: tuesday(9),
                to: None,
                wished_at: now(),
                done_at: (stage == Stage::ByHand).then(now),
                stage,
            });
        });
        let answer = clinic.run("getAppointments", daniel()).await.answer;
        assert_eq!(answer.code, "appointments_two");
        assert!(answer.say.ends_with(said), "{}", answer.say);
        let [first, second] = [0, 1].map(|at| answer.data["appointments"][at].clone());
        assert_eq!((&first["status"], &first["change"]), (&json!("unclear"), &json!(word)));
        assert_eq!((&second["status"], &second["changing"]), (&json!("booked"), &json!(false)));
    }
}

#[tokio::test]
async fn an_old_copy_is_said_to_be_old_and_a_very_old_one_is_left_to_the_staff() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.copied_before = SignedDuration::from_hours(3));
    let said = clinic.run("getAppointments", daniel()).await.answer.say;
    assert!(
        said.ends_with("I last saw the clinic's calendar 3 hours ago, so it may have changed."),
        "{said}"
    );
    clinic.system(|system| system.copied_before = SignedDuration::from_hours(40));
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "appointments_too_old"));
    assert!(!handled.answer.line().contains("Tuesday"));
}

#[tokio::test]
async fn a_system_that_cannot_or_does_not_answer_is_no_empty_calendar() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.fails = Some(BookError::new(ErrorKind::PracticeOffline)));
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "practice_offline"));
    let clinic = with_an_appointment();
    clinic.desk(|desk| {
        desk.capabilities.operations.remove(&Operation::ReadAppointments);
    });
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "cannot_here"));
}

/// A clinic whose system says something of Daniel's appointment that nobody can read.
fn with_an_unclear_entry() -> std::sync::Arc<Clinic> {
    let clinic = with_an_appointment();
    clinic.system(|system| system.appointments[0].state = AppointmentState::Unknown);
    clinic
}

#[tokio::test]
async fn p5_an_entry_whose_status_nobody_can_read_is_not_told_as_an_appointment() {
    let clinic = with_an_unclear_entry();
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!(handled.answer.code, "appointments_unclear");
    assert_eq!(
        handled.answer.say,
        "There is an entry, Tuesday, November 24 at 9 AM with Dr Lee, whose status I can't read. The clinic's staff can tell you whether it stands."
    );
    assert_eq!(handled.answer.data["appointments"][0]["statusKnown"], false);
    clinic.system(|system| {
        for (id, hour, state) in [("a5", 11, AppointmentState::Booked), ("a6", 13, AppointmentState::Unknown)]
        {
            let one = taken(Some("DR1"), Some("OP1"), tuesday(hour));
            system.appointments.push(domain::Appointment { vendor_id: id.to_owned(), state, ..one });
        }
    });
    let handled = clinic.run("getAppointments", daniel()).await;
    assert_eq!(handled.answer.code, "appointments_one");
    assert!(handled.answer.say.contains("11 AM") && handled.answer.say.contains("There are 2 entries"));
}

#[tokio::test]
async fn p5_an_entry_whose_status_nobody_can_read_is_neither_moved_nor_cancelled() {
    let clinic = with_an_unclear_entry();
    let slot = clinic.first_slot("2026-11-25").await;
    for (tool, arguments) in [
        ("cancelAppointment", json!({ "patientId": "104", "appointmentId": "a1" })),
        ("rescheduleAppointment", json!({ "patientId": "104", "appointmentId": "a1", "slotId": slot })),
    ] {
        let handled = clinic.run(tool, arguments).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::NeedsStaff, "appointment_unclear"),
            "{tool}"
        );
        assert!(clinic.writes().is_empty(), "{tool}");
    }
}

#[tokio::test]
async fn appointments_from_a_copy_of_unknown_age_come_with_a_word_about_it() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.age_unknown = true);
    let handled = clinic.run("getAppointments", daniel()).await;
    assert!(handled.answer.say.contains("how recent"), "{}", handled.answer.say);
    assert!(!handled.answer.data.contains_key("asOf"));
}
