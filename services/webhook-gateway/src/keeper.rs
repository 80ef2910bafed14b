//! P1: a message is answered 2xx only when the broker or the database has it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::Data;
use bus::{Bus, Exchange, Letter, PublishError};
use messages::Named;
use messages::v1::WebhookReceived;
use service::Base;
use store::{OutgoingLetter, StoreError};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::Context;
use crate::counts;
use crate::event::Event;

/// A database that takes longer than this to keep one row is away.
const SPILL_LIMIT: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_secs(1);
/// Answered messages that memory holds while both are away; each may be as large as a body may be.
const IN_MEMORY: usize = 256;

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
    base: Base,
    spilling: AtomicBool,
    refusing: AtomicBool,
    /// Messages that are being kept beside or after their answers.
    beside: TaskTracker,
    /// Where they are kept: the threads that answer requests are gone before everything is kept.
    runtime: Handle,
    /// Room for those that were answered while nobody could keep them.
    room: Semaphore,
    give_up: CancellationToken,
}

impl Keeper {
    /// To be called on the runtime that lives until the process ends.
    pub(crate) fn new(base: Base) -> Self {
        Self {
            base,
            runtime: Handle::current(),
            spilling: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            beside: TaskTracker::new(),
            room: Semaphore::new(IN_MEMORY),
            give_up: CancellationToken::new(),
        }
    }

    /// Publishes over `bus`, or else spills.
    pub(crate) async fn keep(&self, bus: &Bus, event: &Event) -> Result<Kept, NotKept> {
        let mut letter = Letter::with_id(event.message_id, WebhookReceived::NAME, event.body.clone())
            .traceparent(event.traceparent.clone());
        letter.tenant = event.tenant.map(|tenant| tenant.to_string());
        match bus.publish(Exchange::Webhooks, &event.routing_key, letter).await {
            Ok(()) => {
                if self.spilling.load(Ordering::Relaxed) && self.spilling.swap(false, Ordering::Relaxed) {
                    self.refusing.store(false, Ordering::Relaxed);
                    tracing::info!("the broker takes webhooks again");
                }
                Ok(Kept::Queued)
            }
            Err(error) => {
                if error == PublishError::Unroutable {
                    self.base.queues.redeclare();
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
            let letter = OutgoingLetter {
                message_id: event.message_id,
                exchange: Exchange::Webhooks.name(),
                routing_key: &event.routing_key,
                kind: WebhookReceived::NAME,
                hash_key: None,
                traceparent: event.traceparent.as_deref(),
                body: &event.body,
            };
            if let Some(tenant) = event.tenant {
                let mut tx = self.base.store.tenant(tenant).await?;
                tx.send(&letter).await?;
                return tx.commit().await;
            }
            let mut tx = self.base.store.machinery().await?;
            tx.send(&letter).await?;
            tx.commit().await
        };
        match timeout(SPILL_LIMIT, spilling).await.unwrap_or(Err(StoreError::Unavailable)) {
            Ok(()) => {
                self.refusing.store(false, Ordering::Relaxed);
                self.base.relay.poke();
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

    /// Begins to keep a message whose answer is being made. What is returned ends when the message is safe, or when both
    /// are away: then it is tried again, in memory, for as long as the process lives.
    pub(crate) fn keep_beside(context: &Data<Context>, event: Event) -> oneshot::Receiver<()> {
        let (waited_for, settled) = oneshot::channel();
        let shared = context.clone();
        let keeping = async move {
            let keeper = &shared.keeper;
            let keeping = keeper.give_up.run_until_cancelled(keeper.keep_on(&shared, &event, waited_for));
            if keeping.await != Some(true) {
                counts::lost();
                tracing::error!(message.id = %event.message_id, "an answered webhook could not be kept for the call log");
            }
        };
        context.keeper.beside.spawn_on(keeping, &context.keeper.runtime);
        settled
    }

    /// Tries until somebody has the message; `false` if there is no room to go on. Dropping `waited_for` lets the answer
    /// go.
    async fn keep_on(&self, context: &Context, event: &Event, waited_for: oneshot::Sender<()>) -> bool {
        let kept = self.keep(&self.base.bus, event).await;
        context.counts.kept(event.label, kept);
        if kept.is_ok() {
            return true;
        }
        let Ok(_room) = self.room.try_acquire() else { return false };
        let mut waited_for = Some(waited_for);
        loop {
            if !self.base.bus.is_up() {
                waited_for = None;
            }
            sleep(AGAIN).await;
            let kept = self.keep(&self.base.bus, event).await;
            if kept.is_ok() {
                context.counts.kept(event.label, kept);
                drop(waited_for);
                return true;
            }
        }
    }

    /// Waits for the messages that are still being kept, at most `limit`.
    pub(crate) async fn finish(&self, limit: Duration) {
        self.beside.close();
        if timeout(limit, self.beside.wait()).await.is_err() {
            self.give_up.cancel();
            self.beside.wait().await;
        }
    }
}
