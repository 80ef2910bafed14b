//! The endpoints of one office that this adapter uses (contract sections 4 to 6).

use std::time::Instant;

use domain::Phone;
use jiff::ToSpan;
use jiff::civil::Date;
use pms::PmsError;
use vendor_http::Request;

use super::{Calls, Door, Pages, post};
use crate::wire;

/// One filter of `patients`: parameter and value.
pub(crate) type Filter = (&'static str, String);

/// The lists of an application with many practices are long, and all of them share what may be asked in its name: as
/// many rows as the vendor gives at once.
const ALL_AT_A_TIME: usize = 5_000;

/// Every way to ask for a number: it may sit in any field, and the vendor's filters look at one each.
pub(crate) fn phone_filters(phone: &Phone) -> Vec<Vec<Filter>> {
    let digits = phone.national_digits();
    ["cell", "homephone", "workphone", "search"]
        .into_iter()
        .map(|field| vec![(field, digits.expose().clone())])
        .collect()
}

/// The field that has no filter, as the vendor's expressions ask for it: whoever wrote the number ends it with its
/// last four digits, whatever stands between the others. What is found so is compared here.
pub(crate) fn other_phone_filters(phone: &Phone) -> Vec<Vec<Filter>> {
    let digits = phone.national_digits();
    let forms = match split(digits.expose()) {
        Some((area, exchange, line)) => vec![
            digits.expose().clone(),
            format!("{area}-{exchange}-{line}"),
            format!("({area}) {exchange}-{line}"),
            format!("({area}){exchange}{line}"),
            format!("{area}.{exchange}.{line}"),
            phone.e164.expose().clone(),
        ],
        None => vec![digits.expose().clone(), phone.e164.expose().clone()],
    };
    let any: Vec<String> = forms.iter().map(|form| format!("other_phone=like_{form}")).collect();
    vec![vec![("find", any.join("::OR::"))]]
}

/// The same number for a vendor that compares what was typed: `555-0100` inside a longer text, and its last four
/// digits, which nobody writes apart.
pub(crate) fn typed_filters(phone: &Phone) -> Vec<Vec<Filter>> {
    let digits = phone.national_digits();
    let Some((_, exchange, line)) = split(digits.expose()) else { return Vec::new() };
    vec![vec![("search", format!("{exchange}-{line}"))], vec![("search", line.to_owned())]]
}

/// The three parts of a number of ten digits or so: area, exchange, line.
fn split(digits: &str) -> Option<(&str, &str, &str)> {
    let (front, line) = digits.split_at_checked(digits.len().checked_sub(4)?)?;
    let (area, exchange) = front.split_at_checked(front.len().checked_sub(3)?)?;
    Some((area, exchange, line))
}

/// One practice's data, each list whole.
impl Calls {
    pub(crate) async fn patients(
        &self,
        practice_id: &str,
        filters: &[Filter],
    ) -> Result<Vec<wire::Patient>, PmsError> {
        let start = Request::get("patients", "/patients").query("practice_id", practice_id);
        let request = filters.iter().fold(start, |request, (name, value)| request.query(name, value));
        self.list(Door::Office, request.query("fields", "get_all")).await
    }

    pub(crate) async fn providers(&self, practice_id: &str) -> Result<Vec<wire::Provider>, PmsError> {
        let request = Request::get("providers", "/providers").query("practice_id", practice_id);
        self.list(Door::Office, request.query("fields", "get_all")).await
    }

    /// Of every location of the database: the list has no filter for one.
    pub(crate) async fn operatories(&self, cust_id: &str) -> Result<Vec<wire::Operatory>, PmsError> {
        let request = Request::get("operatories", "/operatories").query("cust_id", cust_id);
        self.list(Door::Office, request.query("is_hidden", "F")).await
    }

    /// Of every location of the office: the list has no filter for one.
    pub(crate) async fn schedule(&self) -> Result<Vec<wire::Schedule>, PmsError> {
        let request = Request::get("practice_schedule", "/practice_schedule");
        self.list(Door::Office, request.query("fields", "get_all")).await
    }

    /// The appointments of some days, of one location or of the whole office, and whether the vendor was still loading
    /// them.
    pub(crate) async fn appointments(
        &self,
        practice_id: Option<&str>,
        (first, last): (Date, Date),
        patient_id: Option<&str>,
    ) -> Result<(Vec<wire::Appointment>, bool), PmsError> {
        let mut request = Request::get("appointments", "/appointments")
            .query("startdate", first.to_string())
            // Whether the last day belongs to the range is not documented.
            .query("enddate", last.saturating_add(1.day()).to_string())
            .query("fields", "get_all");
        if let Some(practice_id) = practice_id {
            request = request.query("practice_id", practice_id);
        }
        if let Some(patient_id) = patient_id {
            request = request.query("patient_id", patient_id);
        }
        let mut pages = Pages::new(self, Door::Office, request);
        let mut rows = Vec::new();
        while let Some(mut page) = pages.next().await? {
            rows.append(&mut page);
        }
        Ok((rows, pages.loading))
    }

    pub(crate) async fn slots(
        &self,
        practice_id: &str,
        (first, last): (Date, Date),
    ) -> Result<Vec<wire::Slot>, PmsError> {
        let request = Request::get("appointments_available_slots", "/appointments_available_slots")
            .query("practice_id", practice_id)
            .query("startdate", first.to_string())
            .query("enddate", last.saturating_add(1.day()).to_string())
            .query("fields", "get_all");
        self.list(Door::Office, request).await
    }

    /// When the vendor copied each practice's system last, of all offices of the application.
    pub(crate) async fn copies(&self) -> Result<Vec<wire::AuthorizedPractice>, PmsError> {
        let request = Request::get("data_sync_status", "/data_sync_status");
        Pages::of(ALL_AT_A_TIME, self, Door::App, request).all().await
    }

    pub(crate) async fn writeback_status(&self, id: &str) -> Result<Vec<wire::WritebackStatus>, PmsError> {
        self.list(Door::Office, Request::get("writeback_status", "/writeback_status").query("id", id)).await
    }

    /// The application's writes of some days, at most seven, of all its offices, in an order that the vendor
    /// does not tell: the list has no keys to sort by (contract 6.2).
    pub(crate) fn writebacks(&self, (first, last): (Date, Date)) -> Pages<'_> {
        let request = Request::get("writebacks", "/writebacks")
            .query("startdate", first.to_string())
            .query("enddate", last.to_string());
        Pages::of(ALL_AT_A_TIME, self, Door::App, request)
    }

    pub(crate) async fn new_appointment(
        &self,
        body: &wire::NewAppointment<'_>,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        self.receipt(&post("post_appointment", "/appointment", body)?.leaving_by(send_by)).await
    }

    pub(crate) async fn new_patient(
        &self,
        body: &wire::NewPatient<'_>,
        send_by: Instant,
    ) -> Result<wire::Message, PmsError> {
        self.receipt(&post("post_patient", "/patient", body)?.leaving_by(send_by)).await
    }
}
