use rstest::rstest;
use serde_json::{Value, json};
use voice_vapi::answer::{
    Apology, MOST_BYTES, ToolResult, apology, assistant, error, function_result, tool_results,
};
use voice_vapi::{Language, TenantRefusal};

fn rendered(result: &str) -> String {
    let results = [ToolResult { name: "x".into(), tool_call_id: "call_1".into(), result: result.into() }];
    let value: Value = serde_json::from_str(&tool_results(&results)).unwrap();
    value["results"][0]["result"].as_str().unwrap().to_owned()
}

#[test]
fn results_carry_exact_ids_in_the_order_of_the_calls() {
    let result = |id: &str| ToolResult { name: "x".into(), tool_call_id: id.into(), result: "ok".into() };
    assert_eq!(
        tool_results(&[result("toolu_9 "), result("call_\"1\"")]),
        r#"{"results":[{"name":"x","result":"ok","toolCallId":"toolu_9 "},{"name":"x","result":"ok","toolCallId":"call_\"1\""}]}"#
    );
    assert_eq!(tool_results(&[]), r#"{"results":[]}"#);
}

#[rstest]
#[case("one\ntwo", "one two")]
#[case("one\r\n\r\ntwo\n", "one two")]
#[case("one\u{2028}two\u{0}three\u{85}four", "one two three four")]
#[case("  {\n  \"say\": \"hi\"\n}", "{   \"say\": \"hi\" }")]
fn a_result_is_one_line(#[case] given: &str, #[case] expected: &str) {
    assert_eq!(rendered(given), expected);
}

#[test]
fn of_an_answer_that_is_too_long_the_status_and_the_sentence_stay() {
    let long =
        json!({"status": "ok", "say": "Two times are free.", "slots": vec!["09:00"; 2000]}).to_string();
    assert_eq!(rendered(&long), r#"{"say":"Two times are free.","status":"ok"}"#);
    let text = rendered(&"ü".repeat(MOST_BYTES));
    assert!(text.len() <= MOST_BYTES && text.ends_with('…'), "{}", text.len());
    let hopeless = json!({"status": "ok", "say": "x".repeat(MOST_BYTES)}).to_string();
    assert!(rendered(&hopeless).len() <= MOST_BYTES);
}

#[rstest]
#[case(Apology::Unavailable, "unavailable")]
#[case(Apology::Unanswered, "unknown")]
#[case(Apology::BadArguments, "refused")]
#[case(Apology::Refused(TenantRefusal::NoIntegration), "refused")]
fn p5_an_apology_is_a_sentence_and_claims_nothing_was_done(#[case] why: Apology, #[case] status: &str) {
    let languages =
        [(Language::English, "I'm sorry"), (Language::Spanish, "Lo siento"), (Language::French, "Désolé")];
    for (language, sorry) in languages {
        let value: Value = serde_json::from_str(&apology(why, language)).unwrap();
        let say = value["say"].as_str().unwrap();
        assert_eq!(value["status"], status);
        assert!(say.starts_with(sorry), "{say}");
        assert!(!say.to_lowercase().contains("booked") && !say.contains("reservad"), "{say}");
        assert!(!say.contains("réservé"), "{say}");
    }
}

#[test]
fn a_refusal_carries_the_fields_own_words() {
    let value: Value =
        serde_json::from_str(&apology(Apology::Refused(TenantRefusal::NoAccount), Language::English))
            .unwrap();
    assert_eq!(value["error"], "no account id in the call context");
    assert_eq!(value["code"], "no_account");
}

#[test]
fn the_other_answers_have_the_documented_shapes() {
    let tenant: domain::TenantId = "ten_01890000000070008000000000000001".parse().unwrap();
    let answer: Value = serde_json::from_str(&assistant("a-1", tenant)).unwrap();
    assert_eq!(
        answer,
        json!({"assistantId": "a-1", "assistantOverrides": {
            "metadata": {"accountId": tenant}, "variableValues": {"accountId": tenant},
        }})
    );
    assert_eq!(error("Closed.\nSorry."), r#"{"error":"Closed. Sorry."}"#);
    assert_eq!(function_result("found"), r#"{"result":"found"}"#);
}
