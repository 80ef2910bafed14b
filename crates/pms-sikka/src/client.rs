//! URLs, headers, status: how Sikka is called.

mod account;
mod changes;
mod location;
pub(crate) mod office;
mod pages;
mod recent;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pms::{Advice, ErrorKind, KeySource, PmsError};
use seal::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vendor_http::{
    Budget, CallError, RateSeen, Reply, Request, SetupError, VendorClient, VendorConfig, Verdict,
};

use crate::error::{self, Call};
use crate::wire;
pub(crate) use pages::Pages;
pub use recent::OLDEST_LIST;
pub(crate) use recent::{Recent, RecentPage};

/// The application that practices have let in.
#[derive(Debug, Clone)]
pub struct SikkaApp {
    /// Where the API begins: `https://api.sikkasoft.com/v4`.
    pub base_url: String,
    /// `App-Id`.
    pub app_id: Secret,
    /// `App-Key`.
    pub app_key: Secret,
    /// How long one read may take with all its tries. A write may take twice as long.
    pub deadline: Duration,
}

/// Sikka, with its connections. Build it once; clones share them.
#[derive(Clone)]
pub struct Sikka {
    http: VendorClient,
    pub(crate) app: Arc<SikkaApp>,
    budget: Arc<dyn Budget>,
    pub(crate) recent: Recent,
}

impl fmt::Debug for Sikka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sikka").field("app", &self.app).finish_non_exhaustive()
    }
}

impl Sikka {
    /// The vendor as `app` may call it. What is asked in the application's own name is counted in `budget`: the
    /// vendor's limit for it is none of a practice's, and what it says of the one is not so of the other.
    ///
    /// # Errors
    /// [`SetupError`] when the base URL is none.
    pub fn new(app: SikkaApp, budget: Arc<dyn Budget>) -> Result<Self, SetupError> {
        let http = VendorClient::new(VendorConfig {
            // Time for a second try where the first hangs.
            attempt_timeout: app.deadline.mul_f32(0.6),
            read_deadline: app.deadline,
            write_deadline: app.deadline.saturating_mul(2),
            judge,
            rate_seen,
            day_spent: error::day_spent,
            ..VendorConfig::new("sikka", &app.base_url)
        })?;
        Ok(Self { http, app: Arc::new(app), budget, recent: Recent::default() })
    }

    /// Calls in the name of the application alone.
    pub(crate) fn calls(&self) -> Calls {
        Calls { sikka: self.clone(), budget: self.budget.clone(), keys: None }
    }
}

fn judge(reply: &Reply) -> Verdict {
    match error::passes(reply) {
        None => Verdict::Answer,
        Some(Duration::ZERO) => Verdict::Again,
        Some(least) => Verdict::AgainAfter(least),
    }
}

fn rate_seen(reply: &Reply) -> Option<RateSeen> {
    Some(RateSeen {
        limit: reply.number("x-rate-limit-limit")?,
        remaining: reply.number("x-rate-limit-remaining")?,
        reset: Duration::from_secs(reply.number("x-rate-limit-reset")?.into()),
    })
}

/// Which key opens an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// `App-Id` and `App-Key`.
    App,
    /// `Request-Key`: one office.
    Office,
    /// None: the keys are in the body.
    Open,
}

/// Calls in the name of one office, or of the application alone.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) sikka: Sikka,
    pub(crate) budget: Arc<dyn Budget>,
    pub(crate) keys: Option<Arc<dyn KeySource>>,
}

impl Calls {
    /// Every row of a list, all pages.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        door: Door,
        request: Request,
    ) -> Result<Vec<T>, PmsError> {
        Pages::new(self, door, request).all().await
    }

    /// An object that stands alone, without an envelope.
    pub(crate) async fn object<T: DeserializeOwned>(
        &self,
        door: Door,
        request: &Request,
    ) -> Result<T, PmsError> {
        let reply = self.send(door, request, Call::Read).await?;
        if !reply.is_success() {
            return Err(error::refused(&reply, Call::Read));
        }
        read(&reply, Call::Read)
    }

    /// The vendor's receipt for a write, sent once.
    pub(crate) async fn receipt(&self, request: &Request) -> Result<wire::Message, PmsError> {
        let reply = self.send(Door::Office, request, Call::Write).await?;
        if !reply.is_success() {
            return Err(error::refused(&reply, Call::Write));
        }
        let message: wire::Message = read(&reply, Call::Write)?;
        // A failure may come with HTTP 200, and every receipt has a code.
        if error::is_failure(message.error_code.str()) {
            return Err(error::refused(&reply, Call::Write));
        }
        Ok(message)
    }

    /// Sends with the office's key, and once more with a new one where the vendor no longer takes the first:
    /// nothing was taken then.
    async fn send(&self, door: Door, request: &Request, call: Call) -> Result<Reply, PmsError> {
        let Some(keys) = self.keys.as_ref().filter(|_| door == Door::Office) else {
            let app = &self.sikka.app;
            let keys: &[_] = match door {
                Door::App => &[("app-id", &app.app_id), ("app-key", &app.app_key)],
                Door::Office | Door::Open => &[],
            };
            let budget = if door == Door::App { &self.sikka.budget } else { &self.budget };
            let answer = self.exchange(&**budget, request, keys, call).await;
            return answer.map_err(|error| error::unanswered(error, call));
        };
        let key = keys.key().await?;
        let with = |error| error::unanswered(error, call);
        let budget = &*self.budget;
        let reply = self.exchange(budget, request, &[("request-key", &key.0)], call).await.map_err(with)?;
        if reply.is_success() {
            return Ok(reply);
        }
        let refused = error::refused(&reply, call);
        // Whatever its line says, a write that may have been taken is not sent a second time.
        if refused.kind != ErrorKind::KeyExpired || refused.advice == Advice::OutcomeUnknown {
            return Ok(reply);
        }
        let fresh = keys.renew(&key).await?;
        self.exchange(budget, request, &[("request-key", &fresh.0)], call).await.map_err(with)
    }

    async fn exchange(
        &self,
        budget: &dyn Budget,
        request: &Request,
        keys: &[(&'static str, &Secret)],
        call: Call,
    ) -> Result<Reply, CallError> {
        let http = &self.sikka.http;
        match call {
            Call::Read => http.read(budget, request, keys).await,
            Call::Write => http.write(budget, request, keys).await,
        }
    }
}

/// Reads by content: old servers call their JSON `text/html`.
fn read<T: DeserializeOwned>(reply: &Reply, call: Call) -> Result<T, PmsError> {
    let one: wire::OneOf<T> =
        serde_json::from_slice(&reply.body).map_err(|error| error::unreadable(&error, call))?;
    Ok(one.0)
}

/// `POST path` with `body` as JSON.
pub(crate) fn post(operation: &'static str, path: &str, body: &impl Serialize) -> Result<Request, PmsError> {
    // Nothing was sent, so a body that cannot be written is as permanent as a wrong one.
    let invalid = || PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("body");
    Ok(Request::post(operation, path, serde_json::to_vec(body).map_err(|_| invalid())?))
}
