use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testbed::until;

use crate::rig::{Rig, SOON, on_a_call};

fn assistant_request() -> Value {
    on_a_call("call-7", json!({"type": "assistant-request"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_called_gets_its_assistant_and_the_call_is_noted_as_its_clinics() {
    let rig = Rig::new().await;
    let answer = rig.answered(&assistant_request()).await;
    assert_eq!(answer["assistantId"], "assistant-1");
    assert_eq!(answer["assistantOverrides"]["metadata"]["accountId"], rig.tenant.to_string());
    assert_eq!(answer["assistantOverrides"]["variableValues"]["accountId"], rig.tenant.to_string());
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.call_owner("call-7").await.unwrap(), Some(rig.tenant));
    tx.commit().await.unwrap();
    assert_eq!(rig.take(1).await[0].1.kind, "assistant-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_id_of_the_number_is_enough() {
    let rig = Rig::new().await;
    let mut message = assistant_request();
    message["message"]["phoneNumber"] = json!({"id": "number-1"});
    assert_eq!(rig.answered(&message).await["assistantId"], "assistant-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_nobodys_is_told_so_in_a_sentence() {
    let rig = Rig::new().await;
    let mut message = assistant_request();
    message["message"]["phoneNumber"] = json!({"number": "+15550100077"});
    let answer = rig.answered(&message).await;
    assert_eq!(answer, json!({"error": "I'm sorry, this number is not connected to a clinic yet. Goodbye."}));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_without_the_database_the_caller_hears_a_sentence_in_time() {
    let rig = Rig::new().await;
    rig.base.stall();
    let started = Instant::now();
    let answer = rig.answered(&assistant_request()).await;
    assert!(started.elapsed() < Duration::from_millis(7_500), "{:?}", started.elapsed());
    assert!(answer["error"].as_str().unwrap().starts_with("I'm sorry"), "{answer}");
    rig.base.heal();
    until(SOON, "an assistant again", || async {
        (rig.answered(&assistant_request()).await["assistantId"] == "assistant-1").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_message_that_waits_is_answered_harmlessly() {
    let rig = Rig::new().await;
    let answer = async |kind: &str| rig.answered(&on_a_call("call-1", json!({"type": kind}))).await;
    assert!(answer("transfer-destination-request").await["error"].is_string());
    assert!(answer("handoff-destination-request").await["error"].is_string());
    assert_eq!(answer("knowledge-base-request").await, json!({"documents": []}));
    assert_eq!(answer("campaign.predial").await, json!({"eligible": false}));
    assert_eq!(answer("call.endpointing.request").await, json!({"timeoutSeconds": 0.5}));
    let silence = rig.post(&on_a_call("call-1", json!({"type": "voice-request"}))).await;
    assert_eq!((silence.status, silence.body.len()), (200, 0));
    assert_eq!(rig.take(6).await.len(), 6);
}
