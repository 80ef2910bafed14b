use jiff::Timestamp;
use serde_json::{Value, json};

use super::call_object::iso;
use super::script::Who;
use super::shapes::Asked;

/// What has been said and done so far, in Vapi's two notations.
#[derive(Debug)]
pub(super) struct Conversation {
    began: Timestamp,
    messages: Vec<Value>,
    openai: Vec<Value>,
    transcript: String,
}

impl Conversation {
    pub(super) fn new() -> Self {
        Self { began: Timestamp::now(), messages: Vec::new(), openai: Vec::new(), transcript: String::new() }
    }

    pub(super) fn say(&mut self, who: Who, text: &str) {
        let (role, openai, line) = match who {
            Who::Agent => ("bot", "assistant", "AI"),
            Who::Patient => ("user", "user", "User"),
        };
        let mut item = self.item(role);
        item["message"] = text.into();
        item["endTime"] = Timestamp::now().as_millisecond().into();
        item["duration"] = 1000.into();
        item["source"] = "".into();
        self.messages.push(item);
        self.openai.push(json!({ "role": openai, "content": text }));
        self.transcript.push_str(&format!("{line}: {text}\n"));
    }

    pub(super) fn tools_called(&mut self, calls: &[Asked]) {
        let calls: Vec<Value> = calls
            .iter()
            .map(|call| {
                json!({
                    "id": call.id, "type": "function",
                    "function": {
                        "name": call.tool,
                        "arguments": Value::Object(call.arguments.clone()).to_string(),
                    },
                })
            })
            .collect();
        let mut item = self.item("tool_calls");
        item["toolCalls"] = Value::Array(calls.clone());
        item["message"] = "".into();
        self.messages.push(item);
        self.openai.push(json!({ "role": "assistant", "content": "", "tool_calls": calls }));
    }

    pub(super) fn tool_answered(&mut self, call: &Asked, result: &str) {
        let mut item = self.item("tool_call_result");
        item["name"] = call.tool.as_str().into();
        item["toolCallId"] = call.id.as_str().into();
        item["result"] = result.into();
        self.messages.push(item);
        self.openai.push(json!({ "role": "tool", "content": result, "tool_call_id": call.id }));
    }

    fn item(&self, role: &str) -> Value {
        let now = Timestamp::now();
        let seconds = now.duration_since(self.began).as_secs_f64();
        json!({ "role": role, "time": now.as_millisecond(), "secondsFromStart": seconds })
    }

    /// `artifact` as it stands.
    pub(super) fn artifact(&self) -> Value {
        json!({ "messages": self.messages, "messagesOpenAIFormatted": self.openai })
    }

    /// The fields of a conversation-update.
    pub(super) fn update(&self) -> Value {
        self.artifact()
    }

    /// The fields of an end-of-call-report, with presigned URLs that [`PRESIGNED`] marks.
    pub(super) fn report(&self, ended_reason: &str, call_id: &str) -> Value {
        let ended = Timestamp::now();
        let seconds = ended.duration_since(self.began).as_secs_f64();
        let recording = |track: &str| {
            format!("https://storage.sandbox.invalid/{call_id}-{track}.wav?X-Amz-Signature={PRESIGNED}")
        };
        let summary = "The caller spoke with the front desk.";
        json!({
            "endedReason": ended_reason,
            "startedAt": iso(self.began),
            "endedAt": iso(ended),
            "durationMs": (seconds * 1000.0).round(),
            "durationSeconds": seconds,
            "durationMinutes": seconds / 60.0,
            "cost": 0.1234,
            "costBreakdown": {
                "transport": 0.01, "stt": 0.02, "llm": 0.01, "tts": 0.04, "vapi": 0.0434, "total": 0.1234,
                "llmPromptTokens": 100, "llmCompletionTokens": 50, "ttsCharacters": 200,
            },
            "costs": [],
            "analysis": { "summary": summary, "structuredData": {}, "successEvaluation": "true" },
            "compliance": {},
            "artifact": {
                "transcript": self.transcript,
                "recordingUrl": recording("mono"),
                "stereoRecordingUrl": recording("stereo"),
                "recording": {
                    "stereoUrl": recording("stereo"),
                    "mono": {
                        "combinedUrl": recording("mono"),
                        "assistantUrl": recording("assistant"),
                        "customerUrl": recording("customer"),
                    },
                },
                "logUrl": format!("https://storage.sandbox.invalid/{call_id}.gz?X-Amz-Signature={PRESIGNED}"),
                "performanceMetrics": {},
                "transfers": [],
            },
            "summary": summary,
            "transcript": self.transcript,
            "messages": self.messages,
            "recordingUrl": recording("mono"),
            "stereoRecordingUrl": recording("stereo"),
        })
    }
}

/// Stands for a presigned URL's signature until the moment of sending: each delivery has its own.
pub(super) const PRESIGNED: &str = "presigned-at-delivery";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_and_the_transcript_tell_the_same_conversation() {
        let mut conversation = Conversation::new();
        conversation.say(Who::Agent, "Hello.");
        conversation.say(Who::Patient, "Hi.");
        let call =
            Asked { id: "call_1".into(), tool: "searchPatients".into(), arguments: serde_json::Map::new() };
        conversation.tools_called(std::slice::from_ref(&call));
        conversation.tool_answered(&call, "{}");
        let artifact = conversation.artifact();
        let roles = |list: &Value| -> Vec<String> {
            list.as_array().unwrap().iter().map(|item| item["role"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(roles(&artifact["messages"]), ["bot", "user", "tool_calls", "tool_call_result"]);
        assert_eq!(roles(&artifact["messagesOpenAIFormatted"]), ["assistant", "user", "assistant", "tool"]);
        assert!(
            artifact["messages"][2]["toolCalls"][0]["function"]["arguments"].is_string(),
            "arguments are a string here, whatever the shape of the call"
        );
        assert_eq!(conversation.report("x", "c")["transcript"], "AI: Hello.\nUser: Hi.\n");
    }
}
