//! Keys that are got, shared and renewed.

use std::sync::Arc;

use credentials::ConnectionKeys;
use pms::{KeySource as _, SessionKey};
use seal::Secret;
use tokio::task::JoinSet;

use crate::rig::{Fate, Rig, shown};

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_in_however_many_processes_the_vendor_is_asked_once() {
    let rig = Rig::new().await;
    for round in 1..=3 {
        let keepers = [rig.keeper().await, rig.keeper().await];
        let stale = (round > 1).then(|| SessionKey(Secret::new(format!("key-{}", round - 1))));
        let mut tasks = JoinSet::new();
        for caller in 0..50 {
            let (keeper, stale) = (keepers[caller % 2].clone(), stale.clone());
            let (tenant, connection) = (rig.tenant, rig.connection);
            tasks.spawn(async move { keeper.key(tenant, connection, stale.as_ref()).await.unwrap().0 });
        }
        let mut keys: Vec<String> = tasks.join_all().await.iter().map(shown).collect();
        keys.dedup();
        assert_eq!((keys, rig.vendor.asked().len()), (vec![format!("key-{round}")], round));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_key_is_renewed_once_and_a_newer_one_is_not_thrown_away() {
    let rig = Rig::new().await;
    let (one, two) = (rig.keeper().await, rig.keeper().await);
    let keys = |keeper| Arc::new(ConnectionKeys::new(keeper, rig.tenant, rig.connection));
    let (one, two) = (keys(one), keys(two));
    let old = one.key().await.unwrap();
    assert_eq!(two.key().await.unwrap(), old);
    let mut tasks = JoinSet::new();
    for caller in 0..50 {
        let (keys, old) = (if caller % 2 == 0 { one.clone() } else { two.clone() }, old.clone());
        tasks.spawn(async move { keys.renew(&old).await.unwrap() });
    }
    assert!(tasks.join_all().await.iter().all(|key| shown(key) == "key-2"));
    assert_eq!(rig.vendor.asked().len(), 2);
    assert_eq!(shown(&one.renew(&old).await.unwrap()), "key-2", "a late complaint about the old key");
    assert_eq!(rig.vendor.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_about_to_die_is_not_handed_out() {
    let rig = Rig::new().await;
    rig.vendor.next([Fate::Give(10, None)]);
    let keeper = rig.keeper().await;
    assert_eq!(rig.key(&keeper).await, "key-1");
    assert_eq!(rig.key(&keeper).await, "key-2");
    assert_eq!(rig.key(&keeper).await, "key-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_made_with_the_last_refresh_token_there_was() {
    let rig = Rig::new().await;
    rig.vendor.next([
        Fate::Give(1, Some("r1")),
        Fate::Give(1, None),
        Fate::Give(1, Some("r2")),
        Fate::Give(1, None),
    ]);
    let keeper = rig.keeper().await;
    for _ in 0..4 {
        rig.key(&keeper).await;
    }
    let with = |token: &str| Some(token.to_owned());
    assert_eq!(rig.vendor.asked(), [None, with("r1"), with("r1"), with("r2")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_key_is_sealed_at_rest() {
    let rig = Rig::new().await;
    rig.vendor.next([Fate::Give(86_400, Some("key-of-keys"))]);
    let keeper = rig.keeper().await;
    rig.key(&keeper).await;
    let row = rig
        .owner
        .query_one("SELECT token, refresh_token, credentials, c::text FROM pms_connections c", &[])
        .await
        .unwrap();
    for column in 0..3 {
        let bytes: Vec<u8> = row.get(column);
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("key-") && !text.contains("sesame"), "column {column}");
    }
    assert!(!row.get::<_, String>(3).contains("key-"));
    assert!(!format!("{keeper:?}").contains("key-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_written_down_before_anybody_gets_it() {
    let rig = Rig::new().await;
    let keeper = rig.keeper().await;
    rig.owner.batch_execute("REVOKE INSERT ON outbox FROM switchboard_app").await.unwrap();
    keeper.key(rig.tenant, rig.connection, None).await.unwrap_err();
    rig.owner
        .batch_execute("GRANT INSERT ON outbox TO switchboard_app; UPDATE pms_connections SET refresh_lease_until = NULL")
        .await
        .unwrap();
    assert_eq!(rig.key(&keeper).await, "key-2", "the first one was never written down");
    assert_eq!(rig.key(&*rig.keeper().await).await, "key-2");
    let sql = "SELECT string_agg(routing_key, ' ') FROM outbox";
    let news: String = rig.owner.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(news, "token.refreshed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_due_for_refresh_near_half_its_life_and_claimed_once() {
    let rig = Rig::new().await;
    assert_eq!(rig.due().await, 1, "no key yet");
    let keeper = rig.keeper().await;
    rig.key(&keeper).await;
    let due_in = rig.due_in().await;
    assert!((86_400.0 * 0.44..86_400.0 * 0.56).contains(&due_in), "{due_in}");
    assert_eq!(rig.due().await, 0);
    rig.pass(86_400.0 * 0.56).await;
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.claim_due_refreshes("scripted", 10, 60.0).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    assert_eq!(rig.due().await, 0, "another refresher has it");
    rig.refresh(&keeper).await.unwrap();
    assert_eq!(rig.key(&keeper).await, "key-2");
    assert_eq!(rig.due().await, 0);
}
