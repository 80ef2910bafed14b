//! What becomes of appointments that are there, and notes: the whole way to the practice's own records.

use serde_json::{Value, json};
use testbed::{Answer, Plan, Stack, until};

use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

/// Maria's appointments to come, as a client reads them.
async fn of_maria(stack: &Stack) -> Vec<Value> {
    let answer = ask(stack, "GET", "/api/pms/patients/101/appointments", None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["appointments"].as_array().unwrap().clone()
}

/// Books the first free time for Maria, and returns it with the appointment's id.
async fn booked(stack: &Stack) -> (Value, String) {
    let slot = free_times(stack).await.remove(0);
    let told = book(stack, "book", &wish("101", &slot)).await;
    assert!([200, 202].contains(&told.status), "{told:?}");
    assert_eq!(ended(stack, 1).await, ["succeeded"]);
    let own = of_maria(stack).await;
    let mine = own.iter().find(|one| one["start"] == slot["start"]).unwrap_or_else(|| panic!("{own:?}"));
    (slot, mine["appointmentId"].as_str().unwrap().to_owned())
}

/// The appointment in the practice's own records.
async fn record(stack: &Stack, id: &str) -> Value {
    let pms = stack.sandbox.office("GET", &stack.clinics[0].office, "/pms", None).await.unwrap();
    let found = pms["appointments"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["appointment_sr_no"].as_u64() == id.parse().ok());
    found.cloned().unwrap()
}

/// A change's answer, once the practice's system has ended `writes` writes.
async fn settled(stack: &Stack, answer: &Answer, writes: usize) {
    assert!([200, 202].contains(&answer.status), "{answer:?}");
    assert!(["confirmed", "accepted"].contains(&answer.json()["status"].as_str().unwrap()), "{answer:?}");
    assert!(ended(stack, writes).await.iter().all(|state| state == "succeeded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_is_booked_moved_and_cancelled_and_each_is_told_as_it_is() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (first, id) = booked(&stack).await;
    // Far enough off that the two never overlap.
    let slot = free_times(&stack).await.pop().unwrap();
    assert_ne!(slot["start"], first["start"]);
    let path = format!("/api/pms/appointments/{id}");
    let body = json!({ "patientId": "101", "slotId": slot["slotId"] });
    let moved = ask(&stack, "PATCH", &path, Some(&body)).await;
    settled(&stack, &moved, 2).await;
    let start = slot["start"].as_str().unwrap();
    let held = record(&stack, &id).await;
    assert!(
        start.starts_with(&format!(
            "{}T{}",
            held["date"].as_str().unwrap(),
            &held["time"].as_str().unwrap()[..5]
        )),
        "{held}"
    );
    let own = of_maria(&stack).await;
    assert!(
        own.iter().any(|one| one["appointmentId"] == id.as_str() && one["start"] == slot["start"]),
        "{own:?}"
    );
    assert!(!own.iter().any(|one| one["start"] == first["start"]), "an older copy shows it there: {own:?}");

    let cancelled = ask(&stack, "DELETE", &format!("{path}?patientId=101"), None).await;
    settled(&stack, &cancelled, 3).await;
    assert_eq!(record(&stack, &id).await["status"], "broken");
    assert!(!of_maria(&stack).await.iter().any(|one| one["appointmentId"] == id.as_str()));
    let again = ask(&stack, "DELETE", &format!("{path}?patientId=101"), None).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (200, Some("already_cancelled")), "{again:?}");
    let late = ask(&stack, "PATCH", &path, Some(&body)).await;
    assert_eq!(late.json()["status"], "refused", "{late:?}");
    assert_eq!(stack.sandbox.writes(&stack.clinics[0].office).await.unwrap().len(), 3);
    // Its time is free for the next one.
    let next = book(&stack, "again", &wish("102", &slot)).await;
    settled(&stack, &next, 4).await;
    let audit = "SELECT DISTINCT action FROM audit_log WHERE action LIKE 'appointment.%' ORDER BY 1";
    assert_eq!(
        stack.sql(audit).await.unwrap().concat(),
        [
            "appointment.book",
            "appointment.book.landed",
            "appointment.cancel",
            "appointment.cancel.landed",
            "appointment.read",
            "appointment.reschedule",
            "appointment.reschedule.landed"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_change_whose_reply_is_lost_is_done_once() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let (_, id) = booked(&stack).await;
    let slot = free_times(&stack).await.pop().unwrap();
    let path = format!("/api/pms/appointments/{id}");
    let office = stack.clinics[0].office.clone();
    let lost = json!({ "lose_reply_after_write": { "count": 1, "path_prefix": "/v4/appointments" } });
    for (number, method) in [(2, "PATCH"), (3, "DELETE")] {
        stack.sandbox.faults(&lost).await.unwrap();
        let answer = if method == "PATCH" {
            let body = json!({ "patientId": "101", "slotId": slot["slotId"] });
            ask(&stack, method, &path, Some(&body)).await
        } else {
            ask(&stack, method, &format!("{path}?patientId=101"), None).await
        };
        assert!([200, 202].contains(&answer.status), "{answer:?}");
        until(SOON, "a worker that is certain", || async {
            let next = "UPDATE pms_writebacks SET next_check_at = now() WHERE state IN ('unknown', 'queued')";
            stack.sql(next).await.unwrap();
            let open = "SELECT 1 FROM pms_writebacks WHERE finished_at IS NULL";
            stack.sql(open).await.unwrap().is_empty().then_some(())
        })
        .await;
        assert!(ended(&stack, number).await.iter().all(|state| state == "succeeded"));
        assert_eq!(stack.sandbox.writes(&office).await.unwrap().len(), number, "{method} was sent once");
    }
    assert_eq!(record(&stack, &id).await["status"], "broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_is_offline_says_so_at_once_and_does_it_later() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (_, id) = booked(&stack).await;
    let office = stack.clinics[0].office.clone();
    stack.sandbox.office("PUT", &office, "/spu", Some(&json!({ "online": false }))).await.unwrap();
    let path = format!("/api/pms/appointments/{id}?patientId=101");
    let kept = ask(&stack, "DELETE", &path, None).await;
    let body = kept.json();
    assert_eq!(
        (body["status"].as_str(), body["code"].as_str()),
        (Some("needs_staff"), Some("cancellation_kept_offline")),
        "{kept:?}"
    );
    assert_eq!(record(&stack, &id).await["status"], "scheduled");
    // Somebody hears of what is wanted instead, in a task that does not end when the cancellation lands.
    let other = json!({ "patientId": "101", "slotId": free_times(&stack).await.pop().unwrap()["slotId"] });
    let second = ask(&stack, "PATCH", &format!("/api/pms/appointments/{id}"), Some(&other)).await.json();
    assert_eq!((&second["status"], &second["code"]), (&json!("needs_staff"), &json!("change_waits")));
    let left = "SELECT code, writeback_id IS NULL FROM staff_tasks WHERE done_at IS NULL ORDER BY code";
    assert_eq!(stack.sql(left).await.unwrap(), [["cancellation_kept_offline", "f"], ["change_waits", "t"]]);
    stack.sandbox.office("PUT", &office, "/spu", Some(&json!({ "online": true }))).await.unwrap();
    until(SOON, "the cancellation", || async {
        stack.sql("UPDATE pms_writebacks SET next_check_at = now() WHERE state = 'queued'").await.unwrap();
        (record(&stack, &id).await["status"] == "broken").then_some(())
    })
    .await;
}

/// A clinic whose server is off, and a booking of Maria's that is kept for it: the time, and the request's id.
async fn kept_offline() -> (Stack, Value, String) {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let slot = free_times(&stack).await.remove(0);
    server(&stack, false).await;
    let kept = book(&stack, "book", &wish("101", &slot)).await.json();
    assert_eq!(kept["code"], "booking_kept_offline", "{kept}");
    let request = kept["writebackId"].as_str().unwrap_or_else(|| panic!("{kept}")).to_owned();
    (stack, slot, request)
}

async fn server(stack: &Stack, is_on: bool) {
    let office = &stack.clinics[0].office;
    stack.sandbox.office("PUT", office, "/spu", Some(&json!({ "online": is_on }))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_request_that_waits_for_a_server_is_taken_back_by_its_patient_and_never_sent() {
    let (stack, slot, request) = kept_offline().await;
    let own = of_maria(&stack).await;
    let pending = own.iter().find(|one| one["pending"] == true).unwrap_or_else(|| panic!("{own:?}"));
    assert_eq!((&pending["appointmentId"], &pending["status"]), (&json!(request), &json!("on_its_way")));
    let path = format!("/api/pms/appointments/{request}?patientId=101");
    let gone = ask(&stack, "DELETE", &path, None).await;
    assert_eq!((gone.status, gone.json()["code"].as_str()), (200, Some("request_taken_back")), "{gone:?}");
    let own = of_maria(&stack).await;
    assert!(!own.iter().any(|one| one["pending"] == true), "{own:?}");
    let open = "SELECT count(*) FROM staff_tasks WHERE done_at IS NULL";
    assert_eq!(stack.sql(open).await.unwrap().concat(), ["0"], "there is nothing left to see to");
    let given_up = "SELECT outcome || ' by ' || dropped_by FROM pms_writeback_drops";
    assert_eq!(stack.sql(given_up).await.unwrap().concat(), ["not_wanted by rest client"]);
    // The server is on again: the next one has the time, and nobody else is in the calendar.
    server(&stack, true).await;
    book(&stack, "next", &wish("102", &slot)).await;
    assert_eq!(ended(&stack, 2).await, ["failed", "succeeded"]);
    let booked = stack.sandbox.booked(&stack.clinics[0].office).await.unwrap();
    assert_eq!((booked.len(), &booked[0]["patient_id"]), (1, &json!(102)), "{booked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_staff_need_not_call_back_whoever_has_heard_that_it_is_confirmed() {
    let (stack, slot, _) = kept_offline().await;
    let open = "SELECT code FROM staff_tasks WHERE done_at IS NULL";
    assert_eq!(stack.sql(open).await.unwrap().concat(), ["booking_kept_offline"]);
    server(&stack, true).await;
    stack.sql("UPDATE pms_writebacks SET next_check_at = now()").await.unwrap();
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    assert_eq!(book(&stack, "again", &wish("101", &slot)).await.json()["status"], "confirmed");
    let left = "SELECT 1 FROM staff_tasks WHERE code = 'caller_not_told'";
    assert!(!stack.sql(left).await.unwrap().is_empty(), "staff were to call back until then");
    until(SOON, "nobody to be called back", || async {
        stack.sql(open).await.unwrap().is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_whoever_asks_again_once_the_server_is_back_is_not_told_that_it_is_off() {
    let (stack, slot, request) = kept_offline().await;
    server(&stack, true).await;
    let again = book(&stack, "again", &wish("101", &slot)).await.json();
    assert_ne!(again["code"], "booking_kept_offline", "{again}");
    assert_eq!(again["writebackId"], *request);
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_another_try_of_what_may_have_been_sent_is_not_taken_back() {
    let (stack, _, request) = kept_offline().await;
    // As a replay of one whose reply was lost: it has no tries of its own, and was sent before it was asked for.
    let replay = "UPDATE pms_writebacks SET first_sent_at = created_at - interval '1 h',
        next_check_at = now() + interval '1 h' WHERE state = 'queued' AND reason = 'practice_offline' RETURNING 1";
    until(SOON, "the request to wait for the server", || async {
        (!stack.sql(replay).await.unwrap().is_empty()).then_some(())
    })
    .await;
    let gone = ask(&stack, "DELETE", &format!("/api/pms/appointments/{request}?patientId=101"), None).await;
    assert_eq!(gone.json()["code"], "request_under_way", "{gone:?}");
    let held = "SELECT count(*) FROM slot_holds WHERE released_at IS NOT NULL";
    assert_eq!(stack.sql(held).await.unwrap().concat(), ["0"], "its time is nobody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_request_that_the_vendor_has_is_not_taken_back_and_staff_hear_what_is_wanted_instead() {
    let plan = Plan { writes_ms: (600_000, 600_000), ..Plan::default() };
    let stack = Stack::start(plan.set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let slots = free_times(&stack).await;
    let told = book(&stack, "book", &wish("101", &slots[0])).await.json();
    let request = told["writebackId"].as_str().unwrap_or_else(|| panic!("{told}"));
    until(SOON, "the vendor to have it", || async {
        let there = "SELECT 1 FROM pms_writebacks WHERE state = 'submitted'";
        (!stack.sql(there).await.unwrap().is_empty()).then_some(())
    })
    .await;
    let path = format!("/api/pms/appointments/{request}");
    let later = json!({ "patientId": "101", "slotId": slots.last().unwrap()["slotId"] });
    for (method, path, body) in
        [("DELETE", format!("{path}?patientId=101"), None), ("PATCH", path.clone(), Some(&later))]
    {
        let left = ask(&stack, method, &path, body).await.json();
        assert_eq!((&left["status"], &left["code"]), (&json!("needs_staff"), &json!("request_under_way")));
    }
    let listed = ask(&stack, "GET", "/api/pms/tasks", None).await.json();
    let tasks = listed["tasks"].as_array().unwrap();
    let wishes: Vec<&Value> = tasks.iter().filter(|one| one["code"] == "request_under_way").collect();
    assert_eq!(wishes.len(), 2, "{listed}");
    for task in wishes {
        assert_eq!(task["wanted"]["writebackId"], request, "{task}");
        assert_eq!(task["writebackId"], Value::Null, "it does not end when that lands: {task}");
    }
    assert_eq!(stack.sql("SELECT state FROM pms_writebacks").await.unwrap().concat(), ["submitted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_appointment_is_reached_through_its_own_patient_only() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let (slot, id) = booked(&stack).await;
    let path = format!("/api/pms/appointments/{id}");
    for query in ["?patientId=102", "?patientId=999999", ""] {
        let answer = ask(&stack, "DELETE", &format!("{path}{query}"), None).await;
        assert_eq!(answer.status, 422, "{query}: {answer:?}");
        error(&answer);
    }
    let body = json!({ "patientId": "102", "slotId": slot["slotId"] });
    let answer = ask(&stack, "PATCH", &path, Some(&body)).await;
    assert_eq!(error(&answer)["fields"][0]["path"], "appointmentId", "{answer:?}");
    let theirs = stack.clinics[1].api_key.clone();
    let answer = stack.rest(&theirs, ("DELETE", &format!("{path}?patientId=101")), &[], None).await.unwrap();
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(record(&stack, &id).await["status"], "scheduled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_reaches_the_patients_record_once() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let note = json!({ "note": "Allergic to latex, asked twice." });
    for _ in 0..2 {
        let answer = ask(&stack, "POST", "/api/pms/patients/101/notes", Some(&note)).await;
        settled(&stack, &answer, 1).await;
    }
    let pms = stack.sandbox.office("GET", &stack.clinics[0].office, "/pms", None).await.unwrap();
    let notes = pms["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0]["text"].as_str().unwrap().starts_with("Allergic to latex asked twice. ref "),
        "{notes:?}"
    );
    assert_eq!(notes[0]["patient_id"], 101);
}
