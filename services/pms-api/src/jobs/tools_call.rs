use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use bus::{Letter, topology};
use domain::{Phone, TenantId};
use messages::{Named as _, Unreadable, v1};
use reception::{Access, Caller, Door, Language};
use serde_json::{Map, Value, json};
use store::{StoreError, ToolCallKey};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::context::Context;
use crate::for_staff::leave_task_unconnected;
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
    bus.serve(topology::TOOLS_CALL, at_once, handler, stop).await;
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
    let Some(door) = Door::of_agent(&question.door) else {
        return unreadable(&Unreadable::Field("tool_question.door"));
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
        actor: if door == Door::Chat { "chat agent" } else { "voice agent" },
        give_up_at: Instant::now() + JOIN,
    };
    let caller = |country: &str| Caller {
        door,
        // A tool that is called outside of any call has none.
        call: Some(question.call_id.clone()).filter(|call| !call.trim().is_empty()),
        tool_call: Some(question.tool_call_id.clone()),
        phone: Phone::read(&question.caller_phone, country).ok(),
        vouched: false,
    };
    match run_tool(context, used, caller).await {
        Ok(told) => reply(told),
        Err(error) => {
            let language = language(context, tenant, &question, &error).await;
            let reply = not_used(&error, &question.tool, language);
            if matches!(error, ToolError::NoIntegration | ToolError::PracticeUnclear) {
                staff_will_help(context, tenant, &question, &reply.code).await;
            }
            reply
        }
    }
}

/// Leaves the front desk a task, because the caller is told that they will help.
async fn staff_will_help(context: &Context, tenant: TenantId, question: &v1::ToolQuestion, code: &str) {
    let arguments = serde_json::from_str(&question.arguments_json).unwrap_or(Value::Null);
    // Of which country the clinic is, nobody knows here; a carrier gives its number with one.
    let phone = Phone::read(&question.caller_phone, "US").ok();
    let wanted = reception::wish(&question.tool, &arguments, phone.as_ref());
    let key = ToolCallKey { call_id: plain(&question.call_id), tool_call_id: plain(&question.tool_call_id) };
    let left = async {
        let mut tx = context.store.tenant(tenant).await?;
        leave_task_unconnected(&mut tx, &question.tool, &key, code, &wanted).await?;
        tx.commit().await
    };
    if let Err(error) = left.await {
        tracing::error!(tenant.id = %tenant, error = %error, "a task for the front desk could not be left");
    }
}

fn not_used(error: &ToolError, tool: &str, language: Language) -> v1::ToolReply {
    match error {
        // Another delivery of this call, or this one, may have come as far as the wish before the
        // database was gone: nothing may be said that a booking would make untrue.
        ToolError::Unavailable if writes(tool) => not_sure(language),
        _ => sorry(error, language),
    }
}

fn writes(tool: &str) -> bool {
    reception::tool(tool).is_some_and(|tool| tool.access == Access::Writes)
}

fn not_sure(language: Language) -> v1::ToolReply {
    tracing::warn!("whether a write was recorded is not known");
    let say = match language {
        Language::English => "I couldn't make sure that your request was saved. Shall I try once more?",
        Language::Spanish => {
            "No pude comprobar si su solicitud quedó guardada. ¿Quiere que lo intente otra vez?"
        }
        Language::French => {
            "Je n'ai pas pu vérifier que votre demande a bien été enregistrée. Voulez-vous que je réessaie ?"
        }
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

/// The tenant's own language is not known where its rows could not be read: English is understood most widely.
fn spoken(language: &str) -> Language {
    Language::read(language).unwrap_or_default()
}

/// The call's language, or the tenant's own.
async fn language(
    context: &Context,
    tenant: TenantId,
    question: &v1::ToolQuestion,
    error: &ToolError,
) -> Language {
    if Language::read(&question.language).is_some() || matches!(error, ToolError::Unavailable) {
        return spoken(&question.language);
    }
    let own = async {
        let mut tx = context.store.tenant(tenant).await?;
        let language = tx.tenant_row().await?.language;
        tx.commit().await?;
        Ok::<_, StoreError>(language)
    };
    own.await.map(|own| spoken(&own)).unwrap_or_default()
}

/// A sentence in every language, in the order of [`Language::ALL`].
type Sentence = [&'static str; 3];

const NO_INTEGRATION: Sentence = [
    "I'm sorry, I can't reach the clinic's calendar. The staff will help you.",
    "Lo siento, no puedo ver la agenda de la clínica. El personal le ayudará.",
    "Désolé, je n'ai pas accès à l'agenda de la clinique. Le personnel va vous aider.",
];
const STILL_RUNNING: Sentence = [
    "I'm still working on that. One moment, please.",
    "Todavía estoy en ello. Un momento, por favor.",
    "J'y travaille encore. Un instant, s'il vous plaît.",
];
const UNAVAILABLE: Sentence = [
    "I'm sorry, I can't do that just now. Shall I try again?",
    "Lo siento, ahora mismo no puedo hacerlo. ¿Quiere que lo intente de nuevo?",
    "Désolé, je ne peux pas le faire en ce moment. Voulez-vous que je réessaie ?",
];

fn unreadable(error: &Unreadable) -> v1::ToolReply {
    tracing::error!(error = %error, "a tool question cannot be read");
    sorry(&ToolError::Unavailable, Language::English)
}

/// What may be said when the tool was not used: nothing about the patient, and nothing untrue.
fn sorry(error: &ToolError, language: Language) -> v1::ToolReply {
    tracing::warn!(error = %error, "a tool was not used");
    let (code, [english, spanish, french]) = match error {
        ToolError::NoIntegration => ("no_integration", NO_INTEGRATION),
        ToolError::PracticeUnclear => ("practice_unclear", NO_INTEGRATION),
        ToolError::StillRunning => ("still_running", STILL_RUNNING),
        ToolError::KeyReused | ToolError::Unavailable => ("unavailable", UNAVAILABLE),
    };
    let say = match language {
        Language::English => english,
        Language::Spanish => spanish,
        Language::French => french,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p5_a_tool_that_was_not_used_has_a_sentence_in_every_language_that_claims_nothing() {
        let errors =
            [ToolError::NoIntegration, ToolError::Unavailable, ToolError::KeyReused, ToolError::StillRunning];
        let mut said = std::collections::BTreeSet::new();
        for language in ["en", "es-MX", "fr-CA"] {
            for reply in
                errors.iter().map(|error| sorry(error, spoken(language))).chain([not_sure(spoken(language))])
            {
                assert!(reply.say.ends_with(['.', '?']) && reply.say.len() > 20, "{}", reply.say);
                for claim in ["booked", "reservad", "réservé", "confirm"] {
                    assert!(!reply.say.to_lowercase().contains(claim), "{}", reply.say);
                }
                said.insert(reply.say);
            }
        }
        for (tool, error, code) in [
            ("bookAppointment", ToolError::Unavailable, "not_sure_recorded"),
            ("bookAppointment", ToolError::StillRunning, "still_running"),
            ("getPatientInfo", ToolError::Unavailable, "unavailable"),
        ] {
            assert_eq!(not_used(&error, tool, Language::English).code, code, "{tool}");
        }
        assert_eq!(said.len(), 3 * 4, "each sentence is said in its own language");
        assert_eq!(sorry(&ToolError::Unavailable, spoken("de")).say, UNAVAILABLE[0]);
    }
}
