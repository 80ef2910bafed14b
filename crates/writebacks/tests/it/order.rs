//! P11: the writes of one practice, one at a time and in order.

use std::time::Duration;

use domain::WritebackState as S;
use pms::{Advice, ErrorKind};
use tokio::task::JoinSet;

use crate::rig::{Ground, Rig};
use crate::vendor::Fate;

#[tokio::test(flavor = "multi_thread")]
async fn p11_two_carriers_send_a_practices_writes_in_order_and_one_at_a_time() {
    let rig = Rig::new().await;
    let mut wished = Vec::new();
    for number in 0..12 {
        let id = rig.booked(number * 30).await;
        wished.push(rig.row(id).await.reference);
    }
    let mut tasks = JoinSet::new();
    for carrier in [&rig.carrier, &rig.other, &rig.carrier, &rig.other] {
        let (carrier, due, vendor) = (carrier.clone(), rig.due, rig.vendor.clone());
        tasks.spawn(async move {
            while vendor.sent().len() < 12 {
                carrier.send_next(due).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(rig.vendor.sent(), wished);
    assert_eq!(rig.vendor.most_under_way(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_write_that_waits_is_not_overtaken() {
    let rig = Rig::new().await;
    let wait = Advice::RetryAfter(Duration::from_secs(60));
    rig.vendor.next(&[Fate::Refuse(ErrorKind::PracticeOffline, wait)]);
    let (first, second) = (rig.booked(0).await, rig.booked(30).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert!(!rig.is_due(S::Queued).await);
    assert!(!rig.other.send_next(rig.due).await.unwrap());
    assert_eq!(rig.state(second).await, S::Queued);
    rig.pass().await;
    while rig.other.send_next(rig.due).await.unwrap() {}
    let held: Vec<_> = rig.vendor.held().into_iter().map(|held| held.reference).collect();
    assert_eq!(held, [rig.row(first).await.reference, rig.row(second).await.reference]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_write_past_its_deadline_holds_nobody_up() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::PracticeOffline, Advice::RetryAfter(Duration::from_secs(60)))]);
    let first = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    let second = rig.booked(30).await;
    assert!(rig.is_due(S::Queued).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Queued, S::Submitted));
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_one_practices_stalled_write_holds_no_other_practice_up() {
    let ground = Ground::new().await;
    let (mine, theirs) = (Rig::on(ground.clone()).await, Rig::on(ground).await);
    mine.vendor.next(&[Fate::TakeAndStall]);
    mine.booked(0).await;
    let other = theirs.booked(0).await;
    let (carrier, due) = (mine.carrier.clone(), mine.due);
    let stalled = tokio::spawn(async move { carrier.send_next(due).await });
    mine.vendor.stalled.notified().await;
    theirs.carrier.send_next(theirs.due).await.unwrap();
    assert_eq!(theirs.state(other).await, S::Submitted);
    mine.vendor.go_on.add_permits(1);
    stalled.await.unwrap().unwrap();
}
