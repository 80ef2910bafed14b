//! What staff give up.

use domain::{WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use writebacks::{DropError, DropOutcome, Obstacle, ReplayError, RequestError, give_up};

use crate::life::copy_made;
use crate::rig::{Rig, booking};
use crate::vendor::Fate;

async fn give(rig: &Rig, id: WritebackId, why: &str) -> Result<(), DropError> {
    give_up(&rig.store, rig.due.tenant, id, DropOutcome::NotWanted, why, "key of a test").await
}

async fn entered(rig: &Rig, id: WritebackId) -> Result<(), DropError> {
    give_up(&rig.store, rig.due.tenant, id, DropOutcome::EnteredByHand, "by hand", "key of a test").await
}

async fn wished_by_another(rig: &Rig, minute: i64) -> Option<RequestError> {
    rig.wish(&booking(minute), "somebody else's").await.err()
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_time_that_staff_filled_by_hand_is_not_offered_until_a_newer_copy_was_read() {
    let rig = Rig::new().await;
    // One keeps its time while it is parked; the other gave it back when it failed.
    let (parked, failed) = (rig.parked(0, Fate::LoseRequest).await, rig.failed(30).await);
    assert!(rig.is_held(0).await && !rig.is_held(30).await);
    for (id, minute) in [(parked, 0), (failed, 30)] {
        entered(&rig, id).await.unwrap();
        assert!(rig.is_held(minute).await, "the copy does not show it yet");
        assert!(matches!(wished_by_another(&rig, minute).await, Some(RequestError::SlotTaken)));
    }
    let mut held = rig.carrier.held_days().await.unwrap();
    held.sort_by_key(|(_, window)| window.start);
    assert_eq!(held.len(), 2, "somebody reads those days");
    let later = |minutes| Some(Timestamp::now() + SignedDuration::from_mins(minutes));
    for soon in [None, later(-5), later(9)] {
        rig.carrier.seen(rig.due, &copy_made(soon, "another's")).await.unwrap();
        assert!(rig.is_held(0).await, "a copy of {soon:?} may be older than what was entered");
    }
    rig.carrier.seen(rig.due, &copy_made(later(11), "another's")).await.unwrap();
    assert!(!rig.is_held(0).await && rig.is_held(30).await, "a copy says nothing of days it does not cover");
    assert!(wished_by_another(&rig, 0).await.is_none(), "the calendar decides from now on");
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_time_that_another_write_has_by_now_is_not_taken_from_it_by_a_drop() {
    let rig = Rig::new().await;
    let failed = rig.failed(0).await;
    assert!(wished_by_another(&rig, 0).await.is_none());
    entered(&rig, failed).await.unwrap();
    rig.carry_on().await;
    assert_eq!(rig.vendor.held().len(), 1, "the other's booking was not harmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_was_not_sent_yet_and_is_entered_by_hand_is_never_sent() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    entered(&rig, id).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("settled_by_staff")));
    rig.carry_on().await;
    assert!(rig.vendor.sent().is_empty() && rig.is_held(0).await && rig.tasks().await.is_empty());
    let error = rig.replay(id).await.unwrap_err();
    assert!(matches!(error, ReplayError::Obstacle(Obstacle::Dropped)), "{error:?}");
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let records = tx.audit_records(0, 100).await.unwrap();
    tx.commit().await.unwrap();
    let failed = records.iter().find(|record| record.outcome == "failed").unwrap();
    assert_eq!(failed.actor, "key of a test", "whose hand it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_needs_a_reason_is_recorded_and_is_made_once() {
    let rig = Rig::new().await;
    let id = rig.parked(0, Fate::LoseRequest).await;
    assert_eq!(rig.task_codes().await, ["outcome_unknown"]);
    for nothing in ["", "   ", &"x".repeat(501)] {
        assert!(matches!(give(&rig, id, nothing).await, Err(DropError::NoReason)));
    }
    let before = format!("{:?}", rig.row(id).await);
    let (one, two) = tokio::join!(give(&rig, id, "entered by hand"), give(&rig, id, "entered by hand"));
    assert!(matches!((&one, &two), (Ok(()), Err(DropError::Before)) | (Err(DropError::Before), Ok(()))));
    assert_eq!(format!("{:?}", rig.row(id).await), before, "the write stays as it was");
    assert!(!rig.is_held(0).await && rig.alerts().await.is_empty() && rig.tasks().await.is_empty());
    let error = rig.replay(id).await.unwrap_err();
    assert!(matches!(error, ReplayError::Obstacle(Obstacle::Dropped)), "{error:?}");
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let records = tx.audit_records(0, 100).await.unwrap();
    let drops: Vec<_> = records.iter().filter(|record| record.action == "writeback.drop").collect();
    assert_eq!(drops.len(), 1);
    assert_eq!(
        (drops[0].actor.as_str(), drops[0].detail["writeback"].as_str()),
        ("key of a test", Some(id.to_string().as_str()))
    );
    tx.commit().await.unwrap();
    // The same may be wished for again.
    rig.booked(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_or_replayed_is_not_dropped() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    assert!(matches!(give(&rig, id, "no").await, Err(DropError::NotOver(S::Submitted))));
    rig.carry_on().await;
    assert!(matches!(give(&rig, id, "no").await, Err(DropError::NotOver(S::Succeeded))));
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let lost = rig.booked(60).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    assert!(matches!(give(&rig, lost, "no").await, Err(DropError::NotOver(S::Unknown))), "it may be there");
    rig.carry_on().await;
    let old = rig.failed(30).await;
    let again = rig.replay(old).await.unwrap();
    assert!(matches!(give(&rig, old, "no").await, Err(DropError::Replayed(id)) if id == again));
}
