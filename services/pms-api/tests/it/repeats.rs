use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::access::new_key;
use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

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
    let mut elsewhere = body.clone();
    elsewhere["practiceId"] = json!(domain::PracticeId::new().to_string());
    assert_eq!(book(&stack, "same", &elsewhere).await.status, 409, "another location is another wish");
    // An answer that only said "not now" is a use of its own, and comes as often as the worker is not there yet.
    let read = "SELECT count(*) FROM audit_log WHERE action = 'appointment.book' AND tool = 'bookAppointment'
                AND patient = '101'
                AND coalesce(detail->>'code', '') NOT IN ('records_unreachable', 'not_sure_recorded')";
    let read = stack.sql(read).await.unwrap().concat();
    assert_eq!(read, ["5"], "p7: who reads an answer again has read it");
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

#[tokio::test(flavor = "multi_thread")]
async fn p6_one_programs_idempotency_keys_are_no_other_programs() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let mut made = Vec::new();
    for (first, phone) in [("Juniper", "+15550100077"), ("Rowan", "+15550100078")] {
        let (_, key) = new_key(&stack, &["patients.write"]).await;
        let who = json!({ "firstName": first, "lastName": "Ashgrove", "dateOfBirth": "1990-05-17", "phone": phone });
        let told = until(SOON, "an answer other than 503", || async {
            let what = ("POST", "/api/pms/patients");
            let told = stack.rest(&key, what, &[("idempotency-key", "1")], Some(&who)).await.unwrap();
            (told.status != 503).then_some(told)
        })
        .await;
        assert!(told.status < 300 && !told.headers.contains_key("idempotent-replayed"), "{told:?}");
        made.push(told.json()["writebackId"].clone());
    }
    assert!(made[0].is_string() && made[1].is_string() && made[0] != made[1], "{made:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_begun_is_not_called_running_when_it_comes_again() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let mut body = wish("101", &free_times(&stack).await[0]);
    body["practiceId"] = json!(domain::PracticeId::new().to_string());
    for _ in 0..2 {
        let told = book(&stack, "same", &body).await;
        assert_eq!((told.status, error(&told)["code"].as_str()), (404, Some("not_found")), "{told:?}");
    }
}
