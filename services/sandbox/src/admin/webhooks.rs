//! `/admin/sikka/webhooks`, and what makes an office tell something: a purchase, a cancellation, a change.

use actix_web::web::{self, Bytes, Data, Json, Path};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Refusal;
use crate::Sandbox;
use crate::sikka::faults::count_off;
use crate::sikka::webhooks::{Kind, Settings, View, change_notice, install_notice};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/admin/sikka/webhooks", web::get().to(show))
        .route("/admin/sikka/webhooks", web::put().to(set))
        .route("/admin/sikka/offices/{office}/purchase", web::post().to(purchase))
        .route("/admin/sikka/offices/{office}/cancel", web::post().to(cancel))
        .route("/admin/sikka/offices/{office}/webhook", web::post().to(tell));
}

/// `POST …/purchase`: a clinic buys the application. Times are simulated seconds.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Purchase {
    /// Until `authorized_practices` lists it.
    lag_seconds: i64,
    /// From then until its data is there.
    load_seconds: i64,
    /// How often the notice is sent, at once.
    copies: u32,
}

impl Default for Purchase {
    fn default() -> Self {
        Self { lag_seconds: 60, load_seconds: 14_400, copies: 1 }
    }
}

/// `POST …/cancel`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cancel {
    copies: u32,
}

impl Default for Cancel {
    fn default() -> Self {
        Self { copies: 1 }
    }
}

/// `POST …/webhook`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tell {
    /// `Data_Refresh`, `patient`, `transaction` or `appointments`.
    event: String,
    copies: u32,
}

impl Default for Tell {
    fn default() -> Self {
        Self { event: "Data_Refresh".to_owned(), copies: 1 }
    }
}

/// What was sent.
#[derive(Debug, Serialize)]
struct Sent {
    /// False: nobody said where to, it was lost on purpose, or the webhook is silent.
    sent: bool,
    body: Value,
}

/// A body that may be left out.
fn read<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, Refusal> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Refusal::Invalid(error.to_string()))
}

async fn show(sandbox: Data<Sandbox>) -> Json<View> {
    Json(sandbox.sikka.lock().webhooks.view())
}

async fn set(sandbox: Data<Sandbox>, body: Json<Settings>) -> Json<View> {
    let mut state = sandbox.sikka.lock();
    state.webhooks.set(body.into_inner());
    Json(state.webhooks.view())
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(Timestamp::MAX)
}

async fn purchase(sandbox: Data<Sandbox>, path: Path<String>, body: Bytes) -> Result<Json<Sent>, Refusal> {
    let asked: Purchase = read(&body)?;
    let now = sandbox.clock.now();
    let mut state = sandbox.sikka.lock();
    state.catch_up(now);
    let office = state.offices.get_mut(&*path).ok_or_else(|| Refusal::NoOffice(path.clone()))?;
    office.buy(now, after(now, asked.lag_seconds), after(now, asked.lag_seconds + asked.load_seconds));
    let body = install_notice(office, now, false);
    let sent = state.webhooks.send(Kind::Install, &path, "purchase", &body, asked.copies);
    Ok(Json(Sent { sent, body }))
}

async fn cancel(sandbox: Data<Sandbox>, path: Path<String>, body: Bytes) -> Result<Json<Sent>, Refusal> {
    let asked: Cancel = read(&body)?;
    let now = sandbox.clock.now();
    let mut state = sandbox.sikka.lock();
    state.catch_up(now);
    let office = state.offices.get_mut(&*path).ok_or_else(|| Refusal::NoOffice(path.clone()))?;
    office.cancel();
    let body = install_notice(office, now, true);
    let sent = state.webhooks.send(Kind::Install, &path, "cancel", &body, asked.copies);
    Ok(Json(Sent { sent, body }))
}

async fn tell(sandbox: Data<Sandbox>, path: Path<String>, body: Bytes) -> Result<Json<Sent>, Refusal> {
    let asked: Tell = read(&body)?;
    if !["Data_Refresh", "patient", "transaction", "appointments"].contains(&asked.event.as_str()) {
        return Err(Refusal::Invalid("event: Data_Refresh, patient, transaction or appointments".to_owned()));
    }
    let now = sandbox.clock.now();
    let mut state = sandbox.sikka.lock();
    state.catch_up(now);
    let office = state.offices.get_mut(&*path).ok_or_else(|| Refusal::NoOffice(path.clone()))?;
    let body = change_notice(office, &asked.event, now);
    office.told_at = Some(now);
    let lost = count_off(&mut state.faults.lose_webhooks);
    let sent = !lost && state.webhooks.send(Kind::Change, &path, &asked.event, &body, asked.copies);
    Ok(Json(Sent { sent, body }))
}
