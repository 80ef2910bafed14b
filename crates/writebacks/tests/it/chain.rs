//! A new patient and their appointment.

use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use jiff::SignedDuration;
use pms::{Advice, ErrorKind, FailureReason, Write};
use writebacks::{DropOutcome, Found, give_up, settle};

use crate::rig::{Rig, booking, new, patient, slot};
use crate::vendor::Fate;

async fn chain(rig: &Rig) -> (WritebackId, WritebackId) {
    let first = new(rig.wish(&patient(), "nora").await);
    let mut write = booking(0);
    if let Write::BookAppointment(booking) = &mut write {
        booking.patient.clear();
    }
    let hour = SignedDuration::from_hours(1);
    (first, new(rig.wish_after(&write, "nora's booking", Some(first), hour).await))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_waits_for_its_patient_and_is_made_for_the_id_they_got() {
    let rig = Rig::new().await;
    let (first, second) = chain(&rig).await;
    assert!(rig.carrier.send_next(rig.due).await.unwrap());
    assert!(!rig.is_due(S::Queued).await, "its patient is not there yet");
    assert!(!rig.carrier.send_next(rig.due).await.unwrap());
    let letters = rig.letters().await.len();
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.letters().await[letters..], ["writeback.succeeded", "scripted.writeback"]);
    assert!(rig.is_due(S::Queued).await);
    assert!(rig.carrier.send_next(rig.due).await.unwrap());
    let created = rig.row(first).await.created_vendor_id.unwrap();
    let Write::BookAppointment(sent) = &rig.vendor.held()[1].write else { panic!("not a booking") };
    assert_eq!(sent.patient, created);
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(second).await, S::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_patient_could_not_be_made_fails_with_them_and_frees_its_time() {
    let rig = Rig::new().await;
    let (first, second) = chain(&rig).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(Some(FailureReason::Refused));
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(second).await;
    assert_eq!(rig.state(first).await, S::Failed);
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("forerunner_failed")));
    assert!(!rig.is_held(0).await);
    let tasks = rig.tasks().await;
    let task = tasks.iter().find(|task| task.writeback == Some(second)).unwrap();
    assert_eq!((task.code.as_str(), task.due_at), ("forerunner_failed", Some(slot(0).start)));
    assert_eq!(rig.letters().await.iter().filter(|key| *key == "writeback.failed").count(), 2);
    assert_eq!(rig.vendor.sent().len(), 1);
}

/// A new patient who was set aside, and their booking, which waits.
async fn patient_set_aside(rig: &Rig) -> (WritebackId, WritebackId) {
    let (first, second) = chain(rig).await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.carrier.reap().await.unwrap();
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Parked, S::Queued));
    assert!(rig.is_held(0).await, "its time is kept");
    let task = rig.tasks().await.pop().unwrap();
    assert_eq!(
        (task.writeback, task.due_at),
        (Some(first), Some(slot(0).start)),
        "by the appointment's time"
    );
    assert!(task.next_action.contains("appointment waits"), "{task:?}");
    (first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_patient_waits_for_staff_is_made_for_the_patient_that_they_found() {
    let rig = Rig::new().await;
    let (first, second) = patient_set_aside(&rig).await;
    settle(&rig.store, rig.due.tenant, first, Found::There { vendor_id: "77" }, "a test").await.unwrap();
    rig.carry_on().await;
    assert_eq!(rig.state(second).await, S::Succeeded);
    let Write::BookAppointment(sent) = &rig.vendor.held()[0].write else { panic!("not a booking") };
    assert_eq!(sent.patient, "77");
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_patient_waits_for_staff_waits_for_their_replay() {
    let rig = Rig::new().await;
    let (first, second) = patient_set_aside(&rig).await;
    let again = rig.replay(first).await.unwrap();
    assert_eq!(rig.row(second).await.depends_on, Some(again));
    for _ in 0..2 {
        rig.carry_on().await;
    }
    assert_eq!((rig.state(again).await, rig.state(second).await), (S::Succeeded, S::Succeeded));
    assert_eq!(rig.vendor.held().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_booking_whose_patient_is_given_up_or_not_settled_in_time_is_a_task_of_its_own() {
    for how in ["dropped", "settled", "late"] {
        let rig = Rig::new().await;
        let (first, second) = patient_set_aside(&rig).await;
        let (store, tenant) = (&rig.store, rig.due.tenant);
        let code = match how {
            "dropped" => {
                give_up(store, tenant, first, DropOutcome::NotWanted, "a twin", "a test").await.unwrap();
                "forerunner_failed"
            }
            "settled" => {
                settle(store, tenant, first, Found::NotThere, "a test").await.unwrap();
                "forerunner_failed"
            }
            _ => {
                rig.expire_deadlines().await;
                rig.carrier.reap().await.unwrap();
                "not_sent_in_time"
            }
        };
        assert_eq!(rig.state(second).await, S::Failed, "{how}");
        assert!(!rig.is_held(0).await, "{how}");
        let tasks = rig.tasks().await;
        let task = tasks.iter().find(|task| task.writeback == Some(second)).unwrap();
        assert_eq!((task.code.as_str(), task.due_at), (code, Some(slot(0).start)), "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_new_patient_is_waited_for_as_long_as_their_booking_however_long_the_server_is_off() {
    let rig = Rig::new().await;
    let day = SignedDuration::from_hours(24);
    let first = new(rig.wish_after(&patient(), "nora", None, day).await);
    let second = new(rig.wish_after(&booking(0), "nora's booking", Some(first), day * 9).await);
    assert_eq!(rig.row(first).await.deadline_at, rig.row(second).await.deadline_at);
    let off = Fate::Refuse(ErrorKind::PracticeOffline, Advice::RetryAfter(Duration::from_secs(60)));
    // From Friday evening until Monday morning.
    for _ in 0..2 {
        rig.vendor.next(&[off]);
        rig.carrier.send_next(rig.due).await.unwrap();
        rig.hours_pass(31).await;
        assert_eq!(rig.carrier.reap().await.unwrap(), 0);
    }
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Queued, S::Queued));
    assert!(rig.is_held(0).await, "its time is kept");
    rig.carry_on().await;
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Succeeded, S::Succeeded));
    let Write::BookAppointment(sent) = &rig.vendor.held()[1].write else { panic!("not a booking") };
    assert_eq!(Some(&sent.patient), rig.row(first).await.created_vendor_id.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_booking_that_is_over_sooner_takes_no_time_from_its_patient_and_what_is_over_gets_none() {
    let rig = Rig::new().await;
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    let first = new(rig.wish_after(&patient(), "nora", None, day).await);
    let before = rig.row(first).await.deadline_at;
    new(rig.wish_after(&booking(0), "soon", Some(first), hour).await);
    assert_eq!(rig.row(first).await.deadline_at, before);
    rig.carry_on().await;
    assert_eq!(rig.state(first).await, S::Succeeded);
    new(rig.wish_after(&booking(30), "later", Some(first), day * 9).await);
    assert_eq!(rig.row(first).await.deadline_at, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_patient_who_is_tried_again_is_waited_for_as_long_as_the_booking_that_waited_meanwhile() {
    let rig = Rig::new().await;
    let (first, second) = patient_set_aside(&rig).await;
    rig.sql(
        "UPDATE pms_writebacks SET deadline_at = now() + interval '9 days'
         WHERE operation = 'book_appointment' AND connection_id = ",
    )
    .await;
    let again = rig.replay(first).await.unwrap();
    assert_eq!(rig.row(again).await.deadline_at, rig.row(second).await.deadline_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_booking_asked_for_after_its_patient_failed_is_ended_by_the_reaper() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
    let first = new(rig.wish(&patient(), "nora").await);
    rig.carrier.send_next(rig.due).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    let second = new(rig.wish_after(&booking(0), "late", Some(first), hour).await);
    assert!(!rig.carrier.send_next(rig.due).await.unwrap());
    assert_eq!(rig.carrier.reap().await.unwrap(), 1);
    let row = rig.row(second).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("forerunner_failed")));
    assert!(!rig.is_held(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_never_sent_for_a_patient_whose_id_nobody_told() {
    let rig = Rig::new().await;
    let (first, second) = chain(&rig).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle_without_an_id();
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(first).await, S::Succeeded);
    assert!(rig.carrier.send_next(rig.due).await.unwrap());
    let row = rig.row(second).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some("patient_id_unknown")));
    assert_eq!(rig.vendor.sent().len(), 1);
    assert_eq!(rig.alerts().await, ["writeback_parked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_asked_for_after_its_patient_was_tried_again_waits_for_that_try() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
    let first = new(rig.wish(&patient(), "nora").await);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(first).await, S::Failed);
    let again = rig.replay(first).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    let second = new(rig.wish_after(&booking(0), "nora's booking", Some(first), hour).await);
    assert_eq!(rig.row(second).await.depends_on, Some(again));
    for _ in 0..2 {
        rig.carry_on().await;
    }
    assert_eq!((rig.state(again).await, rig.state(second).await), (S::Succeeded, S::Succeeded));
}
