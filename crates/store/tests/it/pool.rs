//! Transactions and the pool they come from.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::{TenantId, WritebackId};
use seal::Secret;
use store::{Store, StoreError, Tenant};
use testbed::until;
use tokio::task::JoinSet;

use crate::rig::{Rig, SOON, booking, keys};

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_whose_connections_all_died_serves_the_next_caller() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    // Fill the pool.
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(rig.store.tenant(clinic.tenant).await.unwrap());
    }
    for tx in open {
        tx.commit().await.unwrap();
    }
    assert!(rig.shoot_all().await >= 10);
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let store = rig.store.clone();
        tasks.spawn(async move {
            let mut tx = store.tenant(clinic.tenant).await?;
            tx.connection(clinic.connection).await?;
            tx.commit().await
        });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_connection_dies_says_that_the_database_is_away_and_leaves_nothing() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let id = WritebackId::new();
    tx.add_writeback(&booking(clinic, id, b"x")).await.unwrap();
    rig.shoot_all().await;
    let error = tx.writeback(id).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable), "{error:?}");
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    assert!(matches!(tx.writeback(id).await, Err(StoreError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_a_dead_connection_is_an_error() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.add_writeback(&booking(clinic, WritebackId::new(), b"x")).await.unwrap();
    rig.shoot_all().await;
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_transaction_leaves_no_trace_and_no_connection_behind() {
    let rig = Rig::new().await;
    for _ in 0..40 {
        let mut tx = rig.store.machinery().await.unwrap();
        let tenant =
            Tenant { id: TenantId::new(), slug: "gone".into(), name: "gone".into(), language: "en".into() };
        tx.put_tenant(&tenant).await.unwrap();
        drop(tx);
    }
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.tenants().await.unwrap().is_empty());
    tx.commit().await.unwrap();
    until(SOON, "no transaction left open", || async {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND state LIKE 'idle in transaction%'";
        (rig.number(sql).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_after_a_statement_that_failed_is_an_error_and_never_a_quiet_nothing() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let (first, twin) = (WritebackId::new(), WritebackId::new());
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.add_writeback(&booking(clinic, first, b"same")).await.unwrap();
    let refused = tx.add_writeback(&booking(clinic, twin, b"same")).await.unwrap_err();
    assert!(refused.is_rule("pms_writebacks_live"), "{refused:?}");
    tx.commit().await.unwrap_err();
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    assert!(matches!(tx.writeback(first).await, Err(StoreError::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_at_one_moment_agrees_whatever_others_commit_in_between() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut reader = rig.store.tenant_at_one_moment(clinic.tenant).await.unwrap();
    assert_eq!(reader.connections().await.unwrap().len(), 1);
    let written = rig.writeback(clinic, b"in between").await;
    assert!(matches!(reader.writeback(written).await, Err(StoreError::NotFound)));
    reader.add_writeback(&booking(clinic, WritebackId::new(), b"its own")).await.unwrap_err();
    drop(reader);
    let mut after = rig.store.tenant_at_one_moment(clinic.tenant).await.unwrap();
    after.writeback(written).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_cannot_begin_leaves_a_connection_that_can_begin_the_next() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let guest = format!("guest_{}", clinic.tenant.uuid().simple());
    let owners = rig.url();
    let url = format!("postgres://{guest}:visitor@{}", owners.split_once('@').unwrap().1);
    rig.owner.batch_execute(&format!("CREATE ROLE {guest} LOGIN PASSWORD 'visitor'")).await.unwrap();
    let one = Store::open(&Secret::new(url), 1, keys()).await.unwrap();
    for _ in 0..2 {
        let refused = one.tenant(clinic.tenant).await.map(drop).unwrap_err();
        assert!(!matches!(refused, StoreError::Unavailable), "the database is there: {refused:?}");
    }
    let backend = format!("SELECT pid::bigint FROM pg_stat_activity WHERE usename = '{guest}'");
    let before = rig.number(&backend).await;
    rig.owner
        .batch_execute(&format!("GRANT switchboard_app, switchboard_machinery TO {guest}"))
        .await
        .unwrap();
    let mut tx = one.tenant(clinic.tenant).await.unwrap();
    assert_eq!(tx.connections().await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    assert_eq!(rig.number(&backend).await, before, "on the connection that could not");
    drop(one);
    rig.owner.batch_execute(&format!("DROP ROLE {guest}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_connection_goes_back_to_the_pool_as_nobodys() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let one = Store::open(&Secret::new(rig.url()), 1, keys()).await.unwrap();
    for _ in 0..3 {
        one.tenant(clinic.tenant).await.unwrap().commit().await.unwrap();
        // It refuses to be asked as anybody.
        for _ in 0..2 {
            assert!(one.take_request(clinic.tenant, clinic.connection, 600).await.unwrap().admitted);
        }
        let mut other = one.tenant(TenantId::new()).await.unwrap();
        assert!(matches!(other.connection(clinic.connection).await, Err(StoreError::NotFound)));
        other.roll_back().await.unwrap();
        let mut machinery = one.machinery().await.unwrap();
        assert_eq!(machinery.tenants().await.unwrap().len(), 1);
        machinery.commit().await.unwrap();
    }
    assert!(one.ping().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_said_to_be_away() {
    let nowhere = Secret::new(format!("postgres://app@127.0.0.1:{}/x", testbed::free_port().unwrap()));
    let store = Store::open(&nowhere, 2, keys()).await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable)));
    assert!(matches!(store.machinery().await.err(), Some(StoreError::Unavailable)));
    assert!(matches!(store::pending_migrations(&nowhere).await, Err(StoreError::Unavailable)));
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once() {
    let rig = Rig::new().await;
    let url = Secret::new(rig.url());
    assert_eq!(store::pending_migrations(&url).await.unwrap(), Vec::<String>::new());
    assert_eq!(store::migrate(&url).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn whoever_waits_for_a_connection_is_not_overtaken_by_those_who_come_again_and_again() {
    let rig = Rig::new().await;
    let store = Store::open(&Secret::new(rig.url()), 2, keys()).await.unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let mut greedy = JoinSet::new();
    for _ in 0..4 {
        let (store, taken) = (store.clone(), taken.clone());
        greedy.spawn(async move {
            loop {
                store.ping().await.unwrap();
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    until(SOON, "everybody is busy", || async { (taken.load(Ordering::Relaxed) > 20).then_some(()) }).await;
    let mut overtaken = Vec::new();
    for _ in 0..21 {
        let before = taken.load(Ordering::Relaxed);
        store.ping().await.unwrap();
        overtaken.push(taken.load(Ordering::Relaxed) - before);
    }
    // Now and then the database itself is late for one of two.
    overtaken.sort_unstable();
    assert!(overtaken[10] <= 8, "so many others were served first: {overtaken:?}");
    greedy.shutdown().await;
}
