use async_trait::async_trait;
use pms::{KeySource, PmsError, PmsLogin as _, SessionKey};
use pms_sikka::SikkaLogin;
use seal::Secret;
use tokio::sync::Mutex;

/// The key of a connection that is only tried: got once, and written down nowhere.
pub(super) struct TrialKeys {
    login: SikkaLogin,
    credentials: Secret,
    key: Mutex<Option<SessionKey>>,
}

impl TrialKeys {
    pub(super) fn new(login: SikkaLogin, credentials: Secret) -> Self {
        Self { login, credentials, key: Mutex::new(None) }
    }
}

#[async_trait]
impl KeySource for TrialKeys {
    async fn key(&self) -> Result<SessionKey, PmsError> {
        let mut known = self.key.lock().await;
        if let Some(key) = &*known {
            return Ok(key.clone());
        }
        let key = self.login.log_in(&self.credentials, None).await?.key;
        *known = Some(key.clone());
        Ok(key)
    }

    async fn renew(&self, stale: &SessionKey) -> Result<SessionKey, PmsError> {
        let mut known = self.key.lock().await;
        if known.as_ref() == Some(stale) {
            *known = None;
        }
        drop(known);
        self.key().await
    }
}
