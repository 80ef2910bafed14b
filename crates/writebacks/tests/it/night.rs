//! What failed is tried again in the practice's own night.

use domain::{WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp, ToSpan};
use pms::{Advice, ErrorKind};

use crate::rig::{Rig, booking, new, patient, slot};
use crate::vendor::Fate;

/// So many nights from now, at half past two in Chicago.
pub(crate) fn night(ahead: i64) -> Timestamp {
    let today = Timestamp::now().in_tz("America/Chicago").unwrap().date();
    let date = today.checked_add(ahead.days()).unwrap();
    date.at(2, 30, 0, 0).in_tz("America/Chicago").unwrap().timestamp()
}

async fn given_up(rig: &Rig) -> WritebackId {
    rig.vendor.close(ErrorKind::VendorDown, Advice::Retry);
    let id = rig.booked(0).await;
    for _ in 0..5 {
        rig.pass().await;
        rig.carrier.send_next(rig.due).await.unwrap();
    }
    rig.vendor.behave();
    assert_eq!(rig.state(id).await, S::Parked);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_for_a_reason_that_passes_is_tried_again_at_two_in_the_night_of_the_practice() {
    let rig = Rig::new().await;
    let id = given_up(&rig).await;
    let tonight = night(1);
    let noon = tonight + SignedDuration::from_hours(10);
    assert_eq!(
        rig.carrier.retry_at_night(tonight - SignedDuration::from_mins(31)).await.unwrap(),
        0,
        "not yet"
    );
    assert_eq!(rig.carrier.retry_at_night(noon).await.unwrap(), 0, "it is day");
    let (one, two) = tokio::join!(rig.carrier.retry_at_night(tonight), rig.other.retry_at_night(tonight));
    assert_eq!(one.unwrap() + two.unwrap(), 1, "once, whatever the number of workers");
    rig.carry_on().await;
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let replay = tx.replay_of(id).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.state(replay).await, S::Succeeded);
    assert_eq!((rig.state(id).await, rig.vendor.held().len()), (S::Parked, 1));
    assert!(rig.alerts().await.is_empty() && rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_tried_again_in_the_night_of_a_practice_that_was_disabled() {
    let rig = Rig::new().await;
    given_up(&rig).await;
    rig.sql("UPDATE pms_connections SET status = 'disabled' WHERE id = ").await;
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 0);
    rig.sql("UPDATE pms_connections SET status = 'active' WHERE id = ").await;
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_may_have_another_night() {
    let rig = Rig::new().await;
    given_up(&rig).await;
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    tx.set_write_hours(rig.due.connection, 4 * 60, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 0);
    let later = night(1) + SignedDuration::from_mins(90);
    assert_eq!(rig.carrier.retry_at_night(later).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_waits_for_its_patient_goes_on_with_them_in_the_night() {
    let rig = Rig::new().await;
    rig.vendor.close(ErrorKind::VendorDown, Advice::Retry);
    let first = new(rig.wish(&patient(), "nora").await);
    let hour = SignedDuration::from_hours(1);
    let second = new(rig.wish_after(&booking(0), "nora's booking", Some(first), hour).await);
    for _ in 0..5 {
        rig.pass().await;
        rig.carrier.send_next(rig.due).await.unwrap();
    }
    rig.carrier.reap().await.unwrap();
    rig.vendor.behave();
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Parked, S::Queued));
    assert_eq!(rig.task_codes().await, ["vendor_down"], "one task, for the patient's record");
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 1);
    rig.carry_on().await;
    rig.carry_on().await;
    assert_eq!(rig.vendor.held().len(), 2);
    assert_eq!(rig.state(second).await, S::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_new_patient_and_their_booking_that_a_night_tries_have_until_the_appointment() {
    let rig = Rig::new().await;
    let day = SignedDuration::from_hours(24);
    let first = new(rig.wish_after(&patient(), "nora", None, day).await);
    let second = new(rig.wish_after(&booking(0), "nora's booking", Some(first), day).await);
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!((rig.state(first).await, rig.state(second).await), (S::Failed, S::Failed));
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 2);
    let (made, booked) = (rig.replay_of(first).await, rig.replay_of(second).await);
    for id in [made, booked] {
        assert_eq!(rig.row(id).await.deadline_at, slot(0).start, "nobody gives up before that");
    }
    rig.hours_pass(25).await;
    assert_eq!(rig.carrier.reap().await.unwrap(), 0);
    assert_eq!(rig.carrier.retry_at_night(night(2)).await.unwrap(), 0, "it is still under way");
    assert!(rig.is_held(0).await);
    rig.carry_on().await;
    assert_eq!((rig.state(made).await, rig.state(booked).await), (S::Succeeded, S::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_what_one_night_tries_for_as_long_as_it_may_the_very_next_night_takes_up() {
    let rig = Rig::new().await;
    let day = SignedDuration::from_hours(24);
    let mut id = new(rig.wish_after(&patient(), "nora", None, day).await);
    rig.sql(
        "UPDATE pms_writebacks SET state = 'failed', reason = 'practice_offline', finished_at = now()
         WHERE connection_id = ",
    )
    .await;
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 1);
    for ahead in [1, 2] {
        id = rig.replay_of(id).await;
        // It was made in that night, and the server stays off for as long as it has.
        rig.sql(&format!(
            "UPDATE pms_writebacks SET state = 'failed', reason = 'practice_offline',
                 created_at = '{made}'::timestamptz,
                 deadline_at = deadline_at + ('{made}'::timestamptz - created_at),
                 finished_at = deadline_at + ('{made}'::timestamptz - created_at) + interval '1 s'
             WHERE id = '{}' AND connection_id = ",
            id.uuid(),
            made = night(ahead),
        ))
        .await;
        let next = night(ahead + 1) + SignedDuration::from_mins(1);
        assert_eq!(rig.carrier.retry_at_night(next).await.unwrap(), 1, "the night after {ahead}");
        assert_eq!(rig.carrier.retry_at_night(next).await.unwrap(), 0, "once a night");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_night_helps_is_left_to_people_and_the_rest_has_three_nights() {
    let rig = Rig::new().await;
    rig.failed(30).await;
    rig.parked(60, Fate::LoseRequest).await;
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 0);
    let mut id = given_up(&rig).await;
    for ahead in 1..=3 {
        assert_eq!(rig.carrier.retry_at_night(night(ahead)).await.unwrap(), 1, "night {ahead}");
        assert_eq!(rig.carrier.retry_at_night(night(ahead)).await.unwrap(), 0, "once a night");
        let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
        id = tx.replay_of(id).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        if ahead == 3 {
            break;
        }
        // It goes wrong again, in that night.
        let again = format!(
            "UPDATE pms_writebacks SET state = 'parked', reason = 'vendor_down', finished_at = '{}'
             WHERE id = '{}' AND connection_id = ",
            night(ahead),
            id.uuid()
        );
        rig.sql(&again).await;
        assert_eq!(rig.carrier.retry_at_night(night(ahead)).await.unwrap(), 0, "it has the next night");
    }
    // It cannot be sent in its last night: nobody promises another.
    let late = format!(
        "UPDATE pms_writebacks SET state = 'queued', deadline_at = now() - interval '1 s' WHERE id = '{}' AND connection_id = ",
        id.uuid()
    );
    rig.sql(&late).await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.state(id).await, S::Failed);
    let task = rig.tasks().await.into_iter().find(|task| task.writeback == Some(id)).unwrap();
    assert!(!task.next_action.contains("night") && task.next_action.contains("by hand"), "{task:?}");
    assert_eq!(rig.carrier.retry_at_night(night(4)).await.unwrap(), 0, "three nights are enough");
}

/// `many` writes of the practice, older than every other, that failed for a reason that passes and that nothing can
/// replay.
async fn hopeless(rig: &Rig, many: i32) {
    let rows = format!(
        "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference, deadline_at,
             state, reason, finished_at)
         SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '{}', c.id, 'add_note', '\\x00',
             int4send(n), n::text, now(), 'failed', 'vendor_down', now()
         FROM generate_series(1, {many}) n, pms_connections c WHERE c.id = ",
        rig.due.tenant.uuid()
    );
    rig.sql(&rows).await;
    let refused =
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON pms_writebacks FOR EACH ROW
            WHEN (NEW.replays < '00000000-0000-8000-8000-000000000000') EXECUTE FUNCTION refuse()";
    rig.owner.batch_execute(refused).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_writes_that_cannot_be_tried_again_in_the_night_hide_no_other() {
    let rig = Rig::new().await;
    hopeless(&rig, 501).await;
    let id = given_up(&rig).await;
    assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 1);
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    assert!(tx.replay_of(id).await.unwrap().is_some());
    tx.commit().await.unwrap();
}
