use availability::Held;
use std::time::Duration;

use domain::{
    AppointmentType, Balance, Clinician, DayBook, Freshness, Insurance, Patient, PatientBook, PracticeId,
    Window, WritebackId,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pms::{ErrorKind, NewPayment, Operation, PatientQuery};
use serde_json::{Map, Value};

use crate::ports::{Answered, BookError, Change, LedgerError, NewWrite, PendingPatient, Recorded, WriteNews};
use crate::sentences::{self, input};
use crate::{
    BadInput, Desk, Door, PaymentTaken, Reception, RequestError, Requested, Template, ToolAnswer, spoken,
};

/// What a voice agent is told at once has an end; its sentence needs room too.
const LINE: usize = 3_000;

/// How long a write without a time of its own is worth sending: longer than a practice is closed, and its server off,
/// over a weekend with a holiday.
const WORTH_SENDING: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Why a tool ends before its last line.
#[derive(Debug)]
pub(crate) enum Stop {
    /// With an answer.
    Answer(ToolAnswer),
    /// With an argument that cannot be taken.
    Bad(BadInput),
}

impl From<BadInput> for Stop {
    fn from(bad: BadInput) -> Self {
        Self::Bad(bad)
    }
}

/// Whom a `patientId` names.
pub(crate) enum PatientRef {
    /// Somebody the practice's system has, by the vendor's id.
    Vendor(String),
    /// Somebody who is still being made.
    Pending(WritebackId),
}

/// One use of one tool: the ports, with what was spent and touched on the way.
pub(crate) struct Turn<'a> {
    pub(crate) reception: &'a Reception,
    pub(crate) desk: &'a Desk,
    pub(crate) vendor_ms: u64,
    pub(crate) patients: Vec<String>,
    /// What was said of who somebody is has been counted as wrong.
    pub(crate) was_wrong: bool,
    /// What is wanted: whoever at the clinic is left with it must know.
    pub(crate) wish: Map<String, Value>,
}

impl Turn<'_> {
    pub(crate) fn say(&self, template: &Template, fills: &[(&str, &str)]) -> ToolAnswer {
        ToolAnswer::new(template, self.desk.language, fills)
    }

    fn stop(&self, template: &Template) -> Stop {
        Stop::Answer(self.say(template, &[]))
    }

    /// Ends here unless the practice's system declares `operation`.
    pub(crate) fn require(&self, operation: Operation) -> Result<(), Stop> {
        if self.desk.capabilities.allows(operation) {
            Ok(())
        } else {
            Err(self.stop(&sentences::CANNOT_HERE))
        }
    }

    /// Remembers whose data this use touched, for the audit.
    pub(crate) fn touched(&mut self, vendor_id: &str) {
        if !self.patients.iter().any(|one| one == vendor_id) {
            self.patients.push(vendor_id.to_owned());
        }
    }

    pub(crate) async fn search(&mut self, query: &PatientQuery) -> Result<Vec<Patient>, Stop> {
        let answered = self.reception.book.search(self.desk, query).await;
        self.spent(answered)
    }

    /// A patient by the vendor's id, or the refusal of the argument that named them. One we made is there from that
    /// moment on, as we made them until the practice's copy shows them.
    pub(crate) async fn patient(&mut self, vendor_id: &str) -> Result<Patient, Stop> {
        let answered = self.reception.book.patient(self.desk, vendor_id).await;
        let mut known = self.spent(answered)?;
        if known.is_none() {
            let made = self.reception.ledger.made_patient(self.desk, vendor_id).await;
            let made = made.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))?;
            known = made.map(|made| Patient {
                vendor_id: vendor_id.to_owned(),
                name: made.name,
                preferred: None,
                born: Some(made.born),
                phones: vec![made.phone],
                email: made.email,
                usual_clinician: Some(made.clinician),
                active: true,
            });
        }
        let patient = known.ok_or_else(|| self.unknown_patient())?;
        self.touched(vendor_id);
        Ok(patient)
    }

    pub(crate) async fn clinicians(&mut self) -> Result<Vec<Clinician>, Stop> {
        let answered = self.reception.book.clinicians(self.desk).await;
        self.spent(answered)
    }

    pub(crate) async fn appointment_types(&mut self) -> Result<Vec<AppointmentType>, Stop> {
        let answered = self.reception.book.appointment_types(self.desk).await;
        self.spent(answered)
    }

    pub(crate) async fn balance(&mut self, patient: &str) -> Result<Option<Balance>, Stop> {
        let answered = self.reception.book.balance(self.desk, patient).await;
        self.spent(answered)
    }

    pub(crate) async fn insurance(&mut self, patient: &str) -> Result<Vec<Insurance>, Stop> {
        let answered = self.reception.book.insurance(self.desk, patient).await;
        self.spent(answered)
    }

    pub(crate) fn unknown_patient(&self) -> Stop {
        let rule = "must be a patient of this practice";
        BadInput::new(self.desk, "patientId", &input::PATIENT_UNKNOWN, rule).into()
    }

    /// The day book with our own holds. The holds are read first: a booking that the copy begins to
    /// show in between is then seen twice, and never not at all. What a write of ours has taken away
    /// from its place no longer stands there, whatever an older copy shows.
    pub(crate) async fn calendar(&mut self, covers: Window) -> Result<(Vec<Held>, DayBook), Stop> {
        let (held, changes) = self.own(covers).await?;
        let answered = self.reception.book.day_book(self.desk, covers).await;
        let mut book = self.spent(answered)?;
        let copied_at = book.freshness.copied_at;
        let gone: Vec<&Change> = changes.iter().filter(|change| change.outruns(copied_at)).collect();
        book.appointments.retain(|one| {
            let left = |change: &&Change| {
                change.appointment == one.vendor_id && change.from.start == one.window.start
            };
            !gone.iter().any(left)
        });
        Ok((held, book))
    }

    /// What our rows hold, and what they change.
    pub(crate) async fn own(&self, covers: Window) -> Result<(Vec<Held>, Vec<Change>), Stop> {
        let own = self.reception.ledger.own(self.desk, covers).await;
        own.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))
    }

    /// A patient's appointments as the practice's system shows them.
    pub(crate) async fn patient_book(&mut self, patient: &str, covers: Window) -> Result<PatientBook, Stop> {
        let answered = self.reception.book.patient_book(self.desk, patient, covers).await;
        self.spent(answered)
    }

    pub(crate) async fn holds(&self, covers: Window) -> Result<Vec<Held>, Stop> {
        let held = self.reception.ledger.holds(self.desk, covers).await;
        held.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))
    }

    pub(crate) async fn request(&self, write: NewWrite) -> Result<Option<Requested>, Stop> {
        match self.reception.ledger.request(self.desk, write).await {
            Ok(requested) => Ok(Some(requested)),
            Err(RequestError::SlotTaken) => Ok(None),
            Err(RequestError::ChangeUnderWay) => Err(self.stop(&sentences::changes::UNDER_WAY)),
            Err(RequestError::Ledger(error)) => {
                Err(self.ledger_failed(&error, &sentences::NOT_SURE_RECORDED))
            }
        }
    }

    /// All the tenant's locations.
    pub(crate) async fn locations(&self) -> Result<Vec<PracticeId>, Stop> {
        let locations = self.reception.ledger.locations(self.desk).await;
        locations.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))
    }

    /// A payment that the tenant's payment service announced, for an account of this practice.
    pub(crate) async fn take_payment(&self, payment: &NewPayment) -> Result<Option<PaymentTaken>, Stop> {
        let taken = self.reception.ledger.take_payment(self.desk, payment).await;
        taken.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))
    }

    /// A write as it was recorded.
    pub(crate) async fn recorded(&self, writeback: WritebackId) -> Result<Recorded, Stop> {
        let recorded = self.reception.ledger.recorded(self.desk, writeback).await;
        recorded.map_err(|error| self.ledger_failed(&error, &sentences::NOT_SURE_RECORDED))
    }

    /// News of a recorded write. It is recorded whatever happens to the waiting, so no news is
    /// "waiting".
    pub(crate) async fn news(&self, writeback: WritebackId) -> WriteNews {
        self.news_within(writeback, self.desk.settings.write_wait).await
    }

    /// The same as it is at this moment.
    pub(crate) async fn news_now(&self, writeback: WritebackId) -> WriteNews {
        self.news_within(writeback, Duration::ZERO).await
    }

    async fn news_within(&self, writeback: WritebackId, up_to: Duration) -> WriteNews {
        match self.reception.ledger.wait(self.desk, writeback, up_to).await {
            Ok(news) => news,
            Err(error) => {
                tracing::warn!(writeback.id = %writeback, error = ?error, "waiting for a write's news failed");
                WriteNews::Waiting
            }
        }
    }

    /// Has what is on its way tried now, where it waits for the practice's server.
    pub(crate) async fn ask_again(&self, writeback: WritebackId) -> Result<(), Stop> {
        let asked = self.reception.ledger.ask_again(self.desk, writeback).await;
        asked.map_err(|error| self.ledger_failed(&error, &sentences::NOT_SURE_RECORDED))
    }

    /// Takes a write back that was never sent. False: it may have been.
    pub(crate) async fn withdraw(&self, writeback: WritebackId) -> Result<bool, Stop> {
        let withdrawn = self.reception.ledger.withdraw(self.desk, writeback).await;
        withdrawn.map_err(|error| self.ledger_failed(&error, &sentences::NOT_SURE_RECORDED))
    }

    /// Whom `patientId` names: the vendor's id, or the pending reference that `createPatient` gave.
    pub(crate) async fn patient_ref(&self, id: &str) -> Result<PatientRef, Stop> {
        let Ok(writeback) = id.parse::<WritebackId>() else {
            return Ok(PatientRef::Vendor(id.to_owned()));
        };
        let pending = self.reception.ledger.pending_patient(self.desk, writeback).await;
        match pending.map_err(|error| self.ledger_failed(&error, &sentences::UNREACHABLE))? {
            PendingPatient::Absent => Err(self.unknown_patient()),
            PendingPatient::Pending => Ok(PatientRef::Pending(writeback)),
            PendingPatient::Created { vendor_id } => Ok(PatientRef::Vendor(vendor_id)),
            PendingPatient::Failed => Err(self.stop(&sentences::PATIENT_NOT_MADE)),
            PendingPatient::LeftToStaff => Err(self.stop(&sentences::PATIENT_NOT_COMPLETE)),
        }
    }

    pub(crate) fn ledger_failed(&self, error: &LedgerError, template: &Template) -> Stop {
        tracing::warn!(tenant.id = %self.desk.tenant, error = ?error, "our own records did not answer a tool");
        self.stop(template)
    }

    pub(crate) fn spent<T>(&mut self, answered: Result<Answered<T>, BookError>) -> Result<T, Stop> {
        match answered {
            Ok(answered) => {
                self.vendor_ms += answered.vendor_ms;
                Ok(answered.value)
            }
            Err(error) => {
                self.vendor_ms += error.vendor_ms;
                tracing::warn!(
                    connection.id = %self.desk.connection,
                    error.kind = ?error.kind,
                    error.code = error.code,
                    "the practice's system gave a tool no answer"
                );
                Err(self.stop(match error.kind {
                    ErrorKind::Unsupported => &sentences::CANNOT_HERE,
                    ErrorKind::PracticeOffline => &sentences::PRACTICE_OFFLINE,
                    ErrorKind::AccessWithdrawn | ErrorKind::NotReady => &sentences::NOT_CONNECTED,
                    ErrorKind::KeyExpired
                    | ErrorKind::Invalid
                    | ErrorKind::NotFound
                    | ErrorKind::RateLimited
                    | ErrorKind::VendorDown
                    | ErrorKind::Unreadable => &sentences::UNREACHABLE,
                }))
            }
        }
    }

    /// How old the copy is that something was read from; `None`: nobody knows.
    fn age(&self, freshness: &Freshness) -> Option<Duration> {
        let since = self.desk.now.duration_since(freshness.copied_at?);
        Some(Duration::try_from(since).unwrap_or_default())
    }

    /// How old a copy is that is too old to go by, as it is said.
    pub(crate) fn too_old(&self, freshness: &Freshness) -> Option<String> {
        self.age(freshness).filter(|age| *age > self.desk.settings.too_old_after).map(|age| self.said(age))
    }

    /// An answer with a word about the age of what it was read from, unless that is known to be small.
    pub(crate) fn with_age(&self, answer: ToolAnswer, freshness: &Freshness) -> ToolAnswer {
        let language = self.desk.language;
        match self.age(freshness) {
            None => answer.and_say(&sentences::AGE_UNKNOWN, language, &[]),
            Some(age) if age > self.desk.settings.stale_after => {
                answer.and_say(&sentences::STALE, language, &[("age", &self.said(age))])
            }
            Some(_) => answer,
        }
    }

    fn said(&self, age: Duration) -> String {
        spoken::age(self.desk.language, i64::try_from(age.as_secs() / 60).unwrap_or(i64::MAX))
    }

    /// The zone the practice's system writes its times in; the desk's where it names none we know.
    pub(crate) fn zone(&self, book: &DayBook) -> TimeZone {
        TimeZone::get(&book.time_zone).unwrap_or_else(|_| self.desk.zone.clone())
    }

    /// As much of a list as a voice agent's line has room for; all of it for whoever reads it whole.
    pub(crate) fn with_list(&self, answer: ToolAnswer, name: &str, mut list: Vec<Value>) -> ToolAnswer {
        let mut room = if self.desk.caller.door == Door::Voice { LINE } else { usize::MAX };
        let fits = |one: &&Value| {
            let bytes = one.to_string().len() + 1;
            room.checked_sub(bytes).inspect(|left| room = *left).is_some()
        };
        let most = list.iter().take_while(fits).count();
        let cut = most < list.len();
        list.truncate(most);
        let answer = answer.with(name, list);
        if cut { answer.with("more", true) } else { answer }
    }

    /// When a write that is about no appointment has no more use.
    pub(crate) fn worth_sending_until(&self) -> Timestamp {
        self.desk.now.checked_add(WORTH_SENDING).unwrap_or(Timestamp::MAX)
    }

    /// `days` whole days from the one `from` lies in, on the desk's clock.
    pub(crate) fn whole_days(&self, from: Timestamp, days: i64) -> Option<Window> {
        let first = self.desk.zone.to_datetime(from).date();
        whole_days(&self.desk.zone, first, days)
    }
}

/// `days` whole days from `first`, however long each of them is by the clock.
pub(crate) fn whole_days(zone: &TimeZone, first: jiff::civil::Date, days: i64) -> Option<Window> {
    let after = first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    let start = first.to_zoned(zone.clone()).ok()?.timestamp();
    let end = after.to_zoned(zone.clone()).ok()?.timestamp();
    Window::new(start, end).ok()
}
