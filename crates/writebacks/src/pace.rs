use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How patient a carrier is. The defaults suit a vendor that answers within seconds and writes
/// within minutes.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long a worker may hold a write without a word. Longer than the vendor's time limit.
    pub lease: Duration,
    /// From the receipt to the first look at its outcome.
    pub first_look: Duration,
    /// From a lost reply until "found nowhere" is believed. Longer than [`Pace::lease`].
    pub grace: Duration,
    /// Between two looks for a lost reply.
    pub look_again: Duration,
    /// How long the practice's copy must have shown a booking before its time is given back. Longer
    /// than any reading of the copy is kept.
    pub seen_for: Duration,
    /// Tries at sending of which nobody knows whether they arrived, before a write is set aside.
    pub most_blind_attempts: i32,
    /// Tries at sending before a write is set aside.
    pub most_attempts: i32,
    /// Between two looks into a practice's records, where they are all there is to look at: as long as
    /// they take to be refreshed.
    pub refresh: Duration,
    /// How long before its deadline staff get a task about a write that is not done. It is never more
    /// than half of the time that the write had.
    pub task_margin: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(45),
            first_look: Duration::from_secs(2),
            grace: Duration::from_secs(60),
            look_again: Duration::from_secs(5),
            seen_for: Duration::from_secs(30),
            most_blind_attempts: 3,
            most_attempts: 20,
            refresh: Duration::from_mins(5),
            task_margin: Duration::from_hours(24),
        }
    }
}

impl Pace {
    /// Between two looks at an outcome, by how long the vendor has had the write: close while a
    /// caller may still be on the line, wider as hope fades. For a practice of which nothing is known
    /// yet.
    #[must_use]
    pub fn next_look(&self, sent_at: Option<Timestamp>, now: Timestamp) -> Duration {
        let age = sent_at.map_or(SignedDuration::ZERO, |sent| now.duration_since(sent)).as_secs();
        match age {
            ..300 => self.first_look,
            300..900 => Duration::from_secs(10),
            900..3600 => Duration::from_secs(60),
            _ => Duration::from_secs(300),
        }
    }

    /// How much later than a booking a copy of the practice's system must have been made to be sure
    /// that it would show it.
    #[must_use]
    pub fn copy_margin(&self) -> SignedDuration {
        crate::COPY_MARGIN
    }

    /// Between two tries at a practice whose server is off, by how many there were.
    #[must_use]
    pub fn offline_try(&self, attempts: i32) -> Duration {
        let step = u32::try_from(attempts.clamp(1, 5) - 1).unwrap_or(0);
        Duration::from_mins(2u64.saturating_pow(step).min(15))
    }

    /// Between two tries at sending, by how many there were.
    #[must_use]
    pub fn next_try(&self, attempts: i32) -> Duration {
        let step = u32::try_from(attempts.clamp(1, 8)).unwrap_or(8);
        Duration::from_secs(2u64.saturating_pow(step).min(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_rarer_with_age_and_never_stop() {
        let pace = Pace::default();
        let now = Timestamp::now();
        let after = |secs| pace.next_look(Some(now - SignedDuration::from_secs(secs)), now);
        assert_eq!(after(1), Duration::from_secs(2));
        assert!(after(301) < after(901) && after(901) < after(7200));
    }
}
