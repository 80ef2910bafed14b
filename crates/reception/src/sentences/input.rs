//! What is said when an argument cannot be taken.

use crate::{Language, Status, Template};

const fn refused(code: &'static str, en: &'static str, es: &'static str) -> Template {
    Template { code, status: Status::Refused, en, es }
}

pub(crate) const MISSING: Template =
    refused("missing", "Could you tell me {thing}?", "¿Me puede decir {thing}?");
pub(crate) const EMPTY: Template = refused(
    "empty",
    "I didn't hear that. Could you tell me {thing}?",
    "No lo escuché. ¿Me puede decir {thing}?",
);
pub(crate) const WRONG_TYPE: Template = refused(
    "wrong_type",
    "I didn't get that right. Could you tell me {thing} again?",
    "No lo entendí bien. ¿Me puede repetir {thing}?",
);
pub(crate) const TOO_LONG: Template = refused(
    "too_long",
    "That was more than I can take down. Could you say {thing} in a few words?",
    "Eso es más de lo que puedo anotar. ¿Me puede decir {thing} en pocas palabras?",
);
pub(crate) const CONTROL: Template = refused(
    "control_character",
    "I didn't get that right. Could you tell me {thing} again?",
    "No lo entendí bien. ¿Me puede repetir {thing}?",
);
pub(crate) const NOT_A_CHOICE: Template = refused(
    "not_a_choice",
    "I didn't get that right. Could you tell me {thing} again?",
    "No lo entendí bien. ¿Me puede repetir {thing}?",
);
pub(crate) const OUT_OF_RANGE: Template = refused(
    "out_of_range",
    "I can't use that for {thing}. Could you choose another?",
    "No puedo usar eso para {thing}. ¿Puede elegir otra opción?",
);
pub(crate) const NOT_A_DATE: Template = refused(
    "not_a_date",
    "I don't find that date in the calendar. Could you tell me {thing} again, with day, month and year?",
    "No encuentro esa fecha en el calendario. ¿Me puede repetir {thing}, con día, mes y año?",
);
pub(crate) const BORN_LATER: Template = refused(
    "date_in_future",
    "That date is still to come. Could you tell me {thing} again?",
    "Esa fecha todavía no ha llegado. ¿Me puede repetir {thing}?",
);
pub(crate) const DATE_PASSED: Template = refused(
    "date_in_past",
    "That day has already passed. Which day would you like?",
    "Ese día ya pasó. ¿Qué día le gustaría?",
);
pub(crate) const DATE_TOO_FAR: Template = refused(
    "date_too_far",
    "I can't look that far ahead. Is there an earlier day that suits you?",
    "No puedo ver tan adelante. ¿Le sirve un día más cercano?",
);
pub(crate) const RANGE_REVERSED: Template = refused(
    "range_reversed",
    "The last day is before the first. From which day to which day shall I look?",
    "El último día es anterior al primero. ¿Desde qué día hasta qué día busco?",
);
pub(crate) const NOT_A_PHONE: Template = refused(
    "not_a_phone",
    "I didn't get the phone number right. Could you say it again, digit by digit?",
    "No entendí bien el número de teléfono. ¿Me lo puede repetir, dígito por dígito?",
);
pub(crate) const NOT_AN_EMAIL: Template = refused(
    "not_an_email",
    "I didn't get the e-mail address right. Could you spell it?",
    "No entendí bien el correo electrónico. ¿Me lo puede deletrear?",
);
pub(crate) const NOT_A_NAME: Template = refused(
    "not_a_name",
    "I didn't get that right. Could you spell {thing}?",
    "No lo entendí bien. ¿Me puede deletrear {thing}?",
);
pub(crate) const NOT_UNDERSTOOD: Template = refused(
    "not_understood",
    "I'm sorry, I didn't get that right. Could you say it again?",
    "Disculpe, no lo entendí bien. ¿Me lo puede repetir?",
);
pub(crate) const TOOL_UNKNOWN: Template = refused(
    "tool_unknown",
    "I'm sorry, I can't do that. The clinic's staff can help you with it.",
    "Disculpe, eso no lo puedo hacer. El personal de la clínica puede ayudarle.",
);
pub(crate) const PATIENT_UNKNOWN: Template = refused(
    "patient_unknown",
    "I don't find that patient. May I have the full name and date of birth?",
    "No encuentro a ese paciente. ¿Me da el nombre completo y la fecha de nacimiento?",
);
pub(crate) const SLOT_GARBLED: Template = refused(
    "slot_garbled",
    "Let me check the free times again before I go on.",
    "Permítame revisar otra vez los horarios libres antes de seguir.",
);
pub(crate) const SLOT_PASSED: Template = refused(
    "slot_passed",
    "That time has already passed. Shall I look for another?",
    "Esa hora ya pasó. ¿Busco otra?",
);

pub(crate) const APPOINTMENT_UNKNOWN: Template = refused(
    "appointment_unknown",
    "I don't find that appointment for this patient. Shall I look up the ones to come?",
    "No encuentro esa cita de este paciente. ¿Busco las próximas?",
);

/// Every refusal of an argument.
pub(crate) const ALL: &[&Template] = &[
    &MISSING,
    &EMPTY,
    &WRONG_TYPE,
    &TOO_LONG,
    &CONTROL,
    &NOT_A_CHOICE,
    &OUT_OF_RANGE,
    &NOT_A_DATE,
    &BORN_LATER,
    &DATE_PASSED,
    &DATE_TOO_FAR,
    &RANGE_REVERSED,
    &NOT_A_PHONE,
    &NOT_AN_EMAIL,
    &NOT_A_NAME,
    &NOT_UNDERSTOOD,
    &TOOL_UNKNOWN,
    &PATIENT_UNKNOWN,
    &SLOT_GARBLED,
    &SLOT_PASSED,
    &APPOINTMENT_UNKNOWN,
];

/// What a field is called when a person is asked for it.
pub(crate) fn thing(path: &str, language: Language) -> &'static str {
    let (en, es) = match path {
        "firstName" => ("the first name", "el nombre"),
        "lastName" => ("the last name", "el apellido"),
        "dateOfBirth" => ("the date of birth", "la fecha de nacimiento"),
        "phone" => ("the phone number", "el número de teléfono"),
        "email" => ("the e-mail address", "el correo electrónico"),
        "from" | "to" => ("the day", "el día"),
        "reason" => ("the reason for the visit", "el motivo de la visita"),
        "provider" => ("who you would like to see", "con quién le gustaría la cita"),
        "partOfDay" => {
            ("whether you prefer the morning or the afternoon", "si prefiere la mañana o la tarde")
        }
        "durationMinutes" => ("the length of the visit", "la duración de la visita"),
        "appointmentId" => ("which appointment this is about", "de qué cita se trata"),
        "note" => ("what the note should say", "qué debe decir la nota"),
        "slotId" => ("the time you would like", "la hora que prefiere"),
        _ => ("which patient this is for", "para qué paciente es"),
    };
    match language {
        Language::English => en,
        Language::Spanish => es,
    }
}
