//! Writes that went wrong, over REST.

use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

async fn parked(stack: &Stack, key: &str, slot: &Value) -> String {
    let told = book(stack, key, &wish("101", slot)).await.json();
    let id = told["writebackId"].as_str().unwrap().to_owned();
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
    id
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
async fn p6_a_drop_needs_a_reason_and_a_tenant_sees_its_own_writes_alone() {
    let plan = Plan { clinics: 2, ..Plan::default() };
    let stack = Stack::start(plan.set("pms_api.write_wait_seconds", 1)).await.unwrap();
    mode(&stack, &json!({ "mode": "never" })).await;
    let slot = free_times(&stack).await[0].clone();
    let id = parked(&stack, "book-1", &slot).await;
    let drop = format!("/api/pms/writebacks/{id}/drop");
    let why = json!({ "reason": "entered by hand" });
    let theirs = &stack.clinics[1].api_key;
    for (method, path, body) in [
        ("GET", format!("/api/pms/writebacks/{id}"), None),
        ("POST", drop.clone(), Some(&why)),
        ("POST", "/api/pms/writebacks/plan".to_owned(), Some(&json!({ "ids": [id] }))),
        ("POST", "/api/pms/writebacks/replay".to_owned(), Some(&json!({ "ids": [id] }))),
    ] {
        let answer = stack.rest(theirs, (method, path.as_str()), &[], body).await.unwrap();
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    let listed = stack.rest(theirs, ("GET", "/api/pms/writebacks?all=true"), &[], None).await.unwrap();
    assert!(listed.json()["writebacks"].as_array().unwrap().is_empty(), "{listed:?}");
    let empty = ask(&stack, "POST", &drop, Some(&json!({ "reason": " " }))).await;
    assert_eq!((empty.status, error(&empty)["fields"][0]["path"].as_str()), (422, Some("reason")));
    assert_eq!(ask(&stack, "POST", &drop, Some(&why)).await.status, 200);
    assert_eq!(ask(&stack, "POST", &drop, Some(&why)).await.status, 409, "once");
    let gone = ask(&stack, "GET", "/api/pms/writebacks", None).await.json();
    assert!(gone["writebacks"].as_array().unwrap().is_empty(), "{gone}");
    let all = ask(&stack, "GET", "/api/pms/writebacks?all=true", None).await.json();
    assert_eq!(all["writebacks"][0]["dropped"], "entered by hand", "{all}");
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
