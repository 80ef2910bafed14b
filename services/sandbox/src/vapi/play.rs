use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::call_object::CallObject;
use super::conversation::Conversation;
use super::deliver::{Gateway, Outgoing};
use super::notices::{Notices, forgiven, message_line};
use super::options::{Options, Placement};
use super::rules;
use super::script::{Action, Script, Step, Who};
use super::template::{Scope, Unresolved};
use super::timeline::{Recorder, What};

/// One call while it is played.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) script: Arc<Script>,
    pub(super) options: Arc<Options>,
    pub(super) scope: Scope,
    pub(super) object: CallObject,
    pub(super) conversation: Conversation,
    pub(super) gateway: Arc<Gateway>,
    pub(super) recorder: Recorder,
    pub(super) notices: Notices,
    /// Static tool parameters.
    pub(super) fixed: BTreeMap<String, String>,
    pub(super) turn: u32,
    pub(super) tool_turn: usize,
    pub(super) ended: bool,
}

/// The types the gateway must answer with something (voice contract 1.4), tool-calls aside.
const REQUESTS: [&str; 7] = [
    "assistant-request",
    "call.endpointing.request",
    "campaign.predial",
    "function-call",
    "handoff-destination-request",
    "knowledge-base-request",
    "transfer-destination-request",
];

impl Call {
    /// Plays the script to its end.
    pub(super) async fn play(mut self) {
        let completed = match self.perform().await {
            // Where every message is to be refused, there is nothing the rest of the script could go on with.
            _ if self.options.expect_status.is_some() => true,
            Ok(completed) => completed,
            Err(missing) => {
                let detail = format!("{missing}; an earlier answer did not bring it");
                self.recorder.find([rules::violation("script.unresolved", &self.script.name, detail)]);
                false
            }
        };
        self.end("customer-ended-call", true).await;
        self.notices.flush(self.scope.random()).await;
        self.recorder.lock().completed = completed;
        self.recorder.finish();
    }

    /// Whether the whole script was played.
    async fn perform(&mut self) -> Result<bool, Unresolved> {
        if self.options.assistant_request {
            if !self.ask_for_an_assistant().await {
                return Ok(false);
            }
        } else {
            self.object.assistant_id = Some(self.script.assistant_id.clone());
        }
        for status in self.options.opening.clone() {
            self.notice("status-update", json!({ "status": status })).await;
        }
        let assistant = self.object.assistant(&self.options);
        self.notice("assistant.started", json!({ "newAssistant": assistant })).await;
        let script = Arc::clone(&self.script);
        for step in &script.steps {
            self.step(step).await?;
        }
        Ok(true)
    }

    async fn step(&mut self, step: &Step) -> Result<(), Unresolved> {
        let known = |path: &String| self.scope.find(path).is_some();
        if step.only_if.as_ref().is_some_and(|path| !known(path)) || step.unless.as_ref().is_some_and(known) {
            return Ok(());
        }
        match &step.action {
            Action::Say { who, text } => {
                let text = self.scope.fill_text(text)?;
                self.say(*who, &text).await;
            }
            Action::Tools(uses) => Box::pin(self.use_tools(uses)).await?,
            Action::Message { kind, fields } => {
                let fields = self.scope.fill_map(fields)?;
                if REQUESTS.contains(&kind.as_str()) {
                    self.request(kind, fields).await;
                } else {
                    self.send_notice(kind, fields).await;
                }
            }
            Action::Expect { of, expect } => {
                let answer = self.scope.find(of).ok_or_else(|| Unresolved { name: of.clone() })?;
                self.check(of, expect, &answer)?;
            }
            Action::Wait { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Action::HangUp { reason } => self.end(&reason.clone(), true).await,
        }
        Ok(())
    }

    /// Somebody speaks: the line in the timeline and every message Vapi makes of it.
    pub(super) async fn say(&mut self, who: Who, text: &str) {
        let role = match who {
            Who::Agent => "assistant",
            Who::Patient => "user",
        };
        let turn = self.turn;
        self.turn += 1;
        self.recorder.write(What::Say { who, text: text.to_owned() });
        self.notice("speech-update", json!({ "status": "started", "role": role, "turn": turn })).await;
        if who == Who::Agent {
            let fields = json!({ "text": text, "turn": turn, "source": "model" });
            self.notice("assistant.speechStarted", fields).await;
        } else {
            self.notice("voice-input", json!({ "input": text })).await;
        }
        let words = u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_millis(words.saturating_mul(self.options.word_ms))).await;
        self.conversation.say(who, text);
        let partial = text.split_inclusive(' ').take(2).collect::<String>();
        for (kind, heard) in [("partial", partial.trim_end()), ("final", text)] {
            let fields = json!({
                "role": role, "transcriptType": kind, "transcript": heard,
                "isFiltered": false, "detectedThreats": [],
            });
            self.notice("transcript", fields).await;
        }
        let only_final = json!({ "role": role, "transcriptType": "final", "transcript": text });
        self.notice("transcript[transcriptType=\"final\"]", only_final).await;
        self.notice("speech-update", json!({ "status": "stopped", "role": role, "turn": turn })).await;
        let update = self.conversation.update();
        self.notice("conversation-update", update).await;
    }

    async fn end(&mut self, reason: &str, connected: bool) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.recorder.lock().ended_reason = Some(reason.to_owned());
        self.notice("status-update", json!({ "status": "ended", "endedReason": reason })).await;
        if connected {
            tokio::time::sleep(Duration::from_millis(self.options.report_delay_ms)).await;
            let report = self.conversation.report(reason, &self.object.id);
            self.notice("end-of-call-report", report).await;
        }
    }

    /// Sends a message of a type that the options choose.
    async fn notice(&mut self, kind: &str, fields: Value) {
        if self.options.sends(kind)
            && let Value::Object(fields) = fields
        {
            self.send_notice(kind, fields).await;
        }
    }

    async fn send_notice(&mut self, kind: &str, fields: Map<String, Value>) {
        let outgoing = self.outgoing(kind, fields, self.options.timeout_seconds);
        self.notices.send(outgoing, self.scope.random()).await;
    }

    pub(super) fn outgoing(&self, kind: &str, fields: Map<String, Value>, limit_seconds: f64) -> Outgoing {
        let live = self.conversation.artifact();
        Outgoing {
            kind: kind.to_owned(),
            path: self.options.webhook_path.clone(),
            body: self.object.message(kind, fields, live, &self.options),
            limit: Duration::from_secs_f64(limit_seconds.clamp(0.001, 300.0)),
        }
    }

    /// Sends a message that needs an answer; the first answer that was not lost.
    async fn request(&mut self, kind: &str, fields: Map<String, Value>) -> Option<Value> {
        let limit = match kind {
            "assistant-request" => self.options.assistant_request_seconds,
            _ => self.options.timeout_seconds,
        };
        let outgoing = self.outgoing(kind, fields, limit);
        let delivered = self.gateway.send(&outgoing).await;
        self.recorder.lock().requests += u32::try_from(delivered.len()).unwrap_or(u32::MAX);
        let mut first = None;
        for one in delivered {
            let findings = match self.options.expect_status {
                Some(status) => rules::refused(kind, &one.outcome, status),
                None => rules::request(kind, &one.outcome),
            };
            let answer = one.outcome.json();
            self.recorder.write_at(one.sent_at, message_line(&outgoing, &one, answer.clone()));
            self.recorder.find(forgiven(findings, &one));
            if !one.lost && !one.retried && one.outcome.status().is_some_and(|status| status < 300) {
                first = first.or(answer);
            }
        }
        first
    }

    /// Whether the call goes on: the gateway named an assistant.
    async fn ask_for_an_assistant(&mut self) -> bool {
        let answer = self.request("assistant-request", Map::new()).await;
        let reason = match answer {
            None => "assistant-request-failed",
            Some(answer) if answer["error"].is_string() => {
                let spoken = answer["error"].as_str().unwrap_or_default().to_owned();
                self.recorder.write(What::Say { who: Who::Agent, text: spoken });
                "assistant-request-returned-error"
            }
            Some(answer) if answer["destination"].is_object() => {
                "assistant-request-returned-forwarding-phone-number"
            }
            Some(answer) if answer["assistantId"].is_string() || answer["assistant"].is_object() => {
                let named = answer["assistantId"].as_str().unwrap_or(&self.script.assistant_id);
                self.object.assistant_id = Some(named.to_owned());
                if let Value::Object(overrides) = &answer["assistantOverrides"] {
                    self.object.answered_overrides = overrides.clone();
                }
                return true;
            }
            Some(_) => "assistant-request-returned-no-assistant",
        };
        self.end(reason, false).await;
        false
    }
}

/// The static parameters of every tool of a call: the account, where it is placed there, and the options' own.
pub(super) fn static_parameters(
    object: &CallObject,
    options: &Options,
    scope: &Scope,
) -> Result<BTreeMap<String, String>, Unresolved> {
    let mut fixed = BTreeMap::new();
    for (key, value) in &options.static_parameters {
        fixed.insert(key.clone(), scope.fill_text(value)?);
    }
    if let Some(account) = object.account_in(Placement::ToolArgument, options) {
        fixed.insert("accountId".to_owned(), account.to_owned());
    }
    Ok(fixed)
}
