//! The quirks of contract 7.4 that touch this path and are not shown by an answer alone.

use pms::{PMSAdapter, PatientQuery};
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::desk::{Desk, booking, envelope, list, message};

fn somebody(id: usize) -> Value {
    json!({ "patient_id": id.to_string(), "lastname": "Marsh", "status": "Active" })
}

fn by_name() -> PatientQuery {
    PatientQuery { last_name: Some("Marsh".into()), ..PatientQuery::default() }
}

#[tokio::test]
async fn quirk_1_a_key_that_died_is_renewed_once_and_the_call_goes_on() {
    for code in ["API1025", "API1004"] {
        let desk = Desk::open().await;
        let with = |key: &str| Mock::given(path("/v4/patients")).and(header("request-key", key));
        with("key-0").respond_with(message(400, code, "why")).mount(&desk.server).await;
        with("key-1").respond_with(list(&json!([somebody(201)]))).mount(&desk.server).await;
        assert!(desk.office.patient("201").await.unwrap().is_some(), "{code}");
        assert_eq!(desk.keys.renewals(), 1);
    }
}

#[tokio::test]
async fn quirk_1_a_new_key_that_is_refused_too_ends_the_call() {
    let desk = Desk::open().await;
    desk.answer("POST", "appointment", message(400, "API1025", "why")).await;
    let error = desk.submit(&booking()).await.unwrap_err();
    assert_eq!(error.kind, pms::ErrorKind::KeyExpired);
    assert_eq!((desk.keys.renewals(), desk.asked("appointment").await.len()), (1, 2));
}

#[tokio::test]
async fn quirk_3_and_4_numbers_nulls_and_an_array_of_one_are_read() {
    let desk = Desk::open().await;
    let row = json!({ "patient_id": 201, "firstname": null, "lastname": "Marsh", "status": "ACTIVE" });
    let wrapped = ResponseTemplate::new(200).set_body_json(json!([envelope(&json!([row]), 0, 1)]));
    desk.answer("GET", "patients", wrapped).await;
    let found = desk.office.patient("201").await.unwrap().unwrap();
    assert!(found.active && found.name.first.expose().is_empty());
}

#[tokio::test]
async fn quirk_5_an_offset_counts_pages_and_every_page_is_read() {
    let desk = Desk::open().await;
    for page in 0..3 {
        let rows: Vec<Value> = (page * 500..(page * 500 + 500).min(1_234)).map(somebody).collect();
        let body = envelope(&json!(rows), page, 1_234);
        Mock::given(path("/v4/patients"))
            .and(query_param("offset", page.to_string()))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&desk.server)
            .await;
    }
    let last = desk.office.patient("1233").await.unwrap();
    assert_eq!(last.unwrap().vendor_id, "1233");
    assert_eq!(desk.asked("patients").await.len(), 3);
}

#[tokio::test]
async fn quirk_5_a_vendor_that_gives_its_first_page_for_ever_is_an_error() {
    let desk = Desk::open().await;
    let rows: Vec<Value> = (0..500).map(somebody).collect();
    let first = ResponseTemplate::new(200).set_body_json(envelope(&json!(rows), 0, 1_234));
    desk.answer("GET", "patients", first).await;
    let error = desk.office.search_patients(&by_name()).await.unwrap_err();
    assert_eq!(error.kind, pms::ErrorKind::Unreadable);
}

#[tokio::test]
async fn quirk_6_a_list_that_ends_before_its_own_count_is_an_error() {
    let desk = Desk::open().await;
    let page = |page: usize| {
        let rows = if page == 0 { json!([somebody(1)]) } else { json!([]) };
        let body = envelope(&rows, page, 2);
        Mock::given(path("/v4/patients"))
            .and(query_param("offset", page.to_string()))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
    };
    page(0).mount(&desk.server).await;
    page(1).mount(&desk.server).await;
    let error = desk.office.patient("1").await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("fewer rows than counted"));
}

#[tokio::test]
async fn quirk_9_a_row_of_another_practice_of_the_office_is_left_out() {
    let desk = Desk::open().await;
    let row =
        |id: &str, practice: &str| json!({ "patient_id": id, "practice_id": practice, "lastname": "Marsh" });
    let rows = json!([row("1", "1"), row("2", "7-1"), row("3", "2"), row("4", "7-2"), row("5", "")]);
    desk.answer("GET", "patients", list(&rows)).await;
    let mut found: Vec<String> = desk
        .office
        .search_patients(&by_name())
        .await
        .unwrap()
        .into_iter()
        .map(|patient| patient.vendor_id)
        .collect();
    found.sort();
    assert_eq!(found, ["1", "2", "5"]);
}

#[tokio::test]
async fn quirk_12_a_receipt_with_a_code_is_a_success_that_says_its_number() {
    let desk = Desk::open().await;
    desk.answer("POST", "appointment", message(201, "API2016", "Id:275495")).await;
    assert_eq!(desk.submit(&booking()).await.unwrap().0, "275495");
}
