use std::time::Duration;

use async_trait::async_trait;
use availability::{Held, Stage};
use domain::{
    AppointmentType, Balance, Clinician, DayBook, Insurance, Money, Patient, PatientBook, PaymentMethod,
    PracticeId, Window, WritebackId,
};
use jiff::{SignedDuration, Timestamp};
use pms::{FailureReason, NewPatient, NewPayment, PatientQuery, Write};

use crate::{Desk, Proof};

/// What the practice's system answered, and how long that took.
#[derive(Debug, Clone)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// Milliseconds spent at the vendor; 0 when the answer came from memory.
    pub vendor_ms: u64,
}

/// The practice's system could not be asked, or could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the practice's system gave no answer ({kind:?}, {code:?})")]
pub struct BookError {
    /// What kind of thing went wrong. No worker, or no reply in time, is
    /// [`pms::ErrorKind::VendorDown`].
    pub kind: pms::ErrorKind,
    /// The vendor's own code, where it gave one.
    pub code: Option<String>,
    /// Milliseconds spent at the vendor.
    pub vendor_ms: u64,
}

impl BookError {
    /// A new error without the vendor's code.
    #[must_use]
    pub const fn new(kind: pms::ErrorKind) -> Self {
        Self { kind, code: None, vendor_ms: 0 }
    }
}

/// The practice's system, wherever it is: reads only.
#[async_trait]
pub trait PracticeBook: Send + Sync {
    /// Patients who match, at most 50, active ones first.
    ///
    /// # Errors
    /// [`BookError`]; nobody found is an empty list.
    async fn search(&self, desk: &Desk, query: &PatientQuery) -> Result<Answered<Vec<Patient>>, BookError>;

    /// One patient by the vendor's id.
    ///
    /// # Errors
    /// [`BookError`]; an id nobody has is `None`.
    async fn patient(&self, desk: &Desk, vendor_id: &str) -> Result<Answered<Option<Patient>>, BookError>;

    /// Who works when, and what is taken, for whole days in the practice's zone.
    ///
    /// # Errors
    /// [`BookError`]; half a book is an error.
    async fn day_book(&self, desk: &Desk, covers: Window) -> Result<Answered<DayBook>, BookError>;

    /// The appointments of one patient, by the vendor's id, and nobody else's.
    ///
    /// # Errors
    /// [`BookError`]; a patient without any has an empty book.
    async fn patient_book(
        &self,
        desk: &Desk,
        patient: &str,
        covers: Window,
    ) -> Result<Answered<PatientBook>, BookError>;

    /// Everybody in the practice's list of people.
    ///
    /// # Errors
    /// [`BookError`].
    async fn clinicians(&self, desk: &Desk) -> Result<Answered<Vec<Clinician>>, BookError>;

    /// The kinds of appointment the practice makes.
    ///
    /// # Errors
    /// [`BookError`].
    async fn appointment_types(&self, desk: &Desk) -> Result<Answered<Vec<AppointmentType>>, BookError>;

    /// What stands on a patient's account; `None` where there is no account.
    ///
    /// # Errors
    /// [`BookError`].
    async fn balance(&self, desk: &Desk, patient: &str) -> Result<Answered<Option<Balance>>, BookError>;

    /// The insurances on file for a patient.
    ///
    /// # Errors
    /// [`BookError`].
    async fn insurance(&self, desk: &Desk, patient: &str) -> Result<Answered<Vec<Insurance>>, BookError>;
}

/// A change of an appointment by a write of ours: under way, set aside, or done, by hand perhaps, so lately that the
/// practice's copy may not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The write.
    pub writeback: WritebackId,
    /// The vendor's id of the appointment.
    pub appointment: String,
    /// The vendor's id of its patient.
    pub patient: String,
    /// When it was, as it was known when the change was wished for.
    pub from: Window,
    /// Where it goes; `None`: it is cancelled.
    pub to: Option<Claim>,
    /// When it was wished for.
    pub wished_at: Timestamp,
    /// When the practice's system had done it, or staff had entered it by hand; `None`: it is not over.
    pub done_at: Option<Timestamp>,
    /// How it stands.
    pub stage: Stage,
}

impl Change {
    /// Whether the practice's system has done it and a copy of `copied_at` may not show it yet. Once it must, the copy
    /// is right: somebody at the practice may have changed the appointment again.
    pub(crate) fn outruns(&self, copied_at: Option<Timestamp>) -> bool {
        self.stage == Stage::Done && self.is_unseen(copied_at)
    }

    /// The same, whoever has done it.
    pub(crate) fn is_unseen(&self, copied_at: Option<Timestamp>) -> bool {
        self.done_at.is_some_and(|done_at| is_after(done_at, copied_at))
    }
}

/// The time a booking claims. Two claims on one clinician, or on one chair, at overlapping times
/// cannot both stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// When.
    pub window: Window,
    /// The clinician, by the vendor's id.
    pub clinician: String,
    /// The chair, by the vendor's id.
    pub chair: String,
}

/// A write to be recorded and sent on its way.
#[derive(Debug, Clone)]
pub struct NewWrite {
    /// What to write. An appointment for a patient who is still being made names them `wb_…`: the
    /// worker puts the vendor's id in its place when `depends_on` has succeeded.
    pub write: Write,
    /// The same for the same wish of the same patient, however often it is asked; keyed, so that it
    /// tells nothing about the patient.
    pub intent_key: String,
    /// Where all locations of the tenant's have such a wish only once: its keys at each of them.
    pub once_for_all: Vec<String>,
    /// The time it claims.
    pub claim: Option<Claim>,
    /// The write that must succeed first.
    pub depends_on: Option<WritebackId>,
    /// When it has no more use: the deadline of everything done for it.
    pub needed_by: Timestamp,
}

/// A payment as the tenant's payment service announced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentTaken {
    /// How it was paid, where the service said.
    pub method: Option<PaymentMethod>,
}

/// What became of a request to record a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// It was recorded now.
    New(WritebackId),
    /// The same intent was there already; nothing was recorded. Where it is another location's, nothing of it is to be
    /// read here.
    Joined(WritebackId),
}

/// What is known at a practice of a write that was recorded.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// It is this practice's, and this is what it says.
    Here(Box<Write>),
    /// What it says cannot be read any more.
    Unreadable,
    /// This practice has no such write: nothing of it is to be told here.
    Elsewhere,
}

/// Our own rows cannot be read or written. Whether a write was recorded is then not known; asking
/// again with the same intent is safe.
#[derive(Debug, thiserror::Error)]
#[error("our own records did not answer")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why a write was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Another claim on the clinician or the chair stands.
    #[error("another booking under way has this time")]
    SlotTaken,
    /// Another change of the same appointment is not over.
    #[error("another change of the appointment is under way")]
    ChangeUnderWay,
    /// Our own rows did not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// How a write stands when the waiting ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteNews {
    /// The practice's system said that it is done.
    Succeeded {
        /// The vendor's id of what was made, where it told.
        created: Option<String>,
    },
    /// The practice's system refused it, for good.
    Failed(FailureReason),
    /// It is recorded and on its way, or at the vendor and not finished.
    Waiting,
    /// The practice's own server is off: it stays recorded and is tried again later.
    Offline,
    /// It was sent and nobody knows whether it arrived; it is being looked for.
    Unknown,
    /// It was set aside for a person.
    Parked,
}

/// How the creation of a patient stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingPatient {
    /// This practice has no such write, or it is not the creation of a patient.
    Absent,
    /// Not finished.
    Pending,
    /// The practice's system has them.
    Created {
        /// The vendor's id.
        vendor_id: String,
    },
    /// The practice's system does not have them, and will not by itself any more.
    Failed,
    /// The practice's system may have them, and nobody knows under which id: staff must find out.
    LeftToStaff,
}

/// What became of a guess that was to be counted before it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guessing {
    /// It is counted now.
    Counted,
    /// It was counted already.
    Known,
    /// The call has had its guesses; this one is not counted.
    TooMany,
}

/// A payment of ours that is on its way to a patient's account, or was put there lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// How much.
    pub amount: Money,
    /// When the practice's system had it; `None`: it is not over.
    pub done_at: Option<Timestamp>,
}

impl Paid {
    /// Whether an account as a copy of `copied_at` shows it may be without it.
    pub(crate) fn outruns(&self, copied_at: Option<Timestamp>) -> bool {
        self.done_at.is_none_or(|done_at| is_after(done_at, copied_at))
    }
}

/// How much later than a write a copy of the practice's system must have been made to be sure that it shows what the
/// write did.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

fn is_after(done_at: Timestamp, copied_at: Option<Timestamp>) -> bool {
    copied_at.is_none_or(|copied_at| copied_at.duration_since(done_at) <= MARGIN)
}

/// Our own rows, as the tenant of the desk.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Everything our rows keep busy in `covers`, for the whole practice.
    ///
    /// A booking stays here until the practice's copy shows it: the caller reads the holds *before*
    /// the day book, so that one that is just changing sides is seen at least once.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn holds(&self, desk: &Desk, covers: Window) -> Result<Vec<Held>, LedgerError>;

    /// [`Ledger::holds`], and every change of the practice's appointments by a write of ours that is not over, or was
    /// done, by hand perhaps, within the last days, the oldest first: both of before the day book as well.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn own(&self, desk: &Desk, covers: Window) -> Result<(Vec<Held>, Vec<Change>), LedgerError>;

    /// Records the write, its claim and its command in one transaction.
    ///
    /// An intent joins a write that is under way, or that succeeded and whose hold still stands. It
    /// does not join one that failed, nor one whose appointment the copy has shown since: that one
    /// may have been cancelled. Of several at once that all locations have only once, one is recorded.
    ///
    /// # Errors
    /// [`RequestError`].
    async fn request(&self, desk: &Desk, write: NewWrite) -> Result<Requested, RequestError>;

    /// All the tenant's locations, the desk's among them.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn locations(&self, desk: &Desk) -> Result<Vec<PracticeId>, LedgerError>;

    /// Waits for the write to end, at most `up_to`. A write that has ended already answers at once.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn wait(
        &self,
        desk: &Desk,
        writeback: WritebackId,
        up_to: Duration,
    ) -> Result<WriteNews, LedgerError>;

    /// The patient with this vendor's id as a write of ours made them: the practice's copy may not show them for
    /// some time.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn made_patient(&self, desk: &Desk, vendor_id: &str) -> Result<Option<NewPatient>, LedgerError>;

    /// A write as it was recorded at this practice, through whichever of its connections.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn recorded(&self, desk: &Desk, writeback: WritebackId) -> Result<Recorded, LedgerError>;

    /// Keeps for the rest of the desk's call that its caller is, or speaks for, the patient these ids name. A
    /// greater proof that is there already stays.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn prove(&self, desk: &Desk, patients: &[&str], proof: Proof) -> Result<(), LedgerError>;

    /// The greatest proof that the caller has given in the desk's call for any of these ids. Without a call there
    /// is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn proof(&self, desk: &Desk, patients: &[&str]) -> Result<Option<Proof>, LedgerError>;

    /// How many different wrong guesses of who somebody is the desk's call has had.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn guesses(&self, desk: &Desk) -> Result<u32, LedgerError>;

    /// Counts a wrong guess in the desk's call, the same one only once, and returns how many there are now.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn guessed(&self, desk: &Desk, guess: &[u8]) -> Result<u32, LedgerError>;

    /// Takes a payment that the tenant's payment service has announced for this practice's accounts: this reference,
    /// with the same amount and currency, and for this patient where the service said for whom. `None`: there is no
    /// such payment, or another practice has it. Asked again, it answers the same.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn take_payment(
        &self,
        desk: &Desk,
        payment: &NewPayment,
    ) -> Result<Option<PaymentTaken>, LedgerError>;

    /// Counts a guess that nobody has judged yet, unless the desk's call has had `most` of them. Of many at the same
    /// time, no more than `most` are counted.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn guessing(&self, desk: &Desk, guess: &[u8], most: u32) -> Result<Guessing, LedgerError>;

    /// Takes back a guess that was counted and was not wrong.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn guessed_right(&self, desk: &Desk, guess: &[u8]) -> Result<(), LedgerError>;

    /// Our payments to a patient's account, by the vendor's id, that are not over or were put there within the last
    /// days.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn payments(&self, desk: &Desk, patient: &str) -> Result<Vec<Paid>, LedgerError>;

    /// Somebody asks again for what is on its way: where it waits for the practice's server, that is tried now.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn ask_again(&self, desk: &Desk, writeback: WritebackId) -> Result<(), LedgerError>;

    /// Takes back a write that was never sent: it is not sent any more, and what it held is free. False: it may have
    /// been sent, or is over, and stays as it is.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn withdraw(&self, desk: &Desk, writeback: WritebackId) -> Result<bool, LedgerError>;

    /// How the creation of a patient stands.
    ///
    /// # Errors
    /// [`LedgerError`].
    async fn pending_patient(
        &self,
        desk: &Desk,
        writeback: WritebackId,
    ) -> Result<PendingPatient, LedgerError>;
}
