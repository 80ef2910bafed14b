//! `sikka-worker` is killed while it moves or cancels an appointment, and that is done once in the end.

use serde_json::{Value, json};
use testbed::{Clinic, Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, ended, free_times, use_tool, writebacks};

/// Maria's date of birth, which every caller about her must give.
const BORN: &str = "1988-03-14";

/// A stack with one booking of Maria's done, and that appointment's id and another free time.
async fn booked() -> (Stack, Clinic, String, Value) {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let clinic = stack.clinics[0].clone();
    let mut times = free_times(&stack, &clinic, "call-1").await;
    let (first, last) = (times.remove(0), times.pop().unwrap());
    book(&stack, &clinic, ("call-1", "book-1"), MARIA, &first).await;
    assert_eq!(ended(&stack).await, ["succeeded"]);
    let own = json!({ "patientId": MARIA, "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": BORN });
    let told = use_tool(&stack, &clinic, ("call-2", "own-1"), "getAppointments", &own).await;
    let mine = told["appointments"].as_array().unwrap().iter().find(|one| one["start"] == first["start"]);
    let id = mine.unwrap_or_else(|| panic!("{told}"))["appointmentId"].as_str().unwrap().to_owned();
    (stack, clinic, id, last)
}

/// The worker dies right after the vendor took the change, and another finishes it.
async fn a_crash_after_the_send(tool: &str) {
    let (mut stack, clinic, id, slot) = booked().await;
    stack.workers[0].process.kill9();
    stack.workers[0] = stack.member("sikka-worker", Some("after_send=pause")).unwrap();
    stack.ready().await.unwrap();
    let wish = json!({ "patientId": MARIA, "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": BORN, "appointmentId": id, "slotId": slot["slotId"] });
    let told = use_tool(&stack, &clinic, ("call-3", "change-1"), tool, &wish).await;
    assert_ne!(told["status"], "confirmed", "{told}");
    until(SOON, "the vendor to take it", || async {
        let taken = stack.sandbox.writes(&clinic.office).await.unwrap().len();
        (taken == 2 && writebacks(&stack).await[1][1] == "sending").then_some(())
    })
    .await;
    stack.workers[0].process.kill9();
    stack.workers[0] = stack.member("sikka-worker", None).unwrap();
    stack.sql("UPDATE pms_writebacks SET lease_until = now() WHERE lease_until IS NOT NULL").await.unwrap();
    until(SOON * 2, "a worker that is certain", || async {
        let next = "UPDATE pms_writebacks SET next_check_at = now() WHERE state IN ('unknown', 'queued')";
        stack.sql(next).await.unwrap();
        let uncertain = "SELECT 1 FROM pms_writebacks WHERE state IN ('sending', 'unknown', 'queued')";
        stack.sql(uncertain).await.unwrap().is_empty().then_some(())
    })
    .await;
    assert_eq!(ended(&stack).await, ["succeeded", "succeeded"]);
    let writes = stack.sandbox.writes(&clinic.office).await.unwrap();
    assert_eq!(writes.len(), 2, "it was sent once: {writes:?}");
    let told = use_tool(&stack, &clinic, ("call-4", "change-2"), tool, &wish).await;
    assert_eq!(told["status"], "confirmed", "{told}");
    assert_eq!(stack.sandbox.writes(&clinic.office).await.unwrap().len(), 2);
    let pms = stack.sandbox.office("GET", &clinic.office, "/pms", None).await.unwrap();
    let held = pms["appointments"].as_array().unwrap().iter();
    let held = held.filter(|one| one["appointment_sr_no"].as_u64() == id.parse().ok()).collect::<Vec<_>>();
    let [one] = held.as_slice() else { panic!("{held:?}") };
    if tool == "cancelAppointment" {
        assert_eq!(one["status"], "broken");
    } else {
        let at = format!("{}T{}", one["date"].as_str().unwrap(), &one["time"].as_str().unwrap()[..5]);
        assert!(slot["start"].as_str().unwrap().starts_with(&at), "{one} is not at {slot}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_after_sending_a_reschedule_moves_exactly_once() {
    a_crash_after_the_send("rescheduleAppointment").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_crash_after_sending_a_cancellation_cancels_exactly_once() {
    a_crash_after_the_send("cancelAppointment").await;
}
