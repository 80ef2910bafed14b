//! Another try at what went wrong: P3 and P4 hold through it.

use domain::{Window, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, FailureReason, Write};
use writebacks::{
    DropOutcome, Found, Obstacle, ReplayError, RequestError, Requested, SettleError, give_up, settle,
};

use crate::changes::{cancelling, moving, note};
use crate::night::night;
use crate::rig::{Rig, booking, new, patient, slot};
use crate::vendor::Fate;

fn obstacle(error: ReplayError) -> Obstacle {
    match error {
        ReplayError::Obstacle(obstacle) => obstacle,
        ReplayError::Store(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_replay_is_a_write_of_its_own_and_the_original_stays_as_it_was() {
    let rig = Rig::new().await;
    let old = rig.failed(0).await;
    let before = format!("{:?}", rig.row(old).await);
    let again = rig.replay(old).await.unwrap();
    rig.carry_on().await;
    let row = rig.row(again).await;
    assert_eq!((row.state, row.replays, row.attempts), (S::Succeeded, Some(old), 1));
    assert_eq!(format!("{:?}", rig.row(old).await), before, "the original was changed");
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    assert_eq!(tx.attempts(old).await.unwrap().len(), 1, "every attempt is kept");
    assert_eq!(tx.attempts(again).await.unwrap().len(), 1);
    let report = tx.verify_audit(None).await.unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
    let records = tx.audit_records(0, 100).await.unwrap();
    assert!(records.iter().any(|record| record.action == "writeback.replay" && record.actor == "a test"));
    assert_eq!(rig.vendor.held().len(), 1);
    assert!(rig.is_held(0).await, "its time went over");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_replay_of_something_that_did_land_finds_it_and_sends_nothing() {
    for done in [false, true] {
        let rig = Rig::new().await;
        let old = rig.parked(0, Fate::TakeAndLoseReply).await;
        if done {
            rig.vendor.settle(None);
        }
        let again = rig.replay(old).await.unwrap();
        assert_eq!(rig.state(again).await, S::Unknown, "it is looked for before it is sent");
        assert!(!rig.carrier.send_next(rig.due).await.unwrap());
        rig.carry_on().await;
        let row = rig.row(again).await;
        let made = Some(format!("made-{}", row.reference));
        assert_eq!((row.state, row.created_vendor_id, row.attempts), (S::Succeeded, made, 0));
        assert_eq!((rig.vendor.sent().len(), rig.vendor.held().len()), (1, 1), "done before: {done}");
        assert_eq!(rig.state(old).await, S::Parked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_replay_finds_the_first_request_that_was_still_on_its_way() {
    let rig = Rig::new().await;
    let old = rig.parked(0, Fate::ArriveLate).await;
    let again = rig.replay(old).await.unwrap();
    rig.carry_on().await;
    assert_eq!(rig.state(again).await, S::Succeeded);
    assert_eq!((rig.vendor.sent().len(), rig.vendor.held().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_replay_of_what_the_vendor_took_asks_for_its_late_result_and_sends_nothing() {
    let rig = Rig::new().await;
    let old = rig.parked(0, Fate::Take).await;
    let again = rig.replay(old).await.unwrap();
    assert_eq!(rig.state(again).await, S::Submitted);
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(again).await, S::Succeeded);
    assert_eq!(rig.vendor.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_of_many_replays_at_once_one_is_made() {
    let rig = Rig::new().await;
    let old = rig.parked(0, Fate::LoseRequest).await;
    let tries = futures(&rig, old, 6).await;
    let made: Vec<_> = tries.iter().filter_map(|done| done.as_ref().ok().copied()).collect();
    assert_eq!(made.len(), 1, "{tries:?}");
    for done in tries {
        if let Err(error) = done {
            assert_eq!(obstacle(error), Obstacle::Replayed(made[0]));
        }
    }
    rig.carry_on().await;
    assert_eq!(rig.state(made[0]).await, S::Succeeded);
    assert_eq!(rig.vendor.held().len(), 1);
}

async fn futures(
    rig: &Rig,
    id: domain::WritebackId,
    many: usize,
) -> Vec<Result<domain::WritebackId, ReplayError>> {
    let mut tasks = Vec::new();
    for _ in 0..many {
        let (store, tenant) = (rig.store.clone(), rig.due.tenant);
        tasks.push(tokio::spawn(async move { writebacks::replay(&store, tenant, id, "a test").await }));
    }
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_is_under_way_done_or_replayed_is_not_replayed() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    assert_eq!(obstacle(rig.replay(id).await.unwrap_err()), Obstacle::UnderWay);
    rig.carry_on().await;
    assert_eq!(obstacle(rig.replay(id).await.unwrap_err()), Obstacle::Succeeded);
    let old = rig.failed(30).await;
    let again = rig.replay(old).await.unwrap();
    assert_eq!(obstacle(rig.replay(old).await.unwrap_err()), Obstacle::Replayed(again));
    rig.carry_on().await;
    // Nobody settles what a replay stands for.
    let parked = rig.parked(60, Fate::LoseRequest).await;
    rig.replay(parked).await.unwrap();
    let error = settle(&rig.store, rig.due.tenant, parked, Found::NotThere, "a test").await.unwrap_err();
    assert!(matches!(error, SettleError::TakenUp), "{error:?}");
    assert!(rig.is_held(60).await && rig.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_time_that_somebody_else_took_is_not_taken_from_them() {
    let rig = Rig::new().await;
    let old = rig.failed(0).await;
    let other = new(rig.wish(&booking(15), "somebody else").await);
    assert_eq!(obstacle(rig.replay(old).await.unwrap_err()), Obstacle::Conflicting(other));
    rig.carry_on().await;
    assert_eq!(rig.vendor.held().len(), 1);
    // The same wish again is somebody else too.
    let old = rig.failed(120).await;
    let same = rig.booked(120).await;
    assert_eq!(obstacle(rig.replay(old).await.unwrap_err()), Obstacle::Conflicting(same));
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_change_is_not_tried_again_beside_another_of_its_appointment() {
    let rig = Rig::new().await;
    let old = new(rig.wish(&moving("a1", 0, 60), "move").await);
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let other = new(rig.wish(&cancelling("a1", None), "cancel").await);
    assert_eq!(obstacle(rig.replay(old).await.unwrap_err()), Obstacle::Conflicting(other));
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_time_that_the_practice_gave_to_somebody_by_hand_is_not_taken_from_them() {
    let rig = Rig::new().await;
    let old = rig.failed(0).await;
    rig.vendor.by_hand("305", slot(15));
    let again = rig.replay(old).await.unwrap();
    rig.carry_on().await;
    let row = rig.row(again).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("slot_taken")));
    assert!(rig.vendor.held().is_empty() && !rig.is_held(0).await);
    // So is one that waited too long for its practice's server.
    let late = rig.booked(30).await;
    rig.vendor.by_hand("305", slot(30));
    rig.sql("UPDATE pms_writebacks SET created_at = now() - interval '1 hour' WHERE connection_id = ").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(late).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("slot_taken")));
    assert!(rig.vendor.held().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_replay_whose_patient_has_the_time_already_is_not_sent_and_not_called_failed() {
    let rig = Rig::new().await;
    let old = rig.failed(0).await;
    rig.vendor.by_hand("201", slot(0));
    let again = rig.replay(old).await.unwrap();
    rig.look_until_nowhere().await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(again).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("seen_in_calendar")));
    for _ in 0..3 {
        rig.carry_on().await;
    }
    let row = rig.row(again).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some("outcome_unknown")), "for a person");
    assert!(rig.vendor.held().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_replay_and_a_wish_for_one_time_at_once_have_one_winner() {
    let rig = Rig::new().await;
    for minute in [0, 60, 120, 180] {
        let old = rig.failed(minute).await;
        let write = booking(minute + 15);
        let (replayed, wished) =
            tokio::join!(rig.replay(old), rig.wish(&write, "somebody else at the same moment"));
        match (replayed, wished) {
            (Ok(_), Err(RequestError::SlotTaken)) => {}
            (Err(error), Ok(Requested::New(other))) => {
                assert_eq!(obstacle(error), Obstacle::Conflicting(other));
            }
            both => panic!("{both:?}"),
        }
        rig.carry_on().await;
    }
    assert_eq!(rig.vendor.held().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_parked_booking_keeps_its_time_through_its_replay() {
    let rig = Rig::new().await;
    let old = rig.parked(0, Fate::LoseRequest).await;
    let again = rig.replay(old).await.unwrap();
    let error = rig.wish(&booking(0), "somebody else").await.unwrap_err();
    assert!(matches!(error, RequestError::SlotTaken), "{error:?}");
    let same = rig.wish(&booking(0), "booking 0").await.unwrap();
    assert!(matches!(&same, Requested::Same(row) if row.id == again), "{same:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_time_is_past_is_stale() {
    let rig = Rig::new().await;
    let old = rig.failed(0).await;
    rig.sql("UPDATE pms_writebacks SET about_at = now() - interval '1 minute' WHERE connection_id = ").await;
    assert_eq!(obstacle(rig.replay(old).await.unwrap_err()), Obstacle::Stale);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_move_whose_old_time_is_past_is_stale_and_its_replay_has_until_the_earlier_of_both() {
    let rig = Rig::new().await;
    let mut past = moving("a1", 0, 60);
    if let Write::RescheduleAppointment(moved) = &mut past {
        moved.from = Window::of_minutes(Timestamp::now() - SignedDuration::from_hours(1), 30).unwrap();
    }
    let old = new(rig.wish(&past, "of yesterday").await);
    rig.carrier.reap().await.unwrap();
    let row = rig.row(old).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("not_sent_in_time")));
    assert_eq!(obstacle(rig.replay(old).await.unwrap_err()), Obstacle::Stale);
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 0);
    let told = &rig.tasks().await[0].next_action;
    assert!(told.starts_with("Call the patient"), "no night is promised: {told}");
    let old = new(rig.wish(&moving("a2", 120, 600), "of some day").await);
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let again = rig.replay(old).await.unwrap();
    assert_eq!(rig.row(again).await.deadline_at, slot(120).start);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_replay_of_what_is_about_no_time_has_a_day_at_most() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
    let old = new(rig.wish_after(&note(), "a note", None, SignedDuration::from_hours(24 * 30)).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    let again = rig.replay(old).await.unwrap();
    let left = rig.row(again).await.deadline_at.duration_since(Timestamp::now());
    assert!(left > SignedDuration::from_hours(23) && left <= SignedDuration::from_hours(24), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_the_practice_refused_is_sent_anew_under_a_reference_of_its_own() {
    let rig = Rig::new().await;
    let old = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    rig.carrier.look(rig.due).await.unwrap();
    let failed = rig.row(old).await;
    assert_eq!((failed.state, failed.reason.as_deref()), (S::Failed, Some("slot_taken")));
    let again = rig.replay(old).await.unwrap();
    rig.carry_on().await;
    let row = rig.row(again).await;
    assert_eq!(row.state, S::Succeeded);
    assert_ne!(row.reference, failed.reference);
    assert_eq!(rig.vendor.held().len(), 2, "the refused one and the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_replayed_from_its_beginning() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest]);
    let first = new(rig.wish(&patient(), "nora").await);
    let second =
        new(rig.wish_after(&booking(0), "nora's booking", Some(first), SignedDuration::from_hours(1)).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Parked, S::Failed));
    assert_eq!(obstacle(rig.replay(second).await.unwrap_err()), Obstacle::Forerunner(first));
    let patient = rig.replay(first).await.unwrap();
    let booked = rig.replay(second).await.unwrap();
    assert_eq!(rig.row(booked).await.depends_on, Some(patient), "it waits for the replay");
    rig.carry_on().await;
    assert_eq!((rig.state(patient).await, rig.state(booked).await), (S::Succeeded, S::Succeeded));
    let made = rig.row(patient).await.created_vendor_id.unwrap();
    let held = rig.vendor.held();
    assert_eq!(held.len(), 2);
    assert!(matches!(&held[1].write, Write::BookAppointment(booking) if booking.patient == made));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_whose_patient_was_given_up_is_said_to_be_for_nobody_and_told_what_to_do() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest]);
    let first = new(rig.wish(&patient(), "nora").await);
    let wait = SignedDuration::from_hours(1);
    let second = new(rig.wish_after(&booking(0), "nora's booking", Some(first), wait).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    let late = "UPDATE pms_writebacks SET deadline_at = now() WHERE operation = 'create_patient' AND connection_id = ";
    rig.sql(late).await;
    rig.carrier.reap().await.unwrap();
    let by_hand = DropOutcome::EnteredByHand;
    give_up(&rig.store, rig.due.tenant, first, by_hand, "made by hand", "a test").await.unwrap();
    let obstacle = obstacle(rig.replay(second).await.unwrap_err());
    assert_eq!((obstacle, obstacle.word()), (Obstacle::Forlorn(first), "forerunner_given_up"));
    let told = &rig.tasks().await[0].next_action;
    assert!(told.contains("If it was dropped, enter the appointment by hand too"), "{told}");
}
