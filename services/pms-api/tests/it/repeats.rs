use serde_json::json;
use testbed::{Plan, Stack};

use crate::rest::{ask, book, ended, error, free_times, wish};

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_repeat_with_the_same_idempotency_key_gets_the_same_answer_and_does_nothing() {
    let stack = Stack::start(Plan { replicas: 2, ..Plan::default() }).await.unwrap();
    let slots = free_times(&stack).await;
    let body = wish("101", &slots[0]);
    let answers = futures_util::future::join_all((0..4).map(|_| book(&stack, "same", &body))).await;
    let again = book(&stack, "same", &body).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.json()), (again.status, again.json()));
    }
    assert_eq!(again.headers.get("idempotent-replayed").map(String::as_str), Some("true"));
    let first = answers.iter().filter(|answer| !answer.headers.contains_key("idempotent-replayed"));
    assert_eq!(first.count(), 1, "one of them was the first");
    let other = book(&stack, "same", &wish("101", &slots[1])).await;
    assert_eq!(other.status, 409, "{other:?}");
    assert_eq!(error(&other)["code"], "conflict");
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    assert_eq!(stack.sandbox.writes(&stack.clinics[0].office).await.unwrap().len(), 1);
    for key in ["", &"k".repeat(201)] {
        let refused = book(&stack, key, &body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(error(&refused)["fields"][0]["path"], "Idempotency-Key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_only_says_not_now_is_not_kept_for_the_repeat() {
    let mut stack = Stack::start(Plan::default().set("pms_api.question_seconds", 1)).await.unwrap();
    let body = wish("101", &free_times(&stack).await[0]);
    stack.workers[0].process.kill9();
    let away = {
        let (api_key, what) = (&stack.clinics[0].api_key, ("POST", "/api/pms/appointments"));
        stack.rest(api_key, what, &[("idempotency-key", "same")], Some(&body)).await.unwrap()
    };
    assert_eq!(away.status, 503, "{away:?}");
    assert_eq!(error(&away)["code"], "unavailable");
    assert!(away.headers.contains_key("retry-after"), "{away:?}");
    stack.workers[0] = stack.member("sikka-worker", None).unwrap();
    stack.ready().await.unwrap();
    let told = book(&stack, "same", &body).await;
    assert!(told.json()["writebackId"].is_string(), "{told:?}");
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let unknown = ask(&stack, "POST", "/api/pms/appointments", Some(&json!([]))).await;
    assert!((400..500).contains(&unknown.status), "{unknown:?}");
}
