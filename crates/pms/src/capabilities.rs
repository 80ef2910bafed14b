use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Something a practice's system may be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// [`crate::PMSAdapter::search_patients`].
    SearchPatients,
    /// [`crate::PMSAdapter::patient`].
    ReadPatient,
    /// [`crate::PMSAdapter::day_book`].
    ReadDayBook,
    /// The day book carries the vendor's own free slots.
    SlotFeed,
    /// Submit [`crate::Write::CreatePatient`].
    CreatePatient,
    /// Change a patient's phone, e-mail or address. No system declares it yet, and there is no write for it.
    UpdatePatient,
    /// Submit [`crate::Write::BookAppointment`].
    BookAppointment,
    /// [`crate::PMSAdapter::patient_book`].
    ReadAppointments,
    /// Submit [`crate::Write::RescheduleAppointment`].
    RescheduleAppointment,
    /// Submit [`crate::Write::CancelAppointment`].
    CancelAppointment,
    /// Submit [`crate::Write::AddNote`].
    AddNote,
    /// Submit [`crate::Write::RecordPayment`].
    RecordPayment,
    /// [`crate::PMSAdapter::clinicians`].
    ListClinicians,
    /// [`crate::PMSAdapter::appointment_types`].
    ListAppointmentTypes,
    /// [`crate::PMSAdapter::balance`].
    ReadBalance,
    /// [`crate::PMSAdapter::insurance`].
    ReadInsurance,
    /// [`crate::PMSAdapter::outcomes`] for many receipts costs one request.
    BulkOutcomes,
}

/// What one connection can do. Stored as data, shown to staff, asked before every call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The system's own name: `Open Dental`.
    pub system: String,
    /// What it can do; anything else is unsupported.
    pub operations: BTreeSet<Operation>,
}

impl Capabilities {
    /// Whether `operation` is declared.
    #[must_use]
    pub fn allows(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }
}
