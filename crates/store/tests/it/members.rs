//! P6: people, who may belong to several tenants.

use domain::{Role, UserId};
use store::{SignedInUser, Store, StoreError};

use crate::rig::{Clinic, Rig};

const ISSUER: &str = "https://issuer.example";

async fn put(store: &Store, clinic: Clinic, subject: &str, name: &str) -> UserId {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    let user = tx.put_member((ISSUER, subject), name, Role::Receptionist, "test").await.unwrap();
    tx.commit().await.unwrap();
    user
}

async fn known(store: &Store, subject: &str) -> SignedInUser {
    let mut tx = store.machinery().await.unwrap();
    let known = tx.signed_in(ISSUER, subject).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    known
}

async fn names(store: &Store, clinic: Clinic) -> Vec<String> {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    let members = tx.members().await.unwrap();
    tx.commit().await.unwrap();
    members.into_iter().map(|member| member.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_tenant_that_takes_somebody_in_changes_nothing_of_what_they_are_elsewhere() {
    let rig = Rig::new().await;
    let (first, second) = (rig.clinic("first").await, rig.clinic("second").await);
    let ann = put(&rig.store, first, "ann", "Ann").await;
    assert_eq!(known(&rig.store, "ann").await.home().unwrap().tenant, first.tenant);
    let mut tx = rig.store.machinery().await.unwrap();
    tx.note_first_use(first.tenant, ann).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(put(&rig.store, second, "ann", "Somebody else").await, ann);
    assert_eq!(names(&rig.store, first).await, ["Ann"]);
    assert_eq!(names(&rig.store, second).await, ["Somebody else"]);
    assert_eq!(known(&rig.store, "ann").await.home().unwrap().tenant, first.tenant);
    let mut tx = rig.store.tenant(first.tenant).await.unwrap();
    assert!(tx.remove_member(ann).await.unwrap() && !tx.remove_member(ann).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(known(&rig.store, "ann").await.home().unwrap().tenant, second.tenant);
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.left_tenants(ann).await.unwrap(), [first.tenant]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_came_to_none_of_their_tenants_yet_is_at_home_in_none() {
    let rig = Rig::new().await;
    for slug in ["first", "second"] {
        let clinic = rig.clinic(slug).await;
        put(&rig.store, clinic, "ann", "Ann").await;
    }
    assert!(known(&rig.store, "ann").await.home().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_transaction_that_changed_who_belongs_to_its_tenant_sees_that_tenant_alone() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    put(&rig.store, theirs, "bob", "Bob").await;
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(tx.members_to_change().await.unwrap().is_empty());
    let ann = tx.put_member((ISSUER, "ann"), "Ann", Role::Owner, "test").await.unwrap();
    assert_eq!(tx.members().await.unwrap().len(), 1);
    assert!(tx.connection(theirs.connection).await.is_err(), "another tenant's connection is seen");
    assert!(tx.remove_member(ann).await.unwrap());
    assert!(tx.connection(theirs.connection).await.is_err(), "another tenant's connection is seen");
    tx.commit().await.unwrap();
    let mut nowhere = rig.store.tenant(domain::TenantId::new()).await.unwrap();
    assert!(matches!(nowhere.members_to_change().await, Err(StoreError::NotFound)));
    assert!(nowhere.members().await.unwrap().is_empty(), "it is the tenant's own transaction again");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_membership_and_its_record_are_one_transaction() {
    let rig = Rig::new().await;
    let mine = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    tx.put_member((ISSUER, "ann"), "Ann", Role::Owner, "test").await.unwrap();
    tx.audit(&crate::audit::record("101")).await.unwrap();
    drop(tx);
    assert!(names(&rig.store, mine).await.is_empty());
    assert_eq!(rig.number("SELECT count(*) FROM users").await, 0);
}
