//! The OpenID Connect issuer: signs whoever is asked for in, for use on one machine and for tests.
//!
//! It has no passwords and shows no pages: `/oidc/token` and the admin API give a token for any invented user. Its
//! private keys are made when they are first needed and die with the process, but it signs whatever it is asked to:
//! nothing but a local stack may ever take its word.

mod admin;
mod routes;
mod token;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::OsRng;
use seal::{RsaPublicKey, RsaSigner, SealError};
use uuid::Uuid;

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
    "no password: whoever asks for a token gets it",
    "tokens are dated by the machine's clock, not by the simulated one",
];

/// Two that take turns at being published, and one that never is: what it signs must be refused.
static PRIVATE_KEYS: [LazyLock<Result<RsaSigner, SealError>>; 3] = [const { LazyLock::new(made) }; 3];
const UNPUBLISHED: usize = PRIVATE_KEYS.len() - 1;

/// A new key. It takes some tenths of a second, once.
fn made() -> Result<RsaSigner, SealError> {
    let unusable = || SealError::BadKey { id: "RSA".to_owned(), rule: "cannot be made" };
    let key = RsaPrivateKey::new(&mut OsRng, 2_048).map_err(|_| unusable())?;
    RsaSigner::from_pkcs8(key.to_pkcs8_der().map_err(|_| unusable())?.as_bytes())
}

/// A key as the set shows it.
struct Published {
    kid: String,
    /// Which of the private keys.
    number: usize,
}

struct State {
    issuer: String,
    /// Tells this process's keys from those of another: whoever kept an earlier set asks anew.
    run: String,
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
        let run = Uuid::new_v4().simple().to_string().split_off(24);
        Self(Mutex::new(State {
            issuer: String::new(),
            published: vec![Published { kid: format!("local-{run}-0"), number: 0 }],
            run,
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
        let kid = format!("local-{}-{}", self.run, self.rotations);
        if !keep_old {
            self.published.clear();
        }
        let number = self.rotations % UNPUBLISHED;
        self.published.push(Published { kid: kid.clone(), number });
        kid
    }

    fn current(&self) -> Option<&Published> {
        self.published.last()
    }
}

fn signer(number: usize) -> Result<&'static RsaSigner, SealError> {
    let key = PRIVATE_KEYS.get(number).map(LazyLock::force);
    key.and_then(|made| made.as_ref().ok())
        .ok_or_else(|| SealError::BadKey { id: "RSA".to_owned(), rule: "could not be made" })
}

fn public_key(number: usize) -> Result<RsaPublicKey, SealError> {
    signer(number).map(RsaSigner::public_key)
}
