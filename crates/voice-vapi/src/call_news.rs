use serde::Deserialize;

use crate::{ReadError, Verified};

/// What a message tells about the state of its call. Never `call.status`: that is a snapshot of the
/// call's beginning (contract section 1.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallNews {
    /// `message.status` of a status-update.
    pub status: Option<String>,
    /// Why the call ended, in the vendor's word.
    pub ended_reason: Option<String>,
    /// Whether this is the report after the call.
    pub is_report: bool,
}

#[derive(Deserialize)]
struct Outer {
    message: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    status: serde_json::Value,
    #[serde(default)]
    ended_reason: serde_json::Value,
}

impl CallNews {
    /// Reads it out of any message; most have none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(verified: &Verified<'_>) -> Result<Self, ReadError> {
        let outer: Outer = serde_json::from_slice(verified.body()).map_err(|_| ReadError::NotJson)?;
        // PostgreSQL takes no U+0000, and no vendor's word has a control character.
        let word = |value: &serde_json::Value| {
            value.as_str().map(|text| text.chars().filter(|c| !c.is_control()).collect::<String>())
        };
        let of_call = outer.message.kind == "status-update";
        Ok(Self {
            status: word(&outer.message.status).filter(|_| of_call),
            ended_reason: word(&outer.message.ended_reason),
            is_report: outer.message.kind == "end-of-call-report",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(body: &str) -> CallNews {
        CallNews::read(&Verified::from_the_bus(body.as_bytes())).unwrap()
    }

    #[test]
    fn only_a_status_update_tells_the_state_of_a_call() {
        let update = news(
            r#"{"message":{"type":"status-update","status":"ended","endedReason":"customer-ended-call"}}"#,
        );
        assert_eq!(update.status.as_deref(), Some("ended"));
        assert_eq!(update.ended_reason.as_deref(), Some("customer-ended-call"));
        let speech = news(r#"{"message":{"type":"speech-update","status":"started"}}"#);
        assert_eq!(speech, CallNews::default());
    }
}
