//! The columns, filters and sort keys of every list this simulator serves, as contract section 4 names them.

mod books;

pub use books::{INSURANCE_COMPANIES, PATIENT_BALANCE, PAYMENT_TYPES, SUBSCRIBERS, TRANSACTIONS};

use super::record::Table;

macro_rules! weekday {
    ($day:literal) => {
        [
            concat!($day, "_start_1"),
            concat!($day, "_end_1"),
            concat!($day, "_start_2"),
            concat!($day, "_end_2"),
            concat!($day, "_start_3"),
            concat!($day, "_end_3"),
            concat!($day, "_holiday"),
        ]
    };
}

/// Columns of a week, Monday first: three spans of start and end, then the holiday mark.
pub const WEEK: [[&str; 7]; 7] = [
    weekday!("monday"),
    weekday!("tuesday"),
    weekday!("wednesday"),
    weekday!("thursday"),
    weekday!("friday"),
    weekday!("saturday"),
    weekday!("sunday"),
];

/// `authorized_practices` (contract 2.2).
pub static AUTHORIZED_PRACTICES: Table = Table {
    standard: &[
        "href",
        "office_id",
        "practice_id",
        "secret_key",
        "practice_name",
        "domain",
        "address",
        "city",
        "state",
        "zip",
        "practice_management_system",
        "practice_management_system_version",
        "practice_management_system_refresh_date",
        "practice_management_system_refresh_date_time_zone",
        "data_synchronization_date",
        "data_insert_date",
        "difference_in_minutes",
        "financial_system",
        "financial_system_version",
        "financial_system_refresh_date",
        "partner_id",
    ],
    more: &["email"],
    filters: &[
        "office_id",
        "practice_id",
        "practice_name",
        "practice_management_system",
        "practice_management_system_version",
        "practice_management_system_refresh_date_time_zone",
    ],
    dates: &[],
    sort: &["office_id", "practice_id"],
};

/// `appointments` (contract 4.1).
pub static APPOINTMENTS: Table = Table {
    standard: &[
        "href",
        "appointment_sr_no",
        "patient_id",
        "patient_href",
        "patient_name",
        "guarantor_id",
        "guarantor_href",
        "guarantor_name",
        "provider_id",
        "provider_href",
        "practice_id",
        "practice_href",
        "date",
        "time",
        "length",
        "status",
        "type",
        "description",
        "note",
        "amount",
        "appointment_made_date",
        "surface_quadrant",
        "surface_quadrant_type",
        "procedure_code1",
        "procedure_code1_amount",
        "procedure_code1_time",
        "procedure_code2",
        "procedure_code2_amount",
        "procedure_code2_time",
        "procedure_code3",
        "procedure_code3_amount",
        "procedure_code3_time",
    ],
    more: &[
        "operatory",
        "hygienist",
        "original_provider",
        "last_changed_date",
        "confirmed_on_date",
        "is_confirmed",
        "cancelled",
        "cancelled_date",
        "status_in_office",
        "multiple_statuses",
        "arrival_status",
        "arrival_time",
        "in_chair_time",
        "walkout_time",
        "performed",
        "sooner_if_possible",
        "is_companion",
        "schedule",
        "treatment_class",
        "location",
        "tooth_number",
        "procedure_codes",
        "service_category",
        "cust_id",
        "rowhash",
    ],
    filters: &[
        "appointment_sr_no",
        "practice_id",
        "patient_id",
        "guarantor_id",
        "provider_id",
        "status",
        "operatory",
        "type",
        "arrival_status",
    ],
    dates: &["date", "last_changed_date", "appointment_made_date", "confirmed_on_date", "cancelled_date"],
    sort: &[
        "appointment_sr_no",
        "appointment_date",
        "appointment_time",
        "patient_id",
        "rowhash",
        "date",
        "time",
    ],
};

/// `appointments_available_slots` (contract 4.2).
pub static SLOTS: Table = Table {
    standard: &[
        "href",
        "provider_id",
        "provider_href",
        "practice_id",
        "practice_href",
        "date",
        "time",
        "template_code",
        "template_unit",
        "template_color",
        "template_type",
        "old_color",
        "old_code",
        "scheduled_color",
        "scheduled_code",
    ],
    more: &["end_time", "time_units", "operatory", "sr_no", "cust_id"],
    filters: &["provider_id", "practice_id", "operatory"],
    dates: &["date"],
    sort: &["practice_id", "date", "time", "rowhash"],
};

/// `patients` (contract 4.3). The phone filters and `search` are not plain equality and live with the list.
pub static PATIENTS: Table = Table {
    standard: &[
        "href",
        "patient_id",
        "guarantor_id",
        "guarantor_href",
        "guarantor_first_name",
        "guarantor_last_name",
        "firstname",
        "middlename",
        "lastname",
        "preferred_name",
        "salutation",
        "birthdate",
        "status",
        "address_line1",
        "address_line2",
        "city",
        "state",
        "zipcode",
        "cell",
        "email",
        "first_visit",
        "last_visit",
        "created_date",
        "provider_id",
        "provider_href",
        "practice_id",
        "practice_href",
        "appointment_href",
        "preferred_contact",
        "preferred_communication_method",
        "fee_no",
        "primary_insurance_company_id",
        "primary_insurance_company_href",
        "primary_relationship",
        "subscriber_id",
        "primary_medical_insurance",
        "primary_medical_insurance_id",
        "primary_medical_relationship",
        "primary_medical_subscriber_id",
        "other_referral",
        "patient_referral",
        "referred_out",
    ],
    more: &[
        "gender",
        "homephone",
        "workphone",
        "other_phone",
        "extension",
        "country",
        "marital_status",
        "chart_number",
        "patient_note",
        "medical_note",
        "alert_note",
        "other_note",
        "email_alert",
        "text_alert",
        "voice_alert",
        "exclude_message",
        "hygienist",
        "billing_type",
        "primary_insurance",
        "secondary_insurance",
        "secondary_insurance_company_id",
        "secondary_relationship",
        "secondary_subscriber_id",
        "ui_patient_id",
        "cust_id",
        "rowhash",
        "profile_status",
    ],
    filters: &[
        "patient_id",
        "practice_id",
        "provider_id",
        "guarantor_id",
        "firstname",
        "lastname",
        "email",
        "status",
    ],
    dates: &["first_visit", "last_visit"],
    sort: &["patient_id", "firstname", "lastname", "zipcode", "rowhash"],
};

/// `practices` (contract 4.5).
pub static PRACTICES: Table = Table {
    standard: &[
        "href",
        "practice_id",
        "name",
        "address_line1",
        "address_line2",
        "city",
        "state",
        "zipcode",
        "phone",
        "email",
        "cust_id",
    ],
    more: &["is_main_office", "website", "country", "national_provider_identifier"],
    filters: &["practice_id", "national_provider_identifier"],
    dates: &[],
    sort: &["practice_id", "name"],
};

/// `providers` (contract 4.5): `specialty` by default, `speciality` only with `get_all`.
pub static PROVIDERS: Table = Table {
    standard: &[
        "href",
        "provider_id",
        "firstname",
        "lastname",
        "provider_type",
        "specialty",
        "specialty_code",
        "status",
        "is_hidden",
        "national_provider_identifier",
        "tax_identification_number",
        "initials",
        "phone",
        "email",
        "practice_id",
        "cust_id",
    ],
    more: &["is_user", "is_organization", "external_id", "speciality"],
    filters: &[
        "practice_id",
        "provider_id",
        "provider_type",
        "firstname",
        "lastname",
        "national_provider_identifier",
        "status",
        "is_user",
    ],
    dates: &[],
    sort: &["provider_id", "firstname", "lastname"],
};

/// `operatories` (contract 4.5).
pub static OPERATORIES: Table = Table {
    standard: &["href", "operatory", "abbreviation", "is_hidden", "provider_id", "practice_id", "cust_id"],
    more: &[],
    filters: &["cust_id", "is_hidden"],
    dates: &[],
    sort: &["operatory"],
};

/// `practice_schedule` (contract 4.5): weekly rows whose hours appear only with `fields=`.
pub static PRACTICE_SCHEDULE: Table = Table {
    standard: &["href", "practice_id", "date", "cust_id", "resource_type", "resource_id"],
    more: WEEK.as_flattened(),
    filters: &["resource_id", "resource_type"],
    dates: &[],
    sort: &["date", "resource_id"],
};

/// `appointment_statuses` (contract 4.5).
pub static APPOINTMENT_STATUSES: Table = Table {
    standard: &["href", "status", "practice_id"],
    more: &["cust_id"],
    filters: &["practice_id", "status"],
    dates: &[],
    sort: &["status"],
};

/// `practice_variables` (contract 4.5).
pub static PRACTICE_VARIABLES: Table = Table {
    standard: &["href", "practice_id", "service_name", "value", "description"],
    more: &["service_item", "cust_id"],
    filters: &["practice_id", "service_name", "service_item"],
    dates: &[],
    sort: &["service_name"],
};

/// `writeback_details` (contract 4.6).
pub static WRITEBACK_DETAILS: Table = Table {
    standard: &["href", "category", "item", "description", "practice_id", "cust_id"],
    more: &[],
    filters: &["practice_id", "category"],
    dates: &[],
    sort: &["category"],
};

/// `supported_pmses` (contract 4.6).
pub static SUPPORTED_PMSES: Table = Table {
    standard: &[
        "domain",
        "specialty",
        "practice_management_system",
        "practice_management_system_version",
        "appointment_status_writeback",
        "payment_writeback",
        "new_appointment_writeback",
        "new_patient_writeback",
        "note_writeback",
        "claim_notes_status_writeback",
        "insurance_payment_writeback",
        "lab_result_writeback",
    ],
    more: &[],
    filters: &[
        "domain",
        "specialty",
        "practice_management_system",
        "practice_management_system_version",
        "appointment_status_writeback",
        "payment_writeback",
        "new_appointment_writeback",
        "new_patient_writeback",
        "note_writeback",
    ],
    dates: &[],
    sort: &["practice_management_system"],
};

/// `data_sync_status` (contract 4.6).
pub static DATA_SYNC_STATUS: Table = Table {
    standard: &[
        "office_id",
        "practice_id",
        "status",
        "data_insert_date",
        "practice_name",
        "practice_management_system",
        "practice_management_system_version",
        "practice_management_system_refresh_date_time_zone",
    ],
    more: &[],
    filters: &["office_id", "status", "practice_management_system", "practice_name"],
    dates: &[],
    sort: &["office_id"],
};

/// `practice_location` (contract 4.6).
pub static PRACTICE_LOCATION: Table = Table {
    standard: &["office_id", "practice_id", "practice_name", "access"],
    more: &[],
    filters: &["office_id", "practice_id"],
    dates: &[],
    sort: &["office_id"],
};

/// `writeback_status` (contract 6.2).
pub static WRITEBACK_STATUS: Table = Table {
    standard: &[
        "id",
        "office_id",
        "practice_id",
        "method",
        "api",
        "payload_body",
        "status",
        "current_status",
        "is_completed",
        "has_error",
        "result",
        "request_time",
        "completed_time",
        "appointment_sr_no",
        "patient_id",
        "created_id",
    ],
    more: &[],
    filters: &[],
    dates: &[],
    sort: &["id"],
};

/// `writebacks` (contract 6.2). Its date range is mandatory and checked by the list itself.
pub static WRITEBACKS: Table = Table {
    standard: &[
        "href",
        "id",
        "office_id",
        "method",
        "api_name",
        "api_request_body",
        "result",
        "command_time",
        "completed_time",
        "duration_in_second",
        "description",
    ],
    more: &[],
    filters: &["id"],
    dates: &["command_time"],
    sort: &["id", "command_time"],
};
