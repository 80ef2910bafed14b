use std::sync::Arc;

use async_trait::async_trait;
use domain::{ConnectionId, TenantId};
use jiff::{SignedDuration, Timestamp};
use pms::{KeySource, PmsError, SessionKey};
use tokio::sync::Mutex;

use crate::KeyKeeper;

/// One connection's key, as its adapter asks for it. Within a process the database is asked once
/// a key's life, and callers that meet a dead key together wait for one refresh.
pub struct ConnectionKeys {
    keeper: Arc<KeyKeeper>,
    tenant: TenantId,
    connection: ConnectionId,
    known: Mutex<Option<(SessionKey, Timestamp)>>,
}

impl ConnectionKeys {
    /// The keys of one connection.
    #[must_use]
    pub fn new(keeper: Arc<KeyKeeper>, tenant: TenantId, connection: ConnectionId) -> Self {
        Self { keeper, tenant, connection, known: Mutex::new(None) }
    }

    async fn get(&self, stale: Option<&SessionKey>) -> Result<SessionKey, PmsError> {
        let mut known = self.known.lock().await;
        if let Some((key, expires_at)) = &*known {
            let alive = expires_at.duration_since(Timestamp::now()) > SignedDuration::from_secs(30);
            if alive && stale != Some(key) {
                return Ok(key.clone());
            }
        }
        let found = self.keeper.key(self.tenant, self.connection, stale).await?;
        let key = found.0.clone();
        *known = Some(found);
        Ok(key)
    }
}

#[async_trait]
impl KeySource for ConnectionKeys {
    async fn key(&self) -> Result<SessionKey, PmsError> {
        self.get(None).await
    }

    async fn renew(&self, stale: &SessionKey) -> Result<SessionKey, PmsError> {
        self.get(Some(stale)).await
    }
}
