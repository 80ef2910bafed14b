//! When a practice's server is usually on, and when its night is. Everything is the practice's own wall
//! clock, also in the nights that have an hour more or less.

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use store::WriteHabits;

/// A server that is on this surely is worth a try.
const USUALLY: f64 = 0.5;

/// How long a night is that was not slept through by whoever should have used it.
const NIGHT: SignedDuration = SignedDuration::from_hours(4);

fn zone(habits: &WriteHabits) -> Option<TimeZone> {
    TimeZone::get(&habits.time_zone).ok()
}

/// The hour of the practice's day.
pub(crate) fn hour_of(habits: &WriteHabits, at: Timestamp) -> Option<i32> {
    Some(i32::from(zone(habits)?.to_datetime(at).hour()))
}

fn is_up(habits: &WriteHabits, zone: &TimeZone, at: Timestamp) -> bool {
    let local = zone.to_datetime(at);
    let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
    let said = match habits.up {
        Some((from, until)) if from < until => (from..until).contains(&minute),
        // Over midnight; equal ends are the whole day.
        Some((from, until)) => minute >= from || minute < until,
        None => true,
    };
    let learnt = usize::try_from(local.hour()).ok().and_then(|hour| habits.hours_up.get(hour));
    said && learnt.is_none_or(|score| *score >= USUALLY)
}

/// The first moment from `at` on at which the practice's server is usually on; `at` itself where that is never.
#[must_use]
pub(crate) fn next_up(habits: &WriteHabits, at: Timestamp) -> Timestamp {
    let Some(zone) = zone(habits) else { return at };
    // Every five minutes on the clock: no zone's offset is finer.
    let next = |at: &Timestamp| Timestamp::from_second((at.as_second().div_euclid(300) + 1) * 300).ok();
    let mut moments = std::iter::successors(Some(at), next).take(12 * 25);
    moments.find(|at| is_up(habits, &zone, *at)).unwrap_or(at)
}

/// How long to wait for a server that is off: at least `wait`, and then until it is usually on. Where the
/// deadline would be past by then, hope is all there is: `wait`.
pub(crate) fn until_up(
    habits: &WriteHabits,
    now: Timestamp,
    wait: Duration,
    deadline: Timestamp,
) -> Duration {
    let Ok(at) = now.checked_add(wait) else { return wait };
    let up = next_up(habits, at);
    if up >= deadline {
        return wait;
    }
    Duration::try_from(up.duration_since(now)).unwrap_or(wait)
}

fn night_of(date: Date, zone: &TimeZone, minute: i32) -> Option<Timestamp> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    // A time that this night does not have is the one an hour later; of one that it has twice, the first.
    zone.to_ambiguous_timestamp(date.to_datetime(Time::new(hour, minute, 0, 0).ok()?)).compatible().ok()
}

/// When the practice's night began in which `now` is; nothing at any other time of day.
#[must_use]
pub(crate) fn last_night(zone: &TimeZone, minute: i32, now: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    let nights = [today, today.saturating_sub(1.day())];
    let began = nights.into_iter().filter_map(|date| night_of(date, zone, minute)).find(|at| *at <= now)?;
    (now.duration_since(began) < NIGHT).then_some(began)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn habits(up: Option<(i32, i32)>, off: &[usize]) -> WriteHabits {
        let mut hours_up = vec![1.0; 24];
        for hour in off {
            hours_up[*hour] = 0.2;
        }
        WriteHabits {
            recent_ms: vec![],
            hours_up,
            night_minute: 120,
            up,
            time_zone: "America/New_York".to_owned(),
        }
    }

    #[test]
    fn the_night_of_the_spring_change_has_no_two_oclock_and_is_at_three() {
        let zone = TimeZone::get("America/New_York").unwrap();
        // 01:59 EST is followed by 03:00 EDT.
        assert_eq!(last_night(&zone, 120, at("2026-03-08T06:59:59Z")), None);
        let three = at("2026-03-08T07:00:00Z");
        assert_eq!(last_night(&zone, 120, three), Some(three));
        assert_eq!(zone.to_datetime(three).hour(), 3);
    }

    #[test]
    fn the_night_of_the_autumn_change_has_one_oclock_twice_and_is_once() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let first = at("2026-11-01T05:30:00Z"); // 01:30 EDT
        let second = at("2026-11-01T06:30:00Z"); // 01:30 EST
        assert_eq!(last_night(&zone, 90, first), Some(first));
        assert_eq!(last_night(&zone, 90, second), Some(first), "the same night, not another");
        // Two o'clock is there once.
        assert_eq!(last_night(&zone, 120, second), None);
        assert_eq!(last_night(&zone, 120, at("2026-11-01T07:00:00Z")), Some(at("2026-11-01T07:00:00Z")));
    }

    #[test]
    fn the_night_is_the_practices_own_and_ends() {
        for (zone, hour) in [("America/New_York", 6), ("America/Los_Angeles", 9), ("Pacific/Honolulu", 12)] {
            let zone = TimeZone::get(zone).unwrap();
            let two = at(&format!("2026-07-15T{hour:02}:00:00Z"));
            assert_eq!(last_night(&zone, 120, two), Some(two));
            assert_eq!(last_night(&zone, 120, two - SignedDuration::from_secs(1)), None);
            assert_eq!(last_night(&zone, 120, two + SignedDuration::from_hours(4)), None, "it is morning");
        }
        // A night that begins before midnight goes on after it.
        let zone = TimeZone::get("America/New_York").unwrap();
        let began = at("2026-07-16T03:30:00Z"); // 23:30 on the 15th
        assert_eq!(last_night(&zone, 23 * 60 + 30, at("2026-07-16T05:00:00Z")), Some(began));
    }

    #[test]
    fn a_server_that_is_off_is_tried_again_when_it_is_usually_on() {
        let evening = at("2026-07-15T23:10:00Z"); // 19:10
        assert_eq!(next_up(&habits(None, &[]), evening), evening);
        // Staff have said from seven to seven.
        let seven = next_up(&habits(Some((420, 1140)), &[]), evening);
        assert_eq!(seven, at("2026-07-16T11:00:00Z"));
        // Nobody has said, and it was never on at seven in the evening.
        assert_eq!(next_up(&habits(None, &[19, 20]), evening), at("2026-07-16T01:00:00Z"));
        // Over midnight.
        assert_eq!(next_up(&habits(Some((1320, 360)), &[]), evening), at("2026-07-16T02:00:00Z"));
        // Never on: when it was wished for.
        assert_eq!(next_up(&habits(None, &(0..24).collect::<Vec<_>>()), evening), evening);
    }

    #[test]
    fn the_hours_of_a_server_follow_the_wall_clock_through_both_changes() {
        for (night, seven) in [
            ("2026-03-08T05:00:00Z", "2026-03-08T11:00:00Z"),
            ("2026-11-01T04:00:00Z", "2026-11-01T12:00:00Z"),
        ] {
            assert_eq!(next_up(&habits(Some((420, 1140)), &[]), at(night)), at(seven));
        }
    }

    #[test]
    fn p12_no_wait_for_a_server_goes_past_the_deadline() {
        let evening = at("2026-07-15T23:10:00Z");
        let (habits, minute) = (habits(Some((420, 1140)), &[]), Duration::from_secs(60));
        let early = at("2026-07-16T10:00:00Z");
        assert_eq!(until_up(&habits, evening, minute, early), minute);
        let late = at("2026-07-16T20:00:00Z");
        assert_eq!(until_up(&habits, evening, minute, late), Duration::from_mins(11 * 60 + 50));
    }
}
