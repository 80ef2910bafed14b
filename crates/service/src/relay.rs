//! The outbox's other half: what a transaction wrote down to be sent is published here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{Bus, Exchange, Letter, PublishError};
use futures_util::future::join_all;
use store::{OutboxLetter, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::TopologyKeeper;

const AT_ONCE: i64 = 200;
const CLAIM_SECONDS: f64 = 30.0;
/// How long a letter that is at fault itself, or has no queue yet, lets the others go first.
const ASIDE_SECONDS: f64 = 5.0;
const IDLE: Duration = Duration::from_millis(250);
const AWAY: Duration = Duration::from_secs(1);
/// Counting reads every row, so a long outbox is not counted with every batch.
const COUNT: Duration = Duration::from_secs(1);

/// Publishes the outbox, oldest first, each letter until the broker has confirmed it.
///
/// Delivery is at least once: a crash between the confirm and the removal publishes a letter again,
/// with the same message id. Any number of relays may run. `outbox_waiting` tells how many letters
/// wait, `outbox_published_total` how many went.
#[derive(Clone)]
pub struct Relay {
    store: Store,
    bus: Bus,
    queues: TopologyKeeper,
    poke: Arc<Notify>,
}

impl Relay {
    /// A relay between this database and this broker. `queues` are declared again when a letter finds none.
    #[must_use]
    pub fn new(store: Store, bus: Bus, queues: TopologyKeeper) -> Self {
        Self { store, bus, queues, poke: Arc::new(Notify::new()) }
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
        let (mut counted, mut unreadable) = (None, false);
        while !stop.is_cancelled() {
            let published = self.look(&mut counted).await;
            match &published {
                Err(error) if !unreadable => tracing::warn!(error = %error, "the outbox cannot be read"),
                Ok(_) if unreadable => tracing::info!("the outbox can be read again"),
                _ => {}
            }
            unreadable = published.is_err();
            // A poke cannot bring back who is away.
            let (pause, hears) = match published {
                Ok(Published::Some) => continue,
                Ok(Published::Nothing) => (IDLE, true),
                Ok(Published::Stuck) | Err(_) => (AWAY, false),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.poke.notified(), if hears => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    async fn look(&self, counted: &mut Option<Instant>) -> Result<Published, StoreError> {
        if counted.is_none_or(|last| last.elapsed() >= COUNT) {
            self.count().await?;
            *counted = Some(Instant::now());
        }
        if self.bus.is_up() { self.publish_some().await } else { Ok(Published::Stuck) }
    }

    async fn count(&self) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        let waiting = tx.outbox_depth().await?;
        tx.commit().await?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is a float, and no outbox holds 2^52 letters"
        )]
        metrics::gauge!("outbox_waiting").set(waiting as f64);
        Ok(())
    }

    async fn publish_some(&self) -> Result<Published, StoreError> {
        let mut tx = self.store.machinery().await?;
        let letters = tx.claim_outbox(AT_ONCE, CLAIM_SECONDS).await?;
        tx.commit().await?;
        if letters.is_empty() {
            return Ok(Published::Nothing);
        }
        // All in flight at once and begun in order: the broker takes them in that order.
        let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
        let results = join_all(letters.into_iter().map(|letter| self.publish(letter))).await;
        let (mut sent, mut unsent, mut aside, mut why) = (Vec::new(), Vec::new(), Vec::new(), None);
        for (id, result) in ids.into_iter().zip(results) {
            match result {
                Ok(()) => sent.push(id),
                Err(error) => {
                    let away = matches!(error, PublishError::Unavailable(_));
                    if away { &mut unsent } else { &mut aside }.push(id);
                    if error == PublishError::Unroutable {
                        self.queues.redeclare();
                    }
                    why.get_or_insert(error);
                }
            }
        }
        metrics::counter!("outbox_published_total").increment(sent.len() as u64);
        if let Some(error) = why {
            let letters = unsent.len() + aside.len();
            tracing::warn!(letters, error = %error, "letters stay in the outbox");
        }
        let mut tx = self.store.machinery().await?;
        tx.outbox_sent(&sent).await?;
        tx.outbox_unsent(&unsent).await?;
        tx.outbox_set_aside(&aside, ASIDE_SECONDS).await?;
        tx.commit().await?;
        Ok(if unsent.is_empty() { Published::Some } else { Published::Stuck })
    }

    async fn publish(&self, row: OutboxLetter) -> Result<(), PublishError> {
        let exchange = Exchange::ALL
            .into_iter()
            .find(|exchange| exchange.name() == row.exchange)
            .ok_or(PublishError::Invalid("its exchange is not known"))?;
        let mut letter = Letter::with_id(row.message_id, row.kind, row.body);
        letter.tenant = row.tenant.map(|tenant| tenant.to_string());
        letter.traceparent = row.traceparent;
        letter.key = row.hash_key;
        self.bus.publish(exchange, &row.routing_key, letter).await
    }
}

enum Published {
    Nothing,
    Some,
    Stuck,
}
