use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use bus::Letter;
use domain::{Phone, TenantId};
use messages::{Named as _, Unreadable, v1};
use reception::{Access, Caller, Door};
use serde_json::{Map, Value, json};
use store::ToolCallKey;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::context::Context;
use crate::run_tool::{Told, ToolError, ToolUse, run_tool};

/// How long a repeat waits for the one that is running.
const JOIN: Duration = Duration::from_secs(11);

/// Answers `tools.call`: an agent uses a tool.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let at_once = context.settings.tool_calls_at_once;
    let handler = move |letter: Letter| {
        let context = context.clone();
        let span = tracing::info_span!("tools.call", message.id = %letter.message_id);
        if let Some(traceparent) = &letter.traceparent {
            telemetry::trace::follow(&span, traceparent);
        }
        async move {
            let reply = answer(&context, &letter).await;
            Letter::new(v1::ToolReply::NAME, reply.to_bytes())
        }
        .instrument(span)
    };
    bus.serve("tools.call", at_once, handler, stop).await;
    Ok(())
}

async fn answer(context: &Context, letter: &Letter) -> v1::ToolReply {
    let question = match v1::ToolQuestion::from_bytes(&letter.body) {
        Ok(question) => question,
        Err(error) => return unreadable(&error),
    };
    let Ok(tenant) = question.tenant_id.parse::<TenantId>() else {
        return unreadable(&Unreadable::Field("tool_question.tenant_id"));
    };
    let arguments = serde_json::from_str(&question.arguments_json).unwrap_or(Value::Null);
    let used = ToolUse {
        tenant,
        practice: question.practice_id.parse().ok(),
        tool: &question.tool,
        arguments,
        key: Some(ToolCallKey {
            call_id: plain(&question.call_id),
            tool_call_id: plain(&question.tool_call_id),
        })
        .filter(|key| !key.tool_call_id.is_empty()),
        language: Some(question.language.as_str()).filter(|language| !language.is_empty()),
        actor: "voice agent",
        give_up_at: Instant::now() + JOIN,
    };
    let caller = |country: &str| Caller {
        door: Door::Voice,
        call: Some(question.call_id.clone()),
        tool_call: Some(question.tool_call_id.clone()),
        phone: Phone::read(&question.caller_phone, country).ok(),
        vouched: false,
    };
    match run_tool(context, used, caller).await {
        Ok(told) => reply(told),
        // Another delivery of this call, or this one, may have come as far as the wish before the
        // database was gone: nothing may be said that a booking would make untrue.
        Err(ToolError::Unavailable) if writes(&question.tool) => not_sure(&question.language),
        Err(error) => sorry(&error, &question.language),
    }
}

fn writes(tool: &str) -> bool {
    reception::tool(tool).is_some_and(|tool| tool.access == Access::Writes)
}

fn not_sure(language: &str) -> v1::ToolReply {
    tracing::warn!("whether a write was recorded is not known");
    let say = if language.starts_with("es") {
        "No pude comprobar si su solicitud quedó guardada. ¿Quiere que lo intente otra vez?"
    } else {
        "I couldn't make sure that your request was saved. Shall I try once more?"
    };
    v1::ToolReply {
        status: "unknown".to_owned(),
        say: say.to_owned(),
        data_json: "{}".to_owned(),
        code: "not_sure_recorded".to_owned(),
        vendor_ms: 0.0,
    }
}

/// An id as PostgreSQL takes it: no vendor's has a control character.
fn plain(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).collect()
}

fn reply(told: Told) -> v1::ToolReply {
    v1::ToolReply {
        status: told.status,
        say: told.say,
        data_json: Value::Object(told.data).to_string(),
        code: told.code,
        vendor_ms: Duration::from_millis(told.vendor_ms).as_secs_f64() * 1000.0,
    }
}

fn unreadable(error: &Unreadable) -> v1::ToolReply {
    tracing::error!(error = %error, "a tool question cannot be read");
    sorry(&ToolError::Unavailable, "")
}

/// What may be said when the tool was not used: nothing about the patient, and nothing untrue.
fn sorry(error: &ToolError, language: &str) -> v1::ToolReply {
    tracing::warn!(error = %error, "a tool was not used");
    let spanish = language.starts_with("es");
    let (code, say) = match error {
        ToolError::NoIntegration if spanish => {
            ("no_integration", "Lo siento, no puedo ver la agenda de la clínica. El personal le ayudará.")
        }
        ToolError::NoIntegration => {
            ("no_integration", "I'm sorry, I can't reach the clinic's calendar. The staff will help you.")
        }
        ToolError::KeyReused | ToolError::StillRunning | ToolError::Unavailable if spanish => {
            ("unavailable", "Lo siento, ahora mismo no puedo hacerlo. ¿Quiere que lo intente de nuevo?")
        }
        ToolError::StillRunning => ("still_running", "I'm still working on that. One moment, please."),
        ToolError::KeyReused | ToolError::Unavailable => {
            ("unavailable", "I'm sorry, I can't do that just now. Shall I try again?")
        }
    };
    let data: Map<String, Value> = Map::from_iter([("reason".to_owned(), json!(error.to_string()))]);
    v1::ToolReply {
        status: "unavailable".to_owned(),
        say: say.to_owned(),
        data_json: Value::Object(data).to_string(),
        code: code.to_owned(),
        vendor_ms: 0.0,
    }
}
