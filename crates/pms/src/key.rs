use async_trait::async_trait;
use jiff::Timestamp;
use seal::Secret;

use crate::PmsError;

/// The short-lived key that opens one practice's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKey(pub Secret);

/// What a log-in or a refresh gave.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The new key.
    pub key: SessionKey,
    /// What the next refresh is made with, where the vendor gives one.
    pub refresh: Option<Secret>,
    /// When the key stops working.
    pub expires_at: Timestamp,
}

/// Where an adapter gets its key, and a new one when the vendor no longer takes it.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key in force.
    ///
    /// # Errors
    /// [`PmsError`] of kind `AccessWithdrawn` when somebody must connect again, or why none could be got.
    async fn key(&self) -> Result<SessionKey, PmsError>;

    /// A key other than `stale`. However many ask at once, the vendor is asked once.
    ///
    /// # Errors
    /// As [`KeySource::key`].
    async fn renew(&self, stale: &SessionKey) -> Result<SessionKey, PmsError>;
}

/// The vendor's door: how a connection's credentials become a key.
#[async_trait]
pub trait PmsLogin: Send + Sync {
    /// Gets a key from the connection's sealed credentials, by refresh where `refresh` is given and
    /// still good, otherwise from the start.
    ///
    /// # Errors
    /// [`PmsError`]; `AccessWithdrawn` means that no later try with these credentials will work.
    async fn log_in(&self, credentials: &Secret, refresh: Option<&Secret>) -> Result<Grant, PmsError>;

    /// The connection's credentials as the vendor has them now, asked for after it refused those we have. `None`: it
    /// lists the practice no longer, or has no way to tell.
    ///
    /// # Errors
    /// [`PmsError`]; `AccessWithdrawn` means that it refuses us whatever the practice says: our own keys are wrong.
    async fn current(&self, credentials: &Secret) -> Result<Option<Secret>, PmsError>;
}
