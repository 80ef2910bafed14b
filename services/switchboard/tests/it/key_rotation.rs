//! P8: the keys of `ENCRYPTION_KEY` change under running services, and a wrong one is told at once.

use std::sync::Arc;
use std::time::Duration;

use seal::{KeyRing, Secret};
use serde_json::{Value, json};
use store::Store;
use testbed::{Plan, Process, Proxy, Stack, until};

use crate::desk::{SOON, book, ended, free_times, let_anybody_book, lines};

const OLD: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// Another key, called by the old one's name.
const IMPOSTOR: &str = "test:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Runs a command of the program with these keys: whether it exited 0, and its JSON lines.
async fn run(stack: &Stack, keys: &str, arguments: &[&str]) -> (bool, Vec<Value>) {
    let process = stack.program().unwrap().env("ENCRYPTION_KEY", keys).arg("--json");
    let mut process = arguments.iter().fold(process, |process, one| process.arg(*one));
    process.start().unwrap();
    let status = end_of(&mut process).await;
    // What is for people stands beside it.
    let printed: Vec<String> =
        process.log().lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect();
    (status == Some(0), lines(&printed.join("\n")))
}

async fn end_of(process: &mut Process) -> Option<i32> {
    let started = std::time::Instant::now();
    loop {
        if let Some(status) = process.exited().unwrap() {
            return status.code();
        }
        assert!(started.elapsed() < SOON, "it did not end: {}", process.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What is sealed under a key, by the program's own count.
async fn under(stack: &Stack, keys: &str, key: &str) -> i64 {
    let (well, told) = run(stack, keys, &["keys", "status"]).await;
    assert!(well, "{told:?}");
    let sum = told.iter().find(|line| line["key"] == key && line.get("table").is_none());
    sum.map_or(0, |line| line["values"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_keys_rotate_while_refresher_and_workers_write_and_then_the_old_one_goes() {
    let (both, newest_first) = (format!("{OLD},{NEW}"), format!("{NEW},{OLD}"));
    let mut stack =
        Stack::start(Plan { replicas: 2, ..Plan::default() }.set("encryption.key", &both)).await.unwrap();
    let_anybody_book(&stack).await;
    let clinic = stack.clinics[0].clone();
    let slots = free_times(&stack, &clinic, "call-1").await;
    let booked = async |stack: &Stack, number: usize| {
        let call = format!("call-{number}");
        let told =
            book(stack, &clinic, (&call, "book"), &format!("{}", 101 + number), &slots[number * 2]).await;
        assert!(["confirmed", "accepted"].contains(&told["status"].as_str().unwrap()), "{told}");
    };
    booked(&stack, 1).await;
    stack.set("encryption.key", &newest_first);
    stack.start_again().await.unwrap();
    assert!(under(&stack, &newest_first, "test").await > 0);

    // Keys die and are got anew, and patients book, while everything is sealed anew.
    stack.sandbox.faults(&json!({ "key_life_seconds": 8 })).await.unwrap();
    let due = "UPDATE pms_connections SET refresh_due_at = now()";
    let rotating = async {
        for _ in 0..4 {
            let (well, told) = run(&stack, &newest_first, &["keys", "rotate"]).await;
            assert!(well, "{told:?}");
            stack.sql(due).await.unwrap();
        }
    };
    let booking = async {
        for number in 2..5 {
            booked(&stack, number).await;
        }
    };
    tokio::join!(rotating, booking);
    assert_eq!(ended(&stack).await, ["succeeded"; 4]);
    assert_eq!(under(&stack, &newest_first, "test").await, 0);
    assert_eq!(run(&stack, &newest_first, &["keys", "rotate"]).await.1.last().unwrap()["resealed"], 0);
    let kept =
        "SELECT count(*), min(actor), min(detail->>'whole') FROM audit_log WHERE action = 'keys.rotate'";
    assert_eq!(stack.sql(kept).await.unwrap(), [["5", "operator", "true"]], "whose hand it was is on record");

    stack.set("encryption.key", NEW);
    stack.start_again().await.unwrap();
    booked(&stack, 5).await;
    assert_eq!(ended(&stack).await, ["succeeded"; 5]);
    let keys = Arc::new(KeyRing::parse(NEW).unwrap());
    let store = Store::open(&Secret::new(stack.database_url.clone()), 2, keys).await.unwrap();
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    tx.tokens(clinic.connection).await.unwrap();
    assert!(tx.verify_audit(None).await.unwrap().faults.is_empty(), "the chain outlives its first key");
    tx.commit().await.unwrap();
    let standing = stack.sql("SELECT status FROM pms_connections").await.unwrap().concat();
    assert_eq!(standing, ["active"], "no refresh was lost");
    assert_eq!(stack.sandbox.booked(&clinic.office).await.unwrap().len(), 5);
    assert_eq!(stack.sql("SELECT count(*) FROM parked_messages").await.unwrap().concat(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_wrong_key_stops_every_service_and_the_program_with_one_clear_sentence() {
    let mut stack = Stack::start(Plan::default()).await.unwrap();
    for (keys, sentence) in [
        (
            IMPOSTOR,
            "ENCRYPTION_KEY does not fit this database: the key `test` in ENCRYPTION_KEY is not the one it was sealed with",
        ),
        (
            NEW,
            "ENCRYPTION_KEY does not fit this database: its values are sealed with the key `test`, which is not in ENCRYPTION_KEY",
        ),
    ] {
        stack.set("encryption.key", keys);
        for service in ["webhook-gateway", "pms-api", "sikka-worker", "token-refresher"] {
            let mut member = stack.member(service, None).unwrap();
            assert_eq!(end_of(&mut member.process).await, Some(1), "{service}: {}", member.process.log());
            let log = member.process.log();
            let plain = format!("{service}: {sentence}");
            assert_eq!(log.lines().last(), Some(plain.as_str()), "{log}");
            assert!(!log.contains("AgICAgIC") && !log.contains("AQEBAQEB"), "{service} tells the key");
        }
        let (well, told) = run(&stack, keys, &["keys", "status"]).await;
        assert!(!well && told[0]["error"].as_str().unwrap().contains(sentence), "{told:?}");
    }
    // Those with the right key go on.
    stack.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_service_that_starts_before_its_database_stops_when_that_tells_that_the_key_is_wrong() {
    let mut stack = Stack::start(Plan::default()).await.unwrap();
    let wire = Proxy::to(&stack.database_url).await.unwrap();
    wire.cut();
    stack.set("database.url", wire.in_front_of(&stack.database_url).unwrap());
    stack.set("encryption.key", IMPOSTOR);
    let mut member = stack.member("webhook-gateway", None).unwrap();
    // The broker is there: the gateway takes webhooks without the database.
    member.ready().await.unwrap();
    wire.heal();
    let ended = until(SOON, "the end of the gateway", || {
        let ended = member.process.exited().unwrap();
        async move { ended }
    })
    .await;
    assert_eq!(ended.code(), Some(1), "{}", member.process.log());
    let log = member.process.log();
    assert!(log.lines().last().unwrap().contains("is not the one it was sealed with"), "{log}");
}
