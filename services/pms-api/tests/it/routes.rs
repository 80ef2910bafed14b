use serde_json::json;
use testbed::{Plan, Stack};

use crate::rest::{ask, book, ended, free_times, wish};

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_is_found_read_and_booked() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let found = ask(&stack, "GET", "/api/pms/patients/search?phone=%2B15550100010", None).await;
    assert_eq!(found.status, 200, "{found:?}");
    let (found, patient) = (found.json(), found.json()["patientId"].clone());
    assert_eq!(found["status"], "found", "{found}");
    assert_eq!(patient, "101");
    let read = ask(&stack, "GET", "/api/pms/patients/101", None).await.json();
    assert_eq!((read["firstName"].as_str(), read["lastName"].as_str()), (Some("Maria"), Some("Lopez")));
    let slot = &free_times(&stack).await[0];
    let booked = book(&stack, "book-1", &wish("101", slot)).await;
    let told = booked.json();
    match booked.status {
        200 => assert_eq!(told["status"], "confirmed", "{told}"),
        202 => assert_eq!(told["status"], "accepted", "{told}"),
        other => panic!("a booking was answered {other}: {told}"),
    }
    assert!(told["writebackId"].as_str().unwrap().starts_with("wb_"), "{told}");
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let records = stack.sandbox.booked(&stack.clinics[0].office).await.unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["patient_id"], 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_patient_and_their_first_appointment_are_a_chain() {
    // The practice's system is slow: the appointment is asked for while the patient is on the way.
    let plan = Plan { writes_ms: (3_000, 3_500), ..Plan::default() };
    let stack = Stack::start(plan.set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let who = json!({ "firstName": "Juniper", "lastName": "Ashgrove", "dateOfBirth": "1990-05-17", "phone": "+15550100077" });
    let made = ask(&stack, "POST", "/api/pms/patients", Some(&who)).await;
    assert_eq!(made.status, 202, "{made:?}");
    let patient = made.json()["patientId"].as_str().unwrap().to_owned();
    assert!(patient.starts_with("wb_"), "{made:?}");
    let slot = &free_times(&stack).await[0];
    let booked = book(&stack, "book-1", &wish(&patient, slot)).await;
    assert_eq!(booked.status, 202, "{booked:?}");
    assert_eq!(ended(&stack, 2).await, ["succeeded", "succeeded"]);
    let office = &stack.clinics[0].office;
    let created = stack.sandbox.writes(office).await.unwrap()[0]["patient_id"].clone();
    let records = stack.sandbox.booked(office).await.unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["patient_id"], created);
    let again = ask(&stack, "POST", "/api/pms/patients", Some(&who)).await;
    assert_eq!(again.json()["patientId"], created.to_string(), "{again:?}");
    assert_eq!(stack.sandbox.writes(office).await.unwrap().len(), 2);
}
