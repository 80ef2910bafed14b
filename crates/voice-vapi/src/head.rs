use std::borrow::Cow;

use jiff::Timestamp;

use crate::dedupe::KeyParts;
use crate::open::{List, Scalar, open_object};
use crate::{DedupeKey, Kind, Verified};

open_object! {
    /// The envelope.
    Envelope<'a> {
        message: Inner<'a> = "message",
    }
}

open_object! {
    /// The keys that name an event. Everything else is read over.
    Inner<'a> {
        kind: Scalar<'a> = "type",
        timestamp: Scalar<'a> = "timestamp",
        call: Identified<'a> = "call",
        chat: Identified<'a> = "chat",
        session: Identified<'a> = "session",
        status: Scalar<'a> = "status",
        role: Scalar<'a> = "role",
        turn: Scalar<'a> = "turn",
        turn_id: Scalar<'a> = "turnId",
        transcript_type: Scalar<'a> = "transcriptType",
        transcript: Scalar<'a> = "transcript",
        text: Scalar<'a> = "text",
        output: Scalar<'a> = "output",
        input: Scalar<'a> = "input",
        request: Scalar<'a> = "request",
        campaign: Scalar<'a> = "campaignId",
        tool_call_list: List<Identified<'a>> = "toolCallList",
        tool_calls: List<Identified<'a>> = "toolCalls",
    }
}

open_object! {
    /// A thing with an id.
    Identified<'a> {
        id: Scalar<'a> = "id",
    }
}

/// A verified body that is not a server message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// JSON without `message.type`.
    #[error("the body has no `message.type`")]
    NoType,
}

/// What the gateway must know about any message: enough to route it and to tell it from another.
#[derive(Debug, Clone)]
pub struct Head<'a> {
    /// Its type.
    pub kind: Kind<'a>,
    /// `call.id`, or the chat's or session's id where the message is about one.
    pub subject: Option<Cow<'a, str>>,
    /// When Vapi says it was sent.
    pub sent_at: Option<Timestamp>,
    /// The event's name, the same in every delivery of it.
    pub key: DedupeKey,
}

impl<'a> Head<'a> {
    /// Reads the head without copying what it need not.
    ///
    /// # Errors
    /// [`ReadError`]; [`Head::of_unreadable`] still names the event then.
    pub fn read(verified: &Verified<'a>) -> Result<Self, ReadError> {
        let body = verified.body();
        let envelope: Envelope<'a> = serde_json::from_slice(body).map_err(|_| ReadError::NotJson)?;
        let mut inner = envelope.message;
        let kind = Kind::new(std::mem::take(&mut inner.kind).text().ok_or(ReadError::NoType)?);
        let subject = [&mut inner.call, &mut inner.chat, &mut inner.session]
            .into_iter()
            .find_map(|thing| std::mem::take(&mut thing.id).text());
        let sent_at = moment(&inner.timestamp);
        let key = match &subject {
            Some(subject) => key(&kind, subject, &inner, body),
            // Without a call, two calls' reports would look the same: then only equal bytes are.
            None => DedupeKey::of_body(body),
        };
        Ok(Self { kind, subject, sent_at, key })
    }

    /// The head of a verified body that cannot be read: it is kept like any other event.
    #[must_use]
    pub fn of_unreadable(verified: &Verified<'a>) -> Self {
        Self {
            kind: Kind::new(Cow::Borrowed("unreadable")),
            subject: None,
            sent_at: None,
            key: DedupeKey::of_body(verified.body()),
        }
    }
}

fn key(kind: &Kind<'_>, subject: &str, inner: &Inner<'_>, body: &[u8]) -> DedupeKey {
    let parts = KeyParts::new(kind.label()).and(kind.written().as_bytes()).and(subject.as_bytes());
    match kind.label() {
        // A retried report carries newly signed URLs: only its call and type stay.
        "end-of-call-report" => parts.done(),
        "status-update" if !inner.status.is_nothing() => scalar(parts, &inner.status).done(),
        "tool-calls" if has_ids(inner) => {
            let lists =
                if inner.tool_call_list.0.is_empty() { &inner.tool_calls } else { &inner.tool_call_list };
            lists.0.iter().fold(parts, |parts, call| scalar(parts, &call.id)).done()
        }
        "speech-update" if !inner.turn.is_nothing() => {
            [&inner.turn, &inner.role, &inner.status].into_iter().fold(parts, scalar).done()
        }
        _ if inner.timestamp.is_nothing() => parts.and(body).done(),
        // Several of a sort may share a millisecond, so what tells them apart belongs to the name.
        _ => [
            &inner.timestamp,
            &inner.status,
            &inner.role,
            &inner.turn,
            &inner.turn_id,
            &inner.transcript_type,
            &inner.transcript,
            &inner.text,
            &inner.output,
            &inner.input,
            &inner.request,
            &inner.campaign,
        ]
        .into_iter()
        .fold(parts, scalar)
        .done(),
    }
}

fn has_ids(inner: &Inner<'_>) -> bool {
    inner.tool_call_list.0.iter().chain(&inner.tool_calls.0).any(|call| !call.id.is_nothing())
}

fn scalar(parts: KeyParts, value: &Scalar<'_>) -> KeyParts {
    match value {
        Scalar::Nothing => parts.and(b""),
        Scalar::Text(text) => parts.and(text.as_bytes()),
        Scalar::Integer(number) => parts.and(&number.to_be_bytes()),
        Scalar::Real(number) => parts.and(&number.to_bits().to_be_bytes()),
    }
}

/// Epoch milliseconds today, an ISO 8601 text in older captures.
fn moment(value: &Scalar<'_>) -> Option<Timestamp> {
    match value {
        Scalar::Integer(ms) => Timestamp::from_millisecond(*ms).ok(),
        Scalar::Real(ms) if ms.abs() < 9e15 => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "within the range of whole numbers an f64 holds"
            )]
            let whole = *ms as i64;
            Timestamp::from_millisecond(whole).ok()
        }
        Scalar::Text(text) => text.parse().ok(),
        _ => None,
    }
}
