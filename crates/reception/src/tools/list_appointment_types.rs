use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, Arguments, MOST_NAMED, Running, Tool, schema_of, with_general};
use crate::turn::Turn;
use crate::{Status, Template, spoken};

/// Arguments of `listAppointmentTypes`: none.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListAppointmentTypes {}

const HERE: Template = Template {
    code: "appointment_types",
    status: Status::Ok,
    en: "The clinic has these kinds of appointment: {names}.",
    es: "La clínica ofrece estos tipos de cita: {names}.",
    fr: "La clinique offre ces types de rendez-vous : {names}.",
};
const MANY: Template = Template {
    code: "appointment_types_many",
    status: Status::Ok,
    en: "The clinic has {count} kinds of appointment. What would the visit be for?",
    es: "La clínica ofrece {count} tipos de cita. ¿Cuál sería el motivo de la visita?",
    fr: "La clinique offre {count} types de rendez-vous. Quel serait le motif de la visite ?",
};
const NONE: Template = Template {
    code: "appointment_types_none",
    status: Status::None,
    en: "The clinic doesn't list any kinds of appointment. What would the visit be for?",
    es: "La clínica no tiene una lista de tipos de cita. ¿Cuál sería el motivo de la visita?",
    fr: "La clinique n'a pas de liste de types de rendez-vous. Quel serait le motif de la visite ?",
};

pub(crate) fn tool() -> Tool {
    Tool {
        name: "listAppointmentTypes",
        description: "List the kinds of appointment the clinic makes.",
        access: Access::Reads,
        needs: &[Operation::ListAppointmentTypes],
        audit_action: "appointment_type.list",
        arguments: schema_of::<ListAppointmentTypes>(),
        sentences: with_general(&[&HERE, &MANY, &NONE]),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let ListAppointmentTypes {} = arguments.read(turn.desk)?;
        // What staff offer is what there is, whatever else their system lists.
        let types = if turn.desk.settings.appointment_types.is_empty() {
            turn.require(Operation::ListAppointmentTypes)?;
            turn.appointment_types().await?
        } else {
            turn.desk.settings.appointment_types.clone()
        };
        let names: Vec<String> = types.iter().map(|one| one.name.clone()).collect();
        let answer = match names.len() {
            0 => turn.say(&NONE, &[]),
            1..=MOST_NAMED => turn.say(&HERE, &[("names", &spoken::all_of(turn.desk.language, &names))]),
            count => turn.say(&MANY, &[("count", &count.to_string())]),
        };
        let types: Vec<Value> = types
            .iter()
            .map(|one| {
                let id = if one.vendor_id.is_empty() { &one.name } else { &one.vendor_id };
                let mut shown = json!({ "appointmentTypeId": id, "name": one.name });
                if let Some(minutes) = one.minutes {
                    shown["minutes"] = json!(minutes);
                }
                shown
            })
            .collect();
        Ok(turn.with_list(answer, "appointmentTypes", types))
    })
}
