use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::deliver::{Delivered, Outgoing};
use super::notices::forgiven;
use super::options::ToolUrl;
use super::play::Call;
use super::rules::{self, ToolResult, violation};
use super::script::{Expect, ToolUse, Who};
use super::shapes::{Asked, merged, tool_calls};
use super::template::Unresolved;
use super::timeline::{What, milliseconds};

/// What Vapi tells the model when an answer is of no use.
const NO_RESULT: &str = "No result returned.";

impl Call {
    /// The model calls tools, all at once, and then says what came back.
    pub(super) async fn use_tools(&mut self, uses: &[ToolUse]) -> Result<(), Unresolved> {
        let asked = self.ask(uses)?;
        self.conversation.tools_called(&asked);
        let messages = self.tool_messages(&asked);
        self.tool_turn += 1;
        let delivered = join_all(messages.iter().map(|(outgoing, _)| self.gateway.send(outgoing))).await;
        let mut results = Vec::new();
        for ((_, asked), delivered) in messages.iter().zip(delivered) {
            results.extend(self.judge(asked, delivered));
        }
        for ((tool, asked), result) in uses.iter().zip(&asked).zip(results) {
            self.take_in(tool, asked, result).await?;
        }
        Ok(())
    }

    fn ask(&self, uses: &[ToolUse]) -> Result<Vec<Asked>, Unresolved> {
        let mut asked = Vec::new();
        for tool in uses {
            let unique = Uuid::new_v4().simple().to_string();
            let call = Asked {
                id: format!("{}{}", self.options.tool_id_prefix, &unique[..24]),
                tool: tool.tool.clone(),
                arguments: merged(self.scope.fill_map(&tool.arguments)?, &self.fixed),
            };
            self.recorder.write(What::Tool {
                tool: call.tool.clone(),
                tool_call_id: call.id.clone(),
                arguments: Value::Object(call.arguments.clone()),
            });
            asked.push(call);
        }
        Ok(asked)
    }

    /// One message for all calls, or one for each where every tool has its own URL.
    fn tool_messages(&self, asked: &[Asked]) -> Vec<(Outgoing, Vec<Asked>)> {
        let message = |calls: &[Asked]| {
            let shape = self.options.shape.at(self.tool_turn);
            let fields = tool_calls(calls, &self.fixed, shape, &self.options.lists);
            self.outgoing("tool-calls", fields, self.options.timeout_seconds)
        };
        match self.options.tool_url {
            ToolUrl::Webhook => vec![(message(asked), asked.to_vec())],
            ToolUrl::PerTool => asked
                .chunks(1)
                .map(|call| {
                    let path = format!("/api/vapi/tools/{}", call[0].tool);
                    (Outgoing { path, ..message(call) }, call.to_vec())
                })
                .collect(),
        }
    }

    /// Holds every answer against the rules; for each call the first result that Vapi would use.
    fn judge(&self, asked: &[Asked], delivered: Vec<Delivered>) -> Vec<Option<ToolResult>> {
        self.recorder.lock().requests += u32::try_from(delivered.len()).unwrap_or(u32::MAX);
        let mut used: Vec<Option<ToolResult>> = vec![None; asked.len()];
        let mut every: Vec<Vec<Map<String, Value>>> = vec![Vec::new(); asked.len()];
        for one in delivered {
            let (findings, results) = match self.options.expect_status {
                Some(status) => (rules::refused("tool-calls", &one.outcome, status), vec![None; asked.len()]),
                None => rules::tool_calls(asked, &one.outcome, self.options.result_bytes),
            };
            for (index, (call, result)) in asked.iter().zip(results).enumerate() {
                self.write_answer(call, &one, result.as_ref());
                every[index].extend(result.as_ref().and_then(|result| result.object.clone()));
                if !one.lost && !one.retried && used[index].is_none() {
                    used[index] = result;
                }
            }
            self.recorder.find(forgiven(findings, &one));
        }
        for (call, answers) in asked.iter().zip(&every) {
            self.compare_copies(call, answers);
        }
        used
    }

    fn write_answer(&self, call: &Asked, one: &Delivered, result: Option<&ToolResult>) {
        let object = result.and_then(|result| result.object.as_ref());
        let text = |key: &str| object.and_then(|object| object.get(key)).and_then(Value::as_str);
        self.recorder.write_at(
            one.sent_at + one.took,
            What::Answer {
                tool: call.tool.clone(),
                tool_call_id: call.id.clone(),
                status: text("status").map(ToOwned::to_owned),
                say: text("say").map(ToOwned::to_owned),
                result: match (object, result) {
                    (Some(object), _) => Value::Object(object.clone()),
                    (None, Some(result)) => Value::String(result.text.clone()),
                    (None, None) => Value::Null,
                },
                http_status: one.outcome.status(),
                took_ms: milliseconds(one.took),
                attempt: one.attempt,
                copy: one.copy,
                lost: one.lost,
            },
        );
    }

    /// Deliveries of one tool call may be answered at different moments, but never with two writes.
    fn compare_copies(&self, call: &Asked, answers: &[Map<String, Value>]) {
        for key in ["writebackId", "patientId"] {
            let mut seen: Vec<&Value> = answers.iter().filter_map(|answer| answer.get(key)).collect();
            seen.dedup();
            if seen.len() > 1 {
                let detail =
                    format!("deliveries of one tool call were answered with different values of {key}");
                self.recorder.find([violation("ours.copies-differ", &call.tool, detail)]);
            }
        }
    }

    async fn take_in(
        &mut self,
        tool: &ToolUse,
        call: &Asked,
        result: Option<ToolResult>,
    ) -> Result<(), Unresolved> {
        let text = result.as_ref().map_or(NO_RESULT, |result| &result.text);
        self.conversation.tool_answered(call, text);
        let Some(result) = result else { return Ok(()) };
        let answer = match result.object {
            Some(object) => Value::Object(object),
            // An error is what the model hears; the nearest thing to what it would say is the error itself.
            None if result.is_error => json!({ "status": "error", "say": result.text }),
            None => return Ok(()),
        };
        if let Some(name) = &tool.save_as {
            self.scope.set(name, answer.clone());
            self.recorder.lock().answers.insert(name.clone(), answer.clone());
        }
        for (name, pointer) in &tool.capture {
            if let Some(found) = self.scope.pick(&answer, pointer) {
                self.scope.set(name, found);
            }
        }
        let spoken = result.message.or_else(|| answer["say"].as_str().map(ToOwned::to_owned));
        if let Some(text) = spoken {
            self.say(Who::Agent, &text).await;
        }
        match &tool.expect {
            Some(expect) => self.check(&call.tool, expect, &answer),
            None => Ok(()),
        }
    }

    /// Whether an answer is what the script expects.
    pub(super) fn check(&self, about: &str, expect: &Expect, answer: &Value) -> Result<(), Unresolved> {
        let mut findings = Vec::new();
        let status = answer["status"].as_str().unwrap_or_default();
        if !expect.status.is_empty() && !expect.status.iter().any(|wanted| wanted == status) {
            let detail = format!("status is {status:?}, expected one of {}", expect.status.join(", "));
            findings.push(violation("expect.status", about, detail));
        }
        let say = answer["say"].as_str().unwrap_or_default();
        let lower = say.to_lowercase();
        for part in &expect.say_contains {
            let part = self.scope.fill_text(part)?;
            if !lower.contains(&part.to_lowercase()) {
                findings.push(violation("expect.say", about, format!("{say:?} does not contain {part:?}")));
            }
        }
        for part in &expect.say_lacks {
            if lower.contains(&part.to_lowercase()) {
                findings.push(violation("expect.say", about, format!("{say:?} contains {part:?}")));
            }
        }
        for pointer in &expect.has {
            if answer.pointer(pointer).is_none_or(Value::is_null) {
                findings.push(violation("expect.has", about, format!("nothing at {pointer}")));
            }
        }
        for (pointer, wanted) in &expect.equals {
            let (wanted, found) = (self.scope.fill(wanted)?, answer.pointer(pointer));
            if found != Some(&wanted) {
                let found = found.unwrap_or(&Value::Null);
                let detail = format!("{found} at {pointer}, expected {wanted}");
                findings.push(violation("expect.equals", about, detail));
            }
        }
        self.recorder.find(findings);
        Ok(())
    }
}
