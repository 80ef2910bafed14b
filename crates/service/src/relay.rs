//! The outbox's other half: what a transaction wrote down to be sent is published here.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, Exchange, Letter, PublishError};
use futures_util::future::join_all;
use store::{OutboxLetter, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const AT_ONCE: i64 = 200;
const CLAIM_SECONDS: f64 = 30.0;
const IDLE: Duration = Duration::from_millis(250);
const BROKER_AWAY: Duration = Duration::from_secs(1);

/// Publishes the outbox, oldest first, each letter until the broker has confirmed it.
///
/// Delivery is at least once: a crash between the confirm and the removal publishes a letter again,
/// with the same message id. Any number of relays may run.
#[derive(Clone)]
pub struct Relay {
    store: Store,
    bus: Bus,
    poke: Arc<Notify>,
}

impl Relay {
    /// A relay between this database and this broker.
    #[must_use]
    pub fn new(store: Store, bus: Bus) -> Self {
        Self { store, bus, poke: Arc::new(Notify::new()) }
    }

    /// Says that something was just written: without it the relay looks four times a second.
    pub fn poke(&self) {
        self.poke.notify_one();
    }

    /// Publishes until told to stop.
    ///
    /// # Errors
    /// None ends it: a database that is away is waited for.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let pause = match self.publish_some().await {
                Ok(Published::Nothing) => IDLE,
                Ok(Published::All) => continue,
                Ok(Published::Stuck) => BROKER_AWAY,
                Err(error) => {
                    tracing::warn!(error = %error, "the outbox cannot be read");
                    BROKER_AWAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.poke.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    async fn publish_some(&self) -> Result<Published, StoreError> {
        if !self.bus.is_up() {
            return Ok(Published::Stuck);
        }
        let mut tx = self.store.machinery().await?;
        let letters = tx.claim_outbox(AT_ONCE, CLAIM_SECONDS).await?;
        tx.commit().await?;
        if letters.is_empty() {
            return Ok(Published::Nothing);
        }
        // All in flight at once and begun in order: the broker takes them in that order.
        let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
        let results = join_all(letters.into_iter().map(|letter| self.publish(letter))).await;
        let (mut sent, mut unsent) = (Vec::new(), Vec::new());
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(()) => sent.push(id),
                Err(error) => {
                    tracing::warn!(outbox.id = id, error = %error, "a letter stays in the outbox");
                    unsent.push(id);
                }
            }
        }
        metrics::counter!("outbox_published").increment(sent.len() as u64);
        let stuck = !unsent.is_empty();
        let mut tx = self.store.machinery().await?;
        tx.outbox_sent(&sent).await?;
        tx.outbox_unsent(&unsent).await?;
        tx.commit().await?;
        Ok(if stuck { Published::Stuck } else { Published::All })
    }

    async fn publish(&self, row: OutboxLetter) -> Result<(), PublishError> {
        let Some(exchange) = Exchange::ALL.into_iter().find(|exchange| exchange.name() == row.exchange)
        else {
            return Err(PublishError::Unroutable);
        };
        let mut letter = Letter::with_id(row.message_id, row.kind, row.body);
        letter.tenant = row.tenant.map(|tenant| tenant.to_string());
        letter.traceparent = row.traceparent;
        letter.key = row.hash_key;
        self.bus.publish(exchange, &row.routing_key, letter).await
    }
}

enum Published {
    Nothing,
    All,
    Stuck,
}
