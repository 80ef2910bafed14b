//! P12: nothing is in flight for ever.

use std::time::Duration;

use domain::WritebackState as S;
use pms::{Advice, ErrorKind};

use crate::rig::Rig;
use crate::vendor::Fate;

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_booking_never_sent_fails_at_its_deadline_and_frees_its_time() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    assert_eq!(rig.carrier.reap().await.unwrap(), 0, "it has time");
    rig.expire_deadlines().await;
    assert!(!rig.carrier.send_next(rig.due).await.unwrap(), "nobody waits for it any longer");
    assert_eq!(rig.carrier.reap().await.unwrap(), 1);
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("not_sent_in_time")));
    assert!(!rig.is_held(0).await);
    assert!(rig.alerts().await.is_empty());
    assert_eq!(rig.carrier.reap().await.unwrap(), 0, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_booking_the_vendor_may_have_is_set_aside_at_its_deadline_and_keeps_its_time() {
    for (fate, state, reason) in [
        (Fate::Take, S::Submitted, "not_confirmed_in_time"),
        (Fate::LoseRequest, S::Unknown, "outcome_unknown"),
    ] {
        let rig = Rig::new().await;
        rig.vendor.next(&[fate]);
        let id = rig.booked(0).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, state);
        rig.expire_deadlines().await;
        assert_eq!(rig.carrier.reap().await.unwrap(), 1);
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some(reason)));
        assert!(rig.is_held(0).await);
        assert_eq!(rig.alerts().await, ["writeback_parked"]);
        assert_eq!(rig.letters().await.last().map(String::as_str), Some("writeback.parked"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_two_reapers_end_a_write_once() {
    let rig = Rig::new().await;
    rig.booked(0).await;
    rig.expire_deadlines().await;
    let (one, two) = tokio::join!(rig.carrier.reap(), rig.other.reap());
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(rig.letters().await, ["scripted.writeback", "writeback.failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_sender_that_died_past_the_deadline_leaves_nothing_behind() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndStall]);
    let id = rig.booked(0).await;
    tokio::select! {
        _ = rig.carrier.send_next(rig.due) => panic!("it stalls"),
        () = rig.vendor.stalled.notified() => {}
    }
    rig.expire_deadlines().await;
    assert_eq!(rig.carrier.reap().await.unwrap(), 0, "its sender may still live");
    rig.expire_leases().await;
    rig.carrier.reap().await.unwrap();
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.state(id).await, S::Parked);
    assert!(rig.is_held(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_write_that_is_being_looked_at_is_not_ended_under_the_lookers_hands() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let looker = uuid::Uuid::now_v7();
    let looked_at = tx.claim_for_looking(rig.due.connection, S::Submitted, looker, 60.0).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(looked_at.len(), 1);
    rig.expire_deadlines().await;
    assert_eq!(rig.carrier.reap().await.unwrap(), 0);
    assert_eq!(rig.state(id).await, S::Submitted);
    rig.expire_leases().await;
    assert_eq!(rig.carrier.reap().await.unwrap(), 1);
}

/// `many` writes of the practice, older than every other, about which no task can be written down.
async fn hopeless(rig: &Rig, many: i32) {
    let rows = format!(
        "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference, deadline_at, created_at)
         SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '{}', c.id, 'add_note', '\\x00',
             int4send(n), n::text, now() + interval '1 min', now() - interval '1 day'
         FROM generate_series(1, {many}) n, pms_connections c WHERE c.id = ",
        rig.due.tenant.uuid()
    );
    rig.sql(&rows).await;
    let refused =
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON staff_tasks FOR EACH ROW
            WHEN (NEW.writeback_id < '00000000-0000-8000-8000-000000000000') EXECUTE FUNCTION refuse()";
    rig.owner.batch_execute(refused).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_writes_that_cannot_be_told_of_or_ended_hide_no_other() {
    let rig = Rig::new().await;
    hopeless(&rig, 201).await;
    let id = rig.booked(0).await;
    rig.sql(
        "UPDATE pms_writebacks SET created_at = now() - interval '1 day', deadline_at = now() + interval '1 min'
         WHERE connection_id = ",
    )
    .await;
    assert_eq!(rig.carrier.warn_staff().await.unwrap(), 1);
    assert_eq!(rig.tasks().await[0].writeback, Some(id));
    rig.expire_deadlines().await;
    assert_eq!(rig.carrier.reap().await.unwrap(), 1);
    assert_eq!(rig.state(id).await, S::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_what_was_never_sent_ends_with_what_it_waited_for_last() {
    for kind in [
        ErrorKind::PracticeOffline,
        ErrorKind::VendorDown,
        ErrorKind::RateLimited,
        ErrorKind::NotReady,
        ErrorKind::KeyExpired,
    ] {
        let rig = Rig::new().await;
        rig.vendor.next(&[Fate::Refuse(kind, Advice::RetryAfter(Duration::from_secs(60)))]);
        let id = rig.booked(0).await;
        rig.carrier.send_next(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Queued);
        rig.expire_deadlines().await;
        rig.carrier.reap().await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some(kind.word())));
        assert_eq!(rig.task_codes().await, [kind.word()]);
    }
}
