use rstest::rstest;
use serde_json::{Value, json};
use voice_vapi::{DedupeKey, Head, Needs, ReadError};

use crate::requests::{REPORT, TOOL_CALLS, verified};

fn key(value: &Value) -> DedupeKey {
    Head::read(&verified(value.to_string().as_bytes())).unwrap().key
}

fn with(mut value: Value, pointer: &str, new: Value) -> Value {
    *value.pointer_mut(pointer).unwrap() = new;
    value
}

#[test]
fn a_head_names_type_call_and_time() {
    let body = verified(TOOL_CALLS);
    let head = Head::read(&body).unwrap();
    assert_eq!(head.kind.label(), "tool-calls");
    assert_eq!(head.kind.needs(), Needs::ToolResults);
    assert_eq!(head.subject.as_deref(), Some("01890000-0000-7000-8000-00000000ca11"));
    assert_eq!(head.sent_at.unwrap().as_millisecond(), 1_795_165_200_123);
}

#[rstest]
#[case(json!(1_795_165_200_123_u64))]
#[case(json!(1_795_165_200_123.0))]
#[case(json!("2026-11-20T09:00:00.123Z"))]
fn a_time_is_read_as_number_and_as_text(#[case] timestamp: Value) {
    let body = json!({"message": {"type": "hang", "timestamp": timestamp, "call": {"id": "c"}}}).to_string();
    let head = Head::read(&verified(body.as_bytes())).unwrap();
    assert_eq!(head.sent_at.unwrap().as_millisecond(), 1_795_165_200_123);
}

#[rstest]
#[case(b"" as &[u8], ReadError::NotJson)]
#[case(b"{\"message\":", ReadError::NotJson)]
#[case(b"[]", ReadError::NoType)]
#[case(b"{}", ReadError::NoType)]
#[case(b"{\"message\":null}", ReadError::NoType)]
#[case(b"{\"message\":{\"type\":7}}", ReadError::NoType)]
fn a_body_that_is_no_message_is_refused_and_still_has_a_name(#[case] body: &[u8], #[case] error: ReadError) {
    assert_eq!(Head::read(&verified(body)).unwrap_err(), error);
    let head = Head::of_unreadable(&verified(body));
    assert_eq!((head.kind.label(), head.kind.route().as_ref()), ("unknown", "unreadable"));
}

#[test]
fn values_of_the_wrong_kind_count_as_missing() {
    let body = json!({"message": {
        "type": "status-update", "status": {"a": [1, null]}, "timestamp": [true], "call": "none", "chat": [1],
        "session": {"id": 5}, "toolCallList": {"id": "x"}, "toolCalls": 3, "turn": null, "new": {"deep": [[{}]]},
    }})
    .to_string();
    let head = Head::read(&verified(body.as_bytes())).unwrap();
    assert_eq!((head.subject, head.sent_at), (None, None));
}

#[test]
fn p2_a_retried_report_with_newly_signed_urls_is_the_same_event() {
    let first: Value = serde_json::from_slice(REPORT).unwrap();
    let again = with(
        with(
            first.clone(),
            "/message/artifact/presignedRecordingUrl",
            json!("https://recordings.example/?signature=two"),
        ),
        "/message/timestamp",
        json!(1_795_165_509_999_u64),
    );
    assert_eq!(key(&first), key(&again));
    assert_eq!(key(&first).message_id(), key(&again).message_id());
    assert_ne!(key(&first), key(&with(first, "/message/call/id", json!("another"))));
}

#[test]
fn p2_reports_without_a_call_id_are_not_taken_for_one_another() {
    let report = |reason: &str| json!({"message": {"type": "end-of-call-report", "endedReason": reason}});
    assert_ne!(key(&report("customer-ended-call")), key(&report("silence-timed-out")));
    assert_eq!(key(&report("customer-ended-call")), key(&report("customer-ended-call")));
}

#[test]
fn p2_a_redelivered_tool_call_is_known_by_its_ids_whatever_else_changed() {
    let first: Value = serde_json::from_slice(TOOL_CALLS).unwrap();
    let again = with(first.clone(), "/message/timestamp", json!(1));
    assert_eq!(key(&first), key(&again));
    assert_ne!(key(&first), key(&with(first.clone(), "/message/toolCallList/1/id", json!("other"))));
}

#[rstest]
#[case(json!({"type": "status-update", "status": "in-progress", "timestamp": 1}), "/status", json!("ended"))]
#[case(json!({"type": "speech-update", "turn": 1, "role": "user", "status": "started"}), "/status", json!("stopped"))]
#[case(json!({"type": "speech-update", "turn": 1, "role": "user", "status": "started"}), "/turn", json!(2))]
#[case(json!({"type": "transcript", "timestamp": 5, "transcriptType": "partial", "transcript": "a"}), "/transcriptType", json!("final"))]
#[case(json!({"type": "conversation-update", "timestamp": 5}), "/timestamp", json!(6))]
#[case(json!({"type": "model-output", "timestamp": 5, "output": "a"}), "/output", json!("b"))]
#[case(json!({"type": "never seen before", "timestamp": 5}), "/type", json!("nor this"))]
fn p2_two_events_of_a_call_have_two_names(
    #[case] message: Value,
    #[case] pointer: &str,
    #[case] other: Value,
) {
    let wrap = |mut message: Value| {
        message["call"] = json!({"id": "c-1"});
        key(&json!({"message": message}))
    };
    assert_eq!(wrap(message.clone()), wrap(message.clone()));
    assert_ne!(wrap(message.clone()), wrap(with(message, pointer, other)));
}

#[test]
fn every_type_that_waits_for_an_answer_is_told_from_those_that_do_not() {
    let needs = |kind: &str| {
        let body = json!({"message": {"type": kind}}).to_string();
        Head::read(&verified(body.as_bytes())).unwrap().kind.needs()
    };
    assert_eq!(needs("assistant-request"), Needs::Assistant);
    assert_eq!(needs("function-call"), Needs::FunctionResult);
    assert_eq!(needs("transfer-destination-request"), Needs::Transfer);
    assert_eq!(needs("handoff-destination-request"), Needs::Handoff);
    assert_eq!(needs("knowledge-base-request"), Needs::Documents);
    assert_eq!(needs("campaign.predial"), Needs::Eligibility);
    assert_eq!(needs("call.endpointing.request"), Needs::Endpointing);
    assert_eq!(needs("voice-request"), Needs::Audio);
    for informational in ["status-update", "end-of-call-report", "hang", "chat.created", "something new"] {
        assert_eq!(needs(informational), Needs::Nothing, "{informational}");
    }
}
