use serde_json::{Value, json};
use voice_vapi::{Message, ReadError, redacted};

use crate::requests::{REPORT, TOOL_CALLS, verified};

#[test]
fn p8_a_stored_payload_has_none_of_the_vendors_secrets() {
    let stored = String::from_utf8(redacted(TOOL_CALLS).unwrap()).unwrap();
    assert!(!stored.contains("not-a-real"), "{stored}");
    assert!(!stored.contains("calls.example"), "{stored}");
    let value: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(value.pointer("/message/phoneNumber/twilioAuthToken"), Some(&json!("[secret]")));
    assert_eq!(value.pointer("/message/call/transport/callSid"), Some(&json!("CA01")));
    assert_eq!(
        value.pointer("/message/toolWithToolCallList/0/server/headers/X-Clinic-Door"),
        Some(&json!("[secret]"))
    );
}

#[test]
fn p8_signed_download_urls_go_and_the_report_stays() {
    let value: Value = serde_json::from_slice(&redacted(REPORT).unwrap()).unwrap();
    let artifact = &value["message"]["artifact"];
    assert_eq!(artifact["presignedRecordingUrl"], "[secret]");
    assert_eq!(artifact["presignedUrlsExpiresAt"], "2026-11-20T10:05:00.000Z");
    assert_eq!(artifact["recordingUrl"], "https://recordings.example/1.wav");
    assert_eq!(value["message"]["costBreakdown"]["llmPromptTokens"], 1200);
}

#[test]
fn p8_a_secret_is_known_by_its_key_however_it_is_written() {
    let body = json!({
        "server_secret": {"a": 1}, "API-Key": ["k"], "Authorization": "Bearer x", "twilioApiSecret": "x",
        "password": 5, "secret": null, "headers": [{"a": ["deep"]}],
    });
    let value: Value = serde_json::from_slice(&redacted(body.to_string().as_bytes()).unwrap()).unwrap();
    assert_eq!(
        value,
        json!({
            "server_secret": "[secret]", "API-Key": "[secret]", "Authorization": "[secret]",
            "twilioApiSecret": "[secret]", "password": "[secret]", "secret": null,
            "headers": [{"a": ["[secret]"]}],
        })
    );
}

#[test]
fn p8_a_message_and_what_is_read_from_it_print_without_the_patient() {
    let body = verified(TOOL_CALLS);
    let message = Message::read(&body).unwrap();
    let printed = format!("{body:?} {message:?} {:?} {:?}", message.tool_calls(), message.customer_number());
    assert!(!printed.contains("0100010") && !printed.contains("appointment"), "{printed}");
    assert!(printed.contains("call_A1"), "{printed}");
}

#[test]
fn bytes_that_are_not_json_are_not_passed_on() {
    assert_eq!(redacted(b"token=abc"), Err(ReadError::NotJson));
}
