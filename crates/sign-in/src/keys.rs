//! The issuer's keys, kept.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use vendor_http::{MemoryBudget, Request, SetupError, VendorClient, VendorConfig};

use crate::{IssuerConfig, Refused};

/// The smallest modulus that is believed, in bytes.
const LEAST_MODULUS: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Policy {
    fresh_for: Duration,
    again_after: Duration,
    stale_for: Duration,
}

/// What is known now.
#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    fetched_at: Option<Instant>,
    /// When the last question ended, whatever came of it.
    asked_at: Option<Instant>,
    failed: bool,
}

/// The keys of one issuer. Of any number that want a key at once, one asks the issuer.
pub(crate) struct Keys {
    policy: Policy,
    known: Arc<RwLock<Known>>,
    source: Arc<Mutex<Source>>,
}

struct Source {
    issuer: String,
    budget: MemoryBudget,
    discovery: Option<VendorClient>,
    /// Where the keys are, and the way there.
    jwks: Option<(String, VendorClient)>,
}

#[derive(Debug, thiserror::Error)]
enum NotFetched {
    #[error("the issuer does not answer")]
    NoAnswer,
    #[error("the issuer answers {0}")]
    Status(u16),
    #[error("the issuer's answer cannot be read")]
    Unreadable,
    #[error("the discovery document is another issuer's")]
    OtherIssuer,
    #[error("the discovery document leads to an address that is not secure")]
    Insecure,
    #[error("the issuer has no key that can be used")]
    NoKeys,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("policy", &self.policy).finish_non_exhaustive()
    }
}

fn client(url: &str) -> Result<VendorClient, SetupError> {
    VendorClient::new(VendorConfig {
        attempt_timeout: Duration::from_secs(3),
        read_deadline: Duration::from_secs(5),
        max_body: 1 << 20,
        retries: 1,
        ..VendorConfig::new("oidc", url)
    })
}

impl Keys {
    pub(crate) fn new(config: &IssuerConfig) -> Result<Self, SetupError> {
        let (discovery, jwks) = match &config.jwks_url {
            Some(url) => (None, Some((url.clone(), client(url)?))),
            None => {
                let issuer = config.issuer.trim_end_matches('/');
                (Some(client(&format!("{issuer}/.well-known/openid-configuration"))?), None)
            }
        };
        Ok(Self {
            policy: Policy {
                fresh_for: config.fresh_for,
                again_after: config.again_after,
                stale_for: config.stale_for,
            },
            known: Arc::default(),
            source: Arc::new(Mutex::new(Source {
                issuer: config.issuer.clone(),
                budget: MemoryBudget::per_minute(600),
                discovery,
                jwks,
            })),
        })
    }

    /// The issuer's key of that id.
    pub(crate) async fn find(&self, kid: &str) -> Result<DecodingKey, Refused> {
        let (usable, is_fresh, asked_at) = self.look(kid);
        if let (Some(key), true) = (&usable, is_fresh) {
            return Ok(key.clone());
        }
        if asked_at.is_none_or(|at| at.elapsed() >= self.policy.again_after) {
            // Whoever has a key that still serves does not wait for somebody else's question.
            let source = match &usable {
                Some(_) => self.source.clone().try_lock_owned().ok(),
                None => Some(self.source.clone().lock_owned().await),
            };
            if let Some(mut source) = source
                && self.look(kid).2 == asked_at
            {
                let known = self.known.clone();
                // By itself: whoever asks and goes away must not leave a question that nobody has noted.
                let question = tokio::spawn(async move {
                    let fetched = source.fetch().await;
                    learn(&known, fetched);
                });
                if question.await.is_err() {
                    return Err(Refused::KeysUnavailable);
                }
            }
        }
        let failed = self.known.read().unwrap_or_else(PoisonError::into_inner).failed;
        match self.look(kid).0 {
            Some(key) => Ok(key),
            None if failed => Err(Refused::KeysUnavailable),
            None => Err(Refused::UnknownKey),
        }
    }

    /// The key if it is known and may be used, whether it need not be asked for again, and when it last was.
    fn look(&self, kid: &str) -> (Option<DecodingKey>, bool, Option<Instant>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let age = known.fetched_at.map(|at| at.elapsed());
        let key = known.keys.get(kid).filter(|_| age.is_some_and(|age| age < self.policy.stale_for));
        (key.cloned(), age.is_some_and(|age| age < self.policy.fresh_for), known.asked_at)
    }
}

fn learn(known: &RwLock<Known>, fetched: Result<HashMap<String, DecodingKey>, NotFetched>) {
    let outcome = if fetched.is_ok() { "ok" } else { "failed" };
    metrics::counter!("oidc_key_fetches_total", "outcome" => outcome).increment(1);
    let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
    known.failed = fetched.is_err();
    match fetched {
        Ok(keys) => {
            let now = Instant::now();
            tracing::info!(oidc.keys = keys.len(), "the issuer's keys were read");
            (known.keys, known.fetched_at) = (keys, Some(now));
        }
        Err(error) => tracing::warn!(error = %error, "the issuer's keys cannot be read"),
    }
    known.asked_at = Some(Instant::now());
}

impl Source {
    async fn fetch(&mut self) -> Result<HashMap<String, DecodingKey>, NotFetched> {
        if let Some(discovery) = &self.discovery {
            let found = self.discover(discovery).await?;
            if self.jwks.as_ref().is_none_or(|(url, _)| *url != found) {
                let way = client(&found).map_err(|_| NotFetched::Unreadable)?;
                self.jwks = Some((found, way));
            }
        }
        let (_, way) = self.jwks.as_ref().ok_or(NotFetched::Unreadable)?;
        let set = read(way, &self.budget, "jwks").await?;
        let keys: HashMap<String, DecodingKey> =
            set["keys"].as_array().into_iter().flatten().filter_map(signing_key).collect();
        if keys.is_empty() { Err(NotFetched::NoKeys) } else { Ok(keys) }
    }

    async fn discover(&self, way: &VendorClient) -> Result<String, NotFetched> {
        keys_url(&self.issuer, &read(way, &self.budget, "discovery").await?)
    }
}

/// Where an issuer's keys are, as its discovery document says.
fn keys_url(issuer: &str, document: &Value) -> Result<String, NotFetched> {
    if document["issuer"].as_str() != Some(issuer) {
        return Err(NotFetched::OtherIssuer);
    }
    let url = document["jwks_uri"].as_str().ok_or(NotFetched::Unreadable)?;
    // An issuer on this machine, for tries, need not be better secured than itself.
    if url.starts_with("https://") || issuer.starts_with("http://") {
        Ok(url.to_owned())
    } else {
        Err(NotFetched::Insecure)
    }
}

async fn read(way: &VendorClient, budget: &MemoryBudget, what: &'static str) -> Result<Value, NotFetched> {
    let reply = way.read(budget, &Request::get(what, ""), &[]).await.map_err(|_| NotFetched::NoAnswer)?;
    if !reply.is_success() {
        return Err(NotFetched::Status(reply.status));
    }
    serde_json::from_slice(&reply.body).map_err(|_| NotFetched::Unreadable)
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    n: String,
    e: String,
}

/// A key of the set that signs by RS256. Others are left out, and do not spoil the set.
fn signing_key(entry: &Value) -> Option<(String, DecodingKey)> {
    let jwk = Jwk::deserialize(entry).ok()?;
    let fits = jwk.kty == "RSA"
        && jwk.purpose.is_none_or(|purpose| purpose == "sig")
        && jwk.alg.is_none_or(|alg| alg == "RS256");
    let modulus = URL_SAFE_NO_PAD.decode(&jwk.n).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(&jwk.e).ok()?;
    let is_large = modulus.iter().skip_while(|byte| **byte == 0).count() >= LEAST_MODULUS;
    (fits && is_large).then(|| (jwk.kid, DecodingKey::from_rsa_raw_components(&modulus, &exponent)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn p8_keys_are_where_the_issuers_own_document_says_and_reached_no_less_securely_than_it() {
        let ours = "https://issuer.example";
        let told = |issuer: &str, says: &str, keys: &str| {
            keys_url(issuer, &json!({ "issuer": says, "jwks_uri": keys }))
        };
        assert_eq!(
            told(ours, ours, "https://keys.example/jwks").ok().as_deref(),
            Some("https://keys.example/jwks")
        );
        let foreign = told(ours, "https://other.example", "https://keys.example/jwks");
        assert!(matches!(foreign, Err(NotFetched::OtherIssuer)), "{foreign:?}");
        let open = told(ours, ours, "http://keys.example/jwks");
        assert!(matches!(open, Err(NotFetched::Insecure)), "{open:?}");
        let local = "http://127.0.0.1:7702/oidc";
        assert!(told(local, local, "http://127.0.0.1:7702/oidc/jwks").is_ok());
        let none = keys_url(ours, &json!({ "issuer": ours }));
        assert!(matches!(none, Err(NotFetched::Unreadable)), "{none:?}");
    }
}
