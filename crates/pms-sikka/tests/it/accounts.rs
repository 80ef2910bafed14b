//! What is asked of the vendor for accounts, insurances, people and kinds of appointment.

use domain::{Currency, Phone};
use pms::{ErrorKind, Operation, PMSAdapter, PatientQuery};
use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::desk::{Desk, list, message, nothing, profile};

async fn open() -> Desk {
    let mut profile = profile();
    profile.capabilities.operations.extend([
        Operation::ListClinicians,
        Operation::ListAppointmentTypes,
        Operation::ReadBalance,
        Operation::ReadInsurance,
    ]);
    Desk::with(profile).await
}

fn account(patient: &str, practice: &str, amount: &str) -> Value {
    json!({
        "patient_id": patient, "practice_id": practice, "current_date": "2026-06-01T00:00:00",
        "patient_balance": amount, "patient_due": "40.7000", "insurance_due": "100.0000",
        "account_balance": "999.0000"
    })
}

#[tokio::test]
async fn quirk_3_an_account_is_the_patients_own_in_this_practice() {
    let desk = open().await;
    let rows =
        json!([account("202", "1", "1.00"), account("201", "2", "2.00"), account("201", "1", "140.7000")]);
    desk.answer("GET", "patient_balance", list(&rows)).await;
    let read = desk.office.balance("201").await.unwrap().unwrap();
    assert_eq!((read.total.expose().minor, read.total.expose().currency), (14_070, Currency::Usd));
    assert_eq!(read.from_insurance.map(|part| part.expose().minor), Some(10_000));
    let asked = &desk.asked("patient_balance").await[0];
    assert!(asked.contains("patient_id=201") && asked.contains("practice_id=1"), "{asked}");
    assert_eq!(desk.office.balance("203").await.unwrap(), None);
}

#[tokio::test]
async fn quirk_2_nothing_found_is_no_account_and_no_insurance() {
    let desk = open().await;
    desk.answer("GET", "patient_balance", nothing()).await;
    desk.answer("GET", "subscribers", nothing()).await;
    assert_eq!(desk.office.balance("201").await.unwrap(), None);
    assert!(desk.office.insurance("201").await.unwrap().is_empty());
    assert!(desk.asked("insurance_companies").await.is_empty());
}

#[tokio::test]
async fn an_amount_that_cannot_be_read_is_an_error_and_not_nothing_to_pay() {
    for amount in ["", "N/A", "12.345"] {
        let desk = open().await;
        desk.answer("GET", "patient_balance", list(&json!([account("201", "1", amount)]))).await;
        let error = desk.office.balance("201").await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unreadable, Some("patient_balance")));
    }
}

#[tokio::test]
async fn money_is_in_the_currency_of_the_practices_own_country() {
    let mut canadian = profile();
    canadian.capabilities.operations.insert(Operation::ReadBalance);
    canadian.currency = Some(Currency::Cad);
    let desk = Desk::with(canadian).await;
    desk.answer("GET", "patient_balance", list(&json!([account("201", "1", "1")]))).await;
    let read = desk.office.balance("201").await.unwrap().unwrap();
    assert_eq!(read.total.expose().currency, Currency::Cad);
}

#[tokio::test]
async fn quirk_7_an_insurance_has_the_name_that_stands_only_in_get_all() {
    let desk = open().await;
    let plan = |patient: &str, kind: &str, company: &str| {
        // The number of company 34 is another location's.
        let practice = if company == "34" { "2" } else { "1" };
        json!({ "patient_id": patient, "practice_id": practice, "type": kind, "insurance_company_id": company,
            "subscriber_id": "LM-1", "patient_relation": "Self" })
    };
    let rows = json!([
        plan("201", "Dental Secondary", "32"),
        plan("201", "Dental Primary", "31"),
        plan("202", "Dental Primary", "33"),
        plan("201", "Dental Primary", "34")
    ]);
    desk.answer("GET", "subscribers", list(&rows)).await;
    for (id, name) in [("31", "Larkmoor Mutual"), ("32", "Fernhill Benefit")] {
        let company = json!([{ "insurance_company_id": id, "insurance_company_name": name }]);
        Mock::given(path("/v4/insurance_companies"))
            .and(query_param("insurance_company_id", id))
            .and(query_param("fields", "get_all"))
            .respond_with(list(&company))
            .mount(&desk.server)
            .await;
    }
    let plans = desk.office.insurance("201").await.unwrap();
    let names: Vec<&str> =
        plans.iter().filter_map(|plan| plan.carrier.as_ref()).map(|name| name.expose().as_str()).collect();
    assert_eq!(names, ["Larkmoor Mutual", "Fernhill Benefit"], "whoever pays first comes first");
    assert_eq!(
        desk.asked("insurance_companies").await.len(),
        2,
        "another patient's company, or another location's, is not asked for"
    );
}

#[tokio::test]
async fn half_an_insurance_is_an_error() {
    let desk = open().await;
    let row = json!([{ "patient_id": "201", "insurance_company_id": "31", "type": "Dental Primary" }]);
    desk.answer("GET", "subscribers", list(&row)).await;
    desk.answer("GET", "insurance_companies", message(500, "API2001", "broken")).await;
    assert_eq!(desk.office.insurance("201").await.unwrap_err().kind, ErrorKind::VendorDown);
}

#[tokio::test]
async fn kinds_of_appointment_come_from_what_a_write_may_say_and_else_from_the_practices_words() {
    let words = json!([
        { "service_name": "Appointment Type", "value": "Recall", "description": "Recall" },
        { "service_name": "Appointment Status", "value": "broken", "description": "Broken" }
    ]);
    let detail = json!([{ "category": "appttype", "item": "4", "description": "New Patient" }]);
    for (details, named) in [
        (list(&detail), "New Patient"),
        (nothing(), "Recall"),
        (message(401, "API2004", "not in the plan"), "Recall"),
    ] {
        let desk = open().await;
        desk.answer("GET", "writeback_details", details).await;
        desk.answer("GET", "practice_variables", list(&words)).await;
        let types = desk.office.appointment_types().await.unwrap();
        assert_eq!(types.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [named]);
    }
    let desk = open().await;
    desk.answer("GET", "writeback_details", message(503, "API2002", "busy")).await;
    assert!(desk.office.appointment_types().await.is_err(), "an outage is not a list of nothing");
}

#[tokio::test]
async fn quirk_20_people_who_left_are_listed_and_cannot_be_booked() {
    let desk = open().await;
    let rows: Value = serde_json::from_str(include_str!("../answers/providers_rows.json")).unwrap();
    desk.answer("GET", "providers", list(&rows)).await;
    let people = desk.office.clinicians().await.unwrap();
    assert!(people.len() > people.iter().filter(|one| one.bookable).count());
    assert!(people.iter().any(|one| one.bookable));
}

fn by_phone(number: &str) -> PatientQuery {
    PatientQuery { phone: Some(Phone::read(number, "US").unwrap()), ..PatientQuery::default() }
}

#[tokio::test]
async fn a_number_in_the_field_without_a_filter_is_found_beside_those_in_the_others() {
    let desk = Desk::open().await;
    let row =
        |id: &str, field: &str| json!({ "patient_id": id, "status": "Active", field: "(555) 010-0042" });
    Mock::given(path("/v4/patients"))
        .and(query_param("cell", "5550100042"))
        .respond_with(list(&json!([row("1", "cell")])))
        .mount(&desk.server)
        .await;
    let expression = |request: &wiremock::Request| {
        request
            .url
            .query_pairs()
            .any(|(name, value)| name == "find" && value.contains("other_phone=like_(555) 010-0042"))
    };
    Mock::given(path("/v4/patients"))
        .and(expression)
        .respond_with(list(&json!([row("2", "other_phone")])))
        .mount(&desk.server)
        .await;
    desk.answer("GET", "patients", nothing()).await;
    let found = desk.office.search_patients(&by_phone("+15550100042")).await.unwrap();
    assert_eq!(found.iter().map(|one| one.vendor_id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

#[tokio::test]
async fn a_system_that_refuses_expressions_is_searched_without_them() {
    let desk = Desk::open().await;
    let refused = |request: &wiremock::Request| request.url.query_pairs().any(|(name, _)| name == "find");
    let refusal: ResponseTemplate = message(400, "API1026", "find");
    Mock::given(path("/v4/patients")).and(refused).respond_with(refusal).mount(&desk.server).await;
    let row = json!({ "patient_id": "1", "status": "Active", "cell": "555.010.0042" });
    Mock::given(path("/v4/patients"))
        .and(query_param("search", "0042"))
        .respond_with(list(&json!([row])))
        .mount(&desk.server)
        .await;
    desk.answer("GET", "patients", nothing()).await;
    let found = desk.office.search_patients(&by_phone("+15550100042")).await.unwrap();
    assert_eq!(found.len(), 1, "its last four digits find it, however it is written");
}
