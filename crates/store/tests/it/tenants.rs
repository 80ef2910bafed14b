//! P6 through the store's own methods.

use domain::{AlertKind, Resource, ResourceKind, Window, WritebackId, WritebackState};
use jiff::Timestamp;
use seal::Secret;
use store::{CallUpdate, Move, NewAlert, NewHold, NumberOwner, StoreError};

use crate::rig::{Rig, booking};

#[tokio::test(flavor = "multi_thread")]
async fn p6_another_tenants_ids_lead_nowhere() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let write = rig.writeback(theirs, b"{}").await;
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(matches!(tx.writeback(write).await, Err(StoreError::NotFound)));
    assert!(matches!(tx.connection(theirs.connection).await, Err(StoreError::NotFound)));
    assert!(matches!(tx.tokens(theirs.connection).await, Err(StoreError::NotFound)));
    assert!(matches!(tx.practice(theirs.practice).await, Err(StoreError::NotFound)));
    assert!(tx.writebacks(&[write]).await.unwrap().is_empty());
    assert!(tx.lease_refresh(theirs.connection, 60.0).await.unwrap().is_none());
    let step = Move { from: &[WritebackState::Queued], ..Move::default() };
    assert!(!tx.move_writeback(write, WritebackState::Failed, &step).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_nothing_of_mine_can_hang_on_another_tenants_connection() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let own = rig.writeback(mine, b"own").await;
    let tx = || rig.store.tenant(mine.tenant);

    let mut write = booking(mine, WritebackId::new(), b"w");
    write.connection = theirs.connection;
    let error = tx().await.unwrap().add_writeback(&write).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");

    let write = booking(theirs, WritebackId::new(), b"w");
    let error = tx().await.unwrap().add_writeback(&write).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");

    let hold = NewHold {
        connection: theirs.connection,
        writeback: own,
        booking: own,
        resources: &[Resource { kind: ResourceKind::Chair, vendor_id: "1".into() }],
        window: Window::of_minutes(Timestamp::UNIX_EPOCH, 30).unwrap(),
    };
    let error = tx().await.unwrap().place_hold(&hold).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");

    let error = rig.store.take_request(mine.tenant, theirs.connection, 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");

    let alert = NewAlert { connection: Some(theirs.connection), kind: AlertKind::Reauthorise, happened: "y" };
    let error = tx().await.unwrap().raise(&alert).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_news_of_another_tenants_call_is_refused_as_if_it_did_not_exist() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let news = CallUpdate { status: Some("in-progress"), ..CallUpdate::default() };
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    tx.call_news("call-1", &news).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(matches!(tx.call_news("call-1", &news).await, Err(StoreError::NotFound)));
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(tx.call_state("call-1").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_call_that_names_two_tenants_numbers_is_nobodys() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mut tx = rig.store.machinery().await.unwrap();
    for (clinic, number, id) in [(mine, "+15550100001", "number-1"), (theirs, "+15550100002", "number-2")] {
        let owner = NumberOwner { tenant: clinic.tenant, practice: clinic.practice, assistant_id: None };
        tx.put_phone_number(&owner, number, Some(id)).await.unwrap();
    }
    let owner = async |tx: &mut store::MachineryTx, number, id| {
        tx.number_owner(number, id).await.unwrap().map(|owner| owner.tenant)
    };
    assert_eq!(owner(&mut tx, Some("+15550100001"), Some("number-1")).await, Some(mine.tenant));
    assert_eq!(owner(&mut tx, None, Some("number-2")).await, Some(theirs.tenant));
    assert_eq!(owner(&mut tx, Some("+15550100001"), Some("number-2")).await, None);
    assert_eq!(owner(&mut tx, None, None).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_call_stays_ended_in_whatever_order_its_news_comes() {
    let rig = Rig::new().await;
    let mine = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    let report = CallUpdate { report: Some(b"{}"), ended_reason: Some("customer-ended-call"), status: None };
    tx.call_news("call-1", &report).await.unwrap();
    let late = CallUpdate { status: Some("in-progress"), ..CallUpdate::default() };
    tx.call_news("call-1", &late).await.unwrap();
    let (status, reason) = tx.call_state("call-1").await.unwrap().unwrap();
    assert_eq!((status.as_str(), reason.as_deref()), ("ended", Some("customer-ended-call")));
    assert_eq!(tx.call_report("call-1").await.unwrap().unwrap(), b"{}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_sealed_column_copied_to_another_row_does_not_open() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let copy = format!(
        "UPDATE pms_connections SET credentials =
             (SELECT credentials FROM pms_connections WHERE id = '{}') WHERE id = '{}'",
        theirs.connection.uuid(),
        mine.connection.uuid()
    );
    rig.owner.batch_execute(&copy).await.unwrap();
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(matches!(tx.tokens(mine.connection).await, Err(StoreError::Seal(_))));
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    assert_eq!(tx.tokens(theirs.connection).await.unwrap().credentials, Secret::from("open sesame"));
}
