//! Which tokens prove who somebody is, and which do not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use seal::HmacKey;
use serde_json::{Value, json};
use sign_in::{Issuer, IssuerConfig, Refused};

use crate::pool::{AUDIENCE, Pool, SUBJECT, head, now, one, token, two};

fn with(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_for_us_tells_who_it_is() {
    let pool = Pool::open().await;
    let issuer = pool.verifier();
    for changes in [
        json!({}),
        json!({ "aud": ["somebody", AUDIENCE] }),
        json!({ "nbf": now() + 3, "exp": now() + 60 }),
        json!({ "exp": now() - 3 }),
        // As Amazon Cognito's access tokens are.
        json!({ "aud": null, "client_id": AUDIENCE, "token_use": "access" }),
    ] {
        let signed_in = issuer.verify(&pool.token(&with(pool.claims(), &changes))).await;
        let signed_in = signed_in.unwrap_or_else(|why| panic!("{changes}: {why}"));
        assert_eq!((signed_in.issuer, signed_in.subject.as_str()), (pool.issuer(), SUBJECT));
    }
    assert_eq!(pool.asked().await, 1, "a known key costs no request");
}

#[tokio::test]
async fn a_token_whose_claims_are_not_for_us_and_for_now_is_refused() {
    let pool = Pool::open().await;
    let issuer = pool.verifier();
    for (changes, why) in [
        (json!({ "exp": now() - 30 }), Refused::Expired),
        (json!({ "nbf": now() + 60 }), Refused::NotYet),
        (json!({ "exp": null }), Refused::Malformed),
        (json!({ "sub": null }), Refused::Malformed),
        (json!({ "sub": "" }), Refused::Malformed),
        (json!({ "iss": "https://cognito-idp.us-east-1.amazonaws.com/other" }), Refused::Issuer),
        (json!({ "iss": format!("{}/", pool.issuer()) }), Refused::Issuer),
        (json!({ "iss": null }), Refused::Malformed),
        (json!({ "iss": [pool.issuer(), "https://other.example"] }), Refused::Malformed),
        (json!({ "aud": "somebody" }), Refused::Audience),
        (json!({ "aud": ["somebody"] }), Refused::Audience),
        (json!({ "aud": null }), Refused::Audience),
        // An id token's use, an access token's claims; and a client that is not ours.
        (json!({ "aud": null, "client_id": AUDIENCE }), Refused::Audience),
        (json!({ "aud": null, "client_id": "other", "token_use": "access" }), Refused::Audience),
        (json!({ "aud": "somebody", "client_id": AUDIENCE, "token_use": "access" }), Refused::Audience),
    ] {
        let told = issuer.verify(&pool.token(&with(pool.claims(), &changes))).await;
        assert_eq!(told, Err(why), "{changes}");
    }
}

#[tokio::test]
async fn only_rs256_with_the_named_key_is_a_signature() {
    let pool = Pool::open().await;
    let issuer = pool.verifier();
    let claims = pool.claims();
    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": "k1" });
    // The classic confusion: the public key as a shared secret.
    let confused = head(&header("HS256"), &claims);
    let secret = HmacKey::sha256(one().public_key().modulus());
    let confused = format!("{confused}.{}", URL_SAFE_NO_PAD.encode(secret.sign(&[confused.as_bytes()])));
    assert_eq!(issuer.verify(&confused).await, Err(Refused::Algorithm));
    for alg in ["RS384", "RS512", "PS256", "ES256", "HS512"] {
        assert_eq!(
            issuer.verify(&token(&header(alg), &claims, one())).await,
            Err(Refused::Algorithm),
            "{alg}"
        );
    }
    for alg in ["none", "None", "rs256", ""] {
        let naked = format!("{}.", head(&header(alg), &claims));
        assert_eq!(issuer.verify(&naked).await, Err(Refused::Malformed), "{alg}");
    }
    assert_eq!(issuer.verify(&token(&header("RS256"), &claims, two())).await, Err(Refused::Signature));
    let good = pool.token(&claims);
    let (start, end) = good.split_at(good.rfind('.').unwrap());
    let other = head(&header("RS256"), &with(pool.claims(), &json!({ "sub": "somebody-else" })));
    assert_eq!(issuer.verify(&format!("{other}{end}")).await, Err(Refused::Signature));
    assert_eq!(issuer.verify(&format!("{start}.")).await, Err(Refused::Signature));
    let crit = json!({ "alg": "RS256", "kid": "k1", "crit": ["exp"] });
    assert_eq!(issuer.verify(&token(&crit, &claims, one())).await, Err(Refused::Malformed));
    let nameless = json!({ "alg": "RS256" });
    assert_eq!(issuer.verify(&token(&nameless, &claims, one())).await, Err(Refused::Malformed));
    // A key that the token brings along is not looked at.
    let own = json!({ "alg": "RS256", "kid": "k1", "jwk": crate::pool::jwk("k1", two()), "jku": pool.server.uri() });
    assert_eq!(issuer.verify(&token(&own, &claims, two())).await, Err(Refused::Signature));
}

#[tokio::test]
async fn what_is_no_token_is_refused_without_asking_anybody() {
    let pool = Pool::open().await;
    let issuer = pool.verifier();
    let huge = format!("{}.{}.x", "a".repeat(9_000), "b".repeat(9_000));
    for nonsense in
        ["", ".", "..", "...", "a.b.c", "a.b", "e30.e30.e30", "\u{1f600}.\u{1f600}.\u{1f600}", &huge]
    {
        assert_eq!(issuer.verify(nonsense).await, Err(Refused::Malformed), "{nonsense:.20}");
    }
    assert_eq!(pool.asked().await, 0);
}

#[tokio::test]
async fn cognitos_keys_are_found_where_it_keeps_them() {
    let pool = Pool::open().await;
    let config =
        IssuerConfig { jwks_url: Some(format!("{}/.well-known/jwks.json", pool.issuer())), ..pool.config() };
    let issuer = Issuer::new(config).unwrap();
    let access = with(pool.claims(), &json!({ "aud": null, "client_id": AUDIENCE, "token_use": "access" }));
    assert_eq!(issuer.verify(&pool.token(&access)).await.unwrap().subject, SUBJECT);
    assert!(Issuer::new(IssuerConfig::new("no address", AUDIENCE)).is_err());
}

#[tokio::test]
async fn p7_whose_a_token_is_that_is_not_for_now_or_for_us_is_told_where_the_issuer_said_so() {
    let pool = Pool::open().await;
    let issuer = pool.verifier();
    let late = |changes: &Value| with(with(pool.claims(), &json!({ "exp": now() - 600 })), changes);
    let good = pool.token(&late(&json!({})));
    assert_eq!(issuer.verify(&good).await, Err(Refused::Expired));
    assert_eq!(issuer.whose(&good).await.unwrap().subject, SUBJECT);
    let early = pool.token(&with(pool.claims(), &json!({ "nbf": now() + 600 })));
    assert_eq!(issuer.verify(&early).await, Err(Refused::NotYet));
    let elsewhere = pool.token(&with(pool.claims(), &json!({ "aud": "somebody" })));
    assert_eq!(issuer.verify(&elsewhere).await, Err(Refused::Audience));
    for token in [early, elsewhere, pool.token(&late(&json!({ "aud": "somebody" })))] {
        assert_eq!(issuer.whose(&token).await.unwrap().subject, SUBJECT);
    }
    for changes in [json!({ "iss": "https://other.example" }), json!({ "sub": null })] {
        assert_eq!(issuer.whose(&pool.token(&late(&changes))).await, None, "{changes}");
    }
    let forged = token(&json!({ "alg": "RS256", "kid": "k1" }), &late(&json!({})), two());
    assert_eq!(issuer.whose(&forged).await, None);
}
