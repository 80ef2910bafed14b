//! What differs between the practice-management systems behind the vendor (contract section 8).

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A practice-management system this sandbox can imitate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Profile {
    /// Open Dental.
    OpenDental,
    /// Dentrix G6.
    DentrixG6,
    /// Eaglesoft.
    Eaglesoft,
    /// OrthoTrac.
    Orthotrac,
    /// Dolphin Management.
    Dolphin,
    /// ClearDent.
    Cleardent,
    /// Planet DDS Web V3.0.
    PlanetDds,
}

/// The rules of one system.
#[derive(Debug)]
pub struct Rules {
    /// Name as `authorized_practices` spells it.
    pub name: &'static str,
    /// Version as `authorized_practices` spells it.
    pub version: &'static str,
    /// Whether `appointments_available_slots` has rows, and bookings are checked against them.
    pub slots: bool,
    /// Every status word a write may carry.
    pub statuses: &'static [&'static str],
    /// The word of a fresh booking.
    pub booked: &'static str,
    /// The word of a visit that took place.
    pub complete: &'static str,
    /// The word that frees the time.
    pub cancelled: &'static str,
    /// Whether PATCH may set [`Rules::cancelled`].
    pub cancel_by_patch: bool,
    /// Kinds of notes on the practice's list.
    pub note_types: &'static [&'static str],
    /// Longest note, in characters.
    pub note_max: usize,
    /// Appointment types on the practice's list.
    pub types: &'static [&'static str],
    /// Fields a new appointment needs in the PMS beyond those every system needs.
    pub appointment_needs: &'static [&'static str],
    /// Longest description, in characters.
    pub description_max: usize,
    /// Fields a new patient needs beyond first name, last name and practice.
    pub patient_needs: &'static [&'static str],
    /// Longest first and last name, in characters.
    pub name_max: (usize, usize),
    /// Whether a phone number must be exactly ten digits.
    pub ten_digit_phones: bool,
}

const OPEN_DENTAL: Rules = Rules {
    name: "Opendental",
    version: "24.1",
    slots: false,
    statuses: &["scheduled", "complete", "broken"],
    booked: "scheduled",
    complete: "complete",
    cancelled: "broken",
    cancel_by_patch: true,
    note_types: &["Clinical Note", "Patient Note"],
    note_max: 4000,
    types: &["New Patient", "Recall", "Emergency", "Restorative"],
    appointment_needs: &["description"],
    description_max: 255,
    patient_needs: &["provider_id"],
    name_max: (100, 100),
    ten_digit_phones: false,
};

const DENTRIX: Rules = Rules {
    name: "Dentrix",
    version: "G6.6",
    statuses: &["Unscheduled", "Fixed", "Confirmed", "Broken"],
    booked: "Fixed",
    complete: "Complete",
    cancelled: "Broken",
    cancel_by_patch: false,
    description_max: 60,
    ..OPEN_DENTAL
};

const EAGLESOFT: Rules = Rules {
    name: "Eaglesoft",
    version: "21.20",
    statuses: &["Open", "Confirmed", "Walked Out", "Cancelled"],
    booked: "Open",
    complete: "Walked Out",
    cancelled: "Cancelled",
    ..OPEN_DENTAL
};

const ORTHOTRAC: Rules = Rules {
    name: "OrthoTrac",
    version: "14.0",
    slots: true,
    statuses: &["open.unconfirm", "open.confirm", "complete.confirm", "cancelled"],
    booked: "open.unconfirm",
    complete: "complete.confirm",
    cancelled: "cancelled",
    appointment_needs: &["type", "staff"],
    description_max: 150,
    patient_needs: &["provider_id", "gender", "staff", "status", "type", "primary_relationship"],
    name_max: (15, 25),
    ..OPEN_DENTAL
};

const DOLPHIN: Rules = Rules {
    name: "Dolphin Management",
    version: "10.0",
    appointment_needs: &["type", "user", "status"],
    description_max: 255,
    patient_needs: &["provider_id", "user"],
    name_max: (100, 100),
    ..ORTHOTRAC
};

const CLEARDENT: Rules = Rules {
    name: "ClearDent",
    version: "9.11",
    appointment_needs: &["type", "user", "status"],
    description_max: 3000,
    patient_needs: &[],
    name_max: (15, 25),
    ten_digit_phones: true,
    ..EAGLESOFT
};

const PLANET_DDS: Rules = Rules {
    name: "Planet DDS Web",
    version: "V3.0",
    slots: true,
    appointment_needs: &["production_type"],
    note_types: &["Patient Note", "Appointment Note"],
    ..EAGLESOFT
};

impl Profile {
    /// Every system, in the order the command line lists them.
    pub const ALL: [Self; 7] = [
        Self::OpenDental,
        Self::DentrixG6,
        Self::Eaglesoft,
        Self::Orthotrac,
        Self::Dolphin,
        Self::Cleardent,
        Self::PlanetDds,
    ];

    /// The rules of this system.
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::OpenDental => &OPEN_DENTAL,
            Self::DentrixG6 => &DENTRIX,
            Self::Eaglesoft => &EAGLESOFT,
            Self::Orthotrac => &ORTHOTRAC,
            Self::Dolphin => &DOLPHIN,
            Self::Cleardent => &CLEARDENT,
            Self::PlanetDds => &PLANET_DDS,
        }
    }
}

impl Rules {
    /// Whether a status word means the time is free again. Case varies in real lists, so it does not count.
    pub fn frees(&self, status: &str) -> bool {
        status.eq_ignore_ascii_case(self.cancelled)
    }

    /// The practice's own spelling of a status, if it has it.
    pub fn status(&self, word: &str) -> Option<&'static str> {
        self.statuses.iter().find(|known| known.eq_ignore_ascii_case(word)).copied()
    }
}
