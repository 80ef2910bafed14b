//! What the vendor, or the way to it, refuses.

use std::time::Duration;

use domain::WritebackState as S;
use pms::{Advice, ErrorKind};

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
