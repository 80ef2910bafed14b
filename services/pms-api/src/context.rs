use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use reception::Reception;
use seal::{HmacKey, KeyRing};
use service::settings::SlackSettings;
use service::{Base, Relay};
use sign_in::Issuer;
use store::{Store, StoreError};
use tokio::sync::OnceCell;

use crate::alerts::Mailer;
use crate::book::BusBook;
use crate::config::{Oidc, Own};
use crate::desks::Desks;
use crate::ledger::StoreLedger;
use crate::news::News;
use crate::refusals::Refusals;
use crate::staff_names::StaffNames;

/// What needs keys that the database keeps.
pub(crate) struct Keyed {
    pub(crate) reception: Reception,
    /// What the arguments of tool calls are hashed with: they hold names and dates of birth. The first signs; the
    /// others, which are the ring's own, are those of versions before it, for as long as their rows are kept.
    pub(crate) argument_keys: Vec<HmacKey>,
}

/// What every job and route may use.
pub(crate) struct Context {
    pub(crate) store: Store,
    /// Seals what travels to a worker.
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) bus: Bus,
    pub(crate) relay: Relay,
    book: Arc<BusBook>,
    ledger: Arc<StoreLedger>,
    keyed: OnceCell<Keyed>,
    pub(crate) desks: Desks,
    pub(crate) news: News,
    pub(crate) mailer: Mailer,
    pub(crate) staff_names: StaffNames,
    pub(crate) settings: Own,
    pub(crate) refusals: Refusals,
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
        let book = Arc::new(BusBook::new(
            bus.clone(),
            Duration::from_secs(own.question_seconds),
            staff_names.clone(),
        ));
        let ledger = Arc::new(StoreLedger::new(store.clone(), relay.clone(), news.clone()));
        let refusals = Refusals::new(Duration::from_secs(own.refusals_seconds));
        let mailer = Mailer::new(slack.webhook_url, own.allow_local_urls)?;
        let issuer = oidc.map(|oidc| Issuer::new(oidc.into())).transpose()?;
        Ok(Self {
            store,
            keys: base.keys.clone(),
            bus,
            relay,
            book,
            ledger,
            keyed: OnceCell::new(),
            desks,
            news,
            mailer,
            staff_names,
            settings: own,
            refusals,
            issuer,
        })
    }

    /// What needs keys that the database keeps. They are asked for when they are first needed: a process that began
    /// while the database was away must not go on with others than its neighbours have.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] until the database can be asked.
    pub(crate) async fn keyed(&self) -> Result<&Keyed, StoreError> {
        let make = || async {
            if !self.store.check_keys().await? {
                return Err(StoreError::Unavailable);
            }
            let kept = |purpose| self.store.lasting_key(purpose).ok_or(StoreError::Unavailable);
            let reception = Reception::new(self.book.clone(), self.ledger.clone(), kept("reception")?);
            let argument_keys =
                [kept("tool calls")?].into_iter().chain(self.keys.derive_hmacs("tool calls")).collect();
            Ok(Keyed { reception, argument_keys })
        };
        self.keyed.get_or_try_init(make).await
    }
}
