//! Letters as AMQP properties and back. Pure: nothing here talks to a broker.

use bytes::Bytes;
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::error::PublishError;
use crate::letter::{Letter, Origin};

const PERSISTENT: u8 = 2;
const TRANSIENT: u8 = 1;

const TENANT: &str = "tenant";
const TRACEPARENT: &str = "traceparent";
const ATTEMPT: &str = "attempt";
const DEADLINE: &str = "deadline";
/// Named in the declaration of the consistent-hash exchanges.
pub(crate) const HASH_KEY: &str = "hash-key";
const ORIGIN_QUEUE: &str = "origin-queue";
const ORIGIN_ROUTING_KEY: &str = "origin-routing-key";
const REASON: &str = "reason";

pub(crate) fn short(what: &'static str, text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text).map_err(|_| PublishError::Invalid(what))
}

fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.as_bytes().into())
}

/// How a letter is sent, beyond what it says itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner<'a> {
    pub(crate) transient: bool,
    pub(crate) reply_to: Option<&'a str>,
    pub(crate) expiration_ms: Option<u128>,
}

pub(crate) fn properties(
    letter: &Letter,
    app_id: &str,
    manner: Manner<'_>,
) -> Result<BasicProperties, PublishError> {
    let app_id = if letter.app_id.is_empty() { app_id } else { &letter.app_id };
    let mut id = Uuid::encode_buffer();
    let mut properties = BasicProperties::default()
        .with_message_id(short(
            "its message_id is longer than 255 bytes",
            letter.message_id.hyphenated().encode_lower(&mut id),
        )?)
        .with_type(short("its kind is longer than 255 bytes", &letter.kind)?)
        .with_app_id(short("its app_id is longer than 255 bytes", app_id)?)
        .with_timestamp(u64::try_from(letter.timestamp.as_second()).unwrap_or_default())
        .with_delivery_mode(if manner.transient { TRANSIENT } else { PERSISTENT })
        .with_headers(headers(letter));
    if let Some(correlation_id) = &letter.correlation_id {
        properties = properties
            .with_correlation_id(short("its correlation_id is longer than 255 bytes", correlation_id)?);
    }
    if let Some(reply_to) = manner.reply_to {
        properties = properties.with_reply_to(short("its reply_to is longer than 255 bytes", reply_to)?);
    }
    if let Some(expiration) = manner.expiration_ms {
        properties = properties
            .with_expiration(short("its expiration is longer than 255 bytes", &expiration.to_string())?);
    }
    Ok(properties)
}

fn headers(letter: &Letter) -> FieldTable {
    let mut headers = FieldTable::default();
    let mut put = |name: &'static str, value: AMQPValue| {
        headers.insert(name.into(), value);
    };
    put(ATTEMPT, AMQPValue::LongLongInt(letter.attempt.into()));
    let texts = [(TENANT, &letter.tenant), (TRACEPARENT, &letter.traceparent), (HASH_KEY, &letter.key)];
    for (name, text) in texts {
        if let Some(text) = text {
            put(name, long(text));
        }
    }
    if let Some(deadline) = letter.deadline {
        put(DEADLINE, AMQPValue::LongLongInt(deadline.as_millisecond()));
    }
    if let Some(origin) = &letter.origin {
        put(ORIGIN_QUEUE, long(&origin.queue));
        put(ORIGIN_ROUTING_KEY, long(&origin.routing_key));
        put(REASON, long(&origin.reason));
    }
    headers
}

/// A delivery as a letter. Never fails: a foreign message without our properties becomes a letter its handler can park.
pub(crate) fn letter(delivery: &mut Delivery, queue: &str) -> Letter {
    let properties = &delivery.properties;
    let text = |value: &Option<ShortString>| value.as_ref().map(|text| text.as_str().to_owned());
    let empty = FieldTable::default();
    let headers = properties.headers().as_ref().unwrap_or(&empty);
    let origin = origin(headers, delivery.routing_key.as_str());
    let message_id = properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
    let seconds = properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok());
    Letter {
        // A foreign message gets an id of its own, so that it can at least be named in a log and in `parked`.
        message_id: message_id.unwrap_or_else(Uuid::now_v7),
        kind: text(properties.kind()).unwrap_or_default(),
        app_id: text(properties.app_id()).unwrap_or_default(),
        correlation_id: text(properties.correlation_id()),
        timestamp: seconds
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .unwrap_or(Timestamp::UNIX_EPOCH),
        tenant: header_text(headers, TENANT),
        traceparent: header_text(headers, TRACEPARENT),
        attempt: header_number(headers, ATTEMPT)
            .and_then(|attempt| u32::try_from(attempt).ok())
            .unwrap_or(1)
            .max(1),
        key: header_text(headers, HASH_KEY),
        queue: queue.to_owned(),
        routing_key: origin
            .as_ref()
            .map_or_else(|| delivery.routing_key.as_str().to_owned(), |origin| origin.routing_key.clone()),
        redelivered: delivery.redelivered,
        deadline: header_number(headers, DEADLINE)
            .and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        origin,
        body: Bytes::from(std::mem::take(&mut delivery.data)),
    }
}

pub(crate) fn reply_to(delivery: &Delivery) -> Option<String> {
    delivery.properties.reply_to().as_ref().map(|reply_to| reply_to.as_str().to_owned())
}

/// What we wrote ourselves when we set the letter aside; else what the broker wrote when it did.
fn origin(headers: &FieldTable, routing_key: &str) -> Option<Origin> {
    let ours = header_text(headers, ORIGIN_QUEUE).map(|queue| Origin {
        queue,
        routing_key: header_text(headers, ORIGIN_ROUTING_KEY).unwrap_or_else(|| routing_key.to_owned()),
        reason: header_text(headers, REASON).unwrap_or_default(),
    });
    match last_death(headers) {
        // Coming back from a delay queue is not what set the letter aside.
        Some(death) if death.reason != "expired" => Some(Origin {
            routing_key: ours.map_or(death.routing_key, |ours| ours.routing_key),
            queue: death.queue,
            reason: death.reason,
        }),
        _ => ours,
    }
}

fn last_death(headers: &FieldTable) -> Option<Origin> {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { return None };
    let Some(AMQPValue::FieldTable(death)) = deaths.as_slice().first() else { return None };
    let routing_key = match death.inner().get("routing-keys") {
        Some(AMQPValue::FieldArray(keys)) => keys.as_slice().first().and_then(value_text),
        _ => None,
    };
    Some(Origin {
        queue: header_text(death, "queue")?,
        routing_key: routing_key.unwrap_or_default(),
        reason: header_text(death, "reason")?,
    })
}

fn header_text(headers: &FieldTable, name: &str) -> Option<String> {
    headers.inner().get(name).and_then(value_text)
}

fn value_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn header_number(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some((*number).into()),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(letter: &Letter, manner: Manner<'_>, more: &[(&'static str, AMQPValue)]) -> Letter {
        let properties = properties(letter, "sender", manner).unwrap();
        let mut headers = properties.headers().clone().unwrap();
        for (name, value) in more {
            headers.insert((*name).into(), value.clone());
        }
        let mut delivery =
            Delivery::mock(1, "webhooks".into(), "vapi.call".into(), false, letter.body.to_vec());
        delivery.properties = properties.with_headers(headers);
        super::letter(&mut delivery, "voice.webhooks")
    }

    fn death(queue: &str, reason: &str) -> AMQPValue {
        let mut death = FieldTable::default();
        death.insert("queue".into(), long(queue));
        death.insert("reason".into(), long(reason));
        death.insert("routing-keys".into(), AMQPValue::FieldArray(vec![long("vapi.call")].into()));
        AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into())
    }

    #[test]
    fn a_letter_arrives_as_it_was_sent() {
        let mut sent = Letter::new("switchboard.v1.Test", "body")
            .tenant("t1")
            .key("conn_1")
            .correlation_id("c1")
            .traceparent(Some("00-1-2-01".into()));
        sent.attempt = 3;
        sent.timestamp = Timestamp::from_second(1_790_000_000).unwrap();
        let got = delivered(&sent, Manner::default(), &[]);
        let expected = Letter {
            app_id: "sender".into(),
            queue: "voice.webhooks".into(),
            routing_key: "vapi.call".into(),
            ..sent
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn a_foreign_message_becomes_a_first_attempt_with_an_id() {
        let mut delivery = Delivery::mock(1, "".into(), "somewhere".into(), true, b"x".to_vec());
        let letter = letter(&mut delivery, "q");
        assert_eq!((letter.attempt, letter.kind.as_str(), letter.redelivered), (1, "", true));
        assert!(!letter.message_id.is_nil());
    }

    #[test]
    fn a_negative_attempt_counts_as_the_first() {
        let got =
            delivered(&Letter::new("k", ""), Manner::default(), &[("attempt", AMQPValue::LongLongInt(-4))]);
        assert_eq!(got.attempt, 1);
    }

    #[test]
    fn an_overlong_property_is_an_error_and_not_a_panic() {
        let letter = Letter::new("k".repeat(256), "");
        assert_eq!(
            properties(&letter, "a", Manner::default()),
            Err(PublishError::Invalid("its kind is longer than 255 bytes"))
        );
    }

    #[test]
    fn a_letter_back_from_a_delay_keeps_its_routing_key_and_its_origin() {
        let mut sent = Letter::new("k", "");
        let origin = Origin { queue: "q".into(), routing_key: "vapi.first".into(), reason: "busy".into() };
        sent.origin = Some(origin.clone());
        let got = delivered(&sent, Manner::default(), &[("x-death", death("q.retry.10s", "expired"))]);
        assert_eq!((got.routing_key.as_str(), got.origin), ("vapi.first", Some(origin)));
    }

    #[test]
    fn a_letter_the_broker_gave_up_on_names_the_queue_and_the_limit() {
        let got =
            delivered(&Letter::new("k", ""), Manner::default(), &[("x-death", death("q", "delivery_limit"))]);
        let origin = got.origin.unwrap();
        assert_eq!((origin.queue.as_str(), origin.reason.as_str()), ("q", "delivery_limit"));
        assert_eq!(origin.routing_key, "vapi.call");
    }
}
