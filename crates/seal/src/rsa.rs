use std::fmt;

use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};

use crate::SealError;

/// Somebody's public RSA key: checks what they signed by RS256 (PKCS #1 1.5 with SHA-256).
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublicKey {
    /// From its two numbers, big-endian.
    #[must_use]
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        // A leading zero is how some write that the number is positive; the check refuses it.
        let bare = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect();
        Self { modulus: bare(modulus), exponent: bare(exponent) }
    }

    /// The modulus, big-endian without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Whether `signature` over `message` was made with the private half. A key of less than 2,048 bits
    /// checks nothing.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = PublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({} bits)", self.modulus.len() * 8)
    }
}

/// A private RSA key that signs by RS256: the simulator of an issuer has one, no service does.
pub struct RsaSigner(KeyPair);

impl RsaSigner {
    /// From PKCS #8, in DER.
    ///
    /// # Errors
    /// [`SealError::BadKey`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SealError> {
        KeyPair::from_pkcs8(der)
            .map(Self)
            .map_err(|_| SealError::BadKey { id: "RSA".to_owned(), rule: "is not a PKCS #8 RSA key" })
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> RsaPublicKey {
        let parts: PublicKeyComponents<Vec<u8>> = self.0.public().into();
        RsaPublicKey::new(&parts.n, &parts.e)
    }

    /// The signature over `message`.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SealError::NoRandomness)?;
        Ok(signature)
    }
}

impl fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
