//! What staff decide about a write that was set aside.

use domain::{WritebackId, WritebackState as S};
use pms::{Advice, ErrorKind};
use writebacks::{Found, Obstacle, ReplayError, SettleError, settle};

use crate::rig::Rig;
use crate::vendor::Fate;

async fn parked(rig: &Rig, minute: i64) -> WritebackId {
    rig.vendor.next(&[Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
    let id = rig.booked(minute).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Parked);
    id
}

async fn decide(rig: &Rig, id: WritebackId, found: Found<'_>) -> Result<(), SettleError> {
    settle(&rig.store, rig.due.tenant, id, found, "a test").await
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_parked_booking_ends_as_staff_found_it_and_the_alert_with_the_last_of_them() {
    let rig = Rig::new().await;
    let (there, gone) = (parked(&rig, 0).await, parked(&rig, 30).await);
    decide(&rig, there, Found::There { vendor_id: "900" }).await.unwrap();
    let row = rig.row(there).await;
    assert_eq!((row.state, row.created_vendor_id.as_deref()), (S::Succeeded, Some("900")));
    assert_eq!(rig.alerts().await, ["writeback_parked"]);
    decide(&rig, gone, Found::NotThere).await.unwrap();
    assert_eq!(rig.state(gone).await, S::Failed);
    assert!(rig.is_held(0).await && !rig.is_held(30).await);
    assert!(rig.alerts().await.is_empty());
    let again = rig.replay(gone).await;
    assert!(
        matches!(again, Err(ReplayError::Obstacle(Obstacle::Dropped))),
        "nobody wants it any more: {again:?}"
    );
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    let records = tx.audit_records(0, 100).await.unwrap();
    tx.commit().await.unwrap();
    let by: Vec<_> = records.iter().filter(|one| one.action == "writeback.settle").collect();
    assert!(by.len() == 2 && by.iter().all(|one| one.actor == "a test"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_is_under_way_or_over_cannot_be_settled() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    let error = decide(&rig, id, Found::NotThere).await.unwrap_err();
    assert!(matches!(error, SettleError::NotParked(S::Queued)), "{error:?}");
    rig.carrier.send_next(rig.due).await.unwrap();
    let id = parked(&rig, 30).await;
    let error = decide(&rig, id, Found::There { vendor_id: "" }).await.unwrap_err();
    assert!(matches!(error, SettleError::NoId), "{error:?}");
    decide(&rig, id, Found::NotThere).await.unwrap();
    let error = decide(&rig, id, Found::There { vendor_id: "1" }).await.unwrap_err();
    assert!(matches!(error, SettleError::NotParked(S::Failed)), "{error:?}");
}
