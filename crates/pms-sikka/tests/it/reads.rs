//! What is asked of the vendor for a search and for a day book.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::Phone;
use jiff::Timestamp;
use pms::{DayBookQuery, ErrorKind, Operation, PMSAdapter, PatientBookQuery, PatientQuery};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, Request, ResponseTemplate};

use crate::desk::{Desk, list, message, nothing, profile, window};

fn rows(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn patients() -> Value {
    rows(include_str!("../answers/patients_rows.json"))
}

async fn office_with_a_week() -> Desk {
    let desk = Desk::open().await;
    for (name, answer) in [
        ("appointments", include_str!("../answers/appointments_rows.json")),
        ("providers", include_str!("../answers/providers_rows.json")),
        ("practice_schedule", include_str!("../answers/practice_schedule_rows.json")),
    ] {
        desk.answer("GET", name, list(&rows(answer))).await;
    }
    let chairs = json!([{ "operatory": "OP1", "abbreviation": "One", "is_hidden": "F", "provider_id": "" }]);
    desk.answer("GET", "operatories", list(&chairs)).await;
    let copied =
        json!([{ "office_id": "D10001", "practice_id": "1", "data_insert_date": "2026-06-01T06:45:00" }]);
    desk.answer("GET", "data_sync_status", list(&copied)).await;
    desk
}

fn monday() -> DayBookQuery {
    DayBookQuery { covers: window("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z") }
}

#[tokio::test]
async fn a_number_is_looked_for_in_every_field_and_compared_here() {
    let desk = Desk::open().await;
    // Only the home number's filter finds her, and the search brings somebody else.
    Mock::given(path("/v4/patients"))
        .and(query_param("homephone", "5550100021"))
        .respond_with(list(&json!([patients()[0]])))
        .mount(&desk.server)
        .await;
    Mock::given(path("/v4/patients"))
        .and(query_param("search", "5550100021"))
        .respond_with(list(&json!([patients()[3]])))
        .mount(&desk.server)
        .await;
    desk.answer("GET", "patients", nothing()).await;
    let query =
        PatientQuery { phone: Some(Phone::read("+15550100021", "US").unwrap()), ..PatientQuery::default() };
    let found = desk.office.search_patients(&query).await.unwrap();
    assert_eq!(found.iter().map(|one| one.vendor_id.as_str()).collect::<Vec<_>>(), ["201"]);
    let asked = desk.asked("patients").await;
    for field in ["cell=", "homephone=", "workphone=", "search="] {
        assert!(asked.iter().any(|query| query.contains(field)), "{field}");
    }
    assert!(asked.iter().all(|query| query.contains("fields=get_all") && query.contains("practice_id=1")));
}

#[tokio::test]
async fn a_number_nobody_has_as_digits_is_looked_for_as_it_is_typed() {
    let desk = Desk::open().await;
    Mock::given(path("/v4/patients"))
        .and(query_param("search", "010-0020"))
        .respond_with(list(&json!([patients()[0]])))
        .mount(&desk.server)
        .await;
    desk.answer("GET", "patients", nothing()).await;
    let query =
        PatientQuery { phone: Some(Phone::read("+15550100020", "US").unwrap()), ..PatientQuery::default() };
    assert_eq!(desk.office.search_patients(&query).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_family_on_one_number_is_found_whole_however_each_of_them_has_it_written() {
    let desk = Desk::open().await;
    let row = |id: &str, cell: &str| json!({ "patient_id": id, "status": "Active", "cell": cell });
    // A vendor that compares what was typed: the mother's number is found as digits, her sons' are not.
    for (filter, value, answer) in [
        ("cell", "5550100020", json!([row("201", "5550100020")])),
        ("search", "010-0020", json!([row("202", "(555) 010-0020")])),
        ("search", "0020", json!([row("202", "(555) 010-0020"), row("203", "555.010.0020")])),
    ] {
        Mock::given(path("/v4/patients"))
            .and(query_param(filter, value))
            .respond_with(list(&answer))
            .mount(&desk.server)
            .await;
    }
    desk.answer("GET", "patients", nothing()).await;
    let query =
        PatientQuery { phone: Some(Phone::read("+15550100020", "US").unwrap()), ..PatientQuery::default() };
    let found = desk.office.search_patients(&query).await.unwrap();
    assert_eq!(found.iter().map(|one| one.vendor_id.as_str()).collect::<Vec<_>>(), ["201", "202", "203"]);
    // What a search costs its practice's budget.
    assert_eq!(desk.asked("patients").await.len(), 7);
}

#[tokio::test]
async fn active_patients_come_first_and_nobody_twice() {
    let desk = Desk::open().await;
    let row = |id: &str, status: &str| json!({ "patient_id": id, "lastname": "Marsh", "status": status });
    let rows = json!([row("1", "Inactive"), row("2", "Active"), row("2", "Active"), row("3", "Deceased")]);
    desk.answer("GET", "patients", list(&rows)).await;
    let query = PatientQuery { last_name: Some("marsh".into()), ..PatientQuery::default() };
    let found = desk.office.search_patients(&query).await.unwrap();
    assert_eq!(found.iter().map(|one| one.vendor_id.as_str()).collect::<Vec<_>>(), ["2", "1", "3"]);
}

#[tokio::test]
async fn a_search_for_nobody_in_particular_is_refused_without_a_call() {
    let desk = Desk::open().await;
    let error = desk.office.search_patients(&PatientQuery::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(desk.asked("patients").await.is_empty());
}

#[tokio::test]
async fn quirk_7_and_8_a_day_book_asks_for_every_field_and_for_the_chairs_of_the_database() {
    let desk = office_with_a_week().await;
    let book = desk.office.day_book(&monday()).await.unwrap();
    assert_eq!(book.time_zone, "America/Chicago");
    assert_eq!(book.appointments.len(), 5, "one of four has a hygienist beside its provider");
    assert!(book.appointments.iter().any(|taken| taken.chair.as_deref() == Some("OP1")));
    let bookable: Vec<&str> =
        book.clinicians.iter().filter(|one| one.bookable).map(|one| one.vendor_id.as_str()).collect();
    assert_eq!(bookable, ["DR1"], "HY1 is off all week");
    assert!(book.feed.is_none());
    let appointments = &desk.asked("appointments").await[0];
    assert!(appointments.contains("fields=get_all") && appointments.contains("startdate=2026-06-01"));
    let chairs = &desk.asked("operatories").await[0];
    assert!(chairs.contains("cust_id=7") && chairs.contains("is_hidden=F"), "{chairs}");
}

#[tokio::test]
async fn who_works_when_is_remembered_for_a_while_and_appointments_never() {
    let desk = office_with_a_week().await;
    let query = monday();
    let (first, second) = tokio::join!(desk.office.day_book(&query), desk.office.day_book(&query));
    assert!(first.is_ok() && second.is_ok());
    desk.office.day_book(&query).await.unwrap();
    assert_eq!(desk.asked("appointments").await.len(), 3);
    for name in ["providers", "operatories", "practice_schedule", "data_sync_status"] {
        assert_eq!(desk.asked(name).await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn quirk_22_a_day_book_says_when_the_vendor_copied_and_not_while_it_is_copying() {
    let desk = office_with_a_week().await;
    let before = Timestamp::now();
    let book = desk.office.day_book(&monday()).await.unwrap();
    // The copy of this test is of a day that may lie ahead; only then is it worthless.
    let copied: Timestamp = "2026-06-01T11:45:00Z".parse().unwrap();
    assert_eq!(book.freshness.copied_at, Some(copied).filter(|copied| *copied <= before));
    assert!(book.freshness.read_at >= before);

    let copying = Desk::open().await;
    for name in ["providers", "operatories", "practice_schedule"] {
        copying.answer("GET", name, nothing()).await;
    }
    let old =
        json!([{ "office_id": "D10001", "practice_id": "1", "data_insert_date": "2020-06-01T06:45:00" }]);
    copying.answer("GET", "data_sync_status", list(&old)).await;
    let loading = nothing().insert_header("data-insert", "in progress");
    copying.answer("GET", "appointments", loading).await;
    assert_eq!(copying.office.day_book(&monday()).await.unwrap().freshness.copied_at, None);
}

#[tokio::test]
async fn p6_the_age_of_another_offices_copy_counts_for_nobody_else_and_all_are_asked_for_once() {
    let desk = Desk::open().await;
    for name in ["appointments", "providers", "operatories", "practice_schedule"] {
        desk.answer("GET", name, nothing()).await;
    }
    let age =
        |office: &str, day: &str| json!({ "office_id": office, "practice_id": "1", "data_insert_date": day });
    let rows = json!([age("D10002", "2021-06-01T06:45:00"), age("D10001", "2020-06-01T06:45:00")]);
    desk.answer("GET", "data_sync_status", list(&rows)).await;
    let book = desk.office.day_book(&monday()).await.unwrap();
    assert_eq!(book.freshness.copied_at, Some("2020-06-01T11:45:00Z".parse().unwrap()));
    let other = desk.office_of("D10003").day_book(&monday()).await.unwrap();
    assert_eq!(other.freshness.copied_at, None);
    assert_eq!(desk.asked("data_sync_status").await, ["limit=5000&offset=0"]);
}

#[tokio::test]
async fn quirk_22_while_the_vendor_copies_the_age_is_that_of_the_last_whole_copy() {
    let desk = Desk::open().await;
    for name in ["providers", "operatories", "practice_schedule"] {
        desk.answer("GET", name, nothing()).await;
    }
    let old =
        json!([{ "office_id": "D10001", "practice_id": "1", "data_insert_date": "2020-06-01T06:45:00" }]);
    desk.answer("GET", "data_sync_status", list(&old)).await;
    Mock::given(path("/v4/appointments")).respond_with(nothing()).up_to_n_times(1).mount(&desk.server).await;
    desk.answer("GET", "appointments", nothing().insert_header("data-insert", "in progress")).await;
    let known: Timestamp = "2020-06-01T11:45:00Z".parse().unwrap();
    for _ in 0..2 {
        assert_eq!(desk.office.day_book(&monday()).await.unwrap().freshness.copied_at, Some(known));
    }
}

#[tokio::test]
async fn a_book_without_one_of_its_parts_is_an_error_and_one_without_its_age_is_not() {
    for (missing, is_error) in [
        ("appointments", true),
        ("providers", true),
        ("practice_schedule", true),
        ("data_sync_status", false),
    ] {
        let desk = Desk::open().await;
        for name in ["appointments", "providers", "operatories", "practice_schedule", "data_sync_status"] {
            let template = if name == missing { message(401, "API2004", "why") } else { nothing() };
            desk.answer("GET", name, template).await;
        }
        assert_eq!(desk.office.day_book(&monday()).await.is_err(), is_error, "{missing}");
    }
}

#[tokio::test]
async fn quirk_19_the_slots_feed_is_asked_only_where_it_is_declared() {
    let mut with_feed = profile();
    with_feed.capabilities.operations.insert(Operation::SlotFeed);
    let desk = Desk::with(with_feed).await;
    for name in ["appointments", "providers", "operatories", "practice_schedule", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    let slot = json!({ "provider_id": "DR1", "operatory": "OP1", "date": "2026-06-01T00:00:00", "time": "09:00",
        "end_time": "09:30" });
    desk.answer("GET", "appointments_available_slots", list(&json!([slot]))).await;
    let feed = desk.office.day_book(&monday()).await.unwrap().feed.unwrap();
    assert_eq!(feed.len(), 1);
    assert_eq!(feed[0].0, window("2026-06-01T14:00:00Z", "2026-06-01T14:30:00Z"));
}

#[tokio::test]
async fn an_appointment_that_cannot_be_placed_spoils_the_book_instead_of_freeing_its_time() {
    let desk = Desk::open().await;
    for name in ["providers", "operatories", "practice_schedule", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    let row = json!({ "appointment_sr_no": "9", "date": "soon", "time": "09:00", "length": "30" });
    desk.answer("GET", "appointments", list(&json!([row]))).await;
    let error = desk.office.day_book(&monday()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreadable);
}

/// How long each answer of a slow vendor takes.
const SLOW: Duration = Duration::from_millis(300);

/// Answers every read slowly and with nothing. When each list was asked for first is told.
async fn slow_vendor(desk: &Desk) -> Arc<Mutex<BTreeMap<String, Instant>>> {
    let asked: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let notes = Arc::clone(&asked);
    let answer = move |request: &Request| {
        notes.lock().unwrap().entry(request.url.path().to_owned()).or_insert_with(Instant::now);
        ResponseTemplate::new(204).set_delay(SLOW)
    };
    Mock::given(method("GET")).respond_with(answer).mount(&desk.server).await;
    asked
}

#[tokio::test]
async fn the_parts_of_a_day_book_are_fetched_side_by_side_once_the_age_of_the_copy_is_known() {
    let desk = Desk::open().await;
    let asked = slow_vendor(&desk).await;
    let query = monday();
    let (book, spent) = vendor_http::timed(desk.office.day_book(&query)).await;
    assert!(book.is_ok());
    assert_eq!(asked.lock().unwrap().len(), 5);
    assert!(spent < SLOW * 3, "the age is waited for, then the slowest of the others: {spent:?}");
}

#[tokio::test]
async fn p4_rows_are_asked_for_after_the_age_of_the_copy_is_known_so_that_none_is_older_than_is_said() {
    for what in ["day", "patient", "account"] {
        let mut profile = profile();
        profile.capabilities.operations.insert(Operation::ReadBalance);
        let desk = Desk::with(profile).await;
        let asked = slow_vendor(&desk).await;
        let rows = match what {
            "day" => {
                desk.office.day_book(&monday()).await.unwrap();
                "/v4/appointments"
            }
            "patient" => {
                let query = PatientBookQuery { patient: "201".into(), covers: monday().covers };
                desk.office.patient_book(&query).await.unwrap();
                "/v4/appointments"
            }
            _ => {
                desk.office.balance("201").await.unwrap();
                "/v4/patient_balance"
            }
        };
        let asked = asked.lock().unwrap().clone();
        let waited = asked[rows].duration_since(asked["/v4/data_sync_status"]);
        assert!(waited > SLOW / 2, "{what}: {waited:?} after the age was asked for");
    }
}
