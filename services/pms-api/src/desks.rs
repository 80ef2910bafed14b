use std::sync::Arc;
use std::time::Duration;

use domain::{AppointmentType, ClinicianKind, PracticeId, TenantId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use moka::future::Cache;
use pms::Capabilities;
use reception::{Caller, Desk, IdentityRules, Language, Settings};
use store::{Connection, Practice, Store, StoreError, Tenant};

/// Why there is no desk to ask at.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NoDesk {
    /// The tenant has no connection that works.
    #[error("no PMS integration found")]
    NoIntegration,
    /// It has several, and nobody said which.
    #[error("the tenant has several locations, and none was named")]
    PracticeUnclear,
    /// The database did not answer.
    #[error("the database cannot be reached")]
    Unavailable,
}

impl From<StoreError> for NoDesk {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NoIntegration,
            _ => Self::Unavailable,
        }
    }
}

/// What a desk is made of, apart from who asks.
struct Place {
    tenant: Tenant,
    practice: Practice,
    connection: Connection,
    capabilities: Capabilities,
    zone: TimeZone,
    identity: IdentityRules,
    appointment_types: Vec<AppointmentType>,
}

/// The desks of all tenants. What they are made of changes rarely and is kept for half a minute.
pub(crate) struct Desks {
    store: Store,
    write_wait: Duration,
    places: Cache<(TenantId, Option<PracticeId>), Arc<Place>>,
}

impl Desks {
    pub(crate) fn new(store: Store, write_wait: Duration) -> Self {
        let places = Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(30)).build();
        Self { store, write_wait, places }
    }

    /// The desk of one location, or of the tenant's only one.
    pub(crate) async fn desk(
        &self,
        tenant: TenantId,
        practice: Option<PracticeId>,
        language: Option<&str>,
        caller: impl FnOnce(&str) -> Caller,
    ) -> Result<Desk, NoDesk> {
        let place = self
            .places
            .try_get_with((tenant, practice), self.load(tenant, practice))
            .await
            .map_err(|error: Arc<NoDesk>| (*error).clone())?;
        let language = language
            .and_then(Language::read)
            .or_else(|| Language::read(&place.tenant.language))
            .unwrap_or(Language::English);
        let told = |key: &str| place.connection.config.get(key).and_then(|value| value.as_str());
        let default_clinician = told("default_clinician").map(str::to_owned);
        let currency = told("currency").and_then(|code| code.parse().ok());
        Ok(Desk {
            tenant,
            practice: place.practice.id,
            connection: place.connection.id,
            zone: place.zone.clone(),
            country: place.practice.country.clone(),
            language,
            capabilities: place.capabilities.clone(),
            settings: Settings {
                write_wait: self.write_wait,
                default_clinician,
                currency,
                identity: place.identity.clone(),
                appointment_types: place.appointment_types.clone(),
                ..Settings::default()
            },
            caller: caller(&place.practice.country),
            now: Timestamp::now(),
        })
    }

    /// Has every desk made anew.
    pub(crate) fn forget(&self) {
        self.places.invalidate_all();
    }

    async fn load(&self, tenant: TenantId, practice: Option<PracticeId>) -> Result<Arc<Place>, NoDesk> {
        let mut tx = self.store.tenant(tenant).await?;
        let mut usable = tx
            .connections()
            .await?
            .into_iter()
            .filter(|connection| connection.status == "active")
            .filter(|connection| practice.is_none_or(|id| connection.practice == id));
        let connection = usable.next().ok_or(NoDesk::NoIntegration)?;
        if usable.next().is_some() {
            return Err(NoDesk::PracticeUnclear);
        }
        let practice = tx.practice(connection.practice).await?;
        let tenant = tx.tenant_row().await?;
        let rules = tx.identity_rules().await?;
        let offered = tx.staff_appointment_types(connection.id).await?;
        tx.commit().await?;
        let capabilities = connection
            .capabilities
            .clone()
            .and_then(|value| serde_json::from_value(value).ok())
            .ok_or(NoDesk::NoIntegration)?;
        let zone = TimeZone::get(&practice.time_zone).map_err(|_| NoDesk::NoIntegration)?;
        // Rules nobody can read are no reason to ask callers for less.
        let identity = IdentityRules::read(&rules).unwrap_or_else(|error| {
            tracing::error!(tenant.id = %tenant.id, error = ?error, "identity rules are taken as strict");
            IdentityRules::default()
        });
        let appointment_types = offered
            .into_iter()
            .map(|one| AppointmentType {
                vendor_id: one.vendor_id.unwrap_or_default(),
                name: one.name,
                minutes: Some(i64::from(one.minutes)),
                clinician_kind: match one.clinician_kind.as_deref() {
                    Some("provider") => Some(ClinicianKind::Provider),
                    Some("hygienist") => Some(ClinicianKind::Hygienist),
                    _ => None,
                },
            })
            .collect();
        Ok(Arc::new(Place { tenant, practice, connection, capabilities, zone, identity, appointment_types }))
    }
}
