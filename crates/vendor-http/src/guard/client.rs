use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use seal::Secret;

use super::lookup::CheckedLookup;
use super::{Forbidden, Lookup, SystemLookup, UrlGuard};
use crate::SetupError;

type Source = Box<dyn std::error::Error + Send + Sync>;

const CONNECT: Duration = Duration::from_secs(5);
/// An answer that asks for a longer wait is not believed.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What somebody's URL answered. Its body is not read: nothing of ours depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status. A redirect is an answer like any other: it is not followed.
    pub status: u16,
    /// How long it asks to be left alone, at most an hour.
    pub retry_after: Option<Duration>,
}

impl Answered {
    /// 2xx.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Why a URL brought no answer. No cause carries the URL: it may be a secret itself.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The guard does not let it be called.
    #[error("the URL {0}")]
    Forbidden(#[from] Forbidden),
    /// Nobody answered in time, or at all.
    #[error("no answer came")]
    NoAnswer(#[source] Source),
}

/// Posts to URLs that somebody outside chose, through the guard: no redirects, no proxy (a proxy would look names up
/// itself), and connections only to addresses that were checked.
#[derive(Debug, Clone)]
pub struct GuardedClient {
    http: reqwest::Client,
    guard: UrlGuard,
}

impl GuardedClient {
    /// A client that asks this machine's resolver. `deadline` is for one whole call.
    ///
    /// # Errors
    /// [`SetupError::Client`].
    pub fn new(guard: UrlGuard, deadline: Duration) -> Result<Self, SetupError> {
        Self::with_lookup(guard, deadline, Arc::new(SystemLookup))
    }

    /// A client with a resolver of its own.
    ///
    /// # Errors
    /// [`SetupError::Client`].
    pub fn with_lookup(
        guard: UrlGuard,
        deadline: Duration,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, SetupError> {
        crate::install_tls();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(deadline)
            .pool_idle_timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .dns_resolver(Arc::new(CheckedLookup { guard, lookup }))
            .build()
            .map_err(|error| SetupError::Client(error.without_url().into()))?;
        Ok(Self { http, guard })
    }

    /// Sends a JSON body once.
    ///
    /// # Errors
    /// [`OutgoingError`].
    pub async fn post(
        &self,
        url: &Secret,
        headers: &[(&'static str, &str)],
        json: Bytes,
    ) -> Result<Answered, OutgoingError> {
        // An address in the URL itself never meets the resolver.
        let url = self.guard.parsed(url.expose())?;
        let mut request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(json);
        for (name, value) in headers {
            let value =
                HeaderValue::from_str(value).map_err(|error| OutgoingError::NoAnswer(error.into()))?;
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(|error| match forbidden(&error) {
            Some(why) => why.into(),
            None => OutgoingError::NoAnswer(error.without_url().into()),
        })?;
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        Ok(Answered { status: answer.status().as_u16(), retry_after })
    }
}

/// What the guard said on the way to the connection, under the layers of the HTTP client.
fn forbidden(error: &reqwest::Error) -> Option<Forbidden> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(why) = error.downcast_ref::<Forbidden>() {
            return Some(*why);
        }
        cause = error.source();
    }
    None
}
