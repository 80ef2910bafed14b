//! P11: the writes of one practice, one at a time and in order.

use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind, Write};
use tokio::task::JoinSet;

use crate::rig::{Ground, Rig, booking, new};
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

pub(crate) async fn for_another_patient(rig: &Rig, minute: i64) -> WritebackId {
    let mut write = booking(minute);
    let Write::BookAppointment(new_one) = &mut write else { panic!("not a booking") };
    "202".clone_into(&mut new_one.patient);
    new(rig.wish(&write, &format!("another's {minute}")).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_lost_write_is_overtaken_by_nothing_of_its_patient_while_it_is_looked_for_and_holds_up_nobody_else()
 {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest]);
    let lost = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let others = for_another_patient(&rig, 60).await;
    let behind = rig.booked(30).await;
    assert!(rig.carrier.send_next(rig.due).await.unwrap());
    assert!(!rig.other.send_next(rig.due).await.unwrap(), "it is of the same patient");
    assert_eq!((rig.state(others).await, rig.state(behind).await), (S::Submitted, S::Queued));
    assert_eq!(rig.row(behind).await.attempts, 0);
    rig.look_until_nowhere().await;
    while rig.carrier.send_next(rig.due).await.unwrap() {}
    let mut order = Vec::new();
    for id in [lost, others, lost, behind] {
        order.push(rig.row(id).await.reference);
    }
    assert_eq!(rig.vendor.sent(), order);
}

#[tokio::test(flavor = "multi_thread")]
async fn p11_a_lost_write_that_nobody_can_look_for_holds_its_patient_up_for_minutes_only() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest]);
    let lost = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let behind = rig.booked(30).await;
    rig.vendor.blind(1);
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    assert!(!rig.carrier.send_next(rig.due).await.unwrap());
    rig.sql("UPDATE pms_writebacks SET last_sent_at = now() - interval '5 min' WHERE connection_id = ").await;
    assert!(rig.carrier.send_next(rig.due).await.unwrap());
    assert_eq!((rig.state(lost).await, rig.state(behind).await), (S::Unknown, S::Submitted));
}
