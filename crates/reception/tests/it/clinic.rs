//! A small clinic, its system and our rows, all in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Appointment, AppointmentState, AppointmentType, Balance, Chair, Clinician, ClinicianKind, ConnectionId,
    DayBook, Freshness, Insurance, Money, OpenHours, Patient, PatientBook, PaymentMethod, PersonName, Phone,
    PracticeId, Resource, ResourceKind, TenantId, Window, WritebackId,
};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pms::{Capabilities, NewPatient, NewPayment, Operation, PatientQuery};
use reception::{
    Answered, BookError, Caller, Change, Claim, Desk, Door, Guessing, Handled, Held, Language, Ledger,
    LedgerError, NewWrite, Paid, PaymentTaken, PendingPatient, PracticeBook, Proof, Reception, Recorded,
    RequestError, Requested, Settings, Stage, WriteNews,
};
use seal::HmacKey;
use serde_json::Value;

pub(crate) const ZONE: &str = "America/New_York";
/// Monday morning.
pub(crate) const NOW: &str = "2026-11-23T08:00:00-05:00";
pub(crate) const MARIAS_PHONE: &str = "+15550100010";

pub(crate) fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap()
}

/// A moment on the clinic's clock.
pub(crate) fn at(day: Date, hour: i8, minute: i8) -> Timestamp {
    day.at(hour, minute, 0, 0).to_zoned(zone()).unwrap().timestamp()
}

pub(crate) fn window(day: Date, hour: i8, minute: i8, minutes: i64) -> Window {
    Window::of_minutes(at(day, hour, minute), minutes).unwrap()
}

pub(crate) fn patient(id: &str, first: &str, last: &str, born: Date, phone: &str) -> Patient {
    Patient {
        vendor_id: id.to_owned(),
        name: PersonName { first: first.into(), last: last.into() },
        preferred: None,
        born: Some(born.into()),
        phones: vec![Phone::read(phone, "US").unwrap()],
        email: None,
        usual_clinician: None,
        active: true,
    }
}

/// Maria and her twins share a phone; Daniel has his own.
pub(crate) fn patients() -> Vec<Patient> {
    vec![
        patient("101", "María", "Núñez", date(1985, 2, 28), MARIAS_PHONE),
        patient("102", "Leo", "Núñez", date(2015, 6, 1), MARIAS_PHONE),
        patient("103", "Lea", "Núñez", date(2015, 6, 1), MARIAS_PHONE),
        patient("104", "Daniel", "Okafor", date(1990, 1, 31), "+15550100020"),
    ]
}

pub(crate) fn clinician(id: &str, name: &str, kind: ClinicianKind) -> Clinician {
    Clinician {
        vendor_id: id.to_owned(),
        spoken_name: name.to_owned(),
        full_name: String::new(),
        kind,
        bookable: true,
    }
}

pub(crate) fn chair(id: &str, clinicians: &[&str]) -> Chair {
    Chair {
        vendor_id: id.to_owned(),
        clinicians: clinicians.iter().map(|id| (*id).to_owned()).collect(),
        bookable: true,
    }
}

pub(crate) fn hours(kind: ResourceKind, id: &str, window: Window) -> OpenHours {
    OpenHours { resource: Resource { kind, vendor_id: id.to_owned() }, window }
}

pub(crate) fn taken(who: Option<&str>, chair: Option<&str>, window: Window) -> Appointment {
    Appointment {
        vendor_id: "a1".to_owned(),
        patient: "104".to_owned(),
        clinician: who.map(str::to_owned),
        chair: chair.map(str::to_owned),
        window,
        state: AppointmentState::Booked,
    }
}

/// Somebody we made whom no copy shows yet.
pub(crate) fn ana() -> NewPatient {
    NewPatient {
        name: PersonName { first: "Ana".into(), last: "Silva".into() },
        born: date(1992, 5, 6).into(),
        phone: Phone::read("+15550100033", "US").unwrap(),
        email: None,
        clinician: "DR2".to_owned(),
    }
}

/// Open on weekdays from 9 to 17: two dentists, a hygienist, two chairs.
pub(crate) fn day_book(covers: Window) -> DayBook {
    let first = zone().to_datetime(covers.start).date();
    let days = (0..14).map(|day| first.saturating_add(jiff::Span::new().days(day)));
    let open = days
        .filter(|day| !matches!(day.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday))
        .map(|day| hours(ResourceKind::Practice, "1", window(day, 9, 0, 8 * 60)))
        .filter(|hours| covers.contains(&hours.window));
    DayBook {
        time_zone: ZONE.to_owned(),
        covers,
        clinicians: vec![
            clinician("DR1", "Dr Lee", ClinicianKind::Provider),
            clinician("DR2", "Dr Osei", ClinicianKind::Provider),
            clinician("HY1", "Sam Reyes", ClinicianKind::Hygienist),
        ],
        chairs: vec![chair("OP1", &[]), chair("OP2", &[])],
        hours: open.collect(),
        appointments: vec![],
        feed: None,
        freshness: Freshness { copied_at: Some(now()), read_at: now() },
    }
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// What the clinic's system holds, and how it fails.
#[derive(Default)]
pub(crate) struct System {
    pub(crate) patients: Vec<Patient>,
    pub(crate) appointments: Vec<Appointment>,
    pub(crate) copied_before: SignedDuration,
    /// Nobody knows how old what it shows is.
    pub(crate) age_unknown: bool,
    /// Its people, instead of those of [`day_book`].
    pub(crate) people: Option<Vec<Clinician>>,
    pub(crate) fails: Option<BookError>,
    /// It fails at this alone.
    pub(crate) fails_at: Option<&'static str>,
    pub(crate) asked: Vec<&'static str>,
    pub(crate) types: Vec<AppointmentType>,
    pub(crate) balance: Option<Balance>,
    pub(crate) insurance: Vec<Insurance>,
    /// The day book of any days; without it, [`day_book`].
    pub(crate) book: Option<Box<dyn Fn(Window) -> DayBook + Send>>,
}

pub(crate) type Announced = (String, Money, Option<String>, Option<PaymentMethod>);

impl System {
    fn copied_at(&self) -> Option<Timestamp> {
        (!self.age_unknown).then(|| now() - self.copied_before)
    }
}

/// What our rows hold, and how they fail.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) held: Vec<Held>,
    /// Changes of appointments, oldest first.
    pub(crate) changes: Vec<Change>,
    pub(crate) writes: Vec<(WritebackId, NewWrite)>,
    /// Those of them that were never sent.
    pub(crate) unsent: Vec<WritebackId>,
    pub(crate) asked_again: Vec<WritebackId>,
    /// What they say cannot be read any more.
    pub(crate) unreadable: bool,
    /// At which location each of them was wished for.
    pub(crate) wished_at: Vec<(WritebackId, PracticeId)>,
    /// The tenant's other locations.
    pub(crate) locations: Vec<PracticeId>,
    pub(crate) news: Option<WriteNews>,
    pub(crate) pending: Option<(WritebackId, PendingPatient)>,
    /// Patients we made, by the vendor's id.
    pub(crate) made: Vec<(String, NewPatient)>,
    pub(crate) fails: bool,
    pub(crate) wait_fails: bool,
    /// A hold that another caller gets between our looking and our asking.
    pub(crate) faster: Option<Claim>,
    /// A change that another caller gets between our looking and our asking.
    pub(crate) another_changes_it: bool,
    /// What callers have shown: call, patient, how.
    pub(crate) proofs: Vec<(String, String, Proof)>,
    /// What callers have guessed wrongly: call, guess.
    pub(crate) guesses: BTreeSet<(String, Vec<u8>)>,
    /// Payments that the payment service announced: reference, amount, for whom and how paid where it said.
    pub(crate) taken: Vec<Announced>,
    /// Payments of ours, by patient.
    pub(crate) paid: Vec<(String, Paid)>,
    /// Every caller has shown to be every patient: for tests of what comes after.
    pub(crate) all_proven: bool,
}

pub(crate) struct Clinic {
    pub(crate) system: Mutex<System>,
    pub(crate) rows: Mutex<Rows>,
    pub(crate) desk: Mutex<Desk>,
}

pub(crate) fn clinic() -> Arc<Clinic> {
    let operations: BTreeSet<Operation> = [
        Operation::SearchPatients,
        Operation::ReadPatient,
        Operation::ReadDayBook,
        Operation::CreatePatient,
        Operation::BookAppointment,
        Operation::ReadAppointments,
        Operation::RescheduleAppointment,
        Operation::CancelAppointment,
        Operation::AddNote,
        Operation::ListClinicians,
        Operation::ListAppointmentTypes,
        Operation::ReadBalance,
        Operation::ReadInsurance,
        Operation::RecordPayment,
    ]
    .into();
    let desk = Desk {
        tenant: TenantId::new(),
        practice: PracticeId::new(),
        connection: ConnectionId::new(),
        zone: zone(),
        country: "US".to_owned(),
        language: Language::English,
        capabilities: Capabilities { system: "Open Dental".to_owned(), operations },
        settings: Settings::default(),
        caller: Caller {
            door: Door::Voice,
            call: Some("call-1".to_owned()),
            tool_call: None,
            phone: None,
            vouched: false,
        },
        now: now(),
    };
    let system = System { patients: patients(), ..System::default() };
    Arc::new(Clinic {
        system: Mutex::new(system),
        rows: Mutex::new(Rows { news: Some(WriteNews::Waiting), ..Rows::default() }),
        desk: Mutex::new(desk),
    })
}

/// A clinic whose callers have all shown who they are.
pub(crate) fn proven_clinic() -> Arc<Clinic> {
    let clinic = clinic();
    clinic.rows(|rows| rows.all_proven = true);
    clinic
}

impl Clinic {
    pub(crate) fn desk(&self, change: impl FnOnce(&mut Desk)) {
        change(&mut self.desk.lock().unwrap());
    }

    pub(crate) fn calls_from(&self, phone: &str) {
        self.desk(|desk| desk.caller.phone = Some(Phone::read(phone, "US").unwrap()));
    }

    pub(crate) fn system(&self, change: impl FnOnce(&mut System)) {
        change(&mut self.system.lock().unwrap());
    }

    pub(crate) fn rows(&self, change: impl FnOnce(&mut Rows)) {
        change(&mut self.rows.lock().unwrap());
    }

    pub(crate) fn writes(&self) -> Vec<(WritebackId, NewWrite)> {
        self.rows.lock().unwrap().writes.clone()
    }

    pub(crate) fn asked(&self) -> Vec<&'static str> {
        self.system.lock().unwrap().asked.clone()
    }

    pub(crate) async fn run(self: &Arc<Self>, tool: &str, arguments: Value) -> Handled {
        let desk = self.desk.lock().unwrap().clone();
        let reception = Reception::new(self.clone(), self.clone(), HmacKey::sha256(b"test"));
        reception.run(&desk, tool, &arguments).await
    }

    /// The id of the first offered slot of a day.
    pub(crate) async fn first_slot(self: &Arc<Self>, day: &str) -> String {
        let handled = self.run("checkAvailability", serde_json::json!({ "from": day })).await;
        handled.answer.data["slots"][0]["slotId"].as_str().unwrap().to_owned()
    }

    fn system_answers<T>(
        &self,
        what: &'static str,
        value: impl FnOnce(&System) -> T,
    ) -> Result<Answered<T>, BookError> {
        let mut system = self.system.lock().unwrap();
        system.asked.push(what);
        match &system.fails {
            Some(error) if system.fails_at.is_none_or(|at| at == what) => Err(error.clone()),
            _ => Ok(Answered { value: value(&system), vendor_ms: 7 }),
        }
    }

    fn ledger_answers<T>(&self, value: impl FnOnce(&mut Rows) -> T) -> Result<T, LedgerError> {
        let mut rows = self.rows.lock().unwrap();
        if rows.fails { Err(LedgerError("the database is away".into())) } else { Ok(value(&mut rows)) }
    }
}

#[async_trait]
impl PracticeBook for Clinic {
    async fn search(&self, _: &Desk, query: &PatientQuery) -> Result<Answered<Vec<Patient>>, BookError> {
        // Whoever else is at it gets their turn first.
        tokio::task::yield_now().await;
        // As a vendor's search does: exact on dates and phones, and blind to accents.
        let begins = |name: &str, start: &str| name.to_lowercase().starts_with(&start.to_lowercase());
        let rings = |one: &Patient, phone: &Phone| one.phones.iter().any(|own| own.same_line(phone));
        let by_day = query.born.is_some() && query.last_name.is_none();
        self.system_answers(if by_day { "search by day" } else { "search" }, |system| {
            let all = system.patients.iter();
            let fits = all.filter(|one| {
                query.last_name.as_ref().is_none_or(|last| begins(one.name.last.expose(), last.expose()))
                    && query.first_name.as_ref().is_none_or(|name| {
                        let called = one.preferred.as_ref().unwrap_or(&one.name.first);
                        [&one.name.first, called].iter().any(|one| begins(one.expose(), name.expose()))
                    })
                    && query.born.as_ref().is_none_or(|born| one.born.as_ref() == Some(born))
                    && query.phone.as_ref().is_none_or(|phone| rings(one, phone))
            });
            fits.cloned().collect()
        })
    }

    async fn patient(&self, _: &Desk, id: &str) -> Result<Answered<Option<Patient>>, BookError> {
        self.system_answers("patient", |system| {
            system.patients.iter().find(|one| one.vendor_id == id).cloned()
        })
    }

    async fn day_book(&self, _: &Desk, covers: Window) -> Result<Answered<DayBook>, BookError> {
        self.system_answers("day_book", |system| {
            if let Some(book) = &system.book {
                return book(covers);
            }
            let mut book = day_book(covers);
            book.appointments = system.appointments.clone();
            book.freshness.copied_at = system.copied_at();
            if let Some(people) = &system.people {
                book.clinicians.clone_from(people);
            }
            book
        })
    }

    async fn patient_book(
        &self,
        _: &Desk,
        patient: &str,
        covers: Window,
    ) -> Result<Answered<PatientBook>, BookError> {
        self.system_answers("patient_book", |system| {
            let book = day_book(covers);
            let is_theirs = |one: &&Appointment| one.patient == patient && one.window.overlaps(&covers);
            let mut theirs: Vec<_> = system.appointments.iter().filter(is_theirs).cloned().collect();
            theirs.dedup_by(|two, one| two.vendor_id == one.vendor_id);
            PatientBook {
                time_zone: book.time_zone,
                appointments: theirs,
                clinicians: book.clinicians,
                freshness: Freshness { copied_at: system.copied_at(), read_at: now() },
            }
        })
    }

    async fn clinicians(&self, _: &Desk) -> Result<Answered<Vec<Clinician>>, BookError> {
        self.system_answers("clinicians", |_| {
            let gone = Clinician { bookable: false, ..clinician("DR0", "Dr Gone", ClinicianKind::Provider) };
            let mut all = day_book(window(date(2026, 11, 23), 0, 0, 60)).clinicians;
            all.push(gone);
            all
        })
    }

    async fn appointment_types(&self, _: &Desk) -> Result<Answered<Vec<AppointmentType>>, BookError> {
        self.system_answers("appointment_types", |system| system.types.clone())
    }

    async fn balance(&self, _: &Desk, _: &str) -> Result<Answered<Option<Balance>>, BookError> {
        self.system_answers("balance", |system| system.balance.clone())
    }

    async fn insurance(&self, _: &Desk, _: &str) -> Result<Answered<Vec<Insurance>>, BookError> {
        self.system_answers("insurance", |system| system.insurance.clone())
    }
}

#[async_trait]
impl Ledger for Clinic {
    async fn holds(&self, _: &Desk, covers: Window) -> Result<Vec<Held>, LedgerError> {
        self.system.lock().unwrap().asked.push("holds");
        self.ledger_answers(|rows| {
            rows.held.iter().filter(|held| held.window.overlaps(&covers)).cloned().collect()
        })
    }

    async fn own(&self, desk: &Desk, covers: Window) -> Result<(Vec<Held>, Vec<Change>), LedgerError> {
        let held = self.holds(desk, covers).await?;
        Ok((held, self.ledger_answers(|rows| rows.changes.clone())?))
    }

    async fn request(&self, desk: &Desk, write: NewWrite) -> Result<Requested, RequestError> {
        self.ledger_answers(|rows| {
            let is_it = |key: &String| *key == write.intent_key || write.once_for_all.contains(key);
            if let Some((id, _)) = rows.writes.iter().find(|(_, other)| is_it(&other.intent_key)) {
                return Ok(Requested::Joined(*id));
            }
            if let Some(claim) = rows.faster.take() {
                rows.held.push(held(&claim, None, &["104"]));
            }
            let id = WritebackId::new();
            if let Some(appointment) = write.write.changes() {
                let under_way = |one: &Change| one.appointment == appointment && one.done_at.is_none();
                if rows.another_changes_it || rows.changes.iter().any(under_way) {
                    return Err(RequestError::ChangeUnderWay);
                }
            }
            if let (Some(claim), Some(patient)) = (&write.claim, write.write.patient()) {
                let appointment = write.write.changes().map(str::to_owned);
                let own = Held { appointment, ..held(claim, Some(id), &[patient]) };
                let two = write.write.takes().and_then(|place| place.beside);
                let two = two.map(|two| Held { clinician: Some(two.into()), chair: None, ..own.clone() });
                let wanted: Vec<Held> = std::iter::once(own).chain(two).collect();
                let clash = |other: &Held| {
                    let is_one = |one: &Held| {
                        other.clinician == one.clinician || one.chair.is_some() && other.chair == one.chair
                    };
                    other.window.overlaps(&claim.window)
                        && (other.appointment.is_none() || other.appointment != wanted[0].appointment)
                        && wanted.iter().any(is_one)
                };
                if rows.held.iter().any(clash) {
                    return Err(RequestError::SlotTaken);
                }
                rows.held.extend(wanted);
            }
            if let (Some(appointment), Some(from)) = (write.write.changes(), write.write.was()) {
                rows.changes.push(Change {
                    writeback: id,
                    appointment: appointment.to_owned(),
                    patient: write.write.patient().unwrap_or_default().to_owned(),
                    from,
                    to: write.claim.clone(),
                    wished_at: desk.now,
                    done_at: None,
                    stage: Stage::UnderWay,
                });
            }
            rows.writes.push((id, write));
            rows.wished_at.push((id, desk.practice));
            Ok(Requested::New(id))
        })?
    }

    async fn locations(&self, desk: &Desk) -> Result<Vec<PracticeId>, LedgerError> {
        self.ledger_answers(|rows| rows.locations.iter().copied().chain([desk.practice]).collect())
    }

    async fn wait(&self, _: &Desk, _: WritebackId, _: Duration) -> Result<WriteNews, LedgerError> {
        if self.rows.lock().unwrap().wait_fails {
            return Err(LedgerError("the database is away".into()));
        }
        self.ledger_answers(|rows| rows.news.clone().unwrap())
    }

    async fn made_patient(&self, _: &Desk, vendor_id: &str) -> Result<Option<NewPatient>, LedgerError> {
        self.ledger_answers(|rows| {
            rows.made.iter().find(|made| made.0 == vendor_id).map(|made| made.1.clone())
        })
    }

    async fn recorded(&self, desk: &Desk, id: WritebackId) -> Result<Recorded, LedgerError> {
        self.ledger_answers(|rows| {
            let is_here = rows.wished_at.contains(&(id, desk.practice));
            match rows.writes.iter().find(|(known, _)| is_here && *known == id) {
                None => Recorded::Elsewhere,
                Some(_) if rows.unreadable => Recorded::Unreadable,
                Some((_, write)) => Recorded::Here(Box::new(write.write.clone())),
            }
        })
    }

    async fn ask_again(&self, _: &Desk, id: WritebackId) -> Result<(), LedgerError> {
        self.ledger_answers(|rows| rows.asked_again.push(id))
    }

    async fn withdraw(&self, _: &Desk, id: WritebackId) -> Result<bool, LedgerError> {
        self.ledger_answers(|rows| {
            let is_unsent = rows.unsent.contains(&id);
            rows.held.retain(|held| !is_unsent || held.writeback != Some(id));
            is_unsent
        })
    }

    async fn take_payment(&self, _: &Desk, new: &NewPayment) -> Result<Option<PaymentTaken>, LedgerError> {
        self.ledger_answers(|rows| {
            let is_it = |(reference, amount, patient, _): &&Announced| {
                *reference == new.taken_as
                    && amount == new.amount.expose()
                    && patient.as_ref().is_none_or(|patient| *patient == new.patient)
            };
            rows.taken.iter().find(is_it).map(|taken| PaymentTaken { method: taken.3 })
        })
    }

    async fn prove(&self, desk: &Desk, patients: &[&str], proof: Proof) -> Result<(), LedgerError> {
        let call = desk.caller.call.clone().unwrap();
        self.ledger_answers(|rows| {
            rows.proofs.extend(patients.iter().map(|one| (call.clone(), (*one).to_owned(), proof)));
        })
    }

    async fn proof(&self, desk: &Desk, patients: &[&str]) -> Result<Option<Proof>, LedgerError> {
        let call = desk.caller.call.clone().unwrap();
        self.ledger_answers(|rows| {
            if rows.all_proven {
                return Some(Proof::NameAndBirth);
            }
            let own =
                rows.proofs.iter().filter(|(of, who, _)| *of == call && patients.contains(&who.as_str()));
            own.map(|(_, _, proof)| *proof).max()
        })
    }

    async fn guesses(&self, desk: &Desk) -> Result<u32, LedgerError> {
        let call = desk.caller.call.clone().unwrap();
        self.ledger_answers(|rows| {
            u32::try_from(rows.guesses.iter().filter(|(of, _)| *of == call).count()).unwrap()
        })
    }

    async fn guessed(&self, desk: &Desk, guess: &[u8]) -> Result<u32, LedgerError> {
        let call = desk.caller.call.clone().unwrap();
        self.ledger_answers(|rows| rows.guesses.insert((call, guess.to_vec())))?;
        self.guesses(desk).await
    }

    async fn guessing(&self, desk: &Desk, guess: &[u8], most: u32) -> Result<Guessing, LedgerError> {
        let call = desk.caller.call.clone().unwrap();
        self.ledger_answers(|rows| {
            let before = rows.guesses.iter().filter(|(of, _)| *of == call).count();
            if before >= usize::try_from(most).unwrap() {
                Guessing::TooMany
            } else if rows.guesses.insert((call, guess.to_vec())) {
                Guessing::Counted
            } else {
                Guessing::Known
            }
        })
    }

    async fn guessed_right(&self, desk: &Desk, guess: &[u8]) -> Result<(), LedgerError> {
        let call = desk.caller.call.clone().unwrap();
        self.ledger_answers(|rows| {
            rows.guesses.remove(&(call, guess.to_vec()));
        })
    }

    async fn payments(&self, _: &Desk, patient: &str) -> Result<Vec<Paid>, LedgerError> {
        self.ledger_answers(|rows| {
            rows.paid.iter().filter(|(who, _)| who == patient).map(|(_, paid)| *paid).collect()
        })
    }

    async fn pending_patient(&self, _: &Desk, id: WritebackId) -> Result<PendingPatient, LedgerError> {
        self.ledger_answers(|rows| match &rows.pending {
            Some((known, pending)) if *known == id => pending.clone(),
            _ => PendingPatient::Absent,
        })
    }
}

pub(crate) fn held(claim: &Claim, writeback: Option<WritebackId>, patients: &[&str]) -> Held {
    Held {
        window: claim.window,
        clinician: Some(claim.clinician.clone()),
        chair: Some(claim.chair.clone()),
        writeback,
        stage: Stage::UnderWay,
        appointment: None,
        patients: patients.iter().map(|id| (*id).to_owned()).collect(),
    }
}
