//! A call in which a patient moves one appointment, calls another off and leaves a note, through every service.

use serde_json::{Value, json};
use testbed::Stack;

use crate::desk::{ended, unhurried};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_moves_cancels_and_notes_goes_as_its_script_says() {
    let stack = Stack::start(unhurried()).await.unwrap();
    let clinic = &stack.clinics[0];
    let before = stack.sandbox.office("GET", &clinic.office, "/pms", None).await.unwrap();
    let secret = stack.secrets().into_iter().find(|secret| secret.contains("webhook")).unwrap();
    let asked = json!({
        "script": "maria-moves-and-cancels",
        "gateway_url": stack.gateways[0].url,
        "auth": { "type": "secret", "secret": secret },
        "variables": { "accountId": clinic.tenant.to_string(), "called": clinic.number },
        "options": { "report_delay_ms": 100 },
    });
    let went = stack.sandbox.call("POST", "/vapi/calls", Some(&asked)).await.unwrap();
    assert_eq!(went["ok"], true, "{}", went["violations"]);
    assert_eq!(ended(&stack).await, ["succeeded", "succeeded", "succeeded"]);
    let after = stack.sandbox.office("GET", &clinic.office, "/pms", None).await.unwrap();
    let both = |pms: &Value| pms["appointments"].as_array().unwrap().clone();
    let (before, now) = (both(&before), both(&after));
    assert_eq!(before.len(), now.len(), "nothing was booked anew");
    let changed: Vec<(&Value, &Value)> = before.iter().zip(&now).filter(|(old, new)| old != new).collect();
    let moved =
        changed.iter().filter(|(old, new)| old["date"] != new["date"] && old["status"] == new["status"]);
    let gone = changed.iter().filter(|(old, new)| old["date"] == new["date"] && new["status"] == "broken");
    assert_eq!((changed.len(), moved.count(), gone.count()), (2, 1, 1), "{changed:?}");
    assert_eq!(after["notes"].as_array().map(Vec::len), Some(1));
}
