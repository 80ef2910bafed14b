use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::auth::{Auth, AuthFault, Signable};
use super::conversation::PRESIGNED;
use super::options::{BackoffPlan, Options};
use super::rules::{Outcome, Reply};

/// The gateway as Vapi sees it: an address, a credential and a plan for failures.
#[derive(Debug)]
pub(super) struct Gateway {
    client: reqwest::Client,
    base: String,
    auth: Auth,
    options: Arc<Options>,
}

/// One message on its way out.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) kind: String,
    /// Path below the gateway's address.
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) limit: Duration,
}

/// One request and how it ended.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    pub(super) copy: u16,
    pub(super) attempt: u16,
    pub(super) sent_at: Instant,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
    /// The answer counts as lost on the way, by the script's wish.
    pub(super) lost: bool,
    /// Another attempt follows.
    pub(super) retried: bool,
}

impl Gateway {
    pub(super) fn new(client: reqwest::Client, base: &str, auth: Auth, options: Arc<Options>) -> Self {
        Self { client, base: base.trim_end_matches('/').to_owned(), auth, options }
    }

    /// Sends a message as often as the options say, and tells about every request.
    pub(super) async fn send(&self, outgoing: &Outgoing) -> Vec<Delivered> {
        let delivery = &self.options.delivery;
        let copies = 1 + if delivery.concerns(&outgoing.kind) { delivery.extra_copies } else { 0 };
        let all = (1..=copies).map(|copy| self.send_copy(outgoing, copy));
        if delivery.at_once {
            return join_all(all).await.into_iter().flatten().collect();
        }
        let mut delivered = Vec::new();
        for copy in all {
            delivered.extend(copy.await);
        }
        delivered
    }

    async fn send_copy(&self, outgoing: &Outgoing, copy: u16) -> Vec<Delivered> {
        let delivery = &self.options.delivery;
        let lose = if delivery.concerns(&outgoing.kind) { delivery.lose_answers } else { 0 };
        let message_id = format!("msg_{}", Uuid::new_v4().simple());
        let mut delivered = Vec::new();
        for attempt in 1.. {
            let (sent_at, outcome) = (Instant::now(), self.request(outgoing, &message_id).await);
            let lost = attempt <= lose;
            let planned = delivery.backoff.as_ref().is_some_and(|plan| retries(plan, attempt, &outcome));
            let retried = lost || planned;
            delivered.push(Delivered {
                copy,
                attempt,
                sent_at,
                took: sent_at.elapsed(),
                outcome,
                lost,
                retried,
            });
            if !retried {
                break;
            }
            let wait = delivery.backoff.as_ref().map_or(Duration::ZERO, |plan| plan.delay(attempt));
            tokio::time::sleep(wait).await;
        }
        delivered
    }

    async fn request(&self, outgoing: &Outgoing, message_id: &str) -> Outcome {
        let url = format!("{}{}", self.base, outgoing.path);
        let fresh = Uuid::new_v4().simple().to_string();
        let mut body = outgoing.body.to_string().replace(PRESIGNED, &fresh).into_bytes();
        let fault = self.options.auth_fault;
        let signable = Signable { url: &url, message_id, body: &body, now: Timestamp::now() };
        let headers = self.auth.headers(fault, signable);
        if fault == AuthFault::BodyAltered {
            body.push(b' ');
        }
        let mut request = self
            .client
            .post(&url)
            .header("content-type", "application/json")
            .timeout(outgoing.limit)
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match answer(request).await {
            Ok(reply) => Outcome::Answered(reply),
            Err(error) if error.is_timeout() => {
                Outcome::TimedOut { limit_seconds: outgoing.limit.as_secs_f64() }
            }
            Err(error) => Outcome::Unreachable { reason: reason(&error) },
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    Ok(Reply { status, content_type, body: response.bytes().await?.to_vec() })
}

/// The innermost cause: the outer ones only repeat the address.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// With a plan every answer but 2xx is retried, and so is none at all.
fn retries(plan: &BackoffPlan, attempt: u16, outcome: &Outcome) -> bool {
    attempt <= plan.max_retries.min(10)
        && outcome.status().is_none_or(|status| {
            !(200..300).contains(&status) && !plan.excluded_status_codes.contains(&status)
        })
}
