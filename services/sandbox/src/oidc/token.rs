use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use seal::{HmacKey, SealError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AUDIENCE, State, UNPUBLISHED, public_key, signer};

/// What a token is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// To tell who somebody is: it has `aud`.
    Id,
    /// To reach an API: as Cognito's, it has `client_id` and no `aud`.
    #[default]
    Access,
}

/// How a token is to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoil {
    /// `alg` is `none`, and there is no signature.
    NoAlgorithm,
    /// `alg` is `HS256`, signed with the public key as if it were a shared secret.
    SharedSecret,
    /// Signed with another key than the one it names.
    OtherKey,
    /// It names a key that is in no set.
    UnknownKey,
    /// It names another issuer.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// It does not say who it is about.
    Subject,
    /// It says `id`, and has an access token's claims.
    Use,
}

/// A token that is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The subject.
    pub user: String,
    /// What it is for.
    #[serde(default, rename = "use")]
    pub purpose: Use,
    /// Who it is for.
    #[serde(default)]
    pub audience: Option<String>,
    /// How long it is good.
    #[serde(default)]
    pub seconds: Option<i64>,
    /// How it is to be wrong.
    #[serde(default)]
    pub spoil: Option<Spoil>,
}

impl State {
    /// The token that was asked for.
    pub(super) fn mint(&self, wish: &Wish) -> Result<String, SealError> {
        let kid = match wish.spoil {
            Some(Spoil::UnknownKey) => "nowhere-1",
            _ => self.current().map_or("", |key| key.kid.as_str()),
        };
        let algorithm = match wish.spoil {
            Some(Spoil::NoAlgorithm) => "none",
            Some(Spoil::SharedSecret) => "HS256",
            _ => "RS256",
        };
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": kid });
        let head = format!("{}.{}", encode(&header), encode(&self.claims(wish)));
        let number = self.current().map_or(0, |key| key.number);
        let signature = match wish.spoil {
            Some(Spoil::NoAlgorithm) => Vec::new(),
            Some(Spoil::SharedSecret) => {
                HmacKey::sha256(public_key(number)?.modulus()).sign(&[head.as_bytes()])
            }
            Some(Spoil::OtherKey | Spoil::UnknownKey) => signer(UNPUBLISHED)?.sign(head.as_bytes())?,
            _ => signer(number)?.sign(head.as_bytes())?,
        };
        Ok(format!("{head}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn claims(&self, wish: &Wish) -> Value {
        let now = Timestamp::now().as_second();
        let life = wish.seconds.unwrap_or(3_600);
        let (starts, ends) = match wish.spoil {
            Some(Spoil::Expired) => (now - life - 600, now - 600),
            Some(Spoil::NotYet) => (now + 600, now + 600 + life),
            _ => (now, now + life),
        };
        let issuer = match wish.spoil {
            Some(Spoil::Issuer) => "https://somebody.example/pool",
            _ => self.issuer.as_str(),
        };
        let audience = match wish.spoil {
            Some(Spoil::Audience) => "somebody-else",
            _ => wish.audience.as_deref().unwrap_or(AUDIENCE),
        };
        let mut claims =
            json!({ "iss": issuer, "sub": wish.user, "iat": starts, "nbf": starts, "exp": ends });
        let (word, name) = match wish.purpose {
            Use::Id => ("id", "aud"),
            Use::Access => ("access", "client_id"),
        };
        claims["token_use"] = json!(if wish.spoil == Some(Spoil::Use) { "id" } else { word });
        claims[name] = json!(audience);
        if wish.spoil == Some(Spoil::Subject) {
            claims["sub"] = Value::Null;
        }
        claims
    }
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
