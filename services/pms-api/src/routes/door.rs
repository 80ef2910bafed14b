use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::PracticeId;
use reception::{Caller, Door};
use serde_json::{Map, Value, json};
use service::{ApiError, Code};
use store::ToolCallKey;
use tokio::time::Instant;

use super::account::Account;
use crate::context::Context;
use crate::run_tool::{Told, ToolError, ToolUse, is_passing, run_tool};

/// How long a repeat waits for the one that is running.
const JOIN: Duration = Duration::from_secs(20);

/// Runs a tool for a REST client: the same use case as the voice agent's, with the client's own proof
/// of who asks.
pub(crate) async fn through_rest(
    context: &Data<Context>,
    account: Account,
    request: &HttpRequest,
    tool: &str,
    mut arguments: Map<String, Value>,
) -> Result<HttpResponse, ApiError> {
    let practice = match arguments.remove("practiceId") {
        None => None,
        Some(given) => Some(practice_id(&given)?),
    };
    let actor = account.0.actor();
    let used = ToolUse {
        tenant: account.0.tenant,
        practice,
        tool,
        arguments: Value::Object(arguments),
        key: idempotency_key(account, request)?,
        language: language(request),
        actor: &actor,
        give_up_at: Instant::now() + JOIN,
    };
    let caller =
        |_: &str| Caller { door: Door::Rest, call: None, tool_call: None, phone: None, vouched: true };
    let told = run_tool(context, used, caller).await.map_err(|error| refusal(&error))?;
    answer(told)
}

fn practice_id(given: &Value) -> Result<PracticeId, ApiError> {
    given
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ApiError::invalid([("practiceId", "must be an id of the form `prac_…`")]))
}

fn idempotency_key(account: Account, request: &HttpRequest) -> Result<Option<ToolCallKey>, ApiError> {
    let Some(given) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = given.to_str().ok().filter(|key| (1..=200).contains(&key.len())).ok_or_else(|| {
        ApiError::invalid([("Idempotency-Key", "must have 1 to 200 printable ASCII characters")])
    })?;
    Ok(Some(ToolCallKey { call_id: format!("rest:{}", account.0.key), tool_call_id: key.to_owned() }))
}

fn language(request: &HttpRequest) -> Option<&str> {
    request.headers().get("accept-language").and_then(|value| value.to_str().ok())
}

fn refusal(error: &ToolError) -> ApiError {
    match error {
        ToolError::NoIntegration => ApiError::new(Code::NotFound, "no PMS integration found"),
        ToolError::PracticeUnclear => {
            ApiError::invalid([("practiceId", "is required: you have several locations")])
        }
        ToolError::KeyReused => {
            ApiError::new(Code::Conflict, "this Idempotency-Key was used for a different request")
        }
        ToolError::StillRunning => {
            ApiError::new(Code::Conflict, "a request with this Idempotency-Key is still running")
        }
        ToolError::Unavailable => ApiError::unavailable(Duration::from_secs(5)),
    }
}

fn answer(told: Told) -> Result<HttpResponse, ApiError> {
    if let Some(field) = told.field {
        return Err(ApiError::invalid([field]));
    }
    if is_passing(&told.code) {
        return Err(ApiError::unavailable(Duration::from_secs(5)));
    }
    let status = match told.status.as_str() {
        "accepted" | "unknown" => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    let mut body = told.data;
    body.insert("status".to_owned(), json!(told.status));
    body.insert("code".to_owned(), json!(told.code));
    body.insert("say".to_owned(), json!(told.say));
    let mut response = HttpResponse::build(status);
    if told.repeated {
        response.insert_header(("idempotent-replayed", "true"));
    }
    Ok(response.json(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_only_what_is_over_is_answered_with_200() {
        for (status, code, http) in [
            ("confirmed", "booked", 200),
            ("needs_staff", "cannot_here", 200),
            ("refused", "slot_taken", 200),
            ("accepted", "booking_on_its_way", 202),
            ("unknown", "booking_not_known_yet", 202),
            ("unknown", "records_unreachable", 503),
            ("unknown", "not_sure_recorded", 503),
        ] {
            let told = Told {
                status: status.to_owned(),
                say: String::new(),
                code: code.to_owned(),
                data: Map::new(),
                field: None,
                patients: None,
                vendor_ms: 0,
                repeated: false,
            };
            let answered = answer(told).map_or(503, |response| response.status().as_u16());
            assert_eq!(answered, http, "{code}");
        }
    }
}
