//! P8: keys change while the services go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use seal::{KeyRing, Secret};
use store::{SealedCount, Store, StoreError};

use crate::rig::{Clinic, Rig};
use crate::sealed::write_everywhere;

const OLD: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// Another one of the new one's name.
const OTHER_NEW: &str = "new:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
/// Another key that somebody called by the old one's name.
const IMPOSTOR: &str = "test:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// A process with these keys.
async fn with_keys(rig: &Rig, keys: &[&str]) -> Store {
    let ring = Arc::new(KeyRing::parse(&keys.join(",")).unwrap());
    Store::open(&Secret::new(rig.url()), 4, ring).await.unwrap()
}

async fn under(store: &Store, key: &str) -> Vec<SealedCount> {
    store.sealed_counts().await.unwrap().into_iter().filter(|count| count.key == key).collect()
}

async fn token(store: &Store, clinic: Clinic) -> Secret {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    tx.tokens(clinic.connection).await.unwrap().key.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_after_a_rotation_the_old_key_can_go_and_nothing_is_lost() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    write_everywhere(&rig, clinic).await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    for _ in 0..3 {
        tx.audit(&crate::audit::record("101")).await.unwrap();
    }
    tx.commit().await.unwrap();
    let before = under(&rig.store, "test").await;
    assert_eq!(before.len(), 15, "each sealed column has a value: {before:?}");
    let error = with_keys(&rig, &[NEW]).await.check_keys().await.unwrap_err();
    assert!(error.to_string().contains("sealed with the key `test`, which is not in"), "{error}");

    let both = with_keys(&rig, &[NEW, OLD]).await;
    let rotation = both.rotate(|_, _, _| {}).await.unwrap();
    assert_eq!((rotation.left, rotation.unreadable), (0, 0), "{rotation:?}");
    assert!(under(&both, "test").await.is_empty());
    assert_eq!(both.rotate(|_, _, _| {}).await.unwrap().resealed, 0, "a second time there is nothing to do");

    let new = with_keys(&rig, &[NEW]).await;
    new.check_keys().await.unwrap();
    crate::sealed::read_everywhere(&new, clinic).await;
    let mut tx = new.tenant(clinic.tenant).await.unwrap();
    tx.audit(&crate::audit::record("101")).await.unwrap();
    let report = tx.verify_audit(None).await.unwrap();
    assert!(report.faults.is_empty() && report.records == 4, "the chain outlives its first key: {report:?}");
    tx.commit().await.unwrap();
    let error = with_keys(&rig, &[OLD]).await.check_keys().await.unwrap_err();
    assert!(error.to_string().contains("sealed with the key `new`, which is not in"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_key_of_the_same_name_is_not_taken_for_the_same_key() {
    let rig = Rig::new().await;
    rig.clinic("mine").await;
    for keys in [&[IMPOSTOR][..], &[NEW, IMPOSTOR]] {
        let store = with_keys(&rig, keys).await;
        let error = store.check_keys().await.unwrap_err();
        assert!(matches!(error, StoreError::OtherKeys(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("the key `test` in ENCRYPTION_KEY is not the one it was sealed with"),
            "{text}"
        );
        assert!(store.machinery().await.is_err(), "nothing can be touched with it");
    }
    // The wrong keys have left no mark.
    with_keys(&rig, &[NEW, OLD]).await.check_keys().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_process_without_the_key_that_was_in_front_last_does_not_start() {
    let rig = Rig::new().await;
    rig.clinic("mine").await;
    with_keys(&rig, &[OLD, NEW]).await.check_keys().await.unwrap();
    with_keys(&rig, &[OLD]).await.check_keys().await.expect("nothing is sealed with the new one yet");
    with_keys(&rig, &[NEW, OLD]).await.check_keys().await.unwrap();
    let error = with_keys(&rig, &[OLD]).await.check_keys().await.unwrap_err();
    assert!(matches!(error, StoreError::OtherKeys(_)), "{error:?}");
    assert!(error.to_string().contains("sealed with the key `new`, which is not in"), "{error}");
    // Whoever goes back has what the new one sealed sealed anew first.
    let back = with_keys(&rig, &[OLD, NEW]).await;
    back.check_keys().await.unwrap();
    assert_eq!(back.rotate(|_, _, _| {}).await.unwrap().left, 0);
    with_keys(&rig, &[OLD]).await.check_keys().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_two_keys_of_one_name_are_told_apart_before_anything_is_sealed_with_them() {
    let rig = Rig::new().await;
    rig.clinic("mine").await;
    with_keys(&rig, &[OLD, NEW]).await.check_keys().await.unwrap();
    let error = with_keys(&rig, &[OLD, OTHER_NEW]).await.check_keys().await.unwrap_err();
    assert!(error.to_string().contains("the key `new` in ENCRYPTION_KEY is not the one"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_database_sealed_before_there_were_marks_is_not_marked_with_another_key() {
    let rig = Rig::new().await;
    rig.clinic("mine").await;
    rig.owner.batch_execute("DELETE FROM sealed_keys").await.unwrap();
    assert!(with_keys(&rig, &[IMPOSTOR]).await.check_keys().await.is_err());
    assert!(with_keys(&rig, &[NEW]).await.check_keys().await.is_err());
    assert_eq!(rig.number("SELECT count(*) FROM sealed_keys").await, 0);
    with_keys(&rig, &[OLD]).await.check_keys().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_of_processes_that_start_at_once_with_different_keys_one_kind_wins() {
    let rig = Rig::new().await;
    let mut starting = tokio::task::JoinSet::new();
    for number in 0..12 {
        let store = with_keys(&rig, &[if number % 2 == 0 { OLD } else { IMPOSTOR }]).await;
        starting.spawn(async move { (number % 2, store.check_keys().await.is_ok()) });
    }
    let mut fits = [(0, 0), (0, 0)];
    while let Some(one) = starting.join_next().await {
        let (kind, fit) = one.unwrap();
        if fit { fits[kind].0 += 1 } else { fits[kind].1 += 1 }
    }
    assert!(fits == [(6, 0), (0, 6)] || fits == [(0, 6), (6, 0)], "{fits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_refresh_during_a_rotation_is_never_overwritten() {
    let rig = Rig::new().await;
    let mut clinics = Vec::new();
    for number in 0..60 {
        clinics.push(rig.clinic(&format!("clinic-{number}")).await);
    }
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let stop = Arc::new(AtomicBool::new(false));
    let mut writing = tokio::task::JoinSet::new();
    // Two processes that have not been started again yet, and two that have.
    for (hand, keys) in [&[OLD][..], &[OLD], &[NEW, OLD], &[NEW, OLD]].into_iter().enumerate() {
        let store = with_keys(&rig, keys).await;
        store.check_keys().await.unwrap();
        let (stop, clinics) = (stop.clone(), clinics.clone());
        writing.spawn(async move {
            let mut last = Vec::new();
            for round in 0.. {
                for clinic in clinics.iter().skip(hand).step_by(4) {
                    let key = format!("token-{hand}-{round}");
                    let mut tx = store.tenant(clinic.tenant).await.unwrap();
                    let secret = Secret::new(key.clone());
                    let lease = tx.lease_refresh(clinic.connection, 60.0).await.unwrap().unwrap();
                    tx.store_tokens(clinic.connection, lease, &secret, None, later, later).await.unwrap();
                    tx.commit().await.unwrap();
                    last.push((*clinic, key));
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            last
        });
    }
    let rotating = with_keys(&rig, &[NEW, OLD]).await;
    for _ in 0..2 {
        rotating.rotate(|_, _, _| {}).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut written = std::collections::HashMap::new();
    while let Some(last) = writing.join_next().await {
        for (clinic, key) in last.unwrap() {
            written.insert(clinic.connection, (clinic, key));
        }
    }
    let rotation = rotating.rotate(|_, _, _| {}).await.unwrap();
    assert_eq!((rotation.left, rotation.unreadable), (0, 0));
    let new = with_keys(&rig, &[NEW]).await;
    assert_eq!(written.len(), 60);
    for (clinic, key) in written.into_values() {
        assert_eq!(token(&new, clinic).await, Secret::new(key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_holds_or_nobody_can_open_does_not_stop_the_rest() {
    let rig = Rig::new().await;
    let (held, broken) = (rig.clinic("held").await, rig.clinic("broken").await);
    let empty = rig.clinic("empty").await;
    rig.clinic("free").await;
    rig.store.check_keys().await.unwrap();
    let spoil = format!(
        "UPDATE pms_connections SET credentials = set_byte(credentials, 30, 7) WHERE id = '{}'",
        broken.connection.uuid()
    );
    rig.owner.batch_execute(&spoil).await.unwrap();
    let spoil =
        format!("UPDATE pms_connections SET credentials = '' WHERE id = '{}'", empty.connection.uuid());
    rig.owner.batch_execute(&spoil).await.unwrap();
    let mut tx = rig.store.tenant(held.tenant).await.unwrap();
    assert!(tx.lease_refresh(held.connection, 60.0).await.unwrap().is_some());
    let both = with_keys(&rig, &[NEW, OLD]).await;
    let rotation = both.rotate(|_, _, _| {}).await.unwrap();
    assert_eq!((rotation.resealed, rotation.unreadable, rotation.left), (1, 2, 1));
    let error = with_keys(&rig, &[OLD]).await.check_keys().await.unwrap_err();
    assert!(error.to_string().contains("sealed with the key `new`"), "the newer one is in front: {error}");
    let error = with_keys(&rig, &[NEW]).await.check_keys().await.unwrap_err();
    assert!(error.to_string().contains("sealed with the key `test`"), "something is left under it: {error}");
    tx.commit().await.unwrap();
    let rotation = both.rotate(|_, _, _| {}).await.unwrap();
    assert_eq!((rotation.resealed, rotation.unreadable, rotation.left), (1, 2, 0));
    with_keys(&rig, &[NEW]).await.check_keys().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_every_column_of_bytes_is_rotated_or_is_known_to_be_no_secret() {
    const NOT_SEALED: [(&str, &str); 12] = [
        ("api_keys", "hash"),
        ("audit_anchors", "hash"),
        ("audit_anchors", "seal"),
        ("audit_heads", "hash"),
        ("audit_heads", "seal"),
        ("audit_log", "hash"),
        ("audit_looks", "seal"),
        ("call_guesses", "guess"),
        ("pms_install_links", "hash"),
        ("pms_writebacks", "fingerprint"),
        ("sealed_keys", "sealed"),
        ("tool_calls", "arguments_hash"),
    ];
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    write_everywhere(&rig, clinic).await;
    let counted = rig.store.sealed_counts().await.unwrap();
    let columns = rig
        .owner
        .query(
            "SELECT table_name::text, column_name::text FROM information_schema.columns
             WHERE table_schema = 'public' AND data_type = 'bytea'",
            &[],
        )
        .await
        .unwrap();
    for row in columns {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let is_rotated = counted.iter().any(|count| count.table == table && count.column == column);
        let is_plain = NOT_SEALED.contains(&(table.as_str(), column.as_str()));
        assert!(
            is_rotated || is_plain,
            "say in crates/store/src/reseal.rs what {table}.{column} is bound to"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_is_signed_stays_the_same_through_every_step_of_a_rotation() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    write_everywhere(&rig, clinic).await;
    let signed = async |keys: &[&str]| {
        let store = with_keys(&rig, keys).await;
        let by = |purpose| store.lasting_key(purpose).map(|key| key.sign(&[b"text"]));
        assert_eq!((by("tool calls"), by("reception")), (None, None), "a key is guessed before it is known");
        assert!(store.check_keys().await.unwrap());
        (by("tool calls").unwrap(), by("reception").unwrap())
    };
    let first = signed(&[OLD]).await;
    assert_ne!(first.0, first.1);
    assert_eq!(signed(&[OLD, NEW]).await, first);
    assert_eq!(signed(&[NEW, OLD]).await, first);
    with_keys(&rig, &[NEW, OLD]).await.rotate(|_, _, _| {}).await.unwrap();
    assert_eq!(signed(&[NEW]).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_from_before_there_were_kept_keys_stays_whole_whatever_step_of_a_rotation_it_meets() {
    for (keys, forget) in [
        (&[OLD, NEW][..], ""),
        (&[NEW, OLD], ""),
        (&[OLD, NEW], "DELETE FROM pms_connections"),
        (&[NEW, OLD], "DELETE FROM pms_connections"),
    ] {
        let rig = Rig::new().await;
        let clinic = rig.clinic("mine").await;
        let append = async |store: &Store| {
            let mut tx = store.tenant(clinic.tenant).await.unwrap();
            tx.audit(&crate::audit::record("101")).await.unwrap();
            tx.commit().await.unwrap();
        };
        append(&rig.store).await;
        rig.owner.batch_execute("DELETE FROM sealed_keys").await.unwrap();
        rig.owner.batch_execute(forget).await.unwrap();
        let both = with_keys(&rig, keys).await;
        append(&both).await;
        let mut tx = both.tenant(clinic.tenant).await.unwrap();
        let report = tx.verify_audit(None).await.unwrap();
        assert!(report.faults.is_empty() && report.records == 2, "{keys:?} {forget}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn to_count_what_is_sealed_under_which_key_does_not_read_the_sealed_values() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    write_everywhere(&rig, clinic).await;
    // Of values that are kept outside of their rows, in hundreds of pieces each.
    let large = "UPDATE pms_writebacks SET payload = substring(payload FROM 1 FOR 33) || (
                     SELECT string_agg(sha256(number::text::bytea), ''::bytea) FROM generate_series(1, 20000) number)";
    rig.owner.batch_execute(large).await.unwrap();
    let read = async || {
        let row = rig
            .owner
            .query_one(
                "SELECT seq_scan, toast_blks_read + toast_blks_hit FROM pg_stat_user_tables
                 JOIN pg_statio_user_tables USING (relid) WHERE pg_stat_user_tables.relname = 'pms_writebacks'",
                &[],
            )
            .await
            .unwrap();
        (row.get::<_, i64>(0), row.get::<_, Option<i64>>(1).unwrap_or_default())
    };
    let counting = with_keys(&rig, &[OLD]).await;
    let mut before = read().await;
    // What this test wrote itself is counted a moment later.
    let settled = testbed::until(crate::rig::SOON, "the figures to settle", || async {
        rig.owner.batch_execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()").await.unwrap();
        let now = read().await;
        (now.1 > 100).then_some(now)
    });
    before = (before.0, settled.await.1);
    counting.sealed_counts().await.unwrap();
    let after = testbed::until(crate::rig::SOON, "the count to be in the figures", || async {
        // A session tells its figures when it does something else after a while.
        counting.ping().await.unwrap();
        rig.owner.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        let now = read().await;
        (now.0 > before.0 && now.1 > before.1).then_some(now)
    });
    let blocks = after.await.1 - before.1;
    assert!(blocks < 50, "{blocks} blocks of large values were read to count them");
}
