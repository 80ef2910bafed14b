//! When outcomes are asked for.

use std::time::Duration;

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind};

use crate::rig::Rig;
use crate::vendor::Fate;

async fn waits(rig: &Rig, id: WritebackId) -> f64 {
    let sql = format!(
        "SELECT extract(epoch FROM next_check_at - last_sent_at)::float8 FROM pms_writebacks WHERE id = '{}'",
        id.uuid()
    );
    rig.owner.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_is_just_before_that_practices_writes_were_done_and_late_ones_are_rarer() {
    let rig = Rig::new().await;
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    tx.learn_times(rig.due.connection, &[90_000; 9]).await.unwrap();
    tx.commit().await.unwrap();
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    assert!((43.0..50.0).contains(&waits(&rig, id).await), "{}", waits(&rig, id).await);
    // Ten minutes later it is not done.
    rig.sql("UPDATE pms_writebacks SET last_sent_at = now() - interval '10 min', next_check_at = now() WHERE connection_id = ").await;
    rig.carrier.look(rig.due).await.unwrap();
    assert!((748.0..755.0).contains(&waits(&rig, id).await), "{}", waits(&rig, id).await);
    // It is done at the next look: that much is learnt.
    rig.vendor.settle(None);
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Succeeded);
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let habits = tx.write_habits(rig.due.connection).await.unwrap();
    assert_eq!(habits.recent_ms.len(), 10);
    assert!((500_000..601_000).contains(&habits.recent_ms[0]), "{habits:?}");
    for _ in 0..5 {
        tx.learn_times(rig.due.connection, &[1; 10]).await.unwrap();
    }
    assert_eq!(tx.write_habits(rig.due.connection).await.unwrap().recent_ms, [1; 32]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_writes_that_are_nearly_due_are_asked_for_with_the_one_that_is() {
    let rig = Rig::new().await;
    let mut ids = Vec::new();
    for minute in [0, 30, 60] {
        ids.push(rig.booked(minute).await);
        rig.carrier.send_next(rig.due).await.unwrap();
    }
    rig.vendor.settle(None);
    let [due, nearly, later] = [ids[0].uuid(), ids[1].uuid(), ids[2].uuid()];
    rig.sql(&format!(
        "UPDATE pms_writebacks SET next_check_at = now() + CASE id WHEN '{due}' THEN interval '0 s'
             WHEN '{nearly}' THEN interval '1500 ms' WHEN '{later}' THEN interval '1 hour' END WHERE connection_id = "
    ))
    .await;
    rig.carrier.look(rig.due).await.unwrap();
    for (id, state) in ids.iter().zip([S::Succeeded, S::Succeeded, S::Submitted]) {
        assert_eq!(rig.state(*id).await, state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_where_nobody_may_ask_a_write_is_done_once_the_practices_records_show_it() {
    let rig = Rig::new().await;
    rig.vendor.close_status();
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Submitted, "the vendor has it, and that is not done");
    assert!(waits(&rig, id).await > 290.0, "no sooner than the copy can be refreshed");
    rig.vendor.settle(None);
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.created_vendor_id), (S::Succeeded, Some(format!("made-{}", row.reference))));
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_write_that_the_vendor_calls_done_is_looked_for_as_rarely_as_the_records_are_refreshed() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.say_done();
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Submitted, "its records do not show it");
    assert!(waits(&rig, id).await > 290.0, "{}", waits(&rig, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_practices_records_says_so_also_while_nobody_can_be_asked() {
    for status_is_closed in [true, false] {
        let rig = Rig::new().await;
        let id = rig.booked(0).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        if status_is_closed {
            rig.vendor.close_status();
        } else {
            rig.vendor.say_done();
        }
        rig.carrier.look(rig.due).await.unwrap();
        rig.pass().await;
        rig.vendor.close(ErrorKind::VendorDown, Advice::Retry);
        rig.carrier.look(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Submitted, Some("not_in_records_yet")));
        assert_eq!(row.check_count, 1, "the second look brought nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_vendor_that_says_when_to_ask_again_is_not_asked_before() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.close(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(3_600)));
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Submitted);
    assert!(waits(&rig, id).await > 3_590.0, "{}", waits(&rig, id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_lost_write_is_looked_for_when_the_vendor_may_be_asked_again_and_stays_lost_until_then() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.pass().await;
    rig.vendor.close(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(3_600)));
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("reply_lost")));
    assert!(waits(&rig, id).await > 3_590.0, "{}", waits(&rig, id).await);
}
