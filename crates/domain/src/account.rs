use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{ClinicianKind, Money, Sensitive};

/// What stands on one patient's own account. Below zero is in the patient's favour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The vendor's id of the patient.
    pub patient: String,
    /// All that is open.
    pub total: Sensitive<Money>,
    /// The part the patient is to pay, where the system tells.
    pub from_patient: Option<Sensitive<Money>>,
    /// The part the system expects from an insurance, where it tells.
    pub from_insurance: Option<Sensitive<Money>>,
    /// The day of this, where the system tells.
    pub as_of: Option<Date>,
    /// When the vendor last copied the practice's own system, where it tells.
    #[serde(default)]
    pub copied_at: Option<Timestamp>,
}

/// Whose turn an insurance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InsuranceRank {
    /// It pays first.
    Primary,
    /// It pays what the first leaves.
    Secondary,
    /// The system says something else, or nothing.
    Other,
}

/// One insurance that a practice has on file for a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insurance {
    /// Whose turn it is.
    pub rank: InsuranceRank,
    /// The system's own word for its kind: `Dental Primary`.
    pub kind: String,
    /// The company's name, where the system has it.
    pub carrier: Option<Sensitive<String>>,
    /// The plan's name, where the system has it.
    pub plan: Option<Sensitive<String>>,
    /// The number the company knows the patient by.
    pub member: Option<Sensitive<String>>,
    /// What the patient is to the insured person, in the system's own word: `Self`, `Child`.
    pub relation: Option<Sensitive<String>>,
    /// Since when.
    pub since: Option<Date>,
    /// What it has paid in this benefit year, where the system tells.
    pub used: Option<Sensitive<Money>>,
    /// What the patient must still pay before it pays, where the system tells.
    pub deductible_left: Option<Sensitive<Money>>,
    /// The most it pays in a year, where the system tells.
    pub yearly_maximum: Option<Sensitive<Money>>,
}

/// A kind of appointment, as the practice's system lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppointmentType {
    /// What the system takes for it.
    pub vendor_id: String,
    /// As it may be said: `New Patient`.
    pub name: String,
    /// Its usual length, where the system tells.
    pub minutes: Option<i64>,
    /// With whom it is, where staff said so.
    #[serde(default)]
    pub clinician_kind: Option<ClinicianKind>,
}
