use super::fake_gateway::{Answer, FakeGateway, right};
use super::*;

#[actix_web::test]
async fn maria_books_and_the_timeline_tells_the_call_as_it_sounded() {
    let gateway = FakeGateway::start(right);
    let timeline = play(&gateway, "maria-books", json!({ "now": "2026-03-02T15:00:00Z" })).await;
    assert_eq!(timeline.violations, []);
    assert!(timeline.ok && timeline.finished && timeline.completed);
    let spoken: Vec<(Who, &str)> = timeline
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Say { who, text } => Some((*who, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        spoken,
        [
            (Who::Agent, "Thanks for calling. How can I help?"),
            (Who::Patient, "Hi, I'd like a cleaning, Tuesday, March 3 if you can."),
            (Who::Agent, "I found Maria Lopez."),
            (Who::Patient, "Yes, this is Maria Lopez."),
            (Who::Agent, "I have two times."),
            (Who::Patient, "Tuesday at 9 is perfect."),
            (Who::Agent, "I've sent it to the practice."),
            (Who::Patient, "Wonderful, thank you. Bye!"),
        ]
    );
    assert_eq!(timeline.answers["booking"]["writebackId"], "wb_2");
    let booked =
        gateway.seen().iter().filter(|seen| seen.kind() == "tool-calls").nth(2).unwrap().tool_calls();
    assert_eq!(
        booked[0].2,
        json!({"patientId": "pat_1", "slotId": "slot_1", "reason": "cleaning", "accountId": "acct_demo"})
    );
    let text = timeline.to_string();
    assert!(text.contains("patient  Tuesday at 9 is perfect."), "{text}");
    assert!(text.contains("the call went as it should"), "{text}");
}

#[actix_web::test]
async fn every_shipped_script_plays_without_a_violation_at_a_gateway_that_does_everything_right() {
    let gateway = FakeGateway::start(right);
    for name in Shelf::default().names() {
        let timeline = play(&gateway, &name, json!({})).await;
        assert!(timeline.ok, "{name}: {timeline}");
    }
}

#[actix_web::test]
async fn a_call_opens_and_ends_as_captures_show_and_the_report_comes_last() {
    let gateway = FakeGateway::start(right);
    play(&gateway, HANG, json!({})).await;
    assert_eq!(
        gateway.kinds(),
        ["status-update", "assistant.started", "hang", "status-update", "end-of-call-report"]
    );
    let seen = gateway.seen();
    assert_eq!(seen[0].message["status"], "in-progress");
    assert_eq!(seen[3].message["endedReason"], "customer-ended-call");
    assert_eq!(seen[4].message["call"]["status"], "ringing", "as captured: never the state of the call");
    assert!(seen.iter().all(|one| one.message["call"]["id"] == seen[0].message["call"]["id"]));
}

#[actix_web::test]
async fn all_messages_sends_every_type_of_the_contract_and_one_from_the_future() {
    let gateway = FakeGateway::start(right);
    play(&gateway, "all-messages", json!({})).await;
    let kinds = gateway.kinds();
    for kind in [
        "assistant.speechStarted",
        "assistant.started",
        "call.artifact.upload",
        "call.endpointing.request",
        "campaign.predial",
        "call.delete.failed",
        "call.deleted",
        "chat.created",
        "chat.deleted",
        "conversation-update",
        "end-of-call-report",
        "function-call",
        "handoff-destination-request",
        "hang",
        "knowledge-base-request",
        "language-change-detected",
        "language-changed",
        "model-output",
        "phone-call-control",
        "session.created",
        "session.deleted",
        "session.updated",
        "speech-update",
        "status-update",
        "tool-calls",
        "transcript",
        "transcript[transcriptType=\"final\"]",
        "transfer-destination-request",
        "transfer-update",
        "user-interrupted",
        "voice-input",
        "assistant.hummed-a-tune",
    ] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind} was not sent");
    }
}

#[actix_web::test]
async fn every_shape_and_every_list_carries_the_same_call() {
    let gateway = FakeGateway::start(right);
    let steps = SEARCH.repeat(4);
    for lists in [
        json!(["toolCallList"]),
        json!(["toolCalls"]),
        json!(["toolWithToolCallList"]),
        json!(["toolCallList", "toolCalls", "toolWithToolCallList"]),
    ] {
        let timeline = play(&gateway, &steps, json!({ "shape": "rotate", "lists": lists })).await;
        assert!(timeline.ok, "{timeline}");
    }
    let asked: Vec<_> = gateway.seen().iter().filter(|seen| seen.kind() == "tool-calls").cloned().collect();
    assert_eq!(asked.len(), 16);
    for one in asked {
        let (id, name, arguments) = one.tool_calls().remove(0);
        assert!(id.starts_with("call_"), "{id}");
        assert_eq!(name, "searchPatients");
        assert_eq!(arguments, json!({"phone": "+15550100010", "accountId": "acct_demo"}));
    }
}

#[actix_web::test]
async fn parallel_calls_are_one_message_or_one_each_where_tools_have_their_own_url() {
    let steps = "[[steps]]\ntools = [{ tool = \"searchPatients\" }, { tool = \"checkAvailability\", arguments = { from = \"{{today}}\" } }]\n";
    let gateway = FakeGateway::start(right);
    assert!(play(&gateway, steps, json!({})).await.ok);
    let one = gateway.seen().into_iter().find(|seen| seen.kind() == "tool-calls").unwrap();
    assert_eq!(one.tool_calls().len(), 2);
    assert_eq!(one.path, "/api/vapi/webhook");

    let gateway = FakeGateway::start(right);
    assert!(play(&gateway, steps, json!({ "tool_url": "per-tool" })).await.ok);
    let mut paths: Vec<String> = gateway
        .seen()
        .iter()
        .filter(|seen| seen.kind() == "tool-calls")
        .map(|seen| seen.path.clone())
        .collect();
    paths.sort();
    assert_eq!(paths, ["/api/vapi/tools/checkAvailability", "/api/vapi/tools/searchPatients"]);
}

#[actix_web::test]
async fn an_account_id_from_the_model_loses_to_the_static_one_and_stands_when_there_is_none() {
    let steps = "[[steps]]\ntool = \"searchPatients\"\narguments = { accountId = \"acct_of_others\" }\n";
    let account = |gateway: &FakeGateway| {
        let seen = gateway.seen().into_iter().find(|seen| seen.kind() == "tool-calls").unwrap();
        seen.tool_calls()[0].2["accountId"].clone()
    };
    let gateway = FakeGateway::start(right);
    play(&gateway, steps, json!({})).await;
    assert_eq!(account(&gateway), "acct_demo");
    let gateway = FakeGateway::start(right);
    play(&gateway, steps, json!({ "metadata": ["overrides"] })).await;
    assert_eq!(account(&gateway), "acct_of_others");
}

#[actix_web::test]
async fn an_assistant_named_by_the_gateway_brings_its_overrides_into_the_call() {
    let gateway = FakeGateway::start(|seen| match seen.kind() {
        "assistant-request" => Answer::of(
            200,
            json!({"assistantId": "asst_7", "assistantOverrides": {"metadata": {"accountId": "acct_7"}}}),
        ),
        _ => right(seen),
    });
    let timeline = play(&gateway, HANG, json!({ "assistant_request": true, "metadata": [] })).await;
    assert!(timeline.ok, "{timeline}");
    let seen = gateway.seen();
    assert!(seen[0].message["call"]["assistantId"].is_null() && seen[0].message.get("assistant").is_none());
    assert_eq!(seen[1].message["call"]["assistantId"], "asst_7");
    assert_eq!(seen[1].message["call"]["assistantOverrides"]["metadata"]["accountId"], "acct_7");
    assert_eq!(seen[1].message["assistant"]["metadata"]["accountId"], "acct_7");
}

#[actix_web::test]
async fn a_line_that_is_closed_says_so_and_the_call_ends() {
    let gateway = FakeGateway::start(|seen| match seen.kind() {
        "assistant-request" => Answer::of(200, json!({ "error": "Sorry, this line is closed." })),
        _ => right(seen),
    });
    let timeline = play(&gateway, HANG, json!({ "assistant_request": true })).await;
    assert_eq!(timeline.ended_reason.as_deref(), Some("assistant-request-returned-error"));
    assert!(timeline.to_string().contains("agent    Sorry, this line is closed."));
    assert_eq!(gateway.kinds(), ["assistant-request", "status-update"]);
    assert_eq!(timeline.violations, []);
}

#[actix_web::test]
async fn a_step_with_a_condition_is_left_out_when_nothing_is_there() {
    let steps = format!(
        "{SEARCH}[[steps]]\nonly_if = \"search.nothing\"\nsay = \"left out\"\n[[steps]]\nonly_if = \"search.patientId\"\nsay = \"said\"\n"
    );
    let gateway = FakeGateway::start(right);
    let text = play(&gateway, &steps, json!({})).await.to_string();
    assert!(text.contains("patient  said") && !text.contains("left out"), "{text}");
}

#[actix_web::test]
async fn an_error_is_said_and_can_be_expected() {
    let steps = "[[steps]]\ntool = \"eraseEverything\"\nexpect = { status = [\"error\"], say_contains = [\"no such\"] }\n";
    let gateway = FakeGateway::start(right);
    let timeline = play(&gateway, steps, json!({})).await;
    assert!(timeline.ok, "{timeline}");
    assert!(timeline.to_string().contains("agent    no such tool"));
}

#[actix_web::test]
async fn the_request_can_choose_who_calls_whom() {
    let gateway = FakeGateway::start(right);
    let mut request = request(&gateway, SEARCH, json!({}));
    request.variables = map(&json!({ "caller": "+15550100044", "called": "+15550100003" }));
    let timeline = player().play(request).await.unwrap();
    assert_eq!((timeline.caller.as_str(), timeline.called.as_str()), ("+15550100044", "+15550100003"));
    let seen = gateway.seen();
    assert_eq!(seen[0].message["customer"]["number"], "+15550100044");
    assert_eq!(seen[0].message["phoneNumber"]["number"], "+15550100003");
    assert!(!String::from_utf8_lossy(&seen[0].raw).contains("accountId"));
}
