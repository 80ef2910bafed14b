use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use bus::Bus;
use jiff::Timestamp;
use serde::Deserialize;
use service::{ApiError, Path};
use tokio::time::Instant;
use uuid::Uuid;
use voice_vapi::{Head, TenantClaims, bare_arguments};

use super::tool_calls::{Asked, one, resolve, timed};
use super::{admit, json, webhook};
use crate::context::Context;

#[derive(Deserialize)]
struct Account {
    account: Option<String>,
}

/// A tool with a URL of its own: an ordinary message, or the bare arguments of an `apiRequest` tool.
pub(super) async fn post(
    request: HttpRequest,
    tool: Path<String>,
    body: Bytes,
    context: Data<Context>,
    bus: Data<Bus>,
) -> Result<HttpResponse, ApiError> {
    let now = Timestamp::now();
    let verified = admit(&context, &request, &body, now)?;
    if let Ok(head) = Head::read(&verified) {
        return webhook::handle(&context, &bus, &verified, &head, &body, now).await;
    }
    let deadline = Instant::now() + context.tool_budget;
    let account = Query::<Account>::from_query(request.query_string())
        .ok()
        .and_then(|query| query.into_inner().account);
    let whose = resolve(&context, &TenantClaims::of_url(account.as_deref())).await;
    let arguments = bare_arguments(&verified);
    // Nothing in such a request names the call or tells a repeat from a second wish.
    let fresh = Uuid::now_v7().to_string();
    let asked = Asked {
        tool: &tool.0,
        arguments: arguments.as_ref().map_err(|error| *error),
        // One name for all of them would make one caller of everybody: what one has shown, all would have.
        call_id: "",
        tool_call_id: &fresh,
        caller_phone: String::new(),
        language: None,
    };
    let told = Box::pin(one(&context, whose, asked, deadline)).await;
    Ok(timed(json(told.line), told.vendor_ms))
}
