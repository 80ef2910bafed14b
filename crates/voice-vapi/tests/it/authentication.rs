use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};
use voice_vapi::{Authenticator, Credential, CredentialError, Refusal, Unverified};

/// Every signature below was computed with another implementation, over these bytes and this key.
const BODY: &[u8] = br#"{"message":{"type":"hang","call":{"id":"c-1"}}}"#;
const DEFAULT: &str = "97dd45a072318159a0708d000b728cf7f54eb1fb347aa6cbf7dc7b02bec4d7ac";
const MILLISECONDS: &str = "77c188fc48dd8f13427b17e7341a0541ecc5c7b9b2adb0ae83eb37c1b4163a5f";
const BODY_ONLY: &str = "6f55c584fa8e9260b72a118e7a8ffa2ff6e3052d1646f805971d87754edcbe42";

fn at(seconds_later: i64) -> Timestamp {
    Timestamp::from_second(1_795_165_200).unwrap() + SignedDuration::from_secs(seconds_later)
}

fn authenticator(credentials: &Value) -> Result<Authenticator, CredentialError> {
    let credentials: Vec<Credential> = serde_json::from_value(credentials.clone()).unwrap();
    Authenticator::new(&credentials)
}

fn verify(
    credential: &Value,
    headers: &[(&str, &str)],
    body: &[u8],
    now: Timestamp,
) -> Result<usize, Refusal> {
    let request = Unverified { body, method: "POST", url: "https://clinic.example/api/vapi/webhook" };
    let header = |name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    authenticator(credential).unwrap().verify(request, header, now).map(|verified| {
        assert_eq!(verified.body(), body);
        verified.credential()
    })
}

#[rstest]
#[case::secret(json!({"preset": "secret", "value": "s3"}), &[("X-Vapi-Secret", "s3")])]
#[case::bearer(json!({"preset": "bearer", "token": "s3"}), &[("Authorization", "bearer s3")])]
#[case::bearer_elsewhere(json!({"preset": "bearer", "token": "s3", "header": "X-Door", "prefix": false}), &[("x-door", "s3")])]
#[case::hmac(json!({"preset": "hmac-default", "secret_key": "not-a-real-key"}), &[("x-signature", DEFAULT), ("x-timestamp", "1795165200")])]
#[case::hmac_ms(json!({"preset": "hmac-default", "secret_key": "not-a-real-key"}), &[("x-signature", MILLISECONDS), ("x-timestamp", "1795165200000")])]
#[case::body_only(json!({"preset": "hmac-body-only", "secret_key": "not-a-real-key"}), &[("X-Vapi-Signature", BODY_ONLY)])]
#[case::body_only_prefixed(
    json!({"preset": "hmac-body-only", "secret_key": "not-a-real-key"}),
    &[("X-Vapi-Signature", "sha256=6f55c584fa8e9260b72a118e7a8ffa2ff6e3052d1646f805971d87754edcbe42")]
)]
#[case::sha1(
    json!({"preset": "hmac", "secret_key": "not-a-real-key", "algorithm": "sha1"}),
    &[("x-signature", "cf1e0291367d677c92f42e2b6d97475f778b393b"), ("x-timestamp", "1795165200")]
)]
#[case::every_placeholder(
    json!({
        "preset": "hmac", "secret_key": "not-a-real-key", "algorithm": "sha512", "signature_encoding": "base64",
        "signature_header": "x-door", "timestamp_header": "x-when", "signature_prefix": "v0:",
        "payload_format": "{method} {url} {timestamp}.{body}",
    }),
    &[
        ("x-door", "v0:lULYbnOpv2mpFh4rclkpNJaplNnFc8tgh9waAPmLU8SEb5TmR3nfXr2a4vyVUTptmXLHcTPdj8btka42icF4uw=="),
        ("x-when", "1795165200"),
    ]
)]
#[case::svix_style(
    json!({
        "preset": "hmac", "secret_key": "bm90LWEtcmVhbC1rZXk=", "secret_is_base64": true, "signature_encoding": "base64",
        "signature_prefix": "v1,", "payload_format": "{svix-id}.{timestamp}.{body}",
    }),
    &[("x-signature", "v1,3riH8iSA9ij7yKIR+bfGcTkAaaCMAwfPSJ7l9rvz6gs="), ("x-timestamp", "1795165200"), ("svix-id", "msg_7")]
)]
fn each_preset_lets_its_own_sender_in_and_nobody_else(
    #[case] credential: Value,
    #[case] headers: &[(&str, &str)],
) {
    let list = json!([credential]);
    assert_eq!(verify(&list, headers, BODY, at(10)), Ok(1));
    assert_eq!(verify(&list, &[], BODY, at(10)), Err(Refusal::Missing));
    let (name, value) = headers[0];
    let mut forged = headers.to_vec();
    let longer = format!("{value}0");
    forged[0] = (name, &longer);
    assert!(verify(&list, &forged, BODY, at(10)).is_err());
    forged[0] = (name, "");
    assert!(verify(&list, &forged, BODY, at(10)).is_err());
}

#[test]
fn a_signature_is_over_the_raw_bytes() {
    let list = json!([{"preset": "hmac-default", "secret_key": "not-a-real-key"}]);
    let headers = [("x-signature", DEFAULT), ("x-timestamp", "1795165200")];
    let spaced = [BODY, b" "].concat();
    assert_eq!(verify(&list, &headers, &spaced, at(0)), Err(Refusal::Mismatch));
    let other_time = [("x-signature", DEFAULT), ("x-timestamp", "1795165201")];
    assert_eq!(verify(&list, &other_time, BODY, at(0)), Err(Refusal::Mismatch));
}

#[rstest]
#[case(300, Ok(1))]
#[case(-300, Ok(1))]
#[case(301, Err(Refusal::Stale))]
#[case(-301, Err(Refusal::Stale))]
fn a_signature_holds_for_five_minutes_either_way(
    #[case] later: i64,
    #[case] expected: Result<usize, Refusal>,
) {
    let list = json!([{"preset": "hmac-default", "secret_key": "not-a-real-key"}]);
    let seconds = [("x-signature", DEFAULT), ("x-timestamp", "1795165200")];
    let milliseconds = [("x-signature", MILLISECONDS), ("x-timestamp", "1795165200000")];
    assert_eq!(verify(&list, &seconds, BODY, at(later)), expected);
    assert_eq!(verify(&list, &milliseconds, BODY, at(later)), expected);
}

#[test]
fn a_secret_can_be_changed_without_a_gap() {
    let both = json!([{"preset": "secret", "value": "new"}, {"preset": "secret", "value": "old"}]);
    assert_eq!(verify(&both, &[("x-vapi-secret", "new")], BODY, at(0)), Ok(1));
    assert_eq!(verify(&both, &[("x-vapi-secret", "old")], BODY, at(0)), Ok(2));
    assert_eq!(verify(&both, &[("x-vapi-secret", "older")], BODY, at(0)), Err(Refusal::Mismatch));
}

#[rstest]
#[case(json!([]), "no Vapi credential: set VAPI_WEBHOOK_SECRET or list at least one credential")]
#[case(json!([{"preset": "secret", "value": " "}]), "Vapi credential 1: the secret is empty")]
#[case(json!([{"preset": "secret", "value": "x"}, {"preset": "bearer", "token": ""}]), "Vapi credential 2: the secret is empty")]
#[case(json!([{"preset": "hmac-default", "secret_key": ""}]), "Vapi credential 1: the secret key is empty")]
#[case(json!([{"preset": "hmac-body-only", "secret_key": ""}]), "Vapi credential 1: the secret key is empty")]
#[case(json!([{"preset": "hmac", "secret_key": "x", "payload_format": "{timestamp}"}]), "Vapi credential 1: the payload format does not sign `{body}`")]
#[case(
    json!([{"preset": "hmac", "secret_key": "x", "include_timestamp": false, "payload_format": "{timestamp}.{body}"}]),
    "Vapi credential 1: the payload format signs `{timestamp}`, which is left out"
)]
#[case(json!([{"preset": "hmac", "secret_key": "x", "payload_format": "{body}{nonce}"}]), "Vapi credential 1: the payload format has a placeholder that is not known")]
#[case(json!([{"preset": "hmac", "secret_key": "*", "secret_is_base64": true}]), "Vapi credential 1: the secret key is not base64")]
fn a_credential_that_proves_nothing_is_an_error_at_start(#[case] list: Value, #[case] message: &str) {
    assert_eq!(authenticator(&list).unwrap_err().to_string(), message);
}

#[test]
fn p8_a_credential_prints_without_its_secret() {
    let list = json!([{"preset": "bearer", "token": "do not show me"}, {"preset": "hmac-default", "secret_key": "nor me"}]);
    let credentials: Vec<Credential> = serde_json::from_value(list.clone()).unwrap();
    let printed = format!("{credentials:?} {:?}", authenticator(&list).unwrap());
    assert!(!printed.contains("show me") && !printed.contains("nor me"), "{printed}");
}
