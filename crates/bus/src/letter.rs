//! What travels.

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

/// One message with everything that travels beside its body. `Debug` shows no body.
///
/// The fields up to [`body`](Self::body) are the sender's; the ones after it are filled in on delivery and ignored when a
/// letter is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The letter's identity, the same at every retry and replay: what a receiver's inbox remembers.
    pub message_id: Uuid,
    /// The name of the message type in the body, for example `switchboard.v1.CallEnded` (AMQP `type`).
    pub kind: String,
    /// Who sent it. Empty: filled in with the bus's own name on sending.
    pub app_id: String,
    /// What this letter answers or belongs to.
    pub correlation_id: Option<String>,
    /// When it was written. AMQP keeps whole seconds.
    pub timestamp: Timestamp,
    /// Whose data it is.
    pub tenant: Option<String>,
    /// The W3C trace context of the sender.
    pub traceparent: Option<String>,
    /// Which try this is, from 1. Each [`Outcome::RetryAfter`](crate::Outcome::RetryAfter) adds one.
    pub attempt: u32,
    /// Letters with the same key are handled in order, one at a time, across all replicas: the connection or the
    /// conversation (AMQP header `hash-key`).
    pub key: Option<String>,
    /// The protobuf bytes.
    pub body: Bytes,

    /// The queue it was taken from.
    pub queue: String,
    /// The routing key it was first sent with, also after a retry.
    pub routing_key: String,
    /// Whether the broker has handed it out before. A hint only: absence proves nothing.
    pub redelivered: bool,
    /// When whoever asked stops waiting; questions only.
    pub deadline: Option<Timestamp>,
    /// Where it was set aside and why; letters from a delay queue or from `parked` only.
    pub origin: Option<Origin>,
}

/// Where a letter was set aside, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The work queue it was in; publishing it to [`Exchange::Queue`](crate::Exchange::Queue) with this name as routing
    /// key replays it.
    pub queue: String,
    /// The routing key it was first sent with.
    pub routing_key: String,
    /// The reason its handler gave, or the broker's (`delivery_limit`: it killed whoever took it, again and again).
    pub reason: String,
}

impl Letter {
    /// A new letter with a fresh id, written now, first attempt.
    #[must_use]
    pub fn new(kind: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::with_id(Uuid::now_v7(), kind, body)
    }

    /// A new letter with an id of the caller's, as from an outbox row.
    #[must_use]
    pub fn with_id(message_id: Uuid, kind: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            message_id,
            kind: kind.into(),
            app_id: String::new(),
            correlation_id: None,
            timestamp: Timestamp::now(),
            tenant: None,
            traceparent: None,
            attempt: 1,
            key: None,
            body: body.into(),
            queue: String::new(),
            routing_key: String::new(),
            redelivered: false,
            deadline: None,
            origin: None,
        }
    }

    /// Sets whose data it is.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the key that keeps letters in order.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the sender's trace context, if there is one.
    #[must_use]
    pub fn traceparent(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// Sets what this letter answers or belongs to.
    #[must_use]
    pub fn correlation_id(mut self, correlation_id: impl Into<String>) -> Self {
        self.correlation_id = Some(correlation_id.into());
        self
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter")
            .field("message_id", &self.message_id)
            .field("kind", &self.kind)
            .field("attempt", &self.attempt)
            .field("queue", &self.queue)
            .field("routing_key", &self.routing_key)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_a_letter_prints_without_its_body_and_tenant() {
        let letter = Letter::new("switchboard.v1.Test", "Jane Roe, born 1970").tenant("acme");
        let printed = format!("{letter:?}");
        assert!(!printed.contains("Jane") && !printed.contains("acme"), "{printed}");
    }
}
