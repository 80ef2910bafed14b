//! An issuer as a local server plays it: its discovery document, its keys, its tokens.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::OsRng;
use seal::RsaSigner;
use serde_json::{Value, json};
use sign_in::{Issuer, IssuerConfig};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const AUDIENCE: &str = "switchboard-tests";
pub(crate) const SUBJECT: &str = "subject-1";
const KEYS: &str = "/pool/.well-known/jwks.json";

/// Keys of this run and no other: a key that lies in a repository is nobody's secret.
static KEY_PAIRS: LazyLock<[RsaSigner; 2]> = LazyLock::new(|| [made(), made()]);

fn made() -> RsaSigner {
    let key = RsaPrivateKey::new(&mut OsRng, 2_048).unwrap();
    RsaSigner::from_pkcs8(key.to_pkcs8_der().unwrap().as_bytes()).unwrap()
}

pub(crate) fn one() -> &'static RsaSigner {
    &KEY_PAIRS[0]
}

pub(crate) fn two() -> &'static RsaSigner {
    &KEY_PAIRS[1]
}

pub(crate) struct Pool {
    pub(crate) server: MockServer,
}

impl Pool {
    /// An issuer whose only key is the first, called `k1`.
    pub(crate) async fn open() -> Self {
        let pool = Self { server: MockServer::start().await };
        pool.publish(&[("k1", one())]).await;
        pool
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/pool", self.server.uri())
    }

    /// Puts these keys in place of those before.
    pub(crate) async fn publish(&self, keys: &[(&str, &RsaSigner)]) {
        let keys: Vec<Value> = keys.iter().map(|(kid, key)| jwk(kid, key)).collect();
        self.answer(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))).await;
    }

    /// Answers the question for the keys in this way.
    pub(crate) async fn answer(&self, keys: ResponseTemplate) {
        self.server.reset().await;
        let discovery =
            json!({ "issuer": self.issuer(), "jwks_uri": format!("{}{KEYS}", self.server.uri()) });
        Mock::given(path("/pool/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(discovery))
            .mount(&self.server)
            .await;
        Mock::given(path(KEYS)).respond_with(keys).mount(&self.server).await;
    }

    /// How often the keys were asked for since they were last changed.
    pub(crate) async fn asked(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path() == KEYS).count()
    }

    pub(crate) fn config(&self) -> IssuerConfig {
        IssuerConfig { leeway: Duration::from_secs(5), ..IssuerConfig::new(self.issuer(), AUDIENCE) }
    }

    pub(crate) fn verifier(&self) -> Issuer {
        Issuer::new(self.config()).unwrap()
    }

    /// What a good id token says.
    pub(crate) fn claims(&self) -> Value {
        let now = now();
        json!({ "iss": self.issuer(), "sub": SUBJECT, "aud": AUDIENCE, "token_use": "id", "iat": now, "exp": now + 600 })
    }

    /// A token that says this, signed with the first key.
    pub(crate) fn token(&self, claims: &Value) -> String {
        token(&json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }), claims, one())
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn jwk(kid: &str, key: &RsaSigner) -> Value {
    let public = key.public_key();
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
        "n": URL_SAFE_NO_PAD.encode(public.modulus()), "e": URL_SAFE_NO_PAD.encode(public.exponent()),
    })
}

pub(crate) fn token(header: &Value, claims: &Value, key: &RsaSigner) -> String {
    let head = head(header, claims);
    let signature = key.sign(head.as_bytes()).unwrap();
    format!("{head}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn head(header: &Value, claims: &Value) -> String {
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", part(header), part(claims))
}
