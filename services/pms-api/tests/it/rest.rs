use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use testbed::{Answer, Stack, until};

pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A day of the practice's, so many days from now.
pub(crate) fn day(ahead: i64) -> String {
    let now = Timestamp::now().in_tz("America/New_York").unwrap();
    now.checked_add(ahead.days()).unwrap().date().to_string()
}

/// A request with the first clinic's key; asked again for as long as the answer is "not now".
pub(crate) async fn ask(stack: &Stack, method: &str, path: &str, body: Option<&Value>) -> Answer {
    patiently(stack, (method, path), &[], body).await
}

/// A booking with a key that tells repeats; asked again for as long as the answer is "not now".
pub(crate) async fn book(stack: &Stack, key: &str, body: &Value) -> Answer {
    patiently(stack, ("POST", "/api/pms/appointments"), &[("idempotency-key", key)], Some(body)).await
}

async fn patiently(
    stack: &Stack,
    what: (&str, &str),
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    until(SOON, "an answer other than 503", || async {
        let answer = stack.rest(&stack.clinics[0].api_key, what, headers, body).await.unwrap();
        (answer.status != 503).then_some(answer)
    })
    .await
}

/// The times that are free next week.
pub(crate) async fn free_times(stack: &Stack) -> Vec<Value> {
    let path = format!("/api/pms/appointments/availability?from={}&to={}", day(1), day(7));
    let answer = ask(stack, "GET", &path, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["slots"].as_array().unwrap().clone()
}

/// The body of a booking.
pub(crate) fn wish(patient: &str, slot: &Value) -> Value {
    json!({ "patientId": patient, "slotId": slot["slotId"], "reason": "checkup" })
}

/// Waits until `count` writes have come to their end, and returns their states.
pub(crate) async fn ended(stack: &Stack, count: usize) -> Vec<String> {
    until(SOON, "the end of every write", || async {
        let over = "SELECT state FROM pms_writebacks WHERE finished_at IS NOT NULL ORDER BY id";
        let states = stack.sql(over).await.unwrap().concat();
        (states.len() == count).then_some(states)
    })
    .await
}

/// The one error object, whose fields are all there.
pub(crate) fn error(answer: &Answer) -> Value {
    let body = answer.json();
    let error = &body["error"];
    for name in ["code", "message", "request_id"] {
        assert!(error[name].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
    }
    error.clone()
}
