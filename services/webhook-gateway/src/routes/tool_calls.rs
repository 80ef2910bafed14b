use std::time::Duration;

use actix_web::HttpResponse;
use bus::{AskError, Letter};
use futures_util::future::join_all;
use messages::Named;
use messages::v1::{ToolQuestion, ToolReply};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;
use voice_vapi::answer::{self, Apology, ToolResult, apology};
use voice_vapi::{ArgumentsError, Head, Language, Message, TenantClaims, TenantRefusal};

use super::json;
use crate::context::Context;
use crate::counts;
use crate::directory::{Unresolved, Whose};

/// One tool to be run, whichever door it came through.
pub(super) struct Asked<'a> {
    pub(super) tool: &'a str,
    pub(super) arguments: Result<&'a Map<String, Value>, ArgumentsError>,
    pub(super) call_id: &'a str,
    pub(super) tool_call_id: &'a str,
    pub(super) caller_phone: String,
    pub(super) language: Option<Language>,
}

/// What the agent is told.
pub(super) struct Told {
    pub(super) line: String,
    pub(super) vendor_ms: Option<f64>,
}

/// Every call of a `tool-calls` message, at the same time, answered in their order.
pub(super) async fn many(context: &Context, message: &Message, deadline: Instant) -> HttpResponse {
    let calls = message.tool_calls();
    let whose = resolve(context, &message.claims(&calls)).await;
    let caller_phone = message.customer_number().map(domain::Sensitive::into_inner).unwrap_or_default();
    let told = join_all(calls.iter().map(|call| {
        let asked = Asked {
            tool: &call.name,
            arguments: call.arguments.as_ref().map_err(|error| *error),
            call_id: message.call_id().unwrap_or_default(),
            tool_call_id: &call.id,
            caller_phone: caller_phone.clone(),
            language: message.language(),
        };
        one(context, whose, asked, deadline)
    }))
    .await;
    let vendor_ms = told.iter().filter_map(|told| told.vendor_ms).reduce(f64::max);
    let results: Vec<ToolResult> = calls
        .into_iter()
        .zip(told)
        .map(|(call, told)| ToolResult { name: call.name, tool_call_id: call.id, result: told.line })
        .collect();
    timed(json(answer::tool_results(&results)), vendor_ms)
}

/// The one call of a legacy `function-call` message, which has no id of its own.
pub(super) async fn legacy(
    context: &Context,
    message: &Message,
    head: &Head<'_>,
    deadline: Instant,
) -> HttpResponse {
    let Some(call) = message.function_call() else {
        let line = apology(Apology::BadArguments, message.language().unwrap_or_default());
        return json(answer::function_result(&line));
    };
    let whose = resolve(context, &message.claims(&[])).await;
    let asked = Asked {
        tool: &call.name,
        arguments: call.arguments.as_ref().map_err(|error| *error),
        call_id: message.call_id().unwrap_or_default(),
        tool_call_id: &head.key.message_id().to_string(),
        caller_phone: message.customer_number().map(domain::Sensitive::into_inner).unwrap_or_default(),
        language: message.language(),
    };
    let told = one(context, whose, asked, deadline).await;
    timed(json(answer::function_result(&told.line)), told.vendor_ms)
}

/// Whose call it is, or why nobody is to be asked.
pub(super) async fn resolve(context: &Context, claims: &TenantClaims) -> Result<Whose, Apology> {
    context.directory.tenant(claims).await.map_err(|unresolved| match unresolved {
        Unresolved::Refused(refusal) => {
            counts::refused_tenant(refusal.code());
            let call_id = claims.call_id.as_deref();
            if refusal == TenantRefusal::Conflict {
                let places = claims.accounts.len();
                tracing::error!(
                    call.id = call_id,
                    places,
                    "a call is refused: its places name different accounts"
                );
            } else {
                tracing::warn!(
                    call.id = call_id,
                    reason = refusal.code(),
                    "a call is refused: it cannot be matched to a clinic"
                );
            }
            Apology::Refused(refusal)
        }
        Unresolved::Unavailable => Apology::Unavailable,
    })
}

/// Asks for one tool and never fails: what goes wrong becomes a sentence.
pub(super) async fn one(
    context: &Context,
    whose: Result<Whose, Apology>,
    asked: Asked<'_>,
    deadline: Instant,
) -> Told {
    let started = Instant::now();
    let language = asked.language.unwrap_or_default();
    let (tool, call_id, tool_call_id) = (domain::tool_name(asked.tool), asked.call_id, asked.tool_call_id);
    let outcome = match whose {
        Ok(whose) => ask(context, whose, asked, deadline).await,
        Err(why) => Err(why),
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(reply) => {
            counts::tool_call("answered");
            tracing::info!(
                call.id = call_id,
                tool.call_id = tool_call_id,
                tool.name = tool,
                duration_ms,
                status = reply.status,
                code = reply.code,
                "a tool call was answered"
            );
            Told { line: line(&reply), vendor_ms: Some(reply.vendor_ms) }
        }
        Err(why) => {
            let outcome = word(why);
            counts::tool_call(outcome);
            tracing::warn!(
                call.id = call_id,
                tool.call_id = tool_call_id,
                tool.name = tool,
                duration_ms,
                outcome,
                "a tool call was answered with an apology"
            );
            Told { line: apology(why, language), vendor_ms: None }
        }
    }
}

async fn ask(
    context: &Context,
    whose: Whose,
    asked: Asked<'_>,
    deadline: Instant,
) -> Result<ToolReply, Apology> {
    let arguments = asked.arguments.map_err(|_| Apology::BadArguments)?;
    if asked.tool.is_empty() {
        return Err(Apology::BadArguments);
    }
    let question = ToolQuestion {
        tenant_id: whose.tenant.to_string(),
        practice_id: whose.practice.map(|practice| practice.to_string()).unwrap_or_default(),
        tool: asked.tool.to_owned(),
        arguments_json: serde_json::to_string(arguments).map_err(|_| Apology::BadArguments)?,
        call_id: asked.call_id.to_owned(),
        tool_call_id: asked.tool_call_id.to_owned(),
        caller_phone: asked.caller_phone,
        language: asked.language.map(Language::code).unwrap_or_default().to_owned(),
        door: "voice".to_owned(),
    };
    let left = deadline.saturating_duration_since(Instant::now());
    // Only a question that never left is certain to have had no effect.
    if !context.bus.is_up() || left < Duration::from_millis(50) {
        return Err(Apology::Unavailable);
    }
    let letter = Letter::new(ToolQuestion::NAME, question.to_bytes())
        .tenant(whose.tenant.to_string())
        .traceparent(telemetry::trace::current_traceparent());
    match context.bus.ask(bus::topology::TOOLS_CALL, letter, left).await {
        Ok(reply) => ToolReply::from_bytes(&reply.body).map_err(|_| Apology::Unanswered),
        Err(AskError::NobodyListens) => Err(Apology::Unavailable),
        Err(AskError::Timeout | AskError::Unavailable(_)) => Err(Apology::Unanswered),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    status: &'a str,
    say: &'a str,
    #[serde(flatten)]
    data: Map<String, Value>,
}

/// `{"status","say",…}` with the reply's data beside them.
fn line(reply: &ToolReply) -> String {
    let mut data: Map<String, Value> = serde_json::from_str(&reply.data_json).unwrap_or_default();
    data.remove("status");
    data.remove("say");
    serde_json::to_string(&Line { status: &reply.status, say: &reply.say, data }).unwrap_or_default()
}

const fn word(why: Apology) -> &'static str {
    match why {
        Apology::Unavailable => "unavailable",
        Apology::Unanswered => "unanswered",
        Apology::Refused(refusal) => refusal.code(),
        Apology::BadArguments => "bad_arguments",
    }
}

/// Tells how much of the time the practice's own system took.
pub(super) fn timed(mut response: HttpResponse, vendor_ms: Option<f64>) -> HttpResponse {
    use actix_web::http::header::{HeaderName, HeaderValue};
    let Some(ms) = vendor_ms else { return response };
    if let Ok(value) = HeaderValue::from_str(&format!("vendor;dur={ms:.1}")) {
        response.headers_mut().insert(HeaderName::from_static("server-timing"), value);
    }
    response
}
