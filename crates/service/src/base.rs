//! What every service that writes and publishes stands on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusConfig, topology};
use seal::KeyRing;
use store::{Store, StoreError};

use crate::settings::{BrokerSettings, DatabaseSettings, EncryptionSettings};
use crate::{Background, Readiness, Relay, TopologyKeeper};

/// A database that does not answer within this is away, and a service starts without it.
const AT_START: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(1);

/// Database, broker and the outbox between them. Neither needs to be there yet: `/ready` tells.
#[derive(Clone)]
pub struct Base {
    /// The keys of sealed columns.
    pub keys: Arc<KeyRing>,
    /// The database.
    pub store: Store,
    /// The broker.
    pub bus: Bus,
    /// What publishes the outbox; poke it after a commit that wrote to it.
    pub relay: Relay,
    /// What keeps the queues declared; tell it of a letter that found none.
    pub queues: TopologyKeeper,
}

impl Base {
    /// Joins both, and starts the tasks that keep the queues declared and the outbox empty.
    ///
    /// # Errors
    /// A key ring without keys, or with others than the database is sealed with; an address that is none.
    pub async fn join(
        broker: BusConfig,
        database: &DatabaseSettings,
        encryption: &EncryptionSettings,
        background: &Background,
    ) -> anyhow::Result<Self> {
        let keys = Arc::new(encryption.ring()?);
        let store = Store::open(&database.url, database.pool_size, keys.clone()).await?;
        fit_keys(&store, background).await?;
        let bus = Bus::connect_lazily(broker)?;
        let queues = TopologyKeeper::new(bus.clone(), topology::switchboard());
        let relay = Relay::new(store.clone(), bus.clone(), queues.clone());
        background.run("topology", {
            let queues = queues.clone();
            move |stop| {
                let queues = queues.clone();
                async move { queues.run(stop).await }
            }
        });
        background.run("outbox relay", {
            let relay = relay.clone();
            move |stop| {
                let relay = relay.clone();
                async move { relay.run(stop).await }
            }
        });
        Ok(Self { keys, store, bus, relay, queues })
    }

    /// Ready when the database answers and the broker has every queue.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let (store, queues) = (self.store.clone(), self.queues.clone());
        Readiness::new()
            .check("database", move || {
                let store = store.clone();
                async move { store.ping().await }
            })
            .check("broker", move || {
                let queues = queues.check();
                async move { queues }
            })
    }
}

/// Stops a service whose keys are not the database's: now, or as soon as the database is there to tell.
async fn fit_keys(store: &Store, background: &Background) -> Result<(), StoreError> {
    let asked = tokio::time::timeout(AT_START, store.check_keys()).await;
    match asked.unwrap_or(Err(StoreError::Unavailable)) {
        Err(error @ StoreError::OtherKeys(_)) => return Err(error),
        Ok(true) => return Ok(()),
        Ok(false) | Err(_) => {}
    }
    let (store, later) = (store.clone(), background.clone());
    background.run("keys", move |stop| {
        let (store, later) = (store.clone(), later.clone());
        async move {
            while !stop.is_cancelled() {
                match store.check_keys().await {
                    Err(error @ StoreError::OtherKeys(_)) => {
                        later.give_up(error.to_string());
                        stop.cancelled().await;
                    }
                    Ok(true) => stop.cancelled().await,
                    Ok(false) | Err(_) => drop(stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await),
                }
            }
            Ok::<(), Infallible>(())
        }
    });
    Ok(())
}

impl BrokerSettings {
    /// How to reach the broker, as `name`.
    #[must_use]
    pub fn bus(&self, name: &str) -> BusConfig {
        BusConfig::new(self.url.expose(), name)
    }
}
