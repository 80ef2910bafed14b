use domain::{Money, PaymentMethod, PersonName, Phone, Sensitive, Window};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Cancellation, NewNote, Operation, Reschedule};

/// A patient the practice does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPatient {
    /// Their name.
    pub name: PersonName,
    /// Date of birth.
    pub born: Sensitive<Date>,
    /// Their own number.
    pub phone: Phone,
    /// E-mail, where given.
    pub email: Option<Sensitive<String>>,
    /// The clinician they are filed under, by the vendor's id.
    pub clinician: String,
}

/// An appointment to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAppointment {
    /// The vendor's id of the patient.
    pub patient: String,
    /// The vendor's id of the clinician.
    pub clinician: String,
    /// The vendor's id of the chair.
    pub chair: String,
    /// When.
    pub window: Window,
    /// The practice's IANA zone, in which its system writes times.
    pub time_zone: String,
    /// What for, as the patient said it.
    pub reason: Sensitive<String>,
    /// The vendor's own code of the kind of appointment, where staff gave it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A payment that somebody else has taken already, to be put on the patient's account. It charges nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPayment {
    /// The vendor's id of the patient.
    pub patient: String,
    /// The clinician it is filed under, by the vendor's id.
    pub clinician: String,
    /// How much: above zero.
    pub amount: Sensitive<Money>,
    /// How it was made.
    pub method: PaymentMethod,
    /// What whoever took it calls it: letters, digits, `.`, `-` and `_`. Never a card's number.
    pub taken_as: String,
    /// The practice's day it is booked on.
    pub on: Date,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Write {
    /// A patient the practice does not have yet.
    CreatePatient(NewPatient),
    /// An appointment to be made.
    BookAppointment(NewAppointment),
    /// An appointment to be moved.
    RescheduleAppointment(Reschedule),
    /// An appointment to be taken out of the calendar.
    CancelAppointment(Cancellation),
    /// A note for a patient's record.
    AddNote(NewNote),
    /// A payment taken elsewhere, to be put on an account.
    RecordPayment(NewPayment),
}

impl Write {
    /// The operation a connection must declare for this.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::CreatePatient(_) => Operation::CreatePatient,
            Self::BookAppointment(_) => Operation::BookAppointment,
            Self::RescheduleAppointment(_) => Operation::RescheduleAppointment,
            Self::CancelAppointment(_) => Operation::CancelAppointment,
            Self::AddNote(_) => Operation::AddNote,
            Self::RecordPayment(_) => Operation::RecordPayment,
        }
    }
}

/// A write on its way, with what it takes to find it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOrder {
    /// What to write.
    pub write: Write,
    /// Eight letters and digits, ours alone: it travels in a text field where the system has one.
    pub reference: String,
    /// When we first began to send it; nothing of it can be older at the vendor.
    pub first_sent_at: Timestamp,
}

/// The vendor's number for a write it took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Receipt(pub String);

/// Why a practice's system would not do a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// Somebody else has the time.
    SlotTaken,
    /// It names a patient, clinician, chair or appointment the system does not have.
    UnknownReference,
    /// Anything else the system said.
    Refused,
}

/// How a write that the vendor took stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Not done yet, or in words we do not know: never "done".
    Pending,
    /// The vendor says that it is done, which counts once the practice's records show it: they do not yet, and will
    /// not before they are refreshed.
    Unshown,
    /// The practice's system holds it.
    Succeeded {
        /// The vendor's id of what was made.
        created: Option<String>,
    },
    /// The practice's system refused it.
    Failed {
        /// Why, as far as the vendor's sentence tells.
        reason: FailureReason,
        /// The vendor's own sentence: it may name a patient.
        text: Sensitive<String>,
    },
}

/// Where a write whose reply was lost was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// The vendor took it.
    Accepted(Receipt),
    /// The practice's own records show it.
    InRecords {
        /// The vendor's id of what was made or changed.
        created: String,
    },
    /// The vendor's list and the practice's records were both read, and neither has it.
    Nowhere,
}
