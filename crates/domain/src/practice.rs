use serde::{Deserialize, Serialize};

use crate::Window;

/// What a clinician does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClinicianKind {
    /// Treats: dentist, doctor.
    Provider,
    /// Cleans and checks.
    Hygienist,
    /// Anyone else in the vendor's list; nobody is booked with them.
    Other,
}

/// Someone patients are booked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clinician {
    /// The vendor's id.
    pub vendor_id: String,
    /// As it may be said: `Dr Lee`.
    pub spoken_name: String,
    /// Given and family name, to find them by: `Susan Lee`. Empty where the system has none.
    #[serde(default)]
    pub full_name: String,
    /// What they do.
    pub kind: ClinicianKind,
    /// Whether they take appointments now.
    pub bookable: bool,
}

/// Where patients are seen: an operatory, a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chair {
    /// The vendor's id.
    pub vendor_id: String,
    /// Clinicians who use it; empty: anyone.
    pub clinicians: Vec<String>,
    /// Whether it takes appointments now.
    pub bookable: bool,
}

/// What kind of thing can be busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceKind {
    /// The whole location.
    Practice,
    /// A person.
    Clinician,
    /// A room.
    Chair,
}

/// One thing that can be busy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// What kind of thing.
    pub kind: ResourceKind,
    /// The vendor's id of it.
    pub vendor_id: String,
}

/// A stretch in which a practice, clinician or chair works.
///
/// A resource without any hours in a day book follows the practice's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHours {
    /// Whose hours.
    pub resource: Resource,
    /// When.
    pub window: Window,
}
