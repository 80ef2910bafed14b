use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use domain::PracticeId;
use messages::v1;
use seal::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{ApiError, Json};
use store::{Connection, Setup};

use super::account::Account;
use super::connections::{MOST, one, shown};
use crate::context::Context;
use crate::setup_desk::{ask, question, refusal, standing, told};

/// Which office, and what opens it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewSetup {
    vendor: Option<String>,
    office_id: String,
    secret_key: Secret,
    location_id: Option<String>,
    practice_id: Option<PracticeId>,
}

/// `POST /api/pms/setup`: connects an office. It is tried before anything is saved.
pub(crate) async fn connect(
    context: Data<Context>,
    Account(owner): Account,
    Json(new): Json<NewSetup>,
) -> Result<HttpResponse, ApiError> {
    let vendor = new.vendor.as_deref().unwrap_or("sikka");
    if vendor != "sikka" {
        return Err(ApiError::invalid([("vendor", "must be sikka")]));
    }
    let is_id = |text: &str, least: usize| {
        (least..=40).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let location = new.location_id.as_deref().unwrap_or_default();
    if !is_id(&new.office_id, 1) {
        return Err(ApiError::invalid([("officeId", "must be the vendor's id of the office: D12345")]));
    }
    if !is_id(location, 0) {
        return Err(ApiError::invalid([("locationId", "must be the vendor's id of the location: 1")]));
    }
    if !(1..=200).contains(&new.secret_key.expose().trim().len()) {
        return Err(ApiError::invalid([("secretKey", "must have 1 to 200 characters")]));
    }
    // It travels sealed, for this tenant and this office alone.
    let identity = format!("pms.setup/{}/{}", owner.tenant, new.office_id);
    let sealed = context.keys.seal(&identity, new.secret_key.expose().trim().as_bytes())?;
    let connect = v1::OfficeConnect {
        office: new.office_id,
        location: location.to_owned(),
        sealed_secret: sealed.as_bytes().to_vec(),
        practice_id: new.practice_id.map(|id| id.to_string()).unwrap_or_default(),
    };
    let actor = owner.actor();
    let question = question(owner.tenant, &actor, v1::setup_question::Ask::Connect(connect));
    let report = ask(&context, vendor, &question).await?.map_err(|problem| refusal(&problem))?;
    let id = report.connection_id.parse().map_err(ApiError::internal)?;
    let shown = one(&context, owner.tenant, id).await?;
    let status = match (report.status.as_str(), report.is_new) {
        ("active", true) => StatusCode::CREATED,
        ("active", false) => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    Ok(HttpResponse::build(status).json(shown))
}

/// `GET /api/pms/status`: every connection, and every office on its way to one.
pub(crate) async fn status(
    context: Data<Context>,
    Account(owner): Account,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant_at_one_moment(owner.tenant).await?;
    let (connections, practices) = (tx.connections().await?, tx.practices().await?);
    let setups = tx.setups(MOST).await?;
    tx.commit().await?;
    let ready = connections.iter().any(|one| one.status == "active");
    let shown_setups: Vec<Value> = setups.iter().map(|one| setup(one, &connections, &setups)).collect();
    let connections: Vec<Value> = connections.iter().map(|one| shown(one, &practices, &setups)).collect();
    Ok(HttpResponse::Ok().json(json!({ "ready": ready, "connections": connections, "setups": shown_setups })))
}

fn setup(one: &Setup, connections: &[Connection], setups: &[Setup]) -> Value {
    let is_open = matches!(one.state.as_str(), "confirming" | "onboarding");
    let became = connections.iter().find(|other| Some(other.id) == one.connection);
    let why = match (one.state.as_str(), one.reason.as_deref(), became) {
        // What it came to says how it stands now.
        ("done", _, Some(connection)) => standing(connection, setups),
        ("done", _, None) => told("active"),
        (_, Some(reason), _) => told(reason),
        (state, None, _) => told(state),
    };
    json!({
        "id": one.id, "vendor": one.vendor, "officeId": one.office,
        "locationId": Some(&one.location).filter(|text| !text.is_empty()),
        "state": one.state, "reason": one.reason, "sentence": why.sentence, "nextAction": why.next_action,
        "connectionId": one.connection.map(|id| id.to_string()), "attempts": one.attempts,
        "nextTryAt": is_open.then(|| one.due_at.to_string()), "since": one.created_at.to_string(),
    })
}
