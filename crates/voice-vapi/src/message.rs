use std::fmt;

use domain::Sensitive;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{ArgumentsError, ReadError, TenantClaims, ToolCall, Verified, tenant, tool_calls};

/// A language apologies are said in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English: also where nothing says which.
    #[default]
    English,
    /// Spanish.
    Spanish,
    /// French.
    French,
}

impl Language {
    /// Its two letters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
        }
    }
}

/// A legacy function call.
#[derive(Clone, PartialEq)]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// Its arguments, without any account id.
    pub arguments: Result<Map<String, Value>, ArgumentsError>,
}

// Arguments are what the patient said.
impl fmt::Debug for FunctionCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionCall").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The parts of a server message that an answer needs.
pub struct Message(pub(crate) Wire);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("call_id", &self.call_id()).finish_non_exhaustive()
    }
}

/// Values stay untyped, so that one of the wrong kind costs no more than itself. The artifact, which may
/// hold the whole conversation, is not kept.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Wire {
    pub(crate) tool_call_list: Value,
    pub(crate) tool_calls: Value,
    pub(crate) tool_with_tool_call_list: Value,
    pub(crate) function_call: Value,
    pub(crate) call: Value,
    pub(crate) assistant: Value,
    pub(crate) phone_number: Value,
    pub(crate) customer: Value,
}

#[derive(Deserialize)]
struct Outer {
    message: Wire,
}

impl Message {
    /// Reads the body of a message that must be answered.
    ///
    /// # Errors
    /// [`ReadError::NotJson`].
    pub fn read(verified: &Verified<'_>) -> Result<Self, ReadError> {
        let body = verified.body();
        // A key given twice is not worth a caller's answer: read loosely, the last one counts.
        let outer: Outer = serde_json::from_slice(body)
            .or_else(|_| serde_json::from_slice::<Value>(body).and_then(serde_json::from_value))
            .map_err(|_| ReadError::NotJson)?;
        Ok(Self(outer.message))
    }

    /// `call.id`.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        text(&self.0.call, "/id")
    }

    /// The clinic's number: the one called, or the one calling out.
    #[must_use]
    pub fn clinic_number(&self) -> Option<&str> {
        text(&self.0.phone_number, "/number").or_else(|| text(&self.0.call, "/phoneNumber/number"))
    }

    /// The vendor's id of the clinic's number.
    #[must_use]
    pub fn phone_number_id(&self) -> Option<&str> {
        text(&self.0.call, "/phoneNumberId").or_else(|| text(&self.0.phone_number, "/id"))
    }

    /// The vendor's id of the assistant on the phone.
    #[must_use]
    pub fn assistant_id(&self) -> Option<&str> {
        text(&self.0.call, "/assistantId").or_else(|| text(&self.0.assistant, "/id"))
    }

    /// The patient's number.
    #[must_use]
    pub fn customer_number(&self) -> Option<Sensitive<String>> {
        text(&self.0.customer, "/number")
            .or_else(|| text(&self.0.call, "/customer/number"))
            .map(Sensitive::<String>::from)
    }

    /// The language the assistant listens in, where it is one of ours; an assistant that listens in several says none.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        let code = text(&self.0.assistant, "/transcriber/language")?;
        match code.split('-').next() {
            Some("en") => Some(Language::English),
            Some("es") => Some(Language::Spanish),
            Some("fr") => Some(Language::French),
            _ => None,
        }
    }

    /// Every tool call of the message, once, in order.
    #[must_use]
    pub fn tool_calls(&self) -> Vec<ToolCall> {
        tool_calls::read(&self.0)
    }

    /// The call of a legacy `function-call` message.
    #[must_use]
    pub fn function_call(&self) -> Option<FunctionCall> {
        let name = text(&self.0.function_call, "/name")?.to_owned();
        let given = ["parameters", "arguments"]
            .into_iter()
            .find_map(|key| self.0.function_call.get(key).filter(|value| !value.is_null()));
        let arguments = tool_calls::arguments(given).map(|mut arguments| {
            arguments.remove(tenant::ACCOUNT_ID);
            arguments
        });
        Some(FunctionCall { name, arguments })
    }

    /// Everything the message says about whose call it is; `calls` as read by [`Message::tool_calls`].
    #[must_use]
    pub fn claims(&self, calls: &[ToolCall]) -> TenantClaims {
        TenantClaims::collect(self, calls)
    }
}

/// Text that is there and not empty.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}
