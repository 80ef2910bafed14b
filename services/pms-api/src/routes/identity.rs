//! Which tool asks callers for which proof of who they are: a tenant's choice.

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::TenantId;
use reception::{Access, IdentityRules, ProofNeeded, RulesError, tools};
use serde_json::{Map, Value, json};
use service::{ApiError, Json};
use store::{NewAudit, StoreError, TenantTx};

use super::account::Account;
use super::connections::tell;
use super::openapi::error;
use crate::context::Context;

/// `GET /api/pms/identity`: what the tenant chose, and what each tool asks for by it.
pub(crate) async fn show(context: Data<Context>, Account(owner): Account) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    let stored = tx.identity_rules().await?;
    tx.commit().await?;
    // Rules nobody can read are taken as strict, as at the desk.
    Ok(HttpResponse::Ok().json(shown(&IdentityRules::read(&stored).unwrap_or_default())))
}

/// `PUT /api/pms/identity`: takes the place of all rules there were.
pub(crate) async fn put(
    context: Data<Context>,
    Account(owner): Account,
    Json(rules): Json<IdentityRules>,
) -> Result<HttpResponse, ApiError> {
    rules.check().map_err(refused)?;
    let stored = serde_json::to_value(&rules).map_err(ApiError::internal)?;
    let actor = owner.actor();
    let mut setting = context.store.machinery().await?;
    setting.put_identity_rules(owner.tenant, &stored).await?;
    let mut tx = context.store.tenant(owner.tenant).await?;
    let record = NewAudit {
        actor: &actor,
        action: "identity_rules.set",
        patient: None,
        call_id: None,
        tool: None,
        outcome: "ok",
        ms: 0,
        detail: stored,
    };
    tx.audit(&record).await?;
    tell_all(&mut tx, owner.tenant).await?;
    // No rule is in force that is not on the record.
    tx.commit().await?;
    setting.commit().await?;
    // Whoever heard of it before it was in force has read the old rules again, and keeps them for a while.
    let told_again = async {
        let mut tx = context.store.tenant(owner.tenant).await?;
        tell_all(&mut tx, owner.tenant).await?;
        tx.commit().await
    };
    if let Err(error) = told_again.await {
        tracing::warn!(tenant.id = %owner.tenant, error = %error, "new identity rules are heard of a little later");
    }
    context.relay.poke();
    Ok(HttpResponse::Ok().json(shown(&rules)))
}

/// What every process remembers of the tenant's desks is old.
async fn tell_all(tx: &mut TenantTx, tenant: TenantId) -> Result<(), StoreError> {
    for connection in tx.connections().await? {
        tell(tx, tenant, connection.id).await?;
    }
    Ok(())
}

fn refused(error: RulesError) -> ApiError {
    match error {
        RulesError::NoSuchTool(name) => {
            ApiError::invalid([(format!("tools.{name}"), "must be a tool of `GET /api/pms/tools`")])
        }
        RulesError::NoPatient(name) => {
            ApiError::invalid([(format!("tools.{name}"), "must be a tool that is about a patient")])
        }
        RulesError::Shape(error) => ApiError::internal(error),
    }
}

fn shown(rules: &IdentityRules) -> Value {
    let needed: Vec<Value> = tools()
        .iter()
        .filter(|tool| IdentityRules::apply_to(tool))
        .map(|tool| {
            let access = if matches!(tool.access, Access::Reads) { "reads" } else { "writes" };
            json!({ "tool": tool.name, "access": access, "needed": rules.needed(tool.name) })
        })
        .collect();
    json!({ "otherwise": rules.otherwise, "tools": rules.tools, "needed": needed })
}

/// Adds the operations.
pub(super) fn describe(paths: &mut Map<String, Value>) {
    let proofs = json!([ProofNeeded::None, ProofNeeded::Phone, ProofNeeded::NameAndBirth]);
    let rules = json!({
        "otherwise": { "enum": [ProofNeeded::None, ProofNeeded::Phone, ProofNeeded::NameAndBirth, null],
            "description": "For every tool that is not named; null: a name and a date of birth where it is about money, \
                a number of the patient's otherwise." },
        "tools": { "type": "object", "additionalProperties": { "type": "string", "enum": proofs },
            "description": "By a tool's name. Only `bookAppointment` may ask for nothing: `none` is `phone` for all others." },
    });
    let asked = json!({ "type": "object", "properties": rules, "additionalProperties": false });
    let mut answer = asked.clone();
    answer["properties"]["needed"] = json!({ "type": "array", "description": "What each tool asks for by it.",
        "items": { "type": "object", "properties": {
            "tool": { "type": "string" }, "access": { "type": "string", "enum": ["reads", "writes"] },
            "needed": { "type": "string", "enum": proofs },
        } } });
    let operation = |id: &str, summary: &str| {
        json!({
            "operationId": id, "summary": summary,
            "responses": {
                "200": { "description": "The rules in force.", "content": { "application/json": { "schema": answer } } },
                "401": error("No API key, or one that is not ours."),
            },
        })
    };
    let summary =
        "Which proof of who they are callers are asked for before a tool does anything for a patient.";
    let get = operation("getIdentityRules", summary);
    let mut put = operation("putIdentityRules", "Sets that: it takes the place of all rules there were.");
    put["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": asked } } });
    put["responses"]["422"] = error("A field breaks a rule; `fields` names both.");
    paths.insert("/api/pms/identity".to_owned(), json!({ "get": get, "put": put }));
}
