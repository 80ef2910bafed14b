use availability::{Held, Stage, still_free};
use domain::{AppointmentState, DayBook, Window, WritebackId};
use jiff::tz::TimeZone;
use pms::{FailureReason, NewAppointment, Operation, Write};
use schemars::JsonSchema;
use serde::Deserialize;

use super::alternatives::Wanted;
use super::check_availability::rfc3339;
use super::get_appointments;
use super::kind::{KIND_UNKNOWN, WithWhom, kind};
use super::{Access, Arguments, Running, Tool, schema_of, with_general};
use crate::own_book::identified;
use crate::ports::{Claim, NewWrite, Requested, WriteNews};
use crate::proof::Given;
use crate::sentences::input as said;
use crate::spoken::{self, Offer};
use crate::turn::{PatientRef, Stop, Turn};
use crate::{BadInput, Status, Template, ToolAnswer, slot};

/// Arguments of `bookAppointment`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BookAppointment {
    /// The patient's id, exactly as searchPatients or createPatient gave it.
    #[schemars(length(min = 1, max = 80))]
    patient_id: String,
    /// The slotId of the chosen time, exactly as checkAvailability gave it.
    #[schemars(length(min = 1, max = 400))]
    slot_id: String,
    /// What the visit is for, in a few words.
    #[schemars(length(min = 1, max = 200))]
    reason: String,
    /// The kind of appointment, as it was given to checkAvailability.
    #[schemars(length(max = 80))]
    appointment_type: Option<String>,
}

const NAME: &str = "bookAppointment";

const CONFIRMED: Template = Template {
    code: "booked",
    status: Status::Confirmed,
    en: "You're booked: {when}.",
    es: "Su cita está reservada: {when}.",
    fr: "Votre rendez-vous est réservé : {when}.",
};
const ALREADY: Template = Template {
    code: "already_booked",
    status: Status::Confirmed,
    en: "You're already booked: {when}.",
    es: "Su cita ya está reservada: {when}.",
    fr: "Votre rendez-vous est déjà réservé : {when}.",
};
const ON_ITS_WAY: Template = Template {
    code: "booking_on_its_way",
    status: Status::Accepted,
    en: "Your request for {when} is on its way to the clinic's system. It isn't confirmed yet; you can check back later to hear whether it went in. If it fails, the clinic's staff will see to it.",
    es: "Su solicitud para {when} va en camino al sistema de la clínica. Todavía no está confirmada; puede volver a preguntar más tarde si quedó anotada. Si falla, el personal se ocupará de ella.",
    fr: "Votre demande pour {when} est en route vers le système de la clinique. Elle n'est pas encore confirmée ; vous pouvez redemander plus tard. En cas d'échec, le personnel s'en occupera.",
};
const NOT_KNOWN: Template = Template {
    code: "booking_not_known_yet",
    status: Status::Unknown,
    en: "I've sent the clinic's system your request for {when}, but I haven't heard back. Please don't count on it yet, and check back later. If it failed, the clinic's staff will see to it.",
    es: "Envié al sistema de la clínica su solicitud para {when}, pero todavía no tengo respuesta. No la dé por hecha y vuelva a preguntar más tarde. Si falló, el personal se ocupará de ella.",
    fr: "J'ai envoyé votre demande pour {when}, mais le système de la clinique n'a pas encore répondu. Ne comptez pas dessus et redemandez plus tard. En cas d'échec, le personnel s'en occupera.",
};
const OFFLINE: Template = Template {
    code: "booking_kept_offline",
    status: Status::NeedsStaff,
    en: "The clinic's computer can't be reached right now. I've kept your request for {when}; it isn't confirmed, and the clinic will get back to you.",
    es: "En este momento no hay conexión con la computadora de la clínica. Guardé su solicitud para {when}; no está confirmada y la clínica se comunicará con usted.",
    fr: "L'ordinateur de la clinique n'est pas joignable en ce moment. J'ai gardé votre demande pour {when} ; elle n'est pas confirmée et la clinique vous recontactera.",
};
const STAFF: Template = Template {
    code: "booking_needs_staff",
    status: Status::NeedsStaff,
    en: "I couldn't complete the request for {when} in the clinic's system. The clinic's staff will have to arrange it with you.",
    es: "No pude completar la solicitud para {when} en el sistema de la clínica. El personal de la clínica tendrá que acordarlo con usted.",
    fr: "Je n'ai pas pu terminer la demande pour {when} dans le système de la clinique. Le personnel de la clinique devra s'en charger avec vous.",
};
const BY_HAND: Template =
    Template { code: "booking_entered_by_hand", status: Status::Unknown, ..get_appointments::BY_HAND };
const TAKEN: Template = Template {
    code: "slot_taken",
    status: Status::Refused,
    en: "I'm sorry, that time has just been taken. I can offer {offers}. Which would you like?",
    es: "Lo siento, ese horario se acaba de ocupar. Puedo ofrecerle {offers}. ¿Cuál prefiere?",
    fr: "Désolé, cette heure vient d'être prise. Je peux vous proposer {offers}. Laquelle préférez-vous ?",
};
const TAKEN_NO_OTHER: Template = Template {
    code: "slot_taken_no_other",
    status: Status::Refused,
    en: "I'm sorry, that time has just been taken, and I see no other one close to it. Shall I look at other days?",
    es: "Lo siento, ese horario se acaba de ocupar y no veo otro cercano. ¿Busco en otros días?",
    fr: "Désolé, cette heure vient d'être prise et je n'en vois pas d'autre à proximité. Voulez-vous que je cherche d'autres jours ?",
};
pub(super) const ELSEWHERE: Template = Template {
    code: "patient_busy",
    status: Status::Refused,
    en: "There is already another appointment for this patient at that time. Would a different time suit you?",
    es: "Este paciente ya tiene otra cita a esa hora. ¿Le conviene otro horario?",
    fr: "Ce patient a déjà un autre rendez-vous à cette heure-là. Une autre heure vous conviendrait-elle ?",
};
const TOO_SHORT: Template = Template {
    code: "slot_too_short",
    status: Status::Refused,
    en: "That kind of visit takes {minutes} minutes, longer than the time you chose. I can offer {offers}. Which would you like?",
    es: "Ese tipo de visita dura {minutes} minutos, más que el horario elegido. Puedo ofrecerle {offers}. ¿Cuál prefiere?",
    fr: "Ce type de visite dure {minutes} minutes, plus que la plage choisie. Je peux vous proposer {offers}. Que préférez-vous ?",
};
const TOO_SHORT_NO_OTHER: Template = Template {
    code: "slot_too_short_no_other",
    status: Status::Refused,
    en: "That kind of visit takes {minutes} minutes, longer than the time you chose, and I see none that long close to it. Shall I look at other days?",
    es: "Ese tipo de visita dura {minutes} minutos, más que el horario elegido, y no veo ninguno así de largo cerca. ¿Busco en otros días?",
    fr: "Ce type de visite dure {minutes} minutes, plus que la plage choisie, et je n'en vois pas d'assez longue à proximité. Voulez-vous que je cherche d'autres jours ?",
};

const WITH_ANOTHER: Template = Template {
    code: "slot_with_another",
    status: Status::Refused,
    en: "That time is with {other}, who sees patients for other visits. I can offer {offers}. Which would you like?",
    es: "Ese horario es con {other}, que atiende otro tipo de visitas. Puedo ofrecerle {offers}. ¿Cuál prefiere?",
    fr: "Cette heure est avec {other}, qui s'occupe d'autres types de visites. Je peux vous proposer {offers}. Laquelle préférez-vous ?",
};
const WITH_ANOTHER_NO_OTHER: Template = Template {
    code: "slot_with_another_no_other",
    status: Status::Refused,
    en: "That time is with {other}, who sees patients for other visits. I see no other time close to it. Shall I look at other days?",
    es: "Ese horario es con {other}, que atiende otro tipo de visitas. No veo otro horario cercano. ¿Busco en otros días?",
    fr: "Cette heure est avec {other}, qui s'occupe d'autres types de visites. Je ne vois pas d'autre heure proche. Voulez-vous que je cherche d'autres jours ?",
};

const SENTENCES: &[&Template] = &[
    &CONFIRMED,
    &ALREADY,
    &ON_ITS_WAY,
    &NOT_KNOWN,
    &OFFLINE,
    &STAFF,
    &BY_HAND,
    &TAKEN,
    &TAKEN_NO_OTHER,
    &TOO_SHORT,
    &TOO_SHORT_NO_OTHER,
    &WITH_ANOTHER,
    &WITH_ANOTHER_NO_OTHER,
    &KIND_UNKNOWN,
    &ELSEWHERE,
];

/// Other times are looked for in the same week.
pub(super) const DAYS: i64 = 7;

pub(crate) fn tool() -> Tool {
    Tool {
        name: NAME,
        description: "Book the chosen time for an identified patient. Say exactly what its answer says: only the status confirmed means that the appointment exists.",
        access: Access::Writes,
        needs: &[Operation::BookAppointment, Operation::ReadDayBook],
        audit_action: "appointment.book",
        arguments: schema_of::<BookAppointment>(),
        sentences: with_general(SENTENCES),
        run,
    }
}

fn run<'a>(turn: &'a mut Turn<'_>, arguments: Arguments<'a>) -> Running<'a> {
    Box::pin(async move {
        let raw: BookAppointment = arguments.read(turn.desk)?;
        let claim = claim(turn, &raw.slot_id)?;
        let kind = kind(turn, raw.appointment_type.as_deref(), Some(&raw.reason))?.cloned();
        let (patient, depends_on) = patient(turn, &raw.patient_id).await?;
        turn.require(Operation::BookAppointment)?;
        turn.require(Operation::ReadDayBook)?;
        let covers = turn.whole_days(claim.window.start, DAYS).ok_or_else(|| garbled(turn))?;
        let (held, book) = turn.calendar(covers).await?;
        let (zone, named) = (turn.zone(&book), slot::is_named(&raw.slot_id));
        let mut wish = Wish { zone, book, held, claim, named, patient, depends_on, asked: raw.patient_id };
        if turn.too_old(&wish.book.freshness).is_some() {
            // What is not offered from is not booked into either.
            return Ok(wish.say(turn, &STAFF));
        }
        // As to one who books it now: what was there before is nothing for everybody.
        let anybody = turn.is_anybody(&[&wish.patient, &wish.asked]).await?;
        match wish.standing() {
            Standing::InTheBook => Ok(wish.say(turn, if anybody { &CONFIRMED } else { &ALREADY })),
            Standing::OnItsWay(writeback) => {
                turn.ask_again(writeback).await?;
                wish.outcome(turn, writeback).await
            }
            Standing::ByHand | Standing::PatientElsewhere if anybody => {
                wish.held_by_another();
                Ok(wish.taken(turn))
            }
            Standing::ByHand => Ok(wish.say(turn, &BY_HAND)),
            Standing::PatientElsewhere => Ok(wish.say(turn, &ELSEWHERE)),
            Standing::New => {
                let needs = kind.as_ref().and_then(|kind| kind.minutes);
                let called = [Some(raw.reason.as_str()), raw.appointment_type.as_deref()];
                let with = kind.as_ref().and_then(|kind| kind.clinician_kind);
                let with = WithWhom::of(&wish.book, with, &called);
                if let Some(refusal) = wish.with_another(turn, &with, needs) {
                    return Ok(refusal);
                }
                if let Some(minutes) = needs.filter(|minutes| *minutes > wish.claim.window.minutes()) {
                    return Ok(wish.too_short(turn, minutes));
                }
                let code = kind.map(|kind| kind.vendor_id).filter(|code| !code.is_empty());
                wish.request(turn, &raw.reason, code).await
            }
        }
    })
}

pub(super) fn garbled(turn: &Turn<'_>) -> BadInput {
    let rule = "must be a slotId that checkAvailability gave";
    BadInput::new(turn.desk, "slotId", &said::SLOT_GARBLED, rule)
}

pub(super) fn claim(turn: &Turn<'_>, slot_id: &str) -> Result<Claim, BadInput> {
    let desk = turn.desk;
    let claim = slot::read(&turn.reception.key, desk.practice, slot_id).ok_or_else(|| garbled(turn))?;
    if claim.window.start <= desk.now {
        return Err(BadInput::new(desk, "slotId", &said::SLOT_PASSED, "must be a time to come"));
    }
    Ok(claim)
}

/// Whom it is for: a patient the practice's system has, or one whose own write comes first. The caller is that
/// patient or speaks for them.
async fn patient(turn: &mut Turn<'_>, id: &str) -> Result<(String, Option<WritebackId>), Stop> {
    match turn.patient_ref(id).await? {
        PatientRef::Vendor(_) => Ok((identified(turn, NAME, id, &Given::default()).await?.vendor_id, None)),
        PatientRef::Pending(writeback) => {
            turn.touched(&writeback.to_string());
            turn.known_here(NAME, &[id]).await?;
            Ok((writeback.to_string(), Some(writeback)))
        }
    }
}

/// What is known about the wish before anything is written.
enum Standing {
    /// The practice's system shows this very appointment.
    InTheBook,
    /// It was asked for before and is under way, or done and not shown yet.
    OnItsWay(WritebackId),
    /// Staff entered it by hand, and the practice's system does not show it yet.
    ByHand,
    /// The patient has another appointment then.
    PatientElsewhere,
    /// None of these.
    New,
}

/// One patient's wish for one time, with everything read for it.
struct Wish {
    claim: Claim,
    /// The caller asked for the clinician by name.
    named: bool,
    /// The vendor's id, or `wb_…` while the patient is being made.
    patient: String,
    /// The id the caller gave: the same patient may have been asked for by it before they had another.
    asked: String,
    depends_on: Option<WritebackId>,
    held: Vec<Held>,
    book: DayBook,
    zone: TimeZone,
}

impl Wish {
    fn is_patient(&self, id: &str) -> bool {
        id == self.patient || id == self.asked
    }

    fn standing(&self) -> Standing {
        let (window, clinician) = (self.claim.window, self.claim.clinician.as_str());
        let same = |other: &Window, who: Option<&str>| other.start == window.start && who == Some(clinician);
        let mut found = Standing::New;
        for hold in &self.held {
            if hold.window.overlaps(&window) && hold.patients.iter().any(|one| self.is_patient(one)) {
                let is_it = same(&hold.window, hold.clinician.as_deref());
                match hold.writeback {
                    Some(_) if is_it && hold.stage == Stage::ByHand => found = Standing::ByHand,
                    Some(writeback) if is_it => return Standing::OnItsWay(writeback),
                    // Who goes along is held beside it.
                    _ if matches!(found, Standing::ByHand) => {}
                    _ => found = Standing::PatientElsewhere,
                }
            }
        }
        for one in self.book.appointments.iter().filter(|one| one.state == AppointmentState::Booked) {
            if one.window.overlaps(&window) && self.is_patient(&one.patient) {
                if same(&one.window, one.clinician.as_deref()) {
                    return Standing::InTheBook;
                }
                found = Standing::PatientElsewhere;
            }
        }
        found
    }

    async fn request(
        mut self,
        turn: &mut Turn<'_>,
        reason: &str,
        kind: Option<String>,
    ) -> Result<ToolAnswer, Stop> {
        let claim = &self.claim;
        let chair = still_free(&self.book, &self.held, claim.window, &claim.clinician, &claim.chair);
        let Some(chair) = chair.map(|chair| chair.vendor_id.clone()) else {
            return Ok(self.taken(turn));
        };
        self.claim.chair = chair;
        // Who was asked for while being made keeps that name here, so that asking again joins.
        let start = self.claim.window.start.as_second().to_string();
        let intent = ["appointment", self.asked.as_str(), &start, &self.claim.clinician];
        let write = NewWrite {
            write: Write::BookAppointment(NewAppointment {
                patient: self.patient.clone(),
                clinician: self.claim.clinician.clone(),
                chair: self.claim.chair.clone(),
                window: self.claim.window,
                time_zone: self.book.time_zone.clone(),
                reason: reason.into(),
                kind,
            }),
            intent_key: turn.reception.intent_key(turn.desk, &intent),
            once_for_all: Vec::new(),
            claim: Some(self.claim.clone()),
            depends_on: self.depends_on,
            needed_by: self.claim.window.start,
        };
        match turn.request(write).await? {
            Some(Requested::New(writeback) | Requested::Joined(writeback)) => {
                self.outcome(turn, writeback).await
            }
            None => {
                // Somebody was faster by a moment: their hold is there now.
                let covers = self.book.covers;
                self.held = turn.holds(covers).await?;
                self.held_by_another();
                Ok(self.taken(turn))
            }
        }
    }

    /// The wanted time itself is busy from now on, whatever was read about it.
    fn held_by_another(&mut self) {
        self.held.push(Held {
            window: self.claim.window,
            clinician: Some(self.claim.clinician.clone()),
            chair: None,
            writeback: None,
            stage: Stage::UnderWay,
            appointment: None,
            patients: Vec::new(),
        });
    }

    async fn outcome(mut self, turn: &mut Turn<'_>, writeback: WritebackId) -> Result<ToolAnswer, Stop> {
        let template = match turn.news(writeback).await {
            WriteNews::Succeeded { .. } => &CONFIRMED,
            WriteNews::Waiting => &ON_ITS_WAY,
            WriteNews::Unknown => &NOT_KNOWN,
            WriteNews::Offline => &OFFLINE,
            WriteNews::Failed(FailureReason::SlotTaken) => {
                self.held_by_another();
                return Ok(self.taken(turn).with("writebackId", writeback.to_string()));
            }
            WriteNews::Failed(FailureReason::UnknownReference | FailureReason::Refused)
            | WriteNews::Parked => &STAFF,
        };
        Ok(self.say(turn, template).with("writebackId", writeback.to_string()))
    }

    fn say(&self, turn: &Turn<'_>, template: &Template) -> ToolAnswer {
        let with = self.book.clinicians.iter().find(|one| one.vendor_id == self.claim.clinician);
        let (language, at) = (turn.desk.language, self.claim.window.start.to_zoned(self.zone.clone()));
        let when = spoken::offer(language, &Offer::of(language, at, with));
        let with = with.map_or("", |one| one.spoken_name.as_str());
        turn.say(template, &[("when", &when)])
            .with("start", rfc3339(self.claim.window.start, &self.zone))
            .with("provider", with)
    }

    /// The refusal of a time with somebody who does other work than the visit is for, unless the caller asked for them
    /// by name.
    fn with_another(&self, turn: &Turn<'_>, with: &WithWhom, needs: Option<i64>) -> Option<ToolAnswer> {
        let clinician = with.clinicians.first().filter(|_| with.is_said && !self.named)?;
        if with.clinicians.contains(&self.claim.clinician) {
            return None;
        }
        let other = self.book.clinicians.iter().find(|one| one.vendor_id == self.claim.clinician)?;
        let minutes = needs.unwrap_or(0).max(self.claim.window.minutes());
        let wanted = Wanted {
            window: Window::of_minutes(self.claim.window.start, minutes).unwrap_or(self.claim.window),
            clinician,
            ..self.wanted()
        };
        let other = spoken::person(turn.desk.language, other);
        let fills = [("other", other.as_str())];
        Some(wanted.refusal_with(turn, &WITH_ANOTHER, &WITH_ANOTHER_NO_OTHER, &fills))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            window: self.claim.window,
            clinician: &self.claim.clinician,
            named: self.named,
            beside: None,
            book: &self.book,
            held: &self.held,
            zone: &self.zone,
        }
    }

    /// The time was looked up for something shorter: others that are long enough.
    fn too_short(&self, turn: &Turn<'_>, minutes: i64) -> ToolAnswer {
        let start = self.claim.window.start;
        let wanted = Wanted {
            window: Window::of_minutes(start, minutes).unwrap_or(self.claim.window),
            ..self.wanted()
        };
        let long = minutes.to_string();
        wanted.refusal_with(turn, &TOO_SHORT, &TOO_SHORT_NO_OTHER, &[("minutes", &long)])
    }

    /// The refusal, with other times close by.
    fn taken(&self, turn: &Turn<'_>) -> ToolAnswer {
        self.wanted().refusal(turn, &TAKEN, &TAKEN_NO_OTHER)
    }
}
