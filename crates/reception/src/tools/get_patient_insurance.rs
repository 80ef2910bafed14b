use domain::{Insurance, InsuranceRank, Sensitive};
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::get_patient_balance::shown as money;
use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::identified;
use crate::proof::{Given, Who};
use crate::turn::Turn;
use crate::{Status, Template, spoken};

const NAME: &str = "getPatientInsurance";

/// Arguments of `getPatientInsurance`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GetPatientInsurance {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    #[serde(flatten)]
    who: Who,
}

const HERE: Template = Template {
    code: "insurance",
    status: Status::Ok,
    en: "For {firstName}, the clinic has this insurance on file: {names}.",
    es: "Para {firstName}, la clínica tiene registrado este seguro: {names}.",
    fr: "Pour {firstName}, la clinique a cette assurance au dossier : {names}.",
};
const UNNAMED: Template = Template {
    code: "insurance_unnamed",
    status: Status::Ok,
    en: "The clinic has an insurance on file for {firstName}, but I can't see the company's name.",
    es: "La clínica tiene un seguro registrado para {firstName}, pero no puedo ver el nombre de la compañía.",
    fr: "La clinique a une assurance au dossier pour {firstName}, mais je ne vois pas le nom de la compagnie.",
};
const NONE: Template = Template {
    code: "insurance_none",
    status: Status::None,
    en: "The clinic has no insurance on file for {firstName}.",
    es: "La clínica no tiene ningún seguro registrado para {firstName}.",
    fr: "La clinique n'a aucune assurance au dossier pour {firstName}.",
};

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Read which insurance the clinic has on file for a patient, once the caller has given the patient's name and date of birth. It does not tell whether a treatment is covered.",
        access: Access::Reads,
        needs: &[Operation::ReadInsurance, Operation::ReadPatient],
        audit_action: "patient.insurance.read",
        arguments: schema_of::<GetPatientInsurance>(),
        sentences: with_general(&[&HERE, &UNNAMED, &NONE]),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: GetPatientInsurance = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        turn.require(Operation::ReadInsurance)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        let id = patient.vendor_id.clone();
        let plans = turn.insurance(&id).await?;
        let first = patient.name.first.expose().as_str();
        let mut names: Vec<String> =
            plans.iter().filter_map(|plan| plan.carrier.as_ref()).map(|name| name.expose().clone()).collect();
        names.dedup();
        let said = spoken::all_of(turn.desk.language, &names);
        let answer = match (plans.is_empty(), names.is_empty()) {
            (true, _) => turn.say(&NONE, &[("firstName", first)]),
            (false, true) => turn.say(&UNNAMED, &[("firstName", first)]),
            (false, false) => turn.say(&HERE, &[("firstName", first), ("names", &said)]),
        };
        let vouched = turn.desk.caller.vouched;
        let shown: Vec<Value> = plans.iter().map(|plan| plan_json(plan, vouched)).collect();
        Ok(answer.with("patientId", id).with("firstName", first).with("insurances", shown))
    })
}

/// The number the company knows the patient by stays out, but for its end: whoever has it whole can use it. A
/// practice's own system gets it whole.
fn plan_json(plan: &Insurance, vouched: bool) -> Value {
    let rank = match plan.rank {
        InsuranceRank::Primary => "primary",
        InsuranceRank::Secondary => "secondary",
        InsuranceRank::Other => "other",
    };
    let mut shown = Map::from_iter([("rank".to_owned(), json!(rank))]);
    let texts = [
        ("kind", Some(plan.kind.as_str()).filter(|kind| !kind.is_empty())),
        ("carrier", plan.carrier.as_ref().map(|text| text.expose().as_str())),
        ("plan", plan.plan.as_ref().map(|text| text.expose().as_str())),
        ("relation", plan.relation.as_ref().map(|text| text.expose().as_str())),
    ];
    for (name, text) in texts {
        shown.extend(text.map(|text| (name.to_owned(), json!(text))));
    }
    if let Some(member) = plan.member.as_ref().map(Sensitive::expose) {
        let length = member.chars().count();
        let end: String = member.chars().skip(length - (length / 2).min(4)).collect();
        let (name, text) = if vouched { ("memberId", member.clone()) } else { ("memberIdEndsWith", end) };
        shown.insert(name.to_owned(), json!(text));
    }
    shown.extend(plan.since.map(|day| ("since".to_owned(), json!(day.to_string()))));
    let amounts = [
        ("used", &plan.used),
        ("deductibleLeft", &plan.deductible_left),
        ("yearlyMaximum", &plan.yearly_maximum),
    ];
    for (name, amount) in amounts {
        shown.extend(amount.as_ref().map(|amount| (name.to_owned(), money(*amount.expose()))));
    }
    Value::Object(shown)
}
