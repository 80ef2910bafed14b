use domain::{Sensitive, Window};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Receipt, Write};

/// An appointment to be moved. It stays where it is until the practice's system has moved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reschedule {
    /// The vendor's id of the appointment.
    pub appointment: String,
    /// The vendor's id of its patient.
    pub patient: String,
    /// When it was, as far as anybody knew.
    pub from: Window,
    /// With whom it is to be: the vendor's id.
    pub clinician: String,
    /// Who goes along with it, by the vendor's id, and is busy then as well. The practice's system is not told: it has
    /// them in the appointment already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// Where it is to be: the vendor's id of the chair.
    pub chair: String,
    /// When it is to be.
    pub window: Window,
    /// The practice's IANA zone, in which its system writes times.
    pub time_zone: String,
    /// How new the copy was that showed it at `from`, where that is known.
    pub as_of: Option<Timestamp>,
    /// Receipts of our other changes at this practice: none of them is this one, however alike they look. They
    /// are filled in when it is sent or looked for.
    #[serde(default)]
    pub others: Vec<Receipt>,
}

/// An appointment to be taken out of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// The vendor's id of the appointment.
    pub appointment: String,
    /// The vendor's id of its patient.
    pub patient: String,
    /// When it was.
    pub from: Window,
    /// How new the copy was that showed it as not cancelled, where that is known.
    pub as_of: Option<Timestamp>,
    /// As [`Reschedule::others`].
    #[serde(default)]
    pub others: Vec<Receipt>,
}

/// A note for a patient's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewNote {
    /// The vendor's id of the patient.
    pub patient: String,
    /// The vendor's id of the clinician it is filed under.
    pub clinician: String,
    /// What it says.
    pub text: Sensitive<String>,
    /// When it was said.
    pub at: Timestamp,
    /// The practice's IANA zone, in which its system writes days.
    pub time_zone: String,
}

/// The time that a write takes once it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes<'a> {
    /// Whose: the vendor's id of the clinician.
    pub clinician: &'a str,
    /// And whose besides, where two are busy with it.
    pub beside: Option<&'a str>,
    /// Where: the vendor's id of the chair.
    pub chair: &'a str,
    /// When.
    pub window: Window,
}

impl Write {
    /// The time it takes, where it takes any.
    #[must_use]
    pub fn takes(&self) -> Option<Takes<'_>> {
        match self {
            Self::BookAppointment(new) => {
                Some(Takes { clinician: &new.clinician, beside: None, chair: &new.chair, window: new.window })
            }
            Self::RescheduleAppointment(moved) => Some(Takes {
                clinician: &moved.clinician,
                beside: moved.beside.as_deref(),
                chair: &moved.chair,
                window: moved.window,
            }),
            _ => None,
        }
    }

    /// The vendor's id of the appointment that it changes, where it changes one that is there.
    #[must_use]
    pub fn changes(&self) -> Option<&str> {
        match self {
            Self::RescheduleAppointment(moved) => Some(&moved.appointment),
            Self::CancelAppointment(cancelled) => Some(&cancelled.appointment),
            _ => None,
        }
    }

    /// When the appointment is that it changes, as far as anybody knew.
    #[must_use]
    pub fn was(&self) -> Option<Window> {
        match self {
            Self::RescheduleAppointment(moved) => Some(moved.from),
            Self::CancelAppointment(cancelled) => Some(cancelled.from),
            _ => None,
        }
    }

    /// From when on it is too late: the time it takes has come, or that of the appointment it changes, whichever is
    /// first.
    #[must_use]
    pub fn too_late_from(&self) -> Option<Timestamp> {
        self.takes().map(|place| place.window).into_iter().chain(self.was()).map(|window| window.start).min()
    }

    /// The practice's IANA zone, where the write names it.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        match self {
            Self::BookAppointment(new) => Some(&new.time_zone),
            Self::RescheduleAppointment(moved) => Some(&moved.time_zone),
            Self::AddNote(note) => Some(&note.time_zone),
            _ => None,
        }
    }

    /// How new the copy was on which a change is based, where that is known.
    #[must_use]
    pub fn as_of(&self) -> Option<Timestamp> {
        match self {
            Self::RescheduleAppointment(moved) => moved.as_of,
            Self::CancelAppointment(cancelled) => cancelled.as_of,
            _ => None,
        }
    }

    /// Our other changes at the practice, by their receipts: none of them is this one.
    #[must_use]
    pub fn others(&self) -> &[Receipt] {
        match self {
            Self::RescheduleAppointment(moved) => &moved.others,
            Self::CancelAppointment(cancelled) => &cancelled.others,
            _ => &[],
        }
    }

    /// Says which of our changes this one is not.
    pub fn rule_out(&mut self, receipts: Vec<Receipt>) {
        match self {
            Self::RescheduleAppointment(moved) => moved.others = receipts,
            Self::CancelAppointment(cancelled) => cancelled.others = receipts,
            _ => {}
        }
    }

    /// Whose record it is about, by the vendor's id; of a patient who is still being made there is none.
    #[must_use]
    pub fn patient(&self) -> Option<&str> {
        match self {
            Self::BookAppointment(new) => Some(&new.patient),
            Self::RescheduleAppointment(moved) => Some(&moved.patient),
            Self::CancelAppointment(cancelled) => Some(&cancelled.patient),
            Self::AddNote(note) => Some(&note.patient),
            Self::RecordPayment(payment) => Some(&payment.patient),
            Self::CreatePatient(_) => None,
        }
    }

    /// Whether it is about the same patient or the same appointment as `other`.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        let same = |one: Option<&str>, two: Option<&str>| one.is_some() && one == two;
        same(self.patient(), other.patient()) || same(self.changes(), other.changes())
    }
}
