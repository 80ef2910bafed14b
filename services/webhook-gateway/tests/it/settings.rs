use std::collections::BTreeMap;

use service::settings::{Loaded, Sources, describe, load};
use webhook_gateway::GatewaySettings;

use crate::rig::{KEY, Rig};

fn variables(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let base = [
        ("AMQP_URL", "amqp://guest@localhost"),
        ("DATABASE_URL", "postgres://localhost/x"),
        ("ENCRYPTION_KEY", KEY),
    ];
    base.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn loaded(more: &[(&str, &str)]) -> Result<Loaded<GatewaySettings>, String> {
    load("webhook-gateway", &Sources { file: None, variables: variables(more) })
        .map_err(|error| error.to_string())
}

#[test]
fn without_a_secret_it_does_not_start() {
    let error = loaded(&[]).unwrap_err();
    assert!(error.contains("VAPI_WEBHOOK_SECRET"), "{error}");
    let error = loaded(&[("VAPI_WEBHOOK_SECRET", " ")]).unwrap_err();
    assert!(error.contains("the secret is empty"), "{error}");
}

#[test]
fn p8_its_settings_are_shown_without_its_secrets() {
    let loaded = loaded(&[("VAPI_WEBHOOK_SECRET", "do not show me")]).unwrap();
    let shown = format!("{:?} {:?}", loaded.settings, describe(&loaded));
    assert!(!shown.contains("do not show me") && !shown.contains("AAAA"), "{shown}");
}

#[test]
fn waiting_longer_than_vapi_does_is_refused() {
    let set = [("VAPI_WEBHOOK_SECRET", "x"), ("SWITCHBOARD__WEBHOOK_GATEWAY__TOOL_MS", "20000")];
    let error = loaded(&set).unwrap_err();
    assert!(error.starts_with("webhook_gateway.tool_ms must be from 1000 to 18000"), "{error}");
}

#[test]
fn credentials_are_listed_in_the_file() {
    let file = std::env::temp_dir().join(format!("gateway-{}.toml", uuid::Uuid::new_v4()));
    let text = r#"
        [[webhook_gateway.credentials]]
        preset = "hmac-default"
        secret_key = "not-a-real-key"

        [[webhook_gateway.credentials]]
        preset = "bearer"
        token = "not-a-real-token"
        header = "X-Door"
        prefix = false
    "#;
    std::fs::write(&file, text).unwrap();
    let loaded: Result<Loaded<GatewaySettings>, _> =
        load("webhook-gateway", &Sources { file: Some(file.clone()), variables: variables(&[]) });
    std::fs::remove_file(&file).unwrap();
    assert_eq!(loaded.unwrap().settings.credentials().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_credential_lets_its_sender_in_beside_the_plain_secret() {
    use voice_vapi::Credential;
    let rig = Rig::with(|settings| {
        settings.webhook_gateway.credentials.push(Credential::Bearer {
            token: "not-a-real-token".into(),
            header: "Authorization".into(),
            prefix: true,
        });
    })
    .await;
    let body = r#"{"message":{"type":"hang","call":{"id":"call-1"}}}"#;
    let headers = [("authorization", "Bearer not-a-real-token")];
    assert_eq!(rig.request("POST", "/api/vapi/webhook", &headers, body.as_bytes()).await.status, 200);
}
