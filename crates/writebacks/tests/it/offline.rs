//! A practice whose server is off.

use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind};
use writebacks::Requested;

use crate::rig::{Rig, booking};
use crate::vendor::Fate;

const OFF: Fate = Fate::Refuse(ErrorKind::PracticeOffline, Advice::RetryAfter(Duration::from_secs(60)));

async fn waits(rig: &Rig, id: WritebackId) -> f64 {
    let sql = format!(
        "SELECT extract(epoch FROM next_check_at - now())::float8 FROM pms_writebacks WHERE id = '{}'",
        id.uuid()
    );
    rig.owner.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn why(rig: &Rig, id: WritebackId) -> (S, Option<String>) {
    let row = rig.row(id).await;
    (row.state, row.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_waits_behind_a_server_that_is_off_is_told_at_once_and_a_new_caller_is_a_new_try() {
    let rig = Rig::new().await;
    rig.vendor.next(&[OFF]);
    let (first, second) = (rig.booked(0).await, rig.booked(30).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    let off = (S::Queued, Some("practice_offline".to_owned()));
    assert_eq!((why(&rig, first).await, why(&rig, second).await), (off.clone(), off.clone()));
    assert_eq!(rig.vendor.sent().len(), 1, "one request tells it for all");
    assert!(!rig.is_due(S::Queued).await);
    rig.vendor.next(&[OFF]);
    let third = rig.booked(60).await;
    assert!(rig.is_due(S::Queued).await, "somebody is on the line");
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(why(&rig, third).await, off);
    assert_eq!(rig.vendor.sent(), [rig.row(first).await.reference.clone(), rig.row(first).await.reference]);
    // It is on again: in order.
    rig.pass().await;
    while rig.carrier.send_next(rig.due).await.unwrap() {}
    let order: Vec<String> = rig.vendor.held().into_iter().map(|held| held.reference).collect();
    let mut wished = Vec::new();
    for id in [first, second, third] {
        wished.push(rig.row(id).await.reference);
    }
    assert_eq!(order, wished);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_for_what_waits_is_a_reason_to_try_and_hears_what_comes_of_that() {
    let rig = Rig::new().await;
    rig.vendor.next(&[OFF]);
    let (first, second) = (rig.booked(0).await, rig.booked(30).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert!(!rig.is_due(S::Queued).await);
    let letters = rig.letters().await.len();
    let same = rig.wish(&booking(30), "booking 30").await.unwrap();
    assert!(matches!(same, Requested::Same(row) if row.id == second));
    assert!(rig.is_due(S::Queued).await, "somebody is on the line");
    assert_eq!(rig.letters().await.len(), letters + 1, "a worker hears of it at once");
    assert_eq!(why(&rig, second).await, (S::Queued, None), "that it was off is old news");
    rig.vendor.next(&[OFF]);
    rig.carrier.send_next(rig.due).await.unwrap();
    let off = (S::Queued, Some("practice_offline".to_owned()));
    assert_eq!((why(&rig, first).await, why(&rig, second).await), (off.clone(), off));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_server_that_stays_off_parks_nothing_before_its_deadline_and_is_tried_ever_more_rarely() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    let far = "UPDATE pms_writebacks SET deadline_at = now() + interval '9 days' WHERE connection_id = ";
    rig.sql(far).await;
    let mut before = 0.0;
    for attempt in 1..=12 {
        rig.vendor.next(&[OFF]);
        rig.pass().await;
        rig.carrier.send_next(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Queued, "attempt {attempt}");
        let wait = waits(&rig, id).await;
        assert!(wait >= 55.0 && wait >= before - 2.0 && wait < 905.0, "attempt {attempt} waits {wait}");
        before = wait;
    }
    assert!(before > 850.0, "at last it waits a quarter of an hour, not {before} s");
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let row = rig.row(id).await;
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (S::Failed, Some("practice_offline")),
        "the cause is told"
    );
    let task = rig.tasks().await.pop().unwrap();
    assert!(task.sentence.contains("server is off"), "{task:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_tried_again_in_the_hours_that_staff_have_set() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.sql("UPDATE pms_writebacks SET deadline_at = now() + interval '9 days' WHERE connection_id = ").await;
    // From three hours from now for an hour, on the practice's clock.
    let local = (Timestamp::now() + SignedDuration::from_hours(3)).in_tz("America/Chicago").unwrap();
    let from = i32::from(local.hour()) * 60;
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    tx.set_write_hours(rig.due.connection, 120, Some((from, (from + 60) % 1440))).await.unwrap();
    tx.commit().await.unwrap();
    rig.vendor.next(&[OFF]);
    rig.carrier.send_next(rig.due).await.unwrap();
    let wait = waits(&rig, id).await;
    assert!((7_000.0..=11_200.0).contains(&wait), "it waits {wait} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hours_in_which_a_server_is_off_are_learnt_slowly_and_forgotten_as_slowly() {
    let rig = Rig::new().await;
    let score = async |hour: usize| {
        let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
        let habits = tx.write_habits(rig.due.connection).await.unwrap();
        tx.commit().await.unwrap();
        habits.hours_up.get(hour).copied().unwrap_or(1.0)
    };
    let learn = async |is_on: bool| {
        let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
        tx.learn_hour(rig.due.connection, 19, is_on).await.unwrap();
        tx.commit().await.unwrap();
    };
    for _ in 0..10 {
        learn(false).await;
    }
    assert!(score(19).await > 0.7, "one evening is one evening, however often it was tried");
    for _ in 0..3 {
        let yesterday =
            "UPDATE pms_write_habits SET seen_off_at = now() - interval '1 day' WHERE connection_id = ";
        rig.sql(yesterday).await;
        learn(false).await;
    }
    assert!(score(19).await < 0.5 && score(18).await > 0.9);
    learn(true).await;
    learn(true).await;
    assert!(score(19).await > 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_tries_that_never_left_are_neither_blind_ones_nor_use_up_the_others() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    let send = async |fate: Fate| {
        rig.vendor.next(&[fate]);
        rig.pass().await;
        rig.carrier.send_next(rig.due).await.unwrap();
    };
    let busy = Fate::Refuse(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(1)));
    for _ in 0..10 {
        send(OFF).await;
        send(busy).await;
    }
    send(Fate::Refuse(ErrorKind::VendorDown, Advice::Retry)).await;
    assert_eq!(why(&rig, id).await, (S::Queued, Some("vendor_down".to_owned())), "its first failure");
    for blind in 1..3 {
        send(Fate::LoseRequest).await;
        rig.look_until_nowhere().await;
        assert_eq!(why(&rig, id).await, (S::Queued, Some("found_nowhere".to_owned())), "blind try {blind}");
    }
    send(Fate::LoseRequest).await;
    rig.look_until_nowhere().await;
    assert_eq!(why(&rig, id).await, (S::Parked, Some("outcome_unknown".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_sender_that_died_has_made_a_blind_try() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    for _ in 0..3 {
        rig.vendor.next(&[Fate::LoseAndStall]);
        rig.pass().await;
        tokio::select! {
            _ = rig.carrier.send_next(rig.due) => panic!("it stalls"),
            () = rig.vendor.stalled.notified() => {}
        }
        rig.expire_leases().await;
        rig.carrier.reap().await.unwrap();
        rig.look_until_nowhere().await;
    }
    assert_eq!(why(&rig, id).await, (S::Parked, Some("outcome_unknown".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_a_try_finds_off_or_on_is_remembered_for_its_hour() {
    let rig = Rig::new().await;
    let surely_on = async || -> f64 {
        let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
        let habits = tx.write_habits(rig.due.connection).await.unwrap();
        tx.commit().await.unwrap();
        habits.hours_up.iter().sum()
    };
    rig.booked(0).await;
    rig.vendor.next(&[OFF]);
    rig.carrier.send_next(rig.due).await.unwrap();
    let off = surely_on().await;
    assert!((23.0..23.9).contains(&off), "one of 24 hours is in doubt: {off}");
    // Whichever hour it is by now, it is in doubt.
    rig.sql(
        "UPDATE pms_write_habits SET hours_up = array_fill(0.5::float8, ARRAY[24]) WHERE connection_id = ",
    )
    .await;
    rig.pass().await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let on = surely_on().await;
    assert!(on > 12.05, "{on}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_what_waited_for_a_server_waits_on_while_its_practices_data_is_on_its_way_anew() {
    let rig = Rig::new().await;
    rig.vendor.next(&[OFF]);
    let (first, second) = (rig.booked(0).await, rig.booked(30).await);
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.close(ErrorKind::NotReady, Advice::RetryAfter(Duration::from_secs(600)));
    for _ in 0..8 {
        rig.pass().await;
        rig.carrier.send_next(rig.due).await.unwrap();
        assert_eq!(why(&rig, first).await, (S::Queued, Some("not_ready".to_owned())));
    }
    assert!(waits(&rig, first).await > 590.0, "{}", waits(&rig, first).await);
    rig.vendor.behave();
    rig.carry_on().await;
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Succeeded, S::Succeeded));
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_new_caller_does_not_hurry_what_waits_for_the_practices_budget() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::Refuse(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(60)))]);
    let first = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.booked(30).await;
    assert!(!rig.is_due(S::Queued).await && waits(&rig, first).await > 50.0);
}
