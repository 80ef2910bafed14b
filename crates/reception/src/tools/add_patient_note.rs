use pms::{NewNote, Operation, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::{OwnBook, identified};
use crate::ports::{NewWrite, Requested, WriteNews};
use crate::proof::{Given, Who};
use crate::turn::Turn;
use crate::{Status, Template};

const NAME: &str = "addPatientNote";

/// Arguments of `addPatientNote`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AddPatientNote {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// What the clinic should know, in one or two sentences.
    #[schemars(length(min = 1, max = 500))]
    note: String,
    #[serde(flatten)]
    who: Who,
}

const NOTED: Template = Template {
    code: "noted",
    status: Status::Confirmed,
    en: "I've added that to the patient's record.",
    es: "Lo añadí al registro del paciente.",
    fr: "Je l'ai ajouté au dossier du patient.",
};
const ON_ITS_WAY: Template = Template {
    code: "note_on_its_way",
    status: Status::Accepted,
    en: "Your note is on its way to the clinic. It isn't in the record yet.",
    es: "Su nota va en camino a la clínica. Todavía no está en el registro.",
    fr: "Votre note est en route vers la clinique. Elle n'est pas encore dans le dossier.",
};
const NOT_KNOWN: Template = Template {
    code: "note_not_known_yet",
    status: Status::Unknown,
    en: "I've sent your note to the clinic, but I haven't heard back yet.",
    es: "Envié su nota a la clínica, pero todavía no tengo respuesta.",
    fr: "J'ai transmis votre note à la clinique, mais je n'ai pas encore de réponse.",
};
const OFFLINE: Template = Template {
    code: "note_kept_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. I've kept your note; it isn't in the record yet.",
    es: "En este momento no hay conexión con la computadora de la clínica. Guardé su nota; todavía no está en el registro.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. J'ai gardé votre note ; elle n'est pas encore dans le dossier.",
};
const STAFF: Template = Template {
    code: "note_needs_staff",
    status: Status::NeedsStaff,
    en: "I couldn't add that to the record in the clinic's system. Please tell the clinic's staff.",
    es: "No pude añadirlo al registro en el sistema de la clínica. Dígaselo al personal de la clínica, por favor.",
    fr: "Je n'ai pas pu ajouter cela au dossier dans le système de la clinique. Dites-le au personnel de la clinique, s'il vous plaît.",
};

const SENTENCES: &[&Template] = &[&NOTED, &ON_ITS_WAY, &NOT_KNOWN, &OFFLINE, &STAFF];

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Add a note for the clinic to an identified patient's record, such as what they would like the clinic to know before a visit.",
        access: Access::Writes,
        needs: &[Operation::AddNote, Operation::ReadPatient],
        audit_action: "patient.note",
        arguments: schema_of::<AddPatientNote>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: AddPatientNote = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        turn.require(Operation::AddNote)?;
        let clinician = match patient.usual_clinician.clone().or(turn.desk.settings.default_clinician.clone())
        {
            Some(clinician) => Some(clinician),
            None => {
                let book = OwnBook::read(turn, &patient.vendor_id).await?;
                book.clinicians.iter().find(|one| one.bookable).map(|one| one.vendor_id.clone())
            }
        };
        let Some(clinician) = clinician else { return Ok(turn.say(&STAFF, &[])) };
        // Who says the same in another call, or without one on another day, says it once more.
        let day = turn.desk.zone.to_datetime(turn.desk.now).date().to_string();
        let intent = ["note", patient.vendor_id.as_str(), &raw.note, turn.call().unwrap_or(&day)];
        let write = NewWrite {
            intent_key: turn.reception.intent_key(turn.desk, &intent),
            once_for_all: Vec::new(),
            write: Write::AddNote(NewNote {
                patient: patient.vendor_id,
                clinician,
                text: raw.note.into(),
                at: turn.desk.now,
                time_zone: turn.desk.zone.iana_name().unwrap_or("UTC").to_owned(),
            }),
            claim: None,
            depends_on: None,
            needed_by: turn.worth_sending_until(),
        };
        let Some(Requested::New(writeback) | Requested::Joined(writeback)) = turn.request(write).await?
        else {
            return Ok(turn.say(&STAFF, &[]));
        };
        let template = match turn.news(writeback).await {
            WriteNews::Succeeded { .. } => &NOTED,
            WriteNews::Waiting => &ON_ITS_WAY,
            WriteNews::Unknown => &NOT_KNOWN,
            WriteNews::Offline => &OFFLINE,
            WriteNews::Failed(_) | WriteNews::Parked => &STAFF,
        };
        Ok(turn.say(template, &[]).with("writebackId", writeback.to_string()))
    })
}
