//! A write's life without trouble, and who may have one.

use domain::{Appointment, AppointmentState, DayBook, Freshness, Window, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use writebacks::{RequestError, Requested};

use crate::changes::cancelling;
use crate::rig::{Rig, booking, new, patient, slot};

fn copy_showing(vendor_id: &str) -> DayBook {
    copy_made(None, vendor_id)
}

pub(crate) fn copy_made(copied_at: Option<Timestamp>, vendor_id: &str) -> DayBook {
    DayBook {
        time_zone: "America/Chicago".into(),
        covers: slot(0),
        clinicians: vec![],
        chairs: vec![],
        hours: vec![],
        appointments: vec![Appointment {
            vendor_id: vendor_id.into(),
            patient: "201".into(),
            clinician: None,
            chair: None,
            window: slot(0),
            state: AppointmentState::Booked,
        }],
        feed: None,
        freshness: Freshness { copied_at, read_at: Timestamp::now() },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_booking_is_called_done_when_the_practices_system_said_so_and_not_before() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    assert_eq!(rig.state(id).await, S::Queued);
    assert!(rig.is_due(S::Queued).await && rig.is_held(0).await);

    assert!(rig.carrier.send_next(rig.due).await.unwrap());
    let row = rig.row(id).await;
    assert_eq!((row.state, row.receipt.as_deref(), row.attempts), (S::Submitted, Some("r-1"), 1));
    assert!(!rig.carrier.send_next(rig.due).await.unwrap(), "it is sent once");

    for _ in 0..3 {
        rig.carrier.look(rig.due).await.unwrap();
        rig.pass().await;
        assert_eq!(rig.state(id).await, S::Submitted, "pending is never done");
    }
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!(row.state, S::Succeeded);
    assert_eq!(row.created_vendor_id, Some(format!("made-{}", row.reference)));
    assert!(row.finished_at.is_some());
    assert_eq!(rig.letters().await, ["scripted.writeback", "writeback.submitted", "writeback.succeeded"]);

    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let attempts = tx.attempts(id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].ended_at.is_some());
    let audit = tx.audit_records(0, 10).await.unwrap();
    assert_eq!((audit.len(), audit[0].outcome.as_str()), (1, "succeeded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_bookings_time_stays_ours_until_the_copy_has_shown_it_for_a_while() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert!(rig.is_held(0).await);
    rig.carrier.seen(rig.due, &copy_showing("somebody else's")).await.unwrap();
    rig.carrier.seen(rig.due, &copy_showing("somebody else's")).await.unwrap();
    assert!(rig.is_held(0).await);
    let created = rig.row(id).await.created_vendor_id.unwrap();
    rig.carrier.seen(rig.due, &copy_showing(&created)).await.unwrap();
    assert!(rig.is_held(0).await, "an older reading of the copy may still be in somebody's hands");
    rig.carrier.seen(rig.due, &copy_showing(&created)).await.unwrap();
    assert!(!rig.is_held(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_booking_that_a_much_later_copy_does_not_show_was_removed_by_staff_and_keeps_no_time() {
    let rig = Rig::new().await;
    let (id, other) = (rig.booked(0).await, rig.booked(30).await);
    for _ in 0..2 {
        rig.carrier.send_next(rig.due).await.unwrap();
    }
    assert!(rig.carrier.held_days().await.unwrap().is_empty(), "what is under way is nobody's to look for");
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(other).await, S::Succeeded);
    let mut held = rig.carrier.held_days().await.unwrap();
    held.sort_by_key(|(_, window)| window.start);
    assert_eq!(held, [(rig.due, slot(0)), (rig.due, slot(30))]);

    let done = rig.row(id).await.finished_at.unwrap();
    let later = |minutes| Some(done + SignedDuration::from_mins(minutes));
    for soon in [None, later(-5), later(9)] {
        rig.carrier.seen(rig.due, &copy_made(soon, "somebody else's")).await.unwrap();
        assert!(rig.is_held(0).await, "a copy of {soon:?} may be older than the booking");
    }
    rig.carrier.seen(rig.due, &copy_made(later(11), "somebody else's")).await.unwrap();
    assert!(!rig.is_held(0).await);
    assert!(rig.is_held(30).await, "a copy says nothing of days it does not cover");
    assert_eq!(rig.carrier.held_days().await.unwrap(), [(rig.due, slot(30))]);
    assert_eq!(rig.state(id).await, S::Succeeded, "it was booked, whatever became of it");
}

/// What became of a booking that was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Removed,
    MovedToAnotherDay,
    MovedWithinItsDay,
    Cancelling,
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_confirmed_booking_that_stands_nowhere_any_more_is_asked_about_once() {
    for became in [Became::Removed, Became::MovedToAnotherDay, Became::MovedWithinItsDay, Became::Cancelling]
    {
        let rig = Rig::new().await;
        let id = rig.booked(0).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        rig.vendor.settle(None);
        rig.carrier.look(rig.due).await.unwrap();
        let row = rig.row(id).await;
        let created = row.created_vendor_id.unwrap();
        let mut book =
            copy_made(Some(row.finished_at.unwrap() + SignedDuration::from_mins(11)), "somebody else's");
        let moved = Appointment { vendor_id: created.clone(), ..book.appointments[0].clone() };
        match became {
            Became::Removed => {}
            Became::MovedToAnotherDay => {
                rig.vendor.shows(Appointment { window: slot(3 * 24 * 60), ..moved });
            }
            Became::MovedWithinItsDay => {
                book.covers = Window::new(slot(0).start, slot(600).end).unwrap();
                book.appointments.push(Appointment { window: slot(300), ..moved });
            }
            Became::Cancelling => {
                new(rig.wish(&cancelling(&created, None), "cancel").await);
            }
        }
        // Of one that is moved within its day the copy says so itself, and is believed after a while.
        for _ in 0..2 {
            rig.carrier.seen(rig.due, &book).await.unwrap();
        }
        assert!(!rig.is_held(0).await, "{became:?}");
        let tasks = rig.tasks().await;
        if became != Became::Removed {
            assert!(tasks.is_empty(), "{became:?}: {tasks:?}");
            continue;
        }
        assert_eq!((tasks.len(), tasks[0].code.as_str()), (1, "not_in_calendar"), "{tasks:?}");
        assert_eq!((tasks[0].writeback, tasks[0].due_at), (Some(id), Some(slot(0).start)));
        assert_eq!(rig.state(id).await, S::Succeeded, "it was booked, whatever became of it");
        let done = writebacks::end_task(&rig.store, rig.due.tenant, tasks[0].id, None, "a test").await;
        assert!(done.unwrap());
        rig.carrier.seen(rig.due, &book).await.unwrap();
        assert!(rig.tasks().await.is_empty(), "once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_of_many_callers_for_one_slot_one_gets_it() {
    let rig = std::sync::Arc::new(Rig::new().await);
    let mut tasks = JoinSet::new();
    for caller in 0..100 {
        let rig = rig.clone();
        tasks.spawn(async move { rig.wish(&booking(0), &format!("caller {caller}")).await });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| matches!(result, Ok(Requested::New(_)))).count(), 1);
    assert_eq!(results.iter().filter(|result| matches!(result, Err(RequestError::SlotTaken))).count(), 99);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_the_same_intent_from_all_sides_is_one_write() {
    let rig = std::sync::Arc::new(Rig::new().await);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let rig = rig.clone();
        tasks.spawn(async move { rig.wish(&booking(0), "the same").await.unwrap() });
    }
    let results = tasks.join_all().await;
    let mut ids: Vec<_> = results
        .iter()
        .map(|result| match result {
            Requested::New(id) => *id,
            Requested::Same(row) => row.id,
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(rig.letters().await, ["scripted.writeback"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_wish_that_was_fulfilled_is_not_made_again() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    let made = new(rig.wish(&patient(), "nora").await);
    while rig.carrier.send_next(rig.due).await.unwrap() {}
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    for (write, intent, first) in [(booking(0), "booking 0", id), (patient(), "nora", made)] {
        let again = rig.wish(&write, intent).await.unwrap();
        assert!(matches!(again, Requested::Same(row) if row.id == first && row.state == S::Succeeded));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_wish_that_waits_for_staff_is_not_made_again() {
    use crate::vendor::Fate;
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let made = new(rig.wish(&patient(), "nora").await);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.state(made).await, S::Parked);
    let again = rig.wish(&patient(), "nora").await.unwrap();
    assert!(matches!(again, Requested::Same(row) if row.id == made), "a second patient would be made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_failed_may_be_wished_for_again() {
    let rig = Rig::new().await;
    let first = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(Some(pms::FailureReason::SlotTaken));
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(first).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("slot_taken")));
    assert!(!rig.is_held(0).await);
    assert_ne!(rig.booked(0).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_booking_without_a_number_keeps_its_time_until_a_newer_copy_shows_what_there_is() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle_without_an_id();
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.created_vendor_id), (S::Succeeded, None));
    for (minutes, is_held) in [(9, true), (11, false)] {
        let copied_at = Some(row.finished_at.unwrap() + SignedDuration::from_mins(minutes));
        rig.carrier.seen(rig.due, &copy_made(copied_at, "somebody's")).await.unwrap();
        assert_eq!(rig.is_held(0).await, is_held, "{minutes} minutes later");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_held_bookings_are_settled_by_one_worker_at_a_time_and_past_ones_by_the_clock_alone() {
    let rig = Rig::new().await;
    let by_hand = rig.failed(30).await;
    let booked = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(booked).await, S::Succeeded);
    let outcome = writebacks::DropOutcome::EnteredByHand;
    writebacks::give_up(&rig.store, rig.due.tenant, by_hand, outcome, "by hand", "a test").await.unwrap();
    assert_eq!(rig.carrier.held_days().await.unwrap(), [(rig.due, slot(0)), (rig.due, slot(30))]);

    let kept = "SELECT count(*) FROM slot_holds WHERE released_at IS NULL";
    let kept = async || -> i64 { rig.owner.query_one(kept, &[]).await.unwrap().get(0) };
    rig.sql(
        "UPDATE slot_holds SET starts_at = starts_at - interval '20 years', ends_at = ends_at - interval '20 years'
         WHERE connection_id = ",
    )
    .await;
    assert_eq!(rig.carrier.held_days().await.unwrap(), [], "nobody reads days that are past");
    assert!(kept().await > 0);
    let hour = std::time::Duration::from_secs(3_600);
    let (one, two) = tokio::join!(rig.carrier.settles_holds_now(hour), rig.other.settles_holds_now(hour));
    assert_ne!(one.unwrap(), two.unwrap(), "one of them does");
    assert_eq!(kept().await, 0);
    assert!(!rig.carrier.settles_holds_now(hour).await.unwrap(), "not again within the hour");
    rig.owner.batch_execute("UPDATE rounds SET begun_at = begun_at - interval '1 hour'").await.unwrap();
    assert!(rig.other.settles_holds_now(hour).await.unwrap());
}
