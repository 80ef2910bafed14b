//! Writes that went wrong, from the operator's program.

use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, free_times, lines, run, writebacks};

async fn ours(stack: &Stack, arguments: &[&str]) -> (bool, Vec<Value>) {
    let arguments: Vec<&str> = ["--json", "writebacks"].iter().chain(arguments).copied().collect();
    let (well, printed) = run(stack, &arguments).await;
    (well, lines(&printed))
}

async fn parked(stack: &Stack, ids: (&str, &str), slot: &Value) -> String {
    let clinic = &stack.clinics[0];
    let told = book(stack, clinic, ids, MARIA, slot).await;
    let id = told["writebackId"].as_str().unwrap().to_owned();
    for (state, then) in [
        ("submitted", "UPDATE pms_writebacks SET deadline_at = now() WHERE state = 'submitted'"),
        ("parked", "SELECT 1"),
    ] {
        until(SOON, state, || async { (writebacks(stack).await.last()?[1] == state).then_some(()) }).await;
        stack.sql(then).await.unwrap();
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_parked_writes_are_listed_planned_replayed_and_dropped() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let clinic = &stack.clinics[0];
    let mode = async |mode: &str| {
        let body = json!({ "mode": mode });
        stack.sandbox.office("PUT", &clinic.office, "/writeback", Some(&body)).await.unwrap();
    };
    mode("never").await;
    let times = free_times(&stack, clinic, "call-1").await;
    let first = parked(&stack, ("call-1", "book-1"), &times[0]).await;
    let far = times.last().unwrap();
    let second = parked(&stack, ("call-2", "book-2"), far).await;
    let (_, listed) = ours(&stack, &["list"]).await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[0]["next_action"].as_str().unwrap().contains("Look in your own system"), "{listed:?}");
    let reasons = ours(&stack, &["list", "--reason", "slot_taken"]).await.1;
    assert!(reasons.is_empty(), "{reasons:?}");
    let (_, tasks) = ours(&stack, &["tasks"]).await;
    assert_eq!(tasks.len(), 2, "{tasks:?}");
    assert!(tasks[0]["wanted"].is_null(), "{tasks:?}");
    let (_, tasks) = ours(&stack, &["tasks", "--wanted"]).await;
    assert!(tasks.iter().all(|task| task["wanted"]["start"].is_string()), "{tasks:?}");
    let read = "SELECT actor FROM audit_log WHERE action = 'task.read' AND patient IS NOT NULL";
    assert_eq!(stack.sql(read).await.unwrap().concat(), ["operator"]);
    let (well, doctor) = run(&stack, &["doctor"]).await;
    assert!(!well && doctor.contains("LOOK  tasks"), "{doctor}");
    // The practice has done one of them after all, and its copy shows it.
    mode("normal").await;
    until(SOON, "the practice to do it", || async {
        (stack.sandbox.booked(&clinic.office).await.unwrap().len() == 2).then_some(())
    })
    .await;
    let (_, plan) = ours(&stack, &["plan", &first, &second]).await;
    for one in &plan {
        assert_eq!(one["verdict"], "already_applied", "{plan:?}");
    }
    let (well, replayed) = ours(&stack, &["replay", &first, "--per-minute", "600"]).await;
    assert!(well && replayed[0]["outcome"] == "replayed", "{replayed:?}");
    let replay = replayed[0]["replay"].as_str().unwrap().to_owned();
    until(SOON, "the replay to find it", || async {
        let (_, shown) = ours(&stack, &["show", &replay]).await;
        (shown[0]["state"] == "succeeded").then_some(())
    })
    .await;
    assert_eq!(stack.sandbox.writes(&clinic.office).await.unwrap().len(), 2, "nothing was sent again");
    let (well, printed) = run(&stack, &["writebacks", "drop", &second]).await;
    assert!(!well && printed.contains("--reason") && printed.contains("--outcome"), "{printed}");
    let (well, dropped) =
        ours(&stack, &["drop", &second, "--outcome", "entered_by_hand", "--reason", "it is in the calendar"])
            .await;
    assert!(well && dropped[0]["outcome"] == "entered_by_hand", "{dropped:?}");
    let (well, printed) = run(&stack, &["writebacks", "replay", &second]).await;
    assert!(well && printed.contains("dropped"), "{printed}");
    assert!(ours(&stack, &["list"]).await.1.is_empty());
    assert_eq!(ours(&stack, &["list", "--all"]).await.1.len(), 2);
    assert!(ours(&stack, &["tasks"]).await.1.is_empty());
    let (well, printed) = run(&stack, &["doctor"]).await;
    assert!(well, "{printed}");
    // However many there are.
    stack
        .sql(
            "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference,
                 state, reason, deadline_at, finished_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, operation, payload, uuid_send(gen_random_uuid()),
                 'r' || n, 'failed', 'invalid', now(), now()
             FROM pms_writebacks, generate_series(1, 501) AS n",
        )
        .await
        .unwrap();
    let failed = ours(&stack, &["list", "failed"]).await.1.len();
    assert!(failed > 1_000, "{failed}");
    for (which, writes) in [("parked", 0), ("failed", failed)] {
        let replay = ["replay", "--all", "--in", which, "--no-wait", "--per-minute", "1"];
        let (_, runs) = ours(&stack, &replay).await;
        let all: u64 = runs.iter().filter_map(|run| run["writes"].as_u64()).sum();
        assert_eq!(usize::try_from(all).unwrap(), writes, "{which}: {runs:?}");
        if let Some(run) = runs.first() {
            is_ended_by_hand(&stack, run).await;
        }
    }
}

async fn is_ended_by_hand(stack: &Stack, run: &Value) {
    let id = run["run"].as_str().unwrap();
    let (well, stopped) = ours(stack, &["stop", id]).await;
    let left = stopped[0]["not_tried"].as_u64().unwrap();
    assert!(well && left >= run["writes"].as_u64().unwrap() - 1, "{stopped:?}");
    let (well, printed) = self::run(stack, &["writebacks", "stop", id]).await;
    assert!(!well && printed.contains("has come to its end"), "{printed}");
}
