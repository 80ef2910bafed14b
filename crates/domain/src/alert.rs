use std::fmt;

/// What an alert is about. A short closed list: each has its subject and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// The vendor takes a connection's grant no longer.
    Reauthorise,
    /// A connection's key could not be refreshed several times in a row.
    RefreshFailing,
    /// A connection's key ends soon, and nobody has refreshed it.
    TokenExpiring,
    /// Writes of a connection have not moved for too long.
    WritebacksStuck,
    /// Too many of a connection's writes fail.
    WritebacksFailing,
    /// A write waits for somebody to look into the practice's own system.
    WritebackParked,
    /// 80 % of a practice's requests are used.
    Budget80,
    /// 93 % of a practice's requests are used.
    Budget93,
    /// A practice's requests are used up: calls wait.
    Budget100,
    /// An office that was installed could not be connected.
    SetupFailed,
    /// A clinic took its install back.
    InstallCancelled,
    /// A tenant's audit chain does not hold.
    AuditBroken,
    /// The ledger of webhooks does not balance.
    WebhooksUnbalanced,
    /// A vendor refuses this installation's own keys.
    ApplicationRefused,
    /// A vendor gives many practices no keys.
    VendorDown,
    /// The vendor no longer serves a connection's location.
    LocationOff,
    /// A vendor told of an install in words that nobody knows.
    NoticeUnclear,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Reauthorise,
        Self::RefreshFailing,
        Self::TokenExpiring,
        Self::WritebacksStuck,
        Self::WritebacksFailing,
        Self::WritebackParked,
        Self::Budget80,
        Self::Budget93,
        Self::Budget100,
        Self::SetupFailed,
        Self::InstallCancelled,
        Self::AuditBroken,
        Self::WebhooksUnbalanced,
        Self::ApplicationRefused,
        Self::VendorDown,
        Self::LocationOff,
        Self::NoticeUnclear,
    ];

    /// The word for it, in the database, on the bus and in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Reauthorise => "reauthorise",
            Self::RefreshFailing => "refresh_failing",
            Self::TokenExpiring => "token_expiring",
            Self::WritebacksStuck => "writebacks_stuck",
            Self::WritebacksFailing => "writebacks_failing",
            Self::WritebackParked => "writeback_parked",
            Self::Budget80 => "budget_80",
            Self::Budget93 => "budget_93",
            Self::Budget100 => "budget_100",
            Self::SetupFailed => "setup_failed",
            Self::InstallCancelled => "install_cancelled",
            Self::AuditBroken => "audit_broken",
            Self::WebhooksUnbalanced => "webhooks_unbalanced",
            Self::ApplicationRefused => "application_refused",
            Self::VendorDown => "vendor_down",
            Self::LocationOff => "location_off",
            Self::NoticeUnclear => "notice_unclear",
        }
    }

    /// The kind a word stands for.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// What it is about, as a headline.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Reauthorise => "A practice must be connected again",
            Self::RefreshFailing => "A connection's key cannot be refreshed",
            Self::TokenExpiring => "A connection's key is about to end",
            Self::WritebacksStuck => "Writes to a practice's system are stuck",
            Self::WritebacksFailing => "Writes to a practice's system keep failing",
            Self::WritebackParked => "A write needs somebody to look",
            Self::Budget80 => "80 % of a practice's requests are used",
            Self::Budget93 => "93 % of a practice's requests are used",
            Self::Budget100 => "A practice's requests are used up",
            Self::SetupFailed => "An office could not be connected",
            Self::InstallCancelled => "A clinic took its install back",
            Self::AuditBroken => "The audit chain of a tenant is broken",
            Self::WebhooksUnbalanced => "The ledger of webhooks does not balance",
            Self::ApplicationRefused => "The vendor refuses this installation's own keys",
            Self::VendorDown => "The vendor gives many practices no keys",
            Self::LocationOff => "The vendor no longer shows a practice's data",
            Self::NoticeUnclear => "A notice of an install was not understood",
        }
    }

    /// The next action, in plain words.
    #[must_use]
    pub const fn what_to_do(self) -> &'static str {
        match self {
            Self::Reauthorise => "The practice withdrew access or its secret changed: connect it again.",
            Self::RefreshFailing => {
                "Is the vendor up, and does this installation reach it? It is tried again by itself; the key in \
                 force works until it ends."
            }
            Self::TokenExpiring => {
                "Is token-refresher running, and does it reach the vendor? When the key ends, bookings of this \
                 practice wait."
            }
            Self::WritebacksStuck => {
                "Is sikka-worker running, and is the practice's server on? `switchboard writebacks list queued` \
                 and `… list submitted` show them."
            }
            Self::WritebacksFailing => {
                "Look at the reasons in `switchboard report failed-writebacks`; after the cause is gone, \
                 `switchboard writebacks plan` shows what can be tried again."
            }
            Self::WritebackParked => {
                "Look the requests of `switchboard writebacks list` up in the practice's own calendar, then \
                 `switchboard writebacks settle` each."
            }
            Self::Budget80 | Self::Budget93 => {
                "Nothing is lost yet. See `switchboard usage`; if it stays so, ask the vendor for a larger plan."
            }
            Self::Budget100 => {
                "Calls of this practice wait for room. See `switchboard usage`; if it stays so, ask the vendor for \
                 a larger plan."
            }
            Self::SetupFailed => {
                "`switchboard connections list` says why; connect it by hand, or ask the clinic."
            }
            Self::InstallCancelled => "It is no longer connected: ask the clinic, or connect it again.",
            Self::AuditBroken => {
                "Keep the database as it is, run `switchboard audit verify`, and find out who changed it. After \
                 that, `switchboard alerts resolve` closes this; it comes again when more is found."
            }
            Self::WebhooksUnbalanced => {
                "Keep the database as it is, run `switchboard doctor`, and compare webhook_events with the \
                 vendor's log."
            }
            Self::ApplicationRefused => {
                "Compare SIKKA_APP_ID and SIKKA_APP_KEY with the vendor's portal, and whether the application is \
                 active there. Practices work until their keys end; it is tried again by itself."
            }
            Self::VendorDown => {
                "Is the vendor up, and does this installation reach it? Practices work until their keys end; it is \
                 tried again by itself."
            }
            Self::LocationOff => {
                "Look in the vendor's portal whether the location is switched off there, and why. \
                 `switchboard connections enable` switches it on, and it is billed again."
            }
            Self::NoticeUnclear => {
                "Nothing was changed. Look in the vendor's portal what became of the install, connect or disable the \
                 office by hand, and close this with `switchboard alerts resolve`."
            }
        }
    }

    /// Whether somebody has to act. Otherwise it only says what is coming.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Budget80 | Self::Budget93)
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own_a_subject_and_something_to_do() {
        for kind in AlertKind::ALL {
            assert_eq!(AlertKind::from_code(kind.code()), Some(kind));
            assert!(kind.subject().len() > 10 && kind.what_to_do().ends_with('.'), "{kind}");
        }
        assert_eq!(AlertKind::from_code("nothing"), None);
    }

    #[test]
    fn every_kind_is_in_the_document() {
        let document = include_str!("../../../docs/alerts.md");
        for kind in AlertKind::ALL {
            assert!(document.contains(&format!("`{kind}`")), "{kind}");
        }
    }
}
