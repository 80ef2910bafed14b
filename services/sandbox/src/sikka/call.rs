//! One vendor call in and one answer out, free of any web framework.

use std::time::Duration;

use serde_json::Value;

use super::envelope::{Looks, Page};
use super::errors::Problem;

/// A vendor call as the simulator sees it.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method in capitals.
    pub method: String,
    /// Path segments after `/v4`, percent-decoded.
    pub segments: Vec<String>,
    /// Query parameters in order, decoded.
    pub query: Query,
    /// Header `Request-Key`, or the older query parameter of that name.
    pub request_key: Option<String>,
    /// Header `App-Id`.
    pub app_id: Option<String>,
    /// Header `App-Key`.
    pub app_key: Option<String>,
    /// Base of the links in an answer, e.g. `http://127.0.0.1:7700/v4`.
    pub base: String,
    /// The body as received.
    pub body: Vec<u8>,
}

impl Call {
    /// The JSON object of the body.
    ///
    /// # Errors
    /// 400 API1026 when the body is not a JSON object.
    pub fn json(&self) -> Result<Body, Problem> {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(Value::Object(fields)) => Ok(Body(fields)),
            Ok(_) | Err(_) => Err(Problem::invalid("the request body is not a JSON object")),
        }
    }
}

/// Query parameters. An empty value counts as absent and an unknown name is ignored (contract 14).
#[derive(Debug, Clone, Default)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    /// The first non-empty value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// The fields of a JSON body. Numbers and booleans are taken as the strings they print as (contract 5).
#[derive(Debug, Clone)]
pub struct Body(pub serde_json::Map<String, Value>);

impl Body {
    /// The trimmed text of a field, `None` when absent, null or blank.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// As [`Body::text`], `""` when there is none.
    pub fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    /// Whether a field says yes.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1")
    }
}

/// What goes back, before the faults have had their say.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: ReplyBody,
    /// Whether a write was taken; such an answer can be lost on purpose.
    pub took_a_write: bool,
}

/// The body of a [`Reply`].
#[derive(Debug)]
pub enum ReplyBody {
    /// No bytes at all.
    Empty,
    /// JSON that is no list.
    Json(String),
    /// Text that is not JSON.
    Plain(&'static str),
    /// A list, rendered after the store is released.
    Page(Page),
}

impl Reply {
    /// A reply that is one JSON value.
    pub fn json(status: u16, value: &impl serde::Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        Self { status, headers: Vec::new(), body: ReplyBody::Json(text), took_a_write: false }
    }

    /// A list reply: 204 without a body when nothing was found.
    pub fn page(page: Page) -> Self {
        let (status, body) =
            if page.is_empty() { (204, ReplyBody::Empty) } else { (200, ReplyBody::Page(page)) };
        Self { status, headers: Vec::new(), body, took_a_write: false }
    }
}

/// How an answer is spoilt on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection is cut without a byte of answer.
    Drop,
    /// No answer comes and the connection stays open.
    Hang,
    /// The body ends half way.
    Truncate,
}

/// A reply, when it leaves, and whether it arrives.
#[derive(Debug)]
pub struct Answer {
    /// What would be sent.
    pub reply: Reply,
    /// How long it is held back first.
    pub delay: Duration,
    /// What happens to it on the way.
    pub loss: Option<Loss>,
    /// Whether the content type claims HTML.
    pub html: bool,
    /// The quirks of a list.
    pub looks: Looks,
}
