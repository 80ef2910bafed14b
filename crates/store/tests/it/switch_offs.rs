//! Locations that are to be switched off at their vendor.

use domain::{ConnectionId, WritebackId};
use serde_json::json;
use store::SwitchOff;

use crate::rig::{Clinic, Rig, booking};

/// Has a connection be to location 1 of office `D10001`.
async fn is_to_office(rig: &Rig, id: ConnectionId) {
    let config = json!({ "office_id": "D10001", "practice_id": "1" });
    let sql = format!("UPDATE pms_connections SET config = '{config}' WHERE id = '{}'", id.uuid());
    rig.owner.batch_execute(&sql).await.unwrap();
}

async fn disable(rig: &Rig, clinic: Clinic) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.disable_connection(clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claimed(rig: &Rig) -> Vec<SwitchOff> {
    let mut tx = rig.store.machinery().await.unwrap();
    let claimed = tx.claim_switch_offs("sikka", 10, 60.0).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn ended(rig: &Rig, one: &SwitchOff, again_s: Option<f64>) {
    let mut tx = rig.store.machinery().await.unwrap();
    tx.switch_off_ended(one, again_s).await.unwrap();
    tx.commit().await.unwrap();
}

async fn hold(rig: &Rig) -> bool {
    let mut tx = rig.store.machinery().await.unwrap();
    let held = tx.hold_switch_offs("sikka", ("d10001", "1"), 600.0).await.unwrap();
    tx.commit().await.unwrap();
    held
}

/// What is owed becomes due, and whoever holds it is dead.
async fn pass(rig: &Rig) {
    let sql = "UPDATE pms_connections SET config = jsonb_set(config, '{switch_off,due_at}', to_jsonb(now()))
        WHERE jsonb_exists(config, 'switch_off')";
    rig.owner.batch_execute(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_what_is_to_be_switched_off_is_one_workers_until_it_is_done_or_its_lease_ends() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to_office(&rig, clinic.connection).await;
    assert!(claimed(&rig).await.is_empty(), "it is in use");
    disable(&rig, clinic).await;
    let first = claimed(&rig).await.remove(0);
    let told = (first.connection, first.office.as_str(), first.location.as_str(), first.tries);
    assert_eq!(told, (clinic.connection, "D10001", "1", 1));
    assert!(claimed(&rig).await.is_empty(), "somebody has it");
    pass(&rig).await;
    let second = claimed(&rig).await.remove(0);
    assert_eq!(second.tries, 2);
    ended(&rig, &first, None).await;
    pass(&rig).await;
    let third = claimed(&rig).await.remove(0);
    assert_eq!(third.tries, 3, "the first had it no more");
    ended(&rig, &third, Some(3_600.0)).await;
    assert!(claimed(&rig).await.is_empty(), "not yet");
    pass(&rig).await;
    let fourth = claimed(&rig).await.remove(0);
    ended(&rig, &fourth, None).await;
    pass(&rig).await;
    assert!(claimed(&rig).await.is_empty(), "it is off");
    // Disabled once more it is off already.
    disable(&rig, clinic).await;
    assert!(claimed(&rig).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_somebody_uses_or_is_about_to_use_is_not_switched_off() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    is_to_office(&rig, mine.connection).await;
    disable(&rig, mine).await;
    assert!(hold(&rig).await);
    assert!(claimed(&rig).await.is_empty(), "somebody is about to use it");
    pass(&rig).await;
    assert_eq!(claimed(&rig).await.len(), 1);
    assert!(!hold(&rig).await, "it is being switched off at this moment");
    pass(&rig).await;
    // Another tenant has it by now.
    is_to_office(&rig, theirs.connection).await;
    assert!(claimed(&rig).await.is_empty());
    disable(&rig, theirs).await;
    let due = claimed(&rig).await;
    assert_eq!(due.iter().map(|one| one.connection).collect::<Vec<_>>(), [theirs.connection], "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_location_is_not_switched_off_while_a_write_to_it_is_on_its_way() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to_office(&rig, clinic.connection).await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.add_writeback(&booking(clinic, WritebackId::new(), b"a booking")).await.unwrap();
    tx.commit().await.unwrap();
    disable(&rig, clinic).await;
    assert!(claimed(&rig).await.is_empty());
    rig.owner.batch_execute("UPDATE pms_writebacks SET state = 'parked'").await.unwrap();
    assert_eq!(claimed(&rig).await.len(), 1);
}
