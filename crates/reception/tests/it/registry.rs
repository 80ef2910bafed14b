use std::collections::BTreeMap;
use std::fmt::Write as _;

use reception::{Access, Language, Status, Template, tools};

fn sentences() -> BTreeMap<&'static str, &'static Template> {
    let all = tools().iter().flat_map(|tool| tool.sentences.iter().copied());
    all.map(|template| (template.code, template)).collect()
}

#[test]
fn the_registry_is_as_agreed() {
    let names: Vec<(&str, Access, &str)> =
        tools().iter().map(|tool| (tool.name, tool.access, tool.audit_action)).collect();
    assert_eq!(
        names,
        [
            ("searchPatients", Access::Reads, "patient.search"),
            ("getPatientInfo", Access::Reads, "patient.read"),
            ("createPatient", Access::Writes, "patient.create"),
            ("updatePatient", Access::Writes, "patient.update"),
            ("checkAvailability", Access::Reads, "availability.check"),
            ("bookAppointment", Access::Writes, "appointment.book"),
            ("getAppointments", Access::Reads, "appointment.read"),
            ("rescheduleAppointment", Access::Writes, "appointment.reschedule"),
            ("cancelAppointment", Access::Writes, "appointment.cancel"),
            ("addPatientNote", Access::Writes, "patient.note"),
            ("listProviders", Access::Reads, "provider.list"),
            ("listAppointmentTypes", Access::Reads, "appointment_type.list"),
            ("getPatientBalance", Access::Reads, "patient.balance.read"),
            ("getPatientInsurance", Access::Reads, "patient.insurance.read"),
            ("processPayment", Access::Writes, "payment.record"),
        ]
    );
    let schemas: BTreeMap<&str, &serde_json::Value> =
        tools().iter().map(|tool| (tool.name, &tool.arguments)).collect();
    insta::assert_json_snapshot!(schemas);
}

#[test]
fn every_sentence_in_every_language() {
    let mut all = String::new();
    for (code, template) in sentences() {
        let status = serde_json::to_string(&template.status).unwrap();
        let _ = writeln!(all, "{code} {status}\n  {}\n  {}\n  {}", template.en, template.es, template.fr);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn p5_only_a_confirmed_sentence_claims_a_booking() {
    const CLAIMS: [&str; 20] = [
        "booked",
        "reserved",
        "scheduled",
        "all set",
        "see you",
        "registered",
        "you have an appointment",
        "reservada",
        "reservado",
        "agendada",
        "programada",
        "tiene cita",
        "está listo",
        "lo esperamos",
        "est réservé",
        "est déjà réservé",
        "est inscrit",
        "est prêt",
        "vous avez rendez-vous",
        "vous attend",
    ];
    for (code, template) in sentences() {
        for text in Language::ALL.map(|language| template.text(language)) {
            let text = text.to_lowercase();
            let claims = CLAIMS.iter().any(|claim| text.contains(claim));
            assert!(!claims || template.status == Status::Confirmed, "{code}: {text}");
            // "Confirmed" may only be said to be missing or to come.
            let bare = [
                "isn't confirmed",
                "no está confirmada",
                "confirmará",
                "confirms it",
                "will confirm",
                "confirme",
                "n'est pas encore confirmée",
                "n'est pas confirmée",
            ];
            let rest = bare.iter().fold(text.clone(), |text, allowed| text.replace(allowed, ""));
            assert!(!rest.contains("confirm") || template.status == Status::Confirmed, "{code}: {text}");
        }
    }
}

#[test]
fn p5_only_a_confirmed_sentence_claims_that_something_was_changed() {
    const CLAIMS: [&str; 15] = [
        "your appointment is cancelled",
        "votre rendez-vous est annulé",
        "a été déplacé",
        "c'est maintenant",
        "était déjà annulé",
        "est déjà à cette heure",
        "je l'ai ajouté",
        "has been moved",
        "it is now",
        "i've added",
        "su cita está cancelada",
        "su cita se cambió",
        "ahora es",
        "lo añadí",
        "already been cancelled",
    ];
    for (code, template) in sentences() {
        for text in Language::ALL.map(|language| template.text(language)) {
            let text = text.to_lowercase();
            let claims = CLAIMS.iter().any(|claim| text.contains(claim));
            assert!(!claims || template.status == Status::Confirmed, "{code}: {text}");
        }
    }
}

#[test]
fn p5_what_nobody_at_the_clinic_is_told_of_promises_no_word_from_them() {
    const PROMISES: [&str; 13] = [
        "will confirm",
        "clinic confirms",
        "will check",
        "tells you",
        "get back",
        "get in touch",
        "confirmará",    // spelling: es
        "revisará",      // spelling: es
        "avise",         // spelling: es
        "se comunicará", // spelling: es
        "confirmera",    // spelling: es
        "va vérifier",   // spelling: es
        "recontactera",  // spelling: es
    ];
    for (code, template) in sentences() {
        let leaves_no_task = matches!(template.status, Status::Accepted | Status::Unknown);
        for text in Language::ALL.map(|language| template.text(language)) {
            let text = text.to_lowercase();
            let promises = PROMISES.iter().any(|promise| text.contains(promise));
            assert!(!promises || !leaves_no_task, "{code}: {text}");
        }
    }
}

#[test]
fn every_sentence_can_be_spoken() {
    let gaps = |text: &str| {
        let mut gaps: Vec<String> =
            text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect();
        gaps.sort();
        gaps
    };
    for (code, template) in sentences() {
        assert_eq!(gaps(template.en), gaps(template.es), "{code}");
        assert_eq!(gaps(template.en), gaps(template.fr), "{code}");
        for language in Language::ALL {
            let text = template.text(language);
            assert!(text.chars().count() <= 200, "{code}: too long to listen to");
            assert!(!text.is_empty(), "{code}: nothing to say");
            assert!(text.ends_with(['.', '?']), "{code}");
            assert!(!text.contains(['\n', '_', '"', '(', '/']), "{code}: not speakable");
            assert!(!text.to_lowercase().contains("error"), "{code}");
        }
    }
}

#[test]
fn one_code_is_one_sentence() {
    let mut seen: BTreeMap<&str, Vec<Template>> = BTreeMap::new();
    for template in tools().iter().flat_map(|tool| &tool.sentences) {
        let known = seen.entry(template.code).or_default();
        if !known.contains(template) {
            known.push(**template);
        }
    }
    let doubled: Vec<&str> = seen.iter().filter(|(_, all)| all.len() > 1).map(|(code, _)| *code).collect();
    assert_eq!(doubled, Vec::<&str>::new());
}
