//! The registry: one entry a tool, the same for every door.

pub(crate) mod add_patient_note;
mod alternatives;
pub(crate) mod book_appointment;
pub(crate) mod cancel_appointment;
pub(crate) mod check_availability;
pub(crate) mod create_patient;
pub(crate) mod get_appointments;
pub(crate) mod get_patient_balance;
pub(crate) mod get_patient_info;
pub(crate) mod get_patient_insurance;
mod kind;
pub(crate) mod list_appointment_types;
pub(crate) mod list_providers;
pub(crate) mod process_payment;
pub(crate) mod reschedule_appointment;
pub(crate) mod search_patients;
pub(crate) mod update_patient;

pub(crate) use check_availability::rfc3339;
pub use process_payment::is_payment_reference;

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use pms::Operation;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::turn::{Stop, Turn};
use crate::{BadInput, Desk, Template, ToolAnswer, input, sentences};

/// What a tool does to the practice's system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Only looks.
    Reads,
    /// Changes something: each use needs a key of its own at the door.
    Writes,
}

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<ToolAnswer, Stop>> + Send + 'a>>;
pub(crate) type Run = for<'a, 'b> fn(&'a mut Turn<'b>, Arguments<'a>) -> Running<'a>;

/// What a tool was called with, not yet read.
pub(crate) struct Arguments<'a> {
    pub(crate) schema: &'a Value,
    pub(crate) given: &'a Value,
}

impl Arguments<'_> {
    pub(crate) fn read<T: DeserializeOwned>(&self, desk: &Desk) -> Result<T, BadInput> {
        input::read(self.schema, self.given, desk.language)
    }
}

/// Something an agent may call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Its name: `bookAppointment`.
    pub name: &'static str,
    /// What it is for, as a model is told.
    pub description: &'static str,
    /// Whether it looks or changes.
    pub access: Access,
    /// What the practice's system must be able to do.
    pub needs: &'static [Operation],
    /// Its name in the audit log: `appointment.book`.
    pub audit_action: &'static str,
    /// JSON Schema of its arguments, generated from the type that reads them.
    pub arguments: Value,
    /// Everything it may have to say.
    pub sentences: Vec<&'static Template>,
    #[serde(skip)]
    pub(crate) run: Run,
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tool").field("name", &self.name).finish_non_exhaustive()
    }
}

static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    vec![
        search_patients::tool(),
        get_patient_info::tool(),
        create_patient::tool(),
        update_patient::tool(),
        check_availability::tool(),
        book_appointment::tool(),
        get_appointments::tool(),
        reschedule_appointment::tool(),
        cancel_appointment::tool(),
        add_patient_note::tool(),
        list_providers::tool(),
        list_appointment_types::tool(),
        get_patient_balance::tool(),
        get_patient_insurance::tool(),
        process_payment::tool(),
    ]
});

/// Every tool there is.
#[must_use]
pub fn tools() -> &'static [Tool] {
    &TOOLS
}

/// The tool of this name.
#[must_use]
pub fn tool(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// As many names as a person listens to.
const MOST_NAMED: usize = 6;

/// A tool's own sentences and those that every tool may need.
pub(crate) fn with_general(own: &[&'static Template]) -> Vec<&'static Template> {
    own.iter().chain(sentences::ALL).chain(sentences::input::ALL).copied().collect()
}

/// The schema of an argument type as models read it best: one flat object, nothing about `null`.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.remove("title");
        object.remove("description");
        let properties = object.get_mut("properties").and_then(Value::as_object_mut);
        properties.into_iter().flat_map(Map::values_mut).for_each(plain);
    }
    schema
}

fn plain(property: &mut Value) {
    if let Some(kind) = property.get_mut("type")
        && let Some(real) =
            kind.as_array().and_then(|kinds| kinds.iter().find(|kind| **kind != "null")).cloned()
    {
        *kind = real;
    }
    if let Some(text) = property["description"].as_str() {
        property["description"] = text.replace('\n', " ").into();
    }
    // The width of the Rust type is nothing to a model.
    if property["type"] == "integer"
        && let Some(property) = property.as_object_mut()
    {
        property.remove("format");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_name_that_logs_may_have_and_no_other_text_is_one() {
        for tool in tools() {
            assert_eq!(domain::tool_name(tool.name), tool.name);
        }
        assert_eq!(domain::tool_name("bookFor Maria Lopez"), "unknown");
        assert_eq!(domain::tool_name("unknown"), "unknown");
    }
}
