use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::desk::SOON;

/// A use of `searchPatients`, with whatever else the message says.
fn search(call: &Value, clinic_number: &str, arguments: &Value) -> Value {
    let function = json!({ "name": "searchPatients", "arguments": arguments });
    json!({
        "type": "tool-calls",
        "toolCallList": [{ "id": "use", "type": "function", "function": function }],
        "call": call,
        "phoneNumber": { "number": clinic_number },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_call_that_names_two_tenants_is_refused_and_reaches_neither() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let (ours, theirs) = (&stack.clinics[0], &stack.clinics[1]);
    let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    let told = async |message: Value| {
        until(SOON, "an answer other than \"not now\"", || async {
            let answer = stack.webhook(ours, "unused", message.clone()).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            let told = answer.json()["results"][0]["result"].as_str().unwrap().to_owned();
            (!told.contains(r#""status":"un"#)).then_some(told)
        })
        .await
    };
    let call = |id: &str, account: &str| json!({ "id": id, "metadata": { "accountId": account } });
    let mine = ours.tenant.to_string();
    let conflict = told(search(&call("call-1", &mine), &theirs.number, &maria)).await;
    assert!(conflict.contains("conflicting account ids"), "{conflict}");
    let none = told(search(&json!({ "id": "call-2" }), "+15550109999", &maria)).await;
    assert!(none.contains("no account id in the call context"), "{none}");
    let nobody = domain::TenantId::new().to_string();
    let stranger = told(search(&call("call-3", &nobody), "+15550109999", &maria)).await;
    assert!(stranger.contains("no PMS integration found"), "{stranger}");
    for refused in [&conflict, &none, &stranger] {
        assert!(!refused.contains("Maria") && !refused.contains("101"), "{refused}");
    }
    assert_eq!(stack.sql("SELECT count(*) FROM audit_log").await.unwrap().concat(), ["0"]);
    // An account that the model itself names among the arguments changes nothing.
    let mut smuggled = maria.clone();
    smuggled["accountId"] = json!(theirs.tenant.to_string());
    let found = told(search(&call("call-4", &mine), &ours.number, &smuggled)).await;
    assert!(found.contains(r#""patientId":"101""#), "{found}");
    let theirs = told(search(&call("call-5", &theirs.tenant.to_string()), &theirs.number, &maria)).await;
    assert!(!theirs.contains("101"), "{theirs}");
    // A call whose owner is known stays its owner's.
    let status = json!({ "type": "status-update", "status": "in-progress" });
    assert_eq!(stack.webhook(ours, "call-6", status).await.unwrap().status, 200);
    until(SOON, "the call's row", || async {
        let known = "SELECT 1 FROM voice_calls WHERE vendor_call_id = 'call-6'";
        (!stack.sql(known).await.unwrap().is_empty()).then_some(())
    })
    .await;
    let taken =
        told(search(&call("call-6", &stack.clinics[1].tenant.to_string()), "+15550109999", &maria)).await;
    assert!(taken.contains("conflicting account ids"), "{taken}");
}
