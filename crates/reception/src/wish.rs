//! What somebody wants, for the staff who are left with it when a tool cannot do it.

use domain::{Patient, Phone, card_number};
use serde_json::{Map, Value};

use crate::turn::Turn;
use crate::{ToolAnswer, slot};

/// No argument is longer by its schema.
const LONGEST: usize = 500;

/// A wish as it was asked: what `tool` takes of its arguments, and the number the call comes from. An id of a slot is
/// nothing a person could read, and what may be a card's number is kept nowhere.
#[must_use]
pub fn wish(tool: &str, arguments: &Value, phone: Option<&Phone>) -> Map<String, Value> {
    let known = crate::tool(tool).and_then(|tool| tool.arguments["properties"].as_object());
    let asked = arguments.as_object().filter(|_| card_number::found_in(arguments).is_none());
    let mut wish = Map::new();
    for (name, value) in asked.into_iter().flatten().filter(|(name, _)| *name != "slotId") {
        let value = match value {
            Value::String(text) => Value::from(text.chars().take(LONGEST).collect::<String>()),
            Value::Number(_) => value.clone(),
            _ => continue,
        };
        if value != "" && known.is_some_and(|known| known.contains_key(name)) {
            wish.insert(name.clone(), value);
        }
    }
    wish.extend(phone.map(|phone| ("callerPhone".to_owned(), phone.e164.expose().as_str().into())));
    wish
}

impl Turn<'_> {
    /// Adds to what somebody wants.
    pub(crate) fn wants(&mut self, name: &str, value: impl Into<Value>) {
        self.wish.insert(name.to_owned(), value.into());
    }

    /// Whom it is for, in place of what they said to show it.
    pub(crate) fn wants_for(&mut self, patient: &Patient) {
        self.wish.retain(|name, _| !matches!(name.as_str(), "firstName" | "lastName" | "dateOfBirth"));
        self.wants("patientId", patient.vendor_id.as_str());
        let name = [&patient.name.first, &patient.name.last].map(|part| part.expose().as_str());
        self.wants("patientName", name.join(" "));
    }

    /// The wish, for a time that was offered as `slot`, once an answer leaves it to the staff.
    pub(crate) fn left_to_staff(mut self, slot: Option<&str>, answer: &ToolAnswer) -> Map<String, Value> {
        let desk = self.desk;
        if let Some(claim) = slot.and_then(|id| slot::read(&self.reception.key, desk.practice, id)) {
            self.wants("start", crate::tools::rfc3339(claim.window.start, &desk.zone));
            self.wants("providerId", claim.clinician);
        }
        for name in ["start", "provider"] {
            if let Some(said) = answer.data.get(name).filter(|said| **said != "") {
                self.wants(name, said.clone());
            }
        }
        self.wish
    }
}
