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

/// How long a connection that waits for its practice's data is left alone.
const UNTIL_DATA: Duration = Duration::from_mins(10);

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
        usable(&connection)?;
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

/// Whether a connection may be used, or why not. Of one whose data is on its way, once more perhaps, nobody withdrew
/// anything: it is used again by itself, and what waits for it until then is sent.
fn usable(connection: &Connection) -> Result<(), PmsError> {
    let error = match (connection.vendor.as_str(), connection.status.as_str()) {
        ("sikka", "active") => return Ok(()),
        ("sikka", "pending") => PmsError::new(ErrorKind::NotReady, Advice::RetryAfter(UNTIL_DATA)),
        _ => PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent),
    };
    Err(error.code(connection.status.as_str()))
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

#[cfg(test)]
mod tests {
    use domain::PracticeId;
    use serde_json::json;

    use super::*;

    fn refused(vendor: &str, status: &str) -> Option<PmsError> {
        let connection = Connection {
            id: ConnectionId::new(),
            practice: PracticeId::new(),
            vendor: vendor.into(),
            status: status.into(),
            config: json!({}),
            capabilities: None,
            token_expires_at: None,
            last_error: None,
        };
        usable(&connection).err()
    }

    #[test]
    fn p12_a_connection_whose_data_is_on_its_way_is_waited_for_and_one_that_was_taken_back_is_not() {
        assert!(refused("sikka", "active").is_none());
        let error = refused("sikka", "pending").unwrap();
        assert_eq!((error.kind, error.advice), (ErrorKind::NotReady, Advice::RetryAfter(UNTIL_DATA)));
        assert_eq!(error.code.as_deref(), Some("pending"), "nothing that the vendor said");
        for (vendor, status) in
            [("sikka", "disabled"), ("sikka", "error"), ("sikka", "reauthorise"), ("another", "active")]
        {
            let error = refused(vendor, status).unwrap();
            assert_eq!(
                (error.kind, error.advice),
                (ErrorKind::AccessWithdrawn, Advice::Permanent),
                "{status}"
            );
        }
    }
}
