//! The answering side.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use lapin::message::Delivery;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use crate::acks;
use crate::bus::Bus;
use crate::counts;
use crate::intake::{Arrival, Intake, Source};
use crate::letter::Letter;
use crate::wire;

/// How long answers may take after shutdown began; askers are not more patient than this.
const DRAIN: Duration = Duration::from_secs(30);

impl Bus {
    /// Answers the questions of `queue` until `shutdown`, `concurrency` at a time, and returns when the last is answered.
    /// Subscribes again by itself after the broker was away.
    ///
    /// The question tells its deadline; a question past it is dropped unread (clocks of the hosts must agree to well
    /// under the usual patience). A handler that panics gives no answer, and the asker times out.
    pub fn serve<H, F>(
        &self,
        queue: &str,
        concurrency: u16,
        handler: H,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<H, F>
    where
        H: Fn(Letter) -> F + Send + Sync + 'static,
        F: Future<Output = Letter> + Send + 'static,
    {
        let server = Arc::new(Server { bus: self.clone(), queue: queue.to_owned(), handler });
        serve(server, concurrency, shutdown)
    }
}

async fn serve<H, F>(server: Arc<Server<H>>, concurrency: u16, shutdown: CancellationToken)
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Letter> + Send + 'static,
{
    let source = Source::Queue { name: server.queue.clone(), prefetch: concurrency };
    let mut intake = Intake::open(server.bus.link(), source);
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            // Every result is (): this only clears finished tasks away.
            Some(_) = running.join_next() => {}
            arrival = intake.next() => match arrival {
                Some(Arrival::Delivery(delivery)) => server.start(&mut running, delivery),
                Some(Arrival::Lost) => {}
                Some(Arrival::Stopped) | None => break,
            },
        }
    }
    // Questions have no order to keep, so replicas may take the next ones at once. Those handed out already are ours.
    intake.stop_taking();
    let mut arriving = true;
    let finishing = async {
        loop {
            tokio::select! {
                Some(_) = running.join_next() => {}
                arrival = intake.next(), if arriving => match arrival {
                    Some(Arrival::Delivery(delivery)) => server.start(&mut running, delivery),
                    _ => arriving = false,
                },
                else => break,
            }
        }
    };
    if timeout(DRAIN, finishing).await.is_err() {
        warn!(queue = server.queue, unfinished = running.len(), "gave up waiting for answers");
        running.shutdown().await;
    }
    intake.close().await;
}

struct Server<H> {
    bus: Bus,
    queue: String,
    handler: H,
}

impl<H, F> Server<H>
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Letter> + Send + 'static,
{
    fn start(self: &Arc<Self>, running: &mut JoinSet<()>, delivery: Box<Delivery>) {
        let server = self.clone();
        running.spawn(async move { server.answer(*delivery).await });
    }

    async fn answer(&self, mut delivery: Delivery) {
        let reply_to = wire::reply_to(&delivery);
        let question = wire::letter(&mut delivery, &self.queue);
        let span = info_span!("question", message.id = %question.message_id, message.kind = question.kind);
        let (outcome, acknowledge) = self.outcome(question, reply_to).instrument(span).await;
        counts::consumed(&self.queue, outcome);
        // A failure here means that the channel is gone and the broker hands the question to somebody else.
        if acknowledge {
            acks::done(&delivery.acker).await;
        } else {
            acks::give_back(&delivery.acker).await;
        }
    }

    /// How it ended, and whether the question is over.
    async fn outcome(&self, question: Letter, reply_to: Option<String>) -> (&'static str, bool) {
        let deadline = question.deadline;
        let expired = || deadline.is_some_and(|deadline| deadline <= Timestamp::now());
        let Some(reply_to) = reply_to else {
            warn!("a question that wants no answer is dropped");
            return ("no_reply_to", true);
        };
        if expired() {
            return ("expired", true);
        }
        let _counted = counts::handling(&self.queue);
        let correlation_id = question.correlation_id.clone();
        let handling = AssertUnwindSafe(async { (self.handler)(question).await });
        let Ok(mut answer) = handling.catch_unwind().await else {
            error!("the handler of a question panicked");
            return ("panicked", true);
        };
        if expired() {
            return ("too_late", true);
        }
        answer.correlation_id = correlation_id;
        match self.bus.reply(&reply_to, answer).await {
            Ok(()) => ("answered", true),
            Err(error) => {
                warn!(%error, "an answer could not be sent, the question goes back");
                ("requeued", false)
            }
        }
    }
}
