//! `/admin/sikka/faults`.

use actix_web::web::{Data, Json};
use serde_json::Value;

use super::Refusal;
use crate::Sandbox;
use crate::sikka::faults::Faults;

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
    body: Json<serde_json::Map<String, Value>>,
) -> Result<Json<Faults>, Refusal> {
    let invalid = |error: serde_json::Error| Refusal::Invalid(error.to_string());
    let mut state = sandbox.sikka.lock();
    let mut merged = serde_json::to_value(&state.faults).map_err(invalid)?;
    if let Value::Object(fields) = &mut merged {
        fields.extend(body.into_inner());
    }
    let faults: Faults = serde_json::from_value(merged).map_err(invalid)?;
    state.faults = faults.clone();
    Ok(Json(faults))
}
