use serde_json::{Map, Value};

use super::shapes::Asked;
use super::timeline::{Finding, Severity};

/// What came back over HTTP.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

/// How one request ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Answered(Reply),
    TimedOut { limit_seconds: f64 },
    Unreachable { reason: String },
}

impl Outcome {
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(reply) => Some(reply.status),
            _ => None,
        }
    }

    /// The decoded body, where there is one.
    pub(super) fn json(&self) -> Option<Value> {
        match self {
            Self::Answered(reply) => serde_json::from_slice(&reply.body).ok(),
            _ => None,
        }
    }
}

/// Collects findings about one message or tool.
struct Findings<'a> {
    about: &'a str,
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    fn about(about: &'a str) -> Self {
        Self { about, list: Vec::new() }
    }

    fn add(&mut self, severity: Severity, rule: &'static str, detail: impl Into<String>) {
        self.list.push(Finding { rule, detail: detail.into(), about: self.about.to_owned(), severity });
    }

    fn broken(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.add(Severity::Violation, rule, detail);
    }

    fn bent(&mut self, rule: &'static str, detail: impl Into<String>) {
        self.add(Severity::Warning, rule, detail);
    }

    /// Notes a request without an answer, or hands the answer on.
    fn reply<'o>(&mut self, outcome: &'o Outcome) -> Option<&'o Reply> {
        match outcome {
            Outcome::Answered(reply) => return Some(reply),
            Outcome::TimedOut { limit_seconds } => {
                self.broken("http.timeout", format!("no answer within {limit_seconds} s"));
            }
            Outcome::Unreachable { reason } => self.broken("http.unreachable", reason.clone()),
        }
        None
    }
}

/// One finding of the player's own, about the script rather than the gateway's HTTP.
pub(super) fn violation(rule: &'static str, about: &str, detail: impl Into<String>) -> Finding {
    Finding { rule, detail: detail.into(), about: about.to_owned(), severity: Severity::Violation }
}

/// A refusal was expected: any message must be answered with exactly this status.
pub(super) fn refused(about: &str, outcome: &Outcome, expected: u16) -> Vec<Finding> {
    let mut findings = Findings::about(about);
    if let Some(reply) = findings.reply(outcome)
        && reply.status != expected
    {
        findings.broken("http.expected-status", format!("answered {}, expected {expected}", reply.status));
    }
    findings.list
}

/// An informational message is answered 2xx; Vapi does not look at the body.
pub(super) fn informational(about: &str, outcome: &Outcome) -> Vec<Finding> {
    let mut findings = Findings::about(about);
    if let Some(reply) = findings.reply(outcome)
        && !(200..300).contains(&reply.status)
    {
        findings.broken("http.status", format!("answered {}, must be 2xx", reply.status));
    }
    findings.list
}

/// One tool's answer as Vapi would hand it to the model.
#[derive(Debug, Clone, Default)]
pub(super) struct ToolResult {
    /// The `result` or `error` string.
    pub(super) text: String,
    /// Whether it is the `error`.
    pub(super) is_error: bool,
    /// `result` decoded, where it is a JSON object as our gateway promises.
    pub(super) object: Option<Map<String, Value>>,
    /// `message.content`: spoken instead of the result's own sentence.
    pub(super) message: Option<String>,
}

/// Holds the answer to a tool-calls message against Vapi's rules (voice contract 1.6).
///
/// The results are in the order of `asked`; `None` where Vapi would tell the model `No result returned.`
pub(super) fn tool_calls(
    asked: &[Asked],
    outcome: &Outcome,
    result_bytes: usize,
) -> (Vec<Finding>, Vec<Option<ToolResult>>) {
    let mut none = vec![None; asked.len()];
    let mut findings = Findings::about("tool-calls");
    let Some(results) = results_array(&mut findings, outcome) else { return (findings.list, none) };
    for entry in &results {
        let id = entry.get("toolCallId").and_then(Value::as_str).unwrap_or_default();
        if !asked.iter().any(|call| call.id == id) {
            findings.broken(
                "tool.id-unknown",
                format!("a result for the tool call id {id:?}, which nobody made"),
            );
        }
    }
    let ids: Vec<&str> =
        results.iter().filter_map(|entry| entry.get("toolCallId").and_then(Value::as_str)).collect();
    let wanted: Vec<&str> = asked.iter().map(|call| call.id.as_str()).filter(|id| ids.contains(id)).collect();
    if ids.len() == wanted.len() && ids != wanted {
        findings.bent("tool.order", "the results are in another order than the calls");
    }
    let mut list = findings.list;
    for (call, slot) in asked.iter().zip(&mut none) {
        let mut findings = Findings::about(&call.tool);
        let own: Vec<&Value> =
            results.iter().filter(|entry| entry["toolCallId"] == call.id.as_str()).collect();
        match own.as_slice() {
            [] => findings.broken("tool.id-missing", format!("no result for the tool call id {}", call.id)),
            [entry] => *slot = result(&mut findings, call, entry, result_bytes),
            several => {
                let count = several.len();
                findings.broken("tool.id-repeated", format!("{count} results for one tool call"));
            }
        }
        list.extend(findings.list);
    }
    (list, none)
}

fn results_array(findings: &mut Findings<'_>, outcome: &Outcome) -> Option<Vec<Value>> {
    let reply = findings.reply(outcome)?;
    if reply.status != 200 {
        findings.broken("tool.http-status", format!("answered {}, must be exactly 200", reply.status));
    }
    if !reply.content_type.starts_with("application/json") {
        findings.bent("http.content-type", format!("content type {:?}", reply.content_type));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else {
        findings.broken("tool.not-json", "the body is not JSON");
        return None;
    };
    match body.get("results") {
        Some(Value::Array(results)) => Some(results.clone()),
        Some(_) => {
            findings.broken("tool.results-not-array", "results is not an array");
            None
        }
        None => {
            findings.broken("tool.results-missing", "the body has no results");
            None
        }
    }
}

fn result(
    findings: &mut Findings<'_>,
    call: &Asked,
    entry: &Value,
    result_bytes: usize,
) -> Option<ToolResult> {
    match entry.get("name").and_then(Value::as_str) {
        None => findings.broken("tool.name-missing", "the result has no name"),
        Some(name) if name != call.tool => {
            findings.broken("tool.name-wrong", format!("the result is named {name:?}"));
        }
        Some(_) => {}
    }
    let message = spoken_message(findings, entry);
    let (result, error) = (entry.get("result"), entry.get("error"));
    if result.is_some() && error.is_some() {
        findings.broken("tool.result-and-error", "both result and error are there");
    }
    let Some(value) = result.or(error) else {
        findings.broken("tool.result-missing", "neither result nor error is there");
        return None;
    };
    let Some(text) = value.as_str() else {
        findings.broken("tool.result-not-string", "result or error is not a string");
        return None;
    };
    if text.is_empty() {
        findings.broken("tool.result-empty", "the result is empty");
    }
    if text.contains(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
        findings.broken("tool.line-break", "the result is more than one line");
        return None;
    }
    if text.len() > result_bytes {
        findings.bent("tool.large", format!("the result has {} bytes, more than {result_bytes}", text.len()));
    }
    let object = result.and_then(|_| our_object(findings, text));
    Some(ToolResult { text: text.to_owned(), is_error: result.is_none(), object, message })
}

/// Our own convention on top of Vapi's: a result is one JSON object with a status and a sentence.
fn our_object(findings: &mut Findings<'_>, text: &str) -> Option<Map<String, Value>> {
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        findings.broken("ours.not-an-object", "the result string is not a JSON object");
        return None;
    };
    for key in ["status", "say"] {
        if object.get(key).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
            findings.broken("ours.incomplete", format!("the result has no {key}"));
        }
    }
    Some(object)
}

fn spoken_message(findings: &mut Findings<'_>, entry: &Value) -> Option<String> {
    let message = entry.get("message")?;
    if !matches!(message["type"].as_str(), Some("request-complete" | "request-failed")) {
        findings.broken("tool.message-type", "message.type is neither request-complete nor request-failed");
    }
    let content = message["content"].as_str()?;
    if content.chars().count() > 1000 {
        findings.broken("tool.message-long", "message.content has more than 1000 characters");
    }
    Some(content.to_owned())
}

/// Holds the answer to any other request against its rules (voice contract 1.5).
pub(super) fn request(kind: &str, outcome: &Outcome) -> Vec<Finding> {
    let mut findings = Findings::about(kind);
    let Some(reply) = findings.reply(outcome) else { return findings.list };
    if !(200..300).contains(&reply.status) {
        findings.broken("http.status", format!("answered {}, must be 2xx", reply.status));
        return findings.list;
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&reply.body) else {
        findings.broken("request.not-json", "the body is not a JSON object");
        return findings.list;
    };
    match kind {
        "assistant-request" => assistant(&mut findings, &body),
        "function-call" => {
            if !body.get("result").is_some_and(Value::is_string) {
                findings.broken("function-call.result", "result is not a string");
            }
        }
        "call.endpointing.request" => {
            if !body.get("timeoutSeconds").and_then(Value::as_f64).is_some_and(|s| (0.0..=15.0).contains(&s))
            {
                findings.broken("endpointing.timeout", "timeoutSeconds is not a number from 0 to 15");
            }
        }
        "campaign.predial" => {
            if !body.get("eligible").is_some_and(Value::is_boolean) {
                findings
                    .broken("predial.eligible", "eligible is not true or false: the contact is not dialled");
            }
        }
        "knowledge-base-request" => documents(&mut findings, &body),
        _ => destination(&mut findings, &body),
    }
    findings.list
}

fn assistant(findings: &mut Findings<'_>, body: &Map<String, Value>) {
    const ANSWERS: [&str; 8] =
        ["error", "destination", "assistantId", "assistant", "squadId", "squad", "workflowId", "workflow"];
    if !ANSWERS.iter().any(|key| body.get(*key).is_some_and(|value| !value.is_null())) {
        findings.broken("assistant-request.empty", "none of assistantId, assistant, destination, error …");
    }
    for key in body.keys().filter(|key| !ANSWERS.contains(&key.as_str())) {
        if !["assistantOverrides", "squadOverrides", "workflowOverrides"].contains(&key.as_str()) {
            findings.bent("assistant-request.unknown-property", format!("property {key} should not exist"));
        }
    }
    // A transient assistant is validated strictly: one unknown property breaks every inbound call.
    let Some(Value::Object(transient)) = body.get("assistant") else { return };
    for key in transient.keys().filter(|key| !ASSISTANT_PROPERTIES.contains(&key.as_str())) {
        findings.broken(
            "assistant-request.invalid-assistant",
            format!("assistant.property {key} should not exist"),
        );
    }
}

fn destination(findings: &mut Findings<'_>, body: &Map<String, Value>) {
    if body.contains_key("results") {
        findings.broken("request.results", "results belong to tool-calls only");
    }
    let error = body.get("error").is_some_and(Value::is_string);
    if !error && !body.get("destination").is_some_and(Value::is_object) {
        findings.broken("request.destination", "neither a destination nor an error");
    }
}

fn documents(findings: &mut Findings<'_>, body: &Map<String, Value>) {
    let complete = |document: &Value| document["content"].is_string() && document["similarity"].is_number();
    match body.get("documents") {
        Some(Value::Array(documents)) if documents.iter().all(complete) => {}
        _ => findings.broken("knowledge-base.documents", "documents is not a list of content and similarity"),
    }
}

/// The top-level properties of `CreateAssistantDTO`.
const ASSISTANT_PROPERTIES: [&str; 31] = [
    "analysisPlan",
    "artifactPlan",
    "backgroundSound",
    "backgroundSpeechDenoisingPlan",
    "clientMessages",
    "compliancePlan",
    "credentialIds",
    "credentials",
    "endCallMessage",
    "endCallPhrases",
    "firstMessage",
    "firstMessageInterruptionsEnabled",
    "firstMessageMode",
    "hooks",
    "keypadInputPlan",
    "maxDurationSeconds",
    "metadata",
    "model",
    "modelOutputInMessagesEnabled",
    "monitorPlan",
    "name",
    "observabilityPlan",
    "server",
    "serverMessages",
    "startSpeakingPlan",
    "stopSpeakingPlan",
    "transcriber",
    "transportConfigurations",
    "voice",
    "voicemailDetection",
    "voicemailMessage",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(ids: &[&str]) -> Vec<Asked> {
        ids.iter()
            .map(|id| Asked { id: (*id).into(), tool: "searchPatients".into(), arguments: Map::new() })
            .collect()
    }

    fn reply(status: u16, body: &Value) -> Outcome {
        Outcome::Answered(Reply {
            status,
            content_type: "application/json".into(),
            body: body.to_string().into_bytes(),
        })
    }

    fn good(id: &str) -> Value {
        json!({"name": "searchPatients", "toolCallId": id,
               "result": r#"{"status":"found","say":"I found you."}"#})
    }

    fn rules(status: u16, body: &Value) -> Vec<&'static str> {
        let (findings, _) = tool_calls(&asked(&["call_1"]), &reply(status, body), 4096);
        findings.iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_right_answer_breaks_nothing_and_is_decoded() {
        let body = json!({"results": [good("call_1")]});
        let (findings, results) = tool_calls(&asked(&["call_1"]), &reply(200, &body), 4096);
        assert_eq!(findings, []);
        let result = results[0].as_ref().unwrap();
        assert_eq!(result.object.as_ref().unwrap()["status"], "found");
    }

    #[test]
    fn each_way_to_break_a_tool_answer_is_named() {
        let with = |key: &str, value: Value| {
            let mut entry = good("call_1");
            entry[key] = value;
            json!({ "results": [entry] })
        };
        let without = |key: &str| {
            let mut entry = good("call_1");
            entry.as_object_mut().unwrap().remove(key);
            json!({ "results": [entry] })
        };
        let cases = [
            (201, json!({"results": [good("call_1")]}), vec!["tool.http-status"]),
            (200, json!("no"), vec!["tool.results-missing"]),
            (200, json!({"results": {"call_1": "x"}}), vec!["tool.results-not-array"]),
            (200, json!({"results": []}), vec!["tool.id-missing"]),
            (200, json!({"results": [good("CALL_1")]}), vec!["tool.id-unknown", "tool.id-missing"]),
            (200, json!({"results": [good("call_1"), good("call_1")]}), vec!["tool.id-repeated"]),
            (200, without("name"), vec!["tool.name-missing"]),
            (200, with("name", json!("bookAppointment")), vec!["tool.name-wrong"]),
            (200, without("result"), vec!["tool.result-missing"]),
            (200, with("result", json!({"status": "found"})), vec!["tool.result-not-string"]),
            (200, with("error", json!("x")), vec!["tool.result-and-error"]),
            (200, with("result", json!("{\"status\":\"ok\",\n\"say\":\"x\"}")), vec!["tool.line-break"]),
            (200, with("result", json!("found")), vec!["ours.not-an-object"]),
            (200, with("result", json!(r#"{"status":"found"}"#)), vec!["ours.incomplete"]),
            (200, with("message", json!({"type": "hello"})), vec!["tool.message-type"]),
        ];
        for (status, body, expected) in cases {
            assert_eq!(rules(status, &body), expected, "{body}");
        }
    }

    #[test]
    fn a_large_result_and_another_order_are_only_warnings() {
        let mut entry = good("call_1");
        entry["result"] = json!({"status": "found", "say": "x".repeat(5000)}).to_string().into();
        let body = json!({"results": [entry]});
        let (findings, results) = tool_calls(&asked(&["call_1"]), &reply(200, &body), 4096);
        assert!(results[0].is_some());
        assert_eq!((findings[0].rule, findings[0].severity), ("tool.large", Severity::Warning));
        let body = json!({"results": [good("call_2"), good("call_1")]});
        let (findings, results) = tool_calls(&asked(&["call_1", "call_2"]), &reply(200, &body), 4096);
        assert!(results.iter().all(Option::is_some));
        assert_eq!((findings[0].rule, findings[0].severity), ("tool.order", Severity::Warning));
    }

    #[test]
    fn no_answer_is_a_timeout_or_unreachable() {
        let late = Outcome::TimedOut { limit_seconds: 20.0 };
        assert_eq!(tool_calls(&asked(&["call_1"]), &late, 4096).0[0].rule, "http.timeout");
        let gone = Outcome::Unreachable { reason: "refused".into() };
        assert_eq!(informational("hang", &gone)[0].rule, "http.unreachable");
    }

    #[test]
    fn informational_messages_need_2xx_and_refusals_their_status() {
        assert_eq!(informational("hang", &reply(204, &json!({}))), []);
        assert_eq!(informational("hang", &reply(400, &json!({})))[0].rule, "http.status");
        assert_eq!(refused("hang", &reply(401, &json!({})), 401), []);
        assert_eq!(refused("hang", &reply(200, &json!({})), 401)[0].rule, "http.expected-status");
    }

    #[test]
    fn the_other_requests_have_their_own_rules() {
        let broken = |kind: &str, body: Value| -> Vec<&'static str> {
            request(kind, &reply(200, &body)).iter().map(|finding| finding.rule).collect()
        };
        assert_eq!(broken("assistant-request", json!({"assistantId": "a"})), [] as [&str; 0]);
        assert_eq!(broken("assistant-request", json!({"error": "closed"})), [] as [&str; 0]);
        assert_eq!(broken("assistant-request", json!({})), ["assistant-request.empty"]);
        assert_eq!(
            broken("assistant-request", json!({"assistant": {"name": "x", "tools": []}})),
            ["assistant-request.invalid-assistant"]
        );
        assert_eq!(broken("function-call", json!({"result": "x"})), [] as [&str; 0]);
        assert_eq!(broken("function-call", json!({"result": {}})), ["function-call.result"]);
        assert_eq!(
            broken("transfer-destination-request", json!({"results": []})),
            ["request.results", "request.destination"]
        );
        assert_eq!(broken("handoff-destination-request", json!({"error": "no"})), [] as [&str; 0]);
        assert_eq!(broken("call.endpointing.request", json!({"timeoutSeconds": 0.5})), [] as [&str; 0]);
        assert_eq!(
            broken("call.endpointing.request", json!({"timeoutSeconds": 60})),
            ["endpointing.timeout"]
        );
        assert_eq!(broken("campaign.predial", json!({"eligible": false})), [] as [&str; 0]);
        assert_eq!(broken("campaign.predial", json!({})), ["predial.eligible"]);
        assert_eq!(broken("knowledge-base-request", json!({"documents": []})), [] as [&str; 0]);
        assert_eq!(broken("knowledge-base-request", json!({})), ["knowledge-base.documents"]);
    }
}
