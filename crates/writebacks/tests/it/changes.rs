//! Changes of appointments that are there, and notes: once each, one at a time, and nobody's time twice.

use domain::{Appointment, AppointmentState, DayBook, Freshness, WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, Cancellation, ErrorKind, FailureReason, NewNote, Receipt, Reschedule, Write};
use tokio::task::JoinSet;
use writebacks::{RequestError, Requested};

use crate::rig::{LOOKS, Rig, booking, new, slot};
use crate::vendor::Fate;

pub(crate) fn moving(appointment: &str, from: i64, to: i64) -> Write {
    Write::RescheduleAppointment(Reschedule {
        appointment: appointment.into(),
        patient: "201".into(),
        from: slot(from),
        clinician: "7".into(),
        beside: None,
        chair: "2".into(),
        window: slot(to),
        time_zone: "America/Chicago".into(),
        as_of: None,
        others: Vec::new(),
    })
}

pub(crate) fn cancelling(appointment: &str, as_of: Option<Timestamp>) -> Write {
    Write::CancelAppointment(Cancellation {
        appointment: appointment.into(),
        patient: "201".into(),
        from: slot(0),
        as_of,
        others: Vec::new(),
    })
}

pub(crate) fn note() -> Write {
    Write::AddNote(NewNote {
        patient: "201".into(),
        clinician: "7".into(),
        text: "calls after four".into(),
        at: Timestamp::now(),
        time_zone: "America/Chicago".into(),
    })
}

/// Carries everything that waits to its end.
pub(crate) async fn carried(rig: &Rig) {
    while rig.carrier.send_next(rig.due).await.unwrap() {}
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
}

pub(crate) async fn wished(rig: &Rig, write: &Write, intent: &str) -> WritebackId {
    new(rig.wish(write, intent).await)
}

fn is_under_way(wish: &Result<Requested, RequestError>) -> bool {
    matches!(wish, Err(RequestError::ChangeUnderWay))
}

pub(crate) fn is_taken(wish: &Result<Requested, RequestError>) -> bool {
    matches!(wish, Err(RequestError::SlotTaken))
}

pub(crate) fn copy(shown: &[(&str, i64)]) -> DayBook {
    let appointment = |(id, minute): &(&str, i64)| Appointment {
        vendor_id: (*id).into(),
        patient: "201".into(),
        clinician: Some("7".into()),
        chair: Some("2".into()),
        window: slot(*minute),
        state: AppointmentState::Booked,
    };
    DayBook {
        time_zone: "America/Chicago".into(),
        covers: domain::Window::new(slot(0).start, slot(600).end).unwrap(),
        clinicians: vec![],
        chairs: vec![],
        hours: vec![],
        appointments: shown.iter().map(appointment).collect(),
        feed: None,
        freshness: Freshness { copied_at: None, read_at: Timestamp::now() },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_fresh_appointment_may_move_over_its_own_time_and_nobody_elses() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    carried(&rig).await;
    let made = rig.row(id).await.created_vendor_id.unwrap();
    rig.booked(30).await;
    carried(&rig).await;
    assert!(is_taken(&rig.wish(&moving("another", 300, 15), "not its own").await));
    let over = |to: i64| {
        let Write::RescheduleAppointment(moved) = moving(&made, 0, 0) else { panic!("not a move") };
        let window = domain::Window::of_minutes(slot(0).start + SignedDuration::from_mins(to), 30).unwrap();
        Write::RescheduleAppointment(Reschedule { window, ..moved })
    };
    assert!(is_taken(&rig.wish(&over(15), "into the next one").await), "the next one's time is not its own");
    let moved = wished(&rig, &over(-15), "a quarter of an hour earlier").await;
    assert!(is_taken(&rig.wish(&booking(0), "the old time").await), "until it is moved it keeps its time");
    carried(&rig).await;
    assert_eq!(rig.state(moved).await, S::Succeeded);
    let again = wished(&rig, &over(-20), "and again").await;
    carried(&rig).await;
    assert_eq!(rig.state(again).await, S::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_change_is_done_when_the_practices_system_said_so_and_names_what_it_changed() {
    let rig = Rig::new().await;
    for (write, appointment, action) in [
        (moving("a1", 0, 60), Some("a1"), "appointment.reschedule.landed"),
        (cancelling("a2", None), Some("a2"), "appointment.cancel.landed"),
        (note(), None, "patient.note.landed"),
    ] {
        let id = wished(&rig, &write, action).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        rig.carrier.look(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Submitted, "pending is never done");
        rig.pass().await;
        rig.vendor.settle_without_an_id();
        rig.carrier.look(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.created_vendor_id.as_deref()), (S::Succeeded, appointment));
        let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
        let audit = tx.audit_records(0, 10).await.unwrap();
        let last = audit.last().unwrap();
        assert_eq!((last.action.as_str(), last.patient.as_deref()), (action, Some("201")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_change_whose_reply_was_lost_is_looked_for_and_sent_once() {
    for (write, settled) in [
        (moving("a1", 0, 60), false),
        (moving("a1", 0, 60), true),
        (cancelling("a1", None), false),
        (cancelling("a1", None), true),
        (note(), false),
    ] {
        let rig = Rig::new().await;
        rig.vendor.next(&[Fate::TakeAndLoseReply]);
        let id = wished(&rig, &write, "lost").await;
        rig.carrier.send_next(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("reply_lost")));
        if settled {
            rig.vendor.settle(None);
        }
        rig.pass().await;
        rig.other.look_for_lost(rig.due).await.unwrap();
        rig.vendor.settle(None);
        rig.carrier.look(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!(row.state, S::Succeeded);
        assert!(
            !matches!(write, Write::RescheduleAppointment(_))
                || row.created_vendor_id.as_deref() == Some("a1")
        );
        assert_eq!(rig.vendor.sent().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_change_found_nowhere_is_sent_again_only_after_several_looks_and_the_grace() {
    for write in [moving("a1", 0, 60), cancelling("a1", None)] {
        let rig = Rig::new().await;
        rig.vendor.next(&[Fate::LoseRequest]);
        let id = wished(&rig, &write, "lost").await;
        rig.carrier.send_next(rig.due).await.unwrap();
        for _ in 1..LOOKS {
            rig.pass().await;
            rig.carrier.look_for_lost(rig.due).await.unwrap();
            assert_eq!(rig.state(id).await, S::Unknown);
        }
        rig.pass().await;
        rig.carrier.look_for_lost(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Queued);
        rig.pass().await;
        carried(&rig).await;
        assert_eq!((rig.state(id).await, rig.vendor.held().len()), (S::Succeeded, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_sender_of_a_change_that_died_is_noticed_and_its_change_is_not_sent_twice() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndStall]);
    let id = wished(&rig, &moving("a1", 0, 60), "move").await;
    tokio::select! {
        _ = rig.carrier.send_next(rig.due) => panic!("it stalls"),
        () = rig.vendor.stalled.notified() => {}
    }
    rig.expire_leases().await;
    rig.other.reap().await.unwrap();
    rig.look_until_nowhere().await;
    carried(&rig).await;
    assert_eq!((rig.state(id).await, rig.vendor.sent().len()), (S::Succeeded, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_change_is_told_from_the_earlier_ones_of_its_practice() {
    let rig = Rig::new().await;
    wished(&rig, &moving("a1", 0, 60), "there").await;
    carried(&rig).await;
    wished(&rig, &moving("a1", 60, 0), "and back").await;
    carried(&rig).await;
    let other = wished(&rig, &moving("a2", 30, 120), "another's").await;
    carried(&rig).await;
    let again = wished(&rig, &moving("a1", 0, 60), "there again").await;
    carried(&rig).await;
    let held = rig.vendor.held();
    let others = |at: usize| held[at].write.others().to_vec();
    let receipts = |names: &[&str]| names.iter().map(|name| Receipt((*name).to_owned())).collect::<Vec<_>>();
    let first = receipts(&["r-1"]);
    let all = receipts(&["r-1", "r-2", "r-3"]);
    assert_eq!((others(0), others(1), others(3)), (vec![], first, all), "whosever appointment they were");
    assert_eq!((rig.state(other).await, rig.state(again).await), (S::Succeeded, S::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_move_and_a_booking_for_one_time_one_wins() {
    let rig = Rig::new().await;
    wished(&rig, &moving("a1", 0, 60), "move").await;
    assert!(is_taken(&rig.wish(&booking(60), "book").await));
    assert!(is_taken(&rig.wish(&booking(45), "overlapping").await));
    assert!(is_taken(&rig.wish(&moving("a2", 30, 60), "another move").await));
    rig.booked(120).await;
    assert!(is_taken(&rig.wish(&moving("a3", 0, 120), "onto a booking").await));

    for _ in 0..5 {
        let rig = std::sync::Arc::new(Rig::new().await);
        let mut tasks = JoinSet::new();
        for caller in 0..20 {
            let rig = rig.clone();
            tasks.spawn(async move {
                let write = if caller % 2 == 0 { booking(60) } else { moving(&format!("a{caller}"), 0, 60) };
                rig.wish(&write, &format!("caller {caller}")).await
            });
        }
        let results = tasks.join_all().await;
        assert_eq!(results.iter().filter(|result| matches!(result, Ok(Requested::New(_)))).count(), 1);
        assert_eq!(results.iter().filter(|result| is_taken(result)).count(), 19);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_move_that_failed_gives_the_new_time_back_and_one_that_may_have_happened_keeps_it() {
    let rig = Rig::new().await;
    let id = wished(&rig, &moving("a1", 0, 60), "move").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!((rig.state(id).await, rig.is_held(60).await), (S::Failed, false));
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let id = wished(&rig, &moving("a1", 0, 60), "move").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!((rig.state(id).await, rig.is_held(60).await), (S::Parked, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_bookings_time_is_held_until_its_move_is_done_and_the_new_time_from_the_wish_on() {
    let rig = Rig::new().await;
    let booked = rig.booked(0).await;
    carried(&rig).await;
    let appointment = rig.row(booked).await.created_vendor_id.unwrap();
    wished(&rig, &moving(&appointment, 0, 60), "move").await;
    assert!(rig.is_held(0).await && rig.is_held(60).await, "nobody knows yet where it will be");
    carried(&rig).await;
    assert!(!rig.is_held(0).await, "it is not there any more");
    assert!(rig.is_held(60).await);
    // A copy that still shows it at the old time is an older one.
    for _ in 0..2 {
        rig.carrier.seen(rig.due, &copy(&[(&appointment, 0)])).await.unwrap();
    }
    assert!(rig.is_held(60).await);
    for _ in 0..2 {
        rig.carrier.seen(rig.due, &copy(&[(&appointment, 60)])).await.unwrap();
    }
    assert!(!rig.is_held(60).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_cancelled_booking_gives_its_time_back_and_can_be_booked_again_by_the_same_wish() {
    let rig = Rig::new().await;
    let booked = rig.booked(0).await;
    carried(&rig).await;
    let appointment = rig.row(booked).await.created_vendor_id.unwrap();
    wished(&rig, &cancelling(&appointment, None), "cancel").await;
    assert!(rig.is_held(0).await, "it is only wished for");
    carried(&rig).await;
    assert!(!rig.is_held(0).await);
    assert_ne!(rig.booked(0).await, booked, "the same wish is a new one: the first was undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_one_appointment_has_one_change_under_way() {
    let rig = Rig::new().await;
    let first = wished(&rig, &moving("a1", 0, 60), "move").await;
    let same = rig.wish(&moving("a1", 0, 60), "move").await.unwrap();
    assert!(matches!(same, Requested::Same(row) if row.id == first));
    assert!(is_under_way(&rig.wish(&cancelling("a1", None), "cancel").await));
    assert!(is_under_way(&rig.wish(&moving("a1", 0, 120), "elsewhere").await));
    wished(&rig, &cancelling("a2", None), "another appointment").await;
    carried(&rig).await;
    assert_eq!(rig.state(first).await, S::Succeeded);
    wished(&rig, &cancelling("a1", None), "cancel").await;

    let rig = std::sync::Arc::new(Rig::new().await);
    let mut tasks = JoinSet::new();
    for caller in 0..20_i64 {
        let rig = rig.clone();
        tasks.spawn(async move {
            let write = if caller % 2 == 0 { cancelling("a1", None) } else { moving("a1", 0, caller * 60) };
            rig.wish(&write, &format!("caller {caller}")).await
        });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| matches!(result, Ok(Requested::New(_)))).count(), 1);
    assert_eq!(results.iter().filter(|result| is_under_way(result)).count(), 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_nobody_changes_an_appointment_while_staff_must_find_out_what_became_of_a_change() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let id = wished(&rig, &cancelling("a1", None), "cancel").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.state(id).await, S::Parked);
    assert!(is_under_way(&rig.wish(&moving("a1", 0, 60), "move").await));
    let not_there = writebacks::Found::NotThere;
    writebacks::settle(&rig.store, rig.due.tenant, id, not_there, "a test").await.unwrap();
    wished(&rig, &moving("a1", 0, 60), "move").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_cancellation_is_made_once_unless_staff_took_it_back_since() {
    let rig = Rig::new().await;
    let id = wished(&rig, &cancelling("a1", None), "cancel").await;
    carried(&rig).await;
    let now = Timestamp::now();
    for as_of in [None, Some(now - SignedDuration::from_hours(1)), Some(now + SignedDuration::from_mins(5))] {
        let again = rig.wish(&cancelling("a1", as_of), "cancel").await.unwrap();
        assert!(matches!(again, Requested::Same(row) if row.id == id), "{as_of:?}");
    }
    let newer = Some(now + SignedDuration::from_mins(30));
    assert_ne!(wished(&rig, &cancelling("a1", newer), "cancel").await, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_the_system_cannot_do_or_does_not_know_fails_and_one_it_cannot_do_now_waits() {
    for (fate, state) in [
        (Fate::Refuse(ErrorKind::Unsupported, Advice::Permanent), S::Failed),
        (Fate::Refuse(ErrorKind::NotFound, Advice::Permanent), S::Failed),
        (Fate::Refuse(ErrorKind::PracticeOffline, Advice::Retry), S::Queued),
        (Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent), S::Parked),
    ] {
        for write in [moving("a1", 0, 60), cancelling("a1", None), note()] {
            let rig = Rig::new().await;
            rig.vendor.next(&[fate]);
            let id = wished(&rig, &write, "refused").await;
            rig.carrier.send_next(rig.due).await.unwrap();
            assert_eq!(rig.state(id).await, state, "{fate:?}");
        }
    }
}
