//! Appointments that are there: read, moved, cancelled; and notes. What is sent, and where lost ones are.

use std::time::{Duration, Instant};

use domain::AppointmentState;
use jiff::{SignedDuration, Timestamp};
use pms::{
    Advice, Cancellation, ErrorKind, NewNote, PMSAdapter, PatientBookQuery, Receipt, Reschedule, Sighting,
    Write, WriteOrder, WriteOutcome,
};
use pms_sikka::{OfficeProfile, Words};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, ResponseTemplate};

use crate::desk::{Desk, list, message, nothing, profile, window};

fn order(write: Write) -> WriteOrder {
    WriteOrder { write, reference: "7KQ2M4XA".into(), first_sent_at: Timestamp::now() }
}

pub(crate) fn moving(others: &[&str]) -> WriteOrder {
    order(Write::RescheduleAppointment(Reschedule {
        appointment: "901".into(),
        patient: "201".into(),
        from: window("2026-06-01T14:30:00Z", "2026-06-01T15:20:00Z"),
        clinician: "DR1".into(),
        beside: Some("HY1".into()),
        chair: "OP1".into(),
        window: window("2026-06-03T14:30:00Z", "2026-06-03T15:20:00Z"),
        time_zone: "America/Chicago".into(),
        as_of: None,
        others: others.iter().map(|id| Receipt((*id).to_owned())).collect(),
    }))
}

pub(crate) fn cancelling(others: &[&str]) -> WriteOrder {
    order(Write::CancelAppointment(Cancellation {
        appointment: "901".into(),
        patient: "201".into(),
        from: window("2026-06-01T14:30:00Z", "2026-06-01T15:20:00Z"),
        as_of: None,
        others: others.iter().map(|id| Receipt((*id).to_owned())).collect(),
    }))
}

fn noting() -> WriteOrder {
    order(Write::AddNote(NewNote {
        patient: "201".into(),
        clinician: "DR1".into(),
        text: "Allergic to latex & pollen".into(),
        at: "2026-06-02T03:30:00Z".parse().unwrap(),
        time_zone: "America/Chicago".into(),
    }))
}

fn cancel_body(word: &str) -> Value {
    json!({ "op": "replace", "path": "/appointment_status", "value": word, "practice_id": "1",
        "appointment_sr_no": "901", "check_spu": "true" })
}

pub(crate) fn move_body() -> Value {
    json!({ "practice_id": "1", "provider_id": "DR1", "operatory": "OP1", "date": "2026-06-03",
        "time": "09:30", "length": "50", "check_spu": "true" })
}

/// A row of the bulk list, taken now.
pub(crate) fn row(id: &str, method: &str, body: &Value, result: &str) -> Value {
    json!({ "id": id, "office_id": "D10001", "method": method, "api_request_body": body.to_string(),
        "result": result, "command_time": Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string() })
}

async fn listing(rows: Value) -> Desk {
    let desk = Desk::open().await;
    desk.answer("GET", "writebacks", list(&rows)).await;
    desk.answer("GET", "medical_notes", nothing()).await;
    desk
}

fn accepted(id: &str) -> Sighting {
    Sighting::Accepted(Receipt(id.to_owned()))
}

/// The one appointment as the records show it.
fn shown(fields: &Value) -> Value {
    let mut row = json!({ "appointment_sr_no": "901", "patient_id": "201", "provider_id": "DR1",
        "operatory": "OP1", "date": "2026-06-01T00:00:00", "time": "09:30", "length": "50",
        "status": "Scheduled", "practice_id": "1" });
    row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    row
}

#[tokio::test]
async fn a_cancellation_travels_in_the_practices_own_word() {
    let desk = Desk::open().await;
    Mock::given(method("PATCH"))
        .and(path("/v4/appointments/901"))
        .and(body_json(cancel_body("Broken")))
        .respond_with(message(200, "API0007", "Id:4110"))
        .mount(&desk.server)
        .await;
    assert_eq!(desk.submit(&cancelling(&[])).await.unwrap(), Receipt("4110".into()));
}

#[tokio::test]
async fn a_move_travels_with_its_whole_place_and_nothing_else() {
    let desk = Desk::open().await;
    Mock::given(method("PUT"))
        .and(path("/v4/appointments/901"))
        .and(body_json(move_body()))
        .respond_with(message(200, "API0007", "Id:4111"))
        .mount(&desk.server)
        .await;
    assert_eq!(desk.submit(&moving(&[])).await.unwrap(), Receipt("4111".into()));
}

#[tokio::test]
async fn a_note_travels_with_its_reference_as_a_kind_the_practice_has() {
    let desk = Desk::open().await;
    Mock::given(method("POST"))
        .and(path("/v4/medical_notes"))
        .and(body_json(json!({
            "patient_id": "201", "provider_id": "DR1", "practice_id": "1", "type": "Patient Note",
            "date": "2026-06-01", "text": "Allergic to latex pollen ref 7KQ2M4XA", "check_spu": "true"
        })))
        .respond_with(message(201, "API2016", "Id:4112"))
        .mount(&desk.server)
        .await;
    assert_eq!(desk.submit(&noting()).await.unwrap(), Receipt("4112".into()));
}

#[tokio::test]
async fn quirk_24_a_status_that_was_not_logged_is_a_failure_though_http_says_200() {
    let desk = Desk::open().await;
    desk.answer("PATCH", "appointments/901", message(200, "API0008", "Status not logged")).await;
    let error = desk.submit(&cancelling(&[])).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::Invalid, Advice::Permanent));
}

#[tokio::test]
async fn quirk_13_a_practice_that_is_offline_takes_no_change() {
    let desk = Desk::open().await;
    for (verb, name) in
        [("PATCH", "appointments/901"), ("PUT", "appointments/901"), ("POST", "medical_notes")]
    {
        desk.answer(verb, name, message(412, "API2017", "The practice utility is offline")).await;
    }
    for order in [cancelling(&[]), moving(&[]), noting()] {
        let error = desk.submit(&order).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PracticeOffline);
        assert_ne!(error.advice, Advice::OutcomeUnknown);
    }
}

#[tokio::test]
async fn p3_a_change_that_met_a_breakdown_or_silence_may_have_been_taken() {
    let desk = Desk::impatient().await;
    desk.answer("PATCH", "appointments/901", ResponseTemplate::new(503)).await;
    desk.answer("PUT", "appointments/901", message(200, "API0007", "Id:1").set_delay(Duration::from_secs(5)))
        .await;
    for order in [cancelling(&[]), moving(&[])] {
        let error = desk.submit(&order).await.unwrap_err();
        assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    }
    assert_eq!(desk.asked("appointments/901").await.len(), 2, "each was sent once");
}

#[tokio::test]
async fn without_a_word_of_the_practices_own_nothing_is_guessed_and_nothing_sent() {
    let desk = Desk::with(OfficeProfile { words: Words::default(), ..profile() }).await;
    for order in [cancelling(&[]), noting()] {
        let error = desk.submit(&order).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (ErrorKind::Unsupported, Advice::Permanent));
    }
    assert!(desk.server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn staff_choose_words_from_the_practices_own_lists_only() {
    let mut profile = OfficeProfile {
        words: Words {
            may_cancel: true,
            statuses: vec!["Open".into(), "Cancelled".into()],
            may_note: true,
            notes: vec!["Chart".into()],
            ..Words::default()
        },
        ..profile()
    };
    profile.capabilities.operations.clear();
    assert!(profile.cancel_with("broken").is_err());
    assert!(profile.note_as("Clinical Note").is_err());
    assert!(profile.capabilities.operations.is_empty());
    profile.cancel_with("cancelled").unwrap();
    profile.note_as("chart").unwrap();
    assert_eq!(profile.words.cancelled.as_deref(), Some("Cancelled"));
    use pms::Operation::{AddNote, CancelAppointment};
    assert_eq!(profile.capabilities.operations, [CancelAppointment, AddNote].into());
}

#[tokio::test]
async fn p3_a_lost_cancellation_is_found_by_its_appointment_and_word_and_not_taken_for_an_older_one() {
    let desk = listing(json!([
        row("4120", "PATCH", &cancel_body("Confirmed"), "completed"),
        row("4121", "PATCH", &cancel_body("broken"), "completed"),
        row("4122", "PUT", &move_body(), "pending"),
    ]))
    .await;
    assert_eq!(desk.look_for(&cancelling(&[])).await.unwrap(), accepted("4121"));
    desk.answer("GET", "data_sync_status", nothing()).await;
    desk.answer("GET", "appointments", nothing()).await;
    assert_eq!(desk.look_for(&cancelling(&["4121"])).await.unwrap(), Sighting::Nowhere);
}

#[tokio::test]
async fn p3_a_lost_move_is_found_by_its_place_and_not_taken_for_an_older_one_or_a_booking() {
    let desk = listing(json!([
        row("4130", "POST", &move_body(), "completed"),
        row("4131", "PUT", &move_body(), "pending"),
        row(
            "4132",
            "PUT",
            &{
                let mut other = move_body();
                other["time"] = "10:30".into();
                other
            },
            "pending"
        ),
    ]))
    .await;
    assert_eq!(desk.look_for(&moving(&[])).await.unwrap(), accepted("4131"));
    desk.answer("GET", "data_sync_status", nothing()).await;
    desk.answer("GET", "appointments", nothing()).await;
    assert_eq!(desk.look_for(&moving(&["4131"])).await.unwrap(), Sighting::Nowhere);
}

#[tokio::test]
async fn p3_a_lost_note_is_found_by_its_reference_among_the_accepted_ones_or_in_the_record() {
    let body = json!({ "practice_id": "1", "patient_id": "201", "text": "Allergic ref 7KQ2M4XA" });
    let desk = listing(json!([row("4140", "POST", &body, "pending")])).await;
    assert_eq!(desk.look_for(&noting()).await.unwrap(), accepted("4140"));
    let desk = Desk::open().await;
    desk.answer("GET", "writebacks", nothing()).await;
    let notes = json!([{ "patient_id": "201", "note_id": "8001", "text": "Allergic ref 7KQ2M4XA" }]);
    desk.answer("GET", "medical_notes", list(&notes)).await;
    assert_eq!(desk.look_for(&noting()).await.unwrap(), Sighting::InRecords { created: "8001".into() });
}

#[tokio::test]
async fn p3_records_tell_of_a_lost_change_only_in_a_copy_made_after_it_was_sent() {
    let copied = |minutes: i64| {
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        let wall = at.in_tz("America/Chicago").unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        list(&json!([{ "office_id": "D10001", "practice_id": "1", "data_insert_date": wall }]))
    };
    let there = shown(&json!({ "date": "2026-06-03T00:00:00" }));
    let gone = shown(&json!({ "status": "broken" }));
    for (order, record) in [(moving(&[]), &there), (cancelling(&[]), &gone)] {
        for (minutes, found) in [(-10, false), (1, true)] {
            let desk = Desk::open().await;
            desk.answer("GET", "writebacks", nothing()).await;
            desk.answer("GET", "data_sync_status", copied(minutes)).await;
            desk.answer("GET", "appointments", list(&json!([record]))).await;
            let seen = desk.look_for(&order).await.unwrap();
            let expected =
                if found { Sighting::InRecords { created: "901".into() } } else { Sighting::Nowhere };
            assert_eq!(seen, expected, "a copy of {minutes} minutes from now");
        }
    }
}

#[tokio::test]
async fn p3_a_change_is_not_nowhere_while_an_unreadable_one_of_its_kind_may_be_it() {
    for (verb, order, doubtful) in [
        ("PATCH", cancelling(&[]), true),
        ("PUT", cancelling(&[]), false),
        ("PUT", moving(&[]), true),
        ("POST", moving(&[]), false),
    ] {
        let masked = json!([{ "id": "4150", "office_id": "D10001", "method": verb,
            "api_request_body": "*****", "command_time": "", "result": "pending" }]);
        let desk = listing(masked).await;
        desk.answer("GET", "data_sync_status", nothing()).await;
        desk.answer("GET", "appointments", nothing()).await;
        assert_eq!(desk.look_for(&order).await.is_err(), doubtful, "{verb}");
    }
}

#[tokio::test]
async fn p6_a_change_in_a_row_that_does_not_say_whose_it_is_is_not_taken_for_ours() {
    let mut rows = json!([
        row("4160", "PATCH", &cancel_body("Broken"), "completed"),
        row("4161", "PUT", &move_body(), "completed"),
    ]);
    for row in rows.as_array_mut().unwrap() {
        row.as_object_mut().unwrap().remove("office_id");
    }
    let desk = listing(rows).await;
    desk.answer("GET", "data_sync_status", nothing()).await;
    desk.answer("GET", "appointments", nothing()).await;
    for order in [cancelling(&[]), moving(&[])] {
        assert!(desk.look_for(&order).await.is_err(), "it may be ours, so it is not nowhere");
    }
}

#[tokio::test]
async fn quirk_14_without_writeback_status_a_change_counts_once_the_records_show_it() {
    let rows = json!([
        row("4170", "PATCH", &cancel_body("Broken"), "completed"),
        row("4171", "PUT", &move_body(), "completed"),
    ]);
    for (id, fields, shows) in [
        ("4170", json!({}), false),
        ("4170", json!({ "status": "broken" }), true),
        ("4171", json!({}), false),
        ("4171", json!({ "date": "2026-06-03T00:00:00" }), true),
        ("4171", json!({ "date": "2026-06-03T00:00:00", "status": "broken" }), false),
    ] {
        let desk = listing(rows.clone()).await;
        desk.answer("GET", "writeback_status", message(401, "API2004", "why")).await;
        desk.answer("GET", "appointments", list(&json!([shown(&fields)]))).await;
        let known = desk.office.outcomes(&[Receipt(id.into())]).await.unwrap();
        let done = WriteOutcome::Succeeded { created: Some("901".into()) };
        let expected = if shows { done } else { WriteOutcome::Unshown };
        assert_eq!(known[&Receipt(id.into())], expected, "{id} {fields}");
    }
}

#[tokio::test]
async fn a_patients_book_holds_each_of_their_appointments_once_and_nobody_elses() {
    let desk = Desk::open().await;
    for name in ["providers", "operatories", "practice_schedule", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    let rows = json!([
        shown(&json!({ "hygienist": "HY1" })),
        shown(&json!({ "appointment_sr_no": "902", "date": "2026-06-02T00:00:00", "status": "broken" })),
        shown(&json!({ "appointment_sr_no": "903", "date": "2026-06-02T00:00:00", "status": "on hold" })),
        shown(&json!({ "appointment_sr_no": "904", "patient_id": "202" })),
        shown(&json!({ "appointment_sr_no": "905", "date": "2027-06-02T00:00:00" })),
    ]);
    Mock::given(path("/v4/appointments"))
        .and(query_param("patient_id", "201"))
        .respond_with(list(&rows))
        .mount(&desk.server)
        .await;
    let covers = window("2026-05-30T05:00:00Z", "2026-06-30T05:00:00Z");
    let query = PatientBookQuery { patient: "201".into(), covers };
    let book = desk.office.patient_book(&query).await.unwrap();
    let held: Vec<(&str, AppointmentState)> =
        book.appointments.iter().map(|one| (one.vendor_id.as_str(), one.state)).collect();
    assert_eq!(
        held,
        [
            ("901", AppointmentState::Booked),
            ("902", AppointmentState::Cancelled),
            ("903", AppointmentState::Unknown)
        ]
    );
}

#[tokio::test]
async fn what_is_called_by_the_word_that_staff_chose_is_cancelled() {
    let words = Words { cancelled: Some("Off The Books".into()), ..Words::default() };
    let desk = Desk::with(OfficeProfile { words, ..profile() }).await;
    for name in ["providers", "operatories", "practice_schedule", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    desk.answer("GET", "appointments", list(&json!([shown(&json!({ "status": "off the books" }))]))).await;
    let covers = window("2026-05-30T05:00:00Z", "2026-06-05T05:00:00Z");
    let query = PatientBookQuery { patient: "201".into(), covers };
    let book = desk.office.patient_book(&query).await.unwrap();
    assert_eq!(book.appointments[0].state, AppointmentState::Cancelled);
    let book = desk.office.day_book(&pms::DayBookQuery { covers }).await.unwrap();
    assert_eq!(book.appointments[0].state, AppointmentState::Cancelled);
}

#[tokio::test]
async fn p3_a_change_whose_time_to_leave_is_over_is_not_sent() {
    let desk = Desk::open().await;
    for order in [cancelling(&[]), moving(&[]), noting()] {
        let late = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
        let error = desk.office.submit(&order, late).await.unwrap_err();
        assert_eq!(error.advice, Advice::Retry, "{error:?}");
    }
    assert!(desk.server.received_requests().await.unwrap().is_empty());
}
