use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store::{WriteHabits, Writeback};

use crate::Pace;

/// So many writes must have been seen before they say anything about the next.
const ENOUGH: usize = 5;
/// So many of the last writes count: a practice's habits change with its server.
const LATEST: usize = 9;
/// However slow a practice is, somebody looks after this long.
const LONGEST: Duration = Duration::from_secs(300);
/// Until a write is this old its caller may still be on the line, and looks stay close whatever the practice's habits:
/// its last writes may all have been quick ones.
const ON_THE_LINE: Duration = Duration::from_mins(5);
/// A write that took longer says something about an outage, not about the practice.
const MOST_BELIEVED: SignedDuration = SignedDuration::from_hours(6);

/// While a practice's writes are usually finishing, a look comes after this part of what went before: known a
/// moment after it is done, for a few dozen questions.
const CLOSE: u32 = 60;
/// Once most should be done, each wait is this part of what went before.
const WIDE: u32 = 4;

/// When to look at a practice's writes, as its last ones tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// From when on, and by when, most of its writes have been done; nothing: too few were seen.
    most: Option<(Duration, Duration)>,
}

impl Rhythm {
    pub(crate) fn of(habits: &WriteHabits) -> Self {
        let mut took: Vec<i32> = habits.recent_ms.iter().copied().take(LATEST).collect();
        if took.len() < ENOUGH {
            return Self { most: None };
        }
        took.sort_unstable();
        let time = |ms: Option<i32>| {
            Duration::from_millis(ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default())
        };
        // Of writes sent together the slow ones end last: the quickest is looked for among all that are remembered.
        let quickest = time(habits.recent_ms.iter().min().copied());
        Self { most: Some((quickest, time(took.get((took.len() - 1) * 9 / 10).copied()))) }
    }

    /// From the receipt to the first look: well before the quickest of the last writes was done.
    pub(crate) fn first_look(self, pace: &Pace) -> Duration {
        self.most.map_or(pace.first_look, |(from, _)| (from / 2).min(LONGEST).max(pace.first_look))
    }

    /// From this look to the next: close while most are finishing or a caller waits, then backing off.
    pub(crate) fn next_look(self, pace: &Pace, write: &Writeback, now: Timestamp) -> Duration {
        let sent = write.last_sent_at.or(write.first_sent_at);
        let Some((_, by)) = self.most else { return pace.next_look(sent, now) };
        let age = age(sent, now);
        let part = if age <= (by * 5 / 4).max(ON_THE_LINE) { CLOSE } else { WIDE };
        (age / part).min(LONGEST).max(pace.first_look)
    }

    /// How long a write that is found done now has taken, in milliseconds. It was done at some time since the
    /// look before. One done at the first look may have been done long before: what is learnt of it is
    /// shorter, so that the next write is looked at earlier.
    pub(crate) fn took(self, pace: &Pace, write: &Writeback, now: Timestamp) -> Option<i32> {
        // A replay that was never sent itself tells how long its forerunner lay about.
        let sent = write.last_sent_at.filter(|_| write.attempts > 0)?;
        if now.duration_since(sent) > MOST_BELIEVED {
            return None;
        }
        let age = age(Some(sent), now);
        let took = if write.check_count == 0 {
            age * 2 / 3
        } else {
            age.saturating_sub(self.next_look(pace, write, now) / 2)
        };
        i32::try_from(took.as_millis()).ok()
    }
}

fn age(sent: Option<Timestamp>, now: Timestamp) -> Duration {
    sent.and_then(|sent| Duration::try_from(now.duration_since(sent)).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::{ConnectionId, WritebackId, WritebackState};

    use super::*;

    fn habits(recent_ms: Vec<i32>) -> WriteHabits {
        WriteHabits { recent_ms, hours_up: vec![], night_minute: 120, up: None, time_zone: "UTC".to_owned() }
    }

    fn write(sent_at: Timestamp, check_count: i32) -> Writeback {
        Writeback {
            id: WritebackId::new(),
            connection: ConnectionId::new(),
            operation: "book_appointment".to_owned(),
            payload: Vec::new().into(),
            fingerprint: vec![],
            reference: "AAAAAAAA".to_owned(),
            state: WritebackState::Submitted,
            reason: None,
            receipt: None,
            created_vendor_id: None,
            depends_on: None,
            attempts: 1,
            check_count,
            deadline_at: Timestamp::MAX,
            first_sent_at: Some(sent_at),
            created_at: sent_at,
            finished_at: None,
            about_at: None,
            last_sent_at: Some(sent_at),
            replays: None,
        }
    }

    #[test]
    fn the_first_look_is_when_the_quickest_writes_have_been_done() {
        let pace = Pace::default();
        assert_eq!(Rhythm::of(&habits(vec![90_000; 4])).first_look(&pace), pace.first_look, "too few");
        let spread = (2..=20).map(|n| n * 10_000).collect();
        assert_eq!(Rhythm::of(&habits(spread)).first_look(&pace), Duration::from_secs(10));
        let quick_before = [vec![90_000; 9], vec![20_000]].concat();
        assert_eq!(Rhythm::of(&habits(quick_before)).first_look(&pace), Duration::from_secs(10));
        assert_eq!(Rhythm::of(&habits(vec![5; 9])).first_look(&pace), pace.first_look, "not in a hurry");
        assert_eq!(Rhythm::of(&habits(vec![3_600_000; 9])).first_look(&pace), LONGEST);
    }

    #[test]
    fn looks_are_close_while_most_finish_then_grow_rarer_and_never_stop() {
        let (pace, now) = (Pace::default(), Timestamp::now());
        let rhythm = Rhythm::of(&habits(vec![60_000; 9]));
        let after =
            |secs| rhythm.next_look(&pace, &write(now - SignedDuration::from_secs(secs), 1), now).as_secs();
        assert_eq!((after(10), after(60), after(180), after(340), after(7200)), (2, 2, 3, 85, 300));
    }

    #[test]
    fn what_lay_about_through_an_outage_or_was_sent_by_another_try_teaches_nothing() {
        let (pace, now) = (Pace::default(), Timestamp::now());
        let rhythm = Rhythm::of(&habits(vec![60_000; 9]));
        let sent = |hours| write(now - SignedDuration::from_hours(hours), 3);
        assert!(rhythm.took(&pace, &sent(5), now).is_some());
        assert_eq!(rhythm.took(&pace, &sent(7), now), None);
        assert_eq!(rhythm.took(&pace, &Writeback { attempts: 0, ..sent(1) }, now), None);
    }

    #[test]
    fn a_practice_that_became_faster_or_slower_is_learnt_within_as_many_writes_as_are_remembered() {
        let (pace, start) = (Pace::default(), Timestamp::UNIX_EPOCH);
        for (was, is, low, high) in [(90_000, 20_000, 5, 15), (10_000, 100_000, 40, 60)] {
            let mut recent = vec![was; 10];
            let mut looks = 0;
            for _ in 0..40 {
                let rhythm = Rhythm::of(&habits(recent.clone()));
                let mut age = rhythm.first_look(&pace);
                let mut count = 0;
                while age < Duration::from_millis(is) {
                    let now = start + age;
                    age += rhythm.next_look(&pace, &write(start, count), now);
                    count += 1;
                }
                looks += count + 1;
                let took = rhythm.took(&pace, &write(start, count), start + age).unwrap();
                recent.insert(0, took);
                recent.truncate(32);
            }
            let most = Rhythm::of(&habits(recent)).first_look(&pace).as_secs();
            assert!((low..=high).contains(&most), "learnt {most} s");
            assert!(looks < 40 * 60, "{looks} looks for 40 writes");
        }
    }
}
