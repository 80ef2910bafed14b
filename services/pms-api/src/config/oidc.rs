use std::time::Duration;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use service::settings::filled;
use sign_in::IssuerConfig;

/// The `oidc` section: whose word about people is taken. It holds no secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oidc {
    /// The issuer, exactly as its tokens name it: `https://cognito-idp.<region>.amazonaws.com/<pool>`.
    #[serde(deserialize_with = "secure_url")]
    pub(crate) issuer: String,
    /// Who its tokens are for; at Cognito the app client's id.
    #[serde(deserialize_with = "filled")]
    pub(crate) audience: String,
    /// Where its keys are; not set: where its discovery document says.
    #[serde(default, deserialize_with = "optional_secure_url")]
    pub(crate) jwks_url: Option<String>,
    /// Seconds by which its clock and ours may differ, at most 300.
    #[serde(default = "leeway", deserialize_with = "at_most_300")]
    pub(crate) leeway_seconds: u64,
    /// Seconds its keys are used before they are asked for again.
    #[serde(default = "fresh")]
    pub(crate) keys_seconds: u64,
    /// The least seconds between two questions for its keys.
    #[serde(default = "again")]
    pub(crate) keys_again_seconds: u64,
    /// Seconds its keys are used while it cannot be reached.
    #[serde(default = "stale")]
    pub(crate) keys_stale_seconds: u64,
}

impl From<Oidc> for IssuerConfig {
    fn from(oidc: Oidc) -> Self {
        Self {
            issuer: oidc.issuer,
            audience: oidc.audience,
            jwks_url: oidc.jwks_url,
            leeway: Duration::from_secs(oidc.leeway_seconds),
            fresh_for: Duration::from_secs(oidc.keys_seconds),
            again_after: Duration::from_secs(oidc.keys_again_seconds),
            stale_for: Duration::from_secs(oidc.keys_stale_seconds),
        }
    }
}

const fn leeway() -> u64 {
    30
}

const fn fresh() -> u64 {
    600
}

const fn again() -> u64 {
    30
}

const fn stale() -> u64 {
    86_400
}

fn at_most_300<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if seconds <= 300 { Ok(seconds) } else { Err(D::Error::custom("must be at most 300")) }
}

fn is_secure(url: &str) -> bool {
    let host_of = |rest: &str| rest.split(['/', ':', '?']).next().unwrap_or_default().to_owned();
    match url.split_once("://") {
        Some(("https", rest)) => !host_of(rest).is_empty(),
        // Whoever can listen on this machine needs no tokens.
        Some(("http", rest)) => {
            matches!(host_of(rest).as_str(), "127.0.0.1" | "localhost") && !rest.contains('@')
        }
        _ => false,
    }
}

const RULE: &str = "must be an https:// URL; http:// is for this machine alone";

fn secure_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let url = String::deserialize(deserializer)?;
    if is_secure(&url) { Ok(url) } else { Err(D::Error::custom(RULE)) }
}

fn optional_secure_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = Option::<String>::deserialize(deserializer)?.filter(|url| !url.is_empty());
    if url.as_deref().is_none_or(is_secure) { Ok(url) } else { Err(D::Error::custom(RULE)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_reached_securely_or_is_on_this_machine() {
        for good in [
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example",
            "http://127.0.0.1:7702/oidc",
            "http://localhost/oidc",
        ] {
            assert!(is_secure(good), "{good}");
        }
        for bad in [
            "http://issuer.example",
            "https://",
            "ftp://127.0.0.1",
            "issuer",
            "http://127.0.0.1.evil.example",
            "http://localhost:80@evil.example/",
        ] {
            assert!(!is_secure(bad), "{bad}");
        }
    }
}
