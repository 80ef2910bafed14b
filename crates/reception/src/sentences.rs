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

/// Too many wrong names and dates of birth in one call.
pub(crate) const IDENTITY_LOCKED: Template = Template {
    code: "identity_locked",
    status: Status::NeedsStaff,
    en: "I couldn't make sure who I'm speaking with, so I can't open any record in this call. The clinic's staff will help you.",
    es: "No pude comprobar con quién hablo, así que en esta llamada ya no puedo abrir ningún registro. El personal de la clínica le ayudará.",
    fr: "Je n'ai pas pu vérifier à qui je parle, je ne peux donc plus ouvrir de dossier pendant cet appel. Le personnel de la clinique va vous aider.",
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

/// The general sentences, for the registry's list.
pub(crate) const ALL: &[&Template] = &[
    &CANNOT_HERE,
    &PRACTICE_OFFLINE,
    &NOT_CONNECTED,
    &UNREACHABLE,
    &NOT_SURE_RECORDED,
    &IDENTITY_NEEDED,
    &IDENTITY_LOCKED,
    &PATIENT_PENDING,
    &PATIENT_NOT_MADE,
];
