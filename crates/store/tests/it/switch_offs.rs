//! Locations that are to be switched off at their vendor.

use domain::{ConnectionId, WritebackId};
use serde_json::json;
use store::{SwitchOff, SwitchOffEnd};

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

async fn ended(rig: &Rig, one: &SwitchOff, end: SwitchOffEnd) -> bool {
    let mut tx = rig.store.machinery().await.unwrap();
    let is_over = tx.switch_off_ended(one, end).await.unwrap();
    tx.commit().await.unwrap();
    is_over
}

/// As whoever finds a connection disabled after all.
async fn leave_off(rig: &Rig, clinic: Clinic) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.owe_switch_off(clinic.connection, false).await.unwrap();
    tx.commit().await.unwrap();
}

async fn is(rig: &Rig, clinic: Clinic, status: &str) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.set_status(clinic.connection, status, None).await.unwrap();
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
    assert!(!ended(&rig, &first, SwitchOffEnd::Over).await);
    pass(&rig).await;
    let third = claimed(&rig).await.remove(0);
    assert_eq!(third.tries, 3, "the first had it no more");
    assert!(!ended(&rig, &third, SwitchOffEnd::Again(3_600.0)).await);
    assert!(claimed(&rig).await.is_empty(), "not yet");
    pass(&rig).await;
    let fourth = claimed(&rig).await.remove(0);
    assert_eq!(fourth.since, first.since, "as long as it is owed");
    assert!(ended(&rig, &fourth, SwitchOffEnd::Over).await);
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

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_location_is_not_switched_off_while_another_connections_write_to_it_is_on_its_way() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    for clinic in [mine, theirs] {
        is_to_office(&rig, clinic.connection).await;
    }
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    tx.add_writeback(&booking(theirs, WritebackId::new(), b"a booking")).await.unwrap();
    tx.commit().await.unwrap();
    disable(&rig, theirs).await;
    disable(&rig, mine).await;
    assert!(claimed(&rig).await.is_empty());
    rig.owner.batch_execute("UPDATE pms_writebacks SET state = 'parked'").await.unwrap();
    assert_eq!(claimed(&rig).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_is_being_switched_off_is_waited_for_whatever_becomes_of_its_connection_meanwhile() {
    for by_another in [false, true] {
        let rig = Rig::new().await;
        let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
        is_to_office(&rig, mine.connection).await;
        disable(&rig, mine).await;
        let one = claimed(&rig).await.remove(0);
        // It is bought again, or another tenant has it, before the vendor was asked.
        if by_another {
            is_to_office(&rig, theirs.connection).await;
        } else {
            is(&rig, mine, "pending").await;
        }
        assert!(claimed(&rig).await.is_empty());
        assert!(!hold(&rig).await, "what is on its way to the vendor would end what begins here");
        assert!(!ended(&rig, &one, SwitchOffEnd::Again(0.0)).await);
        assert!(hold(&rig).await);
        assert!(claimed(&rig).await.is_empty(), "it is used");
        let owed = "SELECT count(*) FROM pms_connections WHERE jsonb_exists(config, 'switch_off')";
        assert_eq!(rig.number(owed).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_location_that_is_switched_on_for_a_disabled_connection_is_off_again_where_nothing_comes_of_it()
{
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    is_to_office(&rig, mine.connection).await;
    disable(&rig, mine).await;
    let off = claimed(&rig).await.remove(0);
    assert!(ended(&rig, &off, SwitchOffEnd::Over).await);
    // Somebody switches it on, and dies over it.
    assert!(hold(&rig).await);
    assert!(claimed(&rig).await.is_empty(), "as long as it may take");
    leave_off(&rig, mine).await;
    assert!(claimed(&rig).await.is_empty(), "somebody else may be at it");
    pass(&rig).await;
    let again = claimed(&rig).await.remove(0);
    assert_eq!((again.connection, again.tries), (mine.connection, 1));
    assert!(ended(&rig, &again, SwitchOffEnd::Over).await);
    // One that comes to be used owes nothing.
    assert!(hold(&rig).await);
    is(&rig, mine, "active").await;
    pass(&rig).await;
    assert!(claimed(&rig).await.is_empty());
    is_to_office(&rig, theirs.connection).await;
    disable(&rig, mine).await;
    assert!(claimed(&rig).await.is_empty(), "the other one uses it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_may_have_been_switched_on_while_it_was_being_switched_off_is_switched_off_once_more()
{
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to_office(&rig, clinic.connection).await;
    disable(&rig, clinic).await;
    let first = claimed(&rig).await.remove(0);
    leave_off(&rig, clinic).await;
    assert!(claimed(&rig).await.is_empty(), "one at a time");
    assert!(!hold(&rig).await);
    assert!(!ended(&rig, &first, SwitchOffEnd::GivenUp("It may be on.")).await);
    let second = claimed(&rig).await.remove(0);
    assert_eq!(second.tries, 1);
    assert!(ended(&rig, &second, SwitchOffEnd::Over).await);
    assert!(claimed(&rig).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_why_a_location_is_no_longer_tried_to_be_switched_off_stands_beside_its_connection() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to_office(&rig, clinic.connection).await;
    let shown = async || {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        tx.connection(clinic.connection).await.unwrap().last_error
    };
    disable(&rig, clinic).await;
    let one = claimed(&rig).await.remove(0);
    assert!(ended(&rig, &one, SwitchOffEnd::GivenUp("It may be on.")).await);
    assert_eq!(shown().await.as_deref(), Some("It may be on."));
    pass(&rig).await;
    assert!(claimed(&rig).await.is_empty());
    // Of one that is used by then it says nothing.
    is(&rig, clinic, "active").await;
    disable(&rig, clinic).await;
    let one = claimed(&rig).await.remove(0);
    is(&rig, clinic, "active").await;
    assert!(!ended(&rig, &one, SwitchOffEnd::GivenUp("It may be on.")).await);
    assert_eq!(shown().await, None);
}
