use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;

use crate::{HmacKey, Secret, random};

/// What can go wrong with a key or a sealed value. None of these carries the value.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SealError {
    /// `ENCRYPTION_KEY` is empty.
    #[error("ENCRYPTION_KEY is empty: give at least one key as `id:base64-of-32-bytes`")]
    Empty,
    /// One entry of the ring cannot be used.
    #[error("ENCRYPTION_KEY entry `{id}`: {rule}")]
    BadKey {
        /// The entry's id, or its position where it has none that may be shown.
        id: String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// A value was sealed with a key this process does not have.
    #[error("sealed with key `{0}`, which is not in ENCRYPTION_KEY")]
    UnknownKey(String),
    /// The value was changed, cut, or moved to another row.
    #[error("a sealed value does not open: wrong key, changed bytes, or another row's value")]
    DoesNotOpen,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

/// Ciphertext with the id of its key in front: safe to store.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// As read back from the database.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// As stored: one length byte, the key id, the nonce, the ciphertext and its tag.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id of the key it was sealed with, if the bytes are long enough to say.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        let length = usize::from(*self.0.first()?);
        std::str::from_utf8(self.0.get(1..=length)?).ok()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}

struct Key {
    id: String,
    aead: LessSafeKey,
    derive: hkdf::Prk,
}

impl Key {
    fn derived(&self, purpose: &str) -> Option<Vec<u8>> {
        let info = [purpose.as_bytes()];
        let okm = self.derive.expand(&info, hkdf::HKDF_SHA256).ok()?;
        let mut bytes = vec![0; 32];
        okm.fill(&mut bytes).ok()?;
        Some(bytes)
    }

    fn hmac(&self, purpose: &str) -> Option<HmacKey> {
        Some(HmacKey::sha256(&self.derived(purpose)?))
    }

    fn seal(&self, identity: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut body = plain.to_vec();
        self.aead
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(identity.as_bytes()),
                &mut body,
            )
            .map_err(|_| SealError::DoesNotOpen)?;
        let length = u8::try_from(self.id.len()).map_err(|_| SealError::DoesNotOpen)?;
        let mut out = Vec::with_capacity(1 + self.id.len() + NONCE_LEN + body.len());
        out.push(length);
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&nonce);
        out.append(&mut body);
        Ok(Sealed(out))
    }
}

/// The keys of `ENCRYPTION_KEY`: the first seals, all of them open.
pub struct KeyRing(Vec<Key>);

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl KeyRing {
    /// Reads `id:base64,id:base64,…`, newest first, each key 32 bytes.
    ///
    /// # Errors
    /// [`SealError::Empty`] or [`SealError::BadKey`]: a service must not start then.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys: Vec<Key> = Vec::new();
        for (position, entry) in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).enumerate()
        {
            let Some((id, encoded)) = entry.split_once(':') else {
                return Err(SealError::BadKey {
                    id: format!("number {}", position + 1),
                    rule: "must be `id:base64`",
                });
            };
            // Written the wrong way round, the key is where the id belongs.
            let is_name = id.len() <= 20
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            let name = if is_name { id.to_owned() } else { format!("number {}", position + 1) };
            let bad = |rule| SealError::BadKey { id: name.clone(), rule };
            if id.is_empty() || id.len() > 32 {
                return Err(bad("the id must have 1 to 32 characters"));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(bad("the id is used twice"));
            }
            let bytes = STANDARD.decode(encoded).map_err(|_| bad("the key is not base64"))?;
            let unbound =
                UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| bad("the key must be 32 bytes"))?;
            keys.push(Key {
                id: id.to_owned(),
                aead: LessSafeKey::new(unbound),
                derive: hkdf::Salt::new(hkdf::HKDF_SHA256, b"switchboard").extract(&bytes),
            });
        }
        if keys.is_empty() { Err(SealError::Empty) } else { Ok(Self(keys)) }
    }

    /// The id of the key that seals now.
    #[must_use]
    pub fn current_id(&self) -> &str {
        self.0.first().map_or("", |key| key.id.as_str())
    }

    /// The ids of all keys, newest first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// How everything begins that a key of the ring has sealed: the newest first.
    #[must_use]
    pub fn prefixes(&self) -> Vec<Vec<u8>> {
        let prefix = |id: &str| [&[u8::try_from(id.len()).unwrap_or_default()], id.as_bytes()].concat();
        self.ids().map(prefix).collect()
    }

    /// Seals `plain`, bound to `identity`: it opens only for the same row and column.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, identity: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        self.0.first().ok_or(SealError::Empty).and_then(|key| key.seal(identity, plain))
    }

    /// As [`KeyRing::seal`], with the key called `id`: for what shows that a key is the one it was.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::NoRandomness`].
    pub fn seal_with(&self, id: &str, identity: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let key = self.0.iter().find(|key| key.id == id);
        key.ok_or_else(|| SealError::UnknownKey(id.to_owned())).and_then(|key| key.seal(identity, plain))
    }

    /// Opens what [`KeyRing::seal`] sealed for the same `identity`.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::DoesNotOpen`].
    pub fn open(&self, identity: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let id = sealed.key_id().ok_or(SealError::DoesNotOpen)?;
        let key =
            self.0.iter().find(|key| key.id == id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        let rest = sealed.0.get(1 + id.len()..).ok_or(SealError::DoesNotOpen)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::DoesNotOpen)?;
        let mut body = body.to_vec();
        let length = key
            .aead
            .open_in_place(nonce, Aad::from(identity.as_bytes()), &mut body)
            .map_err(|_| SealError::DoesNotOpen)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// A signing key for `purpose`, derived from the ring's last key: another one as soon as the ring ends with another
    /// key. What must outlive that is made once, of [`KeyRing::derive_bytes`], and kept sealed.
    #[must_use]
    pub fn derive_hmac(&self, purpose: &str) -> Option<HmacKey> {
        self.0.last()?.hmac(purpose)
    }

    /// The signing keys for `purpose` of every key of the ring, the last first: what one of them signed can be
    /// told for as long as it is in the ring.
    #[must_use]
    pub fn derive_hmacs(&self, purpose: &str) -> Vec<HmacKey> {
        self.0.iter().rev().filter_map(|key| key.hmac(purpose)).collect()
    }

    /// What the signing key for `purpose` of the key called `id` is made of.
    #[must_use]
    pub fn derive_bytes(&self, id: &str, purpose: &str) -> Option<Secret<Vec<u8>>> {
        let key = self.0.iter().find(|key| key.id == id)?;
        Some(Secret::new(key.derived(purpose)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(entries: &[(&str, u8)]) -> KeyRing {
        let text: Vec<String> =
            entries.iter().map(|(id, byte)| format!("{id}:{}", STANDARD.encode([*byte; 32]))).collect();
        KeyRing::parse(&text.join(",")).unwrap()
    }

    #[test]
    fn a_value_opens_for_its_own_row_only() {
        let keys = ring(&[("a", 1)]);
        let sealed = keys.seal("pms_connections/1/credentials", b"value").unwrap();
        assert_eq!(keys.open("pms_connections/1/credentials", &sealed).unwrap(), b"value");
        assert_eq!(keys.open("pms_connections/2/credentials", &sealed), Err(SealError::DoesNotOpen));
    }

    #[test]
    fn a_value_sealed_with_an_older_key_still_opens_after_a_new_key_is_put_in_front() {
        let sealed = ring(&[("a", 1)]).seal("row", b"value").unwrap();
        let rotated = ring(&[("b", 2), ("a", 1)]);
        assert_eq!(rotated.open("row", &sealed).unwrap(), b"value");
        assert_eq!(rotated.seal("row", b"x").unwrap().key_id(), Some("b"));
        assert_eq!(ring(&[("b", 2)]).open("row", &sealed), Err(SealError::UnknownKey("a".into())));
    }

    #[test]
    fn what_a_key_signed_can_be_told_while_it_is_in_the_ring() {
        let signed = |ring: &KeyRing| -> Vec<Vec<u8>> {
            ring.derive_hmacs("use").iter().map(|key| key.sign(&[b"text"])).collect()
        };
        let (old, both, new) = (ring(&[("a", 1)]), ring(&[("b", 2), ("a", 1)]), ring(&[("b", 2)]));
        assert_eq!(signed(&both), [signed(&old), signed(&new)].concat());
        assert_eq!(both.derive_hmac("use").unwrap().sign(&[b"text"]), signed(&old)[0]);
        let of_new = HmacKey::sha256(both.derive_bytes("b", "use").unwrap().expose());
        assert_eq!(of_new.sign(&[b"text"]), signed(&new)[0]);
        assert!(both.derive_bytes("c", "use").is_none());
        assert_ne!(both.derive_hmacs("another")[0].sign(&[b"text"]), signed(&old)[0]);
    }

    #[test]
    fn a_cut_or_changed_value_does_not_open_and_does_not_panic() {
        let keys = ring(&[("a", 1)]);
        let sealed = keys.seal("row", b"value").unwrap();
        for length in 0..sealed.as_bytes().len() {
            let cut = Sealed::from_bytes(sealed.as_bytes()[..length].to_vec());
            assert!(keys.open("row", &cut).is_err());
        }
        let mut changed = sealed.as_bytes().to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(keys.open("row", &Sealed::from_bytes(changed)), Err(SealError::DoesNotOpen));
    }

    #[test]
    fn a_bad_key_is_refused_with_its_id_and_the_rule() {
        assert_eq!(KeyRing::parse("  ").unwrap_err(), SealError::Empty);
        let short = format!("old:{}", STANDARD.encode([1; 16]));
        assert_eq!(
            KeyRing::parse(&short).unwrap_err().to_string(),
            "ENCRYPTION_KEY entry `old`: the key must be 32 bytes"
        );
    }

    #[test]
    fn p8_two_keys_of_one_name_are_refused_because_one_of_them_would_open_nothing() {
        let [one, other] = [1, 2].map(|byte| format!("old:{}", STANDARD.encode([byte; 32])));
        assert_eq!(
            KeyRing::parse(&format!("{one},{other}")).unwrap_err().to_string(),
            "ENCRYPTION_KEY entry `old`: the id is used twice"
        );
    }

    #[test]
    fn p8_an_entry_written_the_wrong_way_round_is_refused_without_the_key_in_it() {
        for length in [16, 24, 32] {
            let key = STANDARD.encode(vec![7; length]);
            for id in ["2026-11", "c2l4dGVlbiBieXRlcyE=", "old"] {
                let error = KeyRing::parse(&format!("{key}:{id}")).unwrap_err();
                assert!(!format!("{error} {error:?}").contains(&key), "{length}");
                assert!(error.to_string().contains("entry `number 1`"), "{error}");
            }
        }
    }
}
