use availability::Stage;
use domain::WritebackId;
use pms::{Cancellation, Operation, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::check_availability::rfc3339;
use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::{Own, OwnBook, identified};
use crate::ports::{NewWrite, Requested, WriteNews};
use crate::proof::{Given, Who};
use crate::sentences::changes;
use crate::turn::{Stop, Turn};
use crate::{Status, Template, ToolAnswer};

const NAME: &str = "cancelAppointment";

/// Arguments of `cancelAppointment`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CancelAppointment {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// The appointmentId of the appointment, exactly as getAppointments gave it.
    #[schemars(length(min = 1, max = 80))]
    appointment_id: String,
    #[serde(flatten)]
    who: Who,
}

const CANCELLED: Template = Template {
    code: "cancelled",
    status: Status::Confirmed,
    en: "Your appointment is cancelled: {when}.",
    es: "Su cita está cancelada: {when}.",
    fr: "Votre rendez-vous est annulé : {when}.",
};
const ALREADY: Template = Template {
    code: "already_cancelled",
    status: Status::Confirmed,
    en: "That appointment has already been cancelled: {when}.",
    es: "Esa cita ya estaba cancelada: {when}.",
    fr: "Ce rendez-vous était déjà annulé : {when}.",
};
const ON_ITS_WAY: Template = Template {
    code: "cancellation_on_its_way",
    status: Status::Accepted,
    en: "Your wish to cancel your appointment, {when}, is on its way to the clinic's system. It isn't done yet; you can check back later. If it fails, the clinic's staff will see to it.",
    es: "Su petición de cancelar la cita de {when} va en camino al sistema de la clínica. Todavía no está hecha; puede volver a preguntar más tarde. Si falla, el personal se ocupará de ella.",
    fr: "Votre demande d'annuler le rendez-vous de {when} est en route vers le système de la clinique. Ce n'est pas encore fait ; vous pouvez redemander plus tard. En cas d'échec, le personnel s'en occupera.",
};
const NOT_KNOWN: Template = Template {
    code: "cancellation_not_known_yet",
    status: Status::Unknown,
    en: "I've sent the clinic's system your wish to cancel your appointment, {when}, but I haven't heard back. Please don't count on it yet, and check back later. If it failed, the staff will see to it.",
    es: "Envié al sistema de la clínica su petición de cancelar la cita de {when}, pero todavía no tengo respuesta. No la dé por hecha y vuelva a preguntar más tarde. Si falló, el personal se ocupará de ella.",
    fr: "J'ai transmis votre demande d'annuler le rendez-vous de {when}, mais le système n'a pas encore répondu. Ne comptez pas dessus et redemandez plus tard. En cas d'échec, le personnel s'en occupera.",
};
const OFFLINE: Template = Template {
    code: "cancellation_kept_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. I've kept your wish to cancel your appointment, {when}; it isn't done yet, and the clinic will get back to you.",
    es: "En este momento no hay conexión con la computadora de la clínica. Guardé su petición de cancelar la cita de {when}; todavía no está hecha y la clínica se comunicará con usted.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. J'ai gardé votre demande d'annuler le rendez-vous de {when} ; ce n'est pas encore fait, et la clinique vous recontactera.",
};
const STAFF: Template = Template {
    code: "cancellation_needs_staff",
    status: Status::NeedsStaff,
    en: "I couldn't complete this in the clinic's system. The clinic's staff will have to see to your appointment, {when}.",
    es: "No pude completarlo en el sistema de la clínica. El personal de la clínica tendrá que ocuparse de su cita de {when}.",
    fr: "Je n'ai pas pu terminer cela dans le système de la clinique. Le personnel de la clinique devra s'occuper de votre rendez-vous de {when}.",
};

const TAKEN_BACK: Template = Template {
    code: "request_taken_back",
    status: Status::Confirmed,
    en: "I've taken back your request for {when} before it reached the clinic's system. There is no appointment then.",
    es: "Retiré su solicitud para {when} antes de que llegara al sistema de la clínica. No queda ninguna cita a esa hora.",
    fr: "J'ai retiré votre demande pour {when} avant qu'elle n'arrive dans le système de la clinique. Il n'y a donc pas de rendez-vous à ce moment-là.",
};

const SENTENCES: &[&Template] = &[
    &CANCELLED,
    &ALREADY,
    &ON_ITS_WAY,
    &NOT_KNOWN,
    &OFFLINE,
    &STAFF,
    &TAKEN_BACK,
    &changes::REQUESTED,
    &changes::UNDER_WAY,
    &changes::WAITS,
    &changes::WITH_STAFF,
    &changes::PASSED,
    &changes::TOO_OLD,
    &changes::UNCLEAR,
];

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Cancel an appointment to come of an identified patient. Say exactly what its answer says: only the status confirmed means that it is cancelled.",
        access: Access::Writes,
        needs: &[Operation::CancelAppointment, Operation::ReadPatient, Operation::ReadAppointments],
        audit_action: "appointment.cancel",
        arguments: schema_of::<CancelAppointment>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: CancelAppointment = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        let (book, own) = OwnBook::to_change(turn, &patient.vendor_id, &raw.appointment_id).await?;
        let own = &own;
        if own.cancelled {
            return Ok(book.say(turn, &ALREADY, own));
        }
        let Some(id) = &own.id else { return take_back(turn, &book, own).await };
        turn.require(Operation::CancelAppointment)?;
        match &own.changing {
            Some(change) if change.stage == Stage::ByHand => Ok(book.under_way(turn, own, change).await),
            Some(change) if change.to.is_none() => outcome(turn, &book, own, change.writeback).await,
            Some(change) if change.stage == Stage::WithStaff => Ok(book.say(turn, &STAFF, own)),
            Some(change) => Ok(book.under_way(turn, own, change).await),
            None => {
                book.readable(turn, own)?;
                request(turn, &book, own, &patient.vendor_id, id).await
            }
        }
    })
}

/// What is not in the practice's system yet needs no cancelling there, as long as it never was on its way.
async fn take_back(turn: &mut Turn<'_>, book: &OwnBook, own: &Own) -> Result<ToolAnswer, Stop> {
    let Some(request) = own.request else { return Ok(book.requested(turn, own)) };
    if !turn.withdraw(request).await? {
        return Ok(book.requested(turn, own));
    }
    Ok(book
        .say(turn, &TAKEN_BACK, own)
        .with("start", rfc3339(own.window.start, &book.zone))
        .with("writebackId", request.to_string()))
}

async fn request(
    turn: &Turn<'_>,
    book: &OwnBook,
    own: &Own,
    patient: &str,
    id: &str,
) -> Result<ToolAnswer, Stop> {
    let start = own.window.start.as_second().to_string();
    let write = NewWrite {
        write: Write::CancelAppointment(Cancellation {
            appointment: id.to_owned(),
            patient: patient.to_owned(),
            from: own.window,
            as_of: book.freshness.copied_at,
            others: Vec::new(),
        }),
        intent_key: turn.reception.intent_key(turn.desk, &["cancel", id, &start]),
        once_for_all: Vec::new(),
        claim: None,
        depends_on: None,
        needed_by: own.window.start,
    };
    match turn.request(write).await? {
        Some(Requested::New(writeback) | Requested::Joined(writeback)) => {
            outcome(turn, book, own, writeback).await
        }
        // It claims no time, so nobody can have been faster.
        None => Ok(book.say(turn, &STAFF, own)),
    }
}

async fn outcome(
    turn: &Turn<'_>,
    book: &OwnBook,
    own: &Own,
    writeback: WritebackId,
) -> Result<ToolAnswer, Stop> {
    let template = match turn.news(writeback).await {
        WriteNews::Succeeded { .. } => &CANCELLED,
        WriteNews::Waiting => &ON_ITS_WAY,
        WriteNews::Unknown => &NOT_KNOWN,
        WriteNews::Offline => &OFFLINE,
        WriteNews::Failed(_) | WriteNews::Parked => &STAFF,
    };
    Ok(book
        .say(turn, template, own)
        .with("start", rfc3339(own.window.start, &book.zone))
        .with("writebackId", writeback.to_string()))
}
