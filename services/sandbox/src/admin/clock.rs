//! `/admin/clock`.

use actix_web::web::{Data, Json};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Refusal;
use crate::Sandbox;
use crate::clock::Reading;

/// `POST /admin/clock/advance`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    seconds: f64,
}

/// `PUT /admin/clock`: either or both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    now: Option<Timestamp>,
    frozen: Option<bool>,
}

pub(super) async fn read(sandbox: Data<Sandbox>) -> Json<Reading> {
    Json(sandbox.clock.reading())
}

pub(super) async fn set(sandbox: Data<Sandbox>, body: Json<Set>) -> Json<Reading> {
    if let Some(frozen) = body.frozen {
        sandbox.clock.freeze(frozen);
    }
    if let Some(now) = body.now {
        sandbox.clock.set(now);
    }
    sandbox.catch_up();
    Json(sandbox.clock.reading())
}

pub(super) async fn advance(sandbox: Data<Sandbox>, body: Json<Advance>) -> Result<Json<Reading>, Refusal> {
    let by = SignedDuration::try_from_secs_f64(body.seconds).ok().filter(|by| !by.is_negative());
    let by = by.ok_or_else(|| Refusal::Invalid("seconds: how far to move forward".to_owned()))?;
    sandbox.clock.advance(by);
    sandbox.catch_up();
    Ok(Json(sandbox.clock.reading()))
}
