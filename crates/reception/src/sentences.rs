//! What every tool may have to say. A tool's own sentences stand beside it.

pub(crate) mod changes;
pub(crate) mod input;

use crate::{Status, Template};

/// The practice's system cannot do it: nothing was tried.
pub(crate) const CANNOT_HERE: Template = Template {
    code: "cannot_here",
    status: Status::NeedsStaff,
    en: "I can't do that in this clinic's system. The clinic's staff can do it for you.",
    es: "No puedo hacer eso en el sistema de esta clínica. El personal de la clínica puede hacerlo.",
    fr: "Je ne peux pas faire cela dans le système de cette clinique. Le personnel de la clinique peut s'en occuper.",
};

/// The practice's own server is off.
pub(crate) const PRACTICE_OFFLINE: Template = Template {
    code: "practice_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. The clinic's staff can help you with this.",
    es: "En este momento no hay conexión con la computadora de la clínica. El personal puede ayudarle.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. Le personnel de la clinique peut vous aider.",
};

/// The practice must connect again, or has not been read for the first time.
pub(crate) const NOT_CONNECTED: Template = Template {
    code: "not_connected",
    status: Status::NeedsStaff,
    en: "I don't have access to this clinic's records. The clinic's staff can help you with this.",
    es: "No tengo acceso a los registros de esta clínica. El personal de la clínica puede ayudarle.",
    fr: "Je n'ai pas accès aux dossiers de cette clinique. Le personnel de la clinique peut vous aider.",
};

/// A passing failure.
pub(crate) const UNREACHABLE: Template = Template {
    code: "records_unreachable",
    status: Status::Unknown,
    en: "I can't see the clinic's records right now. Shall I try again?",
    es: "En este momento no puedo ver los registros de la clínica. ¿Quiere que lo intente de nuevo?",
    fr: "Je ne peux pas voir les dossiers de la clinique en ce moment. Voulez-vous que je réessaie ?",
};

/// Our own rows did not answer: whether the wish was recorded is not known, and asking again joins it.
pub(crate) const NOT_SURE_RECORDED: Template = Template {
    code: "not_sure_recorded",
    status: Status::Unknown,
    en: "I couldn't make sure that your request was saved. Let me try once more.",
    es: "No pude comprobar si su solicitud quedó guardada. Permítame intentarlo otra vez.",
    fr: "Je n'ai pas pu vérifier que votre demande a bien été enregistrée. Je réessaie tout de suite.",
};

/// The caller has not shown who they are.
pub(crate) const IDENTITY_NEEDED: Template = Template {
    code: "identity_needed",
    status: Status::Refused,
    en: "Before I can open that record, I need the patient's full name and date of birth.",
    es: "Antes de abrir ese registro necesito el nombre completo y la fecha de nacimiento del paciente.",
    fr: "Avant d'ouvrir ce dossier, il me faut le nom complet et la date de naissance du patient.",
};

/// Too many wrong names and dates of birth in one call or conversation.
pub(crate) const IDENTITY_LOCKED: Template = Template {
    code: "identity_locked",
    status: Status::NeedsStaff,
    en: "I couldn't make sure who I'm speaking with, so I can't open any record for now. The clinic's staff will help you.",
    es: "No pude comprobar con quién hablo, así que por ahora ya no puedo abrir ningún registro. El personal de la clínica le ayudará.",
    fr: "Je n'ai pas pu vérifier à qui je parle, je ne peux donc plus ouvrir de dossier pour l'instant. Le personnel de la clinique va vous aider.",
};

/// The patient is still being made.
pub(crate) const PATIENT_PENDING: Template = Template {
    code: "patient_pending",
    status: Status::Accepted,
    en: "The registration is on its way to the clinic. It isn't complete yet.",
    es: "El registro va en camino a la clínica. Todavía no está completo.",
    fr: "L'inscription est en route vers la clinique. Elle n'est pas encore terminée.",
};

/// The patient could not be made.
pub(crate) const PATIENT_NOT_MADE: Template = Template {
    code: "patient_not_made",
    status: Status::NeedsStaff,
    en: "The registration didn't go through. The clinic's staff will have to complete it first.",
    es: "El registro no se pudo completar. Primero el personal de la clínica tendrá que terminarlo.",
    fr: "L'inscription n'a pas abouti. Le personnel de la clinique devra d'abord la terminer.",
};

/// The patient may have been made: a person has to find out.
pub(crate) const PATIENT_NOT_COMPLETE: Template = Template {
    code: "patient_not_complete",
    status: Status::NeedsStaff,
    en: "The registration isn't complete yet. The clinic's staff will see to it.",
    es: "El registro todavía no está completo. El personal de la clínica se ocupará de él.",
    fr: "L'inscription n'est pas encore terminée. Le personnel de la clinique s'en occupera.",
};

/// After an answer from a copy that is not quite new.
pub(crate) const STALE: Template = Template {
    code: "calendar_stale",
    status: Status::Ok,
    en: "I last saw the clinic's calendar {age} ago, so it may have changed.",
    es: "Vi el calendario de la clínica hace {age}, así que puede haber cambiado.",
    fr: "J'ai vu l'agenda de la clinique il y a {age}, il a donc pu changer.",
};

/// After an answer from a copy whose age nobody knows: it may be an old one.
pub(crate) const AGE_UNKNOWN: Template = Template {
    code: "calendar_age_unknown",
    status: Status::Ok,
    en: "I can't tell how recent my view of the clinic's calendar is, so it may have changed.",
    es: "No sé de cuándo es lo que veo del calendario de la clínica, así que puede haber cambiado.",
    fr: "Je ne sais pas de quand date l'agenda de la clinique que je vois, il a donc pu changer.",
};

/// Who asks can try as often as they like: nothing tells one of their questions from another's.
pub(crate) const IDENTITY_WITHOUT_CALL: Template = Template {
    code: "identity_without_call",
    status: Status::NeedsStaff,
    en: "I can't make sure here who I'm speaking with, so I can't open any record. The clinic's staff will help you.",
    es: "Aquí no puedo comprobar con quién hablo, así que no puedo abrir ningún registro. El personal de la clínica le ayudará.",
    fr: "Je ne peux pas vérifier ici à qui je parle, je ne peux donc ouvrir aucun dossier. Le personnel de la clinique va vous aider.",
};

/// The general sentences, for the registry's list.
pub(crate) const ALL: &[&Template] = &[
    &CANNOT_HERE,
    &PRACTICE_OFFLINE,
    &NOT_CONNECTED,
    &UNREACHABLE,
    &NOT_SURE_RECORDED,
    &IDENTITY_NEEDED,
    &IDENTITY_LOCKED,
    &IDENTITY_WITHOUT_CALL,
    &PATIENT_PENDING,
    &PATIENT_NOT_MADE,
    &PATIENT_NOT_COMPLETE,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use domain::{Clinician, ClinicianKind, Currency, Money};
    use jiff::Zoned;

    use super::*;
    use crate::Language;
    use crate::spoken::{self, Offer};

    fn offers(language: Language) -> [Offer; 2] {
        let lee = Clinician {
            vendor_id: "1".into(),
            spoken_name: "Dr Lee".into(),
            full_name: "Susan Lee".into(),
            kind: ClinicianKind::Provider,
            bookable: true,
        };
        ["2026-11-24T14:30-05:00[America/New_York]", "2026-12-01T09:00-05:00[America/New_York]"]
            .map(|at| Offer::of(language, at.parse::<Zoned>().unwrap(), Some(&lee)))
    }

    /// What may stand in a gap, made as the tools make it.
    fn filled(template: &Template, language: Language) -> String {
        let [first, second] = offers(language);
        let one = match template.code {
            "balance_as_of" => spoken::moment(language, &first.at),
            _ => spoken::offer(language, &first),
        };
        let kinds = ["Crown".to_owned(), "Check-up".to_owned()];
        let fills = [
            ("when", one.clone()),
            ("first", one.clone()),
            ("offer", one),
            ("second", spoken::offer(language, &second)),
            ("offers", spoken::offers(language, &[first, second])),
            ("age", spoken::age(language, 181)),
            ("amount", spoken::money(language, Money::new(14_070, Currency::Usd))),
            ("expected", spoken::money(language, Money::new(10_000, Currency::Usd))),
            ("firstName", "Anna".to_owned()),
            ("minutes", "90".to_owned()),
            ("count", "7".to_owned()),
            ("thing", input::thing("dateOfBirth", language).to_owned()),
            ("carrier", "Larkmoor Mutual".to_owned()),
            ("with", "Sam Reyes".to_owned()),
            ("other", offers(language)[0].with.clone()),
        ];
        let names = match template.code {
            "providers" => spoken::all_of(language, &[offers(language)[0].with.clone(), "Sam Reyes".into()]),
            "appointment_type_unknown" => spoken::either(language, &kinds),
            _ => spoken::all_of(language, &kinds),
        };
        let mut fills: Vec<(&str, &str)> = fills.iter().map(|(gap, value)| (*gap, value.as_str())).collect();
        fills.push(("names", &names));
        for gap in template.en.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            assert!(fills.iter().any(|(known, _)| *known == gap), "nothing is known for {gap}");
        }
        template.fill(language, &fills)
    }

    #[test]
    fn every_sentence_as_it_is_said_with_its_gaps_filled() {
        let templates: BTreeMap<&str, &Template> = crate::tools()
            .iter()
            .flat_map(|tool| tool.sentences.iter().copied())
            .filter(|template| template.en.contains('{'))
            .map(|template| (template.code, template))
            .collect();
        let mut all = String::new();
        for (code, template) in templates {
            let _ = writeln!(all, "{code}");
            for language in Language::ALL {
                let said = filled(template, language);
                let _ = writeln!(all, "  {said}");
                // No French preposition runs into the article of what follows it, and none is lost.
                for broken in [" à le ", " de le ", " de les ", " de el ", "avec Dr", "con Dr", "  "] {
                    assert!(!said.contains(broken), "{said}");
                }
            }
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn every_field_as_it_is_asked_for() {
        let mut fields: Vec<&str> = crate::tools()
            .iter()
            .flat_map(|tool| tool.arguments["properties"].as_object().into_iter().flatten())
            .map(|(name, _)| name.as_str())
            .collect();
        fields.sort_unstable();
        fields.dedup();
        let mut all = String::new();
        for field in fields {
            let _ = writeln!(all, "{field}");
            for language in Language::ALL {
                let thing = input::thing(field, language);
                for template in [&input::MISSING, &input::WRONG_TYPE] {
                    let _ = writeln!(all, "  {}", template.fill(language, &[("thing", thing)]));
                }
                let patient = input::thing("patientId", language);
                assert!(field == "patientId" || thing != patient, "{field} is asked for as the patient");
            }
        }
        insta::assert_snapshot!(all);
    }
}
