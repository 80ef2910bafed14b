use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use reception::Reception;
use seal::{KeyRing, SealError};
use service::{Base, Relay};
use store::Store;

use crate::book::BusBook;
use crate::config::Own;
use crate::desks::Desks;
use crate::ledger::StoreLedger;
use crate::news::News;
use crate::staff_names::StaffNames;

/// What every job and route may use.
pub(crate) struct Context {
    pub(crate) store: Store,
    /// Seals what travels to a worker.
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) bus: Bus,
    pub(crate) relay: Relay,
    pub(crate) reception: Reception,
    pub(crate) desks: Desks,
    pub(crate) news: News,
    pub(crate) staff_names: StaffNames,
    pub(crate) settings: Own,
}

impl Context {
    pub(crate) fn new(own: Own, base: &Base) -> Result<Self, SealError> {
        let (store, bus, relay) = (base.store.clone(), base.bus.clone(), base.relay.clone());
        let news = News::new();
        let desks = Desks::new(store.clone(), Duration::from_secs(own.write_wait_seconds));
        let staff_names = StaffNames::new(store.clone());
        let book = BusBook::new(bus.clone(), Duration::from_secs(own.question_seconds), staff_names.clone());
        let ledger = StoreLedger::new(store.clone(), relay.clone(), news.clone());
        let key = base.keys.derive_hmac("reception").ok_or(SealError::Empty)?;
        let reception = Reception::new(Arc::new(book), Arc::new(ledger), key);
        Ok(Self {
            store,
            keys: base.keys.clone(),
            bus,
            relay,
            reception,
            desks,
            news,
            staff_names,
            settings: own,
        })
    }
}
