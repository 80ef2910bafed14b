mod plan;

use std::fmt;

use jiff::Timestamp;
use seal::{Secret, same_bytes};
use serde::Deserialize;

pub use plan::HmacPlan;
use plan::SignatureCheck;

/// How one accepted sender proves itself. Several at once let a secret be changed without a gap.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "preset", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Credential {
    /// `X-Vapi-Secret` carries the secret itself (the legacy `server.secret`).
    Secret {
        /// The secret.
        value: Secret,
    },
    /// A bearer token.
    Bearer {
        /// The token, without `Bearer `.
        token: Secret,
        /// The header that carries it.
        #[serde(default = "authorization")]
        header: String,
        /// Whether `Bearer ` stands before the token.
        #[serde(default = "yes")]
        prefix: bool,
    },
    /// Vapi's HMAC defaults: `x-signature` over `{timestamp}.{body}`, SHA-256, hexadecimal.
    HmacDefault {
        /// The key, as text.
        secret_key: Secret,
    },
    /// `x-vapi-signature` over the body alone, with or without `sha256=` in front. A recorded request
    /// can be played again for ever: prefer another preset.
    HmacBodyOnly {
        /// The key, as text.
        secret_key: Secret,
    },
    /// An HMAC plan with every field of Vapi's.
    Hmac(HmacPlan),
}

fn authorization() -> String {
    "Authorization".to_owned()
}

const fn yes() -> bool {
    true
}

/// Why a credential cannot be used. A gateway must not start then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// No credential at all: everybody would be let in, or nobody.
    #[error("no Vapi credential: set VAPI_WEBHOOK_SECRET or list at least one credential")]
    None,
    /// One credential is wrong.
    #[error("Vapi credential {position}: {rule}")]
    Unusable {
        /// Its place in the list, from 1.
        position: usize,
        /// What is wrong with it.
        rule: &'static str,
    },
}

/// Why a request is refused. The sender is told `invalid signature` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// No header that any credential looks for.
    #[error("no credential in the request")]
    Missing,
    /// A header is there and cannot be read.
    #[error("the credential cannot be read")]
    Malformed,
    /// Another secret, another body.
    #[error("the credential does not match")]
    Mismatch,
    /// Rightly signed more than five minutes away from now: an old request played again, or a wrong clock.
    #[error("the signature is too old or too new")]
    Stale,
}

impl Refusal {
    /// One word, for a metric or a log field.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Mismatch => "mismatch",
            Self::Stale => "stale",
        }
    }
}

/// A request as it came in: nobody knows who sent it.
#[derive(Clone, Copy)]
pub struct Unverified<'a, 'r> {
    /// The raw bytes.
    pub body: &'a [u8],
    /// `POST`.
    pub method: &'r str,
    /// The URL as Vapi was given it, which behind a proxy is not the one seen here.
    pub url: &'r str,
}

// A body holds a conversation, so neither form of it prints.
impl fmt::Debug for Unverified<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({} bytes)", self.body.len())
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} bytes)", self.body.len())
    }
}

/// A body whose sender is known: [`Authenticator::verify`] checked it, here or before it came over the bus.
#[derive(Clone, Copy)]
pub struct Verified<'a> {
    body: &'a [u8],
    credential: usize,
}

impl<'a> Verified<'a> {
    /// Bytes that a gateway verified before it published them. For consumers of the bus, and for nobody who reads from
    /// the network.
    #[must_use]
    pub const fn from_the_bus(body: &'a [u8]) -> Self {
        Self { body, credential: 0 }
    }

    /// The raw bytes.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The place of the credential that matched, from 1: tells when an old secret is no longer in use. 0: it was
    /// checked elsewhere.
    #[must_use]
    pub const fn credential(&self) -> usize {
        self.credential
    }
}

enum Check {
    Value { header: String, bearer: bool, secret: Secret },
    Signature(Box<SignatureCheck>),
}

/// Knows every accepted credential.
pub struct Authenticator(Vec<Check>);

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authenticator({} credentials)", self.0.len())
    }
}

impl Authenticator {
    /// Accepts any of `credentials`.
    ///
    /// # Errors
    /// [`CredentialError`] for an empty list, an empty secret or a plan that would prove nothing.
    pub fn new(credentials: &[Credential]) -> Result<Self, CredentialError> {
        let checks: Vec<Check> = credentials
            .iter()
            .enumerate()
            .map(|(index, credential)| {
                check(credential).map_err(|rule| CredentialError::Unusable { position: index + 1, rule })
            })
            .collect::<Result<_, _>>()?;
        if checks.is_empty() { Err(CredentialError::None) } else { Ok(Self(checks)) }
    }

    /// Whether one of the credentials sent this. `header` looks a header up by its name, in any case.
    ///
    /// # Errors
    /// [`Refusal`]: the most telling reason among the credentials.
    pub fn verify<'a, 'h>(
        &self,
        request: Unverified<'a, '_>,
        header: impl Fn(&str) -> Option<&'h str>,
        now: Timestamp,
    ) -> Result<Verified<'a>, Refusal> {
        let mut refusal = Refusal::Missing;
        for (index, check) in self.0.iter().enumerate() {
            let checked = match check {
                Check::Value { header: name, bearer, secret } => same_value(header(name), *bearer, secret),
                Check::Signature(signature) => signature.check(&request, &header, now),
            };
            match checked {
                Ok(()) => return Ok(Verified { body: request.body, credential: index + 1 }),
                Err(reason) => refusal = refusal.max(reason),
            }
        }
        Err(refusal)
    }
}

fn check(credential: &Credential) -> Result<Check, &'static str> {
    let value = |header: &str, bearer, secret: &Secret| {
        if secret.expose().trim().is_empty() {
            return Err("the secret is empty");
        }
        if header.trim().is_empty() {
            return Err("the header has no name");
        }
        Ok(Check::Value { header: header.to_owned(), bearer, secret: secret.clone() })
    };
    match credential {
        Credential::Secret { value: secret } => value("X-Vapi-Secret", false, secret),
        Credential::Bearer { token, header, prefix } => value(header, *prefix, token),
        Credential::HmacDefault { secret_key } => {
            SignatureCheck::new(&HmacPlan::defaults(secret_key.clone())).map(boxed)
        }
        Credential::HmacBodyOnly { secret_key } => SignatureCheck::body_only(secret_key.clone()).map(boxed),
        Credential::Hmac(plan) => SignatureCheck::new(plan).map(boxed),
    }
}

fn boxed(check: SignatureCheck) -> Check {
    Check::Signature(Box::new(check))
}

fn same_value(given: Option<&str>, bearer: bool, secret: &Secret) -> Result<(), Refusal> {
    let mut given = given.ok_or(Refusal::Missing)?;
    if bearer {
        let (scheme, token) = given.split_once(' ').ok_or(Refusal::Malformed)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Malformed);
        }
        given = token;
    }
    if same_bytes(given.as_bytes(), secret.expose().as_bytes()) { Ok(()) } else { Err(Refusal::Mismatch) }
}
