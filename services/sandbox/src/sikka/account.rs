//! The list calls of the application: practices, capabilities, freshness, locations, writebacks of all offices.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::call::{Call, Reply};
use super::columns as tables;
use super::elsewhere;
use super::envelope::Page;
use super::errors::{Message, Problem};
use super::lists::{page, required};
use super::office::Office;
use super::profile::Profile;
use super::record::Record;
use super::route::List;
use super::state::{Caller, State};

const LONGEST_RANGE_DAYS: i32 = 7;

/// Answers one list call of the application.
pub(super) fn list(
    state: &State,
    list: List,
    call: &Call,
    caller: &Caller,
    now: Timestamp,
) -> Result<Page, Problem> {
    match list {
        List::AuthorizedPractices => {
            let mine = |office: &&Office| caller.office_id.as_ref().is_none_or(|id| *id == office.id);
            let listed = state.offices.values().filter(|office| office.listed).filter(mine);
            let row = |office| elsewhere::as_well(office, vec![Arc::new(practice_row(office, now))]);
            let all = call.query.get("show") == Some("all");
            let rows: Vec<_> =
                listed.flat_map(|office| row(office).into_iter().take(if all { 2 } else { 1 })).collect();
            page(rows.iter(), &tables::AUTHORIZED_PRACTICES, call)
        }
        List::SupportedPmses => {
            let rows: Vec<_> =
                Profile::ALL.iter().map(|profile| Arc::new(capability_row(*profile))).collect();
            page(rows.iter(), &tables::SUPPORTED_PMSES, call)
        }
        List::DataSyncStatus => {
            let row = |office| elsewhere::as_well(office, vec![Arc::new(sync_row(office, now))]);
            let rows: Vec<_> = state.offices.values().flat_map(row).collect();
            page(rows.iter(), &tables::DATA_SYNC_STATUS, call)
        }
        List::PracticeLocation => {
            required(&call.query, "office_id")?;
            let row = |office| elsewhere::as_well(office, vec![Arc::new(location_row(office))]);
            let rows: Vec<_> = state.offices.values().flat_map(row).collect();
            page(rows.iter(), &tables::PRACTICE_LOCATION, call)
        }
        List::Writebacks => {
            let from = day(required(&call.query, "startdate")?, "startdate")?;
            let to = day(required(&call.query, "enddate")?, "enddate")?;
            let days = (to - from).get_days();
            if !(0..=LONGEST_RANGE_DAYS).contains(&days) {
                return Err(Problem::invalid("the range from startdate to enddate is at most 7 days"));
            }
            let writes = state.offices.values().flat_map(|office| office.writebacks.iter());
            let mut writes: Vec<_> = writes.map(|(id, write)| (id, &write.bulk)).collect();
            writes.sort_unstable_by_key(|(id, _)| **id);
            page(writes.into_iter().map(|(_, row)| row), &tables::WRITEBACKS, call)
        }
        List::Appointments
        | List::Slots
        | List::Patients
        | List::Practices
        | List::Providers
        | List::Operatories
        | List::PracticeSchedule
        | List::AppointmentStatuses
        | List::PracticeVariables
        | List::WritebackDetails
        | List::MedicalNotes
        | List::NoteTypes
        | List::PatientBalance
        | List::Subscribers
        | List::InsuranceCompanies
        | List::Transactions
        | List::PaymentTypes
        | List::WritebackStatus => Err(Problem::internal("this list belongs to an office")),
    }
}

/// `POST /v4/practice_location`: switches practices of an office on or off; the receipt is API4006 without an id.
///
/// # Errors
/// 400 API1020 or API1026 for the body, 404 API2009 for an office or practice that does not exist.
pub fn set_location(state: &mut State, call: &Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let missing = |name: &str| Problem::missing(format!("{name} is required"));
    let office_id = body.text("office_id").ok_or_else(|| missing("office_id"))?;
    let practices = body.text("practice_id").ok_or_else(|| missing("practice_id"))?;
    let on = match body.text("access").ok_or_else(|| missing("access"))?.as_str() {
        "ON" => true,
        "OFF" => false,
        _ => return Err(Problem::invalid("access is ON or OFF")),
    };
    let office = state.offices.get_mut(&office_id).ok_or_else(|| Problem::not_found("no such office"))?;
    if practices.split(',').any(|practice| !elsewhere::has(office, practice.trim())) {
        return Err(Problem::not_found("no such practice in this office"));
    }
    office.access_on = on;
    Ok(Reply::json(200, &done()))
}

/// The receipt of calls that are over when they are answered.
pub(super) fn done() -> Message {
    Message::new(200, "API4006", "Done", "Request completed".to_owned(), String::new())
}

fn practice_row(office: &Office, now: Timestamp) -> Record {
    let rules = office.rules();
    let copied = office.local(office.cloud.copied_at).to_string();
    let age = now.duration_since(office.cloud.copied_at).as_mins();
    let mut row = Record::of([
        ("href", format!("/authorized_practices/{}", office.id)),
        ("office_id", office.id.clone()),
        ("practice_id", office.practice_id.clone()),
        ("secret_key", office.secret.clone()),
        ("practice_name", office.practice_name.clone()),
        ("domain", "Dental".to_owned()),
        ("address", "12 Mill Lane".to_owned()),
        ("city", "Fernhill".to_owned()),
        ("state", "NY".to_owned()),
        ("zip", "00010".to_owned()),
        ("practice_management_system", office.pms_name().to_owned()),
        ("practice_management_system_version", rules.version.to_owned()),
        ("practice_management_system_refresh_date", copied.clone()),
        ("practice_management_system_refresh_date_time_zone", office.windows_zone.clone()),
        ("data_synchronization_date", copied.clone()),
        ("data_insert_date", copied),
        ("difference_in_minutes", age.to_string()),
        ("email", "frontdesk@example.com".to_owned()),
    ]);
    if !office.loaded {
        row.set("data_insert_date", "");
    }
    row
}

fn capability_row(profile: Profile) -> Record {
    let rules = profile.rules();
    let available = || "available".to_owned();
    Record::of([
        ("domain", "Dental".to_owned()),
        ("specialty", if rules.name == "OrthoTrac" { "Orthodontics" } else { "General" }.to_owned()),
        ("practice_management_system", rules.name.to_owned()),
        ("practice_management_system_version", rules.version.to_owned()),
        ("appointment_status_writeback", if rules.cancel_by_patch { available() } else { String::new() }),
        ("payment_writeback", available()),
        ("new_appointment_writeback", available()),
        ("new_patient_writeback", available()),
        ("note_writeback", available()),
    ])
}

fn sync_row(office: &Office, now: Timestamp) -> Record {
    let rules = office.rules();
    let age = now.duration_since(office.cloud.copied_at);
    let status = if age > SignedDuration::from_hours(24) { "not_refresh" } else { "refresh" };
    Record::of([
        ("office_id", office.id.clone()),
        ("practice_id", office.practice_id.clone()),
        ("status", status.to_owned()),
        ("data_insert_date", office.local(office.cloud.copied_at).to_string()),
        ("practice_name", office.practice_name.clone()),
        ("practice_management_system", office.pms_name().to_owned()),
        ("practice_management_system_version", rules.version.to_owned()),
        ("practice_management_system_refresh_date_time_zone", office.windows_zone.clone()),
    ])
}

fn location_row(office: &Office) -> Record {
    Record::of([
        ("office_id", office.id.clone()),
        ("practice_id", office.practice_id.clone()),
        ("practice_name", office.practice_name.clone()),
        ("access", if office.access_on { "ON" } else { "OFF" }.to_owned()),
    ])
}

fn day(text: &str, name: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::invalid(format!("{name} is not yyyy-mm-dd")))
}
