//! Receivers of alerts: Slack's incoming webhook, and anybody's webhook. What arrived is shown on the admin port.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Sandbox;

/// More than any test or demo sends; the oldest go first.
const MOST: usize = 1_000;

/// Everything that arrived, and how the next answers are spoilt.
#[derive(Debug, Default)]
pub struct Hooks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    arrived: Vec<Arrived>,
    faults: HookFaults,
}

/// One request at a receiver.
#[derive(Debug, Clone, Serialize)]
struct Arrived {
    at: Timestamp,
    /// `slack` or `webhook`.
    to: &'static str,
    /// The last part of its path.
    name: String,
    headers: BTreeMap<String, String>,
    /// As it came, byte for byte: a signature is over exactly this.
    text: String,
    /// The same as JSON, where it is that.
    body: Value,
    /// How it was answered.
    status: u16,
}

/// How answers are spoilt (`PUT /admin/hooks/faults`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HookFaults {
    /// This status instead of success.
    status: Option<u16>,
    /// With that status: `Retry-After` in seconds, or for a redirect `Location`.
    retry_after: Option<u32>,
    /// Where a redirect leads to.
    location: Option<String>,
    /// Wait so long before any answer.
    slow_ms: u64,
    /// Only for so many requests; then all is well again.
    times: Option<u32>,
}

impl Hooks {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults of this request.
    fn next_faults(&self) -> HookFaults {
        let mut state = self.lock();
        let now = state.faults.clone();
        if let Some(times) = &mut state.faults.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                state.faults = HookFaults::default();
            }
        }
        now
    }

    fn keep(&self, arrived: Arrived) {
        let mut state = self.lock();
        if state.arrived.len() == MOST {
            state.arrived.remove(0);
        }
        state.arrived.push(arrived);
    }
}

/// Mounts the receivers, on the vendors' port.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/hooks/slack/{name}", web::post().to(slack))
        .route("/hooks/webhook/{name}", web::post().to(webhook));
}

/// Mounts what shows them, on the admin port.
pub(crate) fn configure_admin(cfg: &mut web::ServiceConfig) {
    cfg.route("/admin/hooks", web::get().to(show))
        .route("/admin/hooks", web::delete().to(clear))
        .route("/admin/hooks/faults", web::get().to(faults))
        .route("/admin/hooks/faults", web::put().to(set_faults));
}

async fn slack(
    request: HttpRequest,
    name: Path<String>,
    text: Bytes,
    sandbox: Data<Sandbox>,
) -> HttpResponse {
    let body: Value = serde_json::from_slice(&text).unwrap_or_default();
    // Slack wants a text, or blocks of which it makes one.
    let refusal = match &body {
        Value::Object(fields)
            if fields.get("text").and_then(Value::as_str).is_some_and(|text| !text.is_empty()) =>
        {
            None
        }
        Value::Object(_) => Some((StatusCode::BAD_REQUEST, "no_text")),
        _ => Some((StatusCode::BAD_REQUEST, "invalid_payload")),
    };
    receive("slack", &request, name.into_inner(), &text, &sandbox, refusal).await
}

async fn webhook(
    request: HttpRequest,
    name: Path<String>,
    text: Bytes,
    sandbox: Data<Sandbox>,
) -> HttpResponse {
    receive("webhook", &request, name.into_inner(), &text, &sandbox, None).await
}

async fn receive(
    to: &'static str,
    request: &HttpRequest,
    name: String,
    text: &Bytes,
    sandbox: &Sandbox,
    refusal: Option<(StatusCode, &'static str)>,
) -> HttpResponse {
    let faults = sandbox.hooks.next_faults();
    let spoilt = faults.status.and_then(|status| StatusCode::from_u16(status).ok());
    let (status, said) = match spoilt {
        Some(status) => (status, "spoilt"),
        None => refusal.unwrap_or((StatusCode::OK, "ok")),
    };
    let value = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = request.headers().iter().map(|(name, held)| (name.to_string(), value(held))).collect();
    sandbox.hooks.keep(Arrived {
        at: Timestamp::now(),
        to,
        name,
        headers,
        text: String::from_utf8_lossy(text).into_owned(),
        body: serde_json::from_slice(text).unwrap_or_default(),
        status: status.as_u16(),
    });
    tokio::time::sleep(Duration::from_millis(faults.slow_ms)).await;
    let mut answer = HttpResponse::build(status);
    if spoilt.is_some() {
        if let Some(seconds) = faults.retry_after {
            answer.insert_header(("retry-after", seconds.to_string()));
        }
        if let Some(location) = faults.location {
            answer.insert_header(("location", location));
        }
    }
    answer.body(said)
}

async fn show(sandbox: Data<Sandbox>) -> Json<Vec<Value>> {
    let state = sandbox.hooks.lock();
    Json(state.arrived.iter().map(|one| serde_json::to_value(one).unwrap_or_default()).collect())
}

async fn clear(sandbox: Data<Sandbox>) -> Json<Value> {
    sandbox.hooks.lock().arrived.clear();
    Json(Value::Object(serde_json::Map::new()))
}

async fn faults(sandbox: Data<Sandbox>) -> Json<Value> {
    Json(serde_json::to_value(sandbox.hooks.lock().faults.clone()).unwrap_or_default())
}

async fn set_faults(sandbox: Data<Sandbox>, wish: Json<HookFaults>) -> Json<Value> {
    sandbox.hooks.lock().faults = wish.into_inner();
    faults(sandbox).await
}
