#![doc = include_str!("../README.md")]

mod chain;
mod ring_of_keys;
mod rsa;
mod secret;
mod signature;

pub use chain::{Link, chain_hash};
pub use ring_of_keys::{KeyRing, SealError, Sealed};
pub use rsa::{RsaPublicKey, RsaSigner};
pub use secret::Secret;
pub use signature::{Algorithm, Encoding, HmacKey, decode_secret, same_bytes};

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha256(bytes))
}

/// `N` bytes from the operating system's random source.
///
/// # Errors
/// [`SealError::NoRandomness`] when the system has none to give.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).map_err(|_| SealError::NoRandomness)?;
    Ok(out)
}
