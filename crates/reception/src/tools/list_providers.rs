use domain::{Clinician, ClinicianKind};
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, Arguments, MOST_NAMED, Running, Tool, schema_of, with_general};
use crate::{Status, Template, spoken};

/// Arguments of `listProviders`: none.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListProviders {}

const HERE: Template = Template {
    code: "providers",
    status: Status::Ok,
    en: "At this clinic you can see {names}.",
    es: "En esta clínica puede atenderse con {names}.",
    fr: "À cette clinique, vous pouvez voir {names}.",
};
const MANY: Template = Template {
    code: "providers_many",
    status: Status::Ok,
    en: "There are {count} people you can see at this clinic. Is there someone you would like to see?",
    es: "En esta clínica hay {count} personas que le pueden atender. ¿Con quién le gustaría la cita?",
    fr: "Il y a {count} personnes que vous pouvez voir à cette clinique. Qui aimeriez-vous voir ?",
};
const NONE: Template = Template {
    code: "providers_none",
    status: Status::None,
    en: "I don't see anyone at this clinic who takes appointments right now. The clinic's staff can help you.",
    es: "No veo a nadie en esta clínica que dé citas en este momento. El personal de la clínica puede ayudarle.",
    fr: "Je ne vois personne à cette clinique qui prend des rendez-vous en ce moment. Le personnel peut vous aider.",
};

pub(crate) fn tool() -> Tool {
    Tool {
        name: "listProviders",
        description: "List the dentists, doctors and hygienists of the clinic who take appointments.",
        access: Access::Reads,
        needs: &[Operation::ListClinicians],
        audit_action: "provider.list",
        arguments: schema_of::<ListProviders>(),
        sentences: with_general(&[&HERE, &MANY, &NONE]),
        run,
    }
}

fn run<'a>(turn: &'a mut crate::turn::Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let ListProviders {} = arguments.read(turn.desk)?;
        turn.require(Operation::ListClinicians)?;
        let mut people = turn.clinicians().await?;
        people.retain(|one| one.bookable);
        let names: Vec<String> = people.iter().map(|one| spoken::person(turn.desk.language, one)).collect();
        let answer = match names.len() {
            0 => turn.say(&NONE, &[]),
            1..=MOST_NAMED => turn.say(&HERE, &[("names", &spoken::all_of(turn.desk.language, &names))]),
            count => turn.say(&MANY, &[("count", &count.to_string())]),
        };
        let providers: Vec<Value> = people.iter().map(shown).collect();
        Ok(turn.with_list(answer, "providers", providers))
    })
}

fn shown(one: &Clinician) -> Value {
    let kind = match one.kind {
        ClinicianKind::Provider => "provider",
        ClinicianKind::Hygienist => "hygienist",
        ClinicianKind::Other => "other",
    };
    json!({ "providerId": one.vendor_id, "name": one.spoken_name, "kind": kind })
}
