use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use credentials::{ConnectionKeys, KeyKeeper};
use domain::{ConnectionId, TenantId};
use moka::future::Cache;
use pms::{Advice, ErrorKind, PMSAdapter, PmsError};
use pms_sikka::{OfficeProfile, Sikka, SikkaOffice};
use store::{Connection, Store, StoreError};
use writebacks::Offices;

use crate::budget::StoreBudget;
use crate::config::Own;

/// The adapters in use, one a connection: each remembers its practice's providers and chairs.
pub(crate) struct SikkaOffices {
    store: Store,
    sikka: Sikka,
    keeper: Arc<KeyKeeper>,
    settings: Own,
    open: Cache<(TenantId, ConnectionId), Arc<SikkaOffice>>,
}

impl SikkaOffices {
    pub(crate) fn new(store: Store, sikka: Sikka, keeper: Arc<KeyKeeper>, settings: Own) -> Self {
        let open = Cache::builder().max_capacity(5_000).time_to_live(Duration::from_secs(300)).build();
        Self { store, sikka, keeper, settings, open }
    }

    async fn open(&self, tenant: TenantId, id: ConnectionId) -> Result<Arc<SikkaOffice>, PmsError> {
        let connection = self.row(tenant, id).await.map_err(|error| match error {
            StoreError::NotFound => PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent),
            other => PmsError::new(ErrorKind::VendorDown, Advice::Retry).caused_by(other),
        })?;
        if connection.status != "active" || connection.vendor != "sikka" {
            return Err(PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).code(connection.status));
        }
        let profile: OfficeProfile = serde_json::from_value(connection.config)
            .map_err(|error| PmsError::new(ErrorKind::Unreadable, Advice::Permanent).caused_by(error))?;
        let keys = Arc::new(ConnectionKeys::new(self.keeper.clone(), tenant, id));
        let budget = Arc::new(StoreBudget::practice(
            self.store.clone(),
            (tenant, id),
            self.settings.first_budget,
            self.settings.budget_percent,
        ));
        Ok(Arc::new(SikkaOffice::new(self.sikka.clone(), profile, keys, budget)?))
    }

    /// Has the connection read anew when it is used next.
    pub(crate) async fn forget(&self, tenant: TenantId, id: ConnectionId) {
        self.open.invalidate(&(tenant, id)).await;
    }

    async fn row(&self, tenant: TenantId, id: ConnectionId) -> Result<Connection, StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        let connection = tx.connection(id).await?;
        tx.commit().await?;
        Ok(connection)
    }
}

#[async_trait]
impl Offices for SikkaOffices {
    async fn office(&self, tenant: TenantId, id: ConnectionId) -> Result<Arc<dyn PMSAdapter>, PmsError> {
        // The key names the tenant: what one tenant opened, another does not find.
        if let Some(office) = self.open.get(&(tenant, id)).await {
            return Ok(office);
        }
        let office = self.open(tenant, id).await?;
        // Two at once may open it twice; the one that stays is the one both use from now on.
        let office = self.open.entry((tenant, id)).or_insert(office).await.into_value();
        Ok(office)
    }
}
