use std::fmt;
use std::time::Duration;

use crate::Operation;

/// What kind of thing went wrong. A short closed list: callers match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The key is no longer accepted; a new one may be.
    KeyExpired,
    /// The practice withdrew access, or the credentials are wrong: somebody must connect again.
    AccessWithdrawn,
    /// This system, or this plan, cannot do it.
    Unsupported,
    /// The vendor refused the content.
    Invalid,
    /// The thing asked for is not there.
    NotFound,
    /// Our budget, or the vendor's limit, is used up for now.
    RateLimited,
    /// The practice's own server is not reachable from the vendor.
    PracticeOffline,
    /// The vendor has not copied this practice's data yet.
    NotReady,
    /// The vendor did not answer, or answered that it is broken.
    VendorDown,
    /// The vendor answered something that cannot be read.
    Unreadable,
}

impl ErrorKind {
    const WORDS: [(Self, &'static str); 10] = [
        (Self::KeyExpired, "key_expired"),
        (Self::AccessWithdrawn, "access_withdrawn"),
        (Self::Unsupported, "unsupported"),
        (Self::Invalid, "invalid"),
        (Self::NotFound, "not_found"),
        (Self::RateLimited, "rate_limited"),
        (Self::PracticeOffline, "practice_offline"),
        (Self::NotReady, "not_ready"),
        (Self::VendorDown, "vendor_down"),
        (Self::Unreadable, "unreadable"),
    ];

    /// The word for it on the bus and in reasons.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(kind, _)| *kind == self).map_or("vendor_down", |(_, word)| word)
    }

    /// The kind a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }
}

/// What may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// The same call will fail the same way.
    Permanent,
    /// Try again, with the caller's own patience.
    Retry,
    /// Try again, not before this has passed.
    RetryAfter(Duration),
    /// The vendor may have taken the write. Look before sending again.
    OutcomeUnknown,
}

/// A call to a practice's system that did not work: kind × advice × source.
///
/// Neither the text nor the source carries a request, a response or a patient's data.
#[derive(Debug)]
pub struct PmsError {
    /// What kind of thing went wrong.
    pub kind: ErrorKind,
    /// What may be done about it.
    pub advice: Advice,
    /// The vendor's own code, where it gave one: `API1025`.
    pub code: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PmsError {
    /// A new error without a cause.
    #[must_use]
    pub const fn new(kind: ErrorKind, advice: Advice) -> Self {
        Self { kind, advice, code: None, source: None }
    }

    /// With the vendor's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// `operation` is not declared by this connection.
    #[must_use]
    pub fn unsupported(operation: Operation) -> Self {
        Self::new(ErrorKind::Unsupported, Advice::Permanent).code(format!("{operation:?}"))
    }
}

impl fmt::Display for PmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::KeyExpired => "the key is no longer accepted",
            ErrorKind::AccessWithdrawn => "access to the practice was withdrawn",
            ErrorKind::Unsupported => "the practice's system cannot do this",
            ErrorKind::Invalid => "the practice's system refused the content",
            ErrorKind::NotFound => "the practice's system does not have it",
            ErrorKind::RateLimited => "the practice's budget of requests is used up",
            ErrorKind::PracticeOffline => "the practice's server is not reachable",
            ErrorKind::NotReady => "the practice's data is not there yet",
            ErrorKind::VendorDown => "the practice's system did not answer",
            ErrorKind::Unreadable => "the practice's system answered something unreadable",
        };
        match &self.code {
            Some(code) => write!(f, "{what} ({code})"),
            None => f.write_str(what),
        }
    }
}

impl std::error::Error for PmsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
