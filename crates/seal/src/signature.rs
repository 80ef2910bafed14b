use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use subtle::ConstantTimeEq as _;

/// The digest under an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// HMAC-SHA1: only where a vendor still signs with it.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// How a signature is written in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Standard base64 with padding.
    Base64,
}

/// A key that signs and checks.
#[derive(Clone)]
pub struct HmacKey(hmac::Key);

impl std::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl HmacKey {
    /// A key for `algorithm`.
    #[must_use]
    pub fn new(algorithm: Algorithm, secret: &[u8]) -> Self {
        let algorithm = match algorithm {
            Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::Sha256 => hmac::HMAC_SHA256,
            Algorithm::Sha512 => hmac::HMAC_SHA512,
        };
        Self(hmac::Key::new(algorithm, secret))
    }

    /// A key for HMAC-SHA256.
    #[must_use]
    pub fn sha256(secret: &[u8]) -> Self {
        Self::new(Algorithm::Sha256, secret)
    }

    /// The raw signature over the parts, one after the other.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        self.tag(parts).as_ref().to_vec()
    }

    /// Whether `written` is this key's signature over the parts, compared in constant time.
    #[must_use]
    pub fn verifies(&self, parts: &[&[u8]], written: &str, encoding: Encoding) -> bool {
        let decoded = match encoding {
            Encoding::Hex => hex::decode(written).ok(),
            Encoding::Base64 => STANDARD.decode(written).ok(),
        };
        // How long a signature is, is no secret, so its bytes can be compared as they are: `same_bytes` would cost
        // more than the rest of the check.
        decoded.is_some_and(|given| bool::from(self.tag(parts).as_ref().ct_eq(&given)))
    }

    fn tag(&self, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }
}

/// Compares in a time that does not tell where the first difference is.
#[must_use]
pub fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    // Comparing tags made with a one-time key hides the length as well as the content.
    let Ok(once) = crate::random::<32>() else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &once);
    let tag = hmac::sign(&key, left);
    hmac::verify(&key, right, tag.as_ref()).is_ok()
}

/// A secret given as base64 (`secretIsBase64`), decoded.
#[must_use]
pub fn decode_secret(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_verifies_in_hex_and_base64_and_only_for_its_own_bytes() {
        let key = HmacKey::sha256(b"sandbox-secret");
        let raw = key.sign(&[b"1767607200", b".", b"{}"]);
        assert!(key.verifies(&[b"1767607200.{}"], &hex::encode(&raw), Encoding::Hex));
        assert!(key.verifies(&[b"1767607200.{}"], &STANDARD.encode(&raw), Encoding::Base64));
        assert!(!key.verifies(&[b"1767607201.{}"], &hex::encode(&raw), Encoding::Hex));
        assert!(!key.verifies(&[b"1767607200.{}"], "", Encoding::Hex));
        assert!(!key.verifies(&[b"1767607200.{}"], "zz", Encoding::Hex));
    }

    #[test]
    fn bytes_of_different_length_are_not_the_same() {
        assert!(same_bytes(b"secret", b"secret"));
        assert!(!same_bytes(b"secret", b"secret2"));
        assert!(!same_bytes(b"secret", b""));
    }
}
