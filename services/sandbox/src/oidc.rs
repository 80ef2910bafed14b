//! The OpenID Connect issuer: signs whoever is asked for in, for use on one machine and for tests.
//!
//! It has no passwords and shows no pages: `/oidc/token` and the admin API give a token for any invented user. Its
//! private keys lie open in `keys/`, so nothing but a local stack may ever take its word.

mod admin;
mod routes;
mod token;

use std::sync::{Mutex, MutexGuard, PoisonError};

use seal::{RsaPublicKey, RsaSigner, SealError};

pub use admin::configure as configure_admin;
pub use routes::configure;
pub use token::{Spoil, Use, Wish};

/// Who its tokens are for unless the caller says otherwise.
pub const AUDIENCE: &str = "switchboard-local";

/// The invented users: what the issuer calls them, and their names.
pub const USERS: [(&str, &str); 5] = [
    ("olivia-owner", "Olivia Thornquist"),
    ("marcus-manager", "Marcus Fenwright"),
    ("rita-receptionist", "Rita Larkspur"),
    ("carl-clinician", "Carl Dunmarrow"),
    ("ada-auditor", "Ada Quillerby"),
];

/// What this copies from the standards and from Amazon Cognito's own pages, for the sandbox's banner.
pub const DOCUMENTED: &[&str] = &[
    "discovery document, key set and RS256 tokens as OpenID Connect has them; keys at Cognito's path too",
    "an id token has `aud`; an access token as Cognito's has `client_id` and `token_use` instead",
    "a key that is rotated out is gone from the set at once, unless it is told to stay",
];

/// What is simpler here than at any real issuer.
pub const ASSUMED: &[&str] = &[
    "no password: whoever asks for a token gets it, and the private keys are public",
    "tokens are dated by the machine's clock, not by the simulated one",
];

const PRIVATE_KEYS: [&[u8]; 3] = [
    include_bytes!("../keys/issuer-1.pk8"),
    include_bytes!("../keys/issuer-2.pk8"),
    include_bytes!("../keys/issuer-3.pk8"),
];

/// A key as the set shows it.
struct Published {
    kid: String,
    /// Which of the private keys.
    number: usize,
}

struct State {
    issuer: String,
    /// The last one signs.
    published: Vec<Published>,
    rotations: usize,
    away: bool,
    key_requests: u64,
}

/// The issuer of one sandbox.
pub struct Oidc(Mutex<State>);

impl Default for Oidc {
    fn default() -> Self {
        Self(Mutex::new(State {
            issuer: String::new(),
            published: vec![Published { kid: "local-0".to_owned(), number: 0 }],
            rotations: 0,
            away: false,
            key_requests: 0,
        }))
    }
}

impl Oidc {
    /// Says where it is reached: its tokens name that as their issuer.
    pub fn set_issuer(&self, issuer: String) {
        self.lock().issuer = issuer;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Signs with another key from now on; the ones before leave the set unless they may stay.
    fn rotate(&mut self, keep_old: bool) -> String {
        self.rotations += 1;
        let kid = format!("local-{}", self.rotations);
        if !keep_old {
            self.published.clear();
        }
        // One of the private keys is never published: what it signs must be refused.
        let number = self.rotations % (PRIVATE_KEYS.len() - 1);
        self.published.push(Published { kid: kid.clone(), number });
        kid
    }

    fn current(&self) -> Option<&Published> {
        self.published.last()
    }
}

fn signer(number: usize) -> Result<RsaSigner, SealError> {
    RsaSigner::from_pkcs8(PRIVATE_KEYS.get(number).copied().unwrap_or_default())
}

fn public_key(number: usize) -> Result<RsaPublicKey, SealError> {
    signer(number).map(|signer| signer.public_key())
}
