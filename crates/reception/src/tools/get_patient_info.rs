use domain::Patient;
use jiff::civil::Date;
use pms::Operation;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::identity::has_phone;
use crate::turn::{PatientRef, Turn};
use crate::{Status, Template, ToolAnswer, input, sentences};

/// Arguments of `getPatientInfo`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GetPatientInfo {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// The date of birth the caller gave, as YYYY-MM-DD. Needed unless they call from a number the
    /// clinic has for the patient.
    #[schemars(length(min = 1, max = 40), extend("format" = "date"))]
    date_of_birth: Option<String>,
}

const HERE: Template = Template {
    code: "patient_info",
    status: Status::Ok,
    en: "Thank you, I have the record for {firstName} open.",
    es: "Gracias, tengo abierto el registro de {firstName}.",
};

pub(crate) fn tool() -> Tool {
    Tool {
        name: "getPatientInfo",
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
        let born = raw.date_of_birth.map(|text| input::born(turn.desk, "dateOfBirth", &text)).transpose()?;
        turn.require(Operation::ReadPatient)?;
        let id = match turn.patient_ref(&raw.patient_id).await? {
            PatientRef::Vendor(id) => id,
            PatientRef::Pending(_) => return Ok(turn.say(&sentences::PATIENT_PENDING, &[])),
        };
        let patient = turn.patient(&id).await?;
        if !proven(turn, &patient, born) {
            return Ok(turn.say(&sentences::IDENTITY_NEEDED, &[]));
        }
        Ok(info(turn, &patient))
    })
}

/// A date of birth that was given must be right, even from a known number: a family has one phone and
/// several dates. Without one, the number the call comes from must be the patient's.
pub(crate) fn proven(turn: &Turn<'_>, patient: &Patient, born: Option<Date>) -> bool {
    let caller = &turn.desk.caller;
    match born {
        Some(born) => patient.born.as_ref().map(|on| *on.expose()) == Some(born),
        None => caller.vouched || caller.phone.as_ref().is_some_and(|phone| has_phone(patient, phone)),
    }
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
