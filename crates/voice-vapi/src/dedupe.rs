use uuid::Uuid;

/// Names an event however often it is delivered. Vapi has no event id, so it is made from what does
/// not change between deliveries: contract section 9, item 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DedupeKey([u8; 32]);

impl DedupeKey {
    /// The key as a UUID of version 8: the same event has the same id in every delivery.
    #[must_use]
    pub fn message_id(&self) -> Uuid {
        let mut first = [0; 16];
        first.copy_from_slice(&self.0[..16]);
        uuid::Builder::from_custom_bytes(first).into_uuid()
    }

    /// The key of bytes that tell nothing else about themselves.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        KeyParts::new("body").and(body).done()
    }
}

/// Fields in order, each with its length in front so that no two lists read the same.
pub(crate) struct KeyParts(Vec<u8>);

impl KeyParts {
    pub(crate) fn new(sort: &str) -> Self {
        Self(Vec::with_capacity(160)).and(sort.as_bytes())
    }

    pub(crate) fn and(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    pub(crate) fn done(self) -> DedupeKey {
        DedupeKey(seal::sha256(&self.0))
    }
}
