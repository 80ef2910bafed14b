use std::time::Duration;

use domain::{PracticeId, TenantId};
use moka::future::Cache;
use serde_json::json;
use store::{NewAudit, NumberOwner, Store, StoreError};
use tokio::time::timeout;
use voice_vapi::{Lookups, TenantClaims, TenantRefusal};

/// Long enough to spare the database a look for every word of a call, short enough for a number to change hands.
const REMEMBERED: Duration = Duration::from_secs(30);
const ENTRIES: u64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a call's tenant is not known.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// It must not be served.
    Refused(TenantRefusal),
    /// The database did not say.
    Unavailable,
}

/// Whom a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whose {
    pub(crate) tenant: TenantId,
    /// The location whose number was called, where the call names one.
    pub(crate) practice: Option<PracticeId>,
}

/// Whose number, and whose call.
pub(crate) struct Directory {
    store: Store,
    numbers: Cache<String, Option<NumberOwner>>,
    number_ids: Cache<String, Option<NumberOwner>>,
    calls: Cache<String, TenantId>,
    tenants: Cache<TenantId, bool>,
    install_links: Cache<[u8; 32], (TenantId, bool)>,
}

fn cache<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(ENTRIES).time_to_live(REMEMBERED).build()
}

impl Directory {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            numbers: cache(),
            number_ids: cache(),
            calls: cache(),
            tenants: cache(),
            install_links: cache(),
        }
    }

    /// The tenant that all sources agree on, if there is such a tenant.
    pub(crate) async fn tenant(&self, claims: &TenantClaims) -> Result<Whose, Unresolved> {
        let looking = async {
            let number = self.number(claims.clinic_number.as_deref()).await?;
            let number_id = self.number_id(claims.phone_number_id.as_deref()).await?;
            let lookups = Lookups {
                own_call: self.call(claims.call_id.as_deref()).await?,
                clinic_number: number.as_ref().map(|owner| owner.tenant),
                phone_number_id: number_id.as_ref().map(|owner| owner.tenant),
                // Assistants are not in the directory: one may serve many tenants.
                assistant_id: None,
            };
            let tenant = match claims.resolve(&lookups) {
                Ok(tenant) => tenant,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let practice = number.or(number_id).map(|owner| owner.practice);
            let exists = self.exists(tenant).await?;
            Ok(if exists { Ok(Whose { tenant, practice }) } else { Err(TenantRefusal::NoIntegration) })
        };
        match timeout(PATIENCE, looking).await.unwrap_or(Err(StoreError::Unavailable)) {
            Ok(outcome) => outcome.map_err(Unresolved::Refused),
            Err(error) => {
                tracing::warn!(error.cause = %error, "a call's tenant could not be looked up");
                Err(Unresolved::Unavailable)
            }
        }
    }

    /// Who answers the number called, by the number or by the vendor's id of it.
    pub(crate) async fn owner(&self, claims: &TenantClaims) -> Result<Option<NumberOwner>, StoreError> {
        let looking = async {
            match self.number(claims.clinic_number.as_deref()).await? {
                Some(owner) => Ok(Some(owner)),
                None => self.number_id(claims.phone_number_id.as_deref()).await,
            }
        };
        timeout(PATIENCE, looking).await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// What we know from now on about a call we answered.
    pub(crate) async fn remember_call(&self, call_id: &str, tenant: TenantId) {
        self.calls.insert(call_id.to_owned(), tenant).await;
    }

    async fn call(&self, id: Option<&str>) -> Result<Option<TenantId>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        if let Some(known) = self.calls.get(id).await {
            return Ok(Some(known));
        }
        // That a call is not known yet is never remembered: the next message may find it.
        let mut tx = self.store.machinery().await?;
        let found = tx.call_owner(id).await?;
        tx.commit().await?;
        if let Some(tenant) = found {
            self.calls.insert(id.to_owned(), tenant).await;
        }
        Ok(found)
    }

    async fn number(&self, number: Option<&str>) -> Result<Option<NumberOwner>, StoreError> {
        let Some(number) = number else { return Ok(None) };
        if let Some(known) = self.numbers.get(number).await {
            return Ok(known);
        }
        let mut tx = self.store.machinery().await?;
        let found = tx.number_owner(Some(number), None).await?;
        tx.commit().await?;
        self.numbers.insert(number.to_owned(), found.clone()).await;
        Ok(found)
    }

    async fn number_id(&self, id: Option<&str>) -> Result<Option<NumberOwner>, StoreError> {
        let Some(id) = id else { return Ok(None) };
        if let Some(known) = self.number_ids.get(id).await {
            return Ok(known);
        }
        let mut tx = self.store.machinery().await?;
        let found = tx.number_owner(None, Some(id)).await?;
        tx.commit().await?;
        self.number_ids.insert(id.to_owned(), found.clone()).await;
        Ok(found)
    }

    /// Whose install address has a secret of this hash, while it stands. That nobody has is not remembered: the next
    /// moment somebody may. Of one that was revoked the first try in a while is on its tenant's record.
    pub(crate) async fn install_link(&self, hash: [u8; 32]) -> Result<Option<TenantId>, StoreError> {
        if let Some((tenant, stands)) = self.install_links.get(&hash).await {
            return Ok(stands.then_some(tenant));
        }
        let looking = async {
            let mut tx = self.store.machinery().await?;
            let found = tx.install_link_owner("sikka", &hash).await?;
            tx.commit().await?;
            if let Some((tenant, false)) = found {
                let mut tx = self.store.tenant(tenant).await?;
                tx.audit(&NewAudit {
                    actor: "sikka install address",
                    action: "sign_in.refused",
                    patient: None,
                    call_id: None,
                    tool: None,
                    outcome: "refused",
                    ms: 0,
                    detail: json!({ "why": "revoked" }),
                })
                .await?;
                tx.commit().await?;
            }
            Ok(found)
        };
        let found = timeout(PATIENCE, looking).await.unwrap_or(Err(StoreError::Unavailable))?;
        if let Some(known) = found {
            self.install_links.insert(hash, known).await;
        }
        Ok(found.filter(|(_, stands)| *stands).map(|(tenant, _)| tenant))
    }

    async fn exists(&self, tenant: TenantId) -> Result<bool, StoreError> {
        if let Some(known) = self.tenants.get(&tenant).await {
            return Ok(known);
        }
        let mut tx = self.store.machinery().await?;
        let found = tx.tenant_exists(tenant).await?;
        tx.commit().await?;
        self.tenants.insert(tenant, found).await;
        Ok(found)
    }
}
