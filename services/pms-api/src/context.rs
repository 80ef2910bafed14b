use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use reception::Reception;
use seal::{HmacKey, SealError};
use service::{Base, Relay};
use store::Store;

use crate::book::BusBook;
use crate::config::Own;
use crate::desks::Desks;
use crate::ledger::StoreLedger;
use crate::news::News;

/// What every job and route may use.
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) relay: Relay,
    pub(crate) reception: Reception,
    pub(crate) desks: Desks,
    pub(crate) news: News,
    pub(crate) settings: Own,
    /// What the arguments of tool calls are hashed with: they hold names and dates of birth. The first signs.
    pub(crate) argument_keys: Vec<HmacKey>,
}

impl Context {
    pub(crate) fn new(own: Own, base: &Base) -> Result<Self, SealError> {
        let (store, bus, relay) = (base.store.clone(), base.bus.clone(), base.relay.clone());
        let news = News::new();
        let desks = Desks::new(store.clone(), Duration::from_secs(own.write_wait_seconds));
        let book = BusBook::new(bus.clone(), Duration::from_secs(own.question_seconds));
        let ledger = StoreLedger::new(store.clone(), relay.clone(), news.clone());
        let key = base.keys.derive_hmac("reception").ok_or(SealError::Empty)?;
        let reception = Reception::new(Arc::new(book), Arc::new(ledger), key);
        let argument_keys = base.keys.derive_hmacs("tool calls");
        Ok(Self { store, bus, relay, reception, desks, news, settings: own, argument_keys })
    }
}
