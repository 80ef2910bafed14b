//! What would become of a replay.

use std::time::Duration;

use domain::WritebackId;
use pms::{Advice, ErrorKind, FailureReason, Write};
use tokio::time::Instant;
use writebacks::{Seen, Verdict as V, plan};

use crate::changes::{cancelling, moving};
use crate::rig::{Rig, booking, new, slot};
use crate::vendor::Fate;

async fn verdict(rig: &Rig, id: WritebackId) -> (V, &'static str) {
    let sorted = plan(&rig.store, &*rig.carrier, rig.due.tenant, &[id]).await.unwrap();
    (sorted[0].verdict, sorted[0].why)
}

/// A change of "a1", which stands at the beginning of the day, that was never sent.
async fn never_sent(rig: &Rig, write: &Write) -> WritebackId {
    rig.vendor.stands("a1", slot(0));
    let id = new(rig.wish(write, "a change").await);
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_calls_a_change_that_staff_overtook_conflicting_and_one_that_they_made_applied() {
    const APPLIED: (V, &str) = (V::AlreadyApplied, "in_the_practices_records");
    const CHANGED: (V, &str) = (V::Conflicting, "changed_in_the_practices_calendar");
    for (write, when_cancelled) in [(moving("a1", 0, 60), CHANGED), (cancelling("a1", None), APPLIED)] {
        let rig = Rig::new().await;
        let id = never_sent(&rig, &write).await;
        assert_eq!(verdict(&rig, id).await, (V::Safe, "never_sent"));
        rig.vendor.stands("a1", slot(3 * 24 * 60));
        assert_eq!(verdict(&rig, id).await, CHANGED);
        rig.vendor.cancelled("a1");
        assert_eq!(verdict(&rig, id).await, when_cancelled);
    }
    let rig = Rig::new().await;
    let id = never_sent(&rig, &moving("a1", 0, 60)).await;
    rig.vendor.stands("a1", slot(60));
    assert_eq!(verdict(&rig, id).await, APPLIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_calls_what_the_practice_refused_safe_and_what_may_be_there_not_known() {
    let rig = Rig::new().await;
    let refused = rig.parked(0, Fate::Take).await;
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    assert_eq!(verdict(&rig, refused).await, (V::Safe, "refused_by_the_practice"));
    let absent = rig.parked(60, Fate::LoseRequest).await;
    let not_known = (V::NotKnown, "the_practice_could_not_be_asked");
    rig.vendor.calendar(Some((ErrorKind::VendorDown, Advice::Retry)));
    assert_eq!(verdict(&rig, absent).await, not_known);
    rig.vendor.calendar(None);
    assert_eq!(verdict(&rig, absent).await, (V::Safe, "found_nowhere"));
    rig.vendor.by_hand("201", slot(60));
    assert_eq!(verdict(&rig, absent).await, not_known, "the same patient at the same time");
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_plan_reads_each_day_once_and_answers_what_is_known_when_its_time_is_up() {
    let rig = Rig::new().await;
    let mut ids = Vec::new();
    for slot in 0..12 {
        ids.push(rig.failed(slot * 30).await);
    }
    let sorted = plan(&rig.store, &*rig.carrier, rig.due.tenant, &ids).await.unwrap();
    assert!(sorted.len() == 12 && sorted.iter().all(|one| one.verdict == V::Safe), "{sorted:?}");
    assert_eq!(rig.vendor.books_read(), 1);
    ids.push(rig.parked(600, Fate::Take).await);
    rig.vendor.slow_calendar();
    let mut patience = Duration::from_millis(100);
    while rig.vendor.books_read() == 1 {
        // On a machine that stalls the time may be up before the calendar is reached, or anything known.
        match rig.carrier.sight(rig.due, &ids, Instant::now() + patience).await {
            Ok(seen) => assert_eq!(seen.into_iter().collect::<Vec<_>>(), [(ids[12], Seen::Taken)]),
            Err(error) => assert_eq!(error.code.as_deref(), Some("too_late"), "{error:?}"),
        }
        patience *= 2;
    }
    assert_eq!(rig.vendor.books_read(), 2, "nobody waits for the others any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_sorts_into_safe_already_applied_stale_and_conflicting_and_changes_nothing() {
    let rig = Rig::new().await;
    let landed = rig.parked(0, Fate::TakeAndLoseReply).await;
    rig.vendor.settle(None);
    let taken = rig.parked(30, Fate::TakeAndLoseReply).await;
    let nowhere = rig.parked(60, Fate::LoseRequest).await;
    let stale = rig.parked(150, Fate::LoseRequest).await;
    let late = format!(
        "UPDATE pms_writebacks SET about_at = now() WHERE id = '{}' AND connection_id = ",
        stale.uuid()
    );
    rig.sql(&late).await;
    let overtaken = rig.failed(240).await;
    rig.vendor.by_hand("305", slot(250));
    let taken_time = rig.failed(90).await;
    let other = new(rig.wish(&booking(90), "somebody else").await);
    let never = rig.booked(180).await;
    rig.sql(&format!(
        "UPDATE pms_writebacks SET deadline_at = now() - interval '1 s' WHERE id = '{}' AND connection_id = ",
        never.uuid()
    ))
    .await;
    rig.carrier.reap().await.unwrap();
    let ids = [landed, taken, nowhere, taken_time, stale, never, other, overtaken];
    let letters = rig.letters().await;
    let sorted = plan(&rig.store, &*rig.carrier, rig.due.tenant, &ids).await.unwrap();
    let verdicts: Vec<_> = ids
        .iter()
        .map(|id| {
            sorted.iter().find(|one| one.id == *id).map(|one| (one.verdict, one.why, one.other)).unwrap()
        })
        .collect();
    assert_eq!(verdicts[0], (V::AlreadyApplied, "in_the_practices_records", None));
    assert_eq!(verdicts[1], (V::Safe, "only_its_outcome_is_asked_for", None));
    assert_eq!(verdicts[2], (V::Safe, "found_nowhere", None));
    assert_eq!(verdicts[3], (V::Conflicting, "conflicting", Some(other)));
    assert_eq!(verdicts[4], (V::Stale, "stale", None));
    assert_eq!(verdicts[5], (V::Safe, "never_sent", None));
    assert_eq!((verdicts[6].0, verdicts[6].1), (V::NotOpen, "under_way"));
    assert_eq!(verdicts[7], (V::Conflicting, "taken_in_the_practices_calendar", None));
    assert_eq!(rig.letters().await, letters, "a plan changes nothing");
    // Whoever cannot look does not guess.
    rig.vendor.blind(1);
    let blind = plan(&rig.store, &*rig.carrier, rig.due.tenant, &[landed, nowhere]).await.unwrap();
    assert!(blind.iter().all(|one| one.verdict == V::NotKnown), "{blind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_believes_the_practices_records_alone_that_something_is_applied_and_however_late_it_is() {
    let rig = Rig::new().await;
    let id = rig.parked(0, Fate::Take).await;
    rig.vendor.say_done();
    assert_eq!(verdict(&rig, id).await, (V::Safe, "only_its_outcome_is_asked_for"));
    let rig = Rig::new().await;
    let id = rig.parked(0, Fate::TakeAndLoseReply).await;
    rig.vendor.settle(None);
    rig.sql("UPDATE pms_writebacks SET about_at = now() WHERE connection_id = ").await;
    assert_eq!(verdict(&rig, id).await, (V::AlreadyApplied, "in_the_practices_records"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_plan_shows_no_other_tenants_writes() {
    let (rig, other) = (Rig::new().await, Rig::new().await);
    let id = rig.failed(0).await;
    assert!(plan(&other.store, &*other.carrier, other.due.tenant, &[id]).await.unwrap().is_empty());
    assert!(other.replay(id).await.is_err());
}
