use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use store::OutgoingLetter;
use testbed::until;
use uuid::Uuid;

use crate::rig::{Rig, SOON, on_a_call, tool_call};

fn numbered(number: usize) -> Value {
    on_a_call(&format!("call-{number}"), json!({"type": "status-update", "status": "in-progress"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_with_the_broker_away_messages_wait_in_the_database_and_follow_in_order() {
    let rig = Rig::new().await;
    rig.broker.cut();
    for number in 0..20 {
        assert_eq!(rig.answered(&numbered(number)).await, json!({}));
    }
    assert_eq!(rig.depth().await, 0);
    assert_eq!(rig.spilled().await, 20);
    rig.broker.heal();
    until(SOON, "an empty database", || async { (rig.spilled().await == 0).then_some(()) }).await;
    let taken = rig.take(20).await;
    let calls: Vec<String> = taken
        .iter()
        .map(|(_, received)| {
            let body: Value = serde_json::from_slice(&received.body).unwrap();
            body["message"]["call"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let expected: Vec<String> = (0..20).map(|number| format!("call-{number}")).collect();
    assert_eq!(calls, expected);
    rig.until_depth(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_with_the_database_away_messages_go_to_the_broker_as_ever() {
    let rig = Rig::new().await;
    rig.base.cut();
    for number in 0..5 {
        assert_eq!(rig.answered(&numbered(number)).await, json!({}));
    }
    assert_eq!(rig.take(5).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_with_both_away_the_vendor_is_told_to_come_again() {
    let rig = Rig::new().await;
    rig.broker.cut();
    rig.base.cut();
    let response = rig.post(&numbered(1)).await;
    assert_eq!(response.status, 503);
    assert_eq!(response.headers["retry-after"], "5");
    let answer: Value = response.json();
    assert_eq!(answer["error"]["code"], "unavailable");
    rig.base.heal();
    until(SOON, "the database", || async { (rig.post(&numbered(2)).await.status == 200).then_some(()) })
        .await;
    rig.broker.heal();
    let taken = rig.take(1).await;
    let body: Value = serde_json::from_slice(&taken[0].1.body).unwrap();
    assert_eq!(body["message"]["call"]["id"], "call-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_with_both_away_a_tool_call_gets_an_apology_and_its_message_is_kept_later() {
    let rig = Rig::new().await;
    rig.broker.cut();
    rig.base.cut();
    let started = Instant::now();
    let told = rig.told(&tool_call("t-1", "searchPatients", &json!({}))).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(told["status"], "unavailable");
    assert!(told["say"].as_str().unwrap().starts_with("I'm sorry"));
    rig.base.heal();
    rig.broker.heal();
    assert_eq!(rig.take(1).await[0].1.kind, "tool-calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_ready_answer_waits_until_the_slow_database_has_its_message() {
    let rig = Rig::new().await;
    rig.broker.cut();
    rig.base.delay(Duration::from_millis(150));
    let answer = rig.answered(&on_a_call("call-1", json!({"type": "transfer-destination-request"}))).await;
    assert!(answer["error"].is_string(), "{answer}");
    assert_eq!(rig.spilled().await, 1, "it was there when the answer came");
    rig.broker.heal();
    assert_eq!(rig.take(1).await[0].1.kind, "transfer-destination-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_letter_nobody_takes_does_not_hold_up_those_behind_it() {
    let rig = Rig::new().await;
    let unwanted = |body| OutgoingLetter {
        message_id: Uuid::now_v7(),
        exchange: "webhooks",
        routing_key: "nobody.asked",
        kind: "test",
        hash_key: None,
        traceparent: None,
        body,
    };
    let mut tx = rig.store.machinery().await.unwrap();
    for _ in 0..250 {
        tx.send(&unwanted(b"x")).await.unwrap();
    }
    tx.commit().await.unwrap();
    rig.broker.cut();
    assert_eq!(rig.answered(&numbered(1)).await, json!({}));
    rig.broker.heal();
    assert_eq!(rig.take(1).await[0].1.kind, "status-update");
    until(SOON, "only what nobody takes", || async { (rig.spilled().await == 250).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_answered_messages_that_nobody_can_keep_wait_in_memory_up_to_a_bound() {
    let rig = Rig::new().await;
    rig.broker.cut();
    rig.base.cut();
    let calls = (0..260)
        .map(|number| on_a_call(&format!("call-{number}"), json!({"type": "transfer-destination-request"})));
    let calls: Vec<Value> = calls.collect();
    join_all(calls.iter().map(|call| rig.answered(call))).await;
    rig.broker.heal();
    assert_eq!(rig.take(256).await.len(), 256);
    rig.until_depth(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_broker_that_hangs_is_not_waited_for() {
    let rig = Rig::new().await;
    rig.broker.stall();
    let started = Instant::now();
    assert_eq!(rig.answered(&numbered(1)).await, json!({}));
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert!(rig.spilled().await >= 1);
    let started = Instant::now();
    let told = rig.told(&tool_call("t-1", "searchPatients", &json!({}))).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_ne!(told["status"], "ok");
    rig.broker.heal();
    until(SOON, "an empty database", || async { (rig.spilled().await == 0).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_broker_that_forgot_its_queues_gets_them_back() {
    let rig = Rig::new().await;
    rig.forget_queue(bus::topology::VOICE_WEBHOOKS).await;
    assert_eq!(rig.answered(&numbered(1)).await, json!({}));
    assert_eq!(rig.take(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_while_either_of_both_is_there() {
    let rig = Rig::new().await;
    let ready = || async { rig.request("GET", "/ready", &[], b"").await.status };
    assert_eq!(ready().await, 200);
    rig.broker.cut();
    until(SOON, "spilling", || async {
        rig.post(&numbered(1)).await;
        (rig.spilled().await > 0).then_some(())
    })
    .await;
    assert_eq!(ready().await, 200);
    rig.base.cut();
    until(SOON, "not ready", || async { (ready().await == 503).then_some(()) }).await;
}
