use std::sync::Arc;
use std::time::Duration;

use domain::{Clinician, ConnectionId, TenantId};
use moka::future::Cache;
use store::{ClinicianMapping, Store, StoreError};

type Names = Arc<Vec<ClinicianMapping>>;

/// What staff call the people of their system's list, and whom they do not offer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StaffNames {
    store: Store,
    known: Cache<(TenantId, ConnectionId), Names>,
}

impl StaffNames {
    pub(crate) fn new(store: Store) -> Self {
        let known = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(30)).build();
        Self { store, known }
    }

    /// Has everything read anew.
    pub(crate) fn forget(&self) {
        self.known.invalidate_all();
    }

    /// People of a practice, as its staff want them named and offered. The database away, nobody is renamed: what the
    /// system itself says is true as well.
    pub(crate) async fn put_on(&self, tenant: TenantId, connection: ConnectionId, people: &mut [Clinician]) {
        let names = match self.known.try_get_with((tenant, connection), self.load(tenant, connection)).await {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(connection.id = %connection, error = %error, "what staff call their people is not known");
                return;
            }
        };
        for person in people {
            if let Some(named) = names.iter().find(|one| one.vendor_id == person.vendor_id) {
                person.spoken_name.clone_from(&named.name);
                person.bookable &= named.offered;
            }
        }
    }

    async fn load(&self, tenant: TenantId, connection: ConnectionId) -> Result<Names, StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        let names = tx.clinician_mappings(connection).await?;
        tx.commit().await?;
        Ok(Arc::new(names))
    }
}
