use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Language, Template};

/// What an answer means. For a write, only `confirmed` says that the practice's system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A write: the practice's system said that it is done.
    Confirmed,
    /// A write: recorded, and on its way.
    Accepted,
    /// A person at the practice has to go on from here.
    NeedsStaff,
    /// Not done, and asking the same again will not help.
    Refused,
    /// Nobody knows yet.
    Unknown,
    /// A read: here it is.
    Ok,
    /// A read: there is none.
    None,
    /// A read: more than one fits, a question follows.
    Several,
    /// A read: exactly one fits.
    Found,
}

/// What a tool answers: the same for every door.
#[derive(Clone, PartialEq)]
pub struct ToolAnswer {
    /// What it means.
    pub status: Status,
    /// Which sentence it is, for logs and REST clients.
    pub code: &'static str,
    /// The sentence that may be said, as it stands.
    pub say: String,
    /// Everything else, in camel case.
    pub data: Map<String, Value>,
}

impl fmt::Debug for ToolAnswer {
    // The sentence and the data may hold a patient's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolAnswer").field("status", &self.status).field("code", &self.code).finish()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    status: Status,
    say: &'a str,
    #[serde(flatten)]
    data: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    status: Status,
    code: &'a str,
    say: &'a str,
    #[serde(flatten)]
    data: &'a Map<String, Value>,
}

impl ToolAnswer {
    /// The status comes with the sentence, so that no answer can say more than it means.
    pub(crate) fn new(template: &Template, language: Language, fills: &[(&str, &str)]) -> Self {
        Self {
            status: template.status,
            code: template.code,
            say: template.fill(language, fills),
            data: Map::new(),
        }
    }

    /// A second sentence after the first; the status stays the first one's.
    pub(crate) fn and_say(mut self, note: &Template, language: Language, fills: &[(&str, &str)]) -> Self {
        self.say.push(' ');
        self.say.push_str(&note.fill(language, fills));
        self
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// For a voice agent: one line of JSON, `{"status","say",…}`, without any kind of line break.
    #[must_use]
    pub fn line(&self) -> String {
        let line = Line { status: self.status, say: &self.say, data: &self.data };
        let text = serde_json::to_string(&line).unwrap_or_default();
        if !text.contains(breaks_a_line) {
            return text;
        }
        let mut out = String::with_capacity(text.len() + 16);
        for c in text.chars() {
            if breaks_a_line(c) {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            } else {
                out.push(c);
            }
        }
        out
    }

    /// For a REST client: the same with its `code`.
    #[must_use]
    pub fn body(&self) -> Value {
        let body = Body { status: self.status, code: self.code, say: &self.say, data: &self.data };
        serde_json::to_value(body).unwrap_or_default()
    }
}

/// JSON escapes the old control characters itself, and leaves these as they are.
const fn breaks_a_line(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}')
}

/// What the audit log keeps of one use of a tool. The door adds the call, the time it took and the
/// key or the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// What was done: `patient.search`.
    pub action: &'static str,
    /// The vendor's ids of the patients whose data was read or written.
    pub patients: Vec<String>,
    /// What it came to.
    pub status: Status,
    /// Which answer it was.
    pub code: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Template =
        Template { code: "plain", status: Status::Found, en: "{name}", es: "{name}", fr: "{name}" };

    #[test]
    fn the_line_for_a_voice_agent_is_one_line_whatever_the_names_hold() {
        let answer = ToolAnswer::new(&PLAIN, Language::English, &[("name", "Ana\n\u{2028}Lee")])
            .with("firstName", "Ana\n\u{2028}\u{85}\u{2029}");
        let line = answer.line();
        assert!(!line.chars().any(|c| c.is_control() || breaks_a_line(c)), "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["firstName"], "Ana\n\u{2028}\u{85}\u{2029}");
        assert!(line.starts_with(r#"{"status":"found","say":"#), "{line}");
    }

    #[test]
    fn p8_an_answer_prints_neither_sentence_nor_data() {
        let answer = ToolAnswer::new(&PLAIN, Language::English, &[("name", "Maria")]).with("a", "Maria");
        assert_eq!(format!("{answer:?}"), r#"ToolAnswer { status: Found, code: "plain" }"#);
    }
}
