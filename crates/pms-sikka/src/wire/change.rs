use serde::{Deserialize, Serialize};

use super::Text;

/// `appointment_statuses` (4.5): a word of the practice's own system.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct AppointmentStatus {
    pub status: Text,
}

/// `note_types` (4.5).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct NoteType {
    #[serde(rename = "type")]
    pub kind: Text,
}

/// `medical_notes` (4.5).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct MedicalNote {
    pub patient_id: Text,
    pub note_id: Text,
    pub text: Text,
}

/// What `PATCH appointments/{id}` takes (5.2). The number stands in the body as well, so that the echo names it.
#[derive(Serialize)]
pub(crate) struct NewStatus<'a> {
    pub op: &'static str,
    pub path: &'static str,
    pub value: &'a str,
    pub practice_id: &'a str,
    pub appointment_sr_no: &'a str,
    pub check_spu: &'static str,
}

/// What `PUT appointments/{id}` takes (5.3): the whole place, so that nothing of the old one stays.
#[derive(Serialize)]
pub(crate) struct NewEdit<'a> {
    pub practice_id: &'a str,
    pub provider_id: &'a str,
    pub operatory: &'a str,
    pub date: String,
    pub time: String,
    pub length: String,
    pub check_spu: &'static str,
}

/// What `POST medical_notes` takes (5.6).
#[derive(Serialize)]
pub(crate) struct NewNote<'a> {
    pub patient_id: &'a str,
    pub provider_id: &'a str,
    pub practice_id: &'a str,
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub date: String,
    pub text: String,
    pub check_spu: &'static str,
}
