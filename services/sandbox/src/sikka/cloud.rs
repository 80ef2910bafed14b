//! The vendor's copy of one PMS, which is all that GETs ever see (contract section 1).

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::books;
use super::notes;
use super::pms::{Appointment, Operatory, Patient, Pms, Provider};
use super::profile::Rules;
use super::record::{LOADED, Record};

/// What the cloud holds of one office, and since when.
#[derive(Debug, Default)]
pub struct Cloud {
    /// Rows of `patients`.
    pub patients: Vec<Arc<Record>>,
    /// Rows of `appointments`.
    pub appointments: Vec<Arc<Record>>,
    /// Rows of `providers`.
    pub providers: Vec<Arc<Record>>,
    /// Rows of `operatories`.
    pub operatories: Vec<Arc<Record>>,
    /// Rows of `medical_notes`.
    pub notes: Vec<Arc<Record>>,
    /// Rows of `practice_schedule`, from the week before [`Cloud::schedule_week`] on.
    pub schedule: Vec<Arc<Record>>,
    /// Monday of the week in which the schedule was last written out.
    pub schedule_week: Option<Date>,
    /// Rows about money and insurance.
    pub books: books::Rows,
    /// The appointments behind the rows, for the slots feed.
    pub booked: Vec<Appointment>,
    /// When the copy was taken.
    pub copied_at: Timestamp,
    /// [`Pms::version`] at that time.
    pub version: u64,
}

/// What a copy needs to know of the office beside its PMS.
#[derive(Debug, Clone, Copy)]
pub struct Office<'a> {
    /// The only practice.
    pub practice_id: &'a str,
    /// The database id.
    pub cust_id: &'a str,
    /// Rules of the office's PMS.
    pub rules: &'static Rules,
}

impl Cloud {
    /// Copies `pms` as of `at`; `local` is the same moment on the practice's wall clock. Rows that did not change
    /// keep the time they were loaded.
    pub fn copy(&mut self, pms: &Pms, office: Office<'_>, at: Timestamp, local: DateTime) {
        self.copied_at = at;
        if self.version == pms.version && !self.providers.is_empty() {
            return;
        }
        self.version = pms.version;
        let patients = pms.patients.values().map(|patient| patient_row(patient, pms, office)).collect();
        self.patients = keep_loaded(&self.patients, patients, "patient_id", local);
        let appointments = pms.appointments.values().map(|held| appointment_row(held, pms, office)).collect();
        self.appointments = keep_loaded(&self.appointments, appointments, "appointment_sr_no", local);
        self.providers =
            pms.providers.iter().map(|provider| provider_row(provider, office)).map(Arc::new).collect();
        self.operatories =
            pms.operatories.iter().map(|chair| operatory_row(chair, office)).map(Arc::new).collect();
        self.notes = notes::rows(pms, office);
        self.books = books::Rows::of(pms, office, local);
        self.booked =
            pms.appointments.values().filter(|held| !office.rules.frees(&held.status)).cloned().collect();
    }
}

fn keep_loaded(old: &[Arc<Record>], new: Vec<Record>, key: &str, local: DateTime) -> Vec<Arc<Record>> {
    let known: HashMap<&str, &Arc<Record>> = old.iter().map(|row| (row.get(key), row)).collect();
    let stamp = |mut row: Record| {
        let hash = format!("{:016x}", row.fingerprint());
        if let Some(same) = known.get(row.get(key)).filter(|same| same.get("rowhash") == hash) {
            return Arc::clone(same);
        }
        row.set("rowhash", hash);
        row.set(LOADED, local.to_string());
        Arc::new(row)
    };
    new.into_iter().map(stamp).collect()
}

fn place<'a>(named: &'a str, office: Office<'a>) -> &'a str {
    if named.is_empty() { office.practice_id } else { named }
}

fn patient_row(patient: &Patient, pms: &Pms, office: Office<'_>) -> Record {
    let guarantor = pms.patients.get(&patient.guarantor_id).unwrap_or(patient);
    let id = patient.patient_id;
    let practice = place(&patient.practice_id, office);
    let mut row = Record::of([
        ("href", format!("/practices/{practice}/patients/{id}")),
        ("patient_id", id.to_string()),
        ("guarantor_id", patient.guarantor_id.to_string()),
        ("guarantor_href", format!("/guarantors/{}", patient.guarantor_id)),
        ("guarantor_first_name", guarantor.firstname.clone()),
        ("guarantor_last_name", guarantor.lastname.clone()),
        ("firstname", patient.firstname.clone()),
        ("lastname", patient.lastname.clone()),
        ("birthdate", maybe_date(patient.birthdate)),
        ("status", patient.status.clone()),
        ("address_line1", patient.address_line1.clone()),
        ("city", patient.city.clone()),
        ("state", patient.state.clone()),
        ("zipcode", patient.zipcode.clone()),
        ("cell", patient.cell.clone()),
        ("email", patient.email.clone()),
        ("first_visit", maybe_date(patient.first_visit)),
        ("last_visit", maybe_date(patient.last_visit)),
        ("created_date", patient.created.to_string()),
        ("provider_id", patient.provider_id.clone()),
    ]);
    row.set("provider_href", format!("/providers/{}", patient.provider_id));
    row.set("practice_id", practice);
    row.set("practice_href", format!("/practices/{practice}"));
    row.set("appointment_href", format!("/practices/{practice}/appointments?patient_id={id}"));
    row.set("gender", patient.gender.clone());
    row.set("homephone", patient.homephone.clone());
    row.set("workphone", patient.workphone.clone());
    row.set("other_phone", patient.other_phone.clone());
    row.set("chart_number", format!("C{id}"));
    row.set("cust_id", office.cust_id);
    row
}

fn appointment_row(held: &Appointment, pms: &Pms, office: Office<'_>) -> Record {
    let name = |id: &u64| {
        pms.patients
            .get(id)
            .map(|patient| format!("{} {}", patient.firstname, patient.lastname))
            .unwrap_or_default()
    };
    let guarantor =
        pms.patients.get(&held.patient_id).map_or(held.patient_id, |patient| patient.guarantor_id);
    let practice = place(&held.practice_id, office);
    let cancelled = office.rules.frees(&held.status);
    let mut row = Record::of([
        ("href", format!("/practices/{practice}/appointments/{}", held.appointment_sr_no)),
        ("appointment_sr_no", held.appointment_sr_no.to_string()),
        ("patient_id", held.patient_id.to_string()),
        ("patient_href", format!("/practices/{practice}/patients/{}", held.patient_id)),
        ("patient_name", name(&held.patient_id)),
        ("guarantor_id", guarantor.to_string()),
        ("guarantor_href", format!("/guarantors/{guarantor}")),
        ("guarantor_name", name(&guarantor)),
        ("provider_id", held.provider_id.clone()),
        ("provider_href", format!("/providers/{}", held.provider_id)),
        ("practice_id", practice.to_owned()),
        ("practice_href", format!("/practices/{practice}")),
        ("date", date(held.date)),
        ("time", held.time.strftime("%H:%M").to_string()),
        ("length", held.length.to_string()),
        ("status", held.status.clone()),
        ("type", held.kind.clone()),
        ("description", held.description.clone()),
        ("note", held.note.clone()),
        ("amount", "0.0000".to_owned()),
    ]);
    row.set("appointment_made_date", date(held.made));
    row.set("operatory", held.operatory.clone());
    row.set("original_provider", held.provider_id.clone());
    row.set("last_changed_date", held.last_changed.to_string());
    row.set("cancelled", if cancelled { "True" } else { "False" });
    row.set("cancelled_date", if cancelled { date(held.last_changed.date()) } else { String::new() });
    row.set("procedure_codes", held.procedure_codes.clone());
    for (column, code) in ["procedure_code1", "procedure_code2", "procedure_code3"]
        .into_iter()
        .zip(held.procedure_codes.split('|'))
    {
        row.set(column, code);
    }
    row.set("cust_id", office.cust_id);
    row
}

fn provider_row(provider: &Provider, office: Office<'_>) -> Record {
    Record::of([
        ("href", format!("/providers/{}", provider.provider_id)),
        ("provider_id", provider.provider_id.clone()),
        ("firstname", provider.firstname.clone()),
        ("lastname", provider.lastname.clone()),
        ("provider_type", provider.provider_type.clone()),
        ("specialty", provider.specialty.clone()),
        ("speciality", provider.specialty.clone()),
        ("status", if provider.active { "Active" } else { "Inactive" }.to_owned()),
        ("is_hidden", if provider.hidden { "True" } else { "False" }.to_owned()),
        ("practice_id", office.practice_id.to_owned()),
        ("cust_id", office.cust_id.to_owned()),
        ("is_user", "False".to_owned()),
        ("is_organization", "False".to_owned()),
    ])
}

fn operatory_row(chair: &Operatory, office: Office<'_>) -> Record {
    Record::of([
        ("href", format!("/operatories/{}", chair.operatory)),
        ("operatory", chair.operatory.clone()),
        ("abbreviation", chair.abbreviation.clone()),
        ("is_hidden", if chair.hidden { "T" } else { "F" }.to_owned()),
        ("practice_id", office.practice_id.to_owned()),
        ("cust_id", office.cust_id.to_owned()),
    ])
}

/// A day the way the vendor writes it.
pub(super) fn date(day: Date) -> String {
    format!("{day}T00:00:00")
}

fn maybe_date(day: Option<Date>) -> String {
    day.map(date).unwrap_or_default()
}
