//! Consuming a work queue.
//!
//! Every letter is delivered **at least once**: it is acknowledged after its handler has returned (and so after its
//! commit), and a crash, a cut or a lost acknowledgement brings it again with the same `message_id`. The handler's inbox
//! makes the effect single. Whatever the handler says becomes exactly one of: done, waiting for the next try, parked.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lapin::Acker;
use lapin::message::Delivery;
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

use crate::acks;
use crate::bus::Bus;
use crate::counts;
use crate::intake::{Arrival, Intake, Source};
use crate::lanes::Lanes;
use crate::letter::{Letter, Origin};
use crate::topology::{Delay, Exchange};
use crate::wire;

/// What became of a letter. Reasons are read by staff and kept beside the letter: no patient data in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Handled, or known to be handled already. The letter is gone.
    Done,
    /// Not now: it comes back after the delay with `attempt` one higher. It gives up its place in the order of its key,
    /// so a handler that needs the order to survive a retry keeps it in the database.
    RetryAfter(Delay, String),
    /// Never: it is set aside in `parked` with the reason, for a person to look at and replay.
    Park(String),
}

/// How a queue is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumeOptions {
    /// How many letters may be in hand at once. Letters of one key are still handled one at a time.
    pub prefetch: u16,
    /// A letter whose handler asks for another try at this attempt is parked instead.
    pub max_attempts: u32,
    /// A letter whose handler panics at this attempt is parked; before, it is tried again after ten seconds.
    pub max_panics: u32,
    /// How long handlers may take to finish after shutdown began. Then they are aborted, and their letters go back.
    pub drain: Duration,
    /// The pause before a letter is given back because it could be neither delayed nor parked. Without one, a broken
    /// delay queue would make a hot loop.
    pub requeue_pause: Duration,
}

impl Default for ConsumeOptions {
    fn default() -> Self {
        Self {
            prefetch: 32,
            max_attempts: 20,
            max_panics: 5,
            drain: Duration::from_secs(20),
            requeue_pause: Duration::from_secs(1),
        }
    }
}

/// A letter in hand and the means to acknowledge it.
struct Held {
    letter: Letter,
    acker: Acker,
}

impl Held {
    /// Letters of one key share a lane. One without a key has its own, so that a copy delivered again after a cut waits
    /// for the handling of the first to end.
    fn lane(&self) -> String {
        self.letter.key.clone().unwrap_or_else(|| self.letter.message_id.to_string())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Settled,
    /// It went back to the queue, and what waits behind it must follow to keep the order.
    Requeued,
}

impl Bus {
    /// Handles the letters of `queue` until `shutdown`, and returns when everything in hand is finished or given back.
    /// Subscribes again by itself after the broker was away.
    ///
    /// On shutdown nothing new is started; handlers in flight get `options.drain` to finish; the rest stays
    /// unacknowledged and goes to the next consumer in order.
    pub fn consume<H, F>(
        &self,
        queue: &str,
        options: ConsumeOptions,
        handler: H,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<H, F>
    where
        H: Fn(Letter) -> F + Send + Sync + 'static,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let worker = Arc::new(Worker {
            bus: self.clone(),
            queue: queue.to_owned(),
            options,
            handler,
            permits: Semaphore::new(options.prefetch.into()),
            shutdown,
        });
        Consumption { worker, lanes: Lanes::default(), running: JoinSet::new(), keys: HashMap::new() }.run()
    }
}

struct Consumption<H> {
    worker: Arc<Worker<H>>,
    lanes: Lanes<Held>,
    running: JoinSet<After>,
    /// Which lane a running task belongs to, so that even a task that died frees its lane.
    keys: HashMap<Id, String>,
}

impl<H, F> Consumption<H>
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    async fn run(mut self) {
        let worker = self.worker.clone();
        let source = Source::Queue { name: worker.queue.clone(), prefetch: worker.options.prefetch };
        let mut intake = Intake::open(worker.bus.link(), source);
        loop {
            tokio::select! {
                biased;
                () = worker.shutdown.cancelled() => break,
                Some(ended) = self.running.join_next_with_id() => self.ended(ended).await,
                arrival = intake.next() => match arrival {
                    Some(Arrival::Delivery(delivery)) => self.arrived(*delivery),
                    Some(Arrival::Lost) => self.lanes.drop_waiting(),
                    Some(Arrival::Stopped) | None => break,
                },
            }
        }
        self.lanes.drop_waiting();
        let finishing = async { while self.running.join_next().await.is_some() {} };
        if timeout(worker.options.drain, finishing).await.is_err() {
            warn!(queue = worker.queue, unfinished = self.running.len(), "gave up waiting for handlers");
            self.running.shutdown().await;
        }
        // Only now: as long as the channel is open the broker keeps the rest of the queue from other consumers.
        intake.close().await;
    }

    fn arrived(&mut self, mut delivery: Delivery) {
        let letter = wire::letter(&mut delivery, &self.worker.queue);
        let held = Held { letter, acker: delivery.acker };
        if !held.acker.usable() {
            return;
        }
        let lane = held.lane();
        if let Some(held) = self.lanes.admit(&lane, held) {
            self.start(lane, held);
        }
    }

    fn start(&mut self, lane: String, held: Held) {
        let letter = &held.letter;
        let span = info_span!(
            "letter",
            message.id = %letter.message_id, message.kind = letter.kind, attempt = letter.attempt, queue = letter.queue
        );
        let worker = self.worker.clone();
        let task = self.running.spawn(async move { worker.handle(held).await }.instrument(span));
        self.keys.insert(task.id(), lane);
    }

    async fn ended(&mut self, ended: Result<(Id, After), JoinError>) {
        let (id, after) = match ended {
            Ok(ended) => ended,
            // Handlers are caught; only our own code could get here. The letter stays unacknowledged and comes again.
            Err(error) => (error.id(), After::Settled),
        };
        let Some(lane) = self.keys.remove(&id) else { return };
        if after == After::Requeued {
            for held in self.lanes.take_waiting(&lane) {
                give_back(&held.acker).await;
            }
        }
        while let Some(held) = self.lanes.release(&lane) {
            if held.acker.usable() {
                self.start(lane, held);
                return;
            }
            // Its channel is gone and it comes again; handling this copy would only make a duplicate.
        }
    }
}

struct Worker<H> {
    bus: Bus,
    queue: String,
    options: ConsumeOptions,
    handler: H,
    permits: Semaphore,
    shutdown: CancellationToken,
}

impl<H, F> Worker<H>
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    async fn handle(&self, held: Held) -> After {
        let _permit = self.permits.acquire().await;
        let _counted = counts::handling(&self.queue);
        let Held { letter, acker } = held;
        // The call itself may panic before there is a future to poll, so it happens inside.
        let handling = AssertUnwindSafe(async { (self.handler)(letter.clone()).await });
        let outcome = match handling.catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => self.after_panic(&letter),
        };
        self.settle(letter, &acker, outcome).await
    }

    fn after_panic(&self, letter: &Letter) -> Outcome {
        error!(attempt = letter.attempt, "the handler of a letter panicked");
        counts::consumed(&self.queue, "panicked");
        if letter.attempt >= self.options.max_panics {
            Outcome::Park(format!("its handler panicked at attempt {}", letter.attempt))
        } else {
            Outcome::RetryAfter(Delay::TenSeconds, "its handler panicked".into())
        }
    }

    async fn settle(&self, mut letter: Letter, acker: &Acker, outcome: Outcome) -> After {
        let mut aside = |reason: String| {
            letter.origin =
                Some(Origin { queue: self.queue.clone(), routing_key: letter.routing_key.clone(), reason });
        };
        let (name, sent) = match outcome {
            Outcome::Done => ("done", Ok(())),
            Outcome::RetryAfter(delay, reason) if letter.attempt < self.options.max_attempts => {
                debug!(delay = delay.suffix(), reason, "a letter waits for its next try");
                aside(reason);
                letter.attempt += 1;
                ("retried", self.bus.publish(Exchange::Retry, &delay.queue(&self.queue), letter).await)
            }
            Outcome::RetryAfter(_, reason) => {
                warn!(reason, "a letter used up its tries and is parked");
                aside(format!("gave up after {} attempts: {reason}", letter.attempt));
                ("parked", self.bus.publish(Exchange::Parking, &self.queue, letter).await)
            }
            Outcome::Park(reason) => {
                warn!(reason, "a letter is parked");
                aside(reason);
                ("parked", self.bus.publish(Exchange::Parking, &self.queue, letter).await)
            }
        };
        if let Err(error) = sent {
            error!(%error, "a letter could be neither delayed nor parked and goes back to its queue");
            counts::consumed(&self.queue, "requeued");
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = sleep(self.options.requeue_pause) => {}
            }
            return give_back(acker).await;
        }
        counts::consumed(&self.queue, name);
        // A failed acknowledgement means that the channel is gone and the letter comes again, which the inbox expects.
        if !acks::done(acker).await {
            debug!("a handled letter could not be acknowledged and will be delivered again");
        }
        After::Settled
    }
}

async fn give_back(acker: &Acker) -> After {
    // Where the channel is gone, everything that waited for it is gone with it.
    if acks::give_back(acker).await { After::Requeued } else { After::Settled }
}
