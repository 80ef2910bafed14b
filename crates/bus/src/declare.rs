//! Putting a topology onto the broker, and comparing the broker with it.

use std::time::Duration;

use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind as Kind};
use tokio::time::timeout;

use crate::bus::Bus;
use crate::error::BusError;
use crate::topology::{Exchange, ExchangeKind, Queue, QueueKind, Target, Topology};
use crate::wire::HASH_KEY;

/// A live broker takes far less for all of it.
const LIMIT: Duration = Duration::from_secs(60);

/// How full a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The queue's name.
    pub queue: String,
    /// Letters ready to be handed out; those in hand are not counted.
    pub messages: u32,
    /// Consumers that get letters from it; of a partition at most the one that is active.
    pub consumers: u32,
}

impl Topology {
    /// Declares everything. Saying the same twice changes nothing, and any number of services may say it at once.
    ///
    /// # Errors
    /// [`BusError::Refused`] names the queue or exchange that exists with other properties.
    pub async fn declare(&self, bus: &Bus) -> Result<(), BusError> {
        in_time(self.declare_all(bus)).await
    }

    async fn declare_all(&self, bus: &Bus) -> Result<(), BusError> {
        let channel = bus.channel().await?;
        for (name, kind) in &self.exchanges {
            declare_exchange(&channel, name, *kind, false).await.map_err(|error| refused(name, &error))?;
        }
        for queue in &self.queues {
            let (options, arguments) = properties(&queue.kind);
            channel
                .queue_declare(name(&queue.name), options, arguments)
                .await
                .map_err(|error| refused(&queue.name, &error))?;
        }
        for binding in &self.bindings {
            let (from, pattern) = (name(binding.from), name(&binding.pattern));
            let nothing = FieldTable::default();
            let bound = match &binding.to {
                Target::Queue(to) => {
                    channel.queue_bind(name(to), from, pattern, QueueBindOptions::default(), nothing).await
                }
                Target::Exchange(to) => {
                    channel
                        .exchange_bind(name(to), from, pattern, ExchangeBindOptions::default(), nothing)
                        .await
                }
            };
            bound.map_err(|error| refused(&format!("{} to {:?}", binding.from, binding.to), &error))?;
        }
        let _ = channel.close(200, "bye".into()).await;
        Ok(())
    }

    /// The exchanges and queues the broker does not have, by name. Bindings cannot be asked for over AMQP; declaring
    /// again puts them right.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when the broker is away.
    pub async fn verify(&self, bus: &Bus) -> Result<Vec<String>, BusError> {
        in_time(self.missing(bus)).await
    }

    async fn missing(&self, bus: &Bus) -> Result<Vec<String>, BusError> {
        let mut missing = Vec::new();
        let mut channel = bus.channel().await?;
        for (exchange, kind) in &self.exchanges {
            if declare_exchange(&channel, exchange, *kind, true).await.is_err() {
                missing.push(format!("exchange {exchange}"));
                // The broker closes a channel that asked for what does not exist.
                channel = bus.channel().await?;
            }
        }
        for queue in &self.queues {
            if look_at(&channel, queue).await.is_err() {
                missing.push(format!("queue {}", queue.name));
                channel = bus.channel().await?;
            }
        }
        let _ = channel.close(200, "bye".into()).await;
        Ok(missing)
    }

    /// How full every queue is, in the order of the topology. Queues that do not exist are left out.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] when the broker is away.
    pub async fn depths(&self, bus: &Bus) -> Result<Vec<Depth>, BusError> {
        in_time(self.look_at_all(bus)).await
    }

    async fn look_at_all(&self, bus: &Bus) -> Result<Vec<Depth>, BusError> {
        let mut depths = Vec::with_capacity(self.queues.len());
        let mut channel = bus.channel().await?;
        for queue in &self.queues {
            match look_at(&channel, queue).await {
                Ok(depth) => depths.push(depth),
                Err(_) => channel = bus.channel().await?,
            }
        }
        let _ = channel.close(200, "bye".into()).await;
        Ok(depths)
    }
}

/// A question that is on its way while its connection breaks is sometimes never answered by the client library.
async fn in_time<T>(asking: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
    let late = || BusError::Unavailable("the broker did not answer in time".into());
    timeout(LIMIT, asking).await.unwrap_or_else(|_| Err(late()))
}

async fn look_at(channel: &Channel, queue: &Queue) -> lapin::Result<Depth> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let found = channel.queue_declare(name(&queue.name), options, FieldTable::default()).await?;
    Ok(Depth {
        queue: queue.name.clone(),
        messages: found.message_count(),
        consumers: found.consumer_count(),
    })
}

async fn declare_exchange(
    channel: &Channel,
    exchange: &str,
    kind: ExchangeKind,
    passive: bool,
) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    let kind = match kind {
        ExchangeKind::Topic => Kind::Topic,
        ExchangeKind::Direct => Kind::Direct,
        ExchangeKind::HashOfKey => {
            arguments.insert("hash-header".into(), text(HASH_KEY));
            Kind::Custom("x-consistent-hash".into())
        }
    };
    let options = ExchangeDeclareOptions { durable: true, passive, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name(exchange), kind, options, arguments).await
}

fn properties(kind: &QueueKind) -> (QueueDeclareOptions, FieldTable) {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    let mut put = |name: &'static str, value: AMQPValue| {
        arguments.insert(name.into(), value);
    };
    if *kind != QueueKind::Questions {
        put("x-queue-type", text("quorum"));
    }
    match kind {
        QueueKind::Work { single_consumer, delivery_limit } => {
            put("x-delivery-limit", AMQPValue::LongLongInt(*delivery_limit));
            put("x-dead-letter-exchange", text(Exchange::Parking.name()));
            if *single_consumer {
                put("x-single-active-consumer", AMQPValue::Boolean(true));
            }
        }
        QueueKind::Delay { ttl, back_to } => {
            put("x-message-ttl", AMQPValue::LongLongInt(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)));
            put("x-dead-letter-exchange", text(Exchange::Queue.name()));
            put("x-dead-letter-routing-key", text(back_to));
        }
        QueueKind::Questions | QueueKind::Parked => {}
    }
    if matches!(kind, QueueKind::Work { .. } | QueueKind::Delay { .. }) {
        // A letter leaves for the other queue only after that one has confirmed it; this needs the overflow setting.
        put("x-dead-letter-strategy", text("at-least-once"));
        put("x-overflow", text("reject-publish"));
    }
    (options, arguments)
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.as_bytes().into())
}

/// Names are constants of this crate, far below the limit; one that is not meets the broker's refusal.
fn name(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}

fn refused(what: &str, error: &lapin::Error) -> BusError {
    if error.is_amqp_error() {
        BusError::Refused { what: what.to_owned(), why: error.to_string() }
    } else {
        BusError::Unavailable(error.to_string())
    }
}
