//! What would become of a replay.

use writebacks::{Verdict as V, plan};

use crate::rig::{Rig, booking, new, slot};
use crate::vendor::Fate;

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
async fn p6_a_plan_shows_no_other_tenants_writes() {
    let (rig, other) = (Rig::new().await, Rig::new().await);
    let id = rig.failed(0).await;
    assert!(plan(&other.store, &*other.carrier, other.due.tenant, &[id]).await.unwrap().is_empty());
    assert!(other.replay(id).await.is_err());
}
