use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, ended, free_times, lines, run, writebacks};

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_write_that_nobody_can_finish_is_set_aside_at_its_deadline_with_an_alert() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 1)).await.unwrap();
    let clinic = &stack.clinics[0];
    let never = json!({ "mode": "never" });
    stack.sandbox.office("PUT", &clinic.office, "/writeback", Some(&never)).await.unwrap();
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    let told = book(&stack, clinic, ("call-1", "book-1"), MARIA, slot).await;
    assert_eq!(told["status"], "accepted", "{told}");
    until(SOON, "the vendor's receipt", || async {
        (writebacks(&stack).await[0][1] == "submitted").then_some(())
    })
    .await;
    // The deadline is the appointment itself, days away.
    stack.sql("UPDATE pms_writebacks SET deadline_at = now()").await.unwrap();
    assert_eq!(ended(&stack).await, ["parked"]);
    let reason = stack.sql("SELECT reason FROM pms_writebacks").await.unwrap().concat();
    assert_eq!(reason, ["not_confirmed_in_time"]);
    let alerts = "SELECT code FROM alerts WHERE cleared_at IS NULL";
    assert_eq!(stack.sql(alerts).await.unwrap().concat(), ["writeback_parked"]);
    // It may be in the practice's calendar after all: its time stays taken until staff have looked.
    let holds = "SELECT count(*) FROM slot_holds WHERE released_at IS NULL";
    assert_eq!(stack.sql(holds).await.unwrap().concat(), ["2"]);
    let again = book(&stack, clinic, ("call-2", "book-2"), MARIA, slot).await;
    assert_eq!(again["status"], "needs_staff", "{again}");
    let (well, printed) = run(&stack, &["--json", "doctor"]).await;
    assert!(!well, "{printed}");
    let alert = lines(&printed).into_iter().find(|line| line["check"] == "alert").unwrap();
    assert_eq!(alert["found"], "writeback_parked", "{printed}");
    assert!(alert["to_do"].as_str().is_some_and(|advice| advice.len() > 20), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_practice_whose_server_is_off_is_told_truthfully_and_booked_once_it_is_back() {
    let stack = Stack::start(Plan::default().set("pms_api.write_wait_seconds", 2)).await.unwrap();
    let clinic = &stack.clinics[0];
    let online = async |online: bool| {
        let body = json!({ "online": online });
        stack.sandbox.office("PUT", &clinic.office, "/spu", Some(&body)).await.unwrap();
    };
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    online(false).await;
    let told = book(&stack, clinic, ("call-1", "book-1"), MARIA, slot).await;
    assert!(["needs_staff", "accepted"].contains(&told["status"].as_str().unwrap()), "{told}");
    let say = told["say"].as_str().unwrap();
    assert!(say.contains("isn't confirmed") && !say.contains("booked"), "{told}");
    assert!(stack.sandbox.booked(&clinic.office).await.unwrap().is_empty());
    online(true).await;
    // The next try is a minute away; the minute is not what this is about.
    stack.sql("UPDATE pms_writebacks SET next_check_at = now() WHERE state = 'queued'").await.unwrap();
    assert_eq!(ended(&stack).await, ["succeeded"]);
    assert_eq!(stack.sandbox.booked(&clinic.office).await.unwrap().len(), 1);
    assert_eq!(stack.sandbox.writes(&clinic.office).await.unwrap().len(), 1);
}
