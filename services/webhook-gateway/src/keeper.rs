//! P1: a message is answered 2xx only when the broker or the database has it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::Data;
use bus::{Bus, Exchange, Letter, PublishError};
use messages::Named;
use messages::v1::WebhookReceived;
use store::{OutgoingLetter, Store, StoreError};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Context;
use crate::event::Event;

/// A database that takes longer than this to keep one row is away.
const SPILL_LIMIT: Duration = Duration::from_secs(3);
/// How long a message that was answered already is tried again, in memory.
const SECOND_TRIES: Duration = Duration::from_secs(120);

/// Who has a message now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The broker.
    Queued,
    /// The database, until the broker is back.
    Spilled,
}

/// Broker and database are both away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotKept;

/// Puts messages where they are safe.
pub(crate) struct Keeper {
    bus: Bus,
    store: Store,
    /// Rung when a row was written that somebody must publish.
    pub(crate) spilled: Notify,
    /// Rung when no queue took a message: the broker may have forgotten its topology.
    pub(crate) unroutable: Notify,
    spilling: AtomicBool,
    refusing: AtomicBool,
    /// Messages that are being kept after they were answered.
    later: TaskTracker,
    give_up: CancellationToken,
}

impl Keeper {
    pub(crate) fn new(bus: Bus, store: Store) -> Self {
        Self {
            bus,
            store,
            spilled: Notify::new(),
            unroutable: Notify::new(),
            spilling: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            later: TaskTracker::new(),
            give_up: CancellationToken::new(),
        }
    }

    /// Publishes, or else spills.
    pub(crate) async fn keep(&self, event: &Event) -> Result<Kept, NotKept> {
        let letter = Letter::with_id(event.message_id, WebhookReceived::NAME, event.body.clone())
            .traceparent(event.traceparent.clone());
        match self.bus.publish(Exchange::Webhooks, &event.routing_key, letter).await {
            Ok(()) => {
                if self.spilling.load(Ordering::Relaxed) && self.spilling.swap(false, Ordering::Relaxed) {
                    self.refusing.store(false, Ordering::Relaxed);
                    tracing::info!("the broker takes webhooks again");
                }
                Ok(Kept::Queued)
            }
            Err(error) => {
                if error == PublishError::Unroutable {
                    self.unroutable.notify_one();
                }
                Box::pin(self.spill(event, &error)).await
            }
        }
    }

    async fn spill(&self, event: &Event, why: &PublishError) -> Result<Kept, NotKept> {
        if !self.spilling.swap(true, Ordering::Relaxed) {
            tracing::warn!(error.cause = %why, "the broker does not take webhooks, they go to the database");
        }
        let spilling = async {
            let mut tx = self.store.machinery().await?;
            tx.send(&OutgoingLetter {
                message_id: event.message_id,
                exchange: Exchange::Webhooks.name(),
                routing_key: &event.routing_key,
                kind: WebhookReceived::NAME,
                hash_key: None,
                traceparent: event.traceparent.as_deref(),
                body: &event.body,
            })
            .await?;
            tx.commit().await
        };
        match timeout(SPILL_LIMIT, spilling).await.unwrap_or(Err(StoreError::Unavailable)) {
            Ok(()) => {
                self.refusing.store(false, Ordering::Relaxed);
                self.spilled.notify_one();
                Ok(Kept::Spilled)
            }
            Err(error) => {
                if !self.refusing.swap(true, Ordering::Relaxed) {
                    tracing::error!(error.cause = %error, "neither the broker nor the database takes webhooks");
                }
                Err(NotKept)
            }
        }
    }

    /// Keeps a message beside its answer: now, or in the background until somebody takes it.
    pub(crate) fn keep_beside(context: &Data<Context>, event: Event) -> tokio::task::JoinHandle<()> {
        let shared = context.clone();
        context.keeper.later.spawn(async move {
            let keeper = &shared.keeper;
            let mut tries = 0_u32;
            let trying = async {
                loop {
                    let kept = keeper.keep(&event).await;
                    if kept.is_ok() || tries == 0 {
                        shared.counts.kept(event.label, kept);
                    }
                    if kept.is_ok() {
                        return;
                    }
                    tries += 1;
                    sleep(Duration::from_secs(1)).await;
                }
            };
            let ended = keeper.give_up.run_until_cancelled(timeout(SECOND_TRIES, trying)).await;
            if !matches!(ended, Some(Ok(()))) {
                tracing::error!(message.id = %event.message_id, "an answered webhook could not be kept for the call log");
            }
        })
    }

    /// Waits for the messages that are still being kept, at most `limit`.
    pub(crate) async fn finish(&self, limit: Duration) {
        self.later.close();
        if timeout(limit, self.later.wait()).await.is_err() {
            self.give_up.cancel();
            self.later.wait().await;
        }
    }
}
