use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

/// When to refresh a key that was got now: around half its life, spread so that connections made
/// together do not all come at once.
#[must_use]
pub(crate) fn refresh_at(now: Timestamp, expires_at: Timestamp) -> Timestamp {
    let life = expires_at.duration_since(now).as_millis().max(0);
    // Finer than a per cent: of a day that is a quarter of an hour, and thousands would share eleven moments.
    let share = rand::rng().random_range(450_000..=550_000);
    now + SignedDuration::from_millis(i64::try_from(life * share / 1_000_000).unwrap_or(0))
}

/// When to try again what only found no room: not before `wait`, and not all at once.
#[must_use]
pub(crate) fn put_off(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).clamp(1_000, 3_600_000);
    now + SignedDuration::from_millis(wait + rand::rng().random_range(0..=wait / 4))
}

/// When to ask again whether the vendor takes a grant that it refused: access comes back without our being told.
#[must_use]
pub(crate) fn ask_again_at(now: Timestamp) -> Timestamp {
    now + SignedDuration::from_mins(rand::rng().random_range(50..=70))
}

/// When to try again after the `failures`-th failure in a row: 5 s, doubling, at most 5 min.
#[must_use]
pub(crate) fn retry_at(now: Timestamp, failures: i32) -> Timestamp {
    let doublings = u32::try_from(failures.clamp(0, 6)).unwrap_or(0);
    now + SignedDuration::from_secs((5i64 << doublings).min(300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refreshed_near_half_its_life_and_never_after_it() {
        let now = Timestamp::now();
        let expires = now + SignedDuration::from_hours(24);
        for _ in 0..100 {
            let at = refresh_at(now, expires);
            assert!(at >= now + SignedDuration::from_hours(10) && at <= now + SignedDuration::from_hours(14));
        }
        assert!(refresh_at(now, now - SignedDuration::from_secs(5)) <= now);
    }

    #[test]
    fn what_found_no_room_comes_again_no_sooner_than_told_and_not_all_at_once() {
        let now = Timestamp::now();
        let waits: std::collections::BTreeSet<i128> =
            (0..100).map(|_| put_off(now, Duration::from_secs(40)).duration_since(now).as_millis()).collect();
        assert!(waits.iter().all(|wait| (40_000..=50_000).contains(wait)), "{waits:?}");
        assert!(waits.len() > 50, "{waits:?}");
        assert!(put_off(now, Duration::ZERO) >= now + SignedDuration::from_secs(1));
        assert!(put_off(now, Duration::MAX) <= now + SignedDuration::from_mins(75));
    }

    #[test]
    fn thousands_of_keys_got_at_once_are_not_refreshed_at_once() {
        let now = Timestamp::now();
        let expires = now + SignedDuration::from_hours(24);
        let mut by_minute = std::collections::BTreeMap::new();
        for _ in 0..2_000 {
            let minute = refresh_at(now, expires).duration_since(now).as_mins();
            *by_minute.entry(minute).or_insert(0) += 1;
        }
        // 2.4 hours have 144 minutes: 14 of 2,000 in each, were they shared out by hand.
        let most = by_minute.values().max().copied().unwrap_or(0);
        assert!(by_minute.len() > 100 && most < 60, "{} minutes, at most {most}", by_minute.len());
    }
}
