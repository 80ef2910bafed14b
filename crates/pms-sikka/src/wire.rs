//! Sikka's shapes, as the vendor writes them (contract sections 2 to 6).
//!
//! Every scalar is text, absent values are `""`. Nothing here has `Debug`: rows are patients' data, and
//! what echoes a request echoes its key. Unused fields are left out, so a new one breaks nothing.

mod account;
mod change;
mod envelope;
mod text;

use std::collections::HashMap;

use seal::Secret;
use serde::{Deserialize, Serialize};

pub(crate) use account::{
    InsuranceCompany, NewTransaction, PatientBalance, PaymentType, PracticeVariable, Subscriber, Transaction,
    WritebackDetail,
};
pub(crate) use change::{AppointmentStatus, MedicalNote, NewEdit, NewNote, NewStatus, NoteType};
pub(crate) use envelope::{Envelope, OneOf};
pub(crate) use text::{Echo, Text};

/// `authorized_practices` and `data_sync_status` (2.2, 4.6).
#[derive(Deserialize)]
pub(crate) struct AuthorizedPractice {
    #[serde(default)]
    pub office_id: Text,
    #[serde(default)]
    pub practice_id: Text,
    #[serde(default)]
    pub secret_key: Option<Secret>,
    #[serde(default)]
    pub practice_name: Text,
    #[serde(default)]
    pub practice_management_system: Text,
    #[serde(default)]
    pub practice_management_system_version: Text,
    #[serde(default)]
    pub practice_management_system_refresh_date_time_zone: Text,
    #[serde(default)]
    pub data_insert_date: Text,
}

/// `practices` (4.5).
#[derive(Deserialize)]
pub(crate) struct Practice {
    #[serde(default)]
    pub practice_id: Text,
    #[serde(default)]
    pub cust_id: Text,
    #[serde(default)]
    pub country: Text,
}

/// `supported_pmses` (4.6): `available` or `""`.
#[derive(Deserialize)]
pub(crate) struct SupportedPms {
    #[serde(default)]
    pub practice_management_system: Text,
    #[serde(default)]
    pub practice_management_system_version: Text,
    #[serde(default)]
    pub new_appointment_writeback: Text,
    #[serde(default)]
    pub new_patient_writeback: Text,
    #[serde(default)]
    pub appointment_status_writeback: Text,
    #[serde(default)]
    pub note_writeback: Text,
    #[serde(default)]
    pub payment_writeback: Text,
}

/// What `POST request_key` takes (2.3).
#[derive(Serialize)]
pub(crate) struct KeyRequest<'a> {
    pub grant_type: &'static str,
    pub app_id: &'a str,
    pub app_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_key: Option<&'a str>,
}

/// What `request_key` and `request_key_info` answer (2.3, 2.4). Its `href` holds the key and is not read.
#[derive(Deserialize)]
pub(crate) struct KeyGrant {
    pub request_key: Option<Secret>,
    #[serde(default)]
    pub refresh_key: Option<Secret>,
    #[serde(default)]
    pub expires_in: Text,
    #[serde(default)]
    pub scope: Text,
}

/// `patients` (4.3).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Patient {
    pub patient_id: Text,
    pub practice_id: Text,
    pub guarantor_id: Text,
    pub provider_id: Text,
    pub firstname: Text,
    pub lastname: Text,
    pub preferred_name: Text,
    pub birthdate: Text,
    pub status: Text,
    pub email: Text,
    pub cell: Text,
    pub homephone: Text,
    pub workphone: Text,
    pub other_phone: Text,
}

/// `providers` (4.5).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Provider {
    pub provider_id: Text,
    pub practice_id: Text,
    pub firstname: Text,
    pub lastname: Text,
    pub provider_type: Text,
    pub specialty: Text,
    pub speciality: Text,
    pub status: Text,
    pub is_hidden: Text,
    pub is_organization: Text,
}

/// `operatories` (4.5).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Operatory {
    pub operatory: Text,
    pub practice_id: Text,
    pub is_hidden: Text,
    pub provider_id: Text,
}

static NOTHING: Text = Text::EMPTY;

/// `practice_schedule` (4.5): one week of one resource, its columns by name.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Schedule(pub HashMap<String, Text>);

impl Schedule {
    /// A column, `""` where it is not there.
    pub(crate) fn column(&self, name: &str) -> &str {
        self.0.get(name).map_or("", Text::str)
    }

    /// Whose location's it is.
    pub(crate) fn practice_id(&self) -> &Text {
        self.0.get("practice_id").unwrap_or(&NOTHING)
    }
}

/// `appointments` (4.1).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Appointment {
    pub appointment_sr_no: Text,
    pub practice_id: Text,
    pub cust_id: Text,
    pub patient_id: Text,
    pub provider_id: Text,
    pub hygienist: Text,
    pub operatory: Text,
    pub date: Text,
    pub time: Text,
    pub length: Text,
    pub status: Text,
    pub cancelled: Text,
    pub description: Text,
}

/// `appointments_available_slots` (4.2).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Slot {
    pub practice_id: Text,
    pub provider_id: Text,
    pub operatory: Text,
    pub date: Text,
    pub time: Text,
    pub end_time: Text,
}

/// What `POST appointment` takes (5.1).
#[derive(Serialize)]
pub(crate) struct NewAppointment<'a> {
    pub patient_id: &'a str,
    pub provider_id: &'a str,
    pub practice_id: &'a str,
    pub operatory: &'a str,
    pub date: String,
    pub time: String,
    pub length: String,
    pub description: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    pub check_spu: &'static str,
}

/// What `POST patient` takes (5.4).
#[derive(Serialize)]
pub(crate) struct NewPatient<'a> {
    pub firstname: &'a str,
    pub lastname: &'a str,
    pub practice_id: &'a str,
    pub provider_id: &'a str,
    pub birthdate: String,
    pub cell: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    pub check_spu: &'static str,
}

/// The six fields of every receipt and every error (6.1, 7.1). A 412 says `log_message` where the others
/// say `long_message`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Message {
    pub error_code: Text,
    #[serde(alias = "log_message")]
    pub long_message: Text,
    pub more_information: Text,
}

/// `writeback_status` (6.2).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct WritebackStatus {
    pub id: Text,
    pub api: Text,
    pub status: Text,
    pub is_completed: Text,
    pub has_error: Text,
    pub result: Text,
    pub completed_time: Text,
    pub appointment_sr_no: Text,
    pub patient_id: Text,
    pub created_id: Text,
}

/// `writebacks` (6.2): the bulk form.
#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Writeback {
    pub id: Text,
    pub office_id: Text,
    pub method: Text,
    pub api_request_body: Echo,
    pub result: Text,
    pub description: Text,
    pub command_time: Text,
    pub completed_time: Text,
}
