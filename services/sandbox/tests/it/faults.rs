use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use crate::desk::{Desk, OFFICE};

#[tokio::test]
async fn over_the_window_is_a_plain_429_with_nothing_remaining() {
    let desk = Desk::open().await;
    desk.dial(json!({"rate_limit_per_minute": 3})).await;
    for remaining in ["2", "1", "0"] {
        let told = desk.get("providers").await;
        assert_eq!((told.status.as_u16(), told.header("X-Rate-Limit-Remaining")), (200, Some(remaining)));
    }
    let told = desk.get("providers").await;
    assert_eq!((told.status.as_u16(), told.header("X-Rate-Limit-Remaining")), (429, Some("0")));
    assert!(told.header("Retry-After").is_none());
    assert!(serde_json::from_str::<serde_json::Value>(&told.text).is_err());
    let counts = desk.look("sikka/requests").await;
    assert_eq!((&counts[OFFICE]["refused"], &counts[OFFICE]["max_per_minute"]), (&json!(1), &json!(5)));
    desk.close().await;
}

#[tokio::test]
async fn the_quota_of_a_day_is_429_api2012_until_the_practices_midnight() {
    let mut desk = Desk::open().await;
    desk.dial(json!({"key_life_seconds": 400_000})).await;
    let told = desk.grant(OFFICE).await;
    desk.take(&told);
    desk.dial(json!({"daily_quota": 2})).await;
    assert_eq!(desk.get("providers").await.status, 200);
    assert_eq!(desk.get("providers").await.status, 200);
    assert_eq!(desk.get("providers").await.code(), (429, "API2012".to_owned()));
    desk.advance(90_000).await;
    assert_eq!(desk.get("providers").await.status, 200);
    desk.close().await;
}

#[tokio::test]
async fn p3_a_receipt_can_be_lost_after_the_write_was_taken() {
    for how in ["drop", "hang", "gateway_timeout"] {
        let desk = Desk::open().await;
        desk.dial(json!({"lose_reply_after_write": {"count": 1, "how": how}})).await;
        let body = desk.booking(&desk.open_day().await).await;
        let request = desk.writing(Method::POST, "appointment", &body);
        let sent = request.timeout(std::time::Duration::from_secs(1)).send().await;
        match (how, sent) {
            ("drop", Err(error)) => assert!(!error.is_timeout(), "{error:?}"),
            ("hang", Err(error)) => assert!(error.is_timeout(), "{error:?}"),
            ("gateway_timeout", Ok(told)) => assert_eq!(told.status(), 504),
            (how, sent) => panic!("{how}: {sent:?}"),
        }
        desk.wait_for_writebacks().await;
        assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 1, "{how}");
        assert!(desk.send(Method::POST, "appointment", body).await.receipt() > 0, "only one receipt is lost");
        desk.close().await;
    }
}

#[tokio::test]
async fn the_next_calls_can_be_made_to_fail_by_path_and_method_without_any_effect() {
    let desk = Desk::open().await;
    let fail =
        json!({"fail_next": {"count": 2, "status": 503, "path_prefix": "/v4/appointment", "method": "POST"}});
    desk.dial(fail).await;
    let body = desk.booking(&desk.open_day().await).await;
    assert_eq!(desk.get("appointments?limit=1").await.status, 200);
    for _ in 0..2 {
        let told = desk.send(Method::POST, "appointment", body.clone()).await;
        assert_eq!(told.code(), (503, "API2002".to_owned()));
    }
    assert_eq!(desk.send(Method::POST, "appointment", body).await.status, 201);
    desk.wait_for_writebacks().await;
    assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 1);
    desk.dial(json!({"fail_next": {"count": 1, "status": 429, "reset_seconds": 7}})).await;
    assert_eq!(desk.get("providers").await.header("X-Rate-Limit-Reset"), Some("7"));
    desk.close().await;
}

#[tokio::test]
async fn an_answer_can_be_cut_short_and_held_back() {
    let desk = Desk::open().await;
    desk.dial(json!({"truncate_next": 1})).await;
    assert!(serde_json::from_str::<serde_json::Value>(&desk.get("providers").await.text).is_err());
    desk.dial(json!({"latency_ms": 120, "jitter_ms": 10})).await;
    let start = Instant::now();
    assert_eq!(desk.get("providers").await.items().len(), 4);
    assert!(start.elapsed().as_millis() >= 120);
    desk.close().await;
}

#[tokio::test]
async fn writes_can_be_made_to_fail_to_never_end_and_to_take_long() {
    let desk = Desk::open().await;
    let plan = format!("sikka/offices/{OFFICE}/writeback");
    let body = desk.booking(&desk.open_day().await).await;
    desk.admin(Method::PUT, &plan, json!({"mode": "fail", "fail_text": "The chair is broken"})).await;
    let end = desk.finished(Method::POST, "appointment", body.clone()).await;
    assert_eq!((&end["status"], &end["result"]), (&json!("Failed"), &json!("The chair is broken")));
    desk.admin(Method::PUT, &plan, json!({"mode": "never"})).await;
    let id = desk.send(Method::POST, "appointment", body).await.receipt();
    desk.advance(86_000).await;
    assert_eq!(desk.writeback(id).await["status"], "Pending");
    desk.admin(Method::PUT, &plan, json!({"mode": "slow", "min_ms": 1000, "max_ms": 1000})).await;
    desk.advance(19).await;
    assert_eq!(desk.writeback(id).await["status"], "Pending");
    desk.advance(2).await;
    assert_eq!(desk.writeback(id).await["status"], "Success");
    desk.close().await;
}

#[tokio::test]
async fn the_record_of_a_write_tells_when_it_ended_on_both_clocks() {
    let desk = Desk::open().await;
    let plan = format!("sikka/offices/{OFFICE}/writeback");
    desk.admin(Method::PUT, &plan, json!({"mode": "normal", "min_ms": 50, "max_ms": 50})).await;
    desk.send(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await.receipt();
    let path = format!("sikka/offices/{OFFICE}/writebacks");
    let deadline = Instant::now() + std::time::Duration::from_secs(5);
    let record = loop {
        let record = desk.look(&path).await[0].clone();
        if record["state"] == "completed" || Instant::now() > deadline {
            break record;
        }
    };
    let (from, to) = (record["submitted_wall_ms"].as_i64(), record["finished_wall_ms"].as_i64());
    let took = to.zip(from).map(|(to, from)| to - from).expect("both ends should be recorded");
    assert!((49..1000).contains(&took), "{took} ms");
    assert_eq!(record["body"]["patient_id"], "101");
    desk.close().await;
}

#[tokio::test]
async fn put_sets_the_other_dials_back_and_unknown_dials_are_refused() {
    let desk = Desk::open().await;
    desk.dial(json!({"latency_ms": 1})).await;
    desk.dial(json!({"lose_reply_after_write": 3})).await;
    let dials = desk.look("sikka/faults").await;
    assert_eq!((&dials["latency_ms"], &dials["lose_reply_after_write"]["count"]), (&json!(1), &json!(3)));
    let dials = desk.admin(Method::PUT, "sikka/faults", json!({"jitter_ms": 2})).await;
    assert_eq!((&dials["latency_ms"], &dials["jitter_ms"]), (&json!(0), &json!(2)));
    let told =
        desk.told(desk.http.post(format!("{}/sikka/faults", desk.admin)).json(&json!({"latncy": 1}))).await;
    assert_eq!(told.status, 400);
    assert!(told.json()["error"].as_str().is_some_and(|text| text.contains("latncy")));
    desk.close().await;
}
