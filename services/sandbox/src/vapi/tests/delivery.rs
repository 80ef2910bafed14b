use std::sync::atomic::{AtomicU32, Ordering};

use super::fake_gateway::{Answer, FakeGateway, right};
use super::*;

fn failing_first(times: u32, kind: &'static str) -> FakeGateway {
    let count = AtomicU32::new(0);
    FakeGateway::start(move |seen| {
        if seen.kind() == kind && count.fetch_add(1, Ordering::Relaxed) < times {
            return Answer::of(503, json!({}));
        }
        right(seen)
    })
}

fn plan(max_retries: u16) -> Value {
    json!({ "type": "fixed", "maxRetries": max_retries, "baseDelaySeconds": 0.01 })
}

#[actix_web::test]
async fn without_a_plan_nothing_is_retried() {
    let gateway = failing_first(1, "hang");
    let timeline = play(&gateway, HANG, json!({})).await;
    assert_eq!(broken(&timeline), ["http.status"]);
    assert_eq!(gateway.kinds().iter().filter(|kind| *kind == "hang").count(), 1);
}

#[actix_web::test]
async fn a_plan_retries_until_2xx_and_a_report_has_other_presigned_urls_each_time() {
    let gateway = failing_first(2, "end-of-call-report");
    let timeline = play(&gateway, HANG, json!({ "delivery": { "backoff": plan(3) } })).await;
    assert!(timeline.ok, "{timeline}");
    assert_eq!(timeline.warnings.len(), 2);
    let seen = gateway.seen();
    let mut urls: Vec<&str> = seen
        .iter()
        .filter(|one| one.kind() == "end-of-call-report")
        .map(|one| one.message["artifact"]["recordingUrl"].as_str().unwrap())
        .collect();
    assert_eq!(urls.len(), 3);
    urls.sort_unstable();
    urls.dedup();
    assert_eq!(urls.len(), 3);
}

#[actix_web::test]
async fn a_plan_gives_up_after_its_retries_and_skips_excluded_statuses() {
    let gateway = failing_first(9, "hang");
    let timeline = play(&gateway, HANG, json!({ "delivery": { "backoff": plan(2) } })).await;
    assert_eq!(broken(&timeline), ["http.status"]);
    assert_eq!(gateway.kinds().iter().filter(|kind| *kind == "hang").count(), 3);

    let gateway = failing_first(9, "hang");
    let mut excluding = plan(2);
    excluding["excludedStatusCodes"] = json!([503]);
    play(&gateway, HANG, json!({ "delivery": { "backoff": excluding } })).await;
    assert_eq!(gateway.kinds().iter().filter(|kind| *kind == "hang").count(), 1);
}

#[actix_web::test]
async fn copies_and_lost_answers_repeat_the_same_tool_call() {
    let gateway = FakeGateway::start(right);
    let options = json!({
        "delivery": { "extra_copies": 4, "at_once": true, "lose_answers": 1, "only": ["tool-calls"] },
    });
    let timeline = play(&gateway, SEARCH, options).await;
    assert!(timeline.ok, "{timeline}");
    let ids: Vec<String> = gateway
        .seen()
        .iter()
        .filter(|seen| seen.kind() == "tool-calls")
        .map(|seen| seen.tool_calls()[0].0.clone())
        .collect();
    assert_eq!(ids.len(), 10);
    assert!(ids.iter().all(|id| *id == ids[0]));
    let answers = timeline.entries.iter().filter(|entry| matches!(entry.what, What::Answer { .. })).count();
    let said = timeline.entries.iter().filter(|entry| matches!(entry.what, What::Say { .. })).count();
    assert_eq!((answers, said), (10, 1));
    assert_eq!(gateway.kinds().iter().filter(|kind| *kind == "status-update").count(), 2);
}

#[actix_web::test]
async fn a_shuffled_call_sends_the_same_messages_in_another_order() {
    let in_order = FakeGateway::start(right);
    play(&in_order, "maria-books", json!({})).await;
    let shuffled = FakeGateway::start(right);
    let timeline = play(&shuffled, "maria-books", json!({ "delivery": { "order": "shuffled" } })).await;
    assert!(timeline.ok, "{timeline}");
    assert_ne!(in_order.kinds(), shuffled.kinds());
    let sorted = |gateway: &FakeGateway| {
        let mut kinds = gateway.kinds();
        kinds.sort();
        kinds
    };
    assert_eq!(sorted(&in_order), sorted(&shuffled));
}

#[actix_web::test]
async fn a_concurrent_call_is_over_only_when_every_message_is_answered() {
    let gateway = FakeGateway::start(right);
    let timeline = play(&gateway, "maria-books", json!({ "delivery": { "order": "concurrent" } })).await;
    assert!(timeline.ok, "{timeline}");
    assert_eq!(usize::try_from(timeline.requests).unwrap(), gateway.seen().len());
}
