use availability::{Held, Stage, still_free, takes_patients};
use domain::{AppointmentState, ClinicianKind, DayBook, Window, WritebackId};
use pms::{FailureReason, Operation, Reschedule, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::alternatives::Wanted;
use super::book_appointment::{DAYS, ELSEWHERE, claim, garbled};
use super::check_availability::rfc3339;
use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::{Own, OwnBook, identified};
use crate::ports::{Claim, NewWrite, Requested, WriteNews};
use crate::proof::{Given, Who};
use crate::sentences::changes;
use crate::turn::{Stop, Turn};
use crate::{Status, Template, ToolAnswer, slot, spoken};

const NAME: &str = "rescheduleAppointment";

/// Arguments of `rescheduleAppointment`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RescheduleAppointment {
    /// The patient's id, as another tool gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// The appointmentId of the appointment, exactly as getAppointments gave it.
    #[schemars(length(min = 1, max = 80))]
    appointment_id: String,
    /// The slotId of the new time, exactly as checkAvailability gave it.
    #[schemars(length(min = 1, max = 400))]
    slot_id: String,
    #[serde(flatten)]
    who: Who,
}

const MOVED: Template = Template {
    code: "rescheduled",
    status: Status::Confirmed,
    en: "Your appointment has been moved. It is now {when}.",
    es: "Su cita se cambió. Ahora es {when}.",
    fr: "Votre rendez-vous a été déplacé. Il est maintenant prévu {when}.",
};
const ALREADY_THERE: Template = Template {
    code: "already_rescheduled",
    status: Status::Confirmed,
    en: "Your appointment is already at that time: {when}.",
    es: "Su cita ya es a esa hora: {when}.",
    fr: "Votre rendez-vous est déjà à cette heure : {when}.",
};
const ON_ITS_WAY: Template = Template {
    code: "reschedule_on_its_way",
    status: Status::Accepted,
    en: "Your wish to move to {when} is on its way to the clinic's system. It isn't confirmed yet, and until then the old time stays. You can check back later; if it fails, the clinic's staff will see to it.",
    es: "Su petición de cambio para {when} va en camino al sistema de la clínica. Todavía no está confirmada; hasta entonces vale la hora anterior. Puede preguntar más tarde; si falla, el personal se ocupará.",
    fr: "Votre demande de changement pour {when} est en route vers la clinique. Elle n'est pas encore confirmée ; d'ici là, l'ancienne heure reste valable. En cas d'échec, le personnel s'en occupera.",
};
const NOT_KNOWN: Template = Template {
    code: "reschedule_not_known_yet",
    status: Status::Unknown,
    en: "I've sent the clinic's system your wish to move to {when}, but I haven't heard back. Please don't count on it yet, and check back later. If it failed, the clinic's staff will see to it.",
    es: "Envié al sistema de la clínica su petición de cambio para {when}, pero todavía no tengo respuesta. No la dé por hecha y vuelva a preguntar más tarde. Si falló, el personal se ocupará de ella.",
    fr: "J'ai transmis votre demande de changement pour {when}, mais le système de la clinique n'a pas encore répondu. Ne comptez pas dessus et redemandez plus tard. En cas d'échec, le personnel s'en occupera.",
};
const OFFLINE: Template = Template {
    code: "reschedule_kept_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. I've kept your wish to move to {when}; it isn't confirmed, and the clinic will get back to you.",
    es: "En este momento no hay conexión con la computadora de la clínica. Guardé su petición de cambiar la cita para {when}; no está confirmada y la clínica se comunicará con usted.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. J'ai gardé votre demande pour {when} ; elle n'est pas confirmée, et la clinique vous recontactera.",
};
const STAFF: Template = Template {
    code: "reschedule_needs_staff",
    status: Status::NeedsStaff,
    en: "I couldn't complete the change to {when} in the clinic's system. The clinic's staff will have to arrange it with you.",
    es: "No pude completar el cambio para {when} en el sistema de la clínica. El personal de la clínica tendrá que acordarlo con usted.",
    fr: "Je n'ai pas pu terminer le changement pour {when} dans le système de la clinique. Le personnel de la clinique devra l'organiser avec vous.",
};
const TAKEN: Template = Template {
    code: "new_time_taken",
    status: Status::Refused,
    en: "I'm sorry, that time isn't free any more. Your appointment stays as it is. I can offer {offers}. Which would you like?",
    es: "Lo siento, ese horario ya no está libre. Su cita sigue como estaba. Puedo ofrecerle {offers}. ¿Cuál prefiere?",
    fr: "Je suis désolé, cette heure n'est plus libre. Votre rendez-vous reste comme il est. Je peux vous proposer {offers}. Laquelle préférez-vous ?",
};
const TAKEN_NO_OTHER: Template = Template {
    code: "new_time_taken_no_other",
    status: Status::Refused,
    en: "I'm sorry, that time isn't free any more, and I see no other one close to it. Your appointment stays as it is. Shall I look at other days?",
    es: "Lo siento, ese horario ya no está libre y no veo otro cercano. Su cita sigue como estaba. ¿Busco en otros días?",
    fr: "Je suis désolé, cette heure n'est plus libre, et je n'en vois pas d'autre proche. Votre rendez-vous reste comme il est. Voulez-vous que je regarde d'autres jours ?",
};
const OTHER_KIND: Template = Template {
    code: "new_time_with_another",
    status: Status::Refused,
    en: "Your visit is with {with}, and that time is with {other}, who sees patients for other visits. I can offer {offers}. Which would you like?",
    es: "Su visita es con {with}, y ese horario es con {other}, que atiende otro tipo de visitas. Puedo ofrecerle {offers}. ¿Cuál prefiere?",
    fr: "Votre visite est avec {with}, et cette heure est avec {other}, qui s'occupe d'autres types de visites. Je peux vous proposer {offers}. Laquelle préférez-vous ?",
};
const OTHER_KIND_NO_OTHER: Template = Template {
    code: "new_time_with_another_no_other",
    status: Status::Refused,
    en: "Your visit is with {with}, and that time is with {other}, who sees patients for other visits. I see no other time close to it. Shall I look at other days?",
    es: "Su visita es con {with}, y ese horario es con {other}, que atiende otro tipo de visitas. No veo otro horario cercano. ¿Busco en otros días?",
    fr: "Votre visite est avec {with}, et cette heure est avec {other}, qui s'occupe d'autres types de visites. Je ne vois pas d'autre heure proche. Voulez-vous que je regarde d'autres jours ?",
};
const IS_CANCELLED: Template = Template {
    code: "appointment_is_cancelled",
    status: Status::Refused,
    en: "That appointment has been cancelled, so I can't move it. Shall I look for a new time instead?",
    es: "Esa cita fue cancelada, así que no puedo cambiarla. ¿Busco un nuevo horario?",
    fr: "Ce rendez-vous a été annulé, je ne peux donc pas le déplacer. Voulez-vous que je cherche une nouvelle heure ?",
};

const SENTENCES: &[&Template] = &[
    &MOVED,
    &ALREADY_THERE,
    &ON_ITS_WAY,
    &NOT_KNOWN,
    &OFFLINE,
    &STAFF,
    &TAKEN,
    &TAKEN_NO_OTHER,
    &OTHER_KIND,
    &OTHER_KIND_NO_OTHER,
    &IS_CANCELLED,
    &ELSEWHERE,
    &changes::REQUESTED,
    &changes::UNDER_WAY,
    &changes::WAITS,
    &changes::WITH_STAFF,
    &changes::PASSED,
    &changes::TOO_OLD,
    &changes::UNCLEAR,
];

/// An appointment whose length the practice's system does not tell takes the rest of its day: what is longer than
/// this is no length to book by.
const LONGEST: i64 = 480;

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Move an appointment to come of an identified patient to the chosen free time. Say exactly what its answer says: only the status confirmed means that it was moved; until then the old time stays.",
        access: Access::Writes,
        needs: &[
            Operation::RescheduleAppointment,
            Operation::ReadPatient,
            Operation::ReadAppointments,
            Operation::ReadDayBook,
        ],
        audit_action: "appointment.reschedule",
        arguments: schema_of::<RescheduleAppointment>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: RescheduleAppointment = arguments.read(turn.desk)?;
        let given = Given::read(turn.desk, raw.who)?;
        let claim = claim(turn, &raw.slot_id)?;
        let patient = identified(turn, NAME, &raw.patient_id, &given).await?;
        let (book, own) = OwnBook::to_change(turn, &patient.vendor_id, &raw.appointment_id).await?;
        if own.cancelled {
            return Ok(turn.say(&IS_CANCELLED, &[]));
        }
        let Some(id) = own.id.clone() else { return Ok(book.requested(turn, &own)) };
        turn.require(Operation::RescheduleAppointment)?;
        turn.require(Operation::ReadDayBook)?;
        let named = slot::is_named(&raw.slot_id);
        let wish = Wish { own_book: book, own, id, claim, named, beside: None, patient: patient.vendor_id };
        wish.run(turn).await
    })
}

/// One patient's wish to move one appointment.
struct Wish {
    own_book: OwnBook,
    own: Own,
    id: String,
    claim: Claim,
    /// The caller asked for the clinician by name.
    named: bool,
    /// Who else the visit is with, and has to be free too.
    beside: Option<String>,
    patient: String,
}

impl Wish {
    async fn run(mut self, turn: &mut Turn<'_>) -> Result<ToolAnswer, Stop> {
        if let Some(change) = &self.own.changing {
            let same = change.to.as_ref().is_some_and(|to| is_place(to, &self.claim));
            if change.stage == Stage::WithStaff && !same {
                return Ok(self.say(turn, &STAFF));
            }
            if !same || change.stage == Stage::ByHand {
                return Ok(self.own_book.under_way(turn, &self.own, change).await);
            }
            let writeback = change.writeback;
            return self.outcome(turn, writeback, None).await;
        }
        self.own_book.readable(turn, &self.own)?;
        if self.own.stage == Stage::Done
            && self.own.window.start == self.claim.window.start
            && self.own.clinician.as_ref() == Some(&self.claim.clinician)
        {
            return Ok(self.say(turn, &ALREADY_THERE));
        }
        // Moving an appointment does not make it shorter, whatever length the times were looked up for.
        let minutes = self.own.window.minutes();
        let window = Window::of_minutes(self.claim.window.start, minutes).ok();
        let Some(window) = window.filter(|_| minutes <= LONGEST) else {
            return Ok(self.say(turn, &STAFF));
        };
        self.claim.window = window;
        let covers = turn.whole_days(window.start, DAYS).ok_or_else(|| garbled(turn))?;
        let (held, mut day_book) = turn.calendar(covers).await?;
        if turn.too_old(&day_book.freshness).is_some() {
            return Ok(self.say(turn, &STAFF));
        }
        self.see_beside(turn, &held, &day_book).await?;
        let is_bookable =
            |id: &str| day_book.clinicians.iter().any(|one| one.vendor_id == id && takes_patients(one));
        if self.beside.as_deref().is_some_and(|beside| !is_bookable(beside)) {
            // Nobody can tell when they are free.
            return Ok(self.say(turn, &STAFF));
        }
        // It does not stand in its own way.
        let held = self.of_others(held);
        day_book.appointments.retain(|one| one.vendor_id != self.id);
        if self.is_elsewhere(&held, &day_book) {
            return Ok(turn.say(&ELSEWHERE, &[]));
        }
        if let Some(refusal) = self.with_another(turn, &held, &day_book) {
            return Ok(refusal);
        }
        self.request(turn, held, day_book).await
    }

    /// Who goes with it to its new time: one with a hygienist beside its provider stands in a day book once for each, and
    /// in the patient's own book for the first alone. Where no day book shows yet that we moved it, our hold tells.
    async fn see_beside(&mut self, turn: &mut Turn<'_>, held: &[Held], book: &DayBook) -> Result<(), Stop> {
        let other = |held: &[Held], book: &DayBook| {
            let ours = |one: &&Held| one.chair.is_none() && one.appointment.as_ref() == Some(&self.id);
            let held = held.iter().find(ours).and_then(|one| one.clinician.clone());
            let mut rest = book.appointments.iter().filter(|one| one.vendor_id == self.id).skip(1);
            held.or_else(|| rest.find_map(|one| one.clinician.clone()))
        };
        let was = self.own.window;
        if book.covers.overlaps(&was) {
            self.beside = other(held, book);
        } else if let Some(day) = turn.whole_days(was.start, 1) {
            let (held, book) = turn.calendar(day).await?;
            self.beside = other(&held, &book);
        }
        Ok(())
    }

    /// The refusal of a time with somebody who does other work than the visit is for, unless the caller asked for them
    /// by name: a cleaning does not become the dentist's because it is moved.
    fn with_another(&self, turn: &Turn<'_>, held: &[Held], book: &DayBook) -> Option<ToolAnswer> {
        let known = |id: &str| book.clinicians.iter().find(|one| one.vendor_id == id);
        let (now, then) = (known(self.own.clinician.as_deref()?)?, known(&self.claim.clinician)?);
        if self.named || now.kind == then.kind || now.kind == ClinicianKind::Other {
            return None;
        }
        let zone = turn.zone(book);
        let (window, clinician) = (self.claim.window, now.vendor_id.as_str());
        let beside = self.beside.as_deref();
        let wanted = Wanted { window, clinician, named: false, beside, book, held, zone: &zone };
        let said = |who| spoken::person(turn.desk.language, who);
        let (with, other) = (said(now), said(then));
        let fills = [("with", with.as_str()), ("other", other.as_str())];
        let answer = wanted.refusal_with(turn, &OTHER_KIND, &OTHER_KIND_NO_OTHER, &fills);
        Some(answer.with("appointmentId", self.id.as_str()))
    }

    fn of_others(&self, mut held: Vec<Held>) -> Vec<Held> {
        held.retain(|hold| hold.appointment.as_ref() != Some(&self.id));
        held
    }

    /// Whether the patient has another appointment at the new time.
    fn is_elsewhere(&self, held: &[Held], book: &DayBook) -> bool {
        let window = self.claim.window;
        let by_hold =
            held.iter().any(|hold| hold.window.overlaps(&window) && hold.patients.contains(&self.patient));
        by_hold
            || book.appointments.iter().any(|one| {
                one.state == AppointmentState::Booked
                    && one.window.overlaps(&window)
                    && one.patient == self.patient
            })
    }

    async fn request(
        mut self,
        turn: &mut Turn<'_>,
        mut held: Vec<Held>,
        book: DayBook,
    ) -> Result<ToolAnswer, Stop> {
        let claim = &self.claim;
        let free = |who: &str| still_free(&book, &held, claim.window, who, &claim.chair);
        let all = self.beside.as_deref().is_none_or(|beside| free(beside).is_some());
        let chair = free(&claim.clinician).filter(|_| all);
        let Some(chair) = chair.map(|chair| chair.vendor_id.clone()) else {
            return Ok(self.taken(turn, &held, &book));
        };
        self.claim.chair = chair;
        let start = self.claim.window.start.as_second().to_string();
        let intent = ["reschedule", self.id.as_str(), &start, &self.claim.clinician];
        let write = NewWrite {
            write: Write::RescheduleAppointment(Reschedule {
                appointment: self.id.clone(),
                patient: self.patient.clone(),
                from: self.own.window,
                clinician: self.claim.clinician.clone(),
                beside: self.beside.clone(),
                chair: self.claim.chair.clone(),
                window: self.claim.window,
                time_zone: book.time_zone.clone(),
                as_of: self.own_book.freshness.copied_at,
                others: Vec::new(),
            }),
            intent_key: turn.reception.intent_key(turn.desk, &intent),
            once_for_all: Vec::new(),
            claim: Some(self.claim.clone()),
            depends_on: None,
            // Once the old time has come there is nothing left to move.
            needed_by: self.claim.window.start.min(self.own.window.start),
        };
        match turn.request(write).await? {
            Some(Requested::New(writeback) | Requested::Joined(writeback)) => {
                self.outcome(turn, writeback, Some((held, book))).await
            }
            None => {
                // Somebody was faster by a moment: their hold is there now.
                held = self.of_others(turn.holds(book.covers).await?);
                held.push(self.busy());
                Ok(self.taken(turn, &held, &book))
            }
        }
    }

    async fn outcome(
        self,
        turn: &mut Turn<'_>,
        writeback: WritebackId,
        read: Option<(Vec<Held>, DayBook)>,
    ) -> Result<ToolAnswer, Stop> {
        let template = match turn.news(writeback).await {
            WriteNews::Succeeded { .. } => &MOVED,
            WriteNews::Waiting => &ON_ITS_WAY,
            WriteNews::Unknown => &NOT_KNOWN,
            WriteNews::Offline => &OFFLINE,
            WriteNews::Failed(FailureReason::SlotTaken) => {
                let answer = match read {
                    Some((mut held, book)) => {
                        held.push(self.busy());
                        self.taken(turn, &held, &book)
                    }
                    None => turn.say(&TAKEN_NO_OTHER, &[]),
                };
                return Ok(answer.with("writebackId", writeback.to_string()));
            }
            WriteNews::Failed(FailureReason::UnknownReference | FailureReason::Refused)
            | WriteNews::Parked => &STAFF,
        };
        Ok(self.say(turn, template).with("writebackId", writeback.to_string()))
    }

    /// The wanted time, busy from now on, whatever was read about it.
    fn busy(&self) -> Held {
        Held {
            window: self.claim.window,
            clinician: Some(self.claim.clinician.clone()),
            chair: None,
            writeback: None,
            stage: Stage::UnderWay,
            appointment: None,
            patients: Vec::new(),
        }
    }

    fn taken(&self, turn: &Turn<'_>, held: &[Held], book: &DayBook) -> ToolAnswer {
        let zone = turn.zone(book);
        let clinician = self.claim.clinician.as_str();
        let (window, named, beside) = (self.claim.window, self.named, self.beside.as_deref());
        let wanted = Wanted { window, clinician, named, beside, book, held, zone: &zone };
        wanted.refusal(turn, &TAKEN, &TAKEN_NO_OTHER).with("appointmentId", self.id.as_str())
    }

    /// A sentence about the new time.
    fn say(&self, turn: &Turn<'_>, template: &Template) -> ToolAnswer {
        let clinician = Some(self.claim.clinician.as_str());
        let when = self.own_book.when(turn, self.claim.window, clinician);
        turn.say(template, &[("when", &when)])
            .with("appointmentId", self.id.as_str())
            .with("start", rfc3339(self.claim.window.start, &self.own_book.zone))
            .with("provider", self.own_book.with_whom(clinician))
    }
}

fn is_place(one: &Claim, other: &Claim) -> bool {
    one.window.start == other.window.start && one.clinician == other.clinician
}
