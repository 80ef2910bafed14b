use rstest::rstest;
use serde_json::{Value, json};
use voice_vapi::{ArgumentsError, Message, bare_arguments};

use crate::requests::{TOOL_CALLS, message, verified};

#[rstest]
#[case::object(json!({"id": "t1", "type": "function", "function": {"name": "searchPatients", "arguments": {"phone": "1"}}}))]
#[case::text(json!({"id": "t1", "type": "function", "function": {"name": "searchPatients", "arguments": "{\"phone\":\"1\"}"}}))]
#[case::flat_arguments(json!({"id": "t1", "name": "searchPatients", "arguments": {"phone": "1"}}))]
#[case::flat_parameters(json!({"id": "t1", "name": "searchPatients", "parameters": {"phone": "1"}}))]
fn each_of_the_four_shapes_is_the_same_call(#[case] entry: Value) {
    for place in ["toolCallList", "toolCalls"] {
        let calls = message(&json!({"message": {"type": "tool-calls", place: [entry.clone()]}})).tool_calls();
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].id.as_str(), calls[0].name.as_str()), ("t1", "searchPatients"));
        assert_eq!(Value::from(calls[0].arguments.clone().unwrap()), json!({"phone": "1"}));
    }
}

#[test]
fn the_lists_are_united_by_id_in_order_and_fill_each_other_in() {
    let calls = message(&json!({"message": {
        "toolCallList": [{"id": "b"}, {"id": "a", "name": "first"}, {"no": "id"}, 7],
        "toolCalls": [{"id": "c", "name": "third"}, {"id": "a", "name": "not this one"}],
        "toolWithToolCallList": [
            {"name": "second", "toolCall": {"id": "b", "parameters": {"x": 1}}},
            {"function": {"name": "fourth"}, "toolCall": {"id": "d", "function": {"arguments": ""}}},
            {"name": "no call"},
        ],
    }}))
    .tool_calls();
    let read: Vec<_> = calls.iter().map(|call| (call.id.as_str(), call.name.as_str())).collect();
    assert_eq!(read, [("b", "second"), ("a", "first"), ("c", "third"), ("d", "fourth")]);
    assert_eq!(Value::from(calls[0].arguments.clone().unwrap()), json!({"x": 1}));
    assert_eq!(Value::from(calls[3].arguments.clone().unwrap()), json!({}));
}

#[rstest]
#[case(json!("not json"))]
#[case(json!("[1]"))]
#[case(json!([1]))]
#[case(json!(5))]
fn arguments_that_are_no_object_fail_that_call_alone(#[case] arguments: Value) {
    let calls = message(&json!({"message": {"toolCallList": [
        {"id": "bad", "name": "x", "arguments": arguments},
        {"id": "good", "name": "x", "arguments": {"a": 1}},
    ]}}))
    .tool_calls();
    assert_eq!(calls[0].arguments, Err(ArgumentsError));
    assert!(calls[1].arguments.is_ok());
}

#[test]
fn a_message_without_calls_has_none() {
    assert_eq!(message(&json!({"message": {"type": "tool-calls"}})).tool_calls(), []);
    assert_eq!(
        message(&json!({"message": {"toolCallList": "?", "toolCalls": {"id": "a"}}})).tool_calls(),
        []
    );
}

#[test]
fn a_declared_static_account_is_taken_out_of_the_arguments() {
    let calls = Message::read(&verified(TOOL_CALLS)).unwrap().tool_calls();
    assert_eq!(calls[0].static_account.as_deref(), Some("ten_01890000000070008000000000000001"));
    assert_eq!(Value::from(calls[0].arguments.clone().unwrap()), json!({"phone": "+15550100010"}));
    assert_eq!((calls[1].id.as_str(), calls[1].static_account.as_deref()), ("toolu_B2", None));
}

#[rstest]
#[case::not_declared(json!([]), None)]
#[case::a_schema_is_no_declaration(json!({"type": "object", "properties": {"accountId": {"type": "string"}}}), None)]
#[case::another_key(json!([{"key": "account", "value": "{{ x }}"}]), None)]
#[case::templated(json!([{"key": "accountId", "value": "{{ accountId }}"}]), Some("merged"))]
#[case::written_out(json!([{"key": "accountId", "value": "written"}]), Some("written"))]
fn p6_an_account_id_from_the_models_own_arguments_is_never_taken(
    #[case] declared: Value,
    #[case] expected: Option<&str>,
) {
    let calls = message(&json!({"message": {
        "toolCallList": [{"id": "t", "name": "x", "arguments": {"accountId": "merged", "a": 1}}],
        "toolWithToolCallList": [{"name": "x", "parameters": declared, "toolCall": {"id": "t"}}],
    }}))
    .tool_calls();
    assert_eq!(calls[0].static_account.as_deref(), expected);
    assert_eq!(Value::from(calls[0].arguments.clone().unwrap()), json!({"a": 1}));
}

#[test]
fn p6_another_tools_declaration_does_not_vouch_for_this_call() {
    let calls = message(&json!({"message": {
        "toolCallList": [{"id": "t", "name": "bookAppointment", "arguments": {"accountId": "from the model"}}],
        "toolWithToolCallList": [{
            "function": {"name": "searchPatients"},
            "parameters": [{"key": "accountId", "value": "{{ accountId }}"}],
            "toolCall": {"id": "t", "function": {"name": "bookAppointment"}},
        }],
    }}))
    .tool_calls();
    assert_eq!(calls[0].static_account, None);
}

#[test]
fn a_legacy_function_call_is_read() {
    let call = message(&json!({"message": {
        "type": "function-call",
        "functionCall": {"name": "searchPatients", "parameters": {"phone": "1", "accountId": "from the model"}},
    }}))
    .function_call()
    .unwrap();
    assert_eq!(call.name, "searchPatients");
    assert_eq!(Value::from(call.arguments.unwrap()), json!({"phone": "1"}));
    assert_eq!(message(&json!({"message": {}})).function_call(), None);
}

#[test]
fn p6_a_bare_bodys_account_id_is_never_taken() {
    let body = json!({"phone": "1", "accountId": "from whomever"}).to_string();
    assert_eq!(Value::from(bare_arguments(&verified(body.as_bytes())).unwrap()), json!({"phone": "1"}));
    assert_eq!(bare_arguments(&verified(b"[]")), Err(ArgumentsError));
}

#[test]
fn a_key_given_twice_does_not_cost_the_answer() {
    let body = br#"{"message":{"type":"tool-calls","call":{},"call":{"id":"c"},"toolCallList":[{"id":"t","name":"x"}]}}"#;
    let message = Message::read(&verified(body)).unwrap();
    assert_eq!((message.call_id(), message.tool_calls().len()), (Some("c"), 1));
}
