//! A vendor that does what a test tells it, and remembers everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use async_trait::async_trait;
use domain::{
    Appointment, AppointmentState, AppointmentType, Balance, Clinician, ConnectionId, DayBook, Freshness,
    Insurance, Patient, PatientBook, TenantId, Window,
};
use jiff::Timestamp;
use pms::{
    Advice, Capabilities, DayBookQuery, ErrorKind, FailureReason, PMSAdapter, PatientBookQuery, PatientQuery,
    PmsError, Receipt, Sighting, Write, WriteOrder, WriteOutcome,
};
use tokio::sync::{Notify, Semaphore};
use writebacks::Offices;

/// What becomes of the next request to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Taken, and said so.
    Take,
    /// Taken; the reply is lost.
    TakeAndLoseReply,
    /// Lost on its way.
    LoseRequest,
    /// Without a reply, and taken only after somebody has looked for it once.
    ArriveLate,
    /// Not taken, and said so.
    Refuse(ErrorKind, Advice),
    /// Taken; the reply comes when the test says so.
    TakeAndStall,
    /// Lost; the sender learns it when the test says so.
    LoseAndStall,
}

/// A write as the practice's system has it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) reference: String,
    pub(crate) receipt: String,
    pub(crate) write: Write,
    pub(crate) outcome: WriteOutcome,
}

#[derive(Default)]
struct Inner {
    fates: VecDeque<Fate>,
    closed: Option<(ErrorKind, Advice)>,
    blind: u32,
    unsure: Option<String>,
    no_status: bool,
    by_hand: Vec<(String, Window)>,
    standing: BTreeMap<String, (Window, AppointmentState)>,
    overtaking: Vec<String>,
    found_done: BTreeSet<String>,
    calendar: Option<(ErrorKind, Advice)>,
    slow_calendar: bool,
    copied_at: Option<Timestamp>,
    is_of_unknown_age: bool,
    shown: Vec<Appointment>,
    books_read: u32,
    send_by: Option<Instant>,
    held: Vec<Held>,
    late: Vec<WriteOrder>,
    sent: Vec<String>,
    under_way: usize,
    most_under_way: usize,
    looks: u32,
}

pub(crate) struct Vendor {
    inner: Mutex<Inner>,
    capabilities: Capabilities,
    /// Told when a request stalls.
    pub(crate) stalled: Notify,
    /// A place for each stalled request that may go on.
    pub(crate) go_on: Semaphore,
}

impl Vendor {
    /// Whether a request that was lost on its way may still arrive.
    pub(crate) fn may_still_arrive(&self, reference: &str) -> bool {
        self.inner().late.iter().any(|order| order.reference == reference)
    }

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::default(),
            capabilities: Capabilities { system: "Scripted".into(), operations: BTreeSet::new() },
            stalled: Notify::new(),
            go_on: Semaphore::new(0),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The next requests end so; after them every one is taken.
    pub(crate) fn next(&self, fates: &[Fate]) {
        self.inner().fates.extend(fates);
    }

    /// Forgets what was planned.
    pub(crate) fn behave(&self) {
        let mut inner = self.inner();
        inner.fates.clear();
        inner.closed = None;
        inner.blind = 0;
    }

    /// A request that was planned for and never made.
    pub(crate) fn forget_fates(&self) {
        self.inner().fates.clear();
    }

    /// The practice cannot be opened at all.
    pub(crate) fn close(&self, kind: ErrorKind, advice: Advice) {
        self.inner().closed = Some((kind, advice));
    }

    /// The next `times` looks get no answer.
    pub(crate) fn blind(&self, times: u32) {
        self.inner().blind = times;
    }

    /// How writes stand is outside of the plan.
    pub(crate) fn close_status(&self) {
        self.inner().no_status = true;
    }

    /// Somebody in the practice writes an appointment into its calendar.
    pub(crate) fn by_hand(&self, patient: &str, window: Window) {
        self.inner().by_hand.push((patient.to_owned(), window));
    }

    /// The practice's calendar has this appointment here, by whoever's hand.
    pub(crate) fn stands(&self, appointment: &str, window: Window) {
        self.inner().standing.insert(appointment.to_owned(), (window, AppointmentState::Booked));
    }

    /// Staff cancel it in the practice's own system.
    pub(crate) fn cancelled(&self, appointment: &str) {
        if let Some((_, state)) = self.inner().standing.get_mut(appointment) {
            *state = AppointmentState::Cancelled;
        }
    }

    /// Where an appointment stands, unless it was cancelled.
    pub(crate) fn where_is(&self, appointment: &str) -> Option<Window> {
        let (window, state) = *self.inner().standing.get(appointment)?;
        (state == AppointmentState::Booked).then_some(window)
    }

    /// References of changes that were sent although their appointment stood elsewhere, or nowhere.
    pub(crate) fn overtaking(&self) -> Vec<String> {
        self.inner().overtaking.clone()
    }

    /// Whether somebody who looked for it was told that the calendar shows it, by whoever's hand.
    pub(crate) fn was_found_done(&self, reference: &str) -> bool {
        self.inner().found_done.contains(reference)
    }

    /// The calendar answers so, or is read again.
    pub(crate) fn calendar(&self, error: Option<(ErrorKind, Advice)>) {
        self.inner().calendar = error;
    }

    /// The calendar is a copy made then.
    pub(crate) fn copied_at(&self, at: Timestamp) {
        self.inner().copied_at = Some(at);
    }

    /// Nobody knows when the copy was made that the calendar is.
    pub(crate) fn of_unknown_age(&self) {
        self.inner().is_of_unknown_age = true;
    }

    /// The calendar has this appointment too.
    pub(crate) fn shows(&self, appointment: Appointment) {
        self.inner().shown.push(appointment);
    }

    /// The calendar is read when the test says so.
    pub(crate) fn slow_calendar(&self) {
        self.inner().slow_calendar = true;
    }

    /// How often the calendar was read.
    pub(crate) fn books_read(&self) -> u32 {
        self.inner().books_read
    }

    /// By when the last request was to leave.
    pub(crate) fn send_by(&self) -> Option<Instant> {
        self.inner().send_by
    }

    /// An earlier try at this one, which everybody looked for in vain, was taken before the last.
    pub(crate) fn had_taken(&self, reference: &str) {
        let mut inner = self.inner();
        let last = inner.held.iter().find(|held| held.reference == reference).cloned().unwrap();
        let receipt = format!("r-{}", inner.held.len() + 1);
        inner.held.push(Held { receipt, outcome: WriteOutcome::Pending, ..last });
    }

    /// The next look tells nothing about this one.
    pub(crate) fn unsure_of(&self, reference: &str) {
        self.inner().unsure = Some(reference.to_owned());
    }

    /// The practice's system does what it has been given.
    pub(crate) fn settle(&self, fails: Option<FailureReason>) {
        let Inner { held, standing, .. } = &mut *self.inner();
        for held in held {
            if held.outcome == WriteOutcome::Pending {
                if fails.is_none() {
                    follow(standing, &held.write);
                }
                held.outcome = match fails {
                    Some(reason) => WriteOutcome::Failed { reason, text: "no".to_owned().into() },
                    None => WriteOutcome::Succeeded { created: Some(format!("made-{}", held.reference)) },
                };
            }
        }
    }

    /// The practice's system does it and does not tell what it made.
    pub(crate) fn settle_without_an_id(&self) {
        for held in &mut self.inner().held {
            held.outcome = WriteOutcome::Succeeded { created: None };
        }
    }

    /// It says that it has done it, and its records do not show it.
    pub(crate) fn say_done(&self) {
        for held in &mut self.inner().held {
            held.outcome = WriteOutcome::Unshown;
        }
    }

    pub(crate) fn held(&self) -> Vec<Held> {
        self.inner().held.clone()
    }

    /// The references of every request there was, in order.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.inner().sent.clone()
    }

    /// How many requests there were at once.
    pub(crate) fn most_under_way(&self) -> usize {
        self.inner().most_under_way
    }

    /// How often somebody looked for a lost write.
    pub(crate) fn looks(&self) -> u32 {
        self.inner().looks
    }

    fn take(&self, order: &WriteOrder) -> Receipt {
        let mut inner = self.inner();
        let receipt = format!("r-{}", inner.held.len() + 1);
        inner.held.push(Held {
            reference: order.reference.clone(),
            receipt: receipt.clone(),
            write: order.write.clone(),
            outcome: WriteOutcome::Pending,
        });
        Receipt(receipt)
    }

    async fn stall(&self) {
        self.stalled.notify_one();
        self.go_on.acquire().await.unwrap().forget();
    }

    async fn handle(&self, order: &WriteOrder, fate: Fate) -> Result<Receipt, PmsError> {
        // Time for another sender to get in between, if one may.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let lost = || PmsError::new(ErrorKind::VendorDown, Advice::OutcomeUnknown);
        match fate {
            Fate::Take => Ok(self.take(order)),
            Fate::TakeAndLoseReply => {
                self.take(order);
                Err(lost())
            }
            Fate::LoseRequest => Err(lost()),
            Fate::ArriveLate => {
                self.inner().late.push(order.clone());
                Err(lost())
            }
            Fate::Refuse(kind, advice) => Err(PmsError::new(kind, advice)),
            Fate::TakeAndStall => {
                let receipt = self.take(order);
                self.stall().await;
                Ok(receipt)
            }
            Fate::LoseAndStall => {
                self.stall().await;
                Err(lost())
            }
        }
    }
}

#[async_trait]
impl PMSAdapter for Vendor {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn search_patients(&self, _: &PatientQuery) -> Result<Vec<Patient>, PmsError> {
        unreachable!("a carrier does not search")
    }

    async fn patient(&self, _: &str) -> Result<Option<Patient>, PmsError> {
        unreachable!("a carrier does not read patients")
    }

    async fn day_book(&self, query: &DayBookQuery) -> Result<DayBook, PmsError> {
        let is_slow = {
            let mut inner = self.inner();
            inner.books_read += 1;
            inner.slow_calendar
        };
        if is_slow {
            self.stall().await;
        }
        if let Some((kind, advice)) = self.inner().calendar {
            return Err(PmsError::new(kind, advice));
        }
        let appointment = |patient: &str, window: Window| Appointment {
            vendor_id: "1".into(),
            patient: patient.to_owned(),
            clinician: Some("7".into()),
            chair: Some("2".into()),
            window,
            state: AppointmentState::Booked,
        };
        let inner = self.inner();
        let mut appointments: Vec<_> =
            inner.by_hand.iter().map(|(patient, window)| appointment(patient, *window)).collect();
        for (id, (window, state)) in &inner.standing {
            appointments.push(Appointment {
                vendor_id: id.clone(),
                state: *state,
                ..appointment("201", *window)
            });
        }
        for held in &inner.held {
            if let (Write::BookAppointment(new), WriteOutcome::Succeeded { .. }) =
                (&held.write, &held.outcome)
            {
                appointments.push(appointment(&new.patient, new.window));
            }
        }
        appointments.extend(inner.shown.iter().cloned());
        appointments.retain(|one| one.window.overlaps(&query.covers));
        assert!(appointments.iter().all(|one| one.window.minutes() < 24 * 60));
        let copied_at = (!inner.is_of_unknown_age).then(|| inner.copied_at.unwrap_or(Timestamp::now()));
        Ok(DayBook {
            time_zone: "America/Chicago".into(),
            covers: query.covers,
            clinicians: vec![],
            chairs: vec![],
            hours: vec![],
            appointments,
            feed: None,
            freshness: Freshness { copied_at, read_at: Timestamp::now() },
        })
    }

    async fn patient_book(&self, query: &PatientBookQuery) -> Result<PatientBook, PmsError> {
        let inner = self.inner();
        let is_theirs =
            |one: &&Appointment| one.patient == query.patient && one.window.overlaps(&query.covers);
        Ok(PatientBook {
            time_zone: "America/Chicago".into(),
            appointments: inner.shown.iter().filter(is_theirs).cloned().collect(),
            clinicians: vec![],
            freshness: Freshness { copied_at: inner.copied_at, read_at: Timestamp::now() },
        })
    }

    async fn clinicians(&self) -> Result<Vec<Clinician>, PmsError> {
        unreachable!("a carrier does not list people")
    }

    async fn appointment_types(&self) -> Result<Vec<AppointmentType>, PmsError> {
        unreachable!("a carrier does not list kinds of appointment")
    }

    async fn balance(&self, _: &str) -> Result<Option<Balance>, PmsError> {
        unreachable!("a carrier does not read accounts")
    }

    async fn insurance(&self, _: &str) -> Result<Vec<Insurance>, PmsError> {
        unreachable!("a carrier does not read insurances")
    }

    async fn submit(&self, order: &WriteOrder, send_by: Instant) -> Result<Receipt, PmsError> {
        let fate = {
            let mut inner = self.inner();
            inner.send_by = Some(send_by);
            if let Some((appointment, was)) = order.write.changes().zip(order.write.was())
                && let Some(stands) = inner.standing.get(appointment)
                && *stands != (was, AppointmentState::Booked)
            {
                inner.overtaking.push(order.reference.clone());
            }
            inner.sent.push(order.reference.clone());
            inner.under_way += 1;
            inner.most_under_way = inner.most_under_way.max(inner.under_way);
            inner.fates.pop_front().unwrap_or(Fate::Take)
        };
        let done = self.handle(order, fate).await;
        self.inner().under_way -= 1;
        done
    }

    async fn outcomes(&self, receipts: &[Receipt]) -> Result<BTreeMap<Receipt, WriteOutcome>, PmsError> {
        let inner = self.inner();
        if inner.no_status {
            return Err(PmsError::new(ErrorKind::Unsupported, Advice::Permanent));
        }
        let asked = inner.held.iter().filter(|held| receipts.iter().any(|receipt| receipt.0 == held.receipt));
        Ok(asked.map(|held| (Receipt(held.receipt.clone()), held.outcome.clone())).collect())
    }

    async fn look_for(&self, orders: &[WriteOrder]) -> Result<BTreeMap<String, Sighting>, PmsError> {
        let mut inner = self.inner();
        if inner.blind > 0 {
            inner.blind -= 1;
            return Err(PmsError::new(ErrorKind::VendorDown, Advice::Retry));
        }
        inner.looks += 1;
        // Of tries at one write, what did not fail goes first.
        let best = |order: &WriteOrder| {
            let same = inner.held.iter().filter(|held| held.reference == order.reference);
            same.min_by_key(|held| matches!(held.outcome, WriteOutcome::Failed { .. }))
        };
        let seen = |order: &WriteOrder| match best(order) {
            None => match order.write.changes().and_then(|id| Some((id, inner.standing.get(id)?))) {
                Some((id, stands)) if is_done(&order.write, *stands) => {
                    Sighting::InRecords { created: id.to_owned() }
                }
                _ => Sighting::Nowhere,
            },
            Some(Held { outcome: WriteOutcome::Succeeded { created: Some(created) }, .. }) => {
                Sighting::InRecords { created: created.clone() }
            }
            Some(held) => Sighting::Accepted(Receipt(held.receipt.clone())),
        };
        let mut sightings: BTreeMap<_, _> =
            orders.iter().map(|order| (order.reference.clone(), seen(order))).collect();
        let found = |(reference, sighting): (&String, &Sighting)| {
            matches!(sighting, Sighting::InRecords { .. }).then(|| reference.clone())
        };
        let found: Vec<String> = sightings.iter().filter_map(found).collect();
        inner.found_done.extend(found);
        let arrived: Vec<_> =
            inner.late.extract_if(.., |late| sightings.contains_key(&late.reference)).collect();
        if let Some(unsure) = inner.unsure.take() {
            sightings.remove(&unsure);
        }
        drop(inner);
        for late in arrived {
            self.take(&late);
        }
        Ok(sightings)
    }
}

/// What becomes of an appointment by a change that the practice's system has done.
fn follow(standing: &mut BTreeMap<String, (Window, AppointmentState)>, write: &Write) {
    let Some(now) = write.changes().and_then(|appointment| standing.get_mut(appointment)) else { return };
    match write {
        Write::RescheduleAppointment(moved) => *now = (moved.window, AppointmentState::Booked),
        _ => now.1 = AppointmentState::Cancelled,
    }
}

fn is_done(write: &Write, (window, state): (Window, AppointmentState)) -> bool {
    match write {
        Write::RescheduleAppointment(moved) => {
            state == AppointmentState::Booked && window.start == moved.window.start
        }
        _ => state == AppointmentState::Cancelled,
    }
}

/// Every connection is the one vendor's.
pub(crate) struct OneVendor(pub(crate) Arc<Vendor>);

#[async_trait]
impl Offices for OneVendor {
    async fn office(&self, _: TenantId, _: ConnectionId) -> Result<Arc<dyn PMSAdapter>, PmsError> {
        match self.0.inner().closed {
            Some((kind, advice)) => Err(PmsError::new(kind, advice)),
            None => Ok(self.0.clone()),
        }
    }
}
