use domain::{AppointmentState, WritebackId};
use jiff::SignedDuration;
use jiff::civil::date;
use pms::{ErrorKind, FailureReason, Operation, Write};
use reception::{BookError, Claim, Held, Language, PendingPatient, Stage, Status, WriteNews};
use serde_json::{Value, json};

use crate::clinic::{ana, held, proven_clinic as clinic, taken, window};

const DAY: &str = "2026-11-24";

fn booking(patient: &str, slot: &str) -> Value {
    json!({ "patientId": patient, "slotId": slot, "reason": "toothache" })
}

fn nine() -> Claim {
    Claim { window: window(date(2026, 11, 24), 9, 0, 30), clinician: "DR1".into(), chair: "OP1".into() }
}

#[tokio::test]
async fn p5_booked_is_said_when_the_practices_system_said_so_and_not_before() {
    for (news, status, code) in [
        (WriteNews::Succeeded { created: Some("9001".into()) }, Status::Confirmed, "booked"),
        (WriteNews::Waiting, Status::Accepted, "booking_on_its_way"),
        (WriteNews::Unknown, Status::Unknown, "booking_not_known_yet"),
        (WriteNews::Offline, Status::NeedsStaff, "booking_kept_offline"),
        (WriteNews::Parked, Status::NeedsStaff, "booking_needs_staff"),
        (WriteNews::Failed(FailureReason::Refused), Status::NeedsStaff, "booking_needs_staff"),
        (WriteNews::Failed(FailureReason::UnknownReference), Status::NeedsStaff, "booking_needs_staff"),
        (WriteNews::Failed(FailureReason::SlotTaken), Status::Refused, "slot_taken"),
    ] {
        let clinic = clinic();
        clinic.rows(|rows| rows.news = Some(news));
        let slot = clinic.first_slot(DAY).await;
        let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
        assert_eq!((handled.answer.status, handled.answer.code), (status, code));
        assert_eq!(handled.answer.say.contains("booked"), status == Status::Confirmed);
        assert_eq!(handled.answer.data["writebackId"], clinic.writes()[0].0.to_string());
        let audit = handled.audit.unwrap();
        assert_eq!((audit.action, audit.status), ("appointment.book", status));
        assert_eq!(audit.patients, ["104"]);
    }
}

#[tokio::test]
async fn a_confirmed_booking_says_when_and_with_whom() {
    let clinic = clinic();
    clinic.rows(|rows| rows.news = Some(WriteNews::Succeeded { created: None }));
    let slot = clinic.first_slot(DAY).await;
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(handled.answer.say, "You're booked: Tuesday, November 24 at 9 AM with Dr Lee.");
    assert_eq!(handled.answer.data["start"], "2026-11-24T09:00:00-05:00");
    let (_, write) = &clinic.writes()[0];
    assert_eq!(write.claim, Some(nine()));
    assert_eq!(write.needed_by, nine().window.start);
    let Write::BookAppointment(new) = &write.write else { panic!("not an appointment") };
    assert_eq!((new.patient.as_str(), new.time_zone.as_str()), ("104", "America/New_York"));
}

#[tokio::test]
async fn a_patient_made_moments_ago_is_booked_for_before_the_copy_shows_them() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    let handled = clinic.run("bookAppointment", booking("777", &slot)).await;
    assert_eq!(handled.answer.code, "patient_unknown");
    clinic.rows(|rows| {
        rows.made.push(("777".to_owned(), ana()));
        rows.news = Some(WriteNews::Succeeded { created: None });
    });
    let handled = clinic.run("bookAppointment", booking("777", &slot)).await;
    assert_eq!(handled.answer.status, Status::Confirmed);
    assert_eq!(handled.audit.unwrap().patients, ["777"]);
}

#[tokio::test]
async fn nothing_is_booked_into_a_calendar_that_is_too_old_and_staff_know_what_is_wanted() {
    let clinic = clinic();
    clinic.calls_from("+15550100020");
    let slot = clinic.first_slot(DAY).await;
    clinic.system(|system| system.copied_before = SignedDuration::from_hours(30));
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "booking_needs_staff"));
    assert_eq!(
        handled.answer.say,
        "I couldn't complete the request for Tuesday, November 24 at 9 AM with Dr Lee in the clinic's system. The \
         clinic's staff will have to arrange it with you."
    );
    assert_eq!(
        Value::from(handled.wanted.unwrap().expose().clone()),
        json!({
            "patientId": "104", "patientName": "Daniel Okafor", "callerPhone": "+15550100020",
            "start": "2026-11-24T09:00:00-05:00", "provider": "Dr Lee", "providerId": "DR1",
            "reason": "toothache",
        })
    );
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p5_waiting_that_fails_is_no_confirmation() {
    let clinic = clinic();
    clinic.rows(|rows| rows.wait_fails = true);
    let slot = clinic.first_slot(DAY).await;
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Accepted, "booking_on_its_way"));
}

#[tokio::test]
async fn p3_the_same_wish_asked_again_joins_the_one_under_way() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    let first = clinic.run("bookAppointment", booking("104", &slot)).await;
    clinic.rows(|rows| rows.news = Some(WriteNews::Succeeded { created: None }));
    let second = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(clinic.writes().len(), 1);
    assert_eq!(first.answer.data["writebackId"], second.answer.data["writebackId"]);
    assert_eq!(second.answer.status, Status::Confirmed);
    clinic.rows(|rows| assert_eq!(rows.asked_again.len(), 1, "a server that was off is tried anew"));
}

#[tokio::test]
async fn p3_two_that_ask_for_one_wish_at_once_have_one_intent() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    let first = clinic.run("bookAppointment", booking("104", &slot)).await;
    // The other one read the holds before the first wrote its own.
    clinic.rows(|rows| rows.held.clear());
    let second = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(clinic.writes().len(), 1);
    assert_eq!(first.answer.data["writebackId"], second.answer.data["writebackId"]);
}

#[tokio::test]
async fn p4_a_hundred_callers_for_one_slot_give_one_booking_and_other_times_for_the_rest() {
    let clinic = clinic();
    clinic.system(|system| {
        let more = (200..300).map(|id| {
            let mut patient = system.patients[3].clone();
            patient.vendor_id = id.to_string();
            patient
        });
        let more: Vec<_> = more.collect();
        system.patients.extend(more);
    });
    let slot = clinic.first_slot(DAY).await;
    let mut refused = 0;
    for patient in 200..300 {
        let handled = clinic.run("bookAppointment", booking(&patient.to_string(), &slot)).await;
        if handled.answer.status == Status::Refused {
            refused += 1;
            let others = handled.answer.data["alternatives"].as_array().unwrap();
            assert!(!others.is_empty());
            assert!(others.iter().all(|other| other["slotId"] != slot.as_str()));
        }
    }
    assert_eq!((clinic.writes().len(), refused), (1, 99));
}

#[tokio::test]
async fn p4_a_slot_that_another_got_a_moment_before_is_refused_with_other_times() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.rows(|rows| rows.faster = Some(nine()));
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "slot_taken"));
    assert_eq!(
        handled.answer.say,
        "I'm sorry, that time has just been taken. I can offer Tuesday, November 24 at 9 AM with Dr Osei, 9:30 AM with Dr Lee or 10 AM with Dr Lee. Which would you like?"
    );
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p4_a_slot_taken_in_the_practices_own_system_is_refused_before_anything_is_written() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.system(|system| {
        let mut other = taken(Some("DR1"), None, window(date(2026, 11, 24), 9, 15, 15));
        other.patient = "101".to_owned();
        other.state = AppointmentState::Unknown;
        system.appointments.push(other);
    });
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(handled.answer.code, "slot_taken");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p4_the_holds_are_read_before_the_day_book_when_booking_too() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.system(|system| system.asked.clear());
    clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(clinic.asked(), ["patient", "holds", "day_book"]);
}

#[tokio::test]
async fn another_chair_is_taken_when_the_offered_one_is_gone_and_the_clinician_is_not() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.rows(|rows| rows.held.push(held(&Claim { clinician: "DR2".into(), ..nine() }, None, &["101"])));
    clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(clinic.writes()[0].1.claim, Some(Claim { chair: "OP2".into(), ..nine() }));
}

#[tokio::test]
async fn an_appointment_the_practice_already_shows_is_not_made_again() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.system(|system| system.appointments.push(taken(Some("DR1"), Some("OP1"), nine().window)));
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Confirmed, "already_booked"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p5_what_staff_entered_by_hand_is_neither_said_to_have_failed_nor_asked_for_once_more() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.rows(|rows| {
        rows.news = Some(WriteNews::Parked);
        let mine = held(&nine(), Some(WritebackId::new()), &["104"]);
        let mine = Held { stage: Stage::ByHand, ..mine };
        let beside = Held { clinician: Some("HY1".into()), chair: None, ..mine.clone() };
        rows.held.extend([mine, beside]);
    });
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Unknown, "booking_entered_by_hand"));
    assert!(handled.wanted.is_none(), "staff have done it");
    clinic.system(|system| system.appointments.push(taken(Some("DR1"), Some("OP1"), nine().window)));
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(handled.answer.code, "already_booked", "the calendar shows it by now");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_patient_is_not_booked_in_two_places_at_once() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.system(|system| system.appointments.push(taken(Some("DR2"), Some("OP2"), nine().window)));
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "patient_busy"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_patient_who_is_still_being_made_is_booked_after_their_own_write() {
    let clinic = clinic();
    let making = WritebackId::new();
    clinic.rows(|rows| rows.pending = Some((making, PendingPatient::Pending)));
    let slot = clinic.first_slot(DAY).await;
    let first = clinic.run("bookAppointment", booking(&making.to_string(), &slot)).await;
    assert_eq!(first.answer.status, Status::Accepted);
    let (booked, write) = clinic.writes()[0].clone();
    assert_eq!(write.depends_on, Some(making));
    let Write::BookAppointment(new) = &write.write else { panic!("not an appointment") };
    assert_eq!(new.patient, making.to_string());

    // Made in the meantime: the same wish under either name is the same wish.
    clinic.rows(|rows| {
        rows.pending = Some((making, PendingPatient::Created { vendor_id: "104".into() }));
        rows.held[0].patients = vec![making.to_string(), "104".to_owned()];
    });
    for id in [making.to_string(), "104".to_owned()] {
        let again = clinic.run("bookAppointment", booking(&id, &slot)).await;
        assert_eq!(again.answer.data["writebackId"], booked.to_string());
    }
    assert_eq!(clinic.writes().len(), 1);
}

#[tokio::test]
async fn a_patient_who_could_not_be_made_is_not_booked() {
    let clinic = clinic();
    let making = WritebackId::new();
    let slot = clinic.first_slot(DAY).await;
    for (pending, code) in [
        (PendingPatient::Failed, "patient_not_made"),
        // Nobody knows that it failed.
        (PendingPatient::LeftToStaff, "patient_not_complete"),
    ] {
        clinic.rows(|rows| rows.pending = Some((making, pending)));
        let handled = clinic.run("bookAppointment", booking(&making.to_string(), &slot)).await;
        assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, code));
    }
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn rows_that_do_not_answer_leave_it_open_whether_the_wish_was_kept() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.rows(|rows| rows.fails = true);
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(handled.answer.status, Status::Unknown);
}

#[tokio::test]
async fn a_practice_that_cannot_be_read_is_not_written_to() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.system(|system| system.fails = Some(BookError::new(ErrorKind::PracticeOffline)));
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "practice_offline"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_system_that_takes_no_bookings_is_left_to_the_staff() {
    let clinic = clinic();
    let slot = clinic.first_slot(DAY).await;
    clinic.desk(|desk| {
        desk.capabilities.operations.remove(&Operation::BookAppointment);
        desk.language = Language::Spanish;
    });
    let handled = clinic.run("bookAppointment", booking("104", &slot)).await;
    assert_eq!(handled.answer.status, Status::NeedsStaff);
    assert_eq!(
        handled.answer.say,
        "No puedo hacer eso en el sistema de esta clínica. El personal de la clínica puede hacerlo."
    );
    assert!(clinic.writes().is_empty());
}

/// A clinic whose staff offer two kinds of visit.
fn with_kinds() -> std::sync::Arc<crate::clinic::Clinic> {
    let clinic = clinic();
    let kind = |code: &str, name: &str, minutes| domain::AppointmentType {
        vendor_id: code.into(),
        name: name.into(),
        minutes,
        clinician_kind: None,
    };
    clinic.desk(|desk| {
        desk.settings.appointment_types = vec![kind("7", "Crown", Some(90)), kind("8", "Check-up", None)];
    });
    clinic
}

#[tokio::test]
async fn p4_a_kind_of_visit_is_not_booked_into_a_time_that_is_too_short_for_it() {
    let clinic = with_kinds();
    let slot = clinic.first_slot(DAY).await;
    for (reason, kind) in [("broken tooth", Some("Crown")), ("Crown", None), ("broken tooth", Some("7"))] {
        let mut wish = booking("104", &slot);
        wish["reason"] = json!(reason);
        wish["appointmentType"] = json!(kind);
        let handled = clinic.run("bookAppointment", wish).await;
        assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "slot_too_short"));
        assert!(handled.answer.say.contains("90 minutes"), "{}", handled.answer.say);
        assert!(clinic.writes().is_empty());
        let longer = handled.answer.data["alternatives"][0]["slotId"].clone();
        let again =
            json!({ "patientId": "104", "slotId": longer, "reason": reason, "appointmentType": kind });
        if kind == Some("7") {
            assert_eq!(clinic.run("bookAppointment", again).await.answer.status, Status::Accepted);
            let claim = clinic.writes()[0].1.claim.clone().unwrap();
            assert_eq!(claim.window.minutes(), 90);
        }
    }
}

#[tokio::test]
async fn a_kind_that_staff_do_not_offer_is_answered_with_those_they_do() {
    let clinic = with_kinds();
    let slot = clinic.first_slot(DAY).await;
    let mut wish = booking("104", &slot);
    wish["appointmentType"] = json!("Implant");
    for (tool, arguments) in [
        ("bookAppointment", wish),
        ("checkAvailability", json!({ "from": DAY, "appointmentType": "Implant" })),
    ] {
        let handled = clinic.run(tool, arguments).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::Refused, "appointment_type_unknown"),
            "{tool}"
        );
        assert_eq!(
            handled.answer.say,
            "I don't find that kind of visit at the clinic. Is it Crown or Check-up?"
        );
        assert_eq!(handled.answer.data["appointmentTypes"], json!(["Crown", "Check-up"]));
    }
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn how_long_a_kind_takes_is_for_staff_to_say_and_not_for_the_agent() {
    let clinic = with_kinds();
    for (day, kind, minutes) in [(DAY, "Crown", 90), ("2026-11-25", "Check-up", 20)] {
        let asking = json!({ "from": day, "appointmentType": kind, "durationMinutes": 20 });
        let slot = clinic.run("checkAvailability", asking).await.answer.data["slots"][0]["slotId"].clone();
        let wish = json!({ "patientId": "104", "slotId": slot, "reason": "x", "appointmentType": kind });
        clinic.run("bookAppointment", wish).await;
        let claim = clinic.writes().pop().unwrap().1.claim.unwrap();
        assert_eq!(claim.window.minutes(), minutes, "{kind}");
    }
}
