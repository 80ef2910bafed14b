//! The door: how an office's secret becomes a key (contract 2.3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, Grant, PmsError, PmsLogin, SessionKey};
use seal::Secret;
use serde::Deserialize;
use tokio::sync::Mutex;
use vendor_http::Budget;

use crate::client::{Calls, Door, post};
use crate::{AuthorizedPractice, Sikka, wire};

/// Gets request keys for any office that let the application in.
///
/// Its credentials are JSON, `{"office_id": …, "secret_key": …}`: see [`office_credentials`].
#[derive(Clone)]
pub struct SikkaLogin {
    calls: Calls,
    /// However many offices are refused at once, the list is read once in [`LIST_FRESH`].
    listed: Arc<Mutex<Option<ListRead>>>,
}

/// When the list was read, and what it held.
type ListRead = (Instant, Arc<Vec<AuthorizedPractice>>);

const LIST_FRESH: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct OfficeCredentials {
    office_id: String,
    secret_key: Secret,
}

/// What to seal for an office, as [`SikkaLogin`] reads it.
#[must_use]
pub fn office_credentials(office_id: &str, secret_key: &Secret) -> Secret {
    Secret::new(serde_json::json!({ "office_id": office_id, "secret_key": secret_key.expose() }).to_string())
}

impl SikkaLogin {
    /// Log-ins of `sikka`'s application, within `budget`.
    #[must_use]
    pub fn new(sikka: Sikka, budget: Arc<dyn Budget>) -> Self {
        Self { calls: Calls { sikka, budget, keys: None }, listed: Arc::default() }
    }

    /// The same door, with its log-ins counted in `budget`.
    #[must_use]
    pub fn within(&self, budget: Arc<dyn Budget>) -> Self {
        Self { calls: Calls { budget, ..self.calls.clone() }, listed: self.listed.clone() }
    }

    async fn list(&self) -> Result<Arc<Vec<AuthorizedPractice>>, PmsError> {
        let mut known = self.listed.lock().await;
        if let Some((read_at, list)) = &*known
            && read_at.elapsed() < LIST_FRESH
        {
            return Ok(list.clone());
        }
        let list = Arc::new(self.calls.sikka.authorized_practices().await?);
        *known = Some((Instant::now(), list.clone()));
        Ok(list)
    }

    async fn grant(&self, body: &wire::KeyRequest<'_>) -> Result<Grant, PmsError> {
        // The vendor counts from its answer. Counting from the question is the shorter life.
        let asked_at = Timestamp::now();
        let request = post("request_key", "/request_key", body)?;
        let grant: wire::KeyGrant = self.calls.object(Door::Open, &request).await?;
        let unreadable = |what: &str| PmsError::new(ErrorKind::Unreadable, Advice::Retry).code(what);
        let key = grant.request_key.ok_or_else(|| unreadable("request_key"))?;
        let seconds = grant.expires_in.leading_number().ok_or_else(|| unreadable("expires_in"))?;
        let expires_at =
            asked_at.checked_add(SignedDuration::from_secs(seconds)).map_err(|_| unreadable("expires_in"))?;
        Ok(Grant { key: SessionKey(key), refresh: grant.refresh_key, expires_at })
    }

    fn body(&self, grant_type: &'static str) -> wire::KeyRequest<'_> {
        let app = &self.calls.sikka.app;
        wire::KeyRequest {
            grant_type,
            app_id: app.app_id.expose(),
            app_key: app.app_key.expose(),
            office_id: None,
            secret_key: None,
            refresh_key: None,
        }
    }
}

/// Whether the vendor said no, rather than nothing: then the refresh key is spent and the office's secret decides.
const fn is_refusal(error: &PmsError) -> bool {
    !matches!(error.kind, ErrorKind::VendorDown | ErrorKind::RateLimited | ErrorKind::Unreadable)
}

#[async_trait]
impl PmsLogin for SikkaLogin {
    async fn log_in(&self, credentials: &Secret, refresh: Option<&Secret>) -> Result<Grant, PmsError> {
        if let Some(refresh) = refresh {
            let body = wire::KeyRequest { refresh_key: Some(refresh.expose()), ..self.body("refresh_key") };
            match self.grant(&body).await {
                Err(error) if is_refusal(&error) => {
                    tracing::info!(
                        code = error.code,
                        "The refresh key was refused; logging in from the start."
                    );
                }
                answer => return answer,
            }
        }
        let office = read(credentials)?;
        let body = wire::KeyRequest {
            office_id: Some(&office.office_id),
            secret_key: Some(office.secret_key.expose()),
            ..self.body("request_key")
        };
        self.grant(&body).await
    }

    async fn current(&self, credentials: &Secret) -> Result<Option<Secret>, PmsError> {
        let office = read(credentials)?.office_id;
        let listed = self.list().await?;
        let own = listed.iter().find(|one| one.office_id.eq_ignore_ascii_case(&office));
        Ok(own.map(|own| own.credentials.clone()))
    }
}

fn read(credentials: &Secret) -> Result<OfficeCredentials, PmsError> {
    let unusable = || PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).code("credentials");
    serde_json::from_str(credentials.expose()).map_err(|_| unusable())
}
