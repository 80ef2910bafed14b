use crate::HmacKey;

/// What one record of a chain is hashed over, in order.
///
/// Each field is written with its length in front, so that no two records read the same.
#[derive(Debug)]
pub struct Link<'a> {
    /// The chain's name: a record cannot be moved to another chain.
    pub chain: &'a str,
    /// The record's place, counted from 1.
    pub sequence: i64,
    /// The hash of the record before it; empty for the first.
    pub previous: &'a [u8],
    /// The record's content, field by field.
    pub fields: &'a [&'a [u8]],
}

/// The record's keyed hash. Without the key nobody can make a chain that verifies.
#[must_use]
pub fn chain_hash(key: &HmacKey, link: &Link<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut put = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    put(link.chain.as_bytes());
    put(&link.sequence.to_be_bytes());
    put(link.previous);
    for field in link.fields {
        put(field);
    }
    key.sign(&[&bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_two_fields_changes_the_hash() {
        let key = HmacKey::sha256(b"k");
        let hash =
            |fields: &[&[u8]]| chain_hash(&key, &Link { chain: "t", sequence: 1, previous: b"", fields });
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_eq!(hash(&[b"ab", b"c"]), hash(&[b"ab", b"c"]));
    }
}
