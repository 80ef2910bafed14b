//! The window of 60 s and the quota of the day (contract 7.2). Windows run on the machine's time, because that is
//! the time a client waits in; the day is the simulated one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::civil::Date;

const WINDOW: Duration = Duration::from_secs(60);

/// Who has called how often.
#[derive(Debug, Default)]
pub struct Rate {
    windows: HashMap<String, Window>,
    days: HashMap<String, (Date, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Instant,
    used: u32,
}

/// What the three headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Calls the window allows.
    pub limit: u32,
    /// Calls left in it.
    pub remaining: u32,
    /// Seconds to its end.
    pub reset: u64,
    /// Whether this call was one too many.
    pub over: bool,
}

impl Rate {
    /// Counts a call of `who` at `now`.
    pub fn take(&mut self, who: &str, limit: u32, now: Instant) -> Standing {
        self.windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
        let window = self.windows.entry(who.to_owned()).or_insert(Window { since: now, used: 0 });
        let over = window.used >= limit;
        if !over {
            window.used += 1;
        }
        let left = WINDOW.saturating_sub(now.duration_since(window.since));
        Standing { limit, remaining: limit - window.used.min(limit), reset: left.as_secs().max(1), over }
    }

    /// Counts a call of an office on its day; `true` when the day's quota is used up.
    pub fn day_is_over(&mut self, office: &str, day: Date, quota: u32) -> bool {
        let entry = self.days.entry(office.to_owned()).or_insert((day, 0));
        if entry.0 != day {
            *entry = (day, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        entry.1 > quota
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_after_sixty_seconds_and_counts_down_to_it() {
        let mut rate = Rate::default();
        let start = Instant::now();
        assert_eq!(rate.take("key", 2, start).remaining, 1);
        assert_eq!(rate.take("key", 2, start).remaining, 0);
        let refused = rate.take("key", 2, start + Duration::from_secs(20));
        assert!(refused.over);
        assert_eq!((refused.remaining, refused.reset), (0, 40));
        assert!(!rate.take("key", 2, start + Duration::from_secs(60)).over);
    }
}
