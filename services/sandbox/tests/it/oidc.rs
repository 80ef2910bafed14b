//! The issuer, held against the crate that takes its word.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sign_in::{Issuer, IssuerConfig, Refused};

use crate::desk::Desk;

async fn admin(desk: &Desk, method: Method, path: &str, body: &Value) -> Value {
    let url = format!("{}/oidc{path}", desk.admin);
    let answer = desk.http.request(method, url).json(body).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("JSON")
}

fn issuer(desk: &Desk) -> Issuer {
    let name = desk.vendor.replace("/v4", "/oidc");
    let config = IssuerConfig { again_after: Duration::ZERO, ..IssuerConfig::new(name, "switchboard-local") };
    Issuer::new(config).expect("an issuer")
}

#[tokio::test]
async fn its_tokens_are_good_and_those_it_spoils_are_not() {
    let desk = Desk::open().await;
    let issuer = issuer(&desk);
    let verdict = async |wish: Value| {
        let minted = admin(&desk, Method::POST, "/tokens", &wish).await;
        issuer.verify(minted["token"].as_str().unwrap_or_default()).await.map(|signed_in| signed_in.subject)
    };
    for purpose in ["id", "access"] {
        let told = verdict(json!({ "user": "olivia-owner", "use": purpose })).await;
        assert_eq!(told.as_deref(), Ok("olivia-owner"), "{purpose}");
    }
    for (spoil, why) in [
        ("no_algorithm", Refused::Malformed),
        ("shared_secret", Refused::Algorithm),
        ("other_key", Refused::Signature),
        ("unknown_key", Refused::UnknownKey),
        ("issuer", Refused::Issuer),
        ("audience", Refused::Audience),
        ("expired", Refused::Expired),
        ("not_yet", Refused::NotYet),
        ("subject", Refused::Malformed),
        ("use", Refused::Audience),
    ] {
        assert_eq!(verdict(json!({ "user": "olivia-owner", "spoil": spoil })).await, Err(why), "{spoil}");
    }
    desk.close().await;
}

#[tokio::test]
async fn a_rotated_key_is_gone_unless_it_may_stay() {
    let desk = Desk::open().await;
    let issuer = issuer(&desk);
    let mint = async || {
        let minted = admin(&desk, Method::POST, "/tokens", &json!({ "user": "ada-auditor" })).await;
        minted["token"].as_str().unwrap_or_default().to_owned()
    };
    let first = mint().await;
    admin(&desk, Method::POST, "/rotate", &json!({ "keep_old": true })).await;
    let second = mint().await;
    assert!(issuer.verify(&second).await.is_ok() && issuer.verify(&first).await.is_ok());
    admin(&desk, Method::POST, "/rotate", &json!({})).await;
    assert!(issuer.verify(&mint().await).await.is_ok());
    assert_eq!(issuer.verify(&second).await, Err(Refused::UnknownKey));
    desk.close().await;
}

#[tokio::test]
async fn the_token_endpoint_signs_an_invented_person_in_and_nobody_else() {
    let desk = Desk::open().await;
    let url = desk.vendor.replace("/v4", "/oidc/token");
    let ask = async |user: &str, grant: &str| {
        let form = [("grant_type", grant), ("username", user), ("client_id", "switchboard-local")];
        desk.http.post(&url).form(&form).send().await.expect("an answer")
    };
    let told: Value = ask("carl-clinician", "password").await.json().await.expect("JSON");
    let issuer = issuer(&desk);
    for name in ["access_token", "id_token"] {
        let signed_in = issuer.verify(told[name].as_str().unwrap_or_default()).await;
        assert_eq!(signed_in.map(|one| one.subject).as_deref(), Ok("carl-clinician"), "{name}");
    }
    assert_eq!(ask("somebody", "password").await.status(), 400);
    assert_eq!(ask("carl-clinician", "implicit").await.status(), 400);
    desk.close().await;
}
