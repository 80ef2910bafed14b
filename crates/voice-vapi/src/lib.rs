#![doc = include_str!("../README.md")]

pub mod answer;
mod auth;
mod call_news;
mod dedupe;
mod head;
mod kind;
mod message;
mod open;
mod redact;
mod tenant;
mod tool_calls;

pub use auth::{Authenticator, Credential, CredentialError, HmacPlan, Refusal, Unverified, Verified};
pub use call_news::CallNews;
pub use dedupe::DedupeKey;
pub use head::{Head, ReadError};
pub use kind::{Kind, Needs};
pub use message::{FunctionCall, Language, Message};
pub use redact::redacted;
pub use tenant::{Lookups, Place, TenantClaims, TenantRefusal};
pub use tool_calls::{ArgumentsError, ToolCall, bare_arguments};
