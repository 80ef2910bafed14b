use std::fmt;
use std::str::FromStr;

/// Where a write is on its way into a practice's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WritebackState {
    /// Written down, not sent.
    Queued,
    /// A worker is sending it, or died doing so.
    Sending,
    /// It may have been taken: look before sending again.
    Unknown,
    /// The vendor took it; the practice's system has not said yet.
    Submitted,
    /// The practice's system holds it.
    Succeeded,
    /// The practice's system refused it, or it can no longer be tried.
    Failed,
    /// Set aside for staff.
    Parked,
}

/// A word that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a writeback state")]
pub struct UnknownState;

impl WritebackState {
    /// Every state, in the order of a life without trouble.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Sending,
        Self::Unknown,
        Self::Submitted,
        Self::Succeeded,
        Self::Failed,
        Self::Parked,
    ];

    /// The word for it, in the database and on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Submitted => "submitted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Parked => "parked",
        }
    }

    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Parked)
    }
}

impl fmt::Display for WritebackState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WritebackState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }
}
