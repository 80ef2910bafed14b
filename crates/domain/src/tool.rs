/// What an agent may ask for.
const TOOLS: [&str; 15] = [
    "addPatientNote",
    "bookAppointment",
    "cancelAppointment",
    "checkAvailability",
    "createPatient",
    "getAppointments",
    "getPatientBalance",
    "getPatientInfo",
    "getPatientInsurance",
    "listAppointmentTypes",
    "listProviders",
    "processPayment",
    "rescheduleAppointment",
    "searchPatients",
    "updatePatient",
];

/// A tool's name as logs, metrics and records may have it: one of ours, or `unknown`. A name that is none of ours is what
/// a model made of what it was told, and may be about a patient.
#[must_use]
pub fn tool_name(said: &str) -> &'static str {
    TOOLS.into_iter().find(|name| *name == said).unwrap_or("unknown")
}
