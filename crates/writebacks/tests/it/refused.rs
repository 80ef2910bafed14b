//! What the vendor, or the way to it, refuses.

use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind, FailureReason};

use crate::rig::Rig;
use crate::vendor::Fate;

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_is_offline_is_tried_again_and_the_reason_is_told() {
    let rig = Rig::new().await;
    let wait = Advice::RetryAfter(Duration::from_secs(60));
    rig.vendor.next(&[Fate::Refuse(ErrorKind::PracticeOffline, wait)]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Queued, Some("practice_offline")));
    assert!(rig.is_held(0).await);
    assert!(
        !rig.is_due(S::Queued).await && !rig.carrier.send_next(rig.due).await.unwrap(),
        "not before a minute"
    );
    rig.pass().await;
    assert!(rig.is_due(S::Queued).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Submitted);
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let outcomes: Vec<_> =
        tx.attempts(id).await.unwrap().into_iter().map(|attempt| attempt.outcome.unwrap()).collect();
    assert_eq!(outcomes, ["queued", "submitted"], "a retry is a new attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_cannot_be_opened_costs_no_request() {
    let rig = Rig::new().await;
    rig.vendor.close(ErrorKind::KeyExpired, Advice::Retry);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Queued, Some("key_expired")));
    assert!(rig.vendor.sent().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_refused_for_good_fails_and_frees_its_time() {
    for kind in [ErrorKind::Invalid, ErrorKind::NotFound, ErrorKind::Unsupported] {
        let rig = Rig::new().await;
        rig.vendor.next(&[Fate::Refuse(kind, Advice::Permanent)]);
        let id = rig.booked(0).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some(kind.word())));
        assert!(!rig.is_held(0).await);
        assert!(rig.alerts().await.is_empty());
        rig.booked(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_without_access_waits_for_staff_and_keeps_its_time() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Parked);
    assert!(rig.is_held(0).await);
    assert_eq!(rig.alerts().await, ["writeback_parked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_booking_that_is_refused_again_and_again_is_set_aside() {
    let rig = Rig::new().await;
    rig.vendor.close(ErrorKind::VendorDown, Advice::Retry);
    let id = rig.booked(0).await;
    for attempt in 1..=5 {
        assert_eq!(rig.state(id).await, S::Queued, "before attempt {attempt}");
        rig.pass().await;
        rig.carrier.send_next(rig.due).await.unwrap();
    }
    assert_eq!(rig.state(id).await, S::Parked);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_may_have_arrived_is_looked_for_whatever_else_is_said_of_it() {
    for kind in [
        ErrorKind::RateLimited,
        ErrorKind::NotReady,
        ErrorKind::PracticeOffline,
        ErrorKind::KeyExpired,
        ErrorKind::Invalid,
        ErrorKind::AccessWithdrawn,
    ] {
        let rig = Rig::new().await;
        rig.vendor.next(&[Fate::Refuse(kind, Advice::OutcomeUnknown)]);
        let id = rig.booked(0).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("reply_lost")), "{kind:?}");
        rig.pass().await;
        assert!(!rig.carrier.send_next(rig.due).await.unwrap(), "{kind:?}");
    }
}

/// A booking whose first try was lost and found nowhere. Of the second the practice's system says that the time is
/// taken, and nobody has asked yet.
async fn refused_after_a_lost_try(rig: &Rig) -> WritebackId {
    rig.vendor.next(&[Fate::LoseRequest]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.look_until_nowhere().await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    assert_eq!((rig.state(id).await, rig.vendor.held().len()), (S::Submitted, 1));
    rig.pass().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_time_that_an_earlier_try_of_ours_has_taken_is_not_called_somebody_elses() {
    let rig = Rig::new().await;
    let id = refused_after_a_lost_try(&rig).await;
    rig.vendor.had_taken(&rig.row(id).await.reference);
    // A look without an answer says nothing.
    rig.vendor.blind(1);
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.receipt.as_deref()), (S::Submitted, Some("r-1")));
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!(
        (row.state, row.receipt.as_deref()),
        (S::Submitted, Some("r-2")),
        "the first try is asked for"
    );
    assert!(rig.is_held(0).await);
    rig.vendor.settle(None);
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Succeeded);
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_an_earlier_try_that_is_in_the_records_already_is_success_whatever_the_last_one_met() {
    let rig = Rig::new().await;
    let id = refused_after_a_lost_try(&rig).await;
    let reference = rig.row(id).await.reference;
    rig.vendor.had_taken(&reference);
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.created_vendor_id), (S::Succeeded, Some(format!("made-{reference}"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_time_that_an_earlier_try_of_ours_may_have_taken_is_for_a_person_and_stays_held() {
    let rig = Rig::new().await;
    let id = refused_after_a_lost_try(&rig).await;
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some("outcome_unknown")));
    assert!(rig.is_held(0).await);
    assert_eq!(rig.task_codes().await, ["outcome_unknown"]);
    assert_eq!(rig.alerts().await, ["writeback_parked"]);
    // Another try at it knows no more.
    let again = rig.replay(id).await.unwrap();
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(again).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some("outcome_unknown")));
    assert_eq!((rig.is_held(0).await, rig.vendor.sent().len()), (true, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_try_that_was_found_and_refused_is_the_only_one_and_has_failed() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("slot_taken")));
    assert!(!rig.is_held(0).await);
}
