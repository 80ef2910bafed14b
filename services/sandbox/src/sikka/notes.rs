//! Notes in a patient's record: `medical_notes` and `note_types` (contract 4.5, 5.6).

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use super::call::Body;
use super::cloud;
use super::errors::Problem;
use super::execute::{self, Done, parse_date};
use super::office::Office;
use super::pms::Pms;
use super::profile::Rules;
use super::record::{Record, Table};

/// A note. Field names are the vendor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Number in the PMS.
    pub note_id: u64,
    /// Patient it is about.
    pub patient_id: u64,
    /// Provider it is filed under.
    pub provider_id: String,
    /// One of the practice's kinds.
    #[serde(rename = "type")]
    pub kind: String,
    /// Local day it is of.
    pub date: Date,
    /// What it says.
    pub text: String,
    /// Local time it was written.
    pub written: DateTime,
}

/// Fields without which a note is refused before the receipt.
pub const NEEDED: [&str; 6] = ["patient_id", "type", "date", "text", "provider_id", "practice_id"];

/// `medical_notes` (contract 4.5).
pub static MEDICAL_NOTES: Table = Table {
    standard: &[
        "href",
        "patient_id",
        "provider_id",
        "type",
        "date",
        "procedure_date",
        "text",
        "description",
        "tooth_number",
        "surface",
        "transaction_sr_no",
        "time_stamp",
        "practice_id",
    ],
    more: &["note_id", "created_by", "communication_method", "cust_id"],
    filters: &["patient_id", "practice_id", "note_type"],
    dates: &["date", "procedure_date"],
    sort: &["date", "patient_id"],
};

/// `note_types` (contract 4.5).
pub static NOTE_TYPES: Table = Table {
    standard: &["href", "type", "description", "item", "practice_id"],
    more: &["cust_id"],
    filters: &["type", "practice_id"],
    dates: &[],
    sort: &["type"],
};

/// Checks the form of a new note.
///
/// # Errors
/// 400 API1026 for a day of the wrong form.
pub fn check(body: &Body) -> Result<(), Problem> {
    match body.text("date") {
        Some(date) => parse_date(&date).map(drop).map_err(Problem::invalid),
        None => Ok(()),
    }
}

/// Writes a note into the PMS.
///
/// # Errors
/// The sentence the PMS refuses with.
pub fn add(pms: &mut Pms, rules: &'static Rules, body: &Body, local: DateTime) -> Result<Done, String> {
    let kind = body.text_or_empty("type");
    let Some(kind) = rules.note_types.iter().find(|known| known.eq_ignore_ascii_case(&kind)) else {
        return Err("Note not saved: invalid note type".to_owned());
    };
    let text = body.text_or_empty("text");
    execute::check_text("text", &text, rules.note_max)?;
    let patient_id = execute::known_patient(pms, &body.text_or_empty("patient_id"))
        .ok_or_else(|| "Note not saved: patient not found".to_owned())?;
    let provider_id = body.text_or_empty("provider_id");
    if pms.bookable_provider(&provider_id).is_none() {
        return Err("Note not saved: provider not found or inactive".to_owned());
    }
    let note_id = pms.notes.last_key_value().map_or(8001, |(id, _)| id + 1);
    let date = parse_date(&body.text_or_empty("date"))?;
    let kind = (*kind).to_owned();
    pms.notes.insert(note_id, Note { note_id, patient_id, provider_id, kind, date, text, written: local });
    Ok(Done {
        text: "Medical note inserted successfully",
        appointment_sr_no: None,
        patient_id: Some(patient_id),
        created_id: Some(note_id),
    })
}

/// The rows of `medical_notes`, as the cloud copies them.
pub fn rows(pms: &Pms, office: cloud::Office<'_>) -> Vec<Arc<Record>> {
    let row = |note: &Note| {
        Arc::new(Record::of([
            ("href", "/medical_notes".to_owned()),
            ("patient_id", note.patient_id.to_string()),
            ("provider_id", note.provider_id.clone()),
            ("type", note.kind.clone()),
            ("note_type", note.kind.clone()),
            ("date", cloud::date(note.date)),
            ("text", note.text.clone()),
            ("time_stamp", note.written.to_string()),
            ("practice_id", office.practice_id.to_owned()),
            ("note_id", note.note_id.to_string()),
            ("cust_id", office.cust_id.to_owned()),
        ]))
    };
    pms.notes.values().map(row).collect()
}

/// The rows of `note_types`.
pub fn types(office: &Office) -> Vec<Arc<Record>> {
    let row = |kind: &&str| {
        Arc::new(Record::of([
            ("href", "/note_types".to_owned()),
            ("type", (*kind).to_owned()),
            ("description", (*kind).to_owned()),
            ("practice_id", office.practice_id.clone()),
            ("cust_id", office.cust_id.clone()),
        ]))
    };
    office.rules().note_types.iter().map(row).collect()
}
