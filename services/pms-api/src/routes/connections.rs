use std::collections::{BTreeMap, HashMap};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use domain::{ConnectionId, TenantId};
use messages::v1;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use service::{ApiError, Json, Path};
use store::{Connection, NewAudit, OutgoingLetter, Practice, Setup, StoreError};

use super::account::Account;
use crate::context::Context;
use crate::setup_desk::{ask, question, refusal, standing, told};

/// Setups that a status shows.
pub(super) const MOST: i64 = 100;

/// What staff choose: a field that is left out stays as it is, and `null` takes a choice back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Choices {
    #[serde(default, deserialize_with = "given")]
    cancel_word: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    note_kind: Option<Option<String>>,
    #[serde(default)]
    payment_types: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "given")]
    default_clinician: Option<Option<String>>,
}

#[expect(clippy::option_option, reason = "left out, null and given are three things")]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Choices {
    /// As the worker is asked; the rule that a field breaks otherwise.
    fn chosen(self, id: ConnectionId) -> Result<v1::ConnectionChoices, ApiError> {
        let mut cleared = Vec::new();
        let mut text = |path: &str, most: usize, given: Option<Option<String>>| match given {
            None => Ok(String::new()),
            Some(None) => {
                cleared.push(path.to_owned());
                Ok(String::new())
            }
            Some(Some(text)) if (1..=most).contains(&text.trim().len()) => Ok(text.trim().to_owned()),
            Some(Some(_)) => Err(ApiError::invalid([(path, format!("must have 1 to {most} characters"))])),
        };
        let (cancel_word, note_kind) =
            (text("cancelWord", 80, self.cancel_word)?, text("noteKind", 80, self.note_kind)?);
        let default_clinician = text("defaultClinician", 80, self.default_clinician)?;
        let mut payment_types = HashMap::new();
        for (method, code) in self.payment_types {
            let code = text(&format!("paymentTypes.{method}"), 40, Some(code))?;
            if !code.is_empty() {
                payment_types.insert(method, code);
            }
        }
        Ok(v1::ConnectionChoices {
            connection_id: id.to_string(),
            cancel_word,
            note_kind,
            default_clinician,
            payment_types,
            cleared,
        })
    }
}

/// `GET /api/pms/connections`.
pub(crate) async fn list(context: Data<Context>, Account(owner): Account) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant_at_one_moment(owner.tenant).await?;
    let (connections, practices) = (tx.connections().await?, tx.practices().await?);
    let setups = tx.setups(MOST).await?;
    tx.commit().await?;
    let connections: Vec<Value> = connections.iter().map(|one| shown(one, &practices, &setups)).collect();
    Ok(HttpResponse::Ok().json(json!({ "connections": connections })))
}

/// `GET /api/pms/connections/{id}`.
pub(crate) async fn show(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(one(&context, owner.tenant, id).await?))
}

/// `PATCH /api/pms/connections/{id}`: the words and people that staff chose.
pub(crate) async fn change(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
    Json(choices): Json<Choices>,
) -> Result<HttpResponse, ApiError> {
    let vendor = vendor(&context, owner.tenant, id).await?;
    let choose = choices.chosen(id)?;
    let actor = owner.actor();
    let question = question(owner.tenant, &actor, v1::setup_question::Ask::Choose(choose));
    ask(&context, &vendor, &question).await?.map_err(|problem| refusal(&problem))?;
    Ok(HttpResponse::Ok().json(one(&context, owner.tenant, id).await?))
}

/// `POST /api/pms/connections/{id}/test`: tries it, and reads anew what it can do.
pub(crate) async fn test(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
) -> Result<HttpResponse, ApiError> {
    let vendor = vendor(&context, owner.tenant, id).await?;
    let test = v1::ConnectionTest { connection_id: id.to_string(), enable: false };
    let actor = owner.actor();
    let question = question(owner.tenant, &actor, v1::setup_question::Ask::Test(test));
    let problem = ask(&context, &vendor, &question).await?.err().map(|problem| {
        let why = told(if problem.code == "application_refused" { &problem.code } else { &problem.kind });
        json!({
            "kind": problem.kind, "code": Some(problem.code).filter(|code| !code.is_empty()),
            "sentence": why.sentence, "nextAction": why.next_action,
        })
    });
    let connection = one(&context, owner.tenant, id).await?;
    Ok(HttpResponse::Ok().json(json!({
        "ok": problem.is_none(), "status": connection["status"], "problem": problem, "connection": connection,
    })))
}

/// `POST /api/pms/connections/{id}/enable`: tries it, and uses it again if it works.
pub(crate) async fn enable(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
) -> Result<HttpResponse, ApiError> {
    let vendor = vendor(&context, owner.tenant, id).await?;
    let test = v1::ConnectionTest { connection_id: id.to_string(), enable: true };
    let actor = owner.actor();
    let question = question(owner.tenant, &actor, v1::setup_question::Ask::Test(test));
    let report = ask(&context, &vendor, &question).await?.map_err(|problem| refusal(&problem))?;
    let shown = one(&context, owner.tenant, id).await?;
    // Its data is on its way: it becomes active by itself.
    let status = if report.status == "pending" { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(shown))
}

/// `POST /api/pms/connections/{id}/disable`: uses it no more, until somebody enables it. Nothing of it is deleted; its
/// location is switched off at the vendor soon.
pub(crate) async fn disable(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    tx.disable_connection(id).await.map_err(no_such)?;
    note(&mut tx, &owner.actor(), "connection.disable", id).await?;
    tell(&mut tx, owner.tenant, id).await?;
    tx.commit().await?;
    context.relay.poke();
    Ok(HttpResponse::Ok().json(one(&context, owner.tenant, id).await?))
}

/// Who did what to a connection, for the record.
pub(super) async fn note(
    tx: &mut store::TenantTx,
    actor: &str,
    action: &str,
    id: ConnectionId,
) -> Result<(), StoreError> {
    tx.audit(&NewAudit {
        actor,
        action,
        patient: None,
        call_id: None,
        tool: None,
        outcome: "ok",
        ms: 0,
        detail: json!({ "connection": id.to_string() }),
    })
    .await
    .map(drop)
}

/// What every process remembers of the connection is old.
pub(super) async fn tell(
    tx: &mut store::TenantTx,
    tenant: TenantId,
    id: ConnectionId,
) -> Result<(), StoreError> {
    use messages::Named as _;
    let body = v1::ConnectionChanged { tenant_id: tenant.to_string(), connection_id: id.to_string() };
    tx.send(&OutgoingLetter::event("connection.changed", v1::ConnectionChanged::NAME, &body.to_bytes())).await
}

/// One of the tenant's connections, as it is shown.
pub(super) async fn one(context: &Context, tenant: TenantId, id: ConnectionId) -> Result<Value, ApiError> {
    let mut tx = context.store.tenant_at_one_moment(tenant).await?;
    let connection = tx.connection(id).await.map_err(no_such)?;
    let (practices, setups) = (tx.practices().await?, tx.setups(MOST).await?);
    tx.commit().await?;
    Ok(shown(&connection, &practices, &setups))
}

async fn vendor(context: &Context, tenant: TenantId, id: ConnectionId) -> Result<String, ApiError> {
    let mut tx = context.store.tenant(tenant).await?;
    let connection = tx.connection(id).await.map_err(no_such)?;
    tx.commit().await?;
    Ok(connection.vendor)
}

pub(super) fn no_such(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::not_found("there is no such connection"),
        other => ApiError::internal(other),
    }
}

/// A connection without anything secret.
pub(crate) fn shown(one: &Connection, practices: &[Practice], setups: &[Setup]) -> Value {
    let status = if one.status == "pending" { "onboarding" } else { one.status.as_str() };
    let why = standing(one, setups);
    let config = &one.config;
    let words = |may: &str, chosen: &str, choices: &str| {
        let words = &config["words"];
        json!({
            "possible": words[may].as_bool().unwrap_or(words[chosen].is_string()),
            "chosen": words[chosen], "choices": words[choices].as_array().cloned().unwrap_or_default(),
        })
    };
    let capabilities = one.capabilities.as_ref();
    let system = capabilities.and_then(|can| can["system"].as_str()).or_else(|| config["system"].as_str());
    json!({
        "connectionId": one.id.to_string(), "practiceId": one.practice.to_string(),
        "practiceName": practices.iter().find(|practice| practice.id == one.practice).map(|practice| &practice.name),
        "vendor": one.vendor, "system": system,
        "officeId": config["office_id"], "locationId": config["practice_id"], "timeZone": config["time_zone"],
        "status": status, "sentence": why.sentence, "nextAction": why.next_action,
        "features": capabilities.map_or_else(|| json!([]), |can| can["operations"].clone()),
        "words": {
            "cancel": words("may_cancel", "cancelled", "statuses"),
            "note": words("may_note", "note", "notes"),
        },
        "paymentTypes": config.get("payment_types").cloned().unwrap_or_else(|| json!({})),
        "defaultClinician": config["default_clinician"],
        "keyExpiresAt": one.token_expires_at.map(|at| at.to_string()), "lastError": one.last_error,
    })
}
