#![doc = include_str!("../README.md")]

mod adapter;
mod capabilities;
mod change;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod key;
mod write;

pub use adapter::{DayBookQuery, PMSAdapter, PatientBookQuery, PatientQuery};
pub use capabilities::{Capabilities, Operation};
pub use change::{Cancellation, NewNote, Reschedule, Takes};
pub use error::{Advice, ErrorKind, PmsError};
pub use key::{Grant, KeySource, PmsLogin, SessionKey};
pub use write::{
    FailureReason, NewAppointment, NewPatient, NewPayment, Receipt, Sighting, Write, WriteOrder, WriteOutcome,
};
