use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use reception::Reception;
use seal::{HmacKey, KeyRing, SealError};
use service::settings::SlackSettings;
use service::{Base, Relay};
use sign_in::Issuer;
use store::Store;

use crate::alerts::Mailer;
use crate::book::BusBook;
use crate::config::{Oidc, Own};
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
    pub(crate) mailer: Mailer,
    pub(crate) staff_names: StaffNames,
    pub(crate) settings: Own,
    /// What the arguments of tool calls are hashed with: they hold names and dates of birth. The first signs.
    pub(crate) argument_keys: Vec<HmacKey>,
    /// Whose word about people is taken, where there is one.
    pub(crate) issuer: Option<Issuer>,
}

impl Context {
    pub(crate) fn new(
        own: Own,
        slack: SlackSettings,
        oidc: Option<Oidc>,
        base: &Base,
    ) -> anyhow::Result<Self> {
        let (store, bus, relay) = (base.store.clone(), base.bus.clone(), base.relay.clone());
        let news = News::new();
        let desks = Desks::new(store.clone(), Duration::from_secs(own.write_wait_seconds));
        let staff_names = StaffNames::new(store.clone());
        let book = BusBook::new(bus.clone(), Duration::from_secs(own.question_seconds), staff_names.clone());
        let ledger = StoreLedger::new(store.clone(), relay.clone(), news.clone());
        let key = base.store.lasting_key("reception").ok_or(SealError::Empty)?;
        let reception = Reception::new(Arc::new(book), Arc::new(ledger), key);
        let argument_keys = base.keys.derive_hmacs("tool calls");
        let mailer = Mailer::new(slack.webhook_url, own.allow_local_urls)?;
        let issuer = oidc.map(|oidc| Issuer::new(oidc.into())).transpose()?;
        Ok(Self {
            store,
            keys: base.keys.clone(),
            bus,
            relay,
            reception,
            desks,
            news,
            mailer,
            staff_names,
            settings: own,
            argument_keys,
            issuer,
        })
    }
}
