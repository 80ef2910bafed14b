//! `cancelAppointment` and `rescheduleAppointment`.

use std::sync::Arc;

use domain::{AppointmentState, WritebackId};
use jiff::SignedDuration;
use jiff::civil::date;
use pms::{FailureReason, Operation, Write};
use reception::{Change, Claim, Held, Stage, Status, WriteNews};
use serde_json::{Value, json};

use crate::clinic::{Clinic, clinic, held, now, taken, window};
use crate::own_appointments::{DANIELS_PHONE, tuesday, with_an_appointment};

fn cancel(id: &str) -> Value {
    json!({ "patientId": "104", "appointmentId": id })
}

pub(crate) fn moving(id: &str, slot: &str) -> Value {
    json!({ "patientId": "104", "appointmentId": id, "slotId": slot })
}

/// Wednesday at 9 with Dr Lee.
pub(crate) async fn wednesday(clinic: &Arc<Clinic>) -> String {
    clinic.first_slot("2026-11-25").await
}

fn wednesday_at_nine() -> Claim {
    Claim { window: window(date(2026, 11, 25), 9, 0, 30), clinician: "DR1".into(), chair: "OP1".into() }
}

fn change(to: Option<Claim>, done: bool) -> Change {
    Change {
        writeback: WritebackId::new(),
        appointment: "a1".into(),
        patient: "104".into(),
        from: tuesday(9),
        to,
        wished_at: now(),
        done_at: done.then(now),
        stage: if done { Stage::Done } else { Stage::UnderWay },
    }
}

#[tokio::test]
async fn p5_cancelled_is_said_when_the_practices_system_said_so_and_not_before() {
    for (news, status, code) in [
        (WriteNews::Succeeded { created: None }, Status::Confirmed, "cancelled"),
        (WriteNews::Waiting, Status::Accepted, "cancellation_on_its_way"),
        (WriteNews::Unknown, Status::Unknown, "cancellation_not_known_yet"),
        (WriteNews::Offline, Status::NeedsStaff, "cancellation_kept_offline"),
        (WriteNews::Parked, Status::NeedsStaff, "cancellation_needs_staff"),
        (WriteNews::Failed(FailureReason::Refused), Status::NeedsStaff, "cancellation_needs_staff"),
        (WriteNews::Failed(FailureReason::UnknownReference), Status::NeedsStaff, "cancellation_needs_staff"),
    ] {
        let clinic = with_an_appointment();
        clinic.rows(|rows| rows.news = Some(news));
        let handled = clinic.run("cancelAppointment", cancel("a1")).await;
        assert_eq!((handled.answer.status, handled.answer.code), (status, code));
        assert!(
            handled.answer.say.contains("Tuesday, November 24 at 9 AM with Dr Lee"),
            "{}",
            handled.answer.say
        );
        let audit = handled.audit.unwrap();
        assert_eq!((audit.action, audit.patients), ("appointment.cancel", vec!["104".to_owned()]));
        let (id, write) = &clinic.writes()[0];
        assert_eq!(handled.answer.data["writebackId"], id.to_string());
        assert_eq!((write.claim.as_ref(), write.needed_by), (None, tuesday(9).start));
        let Write::CancelAppointment(gone) = &write.write else { panic!("not a cancellation") };
        assert_eq!((gone.appointment.as_str(), gone.from), ("a1", tuesday(9)));
    }
}

#[tokio::test]
async fn p5_moved_is_said_when_the_practices_system_said_so_and_not_before() {
    for (news, status, code) in [
        (WriteNews::Succeeded { created: None }, Status::Confirmed, "rescheduled"),
        (WriteNews::Waiting, Status::Accepted, "reschedule_on_its_way"),
        (WriteNews::Unknown, Status::Unknown, "reschedule_not_known_yet"),
        (WriteNews::Offline, Status::NeedsStaff, "reschedule_kept_offline"),
        (WriteNews::Parked, Status::NeedsStaff, "reschedule_needs_staff"),
        (WriteNews::Failed(FailureReason::Refused), Status::NeedsStaff, "reschedule_needs_staff"),
        (WriteNews::Failed(FailureReason::SlotTaken), Status::Refused, "new_time_taken"),
    ] {
        let clinic = with_an_appointment();
        clinic.rows(|rows| rows.news = Some(news));
        let slot = wednesday(&clinic).await;
        let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
        assert_eq!((handled.answer.status, handled.answer.code), (status, code));
        let (id, write) = &clinic.writes()[0];
        assert_eq!(handled.answer.data["writebackId"], id.to_string());
        assert_eq!(write.claim, Some(wednesday_at_nine()));
        assert_eq!(write.needed_by, tuesday(9).start, "the old time comes first");
        let Write::RescheduleAppointment(moved) = &write.write else { panic!("not a move") };
        assert_eq!((moved.appointment.as_str(), moved.from), ("a1", tuesday(9)));
        if status == Status::Confirmed {
            assert_eq!(
                handled.answer.say,
                "Your appointment has been moved. It is now Wednesday, November 25 at 9 AM with Dr Lee."
            );
        }
    }
}

#[tokio::test]
async fn an_appointment_of_somebody_else_or_of_nobody_is_not_touched() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    for id in ["a2", "nothing", "wb_01890000000070008000000000000001"] {
        for (tool, arguments) in
            [("cancelAppointment", cancel(id)), ("rescheduleAppointment", moving(id, &slot))]
        {
            let handled = clinic.run(tool, arguments).await;
            assert_eq!(handled.answer.code, "appointment_unknown", "{tool} {id}");
            let bad = handled.bad_input.unwrap();
            assert_eq!(bad.path, "appointmentId");
            assert!(!handled.answer.say.contains("Tuesday"));
        }
    }
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn an_appointment_that_has_passed_is_left_as_it_is() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.appointments[0].window = window(date(2026, 11, 20), 9, 0, 30));
    let slot = wednesday(&clinic).await;
    for (tool, arguments) in
        [("cancelAppointment", cancel("a1")), ("rescheduleAppointment", moving("a1", &slot))]
    {
        let handled = clinic.run(tool, arguments).await;
        assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "appointment_passed"));
        assert!(handled.answer.say.contains("Friday, November 20 at 9 AM"), "{}", handled.answer.say);
    }
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn an_appointment_that_is_cancelled_already_is_said_to_be_and_is_not_moved() {
    let by_the_copy = with_an_appointment();
    by_the_copy.system(|system| system.appointments[0].state = AppointmentState::Cancelled);
    let by_us = with_an_appointment();
    by_us.rows(|rows| rows.changes.push(change(None, true)));
    for clinic in [by_the_copy, by_us] {
        let handled = clinic.run("cancelAppointment", cancel("a1")).await;
        assert_eq!((handled.answer.status, handled.answer.code), (Status::Confirmed, "already_cancelled"));
        let slot = wednesday(&clinic).await;
        let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::Refused, "appointment_is_cancelled")
        );
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn p3_the_same_change_asked_again_joins_the_one_under_way() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    for (tool, arguments) in
        [("rescheduleAppointment", moving("a1", &slot)), ("cancelAppointment", cancel("a1"))]
    {
        clinic.rows(|rows| {
            rows.changes.clear();
            rows.writes.clear();
            rows.held.clear();
            rows.news = Some(WriteNews::Waiting);
        });
        let first = clinic.run(tool, arguments.clone()).await;
        clinic.rows(|rows| rows.news = Some(WriteNews::Succeeded { created: None }));
        let second = clinic.run(tool, arguments).await;
        assert_eq!(clinic.writes().len(), 1, "{tool}");
        assert_eq!(first.answer.data["writebackId"], second.answer.data["writebackId"]);
        assert_eq!((first.answer.status, second.answer.status), (Status::Accepted, Status::Confirmed));
    }
}

#[tokio::test]
async fn p11_another_change_of_an_appointment_waits_until_the_first_is_over() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    let handled = clinic.run("cancelAppointment", cancel("a1")).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "change_under_way"));
    let other = clinic.first_slot("2026-11-26").await;
    let handled = clinic.run("rescheduleAppointment", moving("a1", &other)).await;
    assert_eq!(handled.answer.code, "change_under_way");
    assert_eq!(clinic.writes().len(), 1);
    // Also where the other change came between looking and asking.
    clinic.rows(|rows| {
        rows.changes.clear();
        rows.another_changes_it = true;
    });
    let handled = clinic.run("cancelAppointment", cancel("a1")).await;
    assert_eq!(handled.answer.code, "change_under_way");
}

#[tokio::test]
async fn a_second_wish_about_a_change_that_waits_is_left_to_the_staff_who_hear_which() {
    for (news, minutes) in [
        (WriteNews::Offline, 0),
        (WriteNews::Parked, 0),
        (WriteNews::Waiting, 11),
        (WriteNews::Unknown, 11),
        // It is nearly over: whoever asks a little later can have it.
        (WriteNews::Waiting, 9),
        (WriteNews::Unknown, 9),
        (WriteNews::Succeeded { created: None }, 11),
    ] {
        let clinic = with_an_appointment();
        let other = clinic.first_slot("2026-11-26").await;
        let waiting = Change {
            wished_at: now() - SignedDuration::from_mins(minutes),
            ..change(Some(wednesday_at_nine()), false)
        };
        let left = !matches!(news, WriteNews::Succeeded { .. }) && minutes != 9;
        let expected = match (left, &news) {
            (true, WriteNews::Parked) => (Status::NeedsStaff, "change_with_staff"),
            (true, _) => (Status::NeedsStaff, "change_waits"),
            (false, _) => (Status::Refused, "change_under_way"),
        };
        clinic.rows(|rows| {
            rows.changes.push(waiting.clone());
            rows.news = Some(news.clone());
        });
        for (tool, arguments) in
            [("cancelAppointment", cancel("a1")), ("rescheduleAppointment", moving("a1", &other))]
        {
            let handled = clinic.run(tool, arguments).await;
            let told = (handled.answer.status, handled.answer.code);
            assert_eq!(told, expected, "{tool} {news:?} after {minutes} minutes");
            // The task is another's than the one of the change, which ends when that lands.
            assert!(!handled.answer.data.contains_key("writebackId"), "{tool}");
            let wanted = handled.wanted.map(|wanted| Value::from(wanted.expose().clone()));
            assert_eq!(wanted.is_some(), left, "{tool} {news:?}");
            if let Some(wanted) = wanted {
                assert_eq!(wanted["writebackId"], waiting.writeback.to_string());
                assert_eq!(wanted["appointmentStart"], "2026-11-24T09:00:00-05:00");
            }
        }
        assert!(clinic.writes().is_empty());
    }
}

/// A clinic in which a request of Daniel's for Wednesday at 9 waits, and that request.
fn with_a_request() -> (Arc<Clinic>, WritebackId) {
    let (clinic, request) = (clinic(), WritebackId::new());
    clinic.calls_from(DANIELS_PHONE);
    clinic.rows(|rows| rows.held.push(held(&wednesday_at_nine(), Some(request), &["104"])));
    (clinic, request)
}

#[tokio::test]
async fn p3_a_request_that_was_never_sent_is_taken_back_by_whoever_made_it() {
    let (clinic, request) = with_a_request();
    clinic.rows(|rows| rows.unsent.push(request));
    // Nothing of it needs a system that cancels.
    clinic.desk(|desk| {
        desk.capabilities.operations.remove(&Operation::CancelAppointment);
    });
    let listed = clinic.run("getAppointments", json!({ "patientId": "104" })).await.answer;
    let id = listed.data["appointments"][0]["appointmentId"].as_str().unwrap();
    let handled = clinic.run("cancelAppointment", cancel(id)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Confirmed, "request_taken_back"));
    assert_eq!(
        handled.answer.say,
        "I've taken back your request for Wednesday, November 25 at 9 AM with Dr Lee before it reached the clinic's \
         system. There is no appointment then."
    );
    let listed = clinic.run("getAppointments", json!({ "patientId": "104" })).await.answer;
    assert_eq!(listed.code, "appointments_none");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p5_a_request_that_may_be_in_the_practices_system_is_left_to_the_staff_who_hear_which() {
    let (clinic, request) = with_a_request();
    let slot = clinic.first_slot("2026-11-26").await;
    let id = request.to_string();
    for (tool, arguments) in
        [("cancelAppointment", cancel(&id)), ("rescheduleAppointment", moving(&id, &slot))]
    {
        let handled = clinic.run(tool, arguments).await;
        let told = (handled.answer.status, handled.answer.code);
        assert_eq!(told, (Status::NeedsStaff, "request_under_way"), "{tool}");
        // The task is another's than the one of the request, which ends when that lands.
        assert!(!handled.answer.data.contains_key("writebackId"), "{tool}");
        let wanted = Value::from(handled.wanted.unwrap().expose().clone());
        assert_eq!((&wanted["writebackId"], &wanted["appointmentId"]), (&json!(id), &json!(id)), "{tool}");
        assert_eq!(wanted["appointmentStart"], "2026-11-25T09:00:00-05:00", "{tool}");
    }
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p6_a_request_is_taken_back_for_its_own_patient_only() {
    let (clinic, request) = with_a_request();
    clinic.rows(|rows| {
        rows.unsent.push(request);
        rows.all_proven = true;
    });
    let theirs = json!({ "patientId": "101", "appointmentId": request.to_string() });
    assert_eq!(clinic.run("cancelAppointment", theirs).await.answer.code, "appointment_unknown");
    let own = clinic.run("cancelAppointment", cancel(&request.to_string())).await;
    assert_eq!(own.answer.code, "request_taken_back");
}

#[tokio::test]
async fn what_was_made_in_between_is_cancelled_by_the_name_it_had_before() {
    let (clinic, request) = with_a_request();
    clinic.rows(|rows| rows.held[0].appointment = Some("a7".into()));
    let handled = clinic.run("cancelAppointment", cancel(&request.to_string())).await;
    assert_eq!(handled.answer.code, "cancellation_on_its_way");
    assert_eq!(handled.answer.data["appointmentId"], "a7");
    let Write::CancelAppointment(gone) = &clinic.writes()[0].1.write else { panic!("not a cancellation") };
    assert_eq!(gone.appointment, "a7");
}

#[tokio::test]
async fn a_change_that_staff_must_look_into_leaves_the_appointment_to_them() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    let parked = Change { stage: Stage::WithStaff, ..change(Some(wednesday_at_nine()), false) };
    clinic.rows(|rows| rows.changes.push(parked));
    let handled = clinic.run("cancelAppointment", cancel("a1")).await;
    assert_eq!(
        (handled.answer.status, handled.answer.code),
        (Status::NeedsStaff, "cancellation_needs_staff")
    );
    let other = clinic.first_slot("2026-11-26").await;
    let handled = clinic.run("rescheduleAppointment", moving("a1", &other)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "reschedule_needs_staff"));
    clinic.rows(|rows| rows.news = Some(WriteNews::Parked));
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!(handled.answer.code, "reschedule_needs_staff");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p5_a_change_that_staff_made_by_hand_is_not_said_to_have_failed_nor_made_once_more() {
    for to in [None, Some(wednesday_at_nine())] {
        let clinic = with_an_appointment();
        let slot = wednesday(&clinic).await;
        let by_hand = Change { stage: Stage::ByHand, ..change(to, true) };
        clinic.rows(|rows| {
            rows.news = Some(WriteNews::Parked);
            rows.changes.push(by_hand.clone());
        });
        for (tool, arguments) in
            [("cancelAppointment", cancel("a1")), ("rescheduleAppointment", moving("a1", &slot))]
        {
            let handled = clinic.run(tool, arguments).await;
            let told = (handled.answer.status, handled.answer.code);
            assert_eq!(told, (Status::NeedsStaff, "change_with_staff"), "{tool}");
            let wanted = Value::from(handled.wanted.unwrap().expose().clone());
            assert_eq!(wanted["writebackId"], by_hand.writeback.to_string(), "{tool}");
        }
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn p4_a_time_that_another_got_a_moment_before_leaves_the_appointment_where_it_is() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    clinic.rows(|rows| rows.faster = Some(wednesday_at_nine()));
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "new_time_taken"));
    assert!(handled.answer.say.contains("Your appointment stays as it is."));
    let others = handled.answer.data["alternatives"].as_array().unwrap();
    assert!(!others.is_empty() && others.iter().all(|other| other["slotId"] != slot.as_str()));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p4_a_time_taken_in_the_practices_own_system_is_refused_before_anything_is_written() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    clinic.system(|system| {
        let mut other = taken(Some("DR1"), Some("OP2"), wednesday_at_nine().window);
        other.vendor_id = "a9".to_owned();
        other.patient = "101".to_owned();
        system.appointments.push(other);
    });
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!(handled.answer.code, "new_time_taken");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p4_a_visit_with_two_is_moved_only_to_where_both_are_free() {
    // On its own day, and in a week whose days do not show with whom it is now.
    for (day, reads) in [(date(2026, 11, 24), 1), (date(2026, 12, 8), 2)] {
        let clinic = with_an_appointment();
        let slot = clinic.first_slot(&day.to_string()).await;
        let busy = window(day, 9, 0, 30);
        clinic.system(|system| {
            // A hygienist beside the dentist, who has another patient then.
            system.appointments.push(taken(Some("HY1"), Some("OP1"), tuesday(9)));
            let mut other = taken(Some("HY1"), Some("OP2"), busy);
            other.vendor_id = "a9".to_owned();
            other.patient = "101".to_owned();
            system.appointments.push(other);
            system.asked.clear();
        });
        let refused = clinic.run("rescheduleAppointment", moving("a1", &slot)).await.answer;
        assert_eq!((refused.status, refused.code), (Status::Refused, "new_time_taken"), "{day}");
        assert_eq!(clinic.asked().iter().filter(|what| **what == "day_book").count(), reads, "{day}");
        assert!(clinic.writes().is_empty());
        let others = refused.data["alternatives"].as_array().unwrap();
        let then = format!("{day}T09:00:00-05:00");
        assert!(!others.is_empty() && others.iter().all(|other| other["start"] != then), "{others:?}");
        let slot = others[0]["slotId"].as_str().unwrap();
        let moved = clinic.run("rescheduleAppointment", moving("a1", slot)).await.answer;
        assert_eq!(moved.code, "reschedule_on_its_way", "{}", moved.say);
    }
    // One who takes no patients any more: nobody can tell when they are free.
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    clinic.system(|system| system.appointments.push(taken(Some("HY9"), Some("OP1"), tuesday(9))));
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "reschedule_needs_staff"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn p4_the_old_time_stays_busy_until_the_move_is_done_and_is_free_from_then_on() {
    let clinic = with_an_appointment();
    let offered = async |clinic: &Arc<Clinic>| {
        let times = clinic.run("checkAvailability", json!({ "from": "2026-11-24", "provider": "Lee" })).await;
        times.answer.data["slots"][0]["start"].as_str().unwrap().to_owned()
    };
    assert_eq!(offered(&clinic).await, "2026-11-24T09:30:00-05:00");
    let slot = wednesday(&clinic).await;
    clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!(offered(&clinic).await, "2026-11-24T09:30:00-05:00", "it is only on its way");
    clinic.rows(|rows| {
        rows.changes[0].done_at = Some(now());
        rows.changes[0].stage = Stage::Done;
    });
    assert_eq!(offered(&clinic).await, "2026-11-24T09:00:00-05:00");
    // Long after, a copy shows it there again: staff moved it back.
    clinic.rows(|rows| rows.changes[0].done_at = Some(now() - SignedDuration::from_hours(1)));
    assert_eq!(offered(&clinic).await, "2026-11-24T09:30:00-05:00");
}

#[tokio::test]
async fn a_move_keeps_the_length_of_the_appointment_whatever_length_was_offered() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.appointments[0].window = window(date(2026, 11, 24), 9, 0, 60));
    let slot = wednesday(&clinic).await;
    clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    let (_, write) = &clinic.writes()[0];
    assert_eq!(write.claim.as_ref().unwrap().window, window(date(2026, 11, 25), 9, 0, 60));

    // Half an hour is free then, and an hour is not.
    let clinic = with_an_appointment();
    clinic.system(|system| {
        system.appointments[0].window = window(date(2026, 11, 24), 9, 0, 60);
        let mut next = taken(Some("DR1"), None, window(date(2026, 11, 25), 9, 30, 30));
        next.vendor_id = "a9".to_owned();
        next.patient = "101".to_owned();
        system.appointments.push(next);
    });
    let slot = wednesday(&clinic).await;
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!(handled.answer.code, "new_time_taken");
}

#[tokio::test]
async fn an_appointment_whose_length_nobody_knows_is_left_to_the_staff() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.appointments[0].window = window(date(2026, 11, 24), 9, 0, 15 * 60));
    let slot = wednesday(&clinic).await;
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "reschedule_needs_staff"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_move_to_where_it_is_already_is_said_and_nothing_is_written() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    clinic.rows(|rows| rows.changes.push(change(Some(wednesday_at_nine()), true)));
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Confirmed, "already_rescheduled"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_patient_is_not_moved_onto_another_appointment_of_theirs() {
    let clinic = with_an_appointment();
    let slot = wednesday(&clinic).await;
    clinic.system(|system| {
        let mut own = taken(Some("DR2"), Some("OP2"), wednesday_at_nine().window);
        own.vendor_id = "a9".to_owned();
        system.appointments.push(own);
    });
    let handled = clinic.run("rescheduleAppointment", moving("a1", &slot)).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "patient_busy"));
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_booking_of_a_moment_ago_can_be_cancelled_before_the_copy_shows_it() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    let booked = Held {
        appointment: Some("a7".into()),
        stage: Stage::Done,
        ..held(&wednesday_at_nine(), Some(WritebackId::new()), &["104"])
    };
    clinic.rows(|rows| {
        rows.held.push(booked);
        rows.news = Some(WriteNews::Succeeded { created: None });
    });
    let handled = clinic.run("cancelAppointment", cancel("a7")).await;
    assert_eq!(
        handled.answer.say,
        "Your appointment is cancelled: Wednesday, November 25 at 9 AM with Dr Lee."
    );
}

#[tokio::test]
async fn what_was_cancelled_by_us_is_not_called_booked_because_an_older_copy_shows_it() {
    let clinic = with_an_appointment();
    clinic.rows(|rows| rows.changes.push(change(None, true)));
    let slot = clinic.first_slot("2026-11-24").await;
    let booking = json!({ "patientId": "104", "slotId": slot, "reason": "checkup" });
    let handled = clinic.run("bookAppointment", booking).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Accepted, "booking_on_its_way"));
}

#[tokio::test]
async fn what_a_system_cannot_do_is_left_to_the_staff_and_never_attempted() {
    for (operation, tool) in [
        (Operation::CancelAppointment, "cancelAppointment"),
        (Operation::ReadAppointments, "cancelAppointment"),
        (Operation::RescheduleAppointment, "rescheduleAppointment"),
        (Operation::ReadAppointments, "rescheduleAppointment"),
    ] {
        let clinic = with_an_appointment();
        let slot = wednesday(&clinic).await;
        clinic.desk(|desk| {
            desk.capabilities.operations.remove(&operation);
        });
        let arguments = if tool == "cancelAppointment" { cancel("a1") } else { moving("a1", &slot) };
        let handled = clinic.run(tool, arguments).await;
        assert_eq!(
            (handled.answer.status, handled.answer.code),
            (Status::NeedsStaff, "cannot_here"),
            "{tool}"
        );
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn an_appointment_booked_lately_is_no_other_one_of_the_patients() {
    let clinic = with_an_appointment();
    clinic.system(|system| system.appointments.clear());
    let claim = Claim { window: tuesday(9), clinician: "DR1".into(), chair: "OP1".into() };
    let mine = held(&claim, Some(WritebackId::new()), &["104"]);
    let booked = Held { appointment: Some("a1".into()), stage: Stage::Done, ..mine };
    let slots = async |provider: &str| {
        let asked = json!({ "from": "2026-11-24", "provider": provider });
        clinic.run("checkAvailability", asked).await.answer.data["slots"][0]["slotId"].clone()
    };
    let slot = slots("Dr Osei").await;
    clinic.rows(|rows| rows.held.push(booked));
    let handled = clinic.run("rescheduleAppointment", moving("a1", slot.as_str().unwrap())).await;
    assert_eq!(handled.answer.code, "reschedule_on_its_way", "{:?}", handled.answer.say);
}

#[tokio::test]
async fn rows_that_do_not_answer_leave_it_open_whether_a_change_was_kept() {
    let clinic = with_an_appointment();
    clinic.rows(|rows| rows.fails = true);
    let handled = clinic.run("cancelAppointment", cancel("a1")).await;
    assert_eq!(handled.answer.status, Status::Unknown);
}
