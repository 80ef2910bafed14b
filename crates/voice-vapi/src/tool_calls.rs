use std::fmt;

use serde_json::{Map, Value};

use crate::Verified;
use crate::message::{Wire, text};
use crate::tenant::ACCOUNT_ID;

/// One call of a tool, whatever shape it came in.
#[derive(Clone, PartialEq)]
pub struct ToolCall {
    /// Vapi's id, to be echoed to the letter.
    pub id: String,
    /// The tool's name; empty where none was given.
    pub name: String,
    /// The arguments, without any account id.
    pub arguments: Result<Map<String, Value>, ArgumentsError>,
    /// The account id that the tool's own configuration adds to the arguments, out of the model's reach.
    pub static_account: Option<String>,
}

// Arguments are what the patient said.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Arguments that are not an object, or a text that does not decode to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the arguments are not a JSON object")]
pub struct ArgumentsError;

/// The arguments of an `apiRequest` tool: the bare body, without any account id, since nothing tells the tool's static
/// parameters from the model's arguments there.
///
/// # Errors
/// [`ArgumentsError`].
pub fn bare_arguments(verified: &Verified<'_>) -> Result<Map<String, Value>, ArgumentsError> {
    let mut arguments: Map<String, Value> =
        serde_json::from_slice(verified.body()).map_err(|_| ArgumentsError)?;
    arguments.remove(ACCOUNT_ID);
    Ok(arguments)
}

struct Seen<'a> {
    id: String,
    name: Option<&'a str>,
    arguments: Option<&'a Value>,
    static_account: Option<String>,
}

/// `toolCallList`, then `toolCalls`, then `toolWithToolCallList[].toolCall`: united by id, in order.
pub(crate) fn read(wire: &Wire) -> Vec<ToolCall> {
    let mut seen: Vec<Seen<'_>> = Vec::new();
    for entry in list(&wire.tool_call_list).chain(list(&wire.tool_calls)) {
        unite(&mut seen, entry, None);
    }
    for tool in list(&wire.tool_with_tool_call_list) {
        if let Some(entry) = tool.get("toolCall") {
            unite(&mut seen, entry, Some(tool));
        }
    }
    seen.into_iter().map(finish).collect()
}

/// An object, an object written as text, or nothing at all.
pub(crate) fn arguments(given: Option<&Value>) -> Result<Map<String, Value>, ArgumentsError> {
    match given {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| ArgumentsError),
        Some(_) => Err(ArgumentsError),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn unite<'a>(seen: &mut Vec<Seen<'a>>, entry: &'a Value, tool: Option<&'a Value>) {
    let Some(id) = text(entry, "/id") else { return };
    let defined = tool.and_then(|tool| text(tool, "/function/name").or_else(|| text(tool, "/name")));
    let name = text(entry, "/function/name").or_else(|| text(entry, "/name"));
    let given = ["/function/arguments", "/function/parameters", "/arguments", "/parameters"]
        .into_iter()
        .find_map(|pointer| entry.pointer(pointer).filter(|value| !value.is_null()));
    let index = seen.iter().position(|known| known.id == id).unwrap_or_else(|| {
        seen.push(Seen { id: id.to_owned(), name: None, arguments: None, static_account: None });
        seen.len() - 1
    });
    let Some(known) = seen.get_mut(index) else { return };
    known.name = known.name.or(name).or(defined);
    known.arguments = known.arguments.or(given);
    // A definition of another tool says nothing about this call.
    if let Some(tool) = tool.filter(|_| defined.is_some() && known.name == defined) {
        known.static_account = static_account(tool, known.arguments);
    }
}

/// Vapi merges a tool's static parameters into the arguments after the model's, so a declared key's
/// argument is the configuration's. One that was written out rather than templated counts as written.
fn static_account(tool: &Value, given: Option<&Value>) -> Option<String> {
    let declared = tool
        .get("parameters")?
        .as_array()?
        .iter()
        .find(|entry| entry.get("key").and_then(Value::as_str) == Some(ACCOUNT_ID))?;
    let written = text(declared, "/value").filter(|value| !value.contains("{{"));
    if let Some(written) = written {
        return Some(written.to_owned());
    }
    let merged = arguments(given).ok()?;
    let merged = merged.get(ACCOUNT_ID)?.as_str()?.trim();
    (!merged.is_empty()).then(|| merged.to_owned())
}

fn finish(seen: Seen<'_>) -> ToolCall {
    let arguments = arguments(seen.arguments).map(|mut arguments| {
        arguments.remove(ACCOUNT_ID);
        arguments
    });
    ToolCall {
        id: seen.id,
        name: seen.name.unwrap_or_default().to_owned(),
        arguments,
        static_account: seen.static_account,
    }
}
