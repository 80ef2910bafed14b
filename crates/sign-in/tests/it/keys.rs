//! How the issuer's keys are kept, asked for again, and done without.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sign_in::{Issuer, IssuerConfig, Refused, SignedIn};
use testbed::until;
use tokio::task::JoinSet;
use wiremock::ResponseTemplate;

use crate::pool::{Pool, jwk, one, token, two};

const SOON: Duration = Duration::from_secs(10);

fn named(pool: &Pool, kid: &str, key: &seal::RsaSigner) -> String {
    token(&json!({ "alg": "RS256", "kid": kid }), &pool.claims(), key)
}

fn is_in(told: &Result<SignedIn, Refused>) -> bool {
    told.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_come_at_once_one_asks_for_the_keys() {
    let pool = Pool::open().await;
    let slow = json!({ "keys": [jwk("k1", one())] });
    pool.answer(ResponseTemplate::new(200).set_body_json(slow).set_delay(Duration::from_millis(300))).await;
    let issuer = Arc::new(pool.verifier());
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let (issuer, good) = (issuer.clone(), pool.token(&pool.claims()));
        asking.spawn(async move { issuer.verify(&good).await });
    }
    while let Some(told) = asking.join_next().await {
        assert!(is_in(&told.unwrap()));
    }
    assert_eq!(pool.asked().await, 1);
}

#[tokio::test]
async fn a_rotated_key_is_learnt_at_the_first_token_and_the_old_one_forgotten() {
    let pool = Pool::open().await;
    let config = IssuerConfig { again_after: Duration::ZERO, ..pool.config() };
    let issuer = Issuer::new(config).unwrap();
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await));
    pool.publish(&[("k2", two())]).await;
    assert!(is_in(&issuer.verify(&named(&pool, "k2", two())).await));
    assert_eq!(issuer.verify(&pool.token(&pool.claims())).await, Err(Refused::UnknownKey));
    // The new name with the old key is as wrong.
    assert_eq!(issuer.verify(&named(&pool, "k2", one())).await, Err(Refused::Signature));
}

#[tokio::test]
async fn invented_key_ids_do_not_make_us_ask_more_often_than_we_may() {
    let pool = Pool::open().await;
    let issuer = pool.verifier();
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await));
    for number in 0..100 {
        let told = issuer.verify(&named(&pool, &format!("invented-{number}"), two())).await;
        assert_eq!(told, Err(Refused::UnknownKey));
    }
    assert_eq!(pool.asked().await, 1);
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await));
}

#[tokio::test]
async fn keys_are_asked_for_again_when_their_time_is_over() {
    let pool = Pool::open().await;
    let config = IssuerConfig {
        fresh_for: Duration::from_millis(50),
        again_after: Duration::from_millis(10),
        ..pool.config()
    };
    let issuer = Issuer::new(config).unwrap();
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await));
    // The key is withdrawn; nobody comes with another one.
    pool.publish(&[("k2", two())]).await;
    until(SOON, "the end of a withdrawn key", || async {
        (issuer.verify(&pool.token(&pool.claims())).await == Err(Refused::UnknownKey)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn while_the_issuer_is_away_known_keys_serve_up_to_a_limit_and_then_it_is_not_now() {
    let pool = Pool::open().await;
    let config = IssuerConfig {
        fresh_for: Duration::from_millis(20),
        again_after: Duration::from_millis(10),
        stale_for: Duration::from_secs(4),
        ..pool.config()
    };
    let issuer = Issuer::new(config).unwrap();
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await));
    pool.answer(ResponseTemplate::new(503)).await;
    until(SOON, "a question that fails", || async {
        assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await), "the known key serves on");
        (pool.asked().await > 0).then_some(())
    })
    .await;
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await), "the known key serves on");
    until(SOON, "the limit", || async {
        let told = issuer.verify(&pool.token(&pool.claims())).await;
        (told == Err(Refused::KeysUnavailable)).then_some(())
    })
    .await;
    pool.publish(&[("k1", one())]).await;
    until(SOON, "the issuer's return", || async {
        is_in(&issuer.verify(&pool.token(&pool.claims())).await).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_set_with_odd_keys_in_it_serves_with_the_good_ones() {
    let pool = Pool::open().await;
    let mut signing_for_others = jwk("k3", two());
    signing_for_others["use"] = json!("enc");
    let mut other_algorithm = jwk("k4", two());
    other_algorithm["alg"] = json!("PS512");
    let mut short = jwk("k5", two());
    short["n"] = json!("AQAB");
    let odd = json!([
        { "kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA" }, { "kty": "oct", "kid": "k1", "k": "AA" },
        17, null, signing_for_others, other_algorithm, short, jwk("k1", one()),
    ]);
    pool.answer(ResponseTemplate::new(200).set_body_json(json!({ "keys": odd }))).await;
    let issuer = pool.verifier();
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await));
    for kid in ["k3", "k4", "k5", "ec"] {
        assert_eq!(issuer.verify(&named(&pool, kid, two())).await, Err(Refused::UnknownKey), "{kid}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_set_of_keys_is_as_good_as_none() {
    let pool = Pool::open().await;
    for answer in [
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_json(json!({ "keys": [] })),
        ResponseTemplate::new(404),
        ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"),
    ] {
        pool.answer(answer).await;
        assert_eq!(pool.verifier().verify(&pool.token(&pool.claims())).await, Err(Refused::KeysUnavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_ask_and_go_away_do_not_make_us_ask_more_often_than_we_may() {
    let pool = Pool::open().await;
    let slow = json!({ "keys": [jwk("k1", one())] });
    pool.answer(ResponseTemplate::new(200).set_body_json(slow).set_delay(Duration::from_millis(1_500))).await;
    let issuer = pool.verifier();
    for number in 0..5 {
        let invented = named(&pool, &format!("invented-{number}"), two());
        let asking = issuer.verify(&invented);
        assert!(tokio::time::timeout(Duration::from_millis(100), asking).await.is_err(), "it is slow");
    }
    assert!(is_in(&issuer.verify(&pool.token(&pool.claims())).await), "the answer was kept");
    assert_eq!(pool.asked().await, 1);
}
