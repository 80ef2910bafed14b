use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::TenantId;
use messages::v1::{ToolQuestion, ToolReply};
use serde_json::{Value, json};

use crate::rig::{Rig, line, on_a_call, tool_call};

fn reply(say: &str) -> ToolReply {
    ToolReply {
        status: "ok".into(),
        say: say.into(),
        data_json: r#"{"slots":["a"],"say":"not this one"}"#.into(),
        code: String::new(),
        vendor_ms: 12.34,
    }
}

/// Serves every question with its tool's name and keeps what was asked.
async fn asked() -> (Rig, Arc<Mutex<Vec<ToolQuestion>>>) {
    let mut rig = Rig::new().await;
    let questions: Arc<Mutex<Vec<ToolQuestion>>> = Arc::default();
    let seen = questions.clone();
    rig.serve(move |question| {
        seen.lock().unwrap().push(question.clone());
        async move { reply(&format!("Hello from\n{}", question.tool)) }
    });
    (rig, questions)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_call_is_asked_as_its_clinic_and_answered_in_one_line() {
    let (rig, questions) = asked().await;
    let mut message = tool_call("toolu_1", "searchPatients", &json!({"phone": "+15550100010"}));
    message["message"]["assistant"] = json!({"transcriber": {"language": "es"}});
    let response = rig.post(&message).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["server-timing"], "vendor;dur=12.3");
    let answer: Value = response.json();
    assert_eq!(answer["results"][0]["toolCallId"], "toolu_1");
    assert_eq!(answer["results"][0]["name"], "searchPatients");
    let told = line(&answer["results"][0]);
    assert_eq!(told, json!({"status": "ok", "say": "Hello from\nsearchPatients", "slots": ["a"]}));
    let question = questions.lock().unwrap().remove(0);
    assert_eq!(question.tenant_id, rig.tenant.to_string());
    assert_eq!(question.practice_id, rig.practice.to_string());
    assert_eq!(question.arguments_json, r#"{"phone":"+15550100010"}"#);
    assert_eq!((question.call_id.as_str(), question.tool_call_id.as_str()), ("call-1", "toolu_1"));
    assert_eq!((question.caller_phone.as_str(), question.language.as_str()), ("+15550100010", "es"));
    let (letter, received) = rig.take(1).await.remove(0);
    assert_eq!((letter.routing_key.as_str(), received.kind.as_str()), ("vapi.tool-calls", "tool-calls"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_calls_run_at_once_and_are_answered_in_their_order() {
    let mut rig = Rig::new().await;
    let barrier = Arc::new(tokio::sync::Barrier::new(3));
    rig.serve(move |question| {
        let barrier = barrier.clone();
        // Nobody passes before all three are here.
        async move {
            barrier.wait().await;
            reply(&question.tool)
        }
    });
    let calls: Vec<Value> =
        ["c", "a", "b"].iter().map(|id| json!({"id": id, "name": id, "arguments": {}})).collect();
    let answer =
        rig.answered(&on_a_call("call-1", json!({"type": "tool-calls", "toolCallList": calls}))).await;
    let ids: Vec<&str> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["toolCallId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["c", "a", "b"]);
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(line(result)["say"], result["name"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_arguments_are_no_object_is_refused_alone() {
    let (rig, questions) = asked().await;
    let calls = json!([{"id": "bad", "name": "x", "arguments": "[1]"}, {"id": "good", "name": "x", "arguments": "{}"}]);
    let answer =
        rig.answered(&on_a_call("call-1", json!({"type": "tool-calls", "toolCallList": calls}))).await;
    assert_eq!(line(&answer["results"][0])["code"], "bad_arguments");
    assert_eq!(line(&answer["results"][1])["status"], "ok");
    assert_eq!(questions.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_question_nobody_answers_in_time_is_excused_without_a_claim() {
    let mut rig = Rig::with(|settings| settings.webhook_gateway.tool_ms = 1_000).await;
    rig.serve(|_| std::future::pending());
    let started = Instant::now();
    let told = rig.told(&tool_call("t-1", "bookAppointment", &json!({}))).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(told["status"], "unknown");
    assert_eq!(
        told["say"],
        "I'm sorry, the clinic's system did not answer in time, so I can't confirm anything yet."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_call_that_names_no_clinic_is_refused_in_the_fields_own_words() {
    let (rig, questions) = asked().await;
    let mut message = tool_call("t-1", "searchPatients", &json!({"accountId": rig.tenant}));
    message["message"]["phoneNumber"] = json!(null);
    let told = rig.told(&message).await;
    assert_eq!(
        (&told["status"], &told["error"]),
        (&json!("refused"), &json!("no account id in the call context"))
    );
    assert_eq!(questions.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_account_that_contradicts_the_number_is_refused() {
    let (rig, questions) = asked().await;
    let mut message = tool_call("t-1", "searchPatients", &json!({}));
    message["message"]["call"]["metadata"] = json!({"accountId": TenantId::new()});
    assert_eq!(rig.told(&message).await["error"], "conflicting account ids in the call context");
    message["message"]["call"]["metadata"] = json!({"accountId": "acct_demo"});
    assert_eq!(rig.told(&message).await["error"], "conflicting account ids in the call context");
    assert_eq!(questions.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_account_that_is_not_ours_is_refused() {
    let (rig, questions) = asked().await;
    let mut message = tool_call("t-1", "searchPatients", &json!({}));
    message["message"]["phoneNumber"] = json!(null);
    message["message"]["call"]["metadata"] = json!({"accountId": TenantId::new()});
    assert_eq!(rig.told(&message).await["error"], "no PMS integration found");
    assert_eq!(questions.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_in_the_metadata_is_enough_where_no_number_is_ours() {
    let (rig, questions) = asked().await;
    let mut message = tool_call("t-1", "searchPatients", &json!({}));
    message["message"]["phoneNumber"] = json!({"number": "+15550100077"});
    message["message"]["assistant"] = json!({"metadata": {"accountId": rig.tenant}});
    assert_eq!(rig.told(&message).await["status"], "ok");
    let question = questions.lock().unwrap().remove(0);
    assert_eq!((question.tenant_id, question.practice_id), (rig.tenant.to_string(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_calls_is_answered_with_no_results() {
    let rig = Rig::new().await;
    assert_eq!(
        rig.answered(&on_a_call("call-1", json!({"type": "tool-calls"}))).await,
        json!({"results": []})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_function_call_is_answered_in_its_own_shape() {
    let (rig, questions) = asked().await;
    let call = json!({"name": "searchPatients", "parameters": {"phone": "1"}});
    let message = on_a_call("call-1", json!({"type": "function-call", "functionCall": call}));
    let answer = rig.answered(&message).await;
    assert_eq!(line(&answer)["say"], "Hello from\nsearchPatients");
    rig.answered(&message).await;
    let questions = questions.lock().unwrap();
    assert_eq!(questions[0].tool_call_id, questions[1].tool_call_id, "a repeat is the same call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tools_own_url_takes_the_same_message() {
    let (rig, questions) = asked().await;
    let body = tool_call("t-1", "searchPatients", &json!({})).to_string();
    let answer: Value = rig.send("/api/vapi/tools/other", body.as_bytes()).await.json();
    assert_eq!(answer["results"][0]["toolCallId"], "t-1");
    assert_eq!(questions.lock().unwrap()[0].tool, "searchPatients");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_bare_request_belongs_to_the_account_in_its_url_and_no_other() {
    let (rig, questions) = asked().await;
    let body = json!({"phone": "1", "accountId": rig.tenant}).to_string();
    let told: Value = rig.send("/api/vapi/tools/searchPatients", body.as_bytes()).await.json();
    assert_eq!(told["error"], "no account id in the call context");
    let path = format!("/api/vapi/tools/searchPatients?account={}", rig.tenant);
    let response = rig.send(&path, body.as_bytes()).await;
    assert_eq!(response.status, 200);
    let told: Value = response.json();
    assert_eq!(told["say"], "Hello from\nsearchPatients");
    let question = questions.lock().unwrap().remove(0);
    assert_eq!(
        (question.tool.as_str(), question.arguments_json.as_str()),
        ("searchPatients", r#"{"phone":"1"}"#)
    );
    // It is nobody's call: what one has shown in it, nobody else has.
    assert_eq!(question.call_id, "");
    assert!(!question.tool_call_id.is_empty());
}
