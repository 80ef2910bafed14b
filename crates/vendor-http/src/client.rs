use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use seal::Secret;
use tokio::time::sleep;
use tracing::Instrument;

use crate::{Budget, CallError, RateSeen, Reply, Request, SetupError, Verdict, stopwatch};

/// How to talk to one vendor.
#[derive(Debug, Clone)]
pub struct VendorConfig {
    /// Its name in metrics and logs.
    pub vendor: &'static str,
    /// Where its paths begin, without a slash at the end.
    pub base_url: String,
    /// Until a connection must stand.
    pub connect_timeout: Duration,
    /// Until one try of a read must have its whole answer. A write has until its deadline.
    pub attempt_timeout: Duration,
    /// Until a read must be done, waiting for the budget and retries included. No try leaves in its second half.
    pub read_deadline: Duration,
    /// Until a write must be done, waiting for the budget included, which may take half of it.
    pub write_deadline: Duration,
    /// Bytes an answer may have.
    pub max_body: usize,
    /// Tries of a read after the first.
    pub retries: usize,
    /// Whether a reply to a read is worth another try.
    pub judge: fn(&Reply) -> Verdict,
    /// What a reply says about the vendor's limit.
    pub rate_seen: fn(&Reply) -> Option<RateSeen>,
    /// Whether a reply says that the practice's quota of the day is used up, and when to ask again.
    pub day_spent: fn(&Reply) -> Option<Duration>,
}

impl VendorConfig {
    /// What suits most vendors: broken answers (5xx) are worth another try, no limit is advertised.
    #[must_use]
    pub fn new(vendor: &'static str, base_url: impl Into<String>) -> Self {
        Self {
            vendor,
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(8),
            read_deadline: Duration::from_secs(16),
            write_deadline: Duration::from_secs(20),
            max_body: 16 << 20,
            retries: 2,
            judge: |reply| if reply.status >= 500 { Verdict::Again } else { Verdict::Answer },
            rate_seen: |_| None,
            day_spent: |_| None,
        }
    }
}

/// When a call must have come how far.
#[derive(Clone, Copy)]
struct Times {
    /// A request that leaves later would be given up on before it can be answered, and a write given up on
    /// is a write nobody knows the end of.
    leave_by: Instant,
    end_by: Instant,
    /// One try.
    attempt: Duration,
}

impl Times {
    fn of(request: &Request, otherwise: Duration) -> Self {
        let (now, deadline) = (Instant::now(), request.deadline.unwrap_or(otherwise));
        let half = now + deadline / 2;
        let leave_by = request.leave_by.map_or(half, |moment| moment.min(half));
        Self { leave_by, end_by: now + deadline, attempt: deadline }
    }
}

/// The keys a request is sent with: header name and value.
type Keys<'a> = &'a [(&'static str, &'a Secret)];

/// HTTP to one vendor. Build it once; clones share its connections.
#[derive(Debug, Clone)]
pub struct VendorClient {
    http: reqwest::Client,
    config: VendorConfig,
}

impl VendorClient {
    /// A client for the vendor that `config` describes.
    ///
    /// # Errors
    /// [`SetupError`] for a base URL that is none.
    pub fn new(mut config: VendorConfig) -> Result<Self, SetupError> {
        // Building a client without it panics, and a forgotten line in a main must not.
        crate::install_tls();
        let url = Url::parse(&config.base_url).ok().filter(|url| url.has_host());
        if !url.is_some_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(SetupError::BaseUrl { vendor: config.vendor });
        }
        let end = config.base_url.trim_end_matches('/').len();
        config.base_url.truncate(end);
        let http = reqwest::Client::builder()
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true)
            // A redirect could carry a key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| SetupError::Client(error.without_url().into()))?;
        Ok(Self { http, config })
    }

    /// Asks, and asks again a little later where the first answer was a failure that passes.
    ///
    /// # Errors
    /// [`CallError`] of the last try.
    pub async fn read(
        &self,
        budget: &dyn Budget,
        request: &Request,
        keys: Keys<'_>,
    ) -> Result<Reply, CallError> {
        let times =
            Times { attempt: self.config.attempt_timeout, ..Times::of(request, self.config.read_deadline) };
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .with_max_times(self.config.retries)
            .with_jitter()
            .build();
        loop {
            let answer = self.attempt(budget, request, keys, times).await;
            let hint = match &answer {
                Ok(reply) => match (self.config.judge)(reply) {
                    Verdict::Answer => return answer,
                    Verdict::Again => Duration::ZERO,
                    Verdict::AgainAfter(least) => least,
                },
                Err(CallError::NotSent(_) | CallError::Lost(_)) => Duration::ZERO,
                Err(CallError::Budget(_) | CallError::TooLarge(_)) => return answer,
            };
            let Some(pause) = pauses.next().map(|pause| pause.max(hint)) else { return answer };
            if Instant::now() + pause >= times.leave_by {
                return answer;
            }
            sleep(pause).await;
        }
    }

    /// Sends at most once. Whether the vendor may have taken it: [`CallError::maybe_taken`], [`Reply::maybe_taken`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn write(
        &self,
        budget: &dyn Budget,
        request: &Request,
        keys: Keys<'_>,
    ) -> Result<Reply, CallError> {
        self.attempt(budget, request, keys, Times::of(request, self.config.write_deadline)).await
    }

    async fn attempt(
        &self,
        budget: &dyn Budget,
        request: &Request,
        keys: Keys<'_>,
        times: Times,
    ) -> Result<Reply, CallError> {
        self.admitted(budget, times.leave_by).await?;
        let started = Instant::now();
        // The budget's own answer takes time too.
        if started >= times.leave_by {
            return Err(CallError::NotSent("its time to leave is over".into()));
        }
        let left = times.end_by.saturating_duration_since(started).min(times.attempt);
        let span = tracing::info_span!(
            "vendor request",
            vendor = self.config.vendor,
            operation = request.operation,
            outcome = tracing::field::Empty
        );
        let answer = {
            let _lap = stopwatch::lap();
            let late = |late: tokio::time::error::Elapsed| Err(CallError::Lost(late.into()));
            let exchange = self.exchange(request, keys).instrument(span.clone());
            tokio::time::timeout(left, exchange).await.unwrap_or_else(late)
        };
        let took = started.elapsed();
        let outcome = answer.as_ref().map_or_else(CallError::outcome, Reply::outcome);
        span.record("outcome", outcome);
        metrics::histogram!(
            "vendor_request_seconds",
            "vendor" => self.config.vendor, "operation" => request.operation, "outcome" => outcome
        )
        .record(took);
        tracing::debug!(
            vendor = self.config.vendor,
            operation = request.operation,
            url.path = request.path,
            http.status = answer.as_ref().map_or(0, |reply| reply.status),
            outcome,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "A request to a vendor ended."
        );
        if let Ok(reply) = &answer
            && let Some(seen) = (self.config.rate_seen)(reply)
        {
            budget.observe(seen).await;
        }
        if let Ok(reply) = &answer
            && let Some(rest) = (self.config.day_spent)(reply)
        {
            budget.day_spent(rest).await;
        }
        answer
    }

    /// Waits for the budget as long as there is a chance to leave in time.
    async fn admitted(&self, budget: &dyn Budget, leave_by: Instant) -> Result<(), CallError> {
        loop {
            let Err(spent) = budget.admit().await else { return Ok(()) };
            if Instant::now() + spent.retry_after >= leave_by {
                metrics::counter!("vendor_budget_refusals_total", "vendor" => self.config.vendor)
                    .increment(1);
                return Err(spent.into());
            }
            sleep(spent.retry_after.max(Duration::from_millis(5))).await;
        }
    }

    async fn exchange(&self, request: &Request, keys: Keys<'_>) -> Result<Reply, CallError> {
        let mut url = Url::parse(&format!("{}{}", self.config.base_url, request.path))
            .map_err(|error| CallError::NotSent(error.into()))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut sending = self.http.request(request.method.clone(), url);
        for (name, value) in keys {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| CallError::NotSent(format!("the {name} header cannot carry its key").into()))?;
            value.set_sensitive(true);
            sending = sending.header(*name, value);
        }
        if let Some(json) = &request.json {
            sending = sending.header(CONTENT_TYPE, "application/json").body(json.clone());
        }
        let mut response = sending.send().await.map_err(|error| {
            let before_sending = error.is_connect() || error.is_builder();
            let source = error.without_url().into();
            if before_sending { CallError::NotSent(source) } else { CallError::Lost(source) }
        })?;
        let body = self.body(&mut response).await?;
        let headers = std::mem::take(response.headers_mut());
        Ok(Reply { status: response.status().as_u16(), body, headers })
    }

    async fn body(&self, response: &mut reqwest::Response) -> Result<Bytes, CallError> {
        let most = self.config.max_body;
        let announced =
            response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if announced > most {
            return Err(CallError::TooLarge(most));
        }
        let mut body = BytesMut::with_capacity(announced);
        while let Some(part) =
            response.chunk().await.map_err(|error| CallError::Lost(error.without_url().into()))?
        {
            if body.len() + part.len() > most {
                return Err(CallError::TooLarge(most));
            }
            body.extend_from_slice(&part);
        }
        Ok(body.freeze())
    }
}
