//! Money, insurance and kinds of appointment (contract sections 4.4 to 4.6).

use serde::{Deserialize, Serialize};

use super::Text;

/// `patient_balance` (4.4).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct PatientBalance {
    pub patient_id: Text,
    pub practice_id: Text,
    pub current_date: Text,
    pub patient_balance: Text,
    pub patient_due: Text,
    pub insurance_due: Text,
}

/// `subscribers` (4.4): a patient and one of their plans.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Subscriber {
    pub patient_id: Text,
    pub practice_id: Text,
    pub subscriber_id: Text,
    #[serde(rename = "type")]
    pub kind: Text,
    pub insurance_company_id: Text,
    pub patient_relation: Text,
    pub individual_used: Text,
    pub individual_deductible_remaining: Text,
    pub insurance_effective_date: Text,
}

/// `insurance_companies` (4.4): names stand only in `get_all`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct InsuranceCompany {
    pub insurance_company_id: Text,
    pub insurance_company_name: Text,
    pub group_plan_name: Text,
    pub maximum_yearly_benefit: Text,
}

/// `writeback_details` (4.6): what a field of a write may hold.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct WritebackDetail {
    pub category: Text,
    pub item: Text,
    pub description: Text,
}

/// `practice_variables` (4.5).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct PracticeVariable {
    pub service_name: Text,
    pub value: Text,
    pub description: Text,
}

/// `payment_types` (4.4).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct PaymentType {
    pub code: Text,
    pub description: Text,
}

/// `transactions` (4.4): lines of the ledger.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Transaction {
    pub transaction_sr_no: Text,
    pub practice_id: Text,
    pub patient_id: Text,
    pub note: Text,
}

/// What `POST transaction` takes (5.7).
#[derive(Serialize)]
pub(crate) struct NewTransaction<'a> {
    pub patient_id: &'a str,
    pub guarantor_id: &'a str,
    pub practice_id: &'a str,
    pub provider_id: &'a str,
    pub procedure_code: &'a str,
    pub procedure_description: &'a str,
    pub amount: String,
    pub transaction_date: String,
    pub note: String,
    pub check_spu: &'static str,
}
