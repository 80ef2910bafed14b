//! `POST /api/pms/payments/taken`: what the tenant's payment service has taken. Whoever is on the phone may have only
//! such a payment put on an account.

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::card_number;
use domain::{Currency, PaymentMethod};
use reception::is_payment_reference;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{ApiError, Code, Json};
use store::{Announced, NewAudit, PaymentTaken};

use super::account::Account;
use super::openapi::error;
use crate::context::Context;

/// The most that is taken at once, in cents: as much as `processPayment` takes.
const MOST: i64 = 10_000_000;

/// A payment that was taken.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Taken {
    reference: String,
    amount: i64,
    currency: String,
    method: Option<String>,
    patient_id: Option<String>,
}

/// Tells of a payment. The same once more is answered as before; another one under its reference is refused.
pub(crate) async fn announce(
    context: Data<Context>,
    Account(caller): Account,
    Json(taken): Json<Taken>,
) -> Result<HttpResponse, ApiError> {
    check(&taken)?;
    let payment = PaymentTaken {
        reference: &taken.reference,
        minor: taken.amount,
        currency: &taken.currency,
        method: taken.method.as_deref(),
        patient: taken.patient_id.as_deref(),
    };
    let actor = caller.actor();
    let mut tx = context.store.tenant(caller.tenant).await?;
    let announced = tx.announce_payment(&payment, &actor).await?;
    tx.audit(&NewAudit {
        actor: &actor,
        action: "payment.announce",
        patient: payment.patient,
        call_id: None,
        tool: None,
        outcome: if announced == Announced::Different { "refused" } else { "ok" },
        ms: 0,
        detail: json!({ "repeat": announced == Announced::Before }),
    })
    .await?;
    tx.commit().await?;
    let body = json!({
        "reference": taken.reference, "amount": taken.amount, "currency": taken.currency,
        "method": taken.method, "patientId": taken.patient_id,
    });
    match announced {
        Announced::New => Ok(HttpResponse::Created().json(body)),
        Announced::Before => Ok(HttpResponse::Ok().json(body)),
        Announced::Different => {
            Err(ApiError::new(Code::Conflict, "another payment was announced under this reference"))
        }
    }
}

fn check(taken: &Taken) -> Result<(), ApiError> {
    let texts = [
        ("reference", Some(&taken.reference)),
        ("currency", Some(&taken.currency)),
        ("method", taken.method.as_ref()),
        ("patientId", taken.patient_id.as_ref()),
    ];
    for (field, text) in texts {
        if text.is_some_and(|text| card_number::looks_like_one(text)) {
            return Err(ApiError::invalid([(field, "must not hold anything that looks like a card number")]));
        }
    }
    let mut broken = Vec::new();
    if !is_payment_reference(&taken.reference) {
        broken.push(("reference", "must be 4 to 64 letters, digits, points, hyphens and underscores"));
    }
    if !(1..=MOST).contains(&taken.amount) {
        broken.push(("amount", "must be a whole number of cents from 1 to 10000000"));
    }
    if taken.currency.parse::<Currency>().map(Currency::code) != Ok(taken.currency.as_str()) {
        broken.push(("currency", "must be AUD, CAD, NZD or USD"));
    }
    if taken.method.as_deref().is_some_and(|word| PaymentMethod::from_word(word).is_none()) {
        broken.push(("method", "must be one of card, cash, cheque, transfer"));
    }
    let is_id = |id: &str| (1..=80).contains(&id.chars().count()) && !id.chars().any(char::is_control);
    if taken.patient_id.as_deref().is_some_and(|id| !is_id(id)) {
        broken.push(("patientId", "must have 1 to 80 characters"));
    }
    if broken.is_empty() { Ok(()) } else { Err(ApiError::invalid(broken)) }
}

/// Adds it to the OpenAPI document.
pub(super) fn describe(paths: &mut Map<String, Value>) {
    let body = json!({
        "type": "object", "required": ["reference", "amount", "currency"], "additionalProperties": false,
        "properties": {
            "reference": { "type": "string", "minLength": 4, "maxLength": 64, "pattern": "^[A-Za-z0-9._-]+$",
                "description": "What the payment service calls the payment. Never a card number." },
            "amount": { "type": "integer", "minimum": 1, "maximum": MOST, "description": "In cents." },
            "currency": { "type": "string", "enum": ["AUD", "CAD", "NZD", "USD"] },
            "method": { "type": "string", "enum": PaymentMethod::ALL.map(PaymentMethod::word) },
            "patientId": { "type": "string", "minLength": 1, "maxLength": 80,
                "description": "Whose account it is for, where that is known: it is then put on no other." },
        },
    });
    let done = |description: &str| json!({ "description": description, "content": { "application/json": { "schema": { "type": "object" } } } });
    let entry = paths.entry("/api/pms/payments/taken").or_insert_with(|| json!({}));
    entry["post"] = json!({
        "operationId": "announcePayment",
        "summary": "The payment service has taken a payment. On a call, `processPayment` puts only a payment on an \
                    account that was announced here, with the same reference, amount and currency. Kept for 90 days.",
        "requestBody": { "required": true, "content": { "application/json": { "schema": body } } },
        "responses": {
            "200": done("The same was announced before."),
            "201": done("It is known from now on."),
            "401": error("No API key, or one that is not ours."),
            "409": error("Another payment was announced under this reference."),
            "422": error("A field breaks a rule; `fields` names both."),
            "503": error("Not now; see `Retry-After`."),
        },
    });
}
