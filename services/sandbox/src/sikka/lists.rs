//! The list calls of one office. Rows of patients, appointments, providers and chairs come from the cloud copy.

use std::sync::Arc;

use jiff::Timestamp;

use super::call::{Call, Query};
use super::columns as tables;
use super::elsewhere;
use super::envelope::Page;
use super::errors::Problem;
use super::faults::Faults;
use super::notes;
use super::office::Office;
use super::record::{Record, Table};
use super::route::List;
use super::schedule;

/// Answers one list call.
///
/// # Errors
/// 400 API1020 for a missing mandatory parameter, 400 API1026 for one that cannot be read.
pub fn list(
    office: &Office,
    list: List,
    call: &Call,
    faults: &Faults,
    now: Timestamp,
) -> Result<Page, Problem> {
    let cloud = &office.cloud;
    let today = office.local(now).date();
    match list {
        List::Appointments => {
            let shown = |row: &&Arc<Record>| !faults.cancelled_vanish || row.get("cancelled") != "True";
            page(cloud.appointments.iter().filter(shown), &tables::APPOINTMENTS, call)
        }
        List::Patients => {
            let phones = Phones::new(&call.query, faults.phone_match_raw);
            page(cloud.patients.iter().filter(|row| phones.take(row)), &tables::PATIENTS, call)
        }
        List::Providers => {
            page(elsewhere::as_well(office, cloud.providers.clone()).iter(), &tables::PROVIDERS, call)
        }
        List::Operatories => {
            required(&call.query, "cust_id")?;
            let elsewhere = elsewhere::chairs(office);
            page(cloud.operatories.iter().chain(&elsewhere), &tables::OPERATORIES, call)
        }
        List::PracticeSchedule => {
            let week = call.query.get("date").map(|day| format!("{day}T00:00:00"));
            let elsewhere = elsewhere::weeks(office);
            let wanted = cloud
                .schedule
                .iter()
                .chain(&elsewhere)
                .filter(|row| week.as_deref().is_none_or(|week| row.get("date") == week));
            page(wanted, &tables::PRACTICE_SCHEDULE, call)
        }
        List::Slots => page(schedule::slot_rows(office, today).iter(), &tables::SLOTS, call),
        List::Practices => {
            let rows = elsewhere::as_well(office, vec![Arc::new(practice(office))]);
            page(rows.iter(), &tables::PRACTICES, call)
        }
        List::AppointmentStatuses => {
            page(elsewhere::as_well(office, statuses(office)).iter(), &tables::APPOINTMENT_STATUSES, call)
        }
        List::PracticeVariables => {
            page(elsewhere::as_well(office, variables(office)).iter(), &tables::PRACTICE_VARIABLES, call)
        }
        List::MedicalNotes => page(cloud.notes.iter(), &notes::MEDICAL_NOTES, call),
        List::NoteTypes => {
            page(elsewhere::as_well(office, notes::types(office)).iter(), &notes::NOTE_TYPES, call)
        }
        List::WritebackDetails => {
            let kind = required(&call.query, "writeback_type")?;
            page(elsewhere::as_well(office, details(office, kind)).iter(), &tables::WRITEBACK_DETAILS, call)
        }
        List::PatientBalance => page(cloud.books.balances.iter(), &tables::PATIENT_BALANCE, call),
        List::Subscribers => page(cloud.books.subscribers.iter(), &tables::SUBSCRIBERS, call),
        List::InsuranceCompanies => page(cloud.books.companies.iter(), &tables::INSURANCE_COMPANIES, call),
        List::Transactions => page(cloud.books.transactions.iter(), &tables::TRANSACTIONS, call),
        List::PaymentTypes => {
            let rows = elsewhere::as_well(office, cloud.books.payment_types.clone());
            page(rows.iter(), &tables::PAYMENT_TYPES, call)
        }
        List::WritebackStatus => {
            let id: u64 =
                required(&call.query, "id")?.parse().map_err(|_| Problem::invalid("id is not a number"))?;
            let row = office.writebacks.get(&id).map(|write| Arc::new(write.status_row(&office.zone)));
            page(row.iter(), &tables::WRITEBACK_STATUS, call)
        }
        List::AuthorizedPractices
        | List::SupportedPmses
        | List::DataSyncStatus
        | List::PracticeLocation
        | List::Writebacks => Err(Problem::internal("this list belongs to the application")),
    }
}

/// Cuts the page a call asks for.
pub(super) fn page<'a>(
    rows: impl Iterator<Item = &'a Arc<Record>>,
    table: &'static Table,
    call: &Call,
) -> Result<Page, Problem> {
    Page::of(rows, table, &call.query, format!("{}/{}", call.base, call.segments.join("/")))
}

/// A parameter that must be there.
pub(super) fn required<'q>(query: &'q Query, name: &str) -> Result<&'q str, Problem> {
    query.get(name).ok_or_else(|| Problem::missing(format!("{name} is required")))
}

/// The patient filters that look at phones, and `search`, which looks at nearly everything (contract 4.3).
struct Phones<'q> {
    raw: bool,
    cell: Option<&'q str>,
    home: Option<&'q str>,
    work: Option<&'q str>,
    any: Option<&'q str>,
    search: Option<String>,
}

const SEARCHED: [&str; 10] = [
    "firstname",
    "lastname",
    "preferred_name",
    "email",
    "city",
    "state",
    "zipcode",
    "cell",
    "homephone",
    "workphone",
];

const PHONES: [&str; 3] = ["cell", "homephone", "workphone"];

impl<'q> Phones<'q> {
    fn new(query: &'q Query, raw: bool) -> Self {
        Self {
            raw,
            cell: query.get("cell"),
            home: query.get("homephone"),
            work: query.get("workphone"),
            any: query.get("phone"),
            search: query.get("search").map(str::to_lowercase),
        }
    }

    fn take(&self, row: &Record) -> bool {
        self.matches(self.cell, row, &["cell"])
            && self.matches(self.home, row, &["homephone"])
            && self.matches(self.work, row, &["workphone"])
            && self.matches(self.any, row, &PHONES)
            && self.search.as_ref().is_none_or(|wanted| self.found(wanted, row))
    }

    fn matches(&self, wanted: Option<&str>, row: &Record, columns: &[&str]) -> bool {
        let Some(wanted) = wanted else { return true };
        columns.iter().map(|column| row.get(column)).any(|held| {
            if self.raw { held == wanted } else { !held.is_empty() && digits(held) == digits(wanted) }
        })
    }

    fn found(&self, wanted: &str, row: &Record) -> bool {
        let number = digits(wanted);
        let looks_like_a_number =
            !self.raw && number.len() >= 7 && !wanted.contains(|c: char| c.is_alphabetic());
        SEARCHED.iter().any(|column| {
            let held = row.get(column).to_lowercase();
            held.contains(wanted)
                || (looks_like_a_number && PHONES.contains(column) && digits(&held).contains(&number))
        })
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn practice(office: &Office) -> Record {
    Record::of([
        ("href", format!("/practices/{}", office.practice_id)),
        ("practice_id", office.practice_id.clone()),
        ("name", office.practice_name.clone()),
        ("address_line1", "12 Mill Lane".to_owned()),
        ("city", "Fernhill".to_owned()),
        ("state", "NY".to_owned()),
        ("zipcode", "00010".to_owned()),
        ("phone", office.phone.clone()),
        ("email", "frontdesk@example.com".to_owned()),
        ("cust_id", office.cust_id.clone()),
        ("is_main_office", "True".to_owned()),
        ("country", office.country.clone()),
    ])
}

fn statuses(office: &Office) -> Vec<Arc<Record>> {
    let row = |status: &&str| {
        Arc::new(Record::of([
            ("href", "/appointment_statuses".to_owned()),
            ("status", (*status).to_owned()),
            ("practice_id", office.practice_id.clone()),
            ("cust_id", office.cust_id.clone()),
        ]))
    };
    office.rules().statuses.iter().map(row).collect()
}

fn variables(office: &Office) -> Vec<Arc<Record>> {
    let rules = office.rules();
    let row = |name: &'static str, item: &'static str| {
        move |value: &&str| {
            Arc::new(Record::of([
                ("href", "/practice_variables".to_owned()),
                ("practice_id", office.practice_id.clone()),
                ("service_name", name.to_owned()),
                ("service_item", item.to_owned()),
                ("value", (*value).to_owned()),
                ("description", (*value).to_owned()),
                ("cust_id", office.cust_id.clone()),
            ]))
        }
    };
    let statuses = rules.statuses.iter().map(row("Appointment Status", "appointment status"));
    let confirmed = ["Unconfirmed", "Confirmed", "Left Message"];
    let confirmed = confirmed.iter().map(row("Appointment Status", "appointment confirmed status"));
    let types = rules.types.iter().map(row("Appointment Type", "appointment type"));
    statuses.chain(confirmed).chain(types).collect()
}

fn details(office: &Office, kind: &str) -> Vec<Arc<Record>> {
    let rules = office.rules();
    let row = |category: &'static str, item: &str| {
        Arc::new(Record::of([
            ("href", "/writeback_details".to_owned()),
            ("category", category.to_owned()),
            ("item", item.to_owned()),
            ("description", item.to_owned()),
            ("practice_id", office.practice_id.clone()),
            ("cust_id", office.cust_id.clone()),
        ]))
    };
    match kind {
        "new_appointment" => rules.types.iter().map(|item| row("appttype", item)).collect(),
        "update_appointment" | "patch_appointment" => {
            rules.statuses.iter().map(|item| row("appointment_status", item)).collect()
        }
        "new_patient" => ["male", "female", "unknown"].iter().map(|item| row("gender", item)).collect(),
        _ => Vec::new(),
    }
}
