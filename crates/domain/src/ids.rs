use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A noun that has ids.
pub trait Kind: 'static {
    /// What stands before the id at every edge, without the underscore.
    const PREFIX: &'static str;
}

/// A UUIDv7 that knows what it names: `wb_018f…` outside, plain in the database.
pub struct Id<K: Kind>(Uuid, PhantomData<fn() -> K>);

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form `{prefix}_…`")]
pub struct IdError {
    prefix: &'static str,
}

impl<K: Kind> Id<K> {
    /// A new id, ordered by time.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default id would be a random one")]
    pub fn new() -> Self {
        Self(Uuid::now_v7(), PhantomData)
    }

    /// As the database holds it.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// As the database holds it.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Id<K> {}

impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Kind> Eq for Id<K> {}

impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(|rest| Uuid::try_parse(rest).ok())
            .map(Self::from_uuid)
            .ok_or(IdError { prefix: K::PREFIX })
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $id:ident = $kind:ident $prefix:literal;)*) => {
        /// The nouns themselves, only ever named in types.
        pub(crate) mod kinds {
            $(
                $(#[$doc])*
                #[derive(Debug)]
                pub enum $kind {}
                impl super::Kind for $kind {
                    const PREFIX: &'static str = $prefix;
                }
            )*
        }
        $($(#[$doc])* pub type $id = Id<kinds::$kind>;)*
    };
}

kinds! {
    /// A customer: a clinic group.
    TenantId = Tenant "ten";
    /// One location of a tenant.
    PracticeId = Practice "prac";
    /// A tenant's link to one practice-management system.
    ConnectionId = Connection "conn";
    /// One write that must land in a practice-management system.
    WritebackId = Writeback "wb";
    /// A slot held for a booking under way.
    HoldId = Hold "hold";
    /// A REST client's key.
    ApiKeyId = ApiKey "key";
    /// A person who signs in.
    UserId = User "user";
    /// Our record of one phone call.
    CallLogId = CallLog "call";
    /// One event a vendor sent.
    WebhookEventId = WebhookEvent "evt";
    /// Something somebody should look at.
    AlertId = Alert "alert";
    /// Where a tenant wants its alerts sent.
    AlertDestinationId = AlertDestination "dest";
    /// One piece of news on its way to one destination.
    AlertDeliveryId = AlertDelivery "adel";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_is_shown() {
        let id = WritebackId::new();
        assert!(id.to_string().starts_with("wb_"));
        assert_eq!(id.to_string().parse::<WritebackId>(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = TenantId::new().to_string();
        assert_eq!(
            id.parse::<WritebackId>().map_err(|error| error.to_string()),
            Err("not an id of the form `wb_…`".to_owned())
        );
    }
}
