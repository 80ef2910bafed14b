use jiff::Timestamp;
use serde_json::{Value, json};
use store::{EventState, NewEvent, Taken};

use crate::rig::{Rig, on_a_call};

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_message_is_answered_once_the_broker_has_it_as_it_came() {
    let rig = Rig::new().await;
    let body = b"{ \"message\" : {\"type\":\"status-update\",\"status\":\"ended\",\"call\":{\"id\":\"call-1\"}, \"new\": [1e2] } }";
    let response = rig.send("/api/vapi/webhook", body).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.text(), "{}");
    rig.until_depth(1).await;
    let (letter, received) = rig.take(1).await.remove(0);
    assert_eq!(letter.routing_key, "vapi.status-update");
    assert_eq!(letter.kind, "webhook.received.v1");
    assert_eq!((received.source.as_str(), received.kind.as_str()), ("vapi", "status-update"));
    assert_eq!(&received.body[..], body);
    assert!(letter.traceparent.is_some(), "whoever handles it goes on with its trace");
    assert!(received.received_at.is_some() && !received.delivery_id.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_deliveries_of_one_event_share_their_id_and_differ_in_their_own() {
    let rig = Rig::new().await;
    let report = |url: &str| {
        on_a_call("call-1", json!({"type": "end-of-call-report", "artifact": {"presignedUrl": url}}))
    };
    rig.answered(&report("https://recordings.example/?signature=one")).await;
    rig.answered(&report("https://recordings.example/?signature=two")).await;
    rig.answered(&on_a_call("call-2", json!({"type": "end-of-call-report"}))).await;
    let taken = rig.take(3).await;
    assert_eq!(taken[0].0.message_id, taken[1].0.message_id);
    assert_eq!(taken[0].1.dedupe_key, taken[1].1.dedupe_key);
    assert_ne!(taken[0].1.delivery_id, taken[1].1.delivery_id);
    assert_ne!(taken[0].0.message_id, taken[2].0.message_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_types_nobody_told_us_about_and_bodies_nobody_can_read_are_kept_too() {
    let rig = Rig::new().await;
    let bodies: [&[u8]; 5] =
        [br#"{"message":{"type":"brand new*type"}}"#, br#"{"message":{}}"#, b"[1,2]", b"not json", b""];
    for body in bodies {
        let response = rig.send("/api/vapi/webhook", body).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.text(), "{}");
    }
    let taken = rig.take(5).await;
    let mut routes: Vec<&str> = taken.iter().map(|(letter, _)| letter.routing_key.as_str()).collect();
    routes.sort_unstable();
    assert_eq!(routes[0], "vapi.brand_new_type");
    assert!(routes[1..].iter().all(|route| *route == "vapi.unreadable"), "{routes:?}");
    assert!(taken.iter().any(|(_, received)| received.kind == "brand_new_type"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_type_with_control_characters_is_one_event_that_the_database_takes() {
    let rig = Rig::new().await;
    let message = on_a_call("call-\u{0}", json!({"type": "brand new*type\u{0}\r\n"}));
    assert!(message.to_string().contains("\\u0000"));
    rig.broker.cut();
    for _ in 0..2 {
        assert_eq!(rig.answered(&message).await, json!({}));
    }
    rig.broker.heal();
    let mut tx = rig.store.machinery().await.unwrap();
    let mut verdicts = Vec::new();
    for (letter, received) in rig.take(2).await {
        assert_eq!(letter.routing_key, "vapi.brand_new_type___");
        let event = NewEvent {
            source: &received.source,
            kind: &received.kind,
            dedupe_key: &received.dedupe_key,
            body: &received.body,
            received_at: Timestamp::now(),
        };
        let taken = tx.take_event(received.delivery_id.parse().unwrap(), &event).await.unwrap();
        if let Taken::New(id) = taken {
            tx.event_done(id, EventState::Rejected, None, None).await.unwrap();
        }
        verdicts.push(taken);
    }
    tx.commit().await.unwrap();
    assert!(matches!(verdicts[..], [Taken::New(_), Taken::Duplicate]), "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_nobody_we_know_signed_is_refused_and_kept_nowhere() {
    let rig = Rig::new().await;
    let body = json!({"message": {"type": "hang"}}).to_string();
    for path in ["/api/vapi/webhook", "/api/vapi/tools/searchPatients"] {
        for secret in [None, Some(""), Some("not-a-real-secre"), Some("not-a-real-secrets"), Some("another")]
        {
            let headers: Vec<_> = secret.map(|secret| ("X-Vapi-Secret", secret)).into_iter().collect();
            let response = rig.request("POST", path, &headers, body.as_bytes()).await;
            assert_eq!(response.status, 401);
            let answer: Value = response.json();
            assert_eq!(answer["error"]["code"], "unauthenticated");
            assert_eq!(answer["error"]["message"], "invalid signature");
            assert!(answer["error"]["request_id"].as_str().is_some_and(|id| !id.is_empty()));
        }
    }
    assert_eq!((rig.depth().await, rig.spilled().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_megabytes_are_taken_and_more_are_not() {
    let rig = Rig::new().await;
    let message = |filling: usize| {
        json!({"message": {"type": "end-of-call-report", "transcript": "x".repeat(filling)}})
            .to_string()
            .into_bytes()
    };
    let most = 5 * 1024 * 1024;
    let fits = message(most - message(0).len());
    assert_eq!(fits.len(), most);
    assert_eq!(rig.send("/api/vapi/webhook", &fits).await.status, 200);
    let response = rig.send("/api/vapi/webhook", &message(most)).await;
    assert_eq!(response.status, 413);
    let answer: Value = response.json();
    assert_eq!(answer["error"]["code"], "too_large");
    assert_eq!(rig.take(1).await[0].1.body.len(), most);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_refused_in_the_one_error_shape() {
    let rig = Rig::new().await;
    let response = rig.request("GET", "/api/vapi/webhook", &[], b"").await;
    assert_eq!(response.status, 405);
    let answer: Value = response.json();
    assert_eq!(answer["error"]["code"], "method_not_allowed");
}
