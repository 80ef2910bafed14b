//! The postman: the one task that publishes on a channel and reads the broker's confirms.
//!
//! Many letters are on their way at once; nobody waits for another's confirm. It is one task because the client library
//! numbers a letter and queues its frames in two steps: two tasks publishing on one channel could swap numbers, and one
//! of them would be told of the other's confirm.
//!
//! The guarantee: [`Ok`] is answered only for a letter the broker has confirmed and not returned.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Consumer};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::error::PublishError;
use crate::line::{Link, connected};
use crate::returned::{Label, Returned};
use crate::rpc::Replies;

/// Letters taken in at once.
const BATCH: usize = 128;
/// More unconfirmed letters than this, and the next ones wait for their turn.
const MOST_IN_FLIGHT: usize = 8192;
/// With so many confirms overdue the channel itself is taken for dead.
const MOST_OVERDUE: usize = 256;
const OPENING: Duration = Duration::from_secs(10);
const BETWEEN_OPENINGS: Duration = Duration::from_millis(100);
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

pub(crate) type Verdict = Result<(), PublishError>;

/// A letter on its way to the broker.
pub(crate) struct Post {
    pub(crate) label: Label,
    pub(crate) mandatory: bool,
    /// Boxed because a post changes hands several times on its way and properties are a third of a kilobyte.
    pub(crate) properties: Box<BasicProperties>,
    pub(crate) body: Bytes,
    pub(crate) answer: oneshot::Sender<Verdict>,
}

impl Post {
    fn refuse(self, why: &str) {
        let _ = self.answer.send(Err(PublishError::Unavailable(why.to_owned())));
    }
}

pub(crate) struct Postman {
    pub(crate) link: watch::Receiver<Link>,
    pub(crate) ready: watch::Sender<bool>,
    /// Letters whose sender has stopped waiting and whose confirm has not come.
    pub(crate) overdue: Arc<AtomicUsize>,
    /// Where answers go, if questions are sent from here.
    pub(crate) replies: Option<Arc<Replies>>,
    pub(crate) patience: Duration,
    pub(crate) closing: CancellationToken,
}

#[derive(PartialEq, Eq)]
enum End {
    Lost,
    Closing,
}

struct Desk {
    channel: Channel,
    replies: Option<Consumer>,
    /// Changes when the connection under the channel is gone.
    link: watch::Receiver<Link>,
}

struct Delivered {
    label: Label,
    answer: oneshot::Sender<Verdict>,
    confirmation: lapin::Result<Confirmation>,
}

impl Postman {
    pub(crate) async fn work(self, mut posts: mpsc::Receiver<Post>) {
        while let Some(desk) = self.open(&mut posts).await {
            self.ready.send_replace(true);
            let end = self.carry(desk, &mut posts).await;
            self.ready.send_replace(false);
            self.overdue.store(0, Ordering::Relaxed);
            if let Some(replies) = &self.replies {
                replies.abandon();
            }
            if end == End::Closing {
                break;
            }
        }
        posts.close();
        while let Some(post) = posts.recv().await {
            post.refuse("the bus is closed");
        }
    }

    /// Opens a channel as soon as there is a connection. Whoever wants to publish meanwhile is told at once.
    async fn open(&self, posts: &mut mpsc::Receiver<Post>) -> Option<Desk> {
        let mut opening = std::pin::pin!(open_desk(self.link.clone(), self.replies.is_some()));
        loop {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                desk = &mut opening => return Some(desk),
                post = posts.recv() => post?.refuse("there is no connection"),
            }
        }
    }

    async fn carry(&self, desk: Desk, posts: &mut mpsc::Receiver<Post>) -> End {
        let Desk { channel, mut replies, mut link } = desk;
        let mut in_flight = FuturesUnordered::new();
        let mut returned = Returned::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut look = interval(Duration::from_secs(1));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some(first) = in_flight.next() => {
                    if self.settle(first, &mut in_flight, &channel, &mut returned) == Some(End::Lost) {
                        return End::Lost;
                    }
                }
                reply = next_reply(&mut replies) => match (reply, &self.replies) {
                    (Some(reply), Some(replies)) => replies.arrived(reply),
                    _ => return End::Lost,
                },
                () = self.closing.cancelled() => break,
                _ = link.changed() => return End::Lost,
                taken = posts.recv_many(&mut batch, BATCH), if in_flight.len() < MOST_IN_FLIGHT => {
                    if taken == 0 {
                        break;
                    }
                    in_flight.extend(batch.drain(..).map(|post| deliver(&channel, post)));
                }
                _ = look.tick() => {
                    let overdue = self.overdue.load(Ordering::Relaxed);
                    if overdue > MOST_OVERDUE {
                        warn!(overdue, "the broker owes too many confirms, opening another channel");
                        return End::Lost;
                    }
                }
            }
        }
        let mut patience = std::pin::pin!(sleep(self.patience));
        while !in_flight.is_empty() {
            tokio::select! {
                Some(first) = in_flight.next() => {
                    self.settle(first, &mut in_flight, &channel, &mut returned);
                }
                _ = link.changed() => break,
                () = &mut patience => break,
            }
        }
        End::Closing
    }

    /// Answers for everything confirmed so far, in rounds: see [`crate::returned`].
    fn settle<F>(
        &self,
        first: Delivered,
        in_flight: &mut FuturesUnordered<F>,
        channel: &Channel,
        returned: &mut Returned,
    ) -> Option<End>
    where
        F: Future<Output = Delivered>,
    {
        let mut lost = None;
        let mut round = vec![first];
        take_ready(in_flight, &mut round);
        while !round.is_empty() {
            fence(channel);
            let mut late = Vec::new();
            take_ready(in_flight, &mut late);
            for delivered in round.iter().chain(&late) {
                if let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) =
                    &delivered.confirmation
                {
                    returned.note(message);
                }
            }
            for delivered in round.drain(..) {
                if delivered.confirmation.is_err() {
                    lost = Some(End::Lost);
                }
                self.answer(delivered, returned);
            }
            round = late;
        }
        lost
    }

    fn answer(&self, delivered: Delivered, returned: &mut Returned) {
        let verdict = match delivered.confirmation {
            Ok(_) if returned.claim(&delivered.label) => Err(PublishError::Unroutable),
            Ok(Confirmation::Ack(_)) => Ok(()),
            Ok(Confirmation::Nack(_)) => Err(PublishError::Refused),
            Ok(Confirmation::NotRequested) => {
                Err(PublishError::Unavailable("the channel does not confirm".into()))
            }
            Err(error) => Err(PublishError::Unavailable(error.to_string())),
        };
        if delivered.answer.send(verdict).is_err() {
            // Its sender gave up waiting and counted it as overdue; here is the confirm after all.
            let _ = self.overdue.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        }
    }
}

fn take_ready<F: Future<Output = Delivered>>(in_flight: &mut FuturesUnordered<F>, into: &mut Vec<Delivered>) {
    while let Some(Some(delivered)) = in_flight.next().now_or_never() {
        into.push(delivered);
    }
}

/// Afterwards every confirm of the frames read so far has reached its promise.
///
/// The client library takes a confirm of many apart under the lock of its list of unconfirmed letters. Asking for the
/// outstanding ones takes that lock, so it returns only after the whole confirm has been dealt out.
fn fence(channel: &Channel) {
    drop(channel.wait_for_confirms().now_or_never());
}

async fn deliver(channel: &Channel, post: Post) -> Delivered {
    let Post { label, mandatory, properties, body, answer } = post;
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    let confirmation = match ShortString::try_new(label.routing_key.as_str()) {
        Ok(routing_key) => {
            let exchange = label.exchange.name().into();
            match channel.basic_publish(exchange, routing_key, options, &body, *properties).await {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            }
        }
        Err(_) => Ok(Confirmation::Nack(None)),
    };
    Delivered { label, answer, confirmation }
}

async fn next_reply(replies: &mut Option<Consumer>) -> Option<Delivery> {
    match replies {
        Some(replies) => replies.next().await?.ok(),
        None => std::future::pending().await,
    }
}

async fn open_desk(mut link: watch::Receiver<Link>, with_replies: bool) -> Desk {
    loop {
        let connection = connected(&mut link).await;
        let opening = async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let replies = if with_replies {
                let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
                Some(channel.basic_consume(REPLY_TO.into(), "".into(), options, FieldTable::default()).await?)
            } else {
                None
            };
            lapin::Result::Ok((channel, replies))
        };
        match timeout(OPENING, opening).await {
            Ok(Ok((channel, replies))) => return Desk { channel, replies, link },
            Ok(Err(error)) => debug!(%error, "could not open a channel for publishing"),
            Err(_) => warn!("the broker did not open a channel in time"),
        }
        sleep(BETWEEN_OPENINGS).await;
    }
}
