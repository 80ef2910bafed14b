use seal::{Algorithm, Encoding, HmacKey};

use super::fake_gateway::{Answer, FakeGateway, Seen, right};
use super::*;

async fn seen_with(auth: Value, options: Value) -> Vec<Seen> {
    let gateway = FakeGateway::start(right);
    let mut request = request(&gateway, HANG, options);
    request.auth = Some(serde_json::from_value(auth).unwrap());
    player().play(request).await.unwrap();
    gateway.seen()
}

#[actix_web::test]
async fn every_message_carries_a_signature_over_the_bytes_that_arrive() {
    let auth = json!({ "type": "hmac", "secretKey": "a-shared-key", "signaturePrefix": "sha256=" });
    let seen = seen_with(auth, json!({})).await;
    assert_eq!(seen.len(), 5);
    for one in seen {
        let timestamp = one.header("x-timestamp").unwrap();
        let signature = one.header("x-signature").unwrap().strip_prefix("sha256=").unwrap();
        let key = HmacKey::new(Algorithm::Sha256, b"a-shared-key");
        assert!(key.verifies(&[timestamp.as_bytes(), b".", &one.raw], signature, Encoding::Hex));
        let age = jiff::Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap();
        assert!((0..60).contains(&age), "{age}");
    }
}

#[actix_web::test]
async fn a_body_only_plan_in_base64_verifies_too() {
    let auth = json!({
        "type": "hmac", "secretKey": "a-shared-key", "algorithm": "sha512", "payloadFormat": "{body}",
        "signatureHeader": "x-vapi-signature", "signatureEncoding": "base64", "includeTimestamp": false,
    });
    for one in seen_with(auth, json!({})).await {
        let key = HmacKey::new(Algorithm::Sha512, b"a-shared-key");
        assert!(key.verifies(&[&one.raw], one.header("x-vapi-signature").unwrap(), Encoding::Base64));
        assert!(one.header("x-timestamp").is_none());
    }
}

#[actix_web::test]
async fn a_secret_and_a_bearer_token_arrive_in_their_headers() {
    for one in seen_with(json!({ "type": "secret", "secret": "s3" }), json!({})).await {
        assert_eq!(one.header("X-Vapi-Secret"), Some("s3"));
    }
    for one in seen_with(json!({ "type": "bearer", "token": "t0" }), json!({})).await {
        assert_eq!(one.header("authorization"), Some("Bearer t0"));
    }
    for one in seen_with(json!({ "type": "none" }), json!({})).await {
        assert!(one.header("authorization").is_none() && one.header("x-vapi-secret").is_none());
    }
}

#[actix_web::test]
async fn a_wrong_key_and_an_altered_body_do_not_verify() {
    for fault in ["wrong-key", "body-altered"] {
        let auth = json!({ "type": "hmac", "secretKey": "a-shared-key" });
        for one in seen_with(auth, json!({ "auth_fault": fault })).await {
            let key = HmacKey::sha256(b"a-shared-key");
            let parts: [&[u8]; 3] = [one.header("x-timestamp").unwrap().as_bytes(), b".", &one.raw];
            assert!(!key.verifies(&parts, one.header("x-signature").unwrap(), Encoding::Hex), "{fault}");
        }
    }
}

#[actix_web::test]
async fn a_refusal_can_be_what_the_script_is_about() {
    let gateway = FakeGateway::start(|_| Answer::of(401, json!({ "code": "invalid_signature" })));
    let options = json!({ "auth_fault": "wrong-key", "expect_status": 401 });
    let timeline = play(&gateway, "maria-books", options.clone()).await;
    assert!(timeline.ok, "{timeline}");
    assert_eq!(gateway.kinds().iter().filter(|kind| *kind == "tool-calls").count(), 2);
    let gateway = FakeGateway::start(right);
    let timeline = play(&gateway, SEARCH, options).await;
    assert_eq!(broken(&timeline), ["http.expected-status"; 5]);
}
