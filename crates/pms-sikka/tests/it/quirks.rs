//! The quirks of contract 7.4 that touch this path and are not shown by an answer alone.

use pms::{DayBookQuery, Operation, PMSAdapter, PatientQuery};
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::desk::{Desk, booking, envelope, list, message, nothing, profile, window};

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
async fn p3_quirk_1_a_write_that_may_have_been_taken_is_not_sent_again_with_a_new_key() {
    for status in [302, 408, 500, 503] {
        for code in ["API1025", "API1004"] {
            let desk = Desk::open().await;
            desk.answer("POST", "appointment", message(status, code, "why")).await;
            let error = desk.submit(&booking()).await.unwrap_err();
            assert_eq!(error.advice, pms::Advice::OutcomeUnknown, "{status} {code}");
            assert_eq!(
                (desk.keys.renewals(), desk.asked("appointment").await.len()),
                (0, 1),
                "{status} {code}"
            );
        }
    }
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

/// Rows that say whose they are, in every way, and one that does not.
fn of_every_practice(row: impl Fn(&str) -> Value) -> Value {
    let rows =
        [("own", "1"), ("qualified", "7-1"), ("other", "2"), ("other_qualified", "7-2"), ("nobody", "")];
    let with = |(id, practice): (&str, &str)| {
        let mut row = row(id);
        row["practice_id"] = practice.into();
        row
    };
    Value::Array(rows.map(with).to_vec())
}

#[tokio::test]
async fn p4_quirk_9_people_chairs_and_hours_of_another_location_are_left_out() {
    let mut listing = profile();
    listing.capabilities.operations.insert(Operation::ListClinicians);
    let desk = Desk::with(listing).await;
    let provider = |id: &str| {
        json!({ "provider_id": id, "firstname": "Ann", "lastname": id, "provider_type": "Provider",
            "status": "Active" })
    };
    desk.answer("GET", "providers", list(&of_every_practice(provider))).await;
    desk.answer("GET", "operatories", list(&of_every_practice(|id| json!({ "operatory": id })))).await;
    let week = |kind: &str, id: &str, hour: &str| {
        json!({ "resource_type": kind, "resource_id": id, "date": "2026-06-01",
            "monday_start_1": hour, "monday_end_1": "12:00" })
    };
    // A chair of the same name stands in both; the last row of the practices names the other one only by its id.
    let mut rows =
        of_every_practice(|id| week("operatory", "own", if id == "own" { "09:00" } else { "07:00" }));
    let practices = [("1", "1", "08:00"), ("2", "2", "06:00"), ("", "2", "05:00"), ("", "7-2", "05:00")];
    for (practice, id, hour) in practices {
        let mut row = week("practice", id, hour);
        row["practice_id"] = practice.into();
        rows.as_array_mut().unwrap().push(row);
    }
    rows.as_array_mut().unwrap().retain(|row| {
        row["practice_id"] != "7-1" && { row["resource_type"] == "practice" || row["practice_id"] != "" }
    });
    desk.answer("GET", "practice_schedule", list(&rows)).await;
    for name in ["appointments", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    let covers = window("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z");
    let book = desk.office.day_book(&DayBookQuery { covers }).await.unwrap();
    let people: Vec<&str> = book.clinicians.iter().map(|one| one.vendor_id.as_str()).collect();
    assert_eq!(people, ["own", "qualified", "nobody"]);
    let chairs: Vec<&str> = book.chairs.iter().map(|one| one.vendor_id.as_str()).collect();
    assert_eq!(chairs, ["own", "qualified", "nobody"]);
    let mut opens: Vec<String> = book.hours.iter().map(|one| one.window.start.to_string()).collect();
    opens.sort();
    assert_eq!(opens, ["2026-06-01T13:00:00Z", "2026-06-01T14:00:00Z"]);
    assert_eq!(desk.office.clinicians().await.unwrap().len(), 3);
}

#[tokio::test]
async fn quirk_9_the_age_of_the_copy_is_read_from_our_own_row_however_it_names_the_practice() {
    let age = |practice: &str, day: &str| json!({ "office_id": "D10001", "practice_id": practice, "data_insert_date": day });
    for rows in [
        json!([age("7-2", "2021-01-01T06:00:00"), age("7-1", "2020-06-01T06:45:00")]),
        json!([age("", "2021-01-01T06:00:00"), age("1", "2020-06-01T06:45:00")]),
    ] {
        let desk = Desk::open().await;
        for name in ["appointments", "providers", "operatories", "practice_schedule"] {
            desk.answer("GET", name, nothing()).await;
        }
        desk.answer("GET", "data_sync_status", list(&rows)).await;
        let covers = window("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z");
        let book = desk.office.day_book(&DayBookQuery { covers }).await.unwrap();
        assert_eq!(book.freshness.copied_at, Some("2020-06-01T11:45:00Z".parse().unwrap()));
    }
}

#[tokio::test]
async fn quirk_12_a_receipt_with_a_code_is_a_success_that_says_its_number() {
    let desk = Desk::open().await;
    desk.answer("POST", "appointment", message(201, "API2016", "Id:275495")).await;
    assert_eq!(desk.submit(&booking()).await.unwrap().0, "275495");
}
