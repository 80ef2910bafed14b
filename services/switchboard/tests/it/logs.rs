use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, ended, free_times};

/// Everything that may go wrong on the path, so that everything that is logged then is logged.
async fn live_through_it(stack: &Stack) {
    let clinic = &stack.clinics[0];
    let use_tool = async |id: &str, tool: &str, arguments: serde_json::Value| {
        stack.tool(clinic, ("call-1", id), tool, &arguments).await.unwrap()
    };
    use_tool("1", "searchPatients", json!({ "phone": "(555) 010-0010" })).await;
    let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    use_tool("2", "searchPatients", maria).await;
    use_tool("3", "searchPatients", json!({ "lastName": "Quillfeather", "dateOfBirth": "1990-02-30" })).await;
    use_tool("4", "createPatient", json!({ "firstName": "Quill", "lastName": "Quill\u{0}feather" })).await;
    use_tool("5", "eraseEverything", json!({ "really": "quillfeather" })).await;
    for _ in 0..2 {
        use_tool("5b", "bookFor Wobbly Quillfeather 1990-05-17", json!({})).await;
    }
    let slots = free_times(stack, clinic, "call-1").await;
    let new = json!({ "firstName": "Juniper", "lastName": "Ashgrove", "dateOfBirth": "1990-05-17", "phone": "+15550100077", "email": "juniper@example.com" });
    let made = crate::desk::use_tool(stack, clinic, ("call-1", "6"), "createPatient", &new).await;
    book(stack, clinic, ("call-1", "7"), made["patientId"].as_str().unwrap(), &slots[0]).await;
    stack.sandbox.faults(&json!({ "lose_reply_after_write": 1 })).await.unwrap();
    let wish = json!({ "patientId": MARIA, "slotId": slots[4]["slotId"], "reason": "a wobbly molar" });
    use_tool("8", "bookAppointment", wish).await;
    for status in [400, 401, 429, 500, 503] {
        let fail = json!({ "fail_next": { "count": 2, "status": status } });
        stack.sandbox.faults(&fail).await.unwrap();
        use_tool(
            &format!("9-{status}"),
            "getPatientInfo",
            json!({ "patientId": MARIA, "dateOfBirth": "1988-03-14" }),
        )
        .await;
    }
    stack.sandbox.faults(&json!({ "fail_next": null, "truncate_next": 2 })).await.unwrap();
    use_tool("10", "searchPatients", json!({ "lastName": "Lopez", "dateOfBirth": "1988-03-14" })).await;
    let says = |text: &str| json!({ "role": "user", "message": text });
    let report = json!({
        "type": "end-of-call-report", "endedReason": "customer-ended-call",
        "artifact": { "transcript": "This is Maria Lopez, my molar is wobbly", "messages": [says("my molar is wobbly")] },
    });
    assert_eq!(stack.webhook(clinic, "call-1", report).await.unwrap().status, 200);
    let gateway = format!("{}/api/vapi/webhook", stack.gateways[0].url);
    let wrong = [("x-vapi-secret", "a-secret-that-is-wrong")];
    let message = json!({ "message": { "type": "status-update", "note": "wobbly" } });
    assert_eq!(stack.http.send("POST", &gateway, &wrong, Some(&message)).await.unwrap().status, 401);
    assert_eq!(
        stack.door(0).unwrap().post(&json!("wobbly, and no message at all")).await.unwrap().status,
        200
    );
    let path = "/api/pms/patients/search?lastName=Lopez&phone=five-wobbly";
    assert_eq!(stack.rest(&clinic.api_key, ("GET", path), &[], None).await.unwrap().status, 422);
    assert_eq!(stack.rest("swb_wobbly", ("GET", path), &[], None).await.unwrap().status, 401);
    ended(stack).await;
    until(SOON, "the call's report", || async {
        let kept = "SELECT 1 FROM voice_calls WHERE report IS NOT NULL";
        (!stack.sql(kept).await.unwrap().is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_no_log_and_no_metric_of_any_service_names_a_patient_or_a_secret() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    live_through_it(&stack).await;
    let clinic = &stack.clinics[0];
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    let tokens = tx.tokens(clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
    let mut hidden = stack.secrets();
    hidden.extend([tokens.key, tokens.refresh].into_iter().flatten().map(|key| key.expose().clone()));
    let people = [
        "Maria",
        "Lopez",
        "Quill",
        "Juniper",
        "Ashgrove",
        "juniper@",
        "1988-03-14",
        "1990-05-17",
        "1990-02-30",
        "5550100010",
        "010-0010",
        "5550100077",
        "+1555",
        "obbly",
        "molar",
        "a-secret-that-is-wrong",
        "five-",
        "swb_",
    ];
    hidden.extend(people.map(str::to_owned));
    let mut told = stack.logs();
    for member in stack.gateways.iter().chain(&stack.apis).chain(&stack.workers).chain(&stack.refreshers) {
        let metrics = stack.http.send("GET", &format!("{}/metrics", member.url), &[], None).await.unwrap();
        assert!(metrics.text.contains("# TYPE"), "{metrics:?}");
        told.push_str(&metrics.text);
    }
    // The test is about something: the services did log what happened.
    for logged in [
        "a tool was used",
        "a write came to its end",
        "a tool call was answered",
        "a connection has a new key",
    ] {
        assert!(told.contains(logged), "{logged}");
    }
    let kept = "SELECT tool FROM audit_log UNION SELECT tool FROM tool_calls";
    let kept = stack.sql(kept).await.unwrap().concat();
    assert!(kept.iter().all(|tool| tool.is_empty() || domain::tool_name(tool) == tool), "{kept:?}");
    for hidden in hidden {
        let shown: Vec<&str> = told.lines().filter(|line| line.contains(&hidden)).collect();
        assert!(shown.is_empty(), "{hidden} is in {shown:#?}");
    }
}
