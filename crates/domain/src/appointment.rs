use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Chair, Clinician, OpenHours, Resource, Window};

/// What an appointment's status word means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppointmentState {
    /// It takes its time.
    Booked,
    /// It no longer does.
    Cancelled,
    /// A status word we do not know: it counts as taking its time.
    Unknown,
}

/// An appointment as the practice's system shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// The vendor's id.
    pub vendor_id: String,
    /// The vendor's id of the patient.
    pub patient: String,
    /// The clinician, by the vendor's id.
    pub clinician: Option<String>,
    /// The chair, by the vendor's id.
    pub chair: Option<String>,
    /// When.
    pub window: Window,
    /// Whether it takes its time.
    pub state: AppointmentState,
}

/// How old what we read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// When the vendor last copied the practice's own system, where it tells.
    pub copied_at: Option<Timestamp>,
    /// When we read the copy.
    pub read_at: Timestamp,
}

/// Everything an availability answer is computed from, for one practice and a range of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBook {
    /// The practice's IANA zone.
    pub time_zone: String,
    /// The days covered.
    pub covers: Window,
    /// Who can be booked.
    pub clinicians: Vec<Clinician>,
    /// Where.
    pub chairs: Vec<Chair>,
    /// When they work.
    pub hours: Vec<OpenHours>,
    /// What is already taken.
    pub appointments: Vec<Appointment>,
    /// The vendor's own free slots, where the practice's system has such a feed: then only these
    /// may be offered.
    pub feed: Option<Vec<(Window, Vec<Resource>)>>,
    /// How old this is.
    pub freshness: Freshness,
}

/// One patient's own appointments in a range of time, as the practice's system shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientBook {
    /// The practice's IANA zone.
    pub time_zone: String,
    /// Theirs, the cancelled ones among them, each once.
    pub appointments: Vec<Appointment>,
    /// With whom they may be.
    pub clinicians: Vec<Clinician>,
    /// How old this is.
    pub freshness: Freshness,
}
