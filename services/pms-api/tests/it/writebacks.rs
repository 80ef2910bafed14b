//! Writes that went wrong, over REST.

use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::access::{new_key, with_key};
use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

async fn parked(stack: &Stack, key: &str, slot: &Value) -> String {
    let told = book(stack, key, &wish("101", slot)).await.json();
    set_aside(stack).await;
    told["writebackId"].as_str().unwrap().to_owned()
}

/// Waits until the vendor has the one write under way, and ends its time.
async fn set_aside(stack: &Stack) {
    until(SOON, "the vendor's receipt", || async {
        let sent = stack.sql("SELECT count(*) FROM pms_writebacks WHERE state = 'submitted'").await.unwrap();
        (sent.concat() == ["1"]).then_some(())
    })
    .await;
    stack.sql("UPDATE pms_writebacks SET deadline_at = now() WHERE state = 'submitted'").await.unwrap();
    until(SOON, "the deadline", || async {
        let over = stack.sql("SELECT count(*) FROM pms_writebacks WHERE state = 'submitted'").await.unwrap();
        (over.concat() == ["0"]).then_some(())
    })
    .await;
}

async fn mode(stack: &Stack, body: &Value) {
    let office = &stack.clinics[0].office;
    stack.sandbox.office("PUT", office, "/writeback", Some(body)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_parked_booking_is_listed_planned_replayed_and_lands_once() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let slot = free_times(&stack).await[0].clone();
    let id = parked(&stack, "book-1", &slot).await;
    let listed = ask(&stack, "GET", "/api/pms/writebacks?state=parked", None).await.json();
    let one = &listed["writebacks"][0];
    assert_eq!(
        (one["id"].as_str(), one["reason"].as_str()),
        (Some(id.as_str()), Some("not_confirmed_in_time"))
    );
    assert!(one["nextAction"].as_str().unwrap().contains("Look in your own system"), "{one}");
    let tasks = ask(&stack, "GET", "/api/pms/tasks", None).await.json();
    assert_eq!(tasks["tasks"][0]["writebackId"], json!(id), "{tasks}");
    // For whom and what is told to who may read patients.
    let wanted = &tasks["tasks"][0]["wanted"];
    for (name, value) in
        [("patientId", &json!("101")), ("start", &slot["start"]), ("reason", &json!("checkup"))]
    {
        assert_eq!(&wanted[name], value, "{tasks}");
    }
    let path = format!("/api/pms/writebacks/{id}");
    assert_eq!(ask(&stack, "GET", &path, None).await.json()["wanted"]["start"], slot["start"]);
    let (_, auditor) = new_key(&stack, &["writebacks.read"]).await;
    let hidden = with_key(&stack, &auditor, "GET", &path, None).await.json();
    assert_eq!((&hidden["wanted"], &hidden["wantedHidden"]), (&Value::Null, &json!(true)), "{hidden}");
    let read = "SELECT action, patient FROM audit_log WHERE action IN ('task.read', 'writeback.read') ORDER BY sequence";
    assert_eq!(stack.sql(read).await.unwrap(), [["task.read", "101"], ["writeback.read", "101"]]);
    let plan = ask(&stack, "POST", "/api/pms/writebacks/plan", Some(&json!({}))).await.json();
    let verdict = (plan["plan"][0]["verdict"].as_str(), plan["plan"][0]["why"].as_str());
    assert_eq!(verdict, (Some("safe"), Some("only_its_outcome_is_asked_for")), "{plan}");
    mode(&stack, &json!({ "mode": "normal" })).await;
    let body = json!({ "ids": [id], "perMinute": 600, "stopAfter": 1 });
    let asked = ask(&stack, "POST", "/api/pms/writebacks/replay", Some(&body)).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let path = format!("/api/pms/writebacks/replays/{}", asked.json()["runId"].as_str().unwrap());
    let run = until(SOON, "the end of the run", || async {
        let run = ask(&stack, "GET", &path, None).await.json();
        (run["state"] != "running").then_some(run)
    })
    .await;
    assert_eq!(
        (run["state"].as_str(), run["items"][0]["outcome"].as_str()),
        (Some("done"), Some("replayed"))
    );
    let replay = run["items"][0]["replayId"].as_str().unwrap();
    let shown = ask(&stack, "GET", &format!("/api/pms/writebacks/{replay}"), None).await.json();
    assert_eq!(shown["replays"], json!(id), "{shown}");
    assert_eq!(
        stack.sandbox.writes(&stack.clinics[0].office).await.unwrap().len(),
        1,
        "nothing is sent twice"
    );
    let again = ask(&stack, "POST", "/api/pms/writebacks/plan", Some(&json!({ "ids": [id] }))).await.json();
    assert_eq!(again["plan"][0]["why"], "already_replayed", "{again}");
    assert!(ask(&stack, "GET", "/api/pms/tasks", None).await.json()["tasks"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_registration_that_was_set_aside_is_not_said_to_have_failed() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let slot = free_times(&stack).await[0].clone();
    let who = json!({
        "firstName": "Juniper", "lastName": "Ashgrove", "dateOfBirth": "1990-05-17", "phone": "+15550100077"
    });
    let told = ask(&stack, "POST", "/api/pms/patients", Some(&who)).await.json();
    let patient = told["patientId"].as_str().unwrap();
    set_aside(&stack).await;
    let again = ask(&stack, "POST", "/api/pms/patients", Some(&who)).await.json();
    let booked = book(&stack, "book-1", &wish(patient, &slot)).await.json();
    for told in [&again, &booked] {
        assert_eq!((&told["status"], &told["code"]), (&json!("needs_staff"), &json!("patient_not_complete")));
    }
    // By hand, and without its id: nobody can book for them by this name, and it did not fail either.
    stack.sql("UPDATE pms_writebacks SET state = 'succeeded', created_vendor_id = NULL").await.unwrap();
    let booked = book(&stack, "book-2", &wish(patient, &slot)).await.json();
    assert_eq!(booked["code"], "patient_not_complete", "{booked}");
    stack.sql("UPDATE pms_writebacks SET state = 'failed'").await.unwrap();
    let booked = book(&stack, "book-3", &wish(patient, &slot)).await.json();
    assert_eq!(booked["code"], "patient_not_made", "{booked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_booking_that_was_set_aside_is_told_as_with_the_staff_and_then_as_entered_by_hand() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let slot = free_times(&stack).await[0].clone();
    let id = parked(&stack, "book-1", &slot).await;
    let told = async || {
        let own = ask(&stack, "GET", "/api/pms/patients/101/appointments", None).await.json();
        let mut listed = own["appointments"].as_array().unwrap().iter();
        listed.find(|one| one["appointmentId"] == id.as_str()).unwrap_or_else(|| panic!("{own}"))["status"]
            .clone()
    };
    assert_eq!(told().await, "with_staff");
    let by_hand = json!({ "reason": "entered by hand", "outcome": "entered_by_hand" });
    let dropped = ask(&stack, "POST", &format!("/api/pms/writebacks/{id}/drop"), Some(&by_hand)).await;
    assert_eq!(dropped.status, 200, "{dropped:?}");
    assert_eq!(told().await, "entered_by_hand");
    let again = book(&stack, "book-2", &wish("101", &slot)).await.json();
    assert_eq!(again["code"], "booking_entered_by_hand", "{again}");
    let open = "SELECT count(*) FROM staff_tasks WHERE done_at IS NULL";
    assert_eq!(stack.sql(open).await.unwrap().concat(), ["0"], "staff have done it");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_drop_needs_a_reason_and_a_tenant_sees_its_own_writes_alone() {
    let plan = Plan { clinics: 2, ..Plan::default() };
    let stack = Stack::start(plan.set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let slot = free_times(&stack).await[0].clone();
    let id = parked(&stack, "book-1", &slot).await;
    let drop = format!("/api/pms/writebacks/{id}/drop");
    let why = json!({ "reason": "entered by hand", "outcome": "entered_by_hand" });
    let theirs = &stack.clinics[1].api_key;
    for (method, path, body) in [
        ("GET", format!("/api/pms/writebacks/{id}"), None),
        ("POST", drop.clone(), Some(&why)),
        ("POST", format!("/api/pms/writebacks/{id}/settle"), Some(&json!({ "landed": "900" }))),
        ("POST", "/api/pms/writebacks/plan".to_owned(), Some(&json!({ "ids": [id] }))),
        ("POST", "/api/pms/writebacks/replay".to_owned(), Some(&json!({ "ids": [id] }))),
    ] {
        let answer = stack.rest(theirs, (method, path.as_str()), &[], body).await.unwrap();
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    let listed = stack.rest(theirs, ("GET", "/api/pms/writebacks?all=true"), &[], None).await.unwrap();
    assert!(listed.json()["writebacks"].as_array().unwrap().is_empty(), "{listed:?}");
    for (body, field) in [
        (json!({ "reason": " ", "outcome": "not_wanted" }), "reason"),
        (json!({ "reason": "why", "outcome": "gone" }), "outcome"),
    ] {
        let bad = ask(&stack, "POST", &drop, Some(&body)).await;
        assert_eq!((bad.status, error(&bad)["fields"][0]["path"].as_str()), (422, Some(field)));
    }
    assert_eq!(ask(&stack, "POST", &drop, Some(&why)).await.status, 200);
    assert_eq!(ask(&stack, "POST", &drop, Some(&why)).await.status, 409, "once");
    let gone = ask(&stack, "GET", "/api/pms/writebacks", None).await.json();
    assert!(gone["writebacks"].as_array().unwrap().is_empty(), "{gone}");
    let all = ask(&stack, "GET", "/api/pms/writebacks?all=true", None).await.json();
    assert_eq!(all["writebacks"][0]["dropped"], "entered by hand", "{all}");
    assert_eq!(all["writebacks"][0]["droppedAs"], "entered_by_hand", "{all}");
    let plan = ask(&stack, "POST", "/api/pms/writebacks/plan", Some(&json!({}))).await.json();
    assert_eq!(plan["plan"], json!([]), "what was given up is not among all there are");
    let run = ask(&stack, "POST", "/api/pms/writebacks/replay", Some(&json!({ "all": true }))).await.json();
    assert_eq!(run["writes"], 0, "{run}");
    for (path, body, field) in [
        ("/api/pms/writebacks/replay", json!({}), "ids"),
        ("/api/pms/writebacks/replay", json!({ "all": true, "perMinute": 0 }), "perMinute"),
        ("/api/pms/writebacks/replay", json!({ "all": true, "stopAfter": 0 }), "stopAfter"),
    ] {
        let answer = ask(&stack, "POST", path, Some(&body)).await;
        assert_eq!((answer.status, error(&answer)["fields"][0]["path"].as_str()), (422, Some(field)));
    }
    let bad = ask(&stack, "GET", "/api/pms/writebacks?state=gone", None).await;
    assert_eq!(bad.status, 422, "{bad:?}");
    assert_eq!(ended(&stack, 1).await, ["parked"], "the write stays as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_what_staff_found_settles_a_parked_booking_by_its_id_or_from_its_task_and_is_kept() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let times = free_times(&stack).await;
    let id = parked(&stack, "book-1", &times[0]).await;
    let settle = format!("/api/pms/writebacks/{id}/settle");
    for body in [json!({}), json!({ "landed": "900", "notThere": true }), json!({ "landed": "" })] {
        let bad = ask(&stack, "POST", &settle, Some(&body)).await;
        assert_eq!((bad.status, error(&bad)["fields"][0]["path"].as_str()), (422, Some("landed")), "{body}");
    }
    let landed = json!({ "landed": "900" });
    assert_eq!(ask(&stack, "POST", &settle, Some(&landed)).await.status, 200);
    assert_eq!(ask(&stack, "POST", &settle, Some(&landed)).await.status, 409, "once");
    assert!(ask(&stack, "GET", "/api/pms/tasks", None).await.json()["tasks"].as_array().unwrap().is_empty());
    // The other one from its task.
    parked(&stack, "book-2", times.last().unwrap()).await;
    let tasks = ask(&stack, "GET", "/api/pms/tasks", None).await.json();
    let done = format!("/api/pms/tasks/{}/done", tasks["tasks"][0]["id"].as_str().unwrap());
    let both = json!({ "landed": "901", "outcome": "not_wanted" });
    assert_eq!(ask(&stack, "POST", &done, Some(&both)).await.status, 422);
    let ended_task = ask(&stack, "POST", &done, Some(&json!({ "landed": "901" }))).await;
    assert_eq!(ended_task.status, 200, "{ended_task:?}");
    let made = "SELECT created_vendor_id FROM pms_writebacks WHERE state = 'succeeded' ORDER BY id";
    assert_eq!(stack.sql(made).await.unwrap().concat(), ["900", "901"]);
    let by = "SELECT DISTINCT actor FROM audit_log WHERE action = 'writeback.settle'";
    let by = stack.sql(by).await.unwrap().concat();
    assert!(by.len() == 1 && by[0] != "staff", "{by:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_failed_is_replayed_or_planned_page_by_page_however_many_there_are() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let slot = free_times(&stack).await[0].clone();
    parked(&stack, "book-1", &slot).await;
    stack
        .sql(
            "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference,
                 state, reason, deadline_at, finished_at)
             SELECT gen_random_uuid(), tenant_id, connection_id, operation, payload, uuid_send(gen_random_uuid()),
                 'r' || n, 'failed', 'invalid', now(), now()
             FROM pms_writebacks, generate_series(1, 1001) AS n",
        )
        .await
        .unwrap();
    let plan = async |body: Value| ask(&stack, "POST", "/api/pms/writebacks/plan", Some(&body)).await.json();
    let first = plan(json!({ "state": "failed" })).await;
    assert_eq!(first["plan"].as_array().unwrap().len(), 1_000);
    let last = plan(json!({ "state": "failed", "cursor": first["nextCursor"] })).await;
    assert_eq!((last["plan"].as_array().unwrap().len(), &last["nextCursor"]), (1, &Value::Null), "{last}");
    let parked = plan(json!({ "state": "parked" })).await;
    assert_eq!(parked["plan"].as_array().unwrap().len(), 1, "{parked}");
    for (body, writes) in [
        (json!({ "all": true, "perMinute": 1, "stopAfter": 2, "state": "failed" }), 1_001),
        (json!({ "all": true, "perMinute": 1, "stopAfter": 2 }), 1_002),
    ] {
        let run = ask(&stack, "POST", "/api/pms/writebacks/replay", Some(&body)).await.json();
        assert_eq!(run["writes"], writes, "{run}");
        let path = format!("/api/pms/writebacks/replays/{}", run["runId"].as_str().unwrap());
        let stands = ask(&stack, "GET", &path, None).await.json();
        assert_eq!(
            (&stands["perMinute"], &stands["stopAfter"]),
            (&json!(1), &json!(2)),
            "as it was asked for"
        );
        // Its first may have had its turn.
        let stop = format!("{path}/stop");
        let stopped = ask(&stack, "POST", &stop, None).await.json();
        let left = stopped["notTried"].as_i64().unwrap();
        assert!((writes - 1..=writes).contains(&left), "{stopped}");
        assert_eq!(ask(&stack, "GET", &path, None).await.json()["state"], "stopped");
        let over = ask(&stack, "POST", &stop, None).await;
        assert_eq!((over.status, error(&over)["code"].as_str()), (409, Some("conflict")), "{over:?}");
    }
    let on_record = "SELECT count(*) FROM audit_log WHERE action = 'replays.stopped'";
    assert_eq!(stack.sql(on_record).await.unwrap(), [["2"]]);
    let bad = ask(&stack, "POST", "/api/pms/writebacks/plan", Some(&json!({ "state": "queued" }))).await;
    assert_eq!((bad.status, error(&bad)["fields"][0]["path"].as_str()), (422, Some("state")));
}

/// The practice's system refuses what it is given after so many milliseconds: the time is taken.
async fn refuses_after(stack: &Stack, ms: u32) {
    let text = "Appointment already scheduled at this time";
    mode(stack, &json!({ "mode": "fail", "fail_text": text, "min_ms": ms, "max_ms": ms })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_write_that_fails_after_its_caller_was_told_that_it_is_on_its_way_leaves_a_task() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    refuses_after(&stack, 4_000).await;
    let slot = free_times(&stack).await[0].clone();
    let told = book(&stack, "book-1", &wish("101", &slot)).await.json();
    assert!(matches!(told["status"].as_str(), Some("accepted" | "unknown")), "{told}");
    let id = told["writebackId"].as_str().unwrap();
    let task = until(SOON, "a task", || async {
        let tasks = ask(&stack, "GET", "/api/pms/tasks", None).await.json();
        tasks["tasks"].get(0).cloned()
    })
    .await;
    assert_eq!(
        (task["writebackId"].as_str(), task["code"].as_str()),
        (Some(id), Some("slot_taken")),
        "{task}"
    );
    // Done is not enough: nobody knows yet what became of the request.
    let done = format!("/api/pms/tasks/{}/done", task["id"].as_str().unwrap());
    let open = ask(&stack, "POST", &done, None).await;
    assert_eq!(open.status, 409, "{open:?}");
    assert!(error(&open)["message"].as_str().unwrap().contains("entered_by_hand"), "{open:?}");
    let bad = ask(&stack, "POST", &done, Some(&json!({ "outcome": "gone" }))).await;
    assert_eq!((bad.status, error(&bad)["fields"][0]["path"].as_str()), (422, Some("outcome")));
    let by_hand = ask(&stack, "POST", &done, Some(&json!({ "outcome": "entered_by_hand" }))).await;
    assert_eq!(by_hand.status, 200, "{by_hand:?}");
    let all = ask(&stack, "GET", "/api/pms/writebacks?all=true", None).await.json();
    assert_eq!(all["writebacks"][0]["droppedAs"], "entered_by_hand", "{all}");
    let held = stack.sql("SELECT count(*) > 0 FROM slot_holds WHERE released_at IS NULL").await.unwrap();
    assert_eq!(held.concat(), ["t"], "no copy shows it yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hears_that_the_time_is_taken_and_may_choose_another_leaves_no_task() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    refuses_after(&stack, 50).await;
    let slot = free_times(&stack).await[0].clone();
    let told = book(&stack, "book-1", &wish("101", &slot)).await.json();
    assert_eq!(told["status"], "refused", "{told}");
    let tasks = ask(&stack, "GET", "/api/pms/tasks", None).await.json();
    assert!(tasks["tasks"].as_array().unwrap().is_empty(), "{tasks}");
}
