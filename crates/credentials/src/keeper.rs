use std::sync::Arc;
use std::time::Duration;

use domain::{AlertKind, ConnectionId, TenantId};
use jiff::{SignedDuration, Timestamp};
use messages::{Named as _, proto_time, v1};
use pms::{Advice, ErrorKind, Grant, PmsError, PmsLogin, SessionKey};
use seal::Secret;
use store::{DueRefresh, NewAlert, OutgoingLetter, RefreshLease, Store, StoreError, TenantTx, Tokens};
use tokio::time::Instant;

use crate::schedule::{ask_again_at, put_off, refresh_at, retry_at};

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

/// A key that ends this soon and was not refreshed is worth a word.
const LITTLE_LEFT: SignedDuration = SignedDuration::from_hours(2);

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
            // A refused refresh is asked about up to five times: refresh, log-in, list, log-in.
            lease: Duration::from_secs(60),
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
            let lease = tx.lease_refresh(connection, self.settings.lease.as_secs_f64()).await?;
            if let Some(lease) = lease {
                // Another may have come to its end between the reading and the lease.
                if let Some(settled) = self.settled(&mut tx, connection, stale).await? {
                    tx.roll_back().await?;
                    return settled;
                }
                let tokens = tx.tokens(connection).await?;
                tx.commit().await?;
                if let Some(found) = self.refresh(tenant, connection, lease, &tokens).await? {
                    return Ok(found);
                }
                // Who has the lease by now brings a newer one.
                continue;
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
        // After `reauthorise` only the refresher asks the vendor, slowly, until somebody connects anew.
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
    pub async fn refresh_leased(&self, due: DueRefresh) -> Result<(), RefreshError> {
        let mut tx = self.store.tenant(due.tenant).await?;
        let tokens = tx.tokens(due.connection).await?;
        tx.commit().await?;
        self.refresh(due.tenant, due.connection, due.lease, &tokens).await.map(drop)
    }

    fn usable(&self, tokens: &Tokens, stale: Option<&SessionKey>) -> Option<(SessionKey, Timestamp)> {
        let key = SessionKey(tokens.key.clone()?);
        let expires_at = tokens.expires_at?;
        let margin = SignedDuration::try_from(self.settings.margin).unwrap_or(SignedDuration::ZERO);
        let alive = expires_at.duration_since(Timestamp::now()) > margin;
        (alive && stale != Some(&key)).then_some((key, expires_at))
    }

    /// Asks the vendor, and writes down what it said; none: the lease ended before it answered, and somebody else has it.
    async fn refresh(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        lease: RefreshLease,
        tokens: &Tokens,
    ) -> Result<Option<(SessionKey, Timestamp)>, RefreshError> {
        let (answer, renewed) = match self.login.log_in(&tokens.credentials, tokens.refresh.as_ref()).await {
            Err(error) if is_refusal(&error) => self.ask_once_more(error, &tokens.credentials).await,
            Err(error) => (Err(Refused::ForNow(error)), None),
            Ok(grant) => (Ok(grant), None),
        };
        match answer {
            Ok(grant) => {
                let old = Some(tokens.refresh.as_ref()).filter(|_| renewed.is_none()).flatten();
                if !self.keep((tenant, connection, lease), &grant, old, renewed.as_ref()).await? {
                    return Ok(lost(connection));
                }
                metrics::counter!("token_refreshes", "outcome" => "ok").increment(1);
                tracing::info!(connection.id = %connection, "a connection has a new key");
                Ok(Some((grant.key, grant.expires_at)))
            }
            Err(Refused::ForNow(error)) if error.kind == ErrorKind::RateLimited => {
                if !self.put_off((tenant, connection, lease), tokens, &error).await? {
                    return Ok(lost(connection));
                }
                metrics::counter!("token_refreshes", "outcome" => "put_off").increment(1);
                Err(error.into())
            }
            Err(refused) => {
                if !self.failed((tenant, connection, lease), &refused).await? {
                    return Ok(lost(connection));
                }
                let error = refused.into_error();
                metrics::counter!("token_refreshes", "outcome" => "failed").increment(1);
                tracing::warn!(connection.id = %connection, error = %error, "a key could not be refreshed");
                Err(error.into())
            }
        }
    }

    /// A refusal is believed when the vendor's own list says the same: the practice's secret may be another one by
    /// now, and where the list is refused as well it is not about this practice.
    async fn ask_once_more(
        &self,
        refusal: PmsError,
        credentials: &Secret,
    ) -> (Result<Grant, Refused>, Option<Secret>) {
        match self.login.current(credentials).await {
            Ok(Some(current)) if current != *credentials => match self.login.log_in(&current, None).await {
                Ok(grant) => (Ok(grant), Some(current)),
                Err(error) if is_refusal(&error) => (Err(Refused::ForGood(error)), None),
                Err(error) => (Err(Refused::ForNow(error)), None),
            },
            Ok(_) => (Err(Refused::ForGood(refusal)), None),
            Err(error) if error.kind == ErrorKind::AccessWithdrawn => (Err(Refused::AllOfUs(error)), None),
            Err(error) => (Err(Refused::ForNow(error)), None),
        }
    }

    /// False: the lease is somebody else's by now, and nothing is written down.
    async fn keep(
        &self,
        (tenant, connection, lease): (TenantId, ConnectionId, RefreshLease),
        grant: &Grant,
        old_refresh: Option<&Secret>,
        renewed: Option<&Secret>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        let refresh = grant.refresh.as_ref().or(old_refresh);
        let due_at = refresh_at(Timestamp::now(), grant.expires_at);
        let stored =
            tx.store_tokens(connection, lease, &grant.key.0, refresh, grant.expires_at, due_at).await?;
        let Some(is_back) = stored else {
            tx.roll_back().await?;
            return Ok(false);
        };
        if let Some(credentials) = renewed {
            tx.store_credentials(connection, credentials).await?;
        }
        if is_back {
            let body = v1::ConnectionChanged {
                tenant_id: tenant.to_string(),
                connection_id: connection.to_string(),
            }
            .to_bytes();
            tx.send(&OutgoingLetter::event("connection.changed", v1::ConnectionChanged::NAME, &body)).await?;
        }
        for healed in [AlertKind::Reauthorise, AlertKind::RefreshFailing, AlertKind::TokenExpiring] {
            tx.clear(Some(connection), healed).await?;
        }
        let body = v1::TokenRefreshed {
            tenant_id: tenant.to_string(),
            connection_id: connection.to_string(),
            expires_at: Some(proto_time(grant.expires_at)),
        }
        .to_bytes();
        tx.send(&OutgoingLetter::event("token.refreshed", v1::TokenRefreshed::NAME, &body)).await?;
        tx.commit().await?;
        // The key is there, whether or not this can be told: the next one tells it again.
        if let Err(error) = self.our_keys_are_good().await {
            tracing::warn!(error = %error, "an alert about our own keys may stay open");
        }
        Ok(true)
    }

    async fn our_keys_are_good(&self) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        tx.clear(None, None, AlertKind::ApplicationRefused).await?;
        tx.commit().await
    }

    /// Tells the operator that it is not about one practice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn our_keys_are_refused(&self) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        let alert = NewAlert {
            connection: None,
            kind: AlertKind::ApplicationRefused,
            happened: "The vendor refused the application's own list of practices.",
        };
        tx.raise(None, &alert).await?;
        tx.commit().await
    }

    /// Room for one more log-in will be there: nothing is wrong with the practice, nor with the vendor. False: as
    /// [`KeyKeeper::keep`].
    async fn put_off(
        &self,
        (tenant, connection, lease): (TenantId, ConnectionId, RefreshLease),
        tokens: &Tokens,
        error: &PmsError,
    ) -> Result<bool, StoreError> {
        let now = Timestamp::now();
        let mut tx = self.store.tenant(tenant).await?;
        if !tx.postpone_refresh(connection, lease, put_off(now, advised(error))).await? {
            tx.roll_back().await?;
            return Ok(false);
        }
        if tokens.expires_at.is_some_and(|at| at.duration_since(now) < LITTLE_LEFT) {
            tx.note_refresh(connection, &error.to_string()).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// False: as [`KeyKeeper::keep`].
    async fn failed(
        &self,
        (tenant, connection, lease): (TenantId, ConnectionId, RefreshLease),
        refused: &Refused,
    ) -> Result<bool, StoreError> {
        let is_dead = matches!(refused, Refused::ForGood(_));
        let before = Timestamp::now();
        let mut tx = self.store.tenant(tenant).await?;
        let error = refused.error().to_string();
        let Some((failures, is_withdrawn)) = tx.refresh_failed(connection, lease, is_dead, &error).await?
        else {
            tx.roll_back().await?;
            return Ok(false);
        };
        let next_at = if is_withdrawn { ask_again_at(before) } else { retry_at(before, failures - 1) };
        tx.postpone_refresh(connection, lease, next_at).await?;
        if is_withdrawn {
            tx.raise(&NewAlert {
                connection: Some(connection),
                kind: AlertKind::Reauthorise,
                happened: "The vendor no longer takes this connection's credentials, and lists no others that work.",
            })
            .await?;
        }
        tx.commit().await?;
        if matches!(refused, Refused::AllOfUs(_)) {
            self.our_keys_are_refused().await?;
        }
        Ok(true)
    }
}

/// What the vendor said came too late to count.
fn lost(connection: ConnectionId) -> Option<(SessionKey, Timestamp)> {
    metrics::counter!("token_refreshes", "outcome" => "lost").increment(1);
    tracing::warn!(connection.id = %connection, "a log-in took longer than its lease: another one counts");
    None
}

/// What a refusal is worth.
#[derive(Debug)]
enum Refused {
    /// Another try may go better.
    ForNow(PmsError),
    /// The practice's: nothing that the vendor lists for it works.
    ForGood(PmsError),
    /// This installation's own keys are refused: nothing is said about the practice.
    AllOfUs(PmsError),
}

impl Refused {
    const fn error(&self) -> &PmsError {
        match self {
            Self::ForNow(error) | Self::ForGood(error) | Self::AllOfUs(error) => error,
        }
    }

    /// For whoever waits for a key: that access is withdrawn is said of a practice alone.
    fn into_error(self) -> PmsError {
        match self {
            Self::ForNow(error) | Self::ForGood(error) => error,
            Self::AllOfUs(error) => PmsError::new(ErrorKind::VendorDown, Advice::Retry)
                .code("application_refused")
                .caused_by(error),
        }
    }
}

/// How long a vendor, or our own budget, asks to be left alone.
fn advised(error: &PmsError) -> Duration {
    match error.advice {
        Advice::RetryAfter(wait) => wait,
        _ => Duration::from_secs(5),
    }
}

fn is_refusal(error: &PmsError) -> bool {
    error.kind == ErrorKind::AccessWithdrawn && error.advice == Advice::Permanent
}
