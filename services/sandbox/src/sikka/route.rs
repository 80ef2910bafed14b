//! Which path is which API. Anything else is 405 API2014, made-up paths included (contract 7.1).

/// One API call, found by its method and path.
#[derive(Debug)]
pub struct Route<'a> {
    /// Path with its ids replaced, for the ledger.
    pub pattern: &'static str,
    /// Name in the application's plan.
    pub scope: &'static str,
    /// What opens it.
    pub door: Door,
    /// Whether its answers carry `Data-Insert`.
    pub tells_data_insert: bool,
    /// What it does.
    pub action: Action<'a>,
}

/// The credential an API wants (contract 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// None; credentials are in the body.
    Open,
    /// `Request-Key`.
    Key,
    /// `App-Id` and `App-Key`.
    App,
    /// Either of the two: the documentation contradicts itself.
    Either,
}

/// What an API does.
#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    /// Hands out a request key.
    RequestKey,
    /// Describes the request key.
    RequestKeyInfo,
    /// Answers a page of rows.
    List(List),
    /// Switches a location on or off.
    SetLocation,
    /// Takes a write.
    Write(Write<'a>),
    /// Withdraws a pending write.
    DeleteWriteback,
}

/// The list calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the API of that name in contract section 4 and 6")]
pub enum List {
    AuthorizedPractices,
    Appointments,
    Slots,
    Patients,
    Practices,
    Providers,
    Operatories,
    PracticeSchedule,
    AppointmentStatuses,
    PracticeVariables,
    WritebackDetails,
    MedicalNotes,
    NoteTypes,
    PatientBalance,
    Subscribers,
    InsuranceCompanies,
    Transactions,
    PaymentTypes,
    SupportedPmses,
    DataSyncStatus,
    PracticeLocation,
    WritebackStatus,
    Writebacks,
}

/// The write calls (contract section 5).
#[derive(Debug, Clone, Copy)]
pub enum Write<'a> {
    /// `POST /appointment`.
    Appointment,
    /// `POST /patient`.
    Patient,
    /// `POST /transaction`.
    Transaction,
    /// `PATCH /appointments/{id}`.
    Status(&'a str),
    /// `PUT /appointments/{id}`.
    Edit(&'a str),
    /// `POST /medical_notes`.
    Note,
}

/// Every API name of a full plan.
pub const SCOPES: &[&str] = &[
    "authorized_practices",
    "appointments",
    "appointments_available_slots",
    "patients",
    "practices",
    "providers",
    "operatories",
    "practice_schedule",
    "appointment_statuses",
    "practice_variables",
    "writeback_details",
    "supported_pmses",
    "data_sync_status",
    "practice_location",
    "writeback_status",
    "writebacks",
    "POST appointment",
    "POST patient",
    "PATCH appointments",
    "PUT appointments",
    "medical_notes",
    "note_types",
    "POST medical_notes",
    "patient_balance",
    "subscribers",
    "insurance_companies",
    "transactions",
    "payment_types",
    "POST transaction",
];

/// The API of a method and the segments after `/v4`.
pub fn find<'a>(method: &str, segments: &'a [String]) -> Option<Route<'a>> {
    let segments: Vec<&'a str> = segments.iter().map(String::as_str).collect();
    match (method, segments.as_slice()) {
        ("GET", [name]) => listing(name),
        ("POST", ["request_key"]) => {
            Some(route("/v4/request_key", "request_key", Door::Open, Action::RequestKey))
        }
        ("POST", ["practice_location"]) => {
            Some(route("/v4/practice_location", "practice_location", Door::App, Action::SetLocation))
        }
        ("DELETE", ["writebacks"]) => {
            Some(route("/v4/writebacks", "writebacks", Door::App, Action::DeleteWriteback))
        }
        ("POST", ["appointment"]) => Some(write("/v4/appointment", "POST appointment", Write::Appointment)),
        ("POST", ["patient"]) => Some(write("/v4/patient", "POST patient", Write::Patient)),
        ("POST", ["medical_notes"]) => Some(write("/v4/medical_notes", "POST medical_notes", Write::Note)),
        ("POST", ["transaction"]) => Some(write("/v4/transaction", "POST transaction", Write::Transaction)),
        ("PATCH", ["appointments", id]) => {
            Some(write("/v4/appointments/{id}", "PATCH appointments", Write::Status(id)))
        }
        ("PUT", ["appointments", id]) => {
            Some(write("/v4/appointments/{id}", "PUT appointments", Write::Edit(id)))
        }
        _ => None,
    }
}

fn listing(name: &str) -> Option<Route<'static>> {
    let (pattern, door, list) = match name {
        "request_key_info" => {
            return Some(route("/v4/request_key_info", "request_key", Door::Key, Action::RequestKeyInfo));
        }
        "authorized_practices" => ("/v4/authorized_practices", Door::Either, List::AuthorizedPractices),
        "appointments" => ("/v4/appointments", Door::Key, List::Appointments),
        "appointments_available_slots" => ("/v4/appointments_available_slots", Door::Key, List::Slots),
        "patients" => ("/v4/patients", Door::Key, List::Patients),
        "practices" => ("/v4/practices", Door::Key, List::Practices),
        "providers" => ("/v4/providers", Door::Key, List::Providers),
        "operatories" => ("/v4/operatories", Door::Key, List::Operatories),
        "practice_schedule" => ("/v4/practice_schedule", Door::Key, List::PracticeSchedule),
        "appointment_statuses" => ("/v4/appointment_statuses", Door::Key, List::AppointmentStatuses),
        "practice_variables" => ("/v4/practice_variables", Door::Key, List::PracticeVariables),
        "writeback_details" => ("/v4/writeback_details", Door::Key, List::WritebackDetails),
        "medical_notes" => ("/v4/medical_notes", Door::Key, List::MedicalNotes),
        "note_types" => ("/v4/note_types", Door::Key, List::NoteTypes),
        "patient_balance" => ("/v4/patient_balance", Door::Key, List::PatientBalance),
        "subscribers" => ("/v4/subscribers", Door::Key, List::Subscribers),
        "insurance_companies" => ("/v4/insurance_companies", Door::Key, List::InsuranceCompanies),
        "transactions" => ("/v4/transactions", Door::Key, List::Transactions),
        "payment_types" => ("/v4/payment_types", Door::Key, List::PaymentTypes),
        "supported_pmses" => ("/v4/supported_pmses", Door::App, List::SupportedPmses),
        "data_sync_status" => ("/v4/data_sync_status", Door::App, List::DataSyncStatus),
        "practice_location" => ("/v4/practice_location", Door::App, List::PracticeLocation),
        "writeback_status" => ("/v4/writeback_status", Door::Key, List::WritebackStatus),
        "writebacks" => ("/v4/writebacks", Door::App, List::Writebacks),
        _ => return None,
    };
    let scope = pattern.strip_prefix("/v4/").unwrap_or(pattern);
    let tells_data_insert = matches!(list, List::Appointments | List::Patients | List::Transactions);
    Some(Route { tells_data_insert, ..route(pattern, scope, door, Action::List(list)) })
}

fn write<'a>(pattern: &'static str, scope: &'static str, write: Write<'a>) -> Route<'a> {
    route(pattern, scope, Door::Key, Action::Write(write))
}

fn route<'a>(pattern: &'static str, scope: &'static str, door: Door, action: Action<'a>) -> Route<'a> {
    Route { pattern, scope, door, tells_data_insert: false, action }
}
