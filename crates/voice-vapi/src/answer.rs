//! The bodies Vapi takes. Always with HTTP 200: a body with another status may be thrown away.

use std::fmt;

use domain::TenantId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Language, TenantRefusal};

/// The longest `result` sent. Vapi warns about large ones without saying how large; the model reads it all.
pub const MOST_BYTES: usize = 4096;

/// The answer to one tool call.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The tool's name.
    pub name: String,
    /// The call's id, to the letter.
    pub tool_call_id: String,
    /// What the tool says. Made a single line of at most [`MOST_BYTES`] when rendered.
    pub result: String,
}

// What is said may name a patient.
impl fmt::Debug for ToolResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolResult").field("tool_call_id", &self.tool_call_id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultOut<'a> {
    name: &'a str,
    tool_call_id: &'a str,
    result: String,
}

/// `{"results":[…]}`, in the order given.
#[must_use]
pub fn tool_results(results: &[ToolResult]) -> String {
    let results: Vec<_> = results
        .iter()
        .map(|result| ResultOut {
            name: &result.name,
            tool_call_id: &result.tool_call_id,
            result: fit(&result.result),
        })
        .collect();
    json!({ "results": results }).to_string()
}

/// `{"result":"…"}`, the answer to a legacy function call.
#[must_use]
pub fn function_result(result: &str) -> String {
    json!({ "result": fit(result) }).to_string()
}

/// The assistant that takes the call. Its metadata and variables carry the tenant, so that the call's
/// later messages do, in whichever of the two places Vapi keeps.
#[must_use]
pub fn assistant(assistant_id: &str, tenant: TenantId) -> String {
    let account = tenant.to_string();
    json!({
        "assistantId": assistant_id,
        "assistantOverrides": {
            "metadata": { "accountId": account },
            "variableValues": { "accountId": account },
        },
    })
    .to_string()
}

/// `{"error":"…"}`: spoken to the caller on an assistant request, a refusal on a transfer or handoff.
#[must_use]
pub fn error(sentence: &str) -> String {
    json!({ "error": fit(sentence) }).to_string()
}

/// No document of ours: the model goes on with what it has.
pub const NO_DOCUMENTS: &str = r#"{"documents":[]}"#;
/// A pause that neither interrupts nor drags.
pub const ENDPOINTING: &str = r#"{"timeoutSeconds":0.5}"#;
/// Anything but a clear yes means: do not dial.
pub const NOT_ELIGIBLE: &str = r#"{"eligible":false}"#;
/// Received.
pub const RECEIVED: &str = "{}";

/// Why a tool has no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apology {
    /// Nobody was asked this time. An earlier delivery of the same call may have been: what happened to it
    /// is not said.
    Unavailable,
    /// Somebody was asked and did not answer in time: nothing is known.
    Unanswered,
    /// The call cannot be matched to a clinic.
    Refused(TenantRefusal),
    /// The arguments cannot be read.
    BadArguments,
}

/// A `result` in the shape of a tool's own (`status`, `say`), for the agent to say.
#[must_use]
pub fn apology(why: Apology, language: Language) -> String {
    let pick = |english: &'static str, spanish: &'static str, french: &'static str| match language {
        Language::English => english,
        Language::Spanish => spanish,
        Language::French => french,
    };
    let value: Value = match why {
        Apology::Unavailable => json!({
            "status": "unavailable",
            "say": pick(
                "I'm sorry, I can't reach the clinic's system right now. Please try again in a few minutes.",
                "Lo siento, ahora mismo no puedo acceder al sistema de la clínica. Por favor, inténtelo de nuevo en unos minutos.",
                "Désolé, je n'ai pas accès au système de la clinique en ce moment. Veuillez réessayer dans quelques minutes.",
            ),
        }),
        Apology::Unanswered => json!({
            "status": "unknown",
            "say": pick(
                "I'm sorry, the clinic's system did not answer in time, so I can't confirm anything yet.",
                "Lo siento, el sistema de la clínica no respondió a tiempo, así que todavía no puedo confirmar nada.",
                "Désolé, le système de la clinique n'a pas répondu à temps, je ne peux donc encore rien confirmer.",
            ),
        }),
        Apology::Refused(refusal) => json!({
            "status": "refused",
            "code": refusal.code(),
            "error": refusal.to_string(),
            "say": pick(
                "I'm sorry, I can't open this clinic's records on this call.",
                "Lo siento, no puedo consultar los registros de esta clínica en esta llamada.",
                "Désolé, je ne peux pas consulter les dossiers de cette clinique pendant cet appel.",
            ),
        }),
        Apology::BadArguments => json!({
            "status": "refused",
            "code": "bad_arguments",
            "error": "the arguments are not a JSON object",
            "say": pick(
                "I'm sorry, I did not get that right. Could you tell me again?",
                "Lo siento, no lo he entendido bien. ¿Me lo puede repetir?",
                "Désolé, je n'ai pas bien compris. Pouvez-vous répéter ?",
            ),
        }),
    };
    value.to_string()
}

/// One line of at most [`MOST_BYTES`]. Of a larger answer only its status and its sentence are kept, so
/// that what is left is still the whole truth.
fn fit(text: &str) -> String {
    let line = single_line(text);
    if line.len() <= MOST_BYTES {
        return line;
    }
    if let Ok(Value::Object(mut map)) = serde_json::from_str(&line) {
        map.retain(|key, _| key == "status" || key == "say");
        let short = Value::Object(map).to_string();
        if short.len() > 2 && short.len() <= MOST_BYTES {
            return short;
        }
    }
    let cut = (0..=MOST_BYTES - '…'.len_utf8()).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", line.get(..cut).unwrap_or_default())
}

/// Every run of control characters and line separators becomes one space.
fn single_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut broken = false;
    for c in text.trim().chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            broken = true;
            continue;
        }
        if std::mem::take(&mut broken) {
            line.push(' ');
        }
        line.push(c);
    }
    line
}
