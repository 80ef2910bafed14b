//! Who called what and how often: the proof that a client keeps to its budget.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

const MINUTE: Duration = Duration::from_secs(60);

/// Calls by office. Calls made with the application's own id are under [`APPLICATION`], unreadable ones under
/// [`UNKNOWN`].
#[derive(Debug, Default)]
pub struct Ledger(BTreeMap<String, Entry>);

/// Name in the ledger of calls that carry the application's id instead of an office's key.
pub const APPLICATION: &str = "application";
/// Name in the ledger of calls nobody can be charged with.
pub const UNKNOWN: &str = "unknown";

#[derive(Debug, Default)]
struct Entry {
    counts: Counts,
    recent: VecDeque<Instant>,
}

/// The calls of one office (`GET /admin/sikka/requests`). Minutes are the machine's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All calls that arrived, refused ones included.
    pub total: u64,
    /// Those answered 429.
    pub refused: u64,
    /// Most calls in any 60 consecutive seconds.
    pub max_per_minute: u64,
    /// Calls by method and path, ids replaced.
    pub by_path: BTreeMap<String, u64>,
    /// Calls by minute of the clock, UTC.
    pub by_minute: BTreeMap<String, u64>,
}

impl Ledger {
    /// Writes down a call.
    pub fn record(&mut self, office: &str, path: &str) {
        let now = Instant::now();
        let entry = self.0.entry(office.to_owned()).or_default();
        while entry.recent.front().is_some_and(|first| now.duration_since(*first) >= MINUTE) {
            entry.recent.pop_front();
        }
        entry.recent.push_back(now);
        let recent = u64::try_from(entry.recent.len()).unwrap_or(u64::MAX);
        let minute = TimeZone::UTC.to_datetime(Timestamp::now()).strftime("%Y-%m-%dT%H:%MZ").to_string();
        let counts = &mut entry.counts;
        counts.total += 1;
        counts.max_per_minute = counts.max_per_minute.max(recent);
        *counts.by_path.entry(path.to_owned()).or_default() += 1;
        *counts.by_minute.entry(minute).or_default() += 1;
    }

    /// Notes that the last call of an office was answered 429.
    pub fn refused(&mut self, office: &str) {
        self.0.entry(office.to_owned()).or_default().counts.refused += 1;
    }

    /// The counts of every office so far.
    pub fn read(&self) -> BTreeMap<String, Counts> {
        self.0.iter().map(|(office, entry)| (office.clone(), entry.counts.clone())).collect()
    }

    /// Starts counting anew.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
