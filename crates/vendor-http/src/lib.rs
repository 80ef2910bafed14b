#![doc = include_str!("../README.md")]

mod budget;
mod client;
mod error;
mod guard;
mod reply;
mod request;
mod stopwatch;

pub use budget::{Budget, BudgetSpent, MemoryBudget, RateSeen};
pub use client::{VendorClient, VendorConfig};
pub use error::{CallError, SetupError};
pub use guard::{Answered, Forbidden, GuardedClient, Lookup, OutgoingError, Reach, SystemLookup, UrlGuard};
pub use reply::{Reply, Verdict};
pub use request::Request;
pub use stopwatch::timed;

/// Chooses the cryptography under TLS for the whole process. The first call counts, further ones do nothing.
///
/// [`VendorClient::new`] does it too; a process that opens TLS elsewhere does it first thing.
pub fn install_tls() {
    // An error only says that somebody was faster.
    rustls::crypto::ring::default_provider().install_default().ok();
}
