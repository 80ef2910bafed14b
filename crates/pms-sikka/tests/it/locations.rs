//! Which location of an office is switched on, and what is believed of the vendor's list.

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::desk::{Desk, list, message, sikka};

async fn switched(rows: ResponseTemplate) -> (bool, usize) {
    let desk = Desk::open().await;
    desk.answer("GET", "practice_location", rows).await;
    desk.answer("POST", "practice_location", message(200, "API4006", "Done")).await;
    let is_new = sikka(format!("{}/v4", desk.server.uri())).switch_on("D10001", "2").await.unwrap();
    let posted = desk.asked("practice_location").await.len() - 1;
    (is_new, posted)
}

#[tokio::test]
async fn the_location_that_is_meant_is_switched_on_where_it_is_off() {
    let row = |practice: &str, access: &str| json!({ "office_id": "D10001", "practice_id": practice, "access": access });
    assert_eq!(switched(list(&json!([row("1", "ON"), row("2", "OFF")]))).await, (true, 1));
    assert_eq!(switched(list(&json!([row("1", "OFF"), row("2", "On")]))).await, (false, 0));
    assert_eq!(switched(list(&json!([row("1", "ON")]))).await, (true, 1), "it is not in the list");
}

#[tokio::test]
async fn quirk_9_another_offices_location_of_the_same_number_says_nothing_about_ours() {
    let theirs = json!({ "office_id": "D10002", "practice_id": "2", "access": "ON" });
    let ours = json!({ "office_id": "d10001", "practice_id": "2", "access": "OFF" });
    assert_eq!(switched(list(&json!([theirs, ours]))).await, (true, 1));
    assert_eq!(switched(list(&json!([theirs]))).await, (true, 1));
    let unsaid = json!({ "practice_id": "2", "access": "ON" });
    assert_eq!(switched(list(&json!([unsaid]))).await, (false, 0), "the list does not say whose");
}

#[tokio::test]
async fn where_the_plan_has_no_such_call_nothing_is_switched() {
    assert_eq!(switched(message(401, "API2004", "not in the plan")).await, (false, 0));
}
