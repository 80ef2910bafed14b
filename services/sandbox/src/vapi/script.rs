use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One call, as a person would tell it.
///
/// Texts and arguments are templates: `{{name}}` is a variable, `{{search.patientId}}` a part of the answer saved as
/// `search`, `{{slots.slots.0.start}}` an element of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What it is called by; a file's own name where it says nothing.
    #[serde(default)]
    pub name: String,
    /// What happens, in a sentence.
    #[serde(default)]
    pub about: String,
    /// `en`, `es` or `fr`: what the assistant listens in (`transcriber.language`), and the language of spoken dates.
    #[serde(default = "english")]
    pub language: String,
    /// The caller's number, E.164; a template. The variable `caller` overrides it.
    pub caller: String,
    /// The number called, E.164; a template. The variable `called` overrides it.
    #[serde(default = "demo_number")]
    pub called: String,
    /// Vapi's id of the number called.
    #[serde(default = "demo_phone_number_id")]
    pub phone_number_id: String,
    /// Vapi's id of the assistant.
    #[serde(default = "demo_assistant_id")]
    pub assistant_id: String,
    /// Values of its own; the request's `variables` override them.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// The [`Options`](super::Options) it is about.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
}

fn english() -> String {
    "en".to_owned()
}
fn demo_number() -> String {
    "+15550100002".to_owned()
}
fn demo_phone_number_id() -> String {
    "5b0c2f0e-7a51-4c7e-9d55-000000000002".to_owned()
}
fn demo_assistant_id() -> String {
    "5b0c2f0e-7a51-4c7e-9d55-000000000003".to_owned()
}

impl Script {
    /// Reads a script from TOML; `name` is used where the text has none.
    ///
    /// # Errors
    /// [`ScriptError`] with the place in the text.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, ScriptError> {
        let mut script: Self = toml::from_str(text)
            .map_err(|error| ScriptError { script: name.to_owned(), reason: error.to_string() })?;
        if script.name.is_empty() {
            name.clone_into(&mut script.name);
        }
        Ok(script)
    }
}

/// A script that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the script {script} cannot be read: {reason}")]
pub struct ScriptError {
    /// Which one.
    pub script: String,
    /// Where and why.
    pub reason: String,
}

/// One thing that happens in a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Step {
    /// The step is left out unless this path, such as `slots.slots.0`, has a value.
    pub only_if: Option<String>,
    /// The step is left out once this path has a value: what was not answered is asked again.
    pub unless: Option<String>,
    /// What happens.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Somebody says something.
    Say {
        /// Who.
        who: Who,
        /// What; a template.
        text: String,
    },
    /// The model calls tools: one, or several in one message.
    Tools(Vec<ToolUse>),
    /// Any other message, informational or one that needs an answer, with these fields of its own.
    Message {
        /// `message.type`.
        kind: String,
        /// Laid over what the player fills in; templates.
        fields: Map<String, Value>,
    },
    /// Something must hold about an earlier answer.
    Expect {
        /// The name it was saved as.
        of: String,
        /// What must hold.
        expect: Expect,
    },
    /// Nobody says anything for so long.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// The call ends.
    HangUp {
        /// Vapi's `endedReason`.
        reason: String,
    },
}

/// Who speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The person who called.
    #[default]
    Patient,
    /// The voice agent.
    Agent,
}

/// One tool call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolUse {
    /// Its name.
    pub tool: String,
    /// What the model fills in; templates.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// The name the answer is kept under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_as: Option<String>,
    /// Variables taken from the answer by JSON pointer; `*` as a list's index picks one at random.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, String>,
    /// What must hold about the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// What must hold about a tool's answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// `status` is one of these.
    pub status: Vec<String>,
    /// The sentence contains each of these, whatever the case; templates.
    pub say_contains: Vec<String>,
    /// The sentence contains none of these.
    pub say_lacks: Vec<String>,
    /// These JSON pointers lead to something.
    pub has: Vec<String>,
    /// These JSON pointers lead to exactly this; templates.
    pub equals: BTreeMap<String, Value>,
}

/// A step as it is written: exactly one of the verbs, and what belongs to it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    only_if: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unless: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    say: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    save_as: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    capture: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expect: Option<Expect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<ToolUse>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hang_up: Option<String>,
}

impl TryFrom<Fields> for Step {
    type Error = String;

    fn try_from(mut written: Fields) -> Result<Self, String> {
        let action = written.take_action()?;
        let (only_if, unless) = (written.only_if.take(), written.unless.take());
        match written.left_over() {
            None => Ok(Self { only_if, unless, action }),
            Some(stray) => Err(format!(
                "a step does one thing: {stray:?} does not belong with the rest (verbs: say, tool, tools, message, \
                 expect, wait_ms, hang_up)"
            )),
        }
    }
}

impl Fields {
    fn take_action(&mut self) -> Result<Action, String> {
        if let Some(text) = self.say.take() {
            return Ok(Action::Say { who: self.who.take().unwrap_or_default(), text });
        }
        if let Some(tool) = self.tool.take() {
            return Ok(Action::Tools(vec![ToolUse {
                tool,
                arguments: self.arguments.take().unwrap_or_default(),
                save_as: self.save_as.take(),
                capture: std::mem::take(&mut self.capture),
                expect: self.expect.take(),
            }]));
        }
        if let Some(tools) = self.tools.take() {
            return if tools.is_empty() {
                Err("tools is empty".to_owned())
            } else {
                Ok(Action::Tools(tools))
            };
        }
        if let Some(kind) = self.message.take() {
            return Ok(Action::Message { kind, fields: self.fields.take().unwrap_or_default() });
        }
        if let Some(ms) = self.wait_ms.take() {
            return Ok(Action::Wait { ms });
        }
        if let Some(reason) = self.hang_up.take() {
            return Ok(Action::HangUp { reason });
        }
        match (self.expect.take(), self.of.take()) {
            (Some(expect), Some(of)) => Ok(Action::Expect { of, expect }),
            (Some(_), None) => Err("expect needs of = \"the name an answer was saved as\"".to_owned()),
            _ => Err("a step needs one of say, tool, tools, message, expect, wait_ms, hang_up".to_owned()),
        }
    }

    fn left_over(&self) -> Option<String> {
        match serde_json::to_value(self) {
            Ok(Value::Object(rest)) => rest.keys().next().cloned(),
            _ => None,
        }
    }
}

impl From<Step> for Fields {
    fn from(step: Step) -> Self {
        let mut written = Self { only_if: step.only_if, unless: step.unless, ..Self::default() };
        match step.action {
            Action::Say { who, text } => {
                written.say = Some(text);
                written.who = Some(who);
            }
            Action::Tools(tools) => written.tools = Some(tools),
            Action::Message { kind, fields } => {
                written.message = Some(kind);
                written.fields = Some(fields);
            }
            Action::Expect { of, expect } => {
                written.of = Some(of);
                written.expect = Some(expect);
            }
            Action::Wait { ms } => written.wait_ms = Some(ms),
            Action::HangUp { reason } => written.hang_up = Some(reason),
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(steps: &str) -> Result<Script, ScriptError> {
        Script::from_toml("t", &format!("caller = \"+15550100010\"\n{steps}"))
    }

    #[test]
    fn a_file_without_a_name_is_called_by_its_file_name() {
        let script = read("[[steps]]\nsay = \"Hello\"").unwrap();
        assert_eq!(script.name, "t");
        assert!(
            matches!(&script.steps[0].action, Action::Say { who: Who::Patient, text } if text == "Hello")
        );
    }

    #[test]
    fn a_step_with_two_verbs_is_refused_with_both_in_sight() {
        let refusal = read("[[steps]]\nsay = \"Hello\"\ntool = \"searchPatients\"").unwrap_err().to_string();
        assert!(refusal.contains("\"tool\" does not belong"), "{refusal}");
    }

    #[test]
    fn a_step_without_a_verb_and_a_misspelt_one_are_refused() {
        assert!(read("[[steps]]\nonly_if = \"a\"").is_err());
        let refusal = read("[[steps]]\nsays = \"Hello\"").unwrap_err().to_string();
        assert!(refusal.contains("says"), "{refusal}");
    }

    #[test]
    fn a_script_written_out_and_read_again_is_the_same() {
        let script =
            read("[[steps]]\ntool = \"a\"\nexpect.status = [\"ok\"]\n[[steps]]\nhang_up = \"x\"").unwrap();
        let once = serde_json::to_value(&script).unwrap();
        let again: Script = serde_json::from_value(once.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), once);
    }
}
