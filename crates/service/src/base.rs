//! What every service that writes and publishes stands on.

use std::sync::Arc;

use bus::{Bus, BusConfig, topology};
use seal::KeyRing;
use store::Store;

use crate::settings::{BrokerSettings, DatabaseSettings, EncryptionSettings};
use crate::{Background, Readiness, Relay, TopologyKeeper};

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
    /// A key ring without keys, an address that is none.
    pub async fn join(
        broker: BusConfig,
        database: &DatabaseSettings,
        encryption: &EncryptionSettings,
        background: &Background,
    ) -> anyhow::Result<Self> {
        let keys = Arc::new(encryption.ring()?);
        let store = Store::open(&database.url, database.pool_size, keys.clone()).await?;
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

impl BrokerSettings {
    /// How to reach the broker, as `name`.
    #[must_use]
    pub fn bus(&self, name: &str) -> BusConfig {
        BusConfig::new(self.url.expose(), name)
    }
}
