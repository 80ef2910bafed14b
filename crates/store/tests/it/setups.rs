//! Offices on their way to becoming connections.

use jiff::{SignedDuration, Timestamp};
use store::{ClinicianMapping, SetupKey, SetupMove, StaffAppointmentType, StoreError};

use crate::rig::{Clinic, Rig};

fn key(clinic: Clinic) -> SetupKey<'static> {
    SetupKey { tenant: clinic.tenant, vendor: "sikka", office: "D10001", location: "" }
}

async fn state(rig: &Rig, clinic: Clinic) -> (String, i32) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let setup = tx.setups(10).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    (setup.state, setup.attempts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_with_an_older_date_undoes_no_later_one() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let then = Timestamp::now();
    let (earlier, later) = (then - SignedDuration::from_hours(2), then + SignedDuration::from_hours(2));
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.ask_setup(key(clinic), Some(then)).await.unwrap());
    assert!(
        !tx.cancel_setup(key(clinic), Some(earlier)).await.unwrap(),
        "it is about an install before this one"
    );
    assert!(tx.cancel_setup(key(clinic), Some(later)).await.unwrap());
    assert!(!tx.ask_setup(key(clinic), Some(then)).await.unwrap(), "it comes late");
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await.0, "cancelled");
    // One without a date is as new as it is.
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.ask_setup(key(clinic), None).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await.0, "confirming");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_setup_is_one_workers_until_its_lease_ends_and_a_cancelled_one_is_moved_no_more() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(clinic), None).await.unwrap();
    let claimed = tx.claim_setups("sikka", 10, 60.0).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(tx.claim_setups("sikka", 10, 60.0).await.unwrap().is_empty(), "somebody has it");
    let waits = SetupMove { state: "onboarding", wait_s: 0.0, ..SetupMove::default() };
    assert!(tx.move_setup(claimed[0].id, &waits).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.claim_setups("sikka", 10, 60.0).await.unwrap()[0].state, "onboarding");
    assert!(tx.move_setup(claimed[0].id, &waits).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await, ("onboarding".to_owned(), 2));
    let mut tx = rig.store.machinery().await.unwrap();
    tx.cancel_setup(key(clinic), None).await.unwrap();
    let done = SetupMove { state: "done", ..SetupMove::default() };
    assert!(!tx.move_setup(claimed[0].id, &done).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await.0, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_setups_names_and_kinds_are_their_tenants_alone() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(theirs), None).await.unwrap();
    tx.commit().await.unwrap();
    let names = [ClinicianMapping { vendor_id: "7".into(), name: "Dr Lee".into(), offered: false }];
    let kinds = [StaffAppointmentType { name: "Cleaning".into(), minutes: 60, vendor_id: None }];
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    tx.put_clinician_mappings(theirs.connection, &names).await.unwrap();
    tx.put_staff_appointment_types(theirs.connection, &kinds).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(tx.setups(10).await.unwrap().is_empty());
    assert!(tx.clinician_mappings(theirs.connection).await.unwrap().is_empty());
    assert!(tx.staff_appointment_types(theirs.connection).await.unwrap().is_empty());
    let error = tx.put_clinician_mappings(theirs.connection, &names).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    assert_eq!(tx.clinician_mappings(theirs.connection).await.unwrap(), names);
    tx.put_clinician_mappings(theirs.connection, &[]).await.unwrap();
    assert!(tx.clinician_mappings(theirs.connection).await.unwrap().is_empty());
    assert_eq!(tx.staff_appointment_types(theirs.connection).await.unwrap(), kinds);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_install_address_names_its_tenant_until_it_is_revoked() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let hash = seal::sha256(b"an address");
    let mut tx = rig.store.machinery().await.unwrap();
    tx.add_install_link(clinic.tenant, "sikka", &hash).await.unwrap();
    assert_eq!(tx.install_link_owner("sikka", &hash).await.unwrap(), Some(clinic.tenant));
    assert_eq!(tx.install_link_owner("gentu", &hash).await.unwrap(), None);
    assert_eq!(tx.install_link_owner("sikka", &seal::sha256(b"a guess")).await.unwrap(), None);
    assert_eq!(tx.revoke_install_links(clinic.tenant, "sikka").await.unwrap(), 1);
    assert_eq!(tx.install_link_owner("sikka", &hash).await.unwrap(), None);
    tx.commit().await.unwrap();
}
