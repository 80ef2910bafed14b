//! Which kind of visit is meant, among those that staff offer, and with whom it is.

use availability::takes_patients;
use domain::{AppointmentType, ClinicianKind, DayBook, words};
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

/// With whom a visit is where the caller names nobody.
pub(super) struct WithWhom {
    /// They, by the vendor's ids.
    pub(super) clinicians: Vec<String>,
    /// Staff say so, or what it is called says that and nothing else: otherwise it is only whom one asks first.
    pub(super) is_said: bool,
}

impl WithWhom {
    /// `with`: what staff say of its kind; without it, what sounds like a cleaning in `called` is a hygienist's, and
    /// everything else is of those who treat. Where a practice has none of these it is of the others.
    pub(super) fn of(book: &DayBook, with: Option<ClinicianKind>, called: &[Option<&str>]) -> Self {
        let of_kind = |kind: ClinicianKind| -> Vec<String> {
            let kept = book.clinicians.iter().filter(|one| takes_patients(one) && one.kind == kind);
            kept.map(|one| one.vendor_id.clone()).collect()
        };
        let (treat, clean) = (of_kind(ClinicianKind::Provider), of_kind(ClinicianKind::Hygienist));
        let sounds = called.iter().flatten().any(|text| has_a_cleaning(text));
        let cleaning = with.map_or(sounds, |with| with == ClinicianKind::Hygienist);
        let clinicians = match (cleaning && !clean.is_empty(), treat.is_empty()) {
            (true, _) | (false, true) => clean,
            (false, false) => treat,
        };
        let is_said = with.is_some() || called.iter().flatten().any(|text| is_a_cleaning(text));
        Self { clinicians, is_said }
    }
}

const CLEANING: [&str; 8] =
    ["cleaning", "clean", "hygiene", "hygienist", "limpieza", "higiene", "nettoyage", "detartrage"];

/// What may stand beside the word without making another visit of it.
const BESIDE: [&str; 3] = [
    "a an the my of teeth dental regular routine visit appointment",
    "un una la mi de los dientes cita consulta", // spelling: es
    "une le les ma mon des dents dentaire visite rendez vous", // spelling: es
];

fn has_a_cleaning(text: &str) -> bool {
    words(text).iter().any(|word| CLEANING.contains(&word.as_str()))
}

/// Whether that is all a text says: a toothache has a story, and the last cleaning may be in it.
fn is_a_cleaning(text: &str) -> bool {
    let is_beside = |word: &String| BESIDE.iter().flat_map(|words| words.split(' ')).any(|one| one == word);
    let said = words(text);
    has_a_cleaning(text) && said.iter().all(|word| CLEANING.contains(&word.as_str()) || is_beside(word))
}
