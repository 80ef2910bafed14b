use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use metrics::Counter;
use voice_vapi::Kind;

use crate::keeper::{Kept, NotKept};

/// Messages by what became of them. Looked up once: this is on the hottest path there is.
pub(crate) struct Counts {
    kinds: HashMap<&'static str, ByOutcome>,
    credentials: Vec<Counter>,
    accepted: AtomicI64,
    sikka_accepted: AtomicI64,
}

struct ByOutcome {
    queued: Counter,
    spilled: Counter,
    refused: Counter,
}

impl Counts {
    pub(crate) fn new(credentials: usize) -> Self {
        let counter = |kind: &'static str, outcome: &'static str| metrics::counter!("gateway_webhooks_total", "source" => "vapi", "type" => kind, "outcome" => outcome);
        let by_outcome = |kind| ByOutcome {
            queued: counter(kind, "queued"),
            spilled: counter(kind, "spilled"),
            refused: counter(kind, "unavailable"),
        };
        let credential = |place: usize| metrics::counter!("gateway_webhooks_verified_total", "source" => "vapi", "credential" => place.to_string());
        Self {
            kinds: Kind::labels().map(|kind| (kind, by_outcome(kind))).collect(),
            credentials: (1..=credentials).map(credential).collect(),
            accepted: AtomicI64::new(0),
            sikka_accepted: AtomicI64::new(0),
        }
    }

    /// Messages that the broker or the database has, since this process began.
    pub(crate) fn accepted(&self, source: &str) -> i64 {
        let of_source = if source == "sikka" { &self.sikka_accepted } else { &self.accepted };
        of_source.load(Ordering::Relaxed)
    }

    /// A verified message of Sikka's: with the broker, in the database, or with neither. There are few of them.
    pub(crate) fn sikka(&self, kind: &'static str, outcome: Result<Kept, NotKept>) {
        let word = match outcome {
            Ok(Kept::Queued) => "queued",
            Ok(Kept::Spilled) => "spilled",
            Err(NotKept) => "unavailable",
        };
        if outcome.is_ok() {
            self.sikka_accepted.fetch_add(1, Ordering::Relaxed);
        }
        metrics::counter!("gateway_webhooks_total", "source" => "sikka", "type" => kind, "outcome" => word)
            .increment(1);
    }

    /// A sender we know, by the place of its credential: an old secret whose count stands still can go.
    pub(crate) fn verified(&self, credential: usize) {
        if let Some(counter) = self.credentials.get(credential.wrapping_sub(1)) {
            counter.increment(1);
        }
    }

    /// A verified message: with the broker, in the database, or with neither.
    pub(crate) fn kept(&self, kind: &'static str, outcome: Result<Kept, NotKept>) {
        if outcome.is_ok() {
            self.accepted.fetch_add(1, Ordering::Relaxed);
        }
        let Some(counters) = self.kinds.get(kind) else { return };
        match outcome {
            Ok(Kept::Queued) => counters.queued.increment(1),
            Ok(Kept::Spilled) => counters.spilled.increment(1),
            Err(NotKept) => counters.refused.increment(1),
        }
    }
}

/// A request nobody vouches for.
pub(crate) fn unverified(source: &'static str, reason: &'static str) {
    metrics::counter!("gateway_webhooks_unverified_total", "source" => source, "reason" => reason)
        .increment(1);
}

/// A call that cannot be matched to a clinic.
pub(crate) fn refused_tenant(code: &'static str) {
    metrics::counter!("gateway_tenants_refused_total", "code" => code).increment(1);
}

/// A tool call, by how it ended.
pub(crate) fn tool_call(outcome: &'static str) {
    metrics::counter!("gateway_tool_calls_total", "outcome" => outcome).increment(1);
}

/// An answered message that is nowhere any more.
pub(crate) fn lost() {
    metrics::counter!("gateway_webhooks_lost_total", "source" => "vapi").increment(1);
}
