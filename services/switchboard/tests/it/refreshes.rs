//! The vendor's word that a practice's copy is new: heard, doubled, and lost.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::desk::{SOON, free_times};

/// Somebody at the front desk takes the time of `slot`, in any chair that is free then.
async fn taken_by_hand(stack: &Stack, slot: &Value) {
    let office = &stack.clinics[0].office;
    let start = slot["start"].as_str().unwrap();
    let provider = if slot["provider"].as_str().unwrap().contains("Park") { "DR1" } else { "DR2" };
    for chair in ["OP1", "OP2", "OP3"] {
        let wish = json!({
            "patient_id": "102", "provider_id": provider, "practice_id": "1", "operatory": chair,
            "date": &start[..10], "time": &start[11..16], "length": "30", "description": "by hand",
        });
        if stack.sandbox.office("POST", office, "/pms/appointments", Some(&wish)).await.is_ok() {
            return;
        }
    }
    panic!("no chair is free for {slot}");
}

async fn until_not_offered(stack: &Stack, slot: &Value) {
    let looks = AtomicU32::new(0);
    until(SOON, "the time to be offered no more", || async {
        // A call of its own each time: the same question on the same call gets the stored answer.
        let call = format!("look-{}", looks.fetch_add(1, Ordering::Relaxed));
        let free = free_times(stack, &stack.clinics[0], &call).await;
        let same = |one: &Value| one["start"] == slot["start"] && one["provider"] == slot["provider"];
        (!free.iter().any(same)).then_some(())
    })
    .await;
}

/// Deliveries of every event of Sikka's that was handled.
async fn heard(stack: &Stack) -> Vec<String> {
    let rows =
        "SELECT deliveries FROM webhook_events WHERE source = 'sikka' AND state = 'handled' ORDER BY id";
    stack.sql(rows).await.unwrap().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_refresh_that_is_told_twice_has_what_is_remembered_read_anew_once() {
    // By itself the worker would not look again during this test.
    let plan = Plan { replicas: 2, ..Plan::default() };
    let stack = Stack::start(plan.set("sikka_worker.calendar_ms", 600_000)).await.unwrap();
    stack.tell_by_webhook(None).await.unwrap();
    stack.sandbox.faults(&json!({ "double_webhooks": 1 })).await.unwrap();
    let slot = free_times(&stack, &stack.clinics[0], "call-1").await[0].clone();
    taken_by_hand(&stack, &slot).await;
    stack.sandbox.office("POST", &stack.clinics[0].office, "/refresh", None).await.unwrap();
    until_not_offered(&stack, &slot).await;
    until(SOON, "both deliveries in the ledger", || async { (heard(&stack).await == ["2"]).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_nobody_tells_of_is_found_by_the_timer() {
    let stack = Stack::start(Plan::default().set("sikka_worker.calendar_ms", 3_000)).await.unwrap();
    stack.tell_by_webhook(None).await.unwrap();
    stack.sandbox.faults(&json!({ "lose_webhooks": 1 })).await.unwrap();
    let slot = free_times(&stack, &stack.clinics[0], "call-1").await[0].clone();
    taken_by_hand(&stack, &slot).await;
    stack.sandbox.office("POST", &stack.clinics[0].office, "/refresh", None).await.unwrap();
    until_not_offered(&stack, &slot).await;
    assert!(heard(&stack).await.is_empty(), "it was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_office_that_is_nobodys_is_rejected_and_counted() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    stack.tell_by_webhook(None).await.unwrap();
    stack
        .sandbox
        .office("POST", "D10002", "/webhook", Some(&json!({ "event": "appointments" })))
        .await
        .unwrap();
    until(SOON, "the event in the ledger", || async {
        let rows = "SELECT state, tenant_id IS NULL FROM webhook_events WHERE source = 'sikka'";
        (stack.sql(rows).await.unwrap() == [["rejected", "t"]]).then_some(())
    })
    .await;
    let mut tx = stack.store.machinery().await.unwrap();
    let ledger = tx.ledger().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((ledger.received, ledger.rejected), (1, 1), "{ledger:?}");
}
