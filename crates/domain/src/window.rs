use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A stretch of time: its start belongs to it, its end does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment after.
    pub end: Timestamp,
}

/// A window that would end before it starts, or at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must end after it starts")]
pub struct WindowError;

impl Window {
    /// From `start` up to `end`.
    ///
    /// # Errors
    /// [`WindowError`] when nothing lies between.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, WindowError> {
        if start < end { Ok(Self { start, end }) } else { Err(WindowError) }
    }

    /// `minutes` from `start`.
    ///
    /// # Errors
    /// [`WindowError`] when `minutes` is not positive or the end is out of range.
    pub fn of_minutes(start: Timestamp, minutes: i64) -> Result<Self, WindowError> {
        let end = start.checked_add(SignedDuration::from_mins(minutes)).map_err(|_| WindowError)?;
        Self::new(start, end)
    }

    /// Whether the two share a moment. Touching ends do not.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies inside.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whole minutes.
    #[must_use]
    pub fn minutes(&self) -> i64 {
        self.end.duration_since(self.start).as_mins()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    #[test]
    fn touching_windows_do_not_overlap() {
        let first = Window::new(at(0), at(30)).unwrap();
        assert!(!first.overlaps(&Window::new(at(30), at(60)).unwrap()));
        assert!(first.overlaps(&Window::new(at(29), at(60)).unwrap()));
        assert_eq!(first.minutes(), 30);
    }

    #[test]
    fn a_window_of_no_minutes_is_refused() {
        assert_eq!(Window::of_minutes(at(0), 0), Err(WindowError));
    }
}
