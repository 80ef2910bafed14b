//! The numbers the bus keeps, through the `metrics` facade.

use std::sync::Arc;

use metrics::{Counter, Gauge};

use crate::error::PublishError;
use crate::topology::Exchange;

/// Counters of one exchange, looked up once: publishing is the hottest path there is.
#[derive(Clone)]
struct ByOutcome {
    confirmed: Counter,
    unroutable: Counter,
    refused: Counter,
    unavailable: Counter,
}

/// What became of the letters sent, by exchange.
#[derive(Clone)]
pub(crate) struct Sent {
    exchanges: Arc<[ByOutcome]>,
    in_flight: Gauge,
}

impl Sent {
    pub(crate) fn new() -> Self {
        let counter = |exchange: Exchange, outcome: &'static str| {
            let exchange = if exchange == Exchange::Queue { "direct" } else { exchange.name() };
            metrics::counter!("bus_letters_published_total", "exchange" => exchange, "outcome" => outcome)
        };
        let exchanges = Exchange::ALL.map(|exchange| ByOutcome {
            confirmed: counter(exchange, "confirmed"),
            unroutable: counter(exchange, "unroutable"),
            refused: counter(exchange, "refused"),
            unavailable: counter(exchange, "unavailable"),
        });
        Self { exchanges: exchanges.into(), in_flight: metrics::gauge!("bus_letters_publishing") }
    }

    pub(crate) fn started(&self) -> InFlight {
        InFlight::new(self.in_flight.clone())
    }

    pub(crate) fn ended(&self, exchange: Exchange, outcome: &Result<(), PublishError>) {
        let place = Exchange::ALL.iter().position(|other| *other == exchange);
        let Some(counters) = place.and_then(|place| self.exchanges.get(place)) else { return };
        match outcome {
            Ok(()) => counters.confirmed.increment(1),
            Err(PublishError::Unroutable) => counters.unroutable.increment(1),
            Err(PublishError::Refused | PublishError::Invalid(_)) => counters.refused.increment(1),
            Err(PublishError::Unavailable(_)) => counters.unavailable.increment(1),
        }
    }
}

/// Counts itself in a gauge for as long as it lives, whichever way it ends.
pub(crate) struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Letters being handled from one queue.
pub(crate) fn handling(queue: &str) -> InFlight {
    InFlight::new(metrics::gauge!("bus_letters_handling", "queue" => queue.to_owned()))
}

/// One letter taken from a queue and how it ended.
pub(crate) fn consumed(queue: &str, outcome: &'static str) {
    metrics::counter!("bus_letters_consumed_total", "queue" => queue.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// One question and how it ended.
pub(crate) fn asked(question: &str, outcome: &'static str) {
    metrics::counter!("bus_questions_asked_total", "question" => question.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// One answer nobody waited for any more.
pub(crate) fn late_answer() {
    metrics::counter!("bus_answers_late_total").increment(1);
}
