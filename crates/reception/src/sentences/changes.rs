//! What the tools that look at or change an appointment have to say in common.

use crate::{Status, Template};

/// A change that is nearly over: a second might be carried out before the first.
pub(crate) const UNDER_WAY: Template = Template {
    code: "change_under_way",
    status: Status::Refused,
    en: "Another change of that appointment is still on its way to the clinic. Please try again in a few minutes.",
    es: "Otro cambio de esa cita todavía va en camino a la clínica. Vuelva a intentarlo en unos minutos, por favor.",
    fr: "Un autre changement de ce rendez-vous est encore en route vers la clinique. Réessayez dans quelques minutes, s'il vous plaît.",
};

/// A change that waits for longer than a caller can: a person has to see to the second.
pub(crate) const WAITS: Template = Template {
    code: "change_waits",
    status: Status::NeedsStaff,
    en: "An earlier change of your appointment, {when}, is still waiting for the clinic's system, so I can't make another. The clinic's staff will see to what you want now and get back to you.",
    es: "Un cambio anterior de su cita de {when} todavía espera al sistema de la clínica, así que no puedo hacer otro. El personal se ocupará de lo que quiere ahora y se comunicará con usted.",
    fr: "Un changement déjà demandé pour votre rendez-vous de {when} attend encore le système de la clinique, je ne peux donc pas en faire un autre. Le personnel s'en occupera et vous recontactera.",
};

/// A change that staff have to look into, or made by hand: nobody here knows how the appointment stands.
pub(crate) const WITH_STAFF: Template = Template {
    code: "change_with_staff",
    status: Status::NeedsStaff,
    en: "The clinic's staff have taken over an earlier change of your appointment, {when}, so I can't make another. They will see to what you want now and get back to you.",
    es: "El personal de la clínica se hizo cargo de un cambio anterior de su cita de {when}, así que no puedo hacer otro. También se ocupará de lo que quiere ahora y se comunicará con usted.",
    fr: "Le personnel de la clinique a pris en charge un autre changement de votre rendez-vous de {when}, je ne peux donc pas le changer. Il s'occupera de votre demande et vous recontactera.",
};

/// A request that has no appointment yet, and may have one at any moment: a person has to see what became of it.
pub(crate) const REQUESTED: Template = Template {
    code: "request_under_way",
    status: Status::NeedsStaff,
    en: "Your request for {when} may be in the clinic's system by now, so I can't change it from here. The clinic's staff will see to what you want instead and get back to you.",
    es: "Su solicitud para {when} puede estar ya en el sistema de la clínica, así que no puedo cambiarla desde aquí. El personal se ocupará de lo que quiere ahora y se comunicará con usted.",
    fr: "Votre demande pour {when} est peut-être déjà dans le système de la clinique, je ne peux donc pas la changer d'ici. Le personnel s'occupera de ce que vous voulez et vous recontactera.",
};

/// It was, and cannot be changed.
pub(crate) const PASSED: Template = Template {
    code: "appointment_passed",
    status: Status::Refused,
    en: "That appointment was {when}. It has passed, so I can't change it any more.",
    es: "Esa cita fue {when}. Ya pasó, así que no puedo cambiarla.",
    fr: "Ce rendez-vous était prévu {when}. Il est passé, je ne peux donc plus le changer.",
};

/// What is shown is too old to act on.
pub(crate) const TOO_OLD: Template = Template {
    code: "appointments_too_old",
    status: Status::NeedsStaff,
    en: "I haven't been able to see the clinic's calendar for {age}, so I can't be sure about appointments. The clinic's staff can help you.",
    es: "Hace {age} que no puedo ver el calendario de la clínica, así que no puedo asegurarle nada sobre sus citas. El personal puede ayudarle.",
    fr: "Je n'ai pas pu voir l'agenda de la clinique depuis {age}, je ne peux donc rien affirmer sur vos rendez-vous. Le personnel de la clinique peut vous aider.",
};

/// An entry that may stand or not: nobody moves or cancels what they cannot read.
pub(crate) const UNCLEAR: Template = Template {
    code: "appointment_unclear",
    status: Status::NeedsStaff,
    en: "There is an entry, {when}, but I can't read in the clinic's system whether it stands. The clinic's staff will have to see to it.",
    es: "Hay una anotación para {when}, pero no puedo leer en el sistema de la clínica si sigue en pie. El personal tendrá que ocuparse de ella.",
    fr: "Il y a une inscription pour {when}, mais je ne peux pas lire dans le système de la clinique si elle tient toujours. Le personnel devra s'en occuper.",
};
