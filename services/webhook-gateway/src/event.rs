use bytes::Bytes;
use jiff::Timestamp;
use messages::v1::WebhookReceived;
use messages::{Named, proto_time};
use uuid::Uuid;
use voice_vapi::Head;

/// A verified message, ready to be kept. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Event {
    /// The same for every delivery of one event.
    pub(crate) message_id: Uuid,
    pub(crate) routing_key: String,
    pub(crate) body: Bytes,
    /// The trace that whoever handles it goes on with.
    pub(crate) traceparent: Option<String>,
    pub(crate) label: &'static str,
}

impl Event {
    pub(crate) fn new(
        head: &Head<'_>,
        body: Bytes,
        received_at: Timestamp,
        traceparent: Option<String>,
    ) -> Self {
        let message_id = head.key.message_id();
        let received = WebhookReceived {
            source: "vapi".to_owned(),
            // As in the routing key: the vendor's own word may hold what no text column takes.
            kind: head.kind.route().into_owned(),
            dedupe_key: message_id.simple().to_string(),
            received_at: Some(proto_time(received_at)),
            body,
            delivery_id: Uuid::now_v7().to_string(),
        };
        Self {
            message_id,
            routing_key: format!("vapi.{}", head.kind.route()),
            body: received.to_bytes().into(),
            traceparent,
            label: head.kind.label(),
        }
    }
}
