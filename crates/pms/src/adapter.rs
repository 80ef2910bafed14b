use std::collections::BTreeMap;
use std::time::Instant;

use async_trait::async_trait;
use domain::{
    AppointmentType, Balance, Clinician, DayBook, Insurance, Patient, PatientBook, Phone, Sensitive, Window,
};
use jiff::civil::Date;

use crate::{Capabilities, PmsError, Receipt, Sighting, WriteOrder, WriteOutcome};

/// Whom to look for. Every given part must match; at least one is given.
#[derive(Debug, Clone, Default)]
pub struct PatientQuery {
    /// Given name, or its beginning.
    pub first_name: Option<Sensitive<String>>,
    /// Family name, or its beginning.
    pub last_name: Option<Sensitive<String>>,
    /// Any of the patient's numbers.
    pub phone: Option<Phone>,
    /// Date of birth, exactly.
    pub born: Option<Sensitive<Date>>,
}

/// Which days, and how old an answer from memory may be.
#[derive(Debug, Clone, Copy)]
pub struct DayBookQuery {
    /// From the first moment of the first day to the last moment of the last, in the practice's zone.
    pub covers: Window,
}

/// Whose appointments, and when.
#[derive(Debug, Clone)]
pub struct PatientBookQuery {
    /// The vendor's id of the patient.
    pub patient: String,
    /// Appointments that begin or end in here; whole days at least are looked at.
    pub covers: Window,
}

/// One practice, as its own system holds it.
///
/// Every method is required and none has a default: what a system cannot do is declared in
/// [`Capabilities`] and answers [`PmsError::unsupported`], never a quiet nothing.
#[async_trait]
pub trait PMSAdapter: Send + Sync {
    /// What this connection can do, as read from the vendor or shipped with the adapter.
    fn capabilities(&self) -> &Capabilities;

    /// Patients who match, at most 50, active ones first.
    ///
    /// # Errors
    /// [`PmsError`]; nobody found is an empty list, not an error.
    async fn search_patients(&self, query: &PatientQuery) -> Result<Vec<Patient>, PmsError>;

    /// One patient by the vendor's id.
    ///
    /// # Errors
    /// [`PmsError`].
    async fn patient(&self, vendor_id: &str) -> Result<Option<Patient>, PmsError>;

    /// Who works when, and what is taken.
    ///
    /// # Errors
    /// [`PmsError`]; half a book is an error, never half an answer.
    async fn day_book(&self, query: &DayBookQuery) -> Result<DayBook, PmsError>;

    /// A patient's own appointments, cancelled ones among them, and nobody else's. One that was cancelled may
    /// also be absent: not every system keeps them.
    ///
    /// # Errors
    /// [`PmsError`]; a patient without any, or one nobody knows, has an empty book.
    async fn patient_book(&self, query: &PatientBookQuery) -> Result<PatientBook, PmsError>;

    /// Everybody in the system's list of people, those who cannot be booked among them.
    ///
    /// # Errors
    /// [`PmsError`].
    async fn clinicians(&self) -> Result<Vec<Clinician>, PmsError>;

    /// The kinds of appointment the system knows, in its own order. None is an empty list.
    ///
    /// # Errors
    /// [`PmsError`].
    async fn appointment_types(&self) -> Result<Vec<AppointmentType>, PmsError>;

    /// What stands on the account of the patient with this id; `None` where the system has no account of theirs.
    /// An amount that cannot be read is an error, never zero.
    ///
    /// # Errors
    /// [`PmsError`].
    async fn balance(&self, patient: &str) -> Result<Option<Balance>, PmsError>;

    /// The insurances on file for the patient with this id, the one that pays first first. None is an empty list.
    ///
    /// # Errors
    /// [`PmsError`].
    async fn insurance(&self, patient: &str) -> Result<Vec<Insurance>, PmsError>;

    /// Hands one write to the vendor, once. This never retries by itself.
    ///
    /// No request leaves later than `send_by`, whatever it had to wait for: the caller's lease on the write
    /// may be another's by then.
    ///
    /// # Errors
    /// [`PmsError`] whose advice tells whether the vendor may have taken it
    /// ([`crate::Advice::OutcomeUnknown`]). "It exists already" is such an answer: an earlier try may have made it.
    async fn submit(&self, order: &WriteOrder, send_by: Instant) -> Result<Receipt, PmsError>;

    /// How the given writes stand. Absent from the answer is what the vendor does not mention, and what could
    /// not be asked for this time: limits and breakdowns do not take back the answers that were got.
    ///
    /// # Errors
    /// [`PmsError`] when no answer was got, and when none can be any more.
    async fn outcomes(&self, receipts: &[Receipt]) -> Result<BTreeMap<Receipt, WriteOutcome>, PmsError>;

    /// Looks for traces of writes whose reply was lost: among the vendor's accepted writes first, which are
    /// read once for all of them, then in the practice's own records. The answer is by
    /// [`WriteOrder::reference`]. Of one that is absent nothing is known: it may not be sent.
    ///
    /// # Errors
    /// [`PmsError`] when nothing is known of any of them.
    async fn look_for(&self, orders: &[WriteOrder]) -> Result<BTreeMap<String, Sighting>, PmsError>;
}
