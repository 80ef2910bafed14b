//! The calls that the sandbox ships, through every service.

use serde_json::{Value, json};
use testbed::Stack;

use crate::desk::{ended, unhurried};

/// Plays a call at the first clinic and returns how it went.
async fn play(stack: &Stack, call: &str) -> Value {
    let clinic = &stack.clinics[0];
    let secret = stack.secrets().into_iter().find(|secret| secret.contains("webhook")).unwrap();
    let asked = json!({
        "script": call,
        "gateway_url": stack.gateways[0].url,
        "auth": { "type": "secret", "secret": secret },
        "variables": { "accountId": clinic.tenant.to_string(), "called": clinic.number },
        "options": { "report_delay_ms": 100 },
    });
    stack.sandbox.call("POST", "/vapi/calls", Some(&asked)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shipped_call_goes_as_its_script_says() {
    let stack = Stack::start(unhurried()).await.unwrap();
    for call in [
        "asks-availability",
        "bad-arguments",
        "french-pays",
        "maria-books",
        "new-patient-books",
        "nobody-found",
        "spanish-books",
    ] {
        let went = play(&stack, call).await;
        assert_eq!(went["ok"], true, "{call}: {}", went["violations"]);
    }
    assert!(ended(&stack).await.iter().all(|state| state == "succeeded"));
    let pms = stack.sandbox.office("GET", &stack.clinics[0].office, "/pms", None).await.unwrap();
    let lines = pms["transactions"].as_array().unwrap();
    let ours = |line: &&Value| line["note"].as_str().is_some_and(|note| note.contains("GW-"));
    assert_eq!(lines.iter().filter(ours).count(), 0, "a payment is not in the ledger on a caller's word");
}
