//! Locations of one office: what of another is seen at this one.

use domain::{AppointmentState, Phone};
use jiff::Timestamp;
use pms::{DayBookQuery, PMSAdapter, PatientBookQuery, PatientQuery, Sighting, WriteOrder};
use serde_json::{Value, json};

use crate::changes::{cancelling, move_body, moving, row};
use crate::desk::{Desk, booking, list, newcomer, nothing, profile, window};

fn appointment(id: &str, practice: &str, database: &str, who: &str, time: &str) -> Value {
    json!({ "appointment_sr_no": id, "patient_id": "201", "practice_id": practice, "cust_id": database,
        "provider_id": who, "operatory": "OP1", "date": "2026-06-01T00:00:00", "time": time, "length": "30",
        "status": "scheduled", "description": "ref 7KQ2M4XA" })
}

#[tokio::test]
async fn p4_whoever_works_at_another_location_of_the_database_is_not_free_here_and_its_chair_is_none_of_ours()
{
    let desk = Desk::open().await;
    let rows = json!([
        appointment("1", "1", "7", "DR1", "09:00"),
        appointment("2", "2", "7", "DR1", "10:00"),
        appointment("3", "7-2", "", "DR1", "11:00"),
        appointment("4", "2", "8", "DR1", "12:00"),
        appointment("5", "2", "7", "", "13:00"),
    ]);
    desk.answer("GET", "appointments", list(&rows)).await;
    for name in ["providers", "practice_schedule", "operatories", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    let covers = window("2026-06-01T05:00:00Z", "2026-06-02T05:00:00Z");
    let book = desk.office.day_book(&DayBookQuery { covers }).await.unwrap();
    let seen: Vec<_> = book
        .appointments
        .iter()
        .map(|one| (one.vendor_id.as_str(), one.clinician.as_deref(), one.chair.as_deref(), one.state))
        .collect();
    let booked = AppointmentState::Booked;
    assert_eq!(
        seen,
        [
            ("1", Some("DR1"), Some("OP1"), booked),
            ("2", Some("DR1"), None, booked),
            ("3", Some("DR1"), None, booked),
        ],
        "another database's DR1 is somebody else, and whom nobody sees takes nobody's time here"
    );
    assert!(!desk.asked("appointments").await[0].contains("practice_id"));
}

#[tokio::test]
async fn what_a_vendor_lists_of_another_location_is_not_ours_whatever_was_asked_for() {
    let desk = Desk::open().await;
    let rows = json!([
        appointment("1", "1", "7", "DR1", "09:00"),
        appointment("2", "2", "7", "DR1", "10:00"),
        appointment("3", "7-1", "7", "DR1", "11:00"),
    ]);
    desk.answer("GET", "appointments", list(&rows)).await;
    for name in ["providers", "practice_schedule", "operatories", "data_sync_status"] {
        desk.answer("GET", name, nothing()).await;
    }
    let covers = window("2026-05-01T05:00:00Z", "2026-07-02T05:00:00Z");
    let book = desk.office.patient_book(&PatientBookQuery { patient: "201".into(), covers }).await.unwrap();
    let ids: Vec<&str> = book.appointments.iter().map(|one| one.vendor_id.as_str()).collect();
    assert_eq!(ids, ["1", "3"]);
    assert!(desk.asked("appointments").await[0].contains("practice_id=1"));
}

#[tokio::test]
async fn p5_a_lost_write_is_not_found_in_another_locations_records() {
    let copied = Timestamp::now() + jiff::SignedDuration::from_mins(1);
    let wall = copied.in_tz("America/Chicago").unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    for practice in ["1", "2"] {
        let mut there = appointment("901", practice, "7", "DR1", "09:30");
        there["date"] = "2026-06-03T00:00:00".into();
        let mut gone = there.clone();
        gone["status"] = "broken".into();
        let found =
            if practice == "1" { Sighting::InRecords { created: "901".into() } } else { Sighting::Nowhere };
        for (order, row) in [(booking(), &there), (moving(&[]), &there), (cancelling(&[]), &gone)] {
            let desk = Desk::open().await;
            desk.answer("GET", "writebacks", nothing()).await;
            let age = json!([{ "office_id": "D10001", "practice_id": "1", "data_insert_date": wall }]);
            desk.answer("GET", "data_sync_status", list(&age)).await;
            desk.answer("GET", "appointments", list(&json!([row]))).await;
            assert_eq!(
                desk.look_for(&order).await.unwrap(),
                found,
                "{practice}: {:?}",
                order.write.operation()
            );
        }
    }
}

fn lost_newcomer() -> (WriteOrder, Value) {
    let body = json!({ "firstname": "Elena", "lastname": "Okafor", "practice_id": "1", "birthdate": "1990-02-03",
        "cell": "5550100020", "provider_id": "DR1" });
    (newcomer(), body)
}

#[tokio::test]
async fn p3_p5_what_another_location_of_the_office_sent_is_not_taken_for_a_lost_write_of_ours() {
    let cancel = json!({ "op": "replace", "path": "/appointment_status", "value": "Broken", "practice_id": "1",
        "appointment_sr_no": "901" });
    for (verb, (order, body)) in
        [("PUT", (moving(&[]), move_body())), ("PATCH", (cancelling(&[]), cancel)), ("POST", lost_newcomer())]
    {
        for (practice, ours) in [("1", true), ("7-1", true), ("2", false), ("7-2", false)] {
            let mut sent = body.clone();
            sent["practice_id"] = practice.into();
            let desk = Desk::open().await;
            desk.answer("GET", "writebacks", list(&json!([row("4131", verb, &sent, "pending")]))).await;
            for name in ["data_sync_status", "appointments", "patients"] {
                desk.answer("GET", name, nothing()).await;
            }
            let expected =
                if ours { Sighting::Accepted(pms::Receipt("4131".into())) } else { Sighting::Nowhere };
            assert_eq!(desk.look_for(&order).await.unwrap(), expected, "{verb} at {practice}");
        }
    }
}

#[tokio::test]
async fn a_patient_is_found_by_a_number_that_is_written_with_an_extension() {
    for written in ["555.010.0105 ext 4", "(555) 010-0105 x204", "5550100105-204", "555-010-0105 #3"] {
        let desk = Desk::with(profile()).await;
        let row =
            json!([{ "patient_id": "205", "lastname": "Marsh", "status": "Active", "workphone": written }]);
        desk.answer("GET", "patients", list(&row)).await;
        let phone = Some(Phone::read("+15550100105", "US").unwrap());
        let found =
            desk.office.search_patients(&PatientQuery { phone, ..PatientQuery::default() }).await.unwrap();
        assert_eq!(found.len(), 1, "{written}");
        assert_eq!(found[0].phones[0].as_received.expose(), written);
    }
}
