use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;

/// What a vendor answered, whatever its status. Formatting it shows the status and the size only.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
    pub(crate) headers: HeaderMap,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply {{ status: {}, {} bytes }}", self.status, self.body.len())
    }
}

impl Reply {
    /// A header's value, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header's value as a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.header(name)?.trim().parse().ok()
    }

    /// 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether a write answered like this may have been taken all the same: the vendor broke down on the way.
    #[must_use]
    pub const fn maybe_taken(&self) -> bool {
        self.status >= 500 || self.status == 408 || (self.status >= 300 && self.status < 400)
    }

    pub(crate) const fn outcome(&self) -> &'static str {
        match self.status {
            200..=299 => "ok",
            429 => "limited",
            500.. => "broken",
            _ => "refused",
        }
    }
}

/// Whether a read is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This is the answer.
    Answer,
    /// Another try may go better.
    Again,
    /// Another try may go better, not before this has passed.
    AgainAfter(Duration),
}
