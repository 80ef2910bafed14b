//! Every exchange, queue and binding, as data. This file is the only place that names them.
//!
//! A work queue comes with four delay queues and dead-letters to `parking`, so that every letter that leaves it without
//! being done is somewhere a person can see it.

use std::time::Duration;

use crate::bus::Bus;
use crate::declare::Depth;
use crate::error::BusError;

/// Where letters are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// Verified raw vendor events, routing key `<source>.<kind>`.
    Webhooks,
    /// Work for one practice or one conversation, routing key `<worker>.<verb>`; the letter needs a
    /// [`key`](crate::Letter::key).
    Commands,
    /// Facts. The only exchange where having no listener is not an error.
    Events,
    /// Questions with a deadline, routing key = the question's queue.
    Rpc,
    /// Straight to one queue, routing key = its name: replays, answers and what comes back from a delay.
    Queue,
    /// Letters that wait for their next try, routing key = the delay queue.
    Retry,
    /// Letters set aside, routing key = the queue they come from.
    Parking,
}

impl Exchange {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Webhooks, Self::Commands, Self::Events, Self::Rpc, Self::Queue, Self::Retry, Self::Parking];

    /// Its name on the broker.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Commands => "commands",
            Self::Events => "events",
            Self::Rpc => "rpc",
            Self::Queue => "",
            Self::Retry => "retry",
            Self::Parking => "parking",
        }
    }

    /// Whether a letter that no queue takes is an error.
    #[must_use]
    pub fn needs_a_listener(self) -> bool {
        self != Self::Events
    }
}

/// How long a letter waits for its next try. Longer waits are rows in the database with a `due_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delay {
    /// A hiccup.
    TenSeconds,
    /// A rate limit.
    OneMinute,
    /// A restart on the other side.
    TenMinutes,
    /// An outage.
    OneHour,
}

impl Delay {
    /// All of them, shortest first.
    pub const ALL: [Self; 4] = [Self::TenSeconds, Self::OneMinute, Self::TenMinutes, Self::OneHour];

    /// The last part of its queues' names.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::TenSeconds => "10s",
            Self::OneMinute => "1m",
            Self::TenMinutes => "10m",
            Self::OneHour => "1h",
        }
    }

    /// How long it is.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::TenSeconds => 10,
            Self::OneMinute => 60,
            Self::TenMinutes => 600,
            Self::OneHour => 3600,
        })
    }

    /// The shortest delay that is at least `wait`, or the longest there is.
    #[must_use]
    pub fn at_least(wait: Duration) -> Self {
        Self::ALL.into_iter().find(|delay| delay.duration() >= wait).unwrap_or(Self::OneHour)
    }

    /// The queue in which letters of `queue` wait this long.
    #[must_use]
    pub fn queue(self, queue: &str) -> String {
        format!("{queue}.retry.{}", self.suffix())
    }
}

/// The raw vendor events of calls, read by `pms-api`.
pub const VOICE_WEBHOOKS: &str = "voice.webhooks";
/// Tool calls, answered by `pms-api`.
pub const TOOLS_CALL: &str = "tools.call";
/// Questions to a Sikka practice, answered by `sikka-worker`.
pub const PMS_QUERY_SIKKA: &str = "pms.query.sikka";
/// Questions about connecting a Sikka practice, answered by `sikka-worker`.
pub const PMS_SETUP_SIKKA: &str = "pms.setup.sikka";
/// What Sikka tells by webhook, read by `sikka-worker`.
pub const SIKKA_WEBHOOKS: &str = "sikka.webhooks";
/// Everything set aside, until somebody replays it.
pub const PARKED: &str = "parked";
/// The queues that share the commands to practices on Sikka. One practice's are always in the same one.
pub const SIKKA_COMMANDS: [&str; 8] = [
    "sikka.commands.0",
    "sikka.commands.1",
    "sikka.commands.2",
    "sikka.commands.3",
    "sikka.commands.4",
    "sikka.commands.5",
    "sikka.commands.6",
    "sikka.commands.7",
];
/// A letter handed out this often without being done or set aside kills whoever takes it, and is parked by the broker.
pub const DELIVERY_LIMIT: i64 = 20;

/// Deals the commands out to [`SIKKA_COMMANDS`].
const SIKKA_SHARING: &str = "commands.sikka";

/// Where questions to a practice of a vendor's are asked, as [`PMS_QUERY_SIKKA`].
#[must_use]
pub fn pms_query(vendor: &str) -> String {
    format!("pms.query.{vendor}")
}

/// Where questions about connecting a practice of a vendor's are asked, as [`PMS_SETUP_SIKKA`].
#[must_use]
pub fn pms_setup(vendor: &str) -> String {
    format!("pms.setup.{vendor}")
}

/// How an exchange distributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// By pattern over the routing key.
    Topic,
    /// By the exact routing key.
    Direct,
    /// By a hash of the letter's key, so that a key always meets the same queue.
    HashOfKey,
}

/// What a queue is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// Replicated and durable; gives up on a letter after `delivery_limit` deliveries, to `parking`.
    Work {
        /// Only one consumer at a time gets letters, so that keys stay in order across replicas.
        single_consumer: bool,
        /// Deliveries after which the broker parks the letter.
        delivery_limit: i64,
    },
    /// Holds each letter for `ttl`, then hands it back to the queue `back_to`.
    Delay {
        /// How long.
        ttl: Duration,
        /// The work queue.
        back_to: String,
    },
    /// Questions: kept in memory, dropped when they expire.
    Questions,
    /// Replicated and durable, for people.
    Parked,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: QueueKind,
}

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a queue.
    Queue(String),
    /// To another exchange.
    Exchange(&'static str),
}

/// One binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The exchange letters come from.
    pub from: &'static str,
    /// Which of them: a pattern for a topic, a key for a direct exchange, a weight for a hash.
    pub pattern: String,
    /// Where they go.
    pub to: Target,
}

/// A whole topology. [`switchboard`] is the one in force; tests make smaller ones with shorter delays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The exchanges by name.
    pub exchanges: Vec<(&'static str, ExchangeKind)>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The bindings.
    pub bindings: Vec<Binding>,
}

impl Topology {
    /// The exchanges every topology has, and the parking place.
    #[must_use]
    pub fn bare() -> Self {
        let mut topology = Self::default();
        for exchange in Exchange::ALL {
            let kind = match exchange {
                Exchange::Queue => continue,
                Exchange::Webhooks | Exchange::Commands | Exchange::Events | Exchange::Parking => {
                    ExchangeKind::Topic
                }
                Exchange::Rpc | Exchange::Retry => ExchangeKind::Direct,
            };
            topology.exchanges.push((exchange.name(), kind));
        }
        topology.queues.push(Queue { name: PARKED.into(), kind: QueueKind::Parked });
        topology.bind(Exchange::Parking.name(), "#", Target::Queue(PARKED.into()));
        topology
    }

    /// Adds a work queue with its delay queues, whose waits are given by `ttl`.
    pub fn work(
        &mut self,
        name: &str,
        single_consumer: bool,
        delivery_limit: i64,
        ttl: impl Fn(Delay) -> Duration,
    ) {
        let kind = QueueKind::Work { single_consumer, delivery_limit };
        self.queues.push(Queue { name: name.into(), kind });
        for delay in Delay::ALL {
            let waiting = delay.queue(name);
            let kind = QueueKind::Delay { ttl: ttl(delay), back_to: name.into() };
            self.queues.push(Queue { name: waiting.clone(), kind });
            self.bind(Exchange::Retry.name(), &waiting.clone(), Target::Queue(waiting));
        }
    }

    /// Adds a question queue.
    pub fn questions(&mut self, name: &str) {
        self.queues.push(Queue { name: name.into(), kind: QueueKind::Questions });
        self.bind(Exchange::Rpc.name(), name, Target::Queue(name.into()));
    }

    /// Adds a binding.
    pub fn bind(&mut self, from: &'static str, pattern: &str, to: Target) {
        self.bindings.push(Binding { from, pattern: pattern.into(), to });
    }

    /// Adds a consistent-hash exchange behind `commands` that shares the letters of `pattern` among `queues`.
    pub fn share_by_key(&mut self, exchange: &'static str, pattern: &str, queues: &[String]) {
        // More points on the ring share more evenly; ten keep the shares within a few per cent of each other.
        const WEIGHT: &str = "10";
        self.exchanges.push((exchange, ExchangeKind::HashOfKey));
        self.bind(Exchange::Commands.name(), pattern, Target::Exchange(exchange));
        for queue in queues {
            self.bind(exchange, WEIGHT, Target::Queue(queue.clone()));
        }
    }
}

/// The topology in force.
#[must_use]
pub fn switchboard() -> Topology {
    let mut topology = Topology::bare();
    topology.work(VOICE_WEBHOOKS, false, DELIVERY_LIMIT, Delay::duration);
    topology.bind(Exchange::Webhooks.name(), "vapi.#", Target::Queue(VOICE_WEBHOOKS.into()));

    topology.work(SIKKA_WEBHOOKS, false, DELIVERY_LIMIT, Delay::duration);
    topology.bind(Exchange::Webhooks.name(), "sikka.#", Target::Queue(SIKKA_WEBHOOKS.into()));

    for queue in SIKKA_COMMANDS {
        topology.work(queue, true, DELIVERY_LIMIT, Delay::duration);
    }
    topology.share_by_key(SIKKA_SHARING, "sikka.#", &SIKKA_COMMANDS.map(str::to_owned));

    topology.questions(TOOLS_CALL);
    topology.questions(PMS_QUERY_SIKKA);
    topology.questions(PMS_SETUP_SIKKA);
    topology
}

/// Declares the topology in force: [`Topology::declare`].
///
/// # Errors
/// [`BusError::Refused`] names what exists with other properties.
pub async fn declare(bus: &Bus) -> Result<(), BusError> {
    switchboard().declare(bus).await
}

/// What the broker lacks of the topology in force: [`Topology::verify`].
///
/// # Errors
/// [`BusError::Unavailable`] when the broker is away.
pub async fn verify(bus: &Bus) -> Result<Vec<String>, BusError> {
    switchboard().verify(bus).await
}

/// How full the queues in force are: [`Topology::depths`].
///
/// # Errors
/// [`BusError::Unavailable`] when the broker is away.
pub async fn depths(bus: &Bus) -> Result<Vec<Depth>, BusError> {
    switchboard().depths(bus).await
}

/// How many webhooks wait in the queues in force: for their first try, for another, or to be set aside.
///
/// # Errors
/// [`BusError::Unavailable`] when the broker is away.
pub async fn webhooks_waiting(bus: &Bus) -> Result<u64, BusError> {
    let depths = depths(bus).await?;
    let theirs = depths.iter().filter(|depth| may_hold_webhooks(&depth.queue));
    Ok(theirs.map(|depth| u64::from(depth.messages)).sum())
}

fn may_hold_webhooks(queue: &str) -> bool {
    [VOICE_WEBHOOKS, SIKKA_WEBHOOKS, PARKED].iter().any(|begin| queue.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_of_any_vendor_that_waits_in_its_queue_is_not_missing() {
        for queue in ["voice.webhooks.0", "sikka.webhooks", "sikka.webhooks.10s", PARKED] {
            assert!(may_hold_webhooks(queue), "{queue}");
        }
        assert!(!may_hold_webhooks("commands.0"));
    }

    #[test]
    fn every_work_queue_has_all_its_delays_and_they_lead_back() {
        let topology = switchboard();
        let work: Vec<&Queue> =
            topology.queues.iter().filter(|queue| matches!(queue.kind, QueueKind::Work { .. })).collect();
        assert_eq!(work.len(), 10);
        for queue in work {
            for delay in Delay::ALL {
                let waiting = topology.queues.iter().find(|other| other.name == delay.queue(&queue.name));
                let expected = QueueKind::Delay { ttl: delay.duration(), back_to: queue.name.clone() };
                assert_eq!(waiting.map(|waiting| &waiting.kind), Some(&expected));
            }
        }
    }

    #[test]
    fn every_queue_is_bound_and_every_binding_leads_somewhere() {
        let topology = switchboard();
        for queue in &topology.queues {
            let to = Target::Queue(queue.name.clone());
            assert!(
                topology.bindings.iter().any(|binding| binding.to == to),
                "{} is unreachable",
                queue.name
            );
        }
        for binding in &topology.bindings {
            assert!(topology.exchanges.iter().any(|(name, _)| *name == binding.from));
        }
    }

    #[test]
    fn only_queues_of_keyed_commands_hand_out_to_a_single_consumer() {
        for queue in switchboard().queues {
            if let QueueKind::Work { single_consumer, .. } = queue.kind {
                assert_eq!(single_consumer, queue.name.starts_with("sikka.commands."), "{}", queue.name);
            }
        }
    }

    #[test]
    fn a_wished_wait_becomes_the_next_longer_delay() {
        assert_eq!(Delay::at_least(Duration::from_secs(0)), Delay::TenSeconds);
        assert_eq!(Delay::at_least(Duration::from_secs(11)), Delay::OneMinute);
        assert_eq!(Delay::at_least(Duration::from_secs(600)), Delay::TenMinutes);
        assert_eq!(Delay::at_least(Duration::from_secs(999_999)), Delay::OneHour);
    }
}
