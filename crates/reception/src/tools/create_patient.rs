use domain::{Patient, PersonName, Phone, WritebackId, words};
use pms::{NewPatient, Operation, PatientQuery, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::guesses::Said;
use crate::identity::{Fit, fits_given, has_phone, matching};
use crate::ports::{NewWrite, Requested, WriteNews};
use crate::proof::Proof;
use crate::turn::{Stop, Turn};
use crate::{Status, Template, ToolAnswer, input, sentences};

/// Arguments of `createPatient`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatePatient {
    /// Given name.
    #[schemars(length(min = 1, max = 80))]
    first_name: String,
    /// Family name.
    #[schemars(length(min = 1, max = 80))]
    last_name: String,
    /// Date of birth, as YYYY-MM-DD.
    #[schemars(length(min = 1, max = 40), extend("format" = "date"))]
    date_of_birth: String,
    /// The patient's phone number.
    #[schemars(length(min = 1, max = 40))]
    phone: String,
    /// E-mail address.
    #[schemars(length(max = 254))]
    email: Option<String>,
}

const CREATED: Template = Template {
    code: "patient_created",
    status: Status::Confirmed,
    en: "Thank you. {firstName} is now registered with the clinic.",
    es: "Gracias. El registro de {firstName} en la clínica está listo.",
    fr: "Merci. Le dossier de {firstName} à la clinique est prêt.",
};
const ALREADY: Template = Template {
    code: "patient_exists",
    status: Status::Confirmed,
    en: "The clinic already has a record for {firstName}, so we can go on.",
    es: "La clínica ya tiene un registro de {firstName}, así que podemos continuar.",
    fr: "La clinique a déjà un dossier pour {firstName}, nous pouvons donc continuer.",
};
const ON_ITS_WAY: Template = Template {
    code: "patient_on_its_way",
    status: Status::Accepted,
    en: "Thank you. The registration for {firstName} is on its way to the clinic, and we can go on.",
    es: "Gracias. El registro de {firstName} va en camino a la clínica y podemos continuar.",
    fr: "Merci. L'inscription de {firstName} est en route vers la clinique et nous pouvons continuer.",
};
const OFFLINE: Template = Template {
    code: "patient_kept_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. I've kept the registration for {firstName}; it isn't complete yet, and the clinic will follow up.",
    es: "En este momento no hay conexión con la computadora de la clínica. Guardé el registro de {firstName}; todavía no está completo y la clínica dará seguimiento.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. J'ai gardé l'inscription de {firstName} ; elle n'est pas encore terminée et la clinique fera le suivi.",
};
const NOT_KNOWN: Template = Template {
    code: "patient_not_known_yet",
    status: Status::Unknown,
    en: "I've sent the registration for {firstName} to the clinic's system, but I haven't heard back yet. If it didn't go in, the clinic's staff will see to it.",
    es: "Envié el registro de {firstName} al sistema de la clínica, pero todavía no tengo respuesta. Si falló, el personal de la clínica se ocupará de él.",
    fr: "J'ai envoyé l'inscription de {firstName} au système de la clinique, mais je n'ai pas encore de réponse. Si elle n'a pas abouti, le personnel de la clinique s'en occupera.",
};

const SIMILAR: Template = Template {
    code: "patient_similar",
    status: Status::NeedsStaff,
    en: "The clinic already has a patient with that date of birth and a very similar name. Its staff will have to tell them apart.",
    es: "La clínica ya tiene un paciente con esa fecha de nacimiento y un nombre muy parecido. El personal tendrá que distinguirlos.",
    fr: "La clinique a déjà un patient avec cette date de naissance et un nom très semblable. Son personnel devra les distinguer.",
};

const SENTENCES: &[&Template] = &[&CREATED, &ALREADY, &SIMILAR, &ON_ITS_WAY, &OFFLINE, &NOT_KNOWN];

pub(crate) fn tool() -> Tool {
    Tool {
        name: "createPatient",
        description: "Register a new patient with the clinic. If the clinic already has them, their record is given instead.",
        access: Access::Writes,
        needs: &[Operation::CreatePatient, Operation::SearchPatients],
        audit_action: "patient.create",
        arguments: schema_of::<CreatePatient>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let desk = turn.desk;
        let raw: CreatePatient = arguments.read(desk)?;
        let first = input::name(desk, "firstName", raw.first_name)?;
        let last = input::name(desk, "lastName", raw.last_name)?;
        let born = input::born(desk, "dateOfBirth", &raw.date_of_birth)?;
        let phone = input::phone(desk, "phone", &raw.phone)?;
        let email = raw.email.map(|text| input::email(desk, "email", text)).transpose()?;
        turn.require(Operation::CreatePatient)?;
        turn.require(Operation::SearchPatients)?;
        // A record that is there already would be shown to whoever guesses its date of birth.
        let said = Said { first: Some(&first), last: Some(&last), born: Some(born), of: "" };
        let counted = turn.pending(&said).await?;
        let known = known(turn, &said, &phone).await;
        turn.settle(counted).await;
        let known = known?;
        if !known.is_empty() {
            return Ok(already(turn, &known, &first, &phone).await);
        }

        let clinician = file_under(turn).await?;
        let folded = [words(&first).concat(), words(&last).concat(), born.to_string()];
        let intent = ["patient", &folded[0], &folded[1], &folded[2]];
        let intent_key = turn.reception.intent_key(desk, &intent);
        let name = PersonName { first: first.as_str().into(), last: last.as_str().into() };
        let patient = NewPatient { name, born: born.into(), phone, email: email.map(Into::into), clinician };
        let write = NewWrite {
            write: Write::CreatePatient(patient),
            intent_key,
            once_for_all: Vec::new(),
            claim: None,
            depends_on: None,
            needed_by: turn.worth_sending_until(),
        };
        match turn.request(write).await? {
            Some(Requested::New(writeback) | Requested::Joined(writeback)) => {
                answer(turn, writeback, &first).await
            }
            // A patient claims no time: only a ledger that is wrong says so.
            None => Ok(turn.say(&sentences::NOT_SURE_RECORDED, &[])),
        }
    })
}

/// Those the practice has with this name and date of birth: looked for by name, and by phone because
/// the practice may write the name with accents that its search insists on. Where there are none, those of the
/// family name and the date of birth who have this phone: a twin, or the same person under the name they go by. Nor may
/// the practice know the phone: then by the day alone.
async fn known(turn: &mut Turn<'_>, said: &Said<'_>, phone: &Phone) -> Result<Vec<Patient>, Stop> {
    let by_name = PatientQuery {
        last_name: said.last.map(Into::into),
        born: said.born.map(Into::into),
        ..PatientQuery::default()
    };
    let by_phone = PatientQuery { phone: Some(phone.clone()), ..PatientQuery::default() };
    let mut near = Vec::new();
    for query in [by_name, by_phone] {
        let found = turn.search(&query).await?;
        near = matching(found.clone(), None, said.last, said.born, Some(phone));
        let same = matching(found, said.first, said.last, said.born, None);
        if !same.is_empty() {
            return Ok(same);
        }
    }
    if near.is_empty() {
        let that_day = turn.born_that_day(said).await?;
        near = matching(that_day, said.first, said.last, said.born, None);
        if near.is_empty() {
            turn.found_nobody(said, &[]).await?;
        }
    } else {
        turn.guessed(said).await?;
    }
    Ok(near)
}

/// The patient who is there already. One whose first name only begins alike may be the same person or
/// a twin: neither a second record nor the wrong one is made of that.
async fn already(turn: &mut Turn<'_>, known: &[Patient], first: &str, phone: &Phone) -> ToolAnswer {
    for patient in known {
        turn.touched(&patient.vendor_id);
    }
    let same: Vec<&Patient> = known.iter().filter(|one| fits_given(first, one) == Fit::Wholly).collect();
    let Some(patient) = same.iter().find(|one| has_phone(one, phone)).or(same.first()) else {
        let ids: Vec<&str> = known.iter().map(|one| one.vendor_id.as_str()).collect();
        turn.wants("similarTo", ids.join(" "));
        return turn.say(&SIMILAR, &[]);
    };
    turn.remember(&[&patient.vendor_id], Proof::NameAndBirth).await;
    turn.say(&ALREADY, &[("firstName", patient.name.first.expose())])
        .with("patientId", patient.vendor_id.as_str())
        .with("existing", true)
}

/// Whom the patient is filed under: whom the practice chose, or the first who takes appointments.
pub(super) async fn file_under(turn: &mut Turn<'_>) -> Result<String, Stop> {
    if let Some(clinician) = &turn.desk.settings.default_clinician {
        return Ok(clinician.clone());
    }
    let stop = Stop::Answer(turn.say(&sentences::CANNOT_HERE, &[]));
    let Some(covers) = turn.whole_days(turn.desk.now, 7) else { return Err(stop) };
    let (_, book) = turn.calendar(covers).await?;
    let mut bookable: Vec<_> = book.clinicians.iter().filter(|clinician| clinician.bookable).collect();
    bookable.sort_by_key(|clinician| clinician.kind != domain::ClinicianKind::Provider);
    bookable.first().map(|clinician| clinician.vendor_id.clone()).ok_or(stop)
}

async fn answer(turn: &mut Turn<'_>, writeback: WritebackId, first: &str) -> Result<ToolAnswer, Stop> {
    let (template, patient) = match turn.news(writeback).await {
        WriteNews::Succeeded { created } => (&CREATED, created),
        WriteNews::Waiting => (&ON_ITS_WAY, None),
        WriteNews::Offline => (&OFFLINE, None),
        WriteNews::Unknown => (&NOT_KNOWN, None),
        ended @ (WriteNews::Failed(_) | WriteNews::Parked) => {
            // One that was set aside may be in the practice's system all the same.
            let parked = ended == WriteNews::Parked;
            let said = if parked { &sentences::PATIENT_NOT_COMPLETE } else { &sentences::PATIENT_NOT_MADE };
            return Ok(turn.say(said, &[]).with("writebackId", writeback.to_string()));
        }
    };
    if let Some(vendor_id) = &patient {
        turn.touched(vendor_id);
    }
    let written = writeback.to_string();
    let ids: Vec<&str> = [Some(written.as_str()), patient.as_deref()].into_iter().flatten().collect();
    turn.remember(&ids, Proof::NameAndBirth).await;
    Ok(turn
        .say(template, &[("firstName", first)])
        .with("patientId", patient.unwrap_or_else(|| writeback.to_string()))
        .with("writebackId", writeback.to_string()))
}
