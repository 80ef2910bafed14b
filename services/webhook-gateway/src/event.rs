use bytes::Bytes;
use domain::TenantId;
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
    /// Whose it is, where the door it came through tells.
    pub(crate) tenant: Option<TenantId>,
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
        let id = (head.key.message_id(), None);
        // As in the routing key: the vendor's own word may hold what no text column takes.
        let mut event = Self::made("vapi", &head.kind.route(), id, body, received_at);
        event.traceparent = traceparent;
        event.label = head.kind.label();
        event
    }

    /// A verified message of another source than Vapi; `kind` is a word fit for a routing key.
    pub(crate) fn of(
        source: &str,
        kind: &'static str,
        id: (Uuid, Option<TenantId>),
        body: Bytes,
        received_at: Timestamp,
        traceparent: String,
    ) -> Self {
        Self {
            traceparent: Some(traceparent),
            label: kind,
            ..Self::made(source, kind, id, body, received_at)
        }
    }

    fn made(
        source: &str,
        kind: &str,
        (message_id, tenant): (Uuid, Option<TenantId>),
        body: Bytes,
        received_at: Timestamp,
    ) -> Self {
        let received = WebhookReceived {
            source: source.to_owned(),
            kind: kind.to_owned(),
            dedupe_key: message_id.simple().to_string(),
            received_at: Some(proto_time(received_at)),
            body,
            delivery_id: Uuid::now_v7().to_string(),
        };
        Self {
            message_id,
            routing_key: format!("{source}.{kind}"),
            tenant,
            body: received.to_bytes().into(),
            traceparent: None,
            label: "",
        }
    }
}
