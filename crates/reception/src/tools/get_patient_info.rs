use domain::Patient;
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::identified;
use crate::proof::{Given, Who};
use crate::turn::Turn;
use crate::{Status, Template, ToolAnswer};

const NAME: &str = "getPatientInfo";

/// Arguments of `getPatientInfo`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GetPatientInfo {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    #[serde(flatten)]
    who: Who,
}

const HERE: Template = Template {
    code: "patient_info",
    status: Status::Ok,
    en: "Thank you, I have the record for {firstName} open.",
    es: "Gracias, tengo abierto el registro de {firstName}.",
    fr: "Merci, le dossier de {firstName} est ouvert.",
};

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Read a patient's contact details, once the patient is identified.",
        access: Access::Reads,
        needs: &[Operation::ReadPatient],
        audit_action: "patient.read",
        arguments: schema_of::<GetPatientInfo>(),
        sentences: with_general(&[&HERE]),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: GetPatientInfo = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        Ok(info(turn, &patient))
    })
}

/// The date of birth stays out: it is what the next caller will be asked for.
fn info(turn: &Turn<'_>, patient: &Patient) -> ToolAnswer {
    let first = patient.name.first.expose().as_str();
    let phones: Vec<&str> = patient.phones.iter().map(|phone| phone.e164.expose().as_str()).collect();
    let mut answer = turn
        .say(&HERE, &[("firstName", first)])
        .with("patientId", patient.vendor_id.as_str())
        .with("firstName", first)
        .with("lastName", patient.name.last.expose().as_str())
        .with("phones", phones)
        .with("active", patient.active);
    if let Some(email) = &patient.email {
        answer = answer.with("email", email.expose().as_str());
    }
    if let Some(clinician) = &patient.usual_clinician {
        answer = answer.with("usualProviderId", clinician.as_str());
    }
    answer
}
