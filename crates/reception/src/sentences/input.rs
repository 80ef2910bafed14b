//! What is said when an argument cannot be taken.

use crate::{Language, Status, Template};

const fn refused(code: &'static str, en: &'static str, es: &'static str, fr: &'static str) -> Template {
    Template { code, status: Status::Refused, en, es, fr }
}

pub(crate) const MISSING: Template = refused(
    "missing",
    "Could you tell me {thing}?",
    "¿Me puede decir {thing}?",
    "Pouvez-vous me donner {thing} ?",
);
pub(crate) const EMPTY: Template = refused(
    "empty",
    "I didn't hear that. Could you tell me {thing}?",
    "No lo escuché. ¿Me puede decir {thing}?",
    "Je n'ai pas entendu. Pouvez-vous me donner {thing} ?",
);
pub(crate) const WRONG_TYPE: Template = refused(
    "wrong_type",
    "I didn't get that right. Could you tell me {thing} again?",
    "No lo entendí bien. ¿Me puede repetir {thing}?",
    "Je n'ai pas bien compris. Pouvez-vous me redonner {thing} ?",
);
pub(crate) const TOO_LONG: Template = refused(
    "too_long",
    "That was more than I can take down. Could you say {thing} in a few words?",
    "Eso es más de lo que puedo anotar. ¿Me puede decir {thing} en pocas palabras?",
    "C'est plus que ce que je peux noter. Pouvez-vous me donner {thing} en quelques mots ?",
);
pub(crate) const CONTROL: Template = refused(
    "control_character",
    "I didn't get that right. Could you tell me {thing} again?",
    "No lo entendí bien. ¿Me puede repetir {thing}?",
    "Je n'ai pas bien compris. Pouvez-vous me redonner {thing} ?",
);
pub(crate) const NOT_A_CHOICE: Template = refused(
    "not_a_choice",
    "I didn't get that right. Could you tell me {thing} again?",
    "No lo entendí bien. ¿Me puede repetir {thing}?",
    "Je n'ai pas bien compris. Pouvez-vous me redonner {thing} ?",
);
pub(crate) const OUT_OF_RANGE: Template = refused(
    "out_of_range",
    "I can't use that for {thing}. Could you choose another?",
    "No puedo usar eso para {thing}. ¿Puede elegir otra opción?",
    "Je ne peux pas prendre cela pour {thing}. Pouvez-vous choisir autre chose ?",
);
pub(crate) const NOT_A_DATE: Template = refused(
    "not_a_date",
    "I don't find that date in the calendar. Could you tell me {thing} again, with day, month and year?",
    "No encuentro esa fecha en el calendario. ¿Me puede repetir {thing}, con día, mes y año?",
    "Je ne trouve pas cette date dans le calendrier. Pouvez-vous me redonner {thing}, avec le jour, le mois et l'année ?",
);
pub(crate) const BORN_LATER: Template = refused(
    "date_in_future",
    "That date is still to come. Could you tell me {thing} again?",
    "Esa fecha todavía no ha llegado. ¿Me puede repetir {thing}?",
    "Cette date n'est pas encore arrivée. Pouvez-vous me redonner {thing} ?",
);
pub(crate) const DATE_PASSED: Template = refused(
    "date_in_past",
    "That day has already passed. Which day would you like?",
    "Ese día ya pasó. ¿Qué día le gustaría?",
    "Ce jour est déjà passé. Quel jour vous conviendrait ?",
);
pub(crate) const DATE_TOO_FAR: Template = refused(
    "date_too_far",
    "I can't look that far ahead. Is there an earlier day that suits you?",
    "No puedo ver tan adelante. ¿Le sirve un día más cercano?",
    "Je ne peux pas voir aussi loin. Un jour plus proche vous conviendrait-il ?",
);
pub(crate) const RANGE_REVERSED: Template = refused(
    "range_reversed",
    "The last day is before the first. From which day to which day shall I look?",
    "El último día es anterior al primero. ¿Desde qué día hasta qué día busco?",
    "Le dernier jour est avant le premier. De quel jour à quel jour dois-je chercher ?",
);
pub(crate) const NOT_A_PHONE: Template = refused(
    "not_a_phone",
    "I didn't get the phone number right. Could you say it again, digit by digit?",
    "No entendí bien el número de teléfono. ¿Me lo puede repetir, dígito por dígito?",
    "Je n'ai pas bien compris le numéro de téléphone. Pouvez-vous le répéter, chiffre par chiffre ?",
);
pub(crate) const NOT_AN_EMAIL: Template = refused(
    "not_an_email",
    "I didn't get the e-mail address right. Could you spell it?",
    "No entendí bien el correo electrónico. ¿Me lo puede deletrear?",
    "Je n'ai pas bien compris l'adresse courriel. Pouvez-vous l'épeler ?",
);
pub(crate) const NOT_A_NAME: Template = refused(
    "not_a_name",
    "I didn't get that right. Could you spell {thing}?",
    "No lo entendí bien. ¿Me puede deletrear {thing}?",
    "Je n'ai pas bien compris. Pouvez-vous épeler {thing} ?",
);
pub(crate) const NOT_UNDERSTOOD: Template = refused(
    "not_understood",
    "I'm sorry, I didn't get that right. Could you say it again?",
    "Disculpe, no lo entendí bien. ¿Me lo puede repetir?",
    "Désolé, je n'ai pas bien compris. Pouvez-vous répéter ?",
);
pub(crate) const TOOL_UNKNOWN: Template = refused(
    "tool_unknown",
    "I'm sorry, I can't do that. The clinic's staff can help you with it.",
    "Disculpe, eso no lo puedo hacer. El personal de la clínica puede ayudarle.",
    "Désolé, je ne peux pas faire cela. Le personnel de la clinique peut vous aider.",
);
pub(crate) const PATIENT_UNKNOWN: Template = refused(
    "patient_unknown",
    "I don't find that patient. May I have the full name and date of birth?",
    "No encuentro a ese paciente. ¿Me da el nombre completo y la fecha de nacimiento?",
    "Je ne trouve pas ce patient. Puis-je avoir le nom complet et la date de naissance ?",
);
pub(crate) const SLOT_GARBLED: Template = refused(
    "slot_garbled",
    "Let me check the free times again before I go on.",
    "Permítame revisar otra vez los horarios libres antes de seguir.",
    "Je vérifie encore une fois les heures libres avant de continuer.",
);
pub(crate) const SLOT_PASSED: Template = refused(
    "slot_passed",
    "That time has already passed. Shall I look for another?",
    "Esa hora ya pasó. ¿Busco otra?",
    "Cette heure est déjà passée. Voulez-vous que j'en cherche une autre ?",
);

pub(crate) const CARD_NUMBER: Template = refused(
    "card_number",
    "To keep you safe, I can't take card numbers, so please don't say it. I only need the number of a payment that was already made.",
    "Por su seguridad no puedo tomar números de tarjeta, así que no lo diga. Solo necesito el número de un pago que ya se hizo.",
    "Pour votre sécurité, je ne peux pas prendre de numéro de carte, alors ne le dites pas. Il me faut seulement le numéro d'un paiement déjà fait.",
);
pub(crate) const NOTHING_TO_CHANGE: Template = refused(
    "nothing_to_change",
    "What would you like changed: the phone number, the e-mail address or the postal address?",
    "¿Qué desea cambiar: el número de teléfono, el correo electrónico o la dirección postal?",
    "Que souhaitez-vous changer : le numéro de téléphone, l'adresse courriel ou l'adresse postale ?",
);
pub(crate) const CARD_NUMBER_SAID: Template = refused(
    "card_number_said",
    "To keep you safe, I can't take down card numbers, so please don't say it. Could you tell me the rest without it?",
    "Por su seguridad no puedo anotar números de tarjeta, así que no lo diga. ¿Me puede decir lo demás sin ese número?",
    "Pour votre sécurité, je ne peux pas noter de numéro de carte, alors ne le dites pas. Pouvez-vous me dire le reste sans ce numéro ?",
);
pub(crate) const NOT_A_REFERENCE: Template = refused(
    "not_a_reference",
    "I didn't get the number of the payment right. Could you read it again as it stands on the receipt?",
    "No entendí bien el número del pago. ¿Me lo puede leer otra vez tal como está en el recibo?",
    "Je n'ai pas bien compris le numéro du paiement. Pouvez-vous le relire tel qu'il figure sur le reçu ?",
);

pub(crate) const APPOINTMENT_UNKNOWN: Template = refused(
    "appointment_unknown",
    "I don't find that appointment for this patient. Shall I look up the ones to come?",
    "No encuentro esa cita de este paciente. ¿Busco las próximas?",
    "Je ne trouve pas ce rendez-vous pour ce patient. Voulez-vous que je cherche les prochains ?",
);

pub(crate) const NOT_A_TIME: Template = refused(
    "not_a_time",
    "I didn't get that time right. Could you tell me {thing} again?",
    "No entendí bien la hora. ¿Me puede repetir {thing}?",
    "Je n'ai pas bien compris l'heure. Pouvez-vous me redonner {thing} ?",
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
    &CARD_NUMBER,
    &NOTHING_TO_CHANGE,
    &CARD_NUMBER_SAID,
    &NOT_A_REFERENCE,
    &NOT_A_TIME,
];

/// What a field is called when a person is asked for it.
pub(crate) fn thing(path: &str, language: Language) -> &'static str {
    let (en, es, fr) = match path {
        "firstName" => ("the first name", "el nombre", "le prénom"),
        "lastName" => ("the last name", "el apellido", "le nom de famille"),
        "dateOfBirth" => ("the date of birth", "la fecha de nacimiento", "la date de naissance"),
        "phone" => ("the phone number", "el número de teléfono", "le numéro de téléphone"),
        "email" => ("the e-mail address", "el correo electrónico", "l'adresse courriel"),
        "address" => ("the postal address", "la dirección postal", "l'adresse postale"),
        "from" | "to" => ("the day", "el día", "le jour"),
        "reason" => ("the reason for the visit", "el motivo de la visita", "le motif de la visite"),
        "provider" => (
            "who you would like to see",
            "con quién le gustaría la cita",
            "le nom de la personne que vous aimeriez voir",
        ),
        "partOfDay" => (
            "whether you prefer the morning or the afternoon",
            "si prefiere la mañana o la tarde",
            "votre préférence, le matin ou l'après-midi",
        ),
        "notBefore" => (
            "from what time on",
            "desde qué hora quiere que busque",
            "l'heure à partir de laquelle vous êtes libre",
        ),
        "durationMinutes" => ("the length of the visit", "la duración de la visita", "la durée de la visite"),
        "appointmentId" => (
            "which appointment this is about",
            "de qué cita se trata",
            "la date du rendez-vous dont il s'agit",
        ),
        "appointmentType" => ("what kind of visit it is", "qué tipo de visita es", "le type de visite"),
        "note" => ("what the note should say", "qué debe decir la nota", "le texte de la note"),
        "slotId" => ("the time you would like", "la hora que prefiere", "l'heure que vous préférez"),
        "reference" => ("the number of the payment", "el número del pago", "le numéro du paiement"),
        "amount" => ("the amount", "el importe", "le montant"),
        "currency" => ("the currency", "la moneda", "la devise"),
        "method" => ("how it was paid", "la forma de pago", "le mode de paiement"),
        _ => ("which patient this is for", "para qué paciente es", "le nom du patient concerné"),
    };
    match language {
        Language::English => en,
        Language::Spanish => es,
        Language::French => fr,
    }
}
