//! The practice-management system of one office: the truth that the cloud copies.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use super::books::Books;
use super::notes::Note;
use super::profile::Rules;

/// Everything the practice's own software holds.
#[derive(Debug, Clone, Default)]
pub struct Pms {
    /// Patients by number.
    pub patients: BTreeMap<u64, Patient>,
    /// Appointments by number, cancelled ones included.
    pub appointments: BTreeMap<u64, Appointment>,
    /// Providers, inactive and hidden ones mixed in.
    pub providers: Vec<Provider>,
    /// Chairs, hidden ones mixed in.
    pub operatories: Vec<Operatory>,
    /// Opening hours of the practice.
    pub hours: Week,
    /// Notes in patients' records, by number.
    pub notes: BTreeMap<u64, Note>,
    /// Days on which the practice is closed whatever the hours say.
    pub holidays: Vec<Date>,
    /// Ledger and insurances.
    pub books: Books,
    /// Rises with every change, so that a copy knows whether it is old.
    pub version: u64,
}

/// A patient. Field names are the vendor's, so that the admin API reads like the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Patient {
    /// Number in the PMS.
    pub patient_id: u64,
    /// Location they are a patient of; empty: the first.
    pub practice_id: String,
    /// Patient who pays; oneself when alone.
    pub guarantor_id: u64,
    /// Given name.
    pub firstname: String,
    /// Family name.
    pub lastname: String,
    /// Date of birth, if known.
    pub birthdate: Option<Date>,
    /// `male`, `female` or `unknown`.
    pub gender: String,
    /// Mobile number as somebody typed it.
    pub cell: String,
    /// Home number as somebody typed it.
    pub homephone: String,
    /// Work number as somebody typed it.
    pub workphone: String,
    /// Any further number as somebody typed it; no filter looks at it.
    pub other_phone: String,
    /// Email address.
    pub email: String,
    /// Street and number.
    pub address_line1: String,
    /// Town.
    pub city: String,
    /// State, two letters.
    pub state: String,
    /// Postal code.
    pub zipcode: String,
    /// PMS-native word, case varying.
    pub status: String,
    /// Provider the patient belongs to.
    pub provider_id: String,
    /// First visit, if any.
    pub first_visit: Option<Date>,
    /// Last visit, if any.
    pub last_visit: Option<Date>,
    /// Local time of creation.
    pub created: DateTime,
}

/// An appointment. Times are practice-local.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// Number in the PMS.
    pub appointment_sr_no: u64,
    /// Location it is at; empty: the first.
    #[serde(default)]
    pub practice_id: String,
    /// Patient it is for.
    pub patient_id: u64,
    /// Provider who sees the patient.
    pub provider_id: String,
    /// Chair it is in.
    pub operatory: String,
    /// Local day.
    pub date: Date,
    /// Local start.
    pub time: Time,
    /// Minutes.
    pub length: i64,
    /// PMS-native word.
    pub status: String,
    /// Appointment type, `""` for none.
    #[serde(rename = "type")]
    pub kind: String,
    /// Free text of whoever booked it.
    pub description: String,
    /// Free text of the staff.
    pub note: String,
    /// Procedure codes, pipe-separated.
    pub procedure_codes: String,
    /// Local day it was made.
    pub made: Date,
    /// Local time of the last change.
    pub last_changed: DateTime,
}

/// Somebody who can be booked, or could be once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Letter code.
    pub provider_id: String,
    /// Given name.
    pub firstname: String,
    /// Family name.
    pub lastname: String,
    /// `Provider` or `Staff`.
    pub provider_type: String,
    /// Field of work.
    pub specialty: String,
    /// Whether the PMS accepts bookings for them.
    pub active: bool,
    /// Whether the practice hides them.
    pub hidden: bool,
    /// Working hours.
    pub hours: Week,
}

/// A chair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operatory {
    /// The value a booking carries.
    pub operatory: String,
    /// Short name, which a booking must not carry.
    pub abbreviation: String,
    /// Whether the practice hides it.
    pub hidden: bool,
}

/// Opening spans of a week, Monday first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week(pub [Vec<(Time, Time)>; 7]);

impl Week {
    /// The spans of a day.
    pub fn on(&self, day: Date) -> &[(Time, Time)] {
        let index = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.0.get(index).map_or(&[], Vec::as_slice)
    }
}

impl Appointment {
    /// First and last minute, counted from midnight of the day.
    pub fn minutes(&self) -> (i64, i64) {
        let start = i64::from(self.time.hour()) * 60 + i64::from(self.time.minute());
        (start, start + self.length)
    }

    /// Whether the two overlap in time on the same day.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ((start, end), (other_start, other_end)) = (self.minutes(), other.minutes());
        self.date == other.date && start < other_end && other_start < end
    }
}

impl Pms {
    /// A provider who accepts bookings.
    pub fn bookable_provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.provider_id == id && provider.active)
    }

    /// A chair that is in use.
    pub fn open_operatory(&self, id: &str) -> Option<&Operatory> {
        self.operatories.iter().find(|operatory| operatory.operatory == id && !operatory.hidden)
    }

    /// The appointment that stands in the way of `wanted`: same chair or same provider, overlapping, not freed,
    /// and not `wanted` itself.
    pub fn conflict(&self, wanted: &Appointment, rules: &Rules) -> Option<&Appointment> {
        self.appointments.values().find(|held| {
            held.appointment_sr_no != wanted.appointment_sr_no
                && (held.operatory == wanted.operatory || held.provider_id == wanted.provider_id)
                && !rules.frees(&held.status)
                && held.overlaps(wanted)
        })
    }

    /// The number the next patient gets.
    pub fn next_patient_id(&self) -> u64 {
        self.patients.last_key_value().map_or(101, |(id, _)| id + 1)
    }

    /// The number the next appointment gets.
    pub fn next_appointment_id(&self) -> u64 {
        self.appointments.last_key_value().map_or(5001, |(id, _)| id + 1)
    }
}
