use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::auth::AuthFault;

/// How a call is played: everything Vapi leaves to configuration, chance or its own mood.
///
/// Every field has a default, so a script names only what it is about. The sandbox's own defaults, the script's
/// `[options]` and the request's `options` are laid over each other in that order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// IANA time zone of the practice; `{{today}}` and its relatives are dates there.
    pub zone: String,
    /// The moment that counts as now for dates in templates. Unset: the machine's clock.
    pub now: Option<Timestamp>,
    /// Makes names, phones, picks and shuffles the same on each run. Unset: different each time.
    pub seed: Option<u64>,
    /// The shape of a tool call's arguments.
    pub shape: Shape,
    /// Which of the three lists a tool-calls message carries.
    pub lists: Vec<ToolList>,
    /// Where tool calls go.
    pub tool_url: ToolUrl,
    /// What a tool call's id begins with (`call_`, `toolu_` …).
    pub tool_id_prefix: String,
    /// Static tool parameters besides `accountId`: merged into the arguments after the model's, values are templates.
    pub static_parameters: BTreeMap<String, String>,
    /// Where the account id shows up. Empty: dropped, as happens; only the called number is left.
    pub metadata: Vec<Placement>,
    /// A second account id in some places, contradicting the first.
    pub conflict: Option<Conflict>,
    /// How `message.timestamp` is written.
    pub timestamps: Timestamps,
    /// The informational message types that are sent. `["all"]` sends every type the player knows.
    pub server_messages: Vec<String>,
    /// The `status-update`s that open the call.
    pub opening: Vec<String>,
    /// Asks for the assistant first, as for a number that has none.
    pub assistant_request: bool,
    /// Breaks the authentication on purpose.
    pub auth_fault: AuthFault,
    /// The one status every message must be answered with, when a refusal is what the script is about.
    pub expect_status: Option<u16>,
    /// `server.timeoutSeconds`.
    pub timeout_seconds: f64,
    /// The limit of `assistant-request`: fixed at 7.5 by Vapi, shorter only in tests.
    pub assistant_request_seconds: f64,
    /// Milliseconds between hanging up and the report. Vapi takes 5 to 15 s.
    pub report_delay_ms: u64,
    /// Milliseconds each spoken word takes. 0 plays the call as fast as the gateway answers.
    pub word_ms: u64,
    /// A tool result longer than this many bytes is warned about.
    pub result_bytes: usize,
    /// Path (and query) of the webhook below the gateway's address.
    pub webhook_path: String,
    /// Copies, losses, order and retries.
    pub delivery: Delivery,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            zone: "America/New_York".to_owned(),
            now: None,
            seed: None,
            shape: Shape::ObjectArguments,
            lists: vec![ToolList::ToolCallList, ToolList::ToolCalls, ToolList::ToolWithToolCallList],
            tool_url: ToolUrl::Webhook,
            tool_id_prefix: "call_".to_owned(),
            static_parameters: BTreeMap::new(),
            metadata: vec![Placement::Overrides, Placement::VariableValues, Placement::ToolArgument],
            conflict: None,
            timestamps: Timestamps::Number,
            server_messages: DEFAULT_SERVER_MESSAGES.iter().map(ToString::to_string).collect(),
            opening: vec!["in-progress".to_owned()],
            assistant_request: false,
            auth_fault: AuthFault::None,
            expect_status: None,
            timeout_seconds: 20.0,
            assistant_request_seconds: 7.5,
            report_delay_ms: 1500,
            word_ms: 0,
            result_bytes: 4096,
            webhook_path: "/api/vapi/webhook".to_owned(),
            delivery: Delivery::default(),
        }
    }
}

/// What Vapi sends when `assistant.serverMessages` is left out (voice contract 1.2).
const DEFAULT_SERVER_MESSAGES: [&str; 11] = [
    "conversation-update",
    "end-of-call-report",
    "function-call",
    "hang",
    "speech-update",
    "status-update",
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "user-interrupted",
    "assistant.started",
];

impl Options {
    /// Whether the player sends messages of this type by itself.
    #[must_use]
    pub fn sends(&self, kind: &str) -> bool {
        self.server_messages.iter().any(|chosen| chosen == kind || chosen == "all")
    }
}

/// The four ways a tool call has been seen or documented (voice contract 1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `{id, type, function: {name, arguments: {…}}}`: every capture.
    ObjectArguments,
    /// `{id, type, function: {name, arguments: "{…}"}}`: the OpenAPI document.
    StringArguments,
    /// `{id, name, arguments: {…}}`: one documentation page.
    FlatArguments,
    /// `{id, name, parameters: {…}}`: another documentation page.
    FlatParameters,
    /// Each tool-calls message takes the next of the four.
    Rotate,
}

impl Shape {
    /// The shape of the `turn`-th tool-calls message of a call.
    #[must_use]
    pub fn at(self, turn: usize) -> Self {
        const ALL: [Shape; 4] =
            [Shape::ObjectArguments, Shape::StringArguments, Shape::FlatArguments, Shape::FlatParameters];
        match self {
            Self::Rotate => ALL[turn % ALL.len()],
            fixed => fixed,
        }
    }
}

/// The lists in which a tool-calls message repeats its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToolList {
    /// `toolCallList`: in the schema.
    ToolCallList,
    /// `toolCalls`: in captures, not in the schema.
    ToolCalls,
    /// `toolWithToolCallList`: in the schema, definition and call together.
    ToolWithToolCallList,
}

/// Where tool calls are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolUrl {
    /// To the assistant's server, like every message.
    Webhook,
    /// To `/api/vapi/tools/{tool}`: each tool has its own `server.url`.
    PerTool,
}

/// A place where an account id may be found in a message (voice contract 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// `call.assistantOverrides.metadata`, merged into `assistant.metadata` as in the one capture.
    Overrides,
    /// `assistant.metadata` alone.
    Assistant,
    /// `call.metadata`.
    Call,
    /// `call.assistant.metadata`, as for a transient assistant.
    CallAssistant,
    /// `call.assistantOverrides.variableValues` and `artifact.variableValues`.
    VariableValues,
    /// A static parameter, merged into each tool call's arguments.
    ToolArgument,
    /// `customer.externalId`.
    CustomerExternalId,
}

/// A contradicting account id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    /// The other account.
    pub account_id: String,
    /// The places that name it instead of the call's own.
    pub placements: Vec<Placement>,
}

/// How `message.timestamp` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timestamps {
    /// Epoch milliseconds, since about October 2024.
    Number,
    /// ISO 8601 text, before.
    String,
}

/// Copies, losses, order and retries of what is sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// How often each message is sent beyond the first time.
    pub extra_copies: u16,
    /// Sends the copies at the same moment instead of one after the other.
    pub at_once: bool,
    /// The first so many answers to each message count as lost on the way: it is sent again after the backoff.
    pub lose_answers: u16,
    /// The message types that `extra_copies` and `lose_answers` apply to. Empty: all.
    pub only: Vec<String>,
    /// The order of informational messages.
    pub order: Order,
    /// `server.backoffPlan`. Unset: no retries, as Vapi does.
    pub backoff: Option<BackoffPlan>,
}

impl Delivery {
    /// Whether copies and losses apply to this type.
    #[must_use]
    pub fn concerns(&self, kind: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == kind)
    }
}

/// The order in which informational messages leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after the other, each answered before the next: the easiest to read.
    #[default]
    InOrder,
    /// Each leaves at its time, answered or not; several are under way at once.
    Concurrent,
    /// Held back in handfuls and sent shuffled: tool calls overtake them, the report may come before `ended`.
    Shuffled,
}

/// `server.backoffPlan` (voice contract 1.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackoffPlan {
    /// Constant or doubling.
    #[serde(rename = "type")]
    pub kind: BackoffType,
    /// 0 to 10.
    #[serde(default)]
    pub max_retries: u16,
    /// 0 to 10.
    #[serde(default)]
    pub base_delay_seconds: f64,
    /// Statuses that are not retried.
    #[serde(default)]
    pub excluded_status_codes: Vec<u16>,
}

/// The two kinds of backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffType {
    /// The same delay each time.
    Fixed,
    /// Twice as long each time.
    Exponential,
}

impl BackoffPlan {
    /// How long to wait before retry number `retry` (from 1).
    #[must_use]
    pub fn delay(&self, retry: u16) -> std::time::Duration {
        let factor = match self.kind {
            BackoffType::Fixed => 1.0,
            BackoffType::Exponential => f64::from(1u32 << u32::from(retry.saturating_sub(1).min(10))),
        };
        std::time::Duration::from_secs_f64((self.base_delay_seconds.clamp(0.0, 10.0)) * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_plan_doubles_and_a_fixed_one_does_not() {
        let mut plan = BackoffPlan {
            kind: BackoffType::Exponential,
            max_retries: 3,
            base_delay_seconds: 1.0,
            excluded_status_codes: Vec::new(),
        };
        assert_eq!([1, 2, 3].map(|retry| plan.delay(retry).as_secs()), [1, 2, 4]);
        plan.kind = BackoffType::Fixed;
        assert_eq!([1, 2, 3].map(|retry| plan.delay(retry).as_secs()), [1, 1, 1]);
    }

    #[test]
    fn rotating_goes_through_the_four_shapes_and_starts_over() {
        assert_eq!(Shape::Rotate.at(1), Shape::StringArguments);
        assert_eq!(Shape::Rotate.at(4), Shape::ObjectArguments);
        assert_eq!(Shape::FlatParameters.at(2), Shape::FlatParameters);
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        let refusal = serde_json::from_str::<Options>(r#"{"colour": "blue"}"#).unwrap_err();
        assert!(refusal.to_string().contains("colour"), "{refusal}");
    }
}
