//! The simulated clock: the machine's time plus an offset, or standing still.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A clock that can be moved forward, set and frozen. It starts as the machine's clock.
#[derive(Debug, Default)]
pub struct SimClock {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    offset: SignedDuration,
    frozen: Option<Timestamp>,
}

/// What the clock shows (`GET /admin/clock`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reading {
    /// The simulated instant.
    pub now: Timestamp,
    /// The machine's instant at the same moment.
    pub wall: Timestamp,
    /// Simulated minus machine time, in milliseconds.
    pub offset_ms: i64,
    /// Whether the clock stands still until it is advanced or released.
    pub frozen: bool,
}

impl SimClock {
    /// The simulated instant.
    pub fn now(&self) -> Timestamp {
        self.lock().now(Timestamp::now())
    }

    /// Moves the clock by `by`; a frozen clock jumps and stands still again.
    pub fn advance(&self, by: SignedDuration) {
        let mut inner = self.lock();
        match inner.frozen {
            Some(at) => inner.frozen = Some(at.saturating_add(by).unwrap_or(at)),
            None => inner.offset = inner.offset.saturating_add(by),
        }
    }

    /// Sets the clock to `to`; whether it runs stays as it was.
    pub fn set(&self, to: Timestamp) {
        let mut inner = self.lock();
        match inner.frozen {
            Some(_) => inner.frozen = Some(to),
            None => inner.offset = to.duration_since(Timestamp::now()),
        }
    }

    /// Stops the clock where it is, or lets it run on from there.
    pub fn freeze(&self, frozen: bool) {
        let wall = Timestamp::now();
        let mut inner = self.lock();
        let now = inner.now(wall);
        if frozen {
            inner.frozen = Some(now);
        } else {
            inner.offset = now.duration_since(wall);
            inner.frozen = None;
        }
    }

    /// Back to the machine's time, running.
    pub fn reset(&self) {
        *self.lock() = Inner::default();
    }

    /// What the clock shows, with the machine's time beside it.
    pub fn reading(&self) -> Reading {
        let wall = Timestamp::now();
        let inner = self.lock();
        let now = inner.now(wall);
        let offset = now.duration_since(wall).as_millis();
        Reading {
            now,
            wall,
            offset_ms: i64::try_from(offset).unwrap_or(i64::MAX),
            frozen: inner.frozen.is_some(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn now(&self, wall: Timestamp) -> Timestamp {
        self.frozen.unwrap_or_else(|| wall.saturating_add(self.offset).unwrap_or(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_moves_only_when_advanced() {
        let clock = SimClock::default();
        clock.freeze(true);
        let first = clock.now();
        assert_eq!(clock.now(), first);
        clock.advance(SignedDuration::from_secs(90));
        assert_eq!(clock.now().duration_since(first), SignedDuration::from_secs(90));
    }

    #[test]
    fn a_released_clock_runs_on_from_where_it_stood() {
        let clock = SimClock::default();
        clock.freeze(true);
        clock.advance(SignedDuration::from_hours(2));
        clock.freeze(false);
        let reading = clock.reading();
        assert!(!reading.frozen);
        assert!((7_190_000..=7_200_000).contains(&reading.offset_ms), "{}", reading.offset_ms);
    }
}
