use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::desk::{SOON, book, ended, free_times, let_anybody_book};

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_key_that_expires_or_is_revoked_in_the_middle_costs_no_booking() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let_anybody_book(&stack).await;
    let clinic = &stack.clinics[0];
    let slots = free_times(&stack, clinic, "call-1").await;
    for (number, end) in ["/expire_key", "/revoke_key", "/expire_key"].into_iter().enumerate() {
        let killed = stack.sandbox.office("POST", &clinic.office, end, None).await.unwrap();
        assert!(killed["keys"].as_u64() > Some(0), "{killed}");
        let (call, patient) = (format!("call-{number}"), format!("{}", 101 + number));
        let told = book(&stack, clinic, (&call, "book"), &patient, &slots[number * 4]).await;
        assert!(["confirmed", "accepted"].contains(&told["status"].as_str().unwrap()), "{told}");
    }
    assert_eq!(ended(&stack).await, ["succeeded"; 3]);
    assert_eq!(stack.sandbox.booked(&clinic.office).await.unwrap().len(), 3);
    let standing = "SELECT status FROM pms_connections";
    assert_eq!(stack.sql(standing).await.unwrap().concat(), ["active"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_keys_are_refreshed_before_they_die() {
    let stack = Stack::start(Plan { replicas: 2, ..Plan::default() }).await.unwrap();
    let clinic = &stack.clinics[0];
    let standing = "SELECT token_expires_at, token_expires_at > now(), refresh_failures FROM pms_connections";
    let key = async || stack.sql(standing).await.unwrap().concat();
    until(SOON, "the first key", || async { (!key().await[0].is_empty()).then_some(()) }).await;
    stack.sandbox.faults(&json!({ "key_life_seconds": 16 })).await.unwrap();
    stack.sql("UPDATE pms_connections SET refresh_due_at = now()").await.unwrap();
    let mut seen = key().await[0].clone();
    for _ in 0..3 {
        let now = until(SOON, "a new key", || async {
            let now = key().await;
            assert_eq!(now[1], "t", "a key died before it was refreshed: {now:?}");
            (now[0] != seen).then_some(now)
        })
        .await;
        assert_eq!(now[2], "0");
        seen = now[0].clone();
    }
    let asked = stack.sandbox.call("GET", "/sikka/requests", None).await.unwrap();
    let logins: u64 = asked
        .as_object()
        .unwrap()
        .values()
        .map(|office| office["by_path"]["POST /v4/request_key"].as_u64().unwrap_or(0))
        .sum();
    assert!((4..=6).contains(&logins), "one log-in a key, however many refreshers: {asked}");
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    let plain = tx.tokens(clinic.connection).await.unwrap().key.unwrap();
    tx.commit().await.unwrap();
    let open = format!(
        "SELECT count(*) FROM pms_connections WHERE position('{}'::bytea in token) > 0",
        plain.expose()
    );
    assert_eq!(stack.sql(&open).await.unwrap().concat(), ["0"], "the key is sealed at rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_gives_nobody_a_key_is_one_alert_and_its_end_one() {
    let stack = Stack::start(Plan { clinics: 5, ..Plan::default() }).await.unwrap();
    let failing = async |times: u8| {
        let set = "refresh_due_at = now() + interval '1 h', token_expires_at = now() + interval '12 h'";
        stack.sql(&format!("UPDATE pms_connections SET {set}, refresh_failures = {times}")).await.unwrap();
    };
    let open = async || stack.sql("SELECT code FROM alerts WHERE cleared_at IS NULL").await.unwrap().concat();
    until(SOON, "every key", || async {
        let keyless =
            stack.sql("SELECT id FROM pms_connections WHERE token_expires_at IS NULL").await.unwrap();
        keyless.is_empty().then_some(())
    })
    .await;
    failing(3).await;
    until(SOON, "one alert", || async { (open().await == ["vendor_down"]).then_some(()) }).await;
    // Of fewer it may be their own affair.
    let one = "UPDATE pms_connections SET refresh_failures = 0
               WHERE id = (SELECT min(id::text)::uuid FROM pms_connections)";
    stack.sql(one).await.unwrap();
    until(SOON, "its end", || async { open().await.is_empty().then_some(()) }).await;
    assert_eq!(stack.sql("SELECT code FROM alerts").await.unwrap().concat(), ["vendor_down"]);
}
