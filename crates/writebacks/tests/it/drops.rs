//! What staff give up.

use domain::WritebackState as S;
use writebacks::{DropError, Obstacle, ReplayError, give_up};

use crate::rig::Rig;
use crate::vendor::Fate;

async fn give(rig: &Rig, id: domain::WritebackId, why: &str) -> Result<(), DropError> {
    give_up(&rig.store, rig.due.tenant, id, why, "key of a test").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_needs_a_reason_is_recorded_and_is_made_once() {
    let rig = Rig::new().await;
    let id = rig.parked(0, Fate::LoseRequest).await;
    assert_eq!(rig.task_codes().await, ["outcome_unknown"]);
    for nothing in ["", "   ", &"x".repeat(501)] {
        assert!(matches!(give(&rig, id, nothing).await, Err(DropError::NoReason)));
    }
    let before = format!("{:?}", rig.row(id).await);
    let (one, two) = tokio::join!(give(&rig, id, "entered by hand"), give(&rig, id, "entered by hand"));
    assert!(matches!((&one, &two), (Ok(()), Err(DropError::Before)) | (Err(DropError::Before), Ok(()))));
    assert_eq!(format!("{:?}", rig.row(id).await), before, "the write stays as it was");
    assert!(!rig.is_held(0).await && rig.alerts().await.is_empty() && rig.tasks().await.is_empty());
    let error = rig.replay(id).await.unwrap_err();
    assert!(matches!(error, ReplayError::Obstacle(Obstacle::Dropped)), "{error:?}");
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let records = tx.audit_records(0, 100).await.unwrap();
    let drops: Vec<_> = records.iter().filter(|record| record.action == "writeback.drop").collect();
    assert_eq!(drops.len(), 1);
    assert_eq!(
        (drops[0].actor.as_str(), drops[0].detail["writeback"].as_str()),
        ("key of a test", Some(id.to_string().as_str()))
    );
    tx.commit().await.unwrap();
    // The same may be wished for again.
    rig.booked(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_or_replayed_is_not_dropped() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    assert!(matches!(give(&rig, id, "no").await, Err(DropError::NotOver(S::Queued))));
    rig.carry_on().await;
    let old = rig.failed(30).await;
    let again = rig.replay(old).await.unwrap();
    assert!(matches!(give(&rig, old, "no").await, Err(DropError::Replayed(id)) if id == again));
}
