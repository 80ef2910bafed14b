//! URLs, headers, status: how Sikka is called.

mod account;
mod changes;
mod location;
pub(crate) mod office;
mod pages;
mod recent;

use std::sync::Arc;
use std::time::Duration;

use pms::{ErrorKind, KeySource, PmsError};
use seal::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vendor_http::{
    Budget, CallError, RateSeen, Reply, Request, SetupError, VendorClient, VendorConfig, Verdict,
};

use crate::error::{self, Call};
use crate::wire;
pub(crate) use pages::Pages;
pub(crate) use recent::Recent;

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
#[derive(Debug, Clone)]
pub struct Sikka {
    http: VendorClient,
    pub(crate) app: Arc<SikkaApp>,
    pub(crate) recent: Recent,
}

impl Sikka {
    /// The vendor as `app` may call it.
    ///
    /// # Errors
    /// [`SetupError`] when the base URL is none.
    pub fn new(app: SikkaApp) -> Result<Self, SetupError> {
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
        Ok(Self { http, app: Arc::new(app), recent: Recent::default() })
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
        let mut pages = Pages::new(self, door, request);
        let mut rows = Vec::new();
        while let Some(mut page) = pages.next().await? {
            rows.append(&mut page);
        }
        Ok(rows)
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
            return self.exchange(request, keys, call).await.map_err(|error| error::unanswered(error, call));
        };
        let key = keys.key().await?;
        let with = |error| error::unanswered(error, call);
        let reply = self.exchange(request, &[("request-key", &key.0)], call).await.map_err(with)?;
        if reply.is_success() || error::refused(&reply, call).kind != ErrorKind::KeyExpired {
            return Ok(reply);
        }
        let fresh = keys.renew(&key).await?;
        self.exchange(request, &[("request-key", &fresh.0)], call).await.map_err(with)
    }

    async fn exchange(
        &self,
        request: &Request,
        keys: &[(&'static str, &Secret)],
        call: Call,
    ) -> Result<Reply, CallError> {
        let http = &self.sikka.http;
        match call {
            Call::Read => http.read(&*self.budget, request, keys).await,
            Call::Write => http.write(&*self.budget, request, keys).await,
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
    let invalid = || PmsError::new(ErrorKind::Invalid, pms::Advice::Permanent).code("body");
    Ok(Request::post(operation, path, serde_json::to_vec(body).map_err(|_| invalid())?))
}
