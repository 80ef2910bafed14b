use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::options::{Options, Placement, Timestamps};

/// What every message of one call repeats: the call, the numbers, the assistant and the account in its places.
#[derive(Debug, Clone)]
pub(super) struct CallObject {
    pub(super) id: String,
    pub(super) caller: String,
    pub(super) called: String,
    pub(super) phone_number_id: String,
    /// `None` until the gateway has named one, when the number has no assistant of its own.
    pub(super) assistant_id: Option<String>,
    pub(super) account_id: Option<String>,
    /// `en` or `es`: what the assistant listens in.
    pub(super) language: String,
    pub(super) created_at: Timestamp,
    /// The overrides an assistant-request was answered with.
    pub(super) answered_overrides: Map<String, Value>,
    call_sid: String,
}

impl CallObject {
    pub(super) fn new(caller: String, called: String, phone_number_id: String) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            caller,
            called,
            phone_number_id,
            assistant_id: None,
            account_id: None,
            language: "en".to_owned(),
            created_at: Timestamp::now(),
            answered_overrides: Map::new(),
            call_sid: format!("CA{}", Uuid::new_v4().simple()),
        }
    }

    /// The account id that stands in one place, if any does.
    pub(super) fn account_in<'a>(&'a self, place: Placement, options: &'a Options) -> Option<&'a str> {
        if let Some(conflict) =
            options.conflict.as_ref().filter(|conflict| conflict.placements.contains(&place))
        {
            return Some(&conflict.account_id);
        }
        self.account_id.as_deref().filter(|_| options.metadata.contains(&place))
    }

    fn metadata(&self, place: Placement, options: &Options) -> Option<Value> {
        self.account_in(place, options).map(|account| json!({ "accountId": account }))
    }

    /// One whole message: `{"message": {…}}`.
    ///
    /// `fields` are the type's own and win over everything.
    pub(super) fn message(
        &self,
        kind: &str,
        fields: Map<String, Value>,
        live: Value,
        options: &Options,
    ) -> Value {
        let now = Timestamp::now();
        let mut message = Map::new();
        message.insert(
            "timestamp".to_owned(),
            match options.timestamps {
                Timestamps::Number => now.as_millisecond().into(),
                Timestamps::String => iso(now).into(),
            },
        );
        message.insert("type".to_owned(), kind.into());
        message.insert("call".to_owned(), self.call(options));
        message.insert("phoneNumber".to_owned(), self.phone_number());
        message.insert("customer".to_owned(), self.customer(options));
        if self.assistant_id.is_some() {
            let mut artifact = live;
            if let Some(account) = self.account_in(Placement::VariableValues, options) {
                artifact["variableValues"] = json!({ "accountId": account });
            }
            message.insert("artifact".to_owned(), artifact);
            message.insert("assistant".to_owned(), self.assistant(options));
        }
        for (key, value) in fields {
            match (message.get_mut(&key), value) {
                // A report's artifact is laid over the live one, not put in its place.
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new),
                (_, value) => {
                    message.insert(key, value);
                }
            }
        }
        json!({ "message": message })
    }

    fn call(&self, options: &Options) -> Value {
        let at = iso(self.created_at);
        let mut call = json!({
            "id": self.id,
            "orgId": ORGANISATION,
            "createdAt": at,
            "updatedAt": at,
            "type": "inboundPhoneCall",
            "status": "ringing",
            "phoneCallProvider": "twilio",
            "phoneCallProviderId": self.call_sid,
            "phoneCallTransport": "pstn",
            "phoneNumberId": self.phone_number_id,
            "assistantId": self.assistant_id,
            "squadId": null,
            "customer": self.customer(options),
            "monitor": {
                "listenUrl": format!("wss://sandbox.invalid/{}/listen", self.id),
                "controlUrl": format!("https://sandbox.invalid/{}/control", self.id),
            },
            "transport": {
                "provider": "twilio",
                "conversationType": "voice",
                "accountSid": TWILIO_ACCOUNT,
                "callSid": self.call_sid,
            },
        });
        let mut overrides = self.answered_overrides.clone();
        if let Some(metadata) = self.metadata(Placement::Overrides, options) {
            overrides.insert("metadata".to_owned(), metadata);
        }
        if let Some(values) = self.metadata(Placement::VariableValues, options) {
            overrides.insert("variableValues".to_owned(), values);
        }
        if !overrides.is_empty() {
            call["assistantOverrides"] = Value::Object(overrides);
        }
        if let Some(metadata) = self.metadata(Placement::Call, options) {
            call["metadata"] = metadata;
        }
        if let Some(metadata) = self.metadata(Placement::CallAssistant, options) {
            call["assistant"] = json!({ "name": ASSISTANT_NAME, "metadata": metadata });
        }
        call
    }

    fn phone_number(&self) -> Value {
        json!({
            "id": self.phone_number_id,
            "orgId": ORGANISATION,
            "provider": "twilio",
            "number": self.called,
            "twilioAccountSid": TWILIO_ACCOUNT,
            "createdAt": "2026-01-01T00:00:00.000Z",
            "updatedAt": "2026-01-01T00:00:00.000Z",
            "status": "active",
        })
    }

    fn customer(&self, options: &Options) -> Value {
        let mut customer = json!({ "number": self.caller });
        if let Some(account) = self.account_in(Placement::CustomerExternalId, options) {
            customer["externalId"] = account.into();
        }
        customer
    }

    pub(super) fn assistant(&self, options: &Options) -> Value {
        let mut assistant = json!({
            "id": self.assistant_id,
            "orgId": ORGANISATION,
            "name": ASSISTANT_NAME,
            "transcriber": { "provider": "deepgram", "model": "nova-3", "language": self.language },
            "model": { "provider": "openai", "model": "gpt-4o", "toolIds": [TOOL] },
            "server": {
                "url": format!("https://switchboard.example{}", options.webhook_path),
                "timeoutSeconds": options.timeout_seconds,
            },
        });
        // Vapi shows the resolved assistant: what the overrides said is merged into it.
        let merged = [Placement::Assistant, Placement::Overrides].map(|place| self.metadata(place, options));
        if let Some(metadata) = merged.into_iter().flatten().next() {
            assistant["metadata"] = metadata;
        } else if let Some(metadata) = self.answered_overrides.get("metadata") {
            assistant["metadata"] = metadata.clone();
        }
        assistant
    }
}

const ORGANISATION: &str = "5b0c2f0e-7a51-4c7e-9d55-000000000001";
const TOOL: &str = "5b0c2f0e-7a51-4c7e-9d55-000000000004";
const TWILIO_ACCOUNT: &str = "AC00000000000000000000000000000001";
const ASSISTANT_NAME: &str = "Front desk";

/// ISO 8601 with milliseconds, as Vapi writes it.
pub(super) fn iso(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::super::options::Conflict;
    use super::*;

    fn call() -> CallObject {
        let mut call = CallObject::new("+15550100010".into(), "+15550100002".into(), "number".into());
        call.account_id = Some("acct".to_owned());
        call.assistant_id = Some("assistant".to_owned());
        call
    }

    fn placed(place: Placement) -> Value {
        let options = Options { metadata: vec![place], ..Options::default() };
        call().message("hang", Map::new(), json!({}), &options)
    }

    #[test]
    fn each_placement_shows_the_account_exactly_where_it_says() {
        let places = [
            (Placement::Overrides, vec!["/call/assistantOverrides/metadata", "/assistant/metadata"]),
            (Placement::Assistant, vec!["/assistant/metadata"]),
            (Placement::Call, vec!["/call/metadata"]),
            (Placement::CallAssistant, vec!["/call/assistant/metadata"]),
            (
                Placement::VariableValues,
                vec!["/call/assistantOverrides/variableValues", "/artifact/variableValues"],
            ),
        ];
        for (place, pointers) in places {
            let body = placed(place);
            for pointer in &pointers {
                assert_eq!(body["message"].pointer(pointer).unwrap()["accountId"], "acct", "{place:?}");
            }
            assert_eq!(body.to_string().matches("\"acct\"").count(), pointers.len(), "{place:?}");
        }
        let body = placed(Placement::CustomerExternalId);
        assert_eq!(body["message"]["customer"]["externalId"], "acct");
        assert_eq!(body["message"]["call"]["customer"]["externalId"], "acct");
    }

    #[test]
    fn dropped_metadata_is_nowhere_and_a_conflict_is_where_it_says() {
        let mut options = Options { metadata: Vec::new(), ..Options::default() };
        let body = call().message("hang", Map::new(), json!({}), &options);
        assert!(!body.to_string().contains("acct"));
        options.metadata = vec![Placement::Overrides, Placement::Call];
        options.conflict =
            Some(Conflict { account_id: "other".to_owned(), placements: vec![Placement::Call] });
        let body = call().message("hang", Map::new(), json!({}), &options);
        assert_eq!(body["message"]["call"]["metadata"]["accountId"], "other");
        assert_eq!(body["message"]["call"]["assistantOverrides"]["metadata"]["accountId"], "acct");
    }

    #[test]
    fn the_timestamp_is_a_number_or_a_text_and_fields_win() {
        let mut options = Options::default();
        let fields = json!({"status": "ended", "timestamp": 5}).as_object().unwrap().clone();
        let body = call().message("status-update", fields, json!({}), &options);
        assert_eq!(body["message"]["timestamp"], 5);
        options.timestamps = Timestamps::String;
        let body = call().message("hang", Map::new(), json!({}), &options);
        assert!(body["message"]["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn without_an_assistant_there_is_none_in_the_message() {
        let mut call = call();
        call.assistant_id = None;
        let body = call.message("assistant-request", Map::new(), json!({}), &Options::default());
        assert!(body["message"].get("assistant").is_none());
        assert!(body["message"]["call"]["assistantId"].is_null());
    }
}
