use std::time::Duration;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use vendor_http::SetupError;

use crate::keys::Keys;
use crate::rs256;

/// Tokens of issuers in the field have a few kilobytes.
const MOST_BYTES: usize = 16 * 1024;

/// Whose word is taken, and how long its keys are.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// Who its tokens must be for.
    pub audience: String,
    /// Where its keys are; `None`: where its discovery document says.
    pub jwks_url: Option<String>,
    /// How far its clock and ours may be apart.
    pub leeway: Duration,
    /// How long its keys are used before they are asked for again: a withdrawn key works at most so long.
    pub fresh_for: Duration,
    /// The least time between two questions for its keys.
    pub again_after: Duration,
    /// How long the keys are used while it cannot be reached.
    pub stale_for: Duration,
}

impl IssuerConfig {
    /// With what suits most: 30 s of leeway, keys for 10 minutes, asked for at most every 30 s, and for a day while
    /// the issuer is away.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            jwks_url: None,
            leeway: Duration::from_secs(30),
            fresh_for: Duration::from_mins(10),
            again_after: Duration::from_secs(30),
            stale_for: Duration::from_hours(24),
        }
    }
}

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who says so.
    pub issuer: String,
    /// What the issuer calls them.
    pub subject: String,
}

/// Why a token proves nothing. None of these quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token, or one without what every token must have.
    #[error("malformed")]
    Malformed,
    /// It is not signed by RS256.
    #[error("algorithm")]
    Algorithm,
    /// It is signed with a key that the issuer does not have.
    #[error("unknown_key")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("signature")]
    Signature,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come.
    #[error("not_yet")]
    NotYet,
    /// Another issuer's.
    #[error("issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("audience")]
    Audience,
    /// The issuer's keys cannot be had: this says nothing about the token.
    #[error("keys_unavailable")]
    KeysUnavailable,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Option<Audience>,
    client_id: Option<String>,
    token_use: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Takes tokens of one issuer. Cheap to ask: a known key costs no request.
#[derive(Debug)]
pub struct Issuer {
    config: IssuerConfig,
    validation: Validation,
    /// The same for what is not for now.
    whenever: Validation,
    keys: Keys,
}

impl Issuer {
    /// An issuer that nothing is asked of yet.
    ///
    /// # Errors
    /// [`SetupError`] for an address that is none.
    pub fn new(config: IssuerConfig) -> Result<Self, SetupError> {
        rs256::install();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = config.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&config.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Where a token has no `aud`, another claim takes its place: both are looked at below.
        validation.validate_aud = false;
        let mut whenever = validation.clone();
        (whenever.validate_exp, whenever.validate_nbf) = (false, false);
        let keys = Keys::new(&config)?;
        Ok(Self { config, validation, whenever, keys })
    }

    /// Whose word it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.issuer
    }

    /// Who the token speaks for.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify(&self, token: &str) -> Result<SignedIn, Refused> {
        let claims = self.checked(token, &self.validation).await?;
        if claims.are_for(&self.config.audience) { Ok(claims.whose()) } else { Err(Refused::Audience) }
    }

    /// Who a token spoke for that [`Issuer::verify`] has refused for its time or its audience: for the record of the
    /// refusal, and for nothing else. `None`: the issuer never said so, and it proves nothing at all.
    pub async fn whose(&self, token: &str) -> Option<SignedIn> {
        Some(self.checked(token, &self.whenever).await.ok()?.whose())
    }

    async fn checked(&self, token: &str, validation: &Validation) -> Result<Claims, Refused> {
        if token.len() > MOST_BYTES {
            return Err(Refused::Malformed);
        }
        let header = decode_header(token).map_err(|error| refused(&error))?;
        if header.alg != Algorithm::RS256 {
            return Err(Refused::Algorithm);
        }
        // Extensions that must be understood: we understand none.
        if header.crit.is_some() {
            return Err(Refused::Malformed);
        }
        let kid = header.kid.filter(|kid| (1..=256).contains(&kid.len())).ok_or(Refused::Malformed)?;
        let key = self.keys.find(&kid).await?;
        let claims = decode::<Claims>(token, &key, validation).map_err(|error| refused(&error))?.claims;
        if claims.iss != self.config.issuer {
            return Err(Refused::Issuer);
        }
        if claims.sub.is_empty() || claims.sub.len() > 256 {
            return Err(Refused::Malformed);
        }
        Ok(claims)
    }
}

impl Claims {
    fn whose(self) -> SignedIn {
        SignedIn { issuer: self.iss, subject: self.sub }
    }

    fn are_for(&self, audience: &str) -> bool {
        match &self.aud {
            Some(Audience::One(one)) => one == audience,
            Some(Audience::Many(many)) => many.iter().any(|one| one == audience),
            None => {
                self.token_use.as_deref() == Some("access") && self.client_id.as_deref() == Some(audience)
            }
        }
    }
}

fn refused(error: &Error) -> Refused {
    match error.kind() {
        ErrorKind::InvalidSignature => Refused::Signature,
        ErrorKind::ExpiredSignature => Refused::Expired,
        ErrorKind::ImmatureSignature => Refused::NotYet,
        ErrorKind::InvalidIssuer => Refused::Issuer,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            Refused::Algorithm
        }
        _ => Refused::Malformed,
    }
}
