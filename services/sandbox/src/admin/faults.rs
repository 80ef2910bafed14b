//! `/admin/sikka/faults` and `/admin/sikka/quirks`.

use actix_web::web::{Data, Json};
use serde_json::{Map, Value};

use super::Refusal;
use crate::Sandbox;
use crate::sikka::faults::Faults;
use crate::sikka::quirks::{QUIRKS, Quirk, every_dial};

pub(super) async fn read(sandbox: Data<Sandbox>) -> Json<Faults> {
    Json(sandbox.sikka.lock().faults.clone())
}

pub(super) async fn replace(sandbox: Data<Sandbox>, body: Json<Faults>) -> Json<Faults> {
    let faults = body.into_inner();
    sandbox.sikka.lock().faults = faults.clone();
    Json(faults)
}

/// Changes the dials the body names and leaves the others where they are.
pub(super) async fn change(
    sandbox: Data<Sandbox>,
    body: Json<Map<String, Value>>,
) -> Result<Json<Faults>, Refusal> {
    merge(&sandbox, body.into_inner())
}

/// The vendor's quirks, and what switches each of them on.
pub(super) async fn quirks() -> Json<&'static [Quirk]> {
    Json(QUIRKS)
}

/// Turns every quirk on that may stay on.
pub(super) async fn every_quirk(sandbox: Data<Sandbox>) -> Result<Json<Faults>, Refusal> {
    merge(&sandbox, every_dial())
}

fn merge(sandbox: &Sandbox, dials: Map<String, Value>) -> Result<Json<Faults>, Refusal> {
    let invalid = |error: serde_json::Error| Refusal::Invalid(error.to_string());
    let mut state = sandbox.sikka.lock();
    let mut merged = serde_json::to_value(&state.faults).map_err(invalid)?;
    if let Value::Object(fields) = &mut merged {
        fields.extend(dials);
    }
    let faults: Faults = serde_json::from_value(merged).map_err(invalid)?;
    state.faults = faults.clone();
    Ok(Json(faults))
}
