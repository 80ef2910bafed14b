//! Keys that cannot be got.

use std::time::Duration;

use credentials::{KeeperSettings, RefreshError};
use domain::AlertKind;
use pms::{Advice, ErrorKind, PmsError};
use store::NewAlert;
use tokio::task::JoinSet;

use crate::rig::{Fate, Listed, Rig, shown};

fn vendor_said(error: RefreshError) -> PmsError {
    match error {
        RefreshError::Vendor(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_that_finds_no_room_is_put_off_as_long_as_advised_and_is_no_failure() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    let no_room = Fate::Refuse(ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(40)));
    rig.vendor.next((0..3).map(|_| no_room.clone()));
    for _ in 0..3 {
        let mut tx = rig.store.tenant(rig.tenant).await.unwrap();
        assert!(tx.lease_refresh(rig.connection, 60.0).await.unwrap().is_some(), "the lease was given back");
        tx.commit().await.unwrap();
        rig.refresh(&keeper).await.unwrap_err();
        let due_in = rig.due_in().await;
        assert!((35.0..=52.0).contains(&due_in), "{due_in}");
    }
    let row = "SELECT refresh_failures, last_error FROM pms_connections";
    let row = rig.owner.query_one(row, &[]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, Option<String>>(1)), (0, None));
    assert!(rig.findings().await.is_empty());
    // A key that ends soon is told of, whyever it was not refreshed.
    rig.key(&keeper).await;
    let soon = "UPDATE pms_connections SET token_expires_at = now() + interval '1 h'";
    rig.owner.batch_execute(soon).await.unwrap();
    rig.vendor.next([no_room]);
    rig.refresh(&keeper).await.unwrap_err();
    assert_eq!(rig.findings().await, ["token_expiring"]);
}

#[test]
fn a_lease_outlives_the_longest_refresh_of_a_worker() {
    // A refusal is asked about: refresh, log-in, a page of the list, log-in; each may take eight seconds.
    assert!(KeeperSettings::default().lease > Duration::from_secs(4 * 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_dead_becomes_reauthorise_with_one_alert_and_the_vendor_is_left_alone() {
    let rig = Rig::new().await;
    rig.vendor.next((0..9).map(|_| Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)));
    let keepers = [rig.keeper().await, rig.keeper().await];
    let mut tasks = JoinSet::new();
    for caller in 0..20 {
        let (keeper, tenant, connection) = (keepers[caller % 2].clone(), rig.tenant, rig.connection);
        tasks.spawn(async move { vendor_said(keeper.key(tenant, connection, None).await.unwrap_err()) });
    }
    for error in tasks.join_all().await {
        assert_eq!((error.kind, error.advice), (ErrorKind::AccessWithdrawn, Advice::Permanent));
    }
    assert_eq!(rig.vendor.asked().len(), 1);
    assert_eq!(rig.status().await, "reauthorise");
    assert_eq!(rig.alerts().await, ["reauthorise"]);
    rig.pass(2_900.0).await;
    assert_eq!(rig.due().await, 0, "the refresher leaves it alone as well");
    rig.pass(1_400.0).await;
    assert_eq!(rig.due().await, 1, "for an hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_the_vendor_takes_back_is_used_again_by_itself() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.vendor.next([Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
    *rig.vendor.listed.lock().unwrap() = Listed::Gone;
    rig.refresh(&keeper).await.unwrap_err();
    assert_eq!(rig.status().await, "reauthorise");
    rig.refresh(&keeper).await.unwrap();
    assert_eq!(rig.status().await, "active");
    assert!(rig.alerts().await.is_empty());
    assert_eq!(rig.news("connection.%").await, ["connection.changed"], "whoever remembers it is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_vendor_lists_anew_is_used_from_then_on_and_nobody_is_bothered() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.vendor.next([Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
    *rig.vendor.listed.lock().unwrap() = Listed::With("the new word");
    assert_eq!(rig.key(&keeper).await, "key-2");
    assert_eq!(rig.status().await, "active");
    assert!(rig.alerts().await.is_empty());
    let mut tx = rig.store.tenant(rig.tenant).await.unwrap();
    assert_eq!(tx.tokens(rig.connection).await.unwrap().credentials.expose(), "the new word");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_of_our_own_takes_no_connection_off_and_is_told_of_once_for_all() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.vendor.next((0..4).map(|_| Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)));
    *rig.vendor.listed.lock().unwrap() = Listed::Refused;
    for _ in 0..4 {
        let error = vendor_said(rig.refresh(&keeper).await.unwrap_err());
        assert_eq!((error.kind, error.advice), (ErrorKind::VendorDown, Advice::Retry), "{error:?}");
    }
    assert_eq!(
        (rig.status().await.as_str(), rig.alerts().await),
        ("active", vec!["application_refused".into()])
    );
    assert!(!rig.findings().await.contains(&"refresh_failing"), "the one alert says it");
    rig.refresh(&keeper).await.unwrap();
    assert!(rig.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_comes_when_somebody_switched_it_off_leaves_it_off() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    for status in ["disabled", "pending", "error"] {
        let sql = format!("UPDATE pms_connections SET status = '{status}'");
        rig.owner.batch_execute(&sql).await.unwrap();
        rig.vendor.next([Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
        rig.refresh(&keeper).await.unwrap_err();
        assert_eq!(rig.status().await, status);
    }
    assert!(rig.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_grant_is_told_of_on_the_bus_once_and_its_end_once() {
    let rig = Rig::new().await;
    rig.vendor.next((0..3).map(|_| Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)));
    let keeper = rig.keeper().await;
    for _ in 0..3 {
        // As a refresher that had leased it before it died.
        rig.refresh(&keeper).await.unwrap_err();
    }
    assert_eq!(rig.news("alert.%").await, ["alert.raised"]);
    rig.refresh(&keeper).await.unwrap();
    assert_eq!(rig.news("alert.%").await, ["alert.raised", "alert.resolved"]);
    rig.refresh(&keeper).await.unwrap();
    assert_eq!(rig.news("alert.%").await.len(), 2, "nothing was open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_refreshed_is_worth_an_alert_two_hours_before_its_end_and_a_new_one_closes_it() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.key(&keeper).await;
    let ends_in = async |minutes: i32| {
        let sql = "UPDATE pms_connections SET refresh_due_at = now() - interval '6 min',
                       token_expires_at = now() + make_interval(mins => $1)";
        rig.owner.execute(sql, &[&minutes]).await.unwrap();
        rig.findings().await
    };
    assert!(ends_in(121).await.is_empty(), "there is time");
    assert_eq!(ends_in(119).await, ["token_expiring"]);
    let mut tx = rig.store.tenant(rig.tenant).await.unwrap();
    let alert = NewAlert {
        connection: Some(rig.connection),
        kind: AlertKind::TokenExpiring,
        happened: "Nobody has tried to refresh it.",
    };
    assert!(tx.raise(&alert).await.unwrap());
    tx.commit().await.unwrap();
    rig.vendor.next([Fate::Refuse(ErrorKind::VendorDown, Advice::Retry)]);
    rig.refresh(&keeper).await.unwrap_err();
    assert_eq!(rig.alerts().await, ["token_expiring"], "a try that fails closes nothing");
    assert_eq!(rig.findings().await, ["token_expiring"], "though the next one is later");
    rig.refresh(&keeper).await.unwrap();
    assert!(rig.alerts().await.is_empty() && rig.findings().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_connected_anew_gets_a_key_and_its_alert_is_closed() {
    let rig = Rig::new().await;
    rig.vendor.next([Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent)]);
    let keeper = rig.keeper().await;
    keeper.key(rig.tenant, rig.connection, None).await.unwrap_err();
    rig.owner.batch_execute("UPDATE pms_connections SET status = 'active'").await.unwrap();
    rig.pass(15.0).await;
    assert_eq!(rig.key(&keeper).await, "key-2");
    assert!(rig.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_fails_is_asked_once_and_not_once_a_caller() {
    let rig = Rig::new().await;
    rig.vendor.next((0..60).map(|_| Fate::Refuse(ErrorKind::VendorDown, Advice::Retry)));
    let keepers = [rig.keeper().await, rig.keeper().await];
    let mut tasks = JoinSet::new();
    for caller in 0..50 {
        let (keeper, tenant, connection) = (keepers[caller % 2].clone(), rig.tenant, rig.connection);
        tasks.spawn(async move { vendor_said(keeper.key(tenant, connection, None).await.unwrap_err()) });
    }
    let told_when = tasks
        .join_all()
        .await
        .iter()
        .filter(|error| matches!(error.advice, Advice::RetryAfter(wait) if wait <= Duration::from_secs(5)))
        .count();
    assert_eq!((rig.vendor.asked().len(), told_when), (1, 49));
    assert_eq!(rig.status().await, "active");
    assert!(rig.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refresher_backs_off_further_and_further_and_a_success_ends_it() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    for expected in [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        rig.vendor.next([Fate::Refuse(ErrorKind::VendorDown, Advice::Retry)]);
        rig.refresh(&keeper).await.unwrap_err();
        let due_in = rig.due_in().await;
        assert!((expected - 4.0..=expected + 0.1).contains(&due_in), "{due_in} instead of {expected}");
        assert_eq!(rig.due().await, 0);
        rig.pass(expected).await;
        assert_eq!(rig.due().await, 1);
    }
    assert_eq!(rig.key(&keeper).await, "key-9");
    rig.vendor.next([Fate::Refuse(ErrorKind::VendorDown, Advice::Retry)]);
    rig.refresh(&keeper).await.unwrap_err();
    assert!(rig.due_in().await <= 5.1);
    assert_eq!(rig.key(&keeper).await, "key-9", "the key in force still is");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_waits_for_a_key_is_not_kept_for_as_long_as_the_refresher_backs_off() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.vendor.next((0..6).map(|_| Fate::Refuse(ErrorKind::VendorDown, Advice::Retry)));
    for _ in 0..6 {
        rig.refresh(&keeper).await.unwrap_err();
    }
    assert!(rig.due_in().await > 100.0);
    keeper.key(rig.tenant, rig.connection, None).await.unwrap_err();
    rig.pass(15.1).await;
    assert_eq!(rig.key(&keeper).await, "key-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_the_lease_of_a_process_that_died_is_taken_over_when_it_ends_and_not_before() {
    let rig = Rig::new().await;
    rig.vendor.next([Fate::Hang]);
    let (dead, alive) = (rig.keeper().await, rig.keeper_that_waits(Duration::from_millis(200)).await);
    tokio::select! {
        _ = dead.key(rig.tenant, rig.connection, None) => panic!("it hangs"),
        () = rig.vendor.hanging.notified() => {}
    }
    let error = alive.key(rig.tenant, rig.connection, None).await.unwrap_err();
    assert!(matches!(error, RefreshError::Waited), "{error:?}");
    assert_eq!((rig.vendor.asked().len(), rig.due().await), (1, 0));
    rig.owner
        .batch_execute("UPDATE pms_connections SET refresh_lease_until = now() - interval '1 s'")
        .await
        .unwrap();
    assert_eq!(rig.key(&alive).await, "key-2");
}

/// Has a log-in begin that outlives its lease, while another process gets `key-2`; then lets it come to its end.
async fn outlived(rig: &Rig, late: &'static Fate) -> Result<String, RefreshError> {
    let (slow, quick) = (rig.keeper().await, rig.keeper().await);
    rig.vendor.next([Fate::Late(late)]);
    let (tenant, connection) = (rig.tenant, rig.connection);
    let slow = tokio::spawn(async move { slow.key(tenant, connection, None).await });
    rig.vendor.hanging.notified().await;
    let sql = "UPDATE pms_connections SET refresh_lease_until = now() - interval '1 s'";
    rig.owner.execute(sql, &[]).await.unwrap();
    assert_eq!(rig.key(&quick).await, "key-2");
    rig.vendor.let_go.notify_one();
    slow.await.unwrap().map(|(key, _)| shown(&key))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_lease_overwrites_no_newer_key_and_goes_on_with_that() {
    let rig = Rig::new().await;
    assert_eq!(outlived(&rig, &Fate::Give(3_600, Some("late"))).await.unwrap(), "key-2");
    assert_eq!(rig.key(&*rig.keeper().await).await, "key-2", "the newer one stays");
    assert_eq!(rig.news("token.refreshed").await.len(), 1, "and is told of once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_lease_and_is_refused_speaks_for_nobody() {
    let rig = Rig::new().await;
    let refused = &Fate::Refuse(ErrorKind::AccessWithdrawn, Advice::Permanent);
    assert_eq!(outlived(&rig, refused).await.unwrap(), "key-2");
    assert_eq!((rig.status().await.as_str(), rig.alerts().await), ("active", vec![]));
    assert!(rig.due_in().await > 60.0, "the next refresh is near half the newer key's life");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_that_outlives_its_lease_counts_where_nobody_else_has_one() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.vendor.next([Fate::Late(&Fate::Give(3_600, None))]);
    let (tenant, connection) = (rig.tenant, rig.connection);
    let slow = tokio::spawn(async move { keeper.key(tenant, connection, None).await });
    rig.vendor.hanging.notified().await;
    let sql = "UPDATE pms_connections SET refresh_due_at = now() - interval '1 s'";
    rig.owner.execute(sql, &[]).await.unwrap();
    rig.vendor.let_go.notify_one();
    assert_eq!(shown(&slow.await.unwrap().unwrap().0), "key-1");
}
