//! The Vapi simulator: a player of calls.
//!
//! A call is a script (`calls/*.toml`): who calls whom, what is said, which tools the agent uses and what must come
//! of it. The [`Player`] sends the messages Vapi would send to a gateway, holds the gateway's answers against Vapi's
//! rules, and writes down a [`Timeline`] that reads like the call sounded. [`configure`] puts the player on the
//! sandbox's admin server.

mod admin;
mod auth;
mod calendar;
mod call_object;
mod conversation;
mod deliver;
mod load;
mod narration;
mod notices;
mod options;
mod play;
mod player;
mod rules;
mod script;
mod shapes;
mod shelf;
mod template;
mod timeline;
mod tool_use;

pub use admin::configure;
pub use auth::{Auth, AuthFault, HmacPlan};
pub use load::{Latency, LoadReport, LoadRequest, Told, ToolStatistics};
pub use options::{
    BackoffPlan, BackoffType, Conflict, Delivery, Options, Order, Placement, Shape, Timestamps, ToolList,
    ToolUrl,
};
pub use player::{CallRequest, PlayError, Player, PlayerSettings, ScriptSource};
pub use script::{Action, Expect, Script, ScriptError, Step, ToolUse, Who};
pub use shelf::{ScriptSummary, Shelf};
pub use timeline::{Entry, Finding, Severity, Timeline, What};

/// What the simulator copies from Vapi's own documents, one sentence each, for the sandbox's banner.
pub const DOCUMENTED: &[&str] = &[
    "message types and their fields, and which of them need an answer",
    "tool answers: HTTP 200, a results array, one entry per call, ids echoed, single-line strings",
    "server.timeoutSeconds (20 s) and 7.5 s for assistant-request",
    "bearer and HMAC authentication plans with all their fields; the older X-Vapi-Secret header",
    "no retry without a backoffPlan; a retried report has other presigned URLs",
    "static tool parameters win over the model's arguments",
];

/// What nothing published settles, and how the simulator decided.
pub const ASSUMED: &[&str] = &[
    "the HMAC timestamp is in seconds and the signed body is the bytes sent",
    "call.status stays at what it was when the call began (seen in captures only)",
    "neither the order of messages nor exactly-once delivery is promised",
    "a tool result over 4 kB is a warning, not an error",
    "transfer, handoff and knowledge-base requests wait server.timeoutSeconds",
    "tools with their own server URL are asked one message each",
];

#[cfg(test)]
mod tests;
