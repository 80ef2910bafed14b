use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bus::Bus;
use credentials::{KeeperSettings, KeyKeeper};
use domain::{ConnectionId, DayBook, TenantId, Window};
use moka::future::Cache;
use pms::{DayBookQuery, PmsError};
use pms_sikka::{Sikka, SikkaApp, SikkaLogin};
use seal::Secret;
use service::settings::SikkaSettings;
use service::{Base, Relay};
use store::{DueConnection, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vendor_http::MemoryBudget;
use writebacks::{Carrier, Offices};

use crate::budget::StoreBudget;
use crate::config::Own;
use crate::connect::Connector;
use crate::offices::SikkaOffices;

type Calendar = (Arc<DayBook>, Duration);

/// Questions of one practice that are asked at once.
const A_PRACTICES_SHARE: usize = 12;

/// What every job may use.
pub(crate) struct Context {
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) relay: Relay,
    pub(crate) offices: Arc<SikkaOffices>,
    pub(crate) carrier: Carrier,
    pub(crate) connector: Connector,
    pub(crate) settings: Own,
    calendars: Cache<(TenantId, ConnectionId, Window), Calendar>,
    places: Cache<(TenantId, ConnectionId), Arc<Semaphore>>,
    /// Whose copy is new, and since when that is known.
    told: Mutex<HashMap<DueConnection, Instant>>,
}

impl Context {
    pub(crate) fn new(sikka: &SikkaSettings, own: Own, base: &Base) -> anyhow::Result<Self> {
        let (store, bus, relay) = (base.store.clone(), base.bus.clone(), base.relay.clone());
        let app = SikkaApp {
            base_url: sikka.base_url.clone(),
            app_id: Secret::new(sikka.app_id.clone()),
            app_key: sikka.app_key.clone(),
            deadline: Duration::from_secs(own.vendor_seconds),
        };
        let budget = StoreBudget::application(store.clone(), own.first_budget, own.budget_percent);
        let sikka = Sikka::new(app, Arc::new(budget))?;
        // Log-ins belong to the app, not to a practice; there are few of them.
        let login = SikkaLogin::new(sikka.clone(), Arc::new(MemoryBudget::per_minute(120)));
        let keeper =
            Arc::new(KeyKeeper::new(store.clone(), Arc::new(login.clone()), KeeperSettings::default()));
        let connector = Connector::new(sikka.clone(), login, keeper.clone(), own.clone(), base);
        let offices = Arc::new(SikkaOffices::new(store.clone(), sikka, keeper, own.clone()));
        let carrier = Carrier::new(store.clone(), offices.clone(), "sikka", own.pace());
        let calendars = Cache::builder()
            .max_capacity(1_000)
            .time_to_live(Duration::from_millis(own.calendar_ms))
            .support_invalidation_closures()
            .build();
        let places = Cache::builder().max_capacity(10_000).build();
        let told = Mutex::default();
        Ok(Self { bus, store, relay, offices, carrier, connector, settings: own, calendars, places, told })
    }

    /// Drops whatever is remembered of a connection and of its practice's copy.
    pub(crate) async fn forget(&self, due: DueConnection) {
        self.offices.forget(due.tenant, due.connection).await;
        self.forget_copy(due);
    }

    /// Drops whatever is remembered of a practice's appointments.
    pub(crate) fn forget_copy(&self, due: DueConnection) {
        let of_it = move |key: &(TenantId, ConnectionId, Window), _: &Calendar| {
            (key.0, key.1) == (due.tenant, due.connection)
        };
        if self.calendars.invalidate_entries_if(of_it).is_err() {
            self.calendars.invalidate_all();
        }
    }

    /// Has the days of a connection's held bookings read, in a moment and once however often it is asked for.
    pub(crate) fn read_soon(&self, due: DueConnection) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.entry(due).or_insert_with(Instant::now);
    }

    /// What [`Context::read_soon`] was asked for at least `ago`; it is the caller's from now on, and its copy is
    /// forgotten.
    pub(crate) fn to_read(&self, ago: Duration) -> Vec<DueConnection> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due: Vec<DueConnection> =
            told.extract_if(|_, since| since.elapsed() >= ago).map(|(due, _)| due).collect();
        drop(told);
        due.iter().for_each(|one| self.forget_copy(*one));
        due
    }

    /// A place among the questions of one practice: one that is slow takes no more of this worker.
    pub(crate) async fn place(&self, due: DueConnection) -> Option<OwnedSemaphorePermit> {
        let places = self
            .places
            .get_with((due.tenant, due.connection), async { Arc::new(Semaphore::new(A_PRACTICES_SHARE)) })
            .await;
        places.acquire_owned().await.ok()
    }

    /// A practice's calendar, read now or within the last moments, and the time the vendor took.
    /// However many ask at once, the vendor is asked once.
    pub(crate) async fn calendar(
        &self,
        due: DueConnection,
        query: DayBookQuery,
    ) -> Result<Calendar, Arc<PmsError>> {
        let key = (due.tenant, due.connection, query.covers);
        if let Some((book, _)) = self.calendars.get(&key).await {
            return Ok((book, Duration::ZERO));
        }
        self.calendars.try_get_with(key, self.read_calendar(due, query)).await
    }

    async fn read_calendar(&self, due: DueConnection, query: DayBookQuery) -> Result<Calendar, PmsError> {
        let office = self.offices.office(due.tenant, due.connection).await?;
        let (book, took) = vendor_http::timed(office.day_book(&query)).await;
        let book = book?;
        // On the heap: it is within each reading of a day book.
        if let Err(error) = Box::pin(self.carrier.seen(due, &book)).await {
            tracing::warn!(connection.id = %due.connection, error = %error, "bookings seen in the copy stay held");
        }
        Ok((Arc::new(book), took))
    }
}
