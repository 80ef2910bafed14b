//! Which kind of visit is meant, among those that staff offer.

use domain::AppointmentType;
use serde_json::json;

use super::MOST_NAMED;
use crate::turn::{Stop, Turn};
use crate::{Status, Template, spoken};

pub(super) const KIND_UNKNOWN: Template = Template {
    code: "appointment_type_unknown",
    status: Status::Refused,
    en: "I don't find that kind of visit at the clinic. Is it {names}?",
    es: "No encuentro ese tipo de visita en la clínica. ¿Es {names}?",
    fr: "Je ne trouve pas ce type de visite à la clinique. Est-ce {names} ?",
};

/// The kind that was asked for; without one, the kind that the reason names. A kind that staff do not offer is
/// refused, since nobody knows how long it takes. Staff who offer none in particular leave it open.
pub(super) fn kind<'d>(
    turn: &Turn<'d>,
    asked: Option<&str>,
    reason: Option<&str>,
) -> Result<Option<&'d AppointmentType>, Stop> {
    let settings = &turn.desk.settings;
    let asked = asked.map(str::trim).filter(|asked| !asked.is_empty());
    let found = asked.or(reason).and_then(|text| settings.appointment_type(text));
    if found.is_some() || asked.is_none() || settings.appointment_types.is_empty() {
        return Ok(found);
    }
    let names: Vec<String> = settings.appointment_types.iter().map(|one| one.name.clone()).collect();
    let said = spoken::either(turn.desk.language, names.get(..MOST_NAMED).unwrap_or(&names));
    let answer = turn.say(&KIND_UNKNOWN, &[("names", &said)]).with("field", "appointmentType");
    Err(Stop::Answer(answer.with("appointmentTypes", json!(names))))
}
