//! Lists about money and insurance (contract 4.4).

use crate::sikka::record::Table;

/// `patient_balance`.
pub static PATIENT_BALANCE: Table = Table {
    standard: &[
        "patient_id",
        "firstname",
        "lastname",
        "practice_id",
        "practice_name",
        "customer_id",
        "chart_number",
        "current_date",
        "patient_balance",
        "patient_due",
        "insurance_due",
        "account_balance",
        "unapplied",
        "write_off",
        "patient_amount_less_than_30",
        "patient_amount_between_30_60",
        "patient_amount_between_60_90",
        "patient_amount_greater_than_90",
        "insurance_amount_less_than_30",
        "insurance_amount_between_30_60",
        "insurance_amount_between_60_90",
        "insurance_amount_greater_than_90",
    ],
    more: &[],
    filters: &["practice_id", "patient_id", "customer_id"],
    dates: &[],
    sort: &["patient_id"],
};

/// `subscribers`; one column is misspelt by the vendor.
pub static SUBSCRIBERS: Table = Table {
    standard: &[
        "href",
        "patient_id",
        "practice_id",
        "subscriber_id",
        "type",
        "insurance_company_id",
        "patient_relation",
        "employer_name",
        "individual_used",
        "individual_deductible_remaining",
        "ortho_used",
        "insurance_effective_date",
        "family_deductible_reamining",
        "firstname",
        "lastname",
    ],
    more: &["cust_id"],
    filters: &["patient_id", "practice_id", "subscriber_id"],
    dates: &[],
    sort: &["patient_id", "subscriber_id"],
};

/// `insurance_companies`: the names only when asked for.
pub static INSURANCE_COMPANIES: Table = Table {
    standard: &[
        "href",
        "insurance_company_id",
        "practice_id",
        "payer_id",
        "phone",
        "group_plan_number",
        "maximum_yearly_benefit",
        "individual_deductible_limit",
        "family_deductible_limit",
        "renew_month",
        "plan_type",
    ],
    more: &["insurance_company_name", "group_plan_name", "carrier_id", "cust_id"],
    filters: &["insurance_company_id", "practice_id", "carrier_id"],
    dates: &[],
    sort: &["insurance_company_id"],
};

/// `transactions`.
pub static TRANSACTIONS: Table = Table {
    standard: &[
        "href",
        "transaction_sr_no",
        "transaction_type",
        "transaction_date",
        "transaction_entry_date",
        "patient_id",
        "guarantor_id",
        "provider_id",
        "practice_id",
        "procedure_code",
        "procedure_description",
        "amount",
        "quantity",
        "tooth_from",
        "tooth_to",
        "surface",
        "claim_sr_no",
        "payment_type",
        "estimated_insurance_payment",
        "primary_insurance_estimate",
        "note",
        "created_by",
    ],
    more: &["invoice", "cheque_no", "appointment_sr_no", "amount_paid", "payment_method", "cust_id"],
    filters: &[
        "transaction_sr_no",
        "practice_id",
        "patient_id",
        "guarantor_id",
        "provider_id",
        "procedure_code",
        "transaction_type",
        "payment_type",
    ],
    dates: &["transaction_date", "transaction_entry_date"],
    sort: &["transaction_sr_no", "transaction_date"],
};

/// `payment_types`. What kind a type is can be filtered by and is shown nowhere.
pub static PAYMENT_TYPES: Table = Table {
    standard: &["href", "code", "description", "practice_id"],
    more: &["payment_type_status", "cust_id"],
    filters: &["practice_id", "code", "customer_id", "is_adjustment_type", "is_insurance_type"],
    dates: &[],
    sort: &["code"],
};
