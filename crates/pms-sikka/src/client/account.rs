//! The endpoints about money, insurance and kinds of appointment (contract sections 4.4 to 4.6).

use std::time::Instant;

use jiff::civil::Date;
use pms::PmsError;
use vendor_http::Request;

use super::{Calls, Door, post};
use crate::wire;

impl Calls {
    pub(crate) async fn balances(
        &self,
        practice_id: &str,
        patient_id: &str,
    ) -> Result<Vec<wire::PatientBalance>, PmsError> {
        let request = Request::get("patient_balance", "/patient_balance").query("practice_id", practice_id);
        self.list(Door::Office, request.query("patient_id", patient_id)).await
    }

    pub(crate) async fn subscribers(
        &self,
        practice_id: &str,
        patient_id: &str,
    ) -> Result<Vec<wire::Subscriber>, PmsError> {
        let request = Request::get("subscribers", "/subscribers").query("practice_id", practice_id);
        self.list(Door::Office, request.query("patient_id", patient_id).query("fields", "get_all")).await
    }

    pub(crate) async fn insurance_companies(
        &self,
        practice_id: &str,
        company_id: &str,
    ) -> Result<Vec<wire::InsuranceCompany>, PmsError> {
        let request = Request::get("insurance_companies", "/insurance_companies")
            .query("practice_id", practice_id)
            .query("insurance_company_id", company_id);
        self.list(Door::Office, request.query("fields", "get_all")).await
    }

    pub(crate) async fn writeback_details(
        &self,
        practice_id: &str,
        writeback_type: &str,
    ) -> Result<Vec<wire::WritebackDetail>, PmsError> {
        let request = Request::get("writeback_details", "/writeback_details")
            .query("practice_id", practice_id)
            .query("writeback_type", writeback_type);
        self.list(Door::Office, request).await
    }

    pub(crate) async fn practice_variables(
        &self,
        practice_id: &str,
        service_name: &str,
    ) -> Result<Vec<wire::PracticeVariable>, PmsError> {
        let request = Request::get("practice_variables", "/practice_variables")
            .query("practice_id", practice_id)
            .query("service_name", service_name);
        self.list(Door::Office, request).await
    }

    pub(crate) async fn payment_types(&self, practice_id: &str) -> Result<Vec<wire::PaymentType>, PmsError> {
        let request = Request::get("payment_types", "/payment_types").query("practice_id", practice_id);
        self.list(Door::Office, request).await
    }

    /// A patient's lines of the ledger from a day on.
    pub(crate) async fn transactions(
        &self,
        practice_id: &str,
        patient_id: &str,
        since: Date,
    ) -> Result<Vec<wire::Transaction>, PmsError> {
        let request = Request::get("transactions", "/transactions")
            .query("practice_id", practice_id)
            .query("patient_id", patient_id)
            .query("startdate", since.to_string());
        self.list(Door::Office, request.query("fields", "get_all")).await
    }

    pub(crate) async fn new_transaction(
        &self,
        body: &wire::NewTransaction<'_>,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        self.receipt(&post("post_transaction", "/transaction", body)?.leaving_by(send_by)).await
    }
}
