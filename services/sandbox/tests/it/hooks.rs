//! The receivers of alerts.

use serde_json::{Value, json};

use crate::desk::Desk;

async fn post(desk: &Desk, path: &str, body: &Value) -> (u16, String) {
    let answer = desk
        .http
        .post(format!("{}{path}", desk.vendor.trim_end_matches("/v4")))
        .json(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn arrived(desk: &Desk) -> Vec<Value> {
    let answer = desk.http.get(format!("{}/hooks", desk.admin)).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn what_arrives_is_shown_and_slack_wants_a_text() {
    let desk = Desk::open().await;
    assert_eq!(post(&desk, "/hooks/slack/T1", &json!({ "text": "hello" })).await, (200, "ok".into()));
    assert_eq!(post(&desk, "/hooks/slack/T1", &json!({ "blocks": [] })).await, (400, "no_text".into()));
    assert_eq!(post(&desk, "/hooks/slack/T1", &json!("hello")).await, (400, "invalid_payload".into()));
    assert_eq!(post(&desk, "/hooks/webhook/mine", &json!({ "any": 1 })).await.0, 200);
    let all = arrived(&desk).await;
    assert_eq!(all.len(), 4);
    assert_eq!(
        (&all[0]["to"], &all[0]["body"]["text"], &all[1]["status"]),
        (&json!("slack"), &json!("hello"), &json!(400))
    );
    assert_eq!((&all[3]["name"], &all[3]["text"]), (&json!("mine"), &json!("{\"any\":1}")));
    desk.http.delete(format!("{}/hooks", desk.admin)).send().await.unwrap();
    assert!(arrived(&desk).await.is_empty());
}

#[tokio::test]
async fn a_receiver_fails_as_often_as_it_is_told_to_and_then_no_more() {
    let desk = Desk::open().await;
    let dials = json!({ "status": 500, "times": 2 });
    desk.http.put(format!("{}/hooks/faults", desk.admin)).json(&dials).send().await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(post(&desk, "/hooks/webhook/mine", &json!({})).await.0);
    }
    assert_eq!(answers, [500, 500, 200]);
}
