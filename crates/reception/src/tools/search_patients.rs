use domain::{Patient, Phone};
use jiff::civil::Date;
use pms::{Operation, PatientQuery};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::guesses::Said;
use crate::identity::{has_phone, matching};
use crate::proof::{Proof, SEARCH};
use crate::turn::{Stop, Turn};
use crate::{Status, Template, ToolAnswer, input};

/// Arguments of `searchPatients`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SearchPatients {
    /// The patient's phone number. Leave it out to search by the number the caller is calling from.
    #[schemars(length(min = 1, max = 40))]
    phone: Option<String>,
    /// Given name.
    #[schemars(length(min = 1, max = 80))]
    first_name: Option<String>,
    /// Family name.
    #[schemars(length(min = 1, max = 80))]
    last_name: Option<String>,
    /// Date of birth, as YYYY-MM-DD.
    #[schemars(length(min = 1, max = 40), extend("format" = "date"))]
    date_of_birth: Option<String>,
}

const FOUND: Template = Template {
    code: "patient_found",
    status: Status::Found,
    en: "Thank you, I found the record for {firstName}.",
    es: "Gracias, encontré el registro de {firstName}.",
    fr: "Merci, j'ai trouvé le dossier de {firstName}.",
};
const FOUND_BY_PHONE: Template = Template {
    code: "patient_found_by_phone",
    status: Status::Found,
    en: "Am I speaking with {firstName}?",
    es: "¿Hablo con {firstName}?",
    fr: "Est-ce que je parle à {firstName} ?",
};
const NONE: Template = Template {
    code: "patient_not_found",
    status: Status::None,
    en: "I don't find anyone with those details. Is this the first visit to the clinic?",
    es: "No encuentro a nadie con esos datos. ¿Es la primera visita a la clínica?",
    fr: "Je ne trouve personne avec ces renseignements. Est-ce la première visite à la clinique ?",
};
const NONE_BY_PHONE: Template = Template {
    code: "phone_not_found",
    status: Status::None,
    en: "I don't find that phone number. May I have the full name and date of birth?",
    es: "No encuentro ese número de teléfono. ¿Me da el nombre completo y la fecha de nacimiento?",
    fr: "Je ne trouve pas ce numéro de téléphone. Puis-je avoir le nom complet et la date de naissance ?",
};
const ASK_WHO: Template = Template {
    code: "ask_who",
    status: Status::None,
    en: "May I have the patient's full name and date of birth?",
    es: "¿Me da el nombre completo y la fecha de nacimiento del paciente?",
    fr: "Puis-je avoir le nom complet et la date de naissance du patient ?",
};
const SEVERAL_ON_PHONE: Template = Template {
    code: "several_on_phone",
    status: Status::Several,
    en: "There is more than one patient with this phone number. May I have the name and date of birth of the one this is for?",
    es: "Hay más de un paciente con este número. ¿Me da el nombre y la fecha de nacimiento de la persona?",
    fr: "Plusieurs patients ont ce numéro de téléphone. Puis-je avoir le nom et la date de naissance de la personne concernée ?",
};
const SEVERAL_ASK_FIRST: Template = Template {
    code: "several_ask_first_name",
    status: Status::Several,
    en: "I find more than one patient with those details. May I have the full first name?",
    es: "Encuentro a más de un paciente con esos datos. ¿Me da el nombre de pila completo?",
    fr: "Je trouve plusieurs patients avec ces renseignements. Puis-je avoir le prénom complet ?",
};
const SEVERAL_ASK_PHONE: Template = Template {
    code: "several_ask_phone",
    status: Status::Several,
    en: "I find more than one record with those details. Which phone number does the clinic have?",
    es: "Encuentro más de un registro con esos datos. ¿Qué número de teléfono tiene la clínica?",
    fr: "Je trouve plusieurs dossiers avec ces renseignements. Quel numéro de téléphone la clinique a-t-elle ?",
};

const SENTENCES: &[&Template] = &[
    &FOUND,
    &FOUND_BY_PHONE,
    &NONE,
    &NONE_BY_PHONE,
    &ASK_WHO,
    &SEVERAL_ON_PHONE,
    &SEVERAL_ASK_FIRST,
    &SEVERAL_ASK_PHONE,
];

pub(crate) fn tool() -> Tool {
    Tool {
        name: SEARCH,
        description: "Find a patient of the clinic by name and date of birth, or by phone number. Call it before anything else that is about a patient.",
        access: Access::Reads,
        needs: &[Operation::SearchPatients],
        audit_action: "patient.search",
        arguments: schema_of::<SearchPatients>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let wanted = Wanted::read(turn, &arguments)?;
        turn.require(Operation::SearchPatients)?;
        let counted = match wanted.born {
            Some(_) => turn.pending(&wanted.said()).await?,
            None => turn.may_still_show().await.map(|()| None)?,
        };
        let answer = if wanted.last.is_some() && wanted.born.is_some() {
            by_name(turn, &wanted).await
        } else if wanted.phone.is_some() {
            by_phone(turn, &wanted).await
        } else {
            Ok(turn.say(&ASK_WHO, &[]))
        };
        turn.settle(counted).await;
        answer
    })
}

struct Wanted {
    first: Option<String>,
    last: Option<String>,
    born: Option<Date>,
    /// The number given, or the caller's own.
    phone: Option<Phone>,
    /// The number is where the call comes from, not one that was only spoken.
    own_phone: bool,
}

impl Wanted {
    fn read(turn: &Turn<'_>, arguments: &Arguments<'_>) -> Result<Self, Stop> {
        let desk = turn.desk;
        let raw: SearchPatients = arguments.read(desk)?;
        let name =
            |path: &str, text: Option<String>| text.map(|text| input::name(desk, path, text)).transpose();
        let given = raw.phone.map(|text| input::phone(desk, "phone", &text)).transpose()?;
        let caller = desk.caller.phone.clone();
        let own_phone = match (&given, &caller) {
            (Some(given), Some(caller)) => given.same_line(caller),
            (None, caller) => caller.is_some(),
            (Some(_), None) => false,
        };
        Ok(Self {
            first: name("firstName", raw.first_name)?,
            last: name("lastName", raw.last_name)?,
            born: raw.date_of_birth.map(|text| input::born(desk, "dateOfBirth", &text)).transpose()?,
            phone: given.or(caller),
            own_phone,
        })
    }

    /// Whether the caller is vouched for, or calls from a number of this patient's.
    fn is_of(&self, turn: &Turn<'_>, patient: &Patient) -> bool {
        let caller = &turn.desk.caller;
        caller.vouched || caller.phone.as_ref().is_some_and(|phone| has_phone(patient, phone))
    }

    fn said(&self) -> Said<'_> {
        Said { first: self.first.as_deref(), last: self.last.as_deref(), born: self.born, of: "" }
    }

    /// Those of the name, whenever they were born.
    fn called(&self, patients: Vec<Patient>) -> Vec<Patient> {
        matching(patients, self.first.as_deref(), self.last.as_deref(), None, None)
    }

    fn among(&self, patients: Vec<Patient>, phone: Option<&Phone>) -> Vec<Patient> {
        matching(patients, self.first.as_deref(), self.last.as_deref(), self.born, phone)
    }
}

/// Name and date of birth: who knows both may hear the rest.
async fn by_name(turn: &mut Turn<'_>, wanted: &Wanted) -> Result<ToolAnswer, Stop> {
    let query = PatientQuery {
        last_name: wanted.last.clone().map(Into::into),
        born: wanted.born.map(Into::into),
        ..PatientQuery::default()
    };
    // Those of the family name born that day who are called otherwise, and those of the name born another day.
    let mut near = turn.search(&query).await?;
    let mut found = wanted.among(near.clone(), None);
    if found.is_empty()
        && let Some(phone) = &wanted.phone
    {
        // The practice may write the name with accents or hyphens that its search insists on.
        let query = PatientQuery { phone: Some(phone.clone()), ..PatientQuery::default() };
        let on_phone = turn.search(&query).await?;
        found = wanted.among(on_phone.clone(), Some(phone));
        near.extend(wanted.called(on_phone));
    }
    if found.is_empty() {
        // Nor may the practice know the phone.
        let that_day = turn.born_that_day(&wanted.said()).await?;
        found = wanted.among(that_day.clone(), None);
        near.extend(that_day);
    }
    if found.is_empty() {
        turn.found_nobody(&wanted.said(), &near).await?;
    }
    if let (Some(phone), 2..) = (&wanted.phone, found.len()) {
        let here: Vec<Patient> = found.iter().filter(|patient| has_phone(patient, phone)).cloned().collect();
        if here.len() == 1 {
            found = here;
        }
    }
    match found.as_slice() {
        [] => Ok(turn.say(&NONE, &[])),
        // A family name and a date are not yet a name and a date: many have the first, and the second is no secret.
        [one] if wanted.first.is_none() && (turn.asks_all() || !wanted.is_of(turn, one)) => {
            Ok(turn.say(&ASK_WHO, &[]))
        }
        [one] => {
            let proof = if wanted.first.is_some() { Proof::NameAndBirth } else { Proof::Phone };
            Ok(one_found(turn, &FOUND, one, proof).await)
        }
        [_, ..] if wanted.first.is_none() => Ok(turn.say(&SEVERAL_ASK_FIRST, &[])),
        [_, ..] => Ok(turn.say(&SEVERAL_ASK_PHONE, &[])),
    }
}

/// A phone: the caller's own one proves something, one that was only spoken needs a name and a date of
/// birth with it before anything is said.
async fn by_phone(turn: &mut Turn<'_>, wanted: &Wanted) -> Result<ToolAnswer, Stop> {
    let vouched = turn.desk.caller.vouched;
    let more = wanted.first.is_some() || wanted.last.is_some() || wanted.born.is_some();
    let named = (wanted.first.is_some() || wanted.last.is_some()) && wanted.born.is_some();
    if turn.asks_all() || (!wanted.own_phone && !vouched && !named) {
        return Ok(turn.say(&ASK_WHO, &[]));
    }
    let proof = if wanted.own_phone { Proof::Phone } else { Proof::NameAndBirth };
    let query = PatientQuery { phone: wanted.phone.clone(), ..PatientQuery::default() };
    let on_phone = turn.search(&query).await?;
    let found = wanted.among(on_phone.clone(), wanted.phone.as_ref());
    if found.is_empty() {
        turn.found_nobody(&wanted.said(), &on_phone).await?;
    }
    match found.as_slice() {
        [] if more && wanted.born.is_none() => Ok(turn.say(&ASK_WHO, &[])),
        [] if more => Ok(turn.say(&NONE, &[])),
        [] => Ok(turn.say(&NONE_BY_PHONE, &[])),
        [one] if more => Ok(one_found(turn, &FOUND, one, proof).await),
        [one] => Ok(one_found(turn, &FOUND_BY_PHONE, one, proof).await),
        several => {
            let answer = turn.say(&SEVERAL_ON_PHONE, &[]);
            if !wanted.own_phone && !vouched {
                return Ok(answer);
            }
            for patient in several {
                turn.touched(&patient.vendor_id);
            }
            let patients: Vec<Value> = several
                .iter()
                .map(|one| json!({ "patientId": one.vendor_id, "firstName": one.name.first.expose() }))
                .collect();
            Ok(answer.with("patients", patients))
        }
    }
}

async fn one_found(turn: &mut Turn<'_>, template: &Template, patient: &Patient, proof: Proof) -> ToolAnswer {
    turn.touched(&patient.vendor_id);
    turn.remember(&[&patient.vendor_id], proof).await;
    let first = patient.name.first.expose().as_str();
    turn.say(template, &[("firstName", first)])
        .with("patientId", patient.vendor_id.as_str())
        .with("firstName", first)
}
