use domain::WritebackId;
use seal::sha256;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Eight letters and digits that no other write has: they travel in a text field of the practice's
/// system, and find the write again when its reply was lost.
#[must_use]
pub fn reference(id: WritebackId) -> String {
    sha256(id.uuid().as_bytes())
        .iter()
        .take(8)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_eight_plain_characters_and_stays_the_same() {
        let id = WritebackId::new();
        assert_eq!(reference(id), reference(id));
        assert_eq!(reference(id).len(), 8);
        assert!(reference(id).bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        assert_ne!(reference(id), reference(WritebackId::new()));
    }
}
