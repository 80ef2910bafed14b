//! Many callers at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testbed::{Plan, Stack};

use crate::desk::{MARIA, book, ended, free_times, let_anybody_book};

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_hundred_callers_for_one_slot_one_wins_and_the_others_hear_other_times() {
    let plan = Plan { patients: 100, ..Plan::default() };
    // A hundred patients are looked up at once: the vendor's limit and haste are not what this is about.
    let plan = plan
        .set("sikka_worker.first_budget", 4_000)
        .set("sikka_worker.budget_percent", 100)
        .set("database.pool_size", 24);
    let stack = Stack::start(plan).await.unwrap();
    let_anybody_book(&stack).await;
    stack.sandbox.faults(&json!({ "rate_limit_per_minute": 5_000 })).await.unwrap();
    let clinic = &stack.clinics[0];
    let slot = &free_times(&stack, clinic, "call").await[0];
    let patients = stack.sandbox.patients(&clinic.office).await.unwrap();
    assert_eq!(patients.len(), 100);
    let calls = patients.iter().map(|patient| {
        let stack = &stack;
        async move {
            let call = format!("call-{patient}");
            book(stack, clinic, (&call, "book"), patient, slot).await
        }
    });
    let told = futures_util::future::join_all(calls).await;
    let won: Vec<&Value> = told
        .iter()
        .filter(|one| ["confirmed", "accepted"].contains(&one["status"].as_str().unwrap()))
        .collect();
    assert_eq!(won.len(), 1, "{told:?}");
    for lost in told.iter().filter(|one| one["status"] == "refused") {
        let others = lost["alternatives"].as_array().unwrap();
        assert!(!others.is_empty(), "{lost}");
        let wanted = |one: &&Value| one["start"] == slot["start"] && one["provider"] == slot["provider"];
        assert!(!others.iter().any(|one| wanted(&one)), "the lost time itself is offered: {lost}");
    }
    let refused = told.iter().filter(|one| one["status"] == "refused").count();
    assert_eq!(refused, 99, "{told:?}");
    assert_eq!(ended(&stack).await, ["succeeded"]);
    assert_eq!(stack.sandbox.booked(&clinic.office).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_the_same_tool_call_five_times_at_once_books_once() {
    let stack = Stack::start(Plan { replicas: 2, ..Plan::default() }).await.unwrap();
    let clinic = &stack.clinics[0];
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    let same = (0..5).map(|_| book(&stack, clinic, ("call-1", "book-1"), MARIA, slot));
    let told = futures_util::future::join_all(same).await;
    let different: BTreeSet<String> = told.iter().map(Value::to_string).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert!(["confirmed", "accepted"].contains(&told[0]["status"].as_str().unwrap()), "{}", told[0]);
    assert_eq!(ended(&stack).await, ["succeeded"]);
    assert_eq!(stack.sandbox.writes(&clinic.office).await.unwrap().len(), 1);
    assert_eq!(stack.sandbox.booked(&clinic.office).await.unwrap().len(), 1);
    let uses = "SELECT count(*) >= 5 FROM audit_log WHERE action = 'appointment.book'";
    assert_eq!(stack.sql(uses).await.unwrap().concat(), ["t"], "a repeat is a use too");
}
