//! A payment reaches the ledger once, for as long as anybody may ask for it.

use std::sync::Arc;

use domain::{ConnectionId, Currency, Money, PaymentMethod, WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, NewPayment, Write, WriteOutcome};
use tokio::task::JoinSet;
use writebacks::{DropOutcome, Found, Requested, Wish, give_up, settle};

use crate::rig::{Rig, new};
use crate::vendor::Fate;

fn payment() -> Write {
    Write::RecordPayment(NewPayment {
        patient: "201".into(),
        clinician: "7".into(),
        amount: Money::new(4_070, Currency::Usd).into(),
        method: PaymentMethod::Card,
        taken_as: "pi_1".into(),
        on: jiff::civil::date(2026, 6, 1),
    })
}

impl Rig {
    /// Posts a payment, which the tenant has once whatever location it is posted at.
    async fn pay_once(&self, connection: ConnectionId, write: &Write) -> WritebackId {
        let here = connection == self.due.connection;
        let intents = ["here pi_1".to_owned(), "there pi_1".to_owned()];
        let wish = Wish {
            connection,
            vendor: "scripted",
            write,
            intent: &intents[usize::from(!here)],
            once_for_all: &intents,
            depends_on: None,
            deadline_at: Timestamp::now() + SignedDuration::from_hours(1),
            traceparent: None,
        };
        match self.take(&wish).await.unwrap() {
            Requested::New(id) => id,
            Requested::Same(row) => row.id,
        }
    }
}

async fn again(rig: &Rig) -> WritebackId {
    match rig.wish(&payment(), "payment pi_1").await.unwrap() {
        Requested::Same(row) => row.id,
        Requested::New(id) => panic!("a second payment: {id}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_payment_whose_reply_was_lost_is_found_and_posted_once() {
    let rig = Rig::new().await;
    let id = new(rig.wish(&payment(), "payment pi_1").await);
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Unknown);
    assert_eq!(again(&rig).await, id, "asked for again while nobody knows");
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Succeeded);
    assert_eq!((rig.vendor.held().len(), rig.vendor.sent().len()), (1, 1));
    assert!(matches!(rig.vendor.held()[0].outcome, WriteOutcome::Succeeded { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_payment_that_was_posted_long_ago_is_still_the_same_one() {
    let rig = Rig::new().await;
    let id = new(rig.wish(&payment(), "payment pi_1").await);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(again(&rig).await, id);
    let long_ago = "UPDATE pms_writebacks SET finished_at = now() - interval '400 days'";
    rig.owner.batch_execute(long_ago).await.unwrap();
    assert_eq!(again(&rig).await, id);
    assert_eq!(rig.vendor.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_payment_set_aside_is_not_posted_again_behind_the_staffs_back() {
    let rig = Rig::new().await;
    let id = new(rig.wish(&payment(), "payment pi_1").await);
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.state(id).await, S::Parked);
    assert_eq!(again(&rig).await, id);
    assert_eq!(rig.vendor.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_payment_that_failed_or_was_entered_by_hand_is_not_posted_a_second_time() {
    for how in ["failed", "dropped when failed", "dropped when parked", "settled", "replayed"] {
        let rig = Rig::new().await;
        let mut id = new(rig.wish(&payment(), "payment pi_1").await);
        if how == "settled" || how == "dropped when parked" {
            rig.vendor.next(&[Fate::LoseRequest]);
            rig.carrier.send_next(rig.due).await.unwrap();
            rig.expire_deadlines().await;
            rig.carrier.reap().await.unwrap();
            assert_eq!(rig.state(id).await, S::Parked);
        } else {
            rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
            rig.carrier.send_next(rig.due).await.unwrap();
            assert_eq!(rig.state(id).await, S::Failed);
        }
        let (store, tenant) = (&rig.store, rig.due.tenant);
        match how {
            "settled" => settle(store, tenant, id, Found::NotThere, "a test").await.unwrap(),
            "replayed" => {
                id = rig.replay(id).await.unwrap();
                rig.look_until_nowhere().await;
                rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
                rig.carrier.send_next(rig.due).await.unwrap();
                assert_eq!(rig.state(id).await, S::Failed);
            }
            "failed" => {}
            _ => give_up(store, tenant, id, DropOutcome::EnteredByHand, "by hand", "a test").await.unwrap(),
        }
        let sent = rig.vendor.sent().len();
        assert_eq!(again(&rig).await, id, "{how}");
        rig.carry_on().await;
        assert_eq!(rig.vendor.sent().len(), sent, "{how}: it was sent a second time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_of_twenty_at_once_at_two_locations_one_is_the_payment_of_its_reference() {
    let rig = Arc::new(Rig::new().await);
    let there = rig.another_location().await;
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (rig, connection) = (rig.clone(), if number % 2 == 0 { rig.due.connection } else { there });
        tasks.spawn(async move { rig.pay_once(connection, &payment()).await });
    }
    let ids = tasks.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    // Also once it is over, and long ago.
    rig.carry_on().await;
    for connection in [rig.due.connection, there] {
        assert_eq!(rig.pay_once(connection, &payment()).await, ids[0]);
    }
    let rows = rig.owner.query("SELECT id FROM pms_writebacks", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_payment_that_landed_is_in_the_audit_with_its_patient() {
    let rig = Rig::new().await;
    new(rig.wish(&payment(), "payment pi_1").await);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    let rows = rig.owner.query("SELECT action, patient, outcome FROM audit_log", &[]).await.unwrap();
    let shown: Vec<(String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(shown, [("payment.record.landed".into(), "201".into(), "succeeded".into())]);
}
