use std::sync::Arc;
use std::time::Duration;

use domain::{AlertKind, ConnectionId, TenantId};
use jiff::{SignedDuration, Timestamp};
use messages::{Named as _, proto_time, v1};
use pms::{Advice, ErrorKind, Grant, PmsError, PmsLogin, SessionKey};
use seal::Secret;
use store::{NewAlert, OutgoingLetter, Store, StoreError, TenantTx, Tokens};
use tokio::time::Instant;
use uuid::Uuid;

use crate::schedule::{refresh_at, retry_at};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The vendor gave none.
    #[error(transparent)]
    Vendor(#[from] PmsError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process is refreshing and did not come to an end in time.
    #[error("another process is refreshing this key and did not finish in time")]
    Waited,
}

impl From<RefreshError> for PmsError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Vendor(error) => error,
            other => Self::new(ErrorKind::VendorDown, Advice::Retry).caused_by(other),
        }
    }
}

type KeyResult = Result<(SessionKey, Timestamp), RefreshError>;

/// How a keeper goes about it.
#[derive(Debug, Clone)]
pub struct KeeperSettings {
    /// How long one refresh may take before another process may try.
    pub lease: Duration,
    /// How long a caller waits for another process's refresh.
    pub wait: Duration,
    /// A key with less than this left is not handed out.
    pub margin: Duration,
}

impl Default for KeeperSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(20),
            wait: Duration::from_secs(10),
            margin: Duration::from_secs(30),
        }
    }
}

/// Keeps the keys of one vendor's connections: each refreshed once, however many processes ask,
/// written down before anything uses it, and turned into `reauthorise` when the vendor will give no more.
pub struct KeyKeeper {
    store: Store,
    login: Arc<dyn PmsLogin>,
    settings: KeeperSettings,
}

impl std::fmt::Debug for KeyKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyKeeper")
    }
}

impl KeyKeeper {
    /// A keeper that logs in through `login`.
    pub fn new(store: Store, login: Arc<dyn PmsLogin>, settings: KeeperSettings) -> Self {
        Self { store, login, settings }
    }

    /// A key that is not `stale` and has some life left, and when it ends. Asks the vendor only when
    /// the database has none.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn key(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        stale: Option<&SessionKey>,
    ) -> Result<(SessionKey, Timestamp), RefreshError> {
        let give_up = Instant::now() + self.settings.wait;
        loop {
            let mut tx = self.store.tenant(tenant).await?;
            if let Some(settled) = self.settled(&mut tx, connection, stale).await? {
                tx.commit().await?;
                return settled;
            }
            if tx.lease_refresh(connection, self.settings.lease.as_secs_f64()).await? {
                // Another may have come to its end between the reading and the lease.
                if let Some(settled) = self.settled(&mut tx, connection, stale).await? {
                    tx.roll_back().await?;
                    return settled;
                }
                let tokens = tx.tokens(connection).await?;
                tx.commit().await?;
                return self.refresh(tenant, connection, &tokens).await;
            }
            tx.commit().await?;
            if Instant::now() >= give_up {
                return Err(RefreshError::Waited);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What can be answered without asking the vendor; `None`: it must be asked.
    async fn settled(
        &self,
        tx: &mut TenantTx,
        connection: ConnectionId,
        stale: Option<&SessionKey>,
    ) -> Result<Option<KeyResult>, StoreError> {
        let tokens = tx.tokens(connection).await?;
        if let Some(found) = self.usable(&tokens, stale) {
            return Ok(Some(Ok(found)));
        }
        // After `reauthorise` the vendor is not asked again until somebody connects anew.
        if tx.connection(connection).await?.status == "reauthorise" {
            return Ok(Some(Err(PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).into())));
        }
        // Nobody asks a vendor that just failed on behalf of every caller in turn.
        let now = Timestamp::now();
        Ok(tokens.retry_at.filter(|at| *at > now).map(|at| {
            let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            Err(PmsError::new(ErrorKind::VendorDown, Advice::RetryAfter(wait)).into())
        }))
    }

    /// Refreshes a connection that this process has leased.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh_leased(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
    ) -> Result<(), RefreshError> {
        let mut tx = self.store.tenant(tenant).await?;
        let tokens = tx.tokens(connection).await?;
        tx.commit().await?;
        self.refresh(tenant, connection, &tokens).await.map(drop)
    }

    fn usable(&self, tokens: &Tokens, stale: Option<&SessionKey>) -> Option<(SessionKey, Timestamp)> {
        let key = SessionKey(tokens.key.clone()?);
        let expires_at = tokens.expires_at?;
        let margin = SignedDuration::try_from(self.settings.margin).unwrap_or(SignedDuration::ZERO);
        let alive = expires_at.duration_since(Timestamp::now()) > margin;
        (alive && stale != Some(&key)).then_some((key, expires_at))
    }

    async fn refresh(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        tokens: &Tokens,
    ) -> Result<(SessionKey, Timestamp), RefreshError> {
        match self.login.log_in(&tokens.credentials, tokens.refresh.as_ref()).await {
            Ok(grant) => {
                self.keep(tenant, connection, &grant, tokens.refresh.as_ref()).await?;
                metrics::counter!("token_refreshes", "outcome" => "ok").increment(1);
                tracing::info!(connection.id = %connection, "a connection has a new key");
                Ok((grant.key, grant.expires_at))
            }
            Err(error) => {
                self.failed(tenant, connection, &error).await?;
                metrics::counter!("token_refreshes", "outcome" => "failed").increment(1);
                tracing::warn!(connection.id = %connection, error = %error, "a key could not be refreshed");
                Err(error.into())
            }
        }
    }

    async fn keep(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        grant: &Grant,
        old_refresh: Option<&Secret>,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        let refresh = grant.refresh.as_ref().or(old_refresh);
        let due_at = refresh_at(Timestamp::now(), grant.expires_at);
        tx.store_tokens(connection, &grant.key.0, refresh, grant.expires_at, due_at).await?;
        for healed in [AlertKind::Reauthorise, AlertKind::RefreshFailing, AlertKind::TokenExpiring] {
            tx.clear(Some(connection), healed).await?;
        }
        let body = v1::TokenRefreshed {
            tenant_id: tenant.to_string(),
            connection_id: connection.to_string(),
            expires_at: Some(proto_time(grant.expires_at)),
        }
        .to_bytes();
        tx.send(&OutgoingLetter {
            message_id: Uuid::now_v7(),
            exchange: "events",
            routing_key: "token.refreshed",
            kind: v1::TokenRefreshed::NAME,
            hash_key: None,
            traceparent: None,
            body: &body,
        })
        .await?;
        tx.commit().await
    }

    async fn failed(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        error: &PmsError,
    ) -> Result<(), StoreError> {
        let dead = error.kind == ErrorKind::AccessWithdrawn && error.advice == Advice::Permanent;
        let mut tx = self.store.tenant(tenant).await?;
        let before = Timestamp::now();
        let failures =
            tx.refresh_failed(connection, dead.then_some("reauthorise"), &error.to_string(), before).await?;
        // The count is known only now; the first statement gave the lease back already.
        tx.postpone_refresh(connection, retry_at(before, failures - 1)).await?;
        if dead {
            tx.raise(&NewAlert {
                connection: Some(connection),
                kind: AlertKind::Reauthorise,
                happened: "The vendor no longer takes this connection's credentials. Its key is not refreshed any more.",
            })
            .await?;
        }
        tx.commit().await
    }
}
