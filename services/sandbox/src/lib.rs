#![doc = include_str!("../README.md")]

pub mod admin;
pub mod clock;
pub mod config;
mod hooks;
pub mod oidc;
pub mod server;
pub mod sikka;
pub mod vapi;

use clock::SimClock;
pub use hooks::Hooks;
use oidc::Oidc;
use sikka::Sikka;
use sikka::seed::Seed;

/// Everything one sandbox process holds. It is shared with the handlers through `web::Data`; nothing is global.
pub struct Sandbox {
    /// The simulated clock every vendor in this process lives by.
    pub clock: SimClock,
    /// The Sikka simulator: offices, keys, faults and the ledger of requests.
    pub sikka: Sikka,
    /// The issuer of sign-ins.
    pub oidc: Oidc,
    /// The receivers of alerts, and what they got.
    pub hooks: Hooks,
}

impl Sandbox {
    /// Builds a sandbox whose clock starts at the machine's time and whose offices follow `seed`.
    pub fn new(seed: Seed) -> Self {
        let clock = SimClock::default();
        let sikka = Sikka::new(seed, clock.now());
        Self { clock, sikka, oidc: Oidc::default(), hooks: Hooks::default() }
    }

    /// Carries out every writeback and refresh that is due by now. Requests do it too, so that what they read
    /// is exact; the background tick only keeps the recorded finishing times honest while nobody asks.
    pub fn catch_up(&self) {
        self.sikka.lock().catch_up(self.clock.now());
    }
}
