//! Deliveries from one queue, across broken connections.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, info, warn};

use crate::error::BusError;
use crate::line::{Link, connected};
use crate::topology::Exchange;
use crate::wire::short;

const OPENING: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where deliveries come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A declared queue.
    Queue { name: String, prefetch: u16 },
    /// A queue of our own, made anew on each connection, that gets the facts with these routing keys.
    News { binding_keys: Vec<String>, prefetch: u16 },
}

pub(crate) enum Arrival {
    Delivery(Box<Delivery>),
    /// The channel is gone; nothing delivered so far can be acknowledged, all of it will come again.
    Lost,
    /// Everything the broker had handed out before [`Intake::stop_taking`] has arrived.
    Stopped,
}

/// A subscription that is made again whenever it breaks. Dropping it ends it.
pub(crate) struct Intake {
    arrivals: mpsc::Receiver<Arrival>,
    stop_taking: CancellationToken,
    close: CancellationToken,
    pump: JoinHandle<()>,
    _guard: DropGuard,
}

impl Intake {
    pub(crate) fn open(link: watch::Receiver<Link>, source: Source) -> Self {
        let (arrived, arrivals) = mpsc::channel(16);
        let (stop_taking, close) = (CancellationToken::new(), CancellationToken::new());
        let pump = Pump { source, arrived, stop_taking: stop_taking.clone(), close: close.clone() };
        Self {
            arrivals,
            stop_taking,
            pump: tokio::spawn(pump.run(link)),
            _guard: close.clone().drop_guard(),
            close,
        }
    }

    /// The next thing that happens. Nothing is lost if this future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Asks the broker for no more; what is under way still arrives, then [`Arrival::Stopped`]. The broker may hand the rest to somebody else at once, so a consumer whose letters
    /// must stay in order does not use this but finishes and closes.
    pub(crate) fn stop_taking(&self) {
        self.stop_taking.cancel();
    }

    /// Closes the channel. What is unacknowledged goes back to the queue.
    pub(crate) async fn close(self) {
        self.close.cancel();
        let _ = self.pump.await;
    }
}

struct Pump {
    source: Source,
    arrived: mpsc::Sender<Arrival>,
    stop_taking: CancellationToken,
    close: CancellationToken,
}

impl Pump {
    async fn run(self, mut link: watch::Receiver<Link>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let opened = tokio::select! {
                () = self.close.cancelled() => return,
                opened = subscribe(&mut link, &self.source) => opened,
            };
            match opened {
                Ok((channel, consumer)) => {
                    info!(queue = %consumer.queue(), "subscribed");
                    self.relay(&channel, consumer, &mut link).await;
                    if self.close.is_cancelled() {
                        let _ = timeout(OPENING, channel.close(200, "bye".into())).await;
                        return;
                    }
                    warn!(source = ?self.source, "lost the subscription, subscribing again");
                    let _ = self.arrived.send(Arrival::Lost).await;
                    pause = FIRST_PAUSE;
                }
                Err(error) if pause == FIRST_PAUSE => {
                    warn!(%error, source = ?self.source, "could not subscribe, trying on");
                }
                Err(error) => debug!(%error, source = ?self.source, "could not subscribe"),
            }
            tokio::select! {
                () = self.close.cancelled() => return,
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// Hands deliveries on until the channel is lost or we are told to close.
    async fn relay(&self, channel: &Channel, mut consumer: Consumer, link: &mut watch::Receiver<Link>) {
        let mut taking = true;
        let mut streaming = true;
        loop {
            tokio::select! {
                biased;
                () = self.close.cancelled() => return,
                () = self.stop_taking.cancelled(), if taking => {
                    taking = false;
                    let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
                    let _ = timeout(OPENING, cancel).await;
                }
                _ = link.changed() => return,
                next = consumer.next(), if streaming => {
                    let arrival = match next {
                        Some(Ok(delivery)) => Arrival::Delivery(Box::new(delivery)),
                        None if !taking => {
                            streaming = false;
                            Arrival::Stopped
                        }
                        _ => return,
                    };
                    tokio::select! {
                        () = self.close.cancelled() => return,
                        handed = self.arrived.send(arrival) => if handed.is_err() { return },
                    }
                }
            }
        }
    }
}

async fn subscribe(
    link: &mut watch::Receiver<Link>,
    source: &Source,
) -> Result<(Channel, Consumer), BusError> {
    let connection = connected(link).await;
    let opening = async {
        let channel = connection.create_channel().await?;
        let (queue, prefetch) = match source {
            Source::Queue { name, prefetch } => (name.clone(), *prefetch),
            Source::News { binding_keys, prefetch } => (news_queue(&channel, binding_keys).await?, *prefetch),
        };
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let queue = lapin::types::ShortString::try_new(queue).unwrap_or_default();
        let consumer = channel
            .basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default())
            .await?;
        lapin::Result::Ok((channel, consumer))
    };
    match timeout(OPENING, opening).await {
        Ok(opened) => opened.map_err(|error| BusError::Unavailable(error.to_string())),
        Err(_) => Err(BusError::Unavailable("the broker did not answer in time".into())),
    }
}

async fn news_queue(channel: &Channel, binding_keys: &[String]) -> lapin::Result<String> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
    for key in binding_keys {
        let Ok(key) = short("a binding key is longer than 255 bytes", key) else { continue };
        channel
            .queue_bind(
                queue.name().clone(),
                Exchange::Events.name().into(),
                key,
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
    }
    Ok(queue.name().as_str().to_owned())
}
