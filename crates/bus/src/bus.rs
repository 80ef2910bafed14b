//! Joining, publishing, leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::Channel;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::BusConfig;
use crate::counts::Sent;
use crate::error::{BusError, PublishError};
use crate::letter::Letter;
use crate::line::{self, Link};
use crate::postman::{Post, Postman};
use crate::returned::Label;
use crate::rpc::Replies;
use crate::topology::Exchange;
use crate::wire::{self, Manner};

/// A seat on the bus. Clones share one connection, and one channel for letters unless one of them has
/// [its own](Bus::with_own_channel).
///
/// The connection heals by itself: after the broker was away, publishing works again, consumers are subscribed again and
/// questions find their answers, without a word from the caller. What was unconfirmed at the moment of the break was
/// reported as [`PublishError::Unavailable`].
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
    letters: PostBox,
}

struct Inner {
    config: BusConfig,
    link: watch::Receiver<Link>,
    questions: PostBox,
    replies: Arc<Replies>,
    sent: Sent,
    postmen: TaskTracker,
    line: TaskTracker,
    closing: CancellationToken,
    hang_up: CancellationToken,
    /// Ends the tasks when the last clone goes without a `close`.
    _guards: [DropGuard; 2],
}

/// Where letters are handed in.
#[derive(Clone)]
struct PostBox {
    posts: mpsc::Sender<Post>,
    ready: watch::Receiver<bool>,
    overdue: Arc<AtomicUsize>,
}

impl Bus {
    /// Joins the bus, or says why not. Whether to try again is the caller's choice.
    ///
    /// # Errors
    /// [`BusError::Address`] for a broken URL, [`BusError::Refused`] for wrong credentials or an unknown vhost,
    /// [`BusError::Unavailable`] when the broker cannot be reached within `connect_timeout`.
    pub async fn connect(config: BusConfig) -> Result<Self, BusError> {
        let uri = line::address(&config)?;
        let connection = line::dial(&uri, &config).await?;
        let bus = Self::start(uri, config, Some(connection));
        bus.up_within(bus.inner.config.connect_timeout).await?;
        Ok(bus)
    }

    /// Joins the bus as soon as the broker can be reached, which may be never. Until then publishing fails at once with
    /// [`PublishError::Unavailable`], and consumers wait.
    ///
    /// # Errors
    /// [`BusError::Address`] for a broken URL.
    pub fn connect_lazily(config: BusConfig) -> Result<Self, BusError> {
        Ok(Self::start(line::address(&config)?, config, None))
    }

    fn start(uri: lapin::uri::AMQPUri, config: BusConfig, first: Option<lapin::Connection>) -> Self {
        let (link_in, link) = watch::channel(None);
        let (closing, hang_up) = (CancellationToken::new(), CancellationToken::new());
        let (postmen, line) = (TaskTracker::new(), TaskTracker::new());
        let replies = Arc::new(Replies::default());
        line.spawn(line::keep(uri, config.clone(), first, link_in, hang_up.clone()));
        let hire = Hiring { link: &link, config: &config, postmen: &postmen, closing: &closing };
        // Questions have a channel of their own: answers come back on the channel a question was sent on, and a flood
        // of letters must not delay them.
        let (letters, questions) = (hire.postman(None), hire.postman(Some(replies.clone())));
        let inner = Inner {
            config,
            link,
            questions,
            replies,
            sent: Sent::new(),
            postmen,
            line,
            _guards: [closing.clone().drop_guard(), hang_up.clone().drop_guard()],
            closing,
            hang_up,
        };
        Self { inner: Arc::new(inner), letters }
    }

    /// The same seat with a channel of its own for letters, tended on the runtime that calls this: whoever publishes
    /// there is told of the confirm without another thread having to be woken. It is given up with its last clone.
    #[must_use]
    pub fn with_own_channel(&self) -> Self {
        let Inner { link, config, postmen, closing, .. } = &*self.inner;
        let letters = Hiring { link, config, postmen, closing }.postman(None);
        Self { inner: self.inner.clone(), letters }
    }

    /// Waits until letters can be published and questions asked.
    ///
    /// # Errors
    /// [`BusError::Unavailable`] if that takes longer than `patience`.
    pub async fn up_within(&self, patience: Duration) -> Result<(), BusError> {
        let (mut letters, mut questions) = (self.letters.ready.clone(), self.inner.questions.ready.clone());
        let both =
            async { letters.wait_for(|up| *up).await.is_ok() && questions.wait_for(|up| *up).await.is_ok() };
        match timeout(patience, both).await {
            Ok(true) => Ok(()),
            _ => Err(BusError::Unavailable("no channel was opened in time".into())),
        }
    }

    /// Whether letters can be published and questions asked now, as far as we know.
    #[must_use]
    pub fn is_up(&self) -> bool {
        *self.letters.ready.borrow() && *self.inner.questions.ready.borrow()
    }

    /// Sends a letter and waits until the broker has it safely in every queue it belongs to.
    ///
    /// `Ok` means confirmed and taken by at least one queue (for [`Exchange::Events`]: by every queue that wants it, which
    /// may be none). Many letters may be on their way at once from any number of tasks.
    ///
    /// # Errors
    /// See [`PublishError`]; never an `Ok` without a confirm.
    pub async fn publish(
        &self,
        exchange: Exchange,
        routing_key: &str,
        letter: Letter,
    ) -> Result<(), PublishError> {
        if exchange == Exchange::Commands && letter.key.is_none() {
            return Err(PublishError::Invalid("a command needs a key"));
        }
        let manner = Manner::default();
        self.send(&self.letters, exchange, routing_key, exchange.needs_a_listener(), letter, manner).await
    }

    /// Sends an answer. Whoever asked may have gone, so nobody needs to take it.
    pub(crate) async fn reply(&self, reply_to: &str, letter: Letter) -> Result<(), PublishError> {
        let manner = Manner { transient: true, ..Manner::default() };
        self.send(&self.letters, Exchange::Queue, reply_to, false, letter, manner).await
    }

    pub(crate) async fn question(
        &self,
        routing_key: &str,
        letter: Letter,
        manner: Manner<'_>,
    ) -> Result<(), PublishError> {
        self.send(&self.inner.questions, Exchange::Rpc, routing_key, true, letter, manner).await
    }

    async fn send(
        &self,
        post_box: &PostBox,
        exchange: Exchange,
        routing_key: &str,
        mandatory: bool,
        letter: Letter,
        manner: Manner<'_>,
    ) -> Result<(), PublishError> {
        let _in_flight = self.inner.sent.started();
        let verdict = async {
            wire::short("its routing key is longer than 255 bytes", routing_key)?;
            let properties = Box::new(wire::properties(&letter, &self.inner.config.app_id, manner)?);
            let label =
                Label { exchange, routing_key: routing_key.to_owned(), message_id: letter.message_id };
            let (answer, verdict) = oneshot::channel();
            let post = Post { label, mandatory, properties, body: letter.body, answer };
            let sending = async {
                let closed = |_| PublishError::Unavailable("the bus is closed".into());
                post_box.posts.send(post).await.map_err(closed)?;
                let mut waiting = Waiting { overdue: &post_box.overdue, answered: false };
                let verdict = verdict.await;
                waiting.answered = true;
                verdict.unwrap_or_else(|_| Err(PublishError::Unavailable("the connection was lost".into())))
            };
            timeout(self.inner.config.confirm_timeout, sending)
                .await
                .unwrap_or_else(|_| Err(PublishError::Unavailable("no confirm in time".into())))
        }
        .await;
        self.inner.sent.ended(exchange, &verdict);
        verdict
    }

    /// Leaves the bus: letters on their way are waited for (at most `confirm_timeout`), then the connection is closed.
    /// End the consumers first; what they hold unacknowledged goes to others.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.postmen.close();
        self.inner.postmen.wait().await;
        self.inner.hang_up.cancel();
        self.inner.line.close();
        self.inner.line.wait().await;
    }

    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.inner.link.clone()
    }

    pub(crate) fn replies(&self) -> &Replies {
        &self.inner.replies
    }

    /// A channel for a few words with the broker, or why there is none.
    pub(crate) async fn channel(&self) -> Result<Channel, BusError> {
        let connection = self.inner.link.borrow().clone();
        let connection = connection.ok_or_else(|| BusError::Unavailable("there is no connection".into()))?;
        match timeout(self.inner.config.connect_timeout, connection.create_channel()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(BusError::Unavailable(error.to_string())),
            Err(_) => Err(BusError::Unavailable("no channel in time".into())),
        }
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("config", &self.inner.config).field("up", &self.is_up()).finish()
    }
}

/// What a postman needs to start with.
struct Hiring<'a> {
    link: &'a watch::Receiver<Link>,
    config: &'a BusConfig,
    postmen: &'a TaskTracker,
    closing: &'a CancellationToken,
}

impl Hiring<'_> {
    fn postman(&self, replies: Option<Arc<Replies>>) -> PostBox {
        let (posts, queue) = mpsc::channel(1024);
        let (ready_in, ready) = watch::channel(false);
        let overdue = Arc::new(AtomicUsize::new(0));
        let postman = Postman {
            link: self.link.clone(),
            ready: ready_in,
            overdue: overdue.clone(),
            replies,
            patience: self.config.confirm_timeout,
            closing: self.closing.clone(),
        };
        self.postmen.spawn(postman.work(queue));
        PostBox { posts, ready, overdue }
    }
}

/// Counts a letter as overdue if its sender stops waiting before the answer, for whatever reason.
struct Waiting<'a> {
    overdue: &'a AtomicUsize,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.overdue.fetch_add(1, Ordering::Relaxed);
        }
    }
}
