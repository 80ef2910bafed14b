//! What every test starts from.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::topology::{PARKED, Target};
use bus::{Bus, BusConfig, ConsumeOptions, Exchange, Letter, Outcome, Topology};
use testbed::{Proxy, Vhost, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const WORK: &str = "work";
pub(crate) const SOLO: &str = "solo";
pub(crate) const QUESTION: &str = "ask.me";

/// A virtual host with a small topology whose delays are short, and a seat on it.
pub(crate) struct Rig {
    pub(crate) bus: Bus,
    pub(crate) topology: Topology,
    pub(crate) vhost: Vhost,
}

pub(crate) fn small_topology() -> Topology {
    let mut topology = Topology::bare();
    topology.work(WORK, false, 3, |_| Duration::from_millis(100));
    topology.bind(Exchange::Webhooks.name(), "test.#", Target::Queue(WORK.into()));
    topology.work(SOLO, true, 100, |_| Duration::from_millis(100));
    topology.bind(Exchange::Commands.name(), "solo.#", Target::Queue(SOLO.into()));
    topology.questions(QUESTION);
    topology
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let vhost = Vhost::fresh().await.unwrap();
        let bus = Bus::connect(BusConfig::new(vhost.url(), "rig")).await.unwrap();
        let topology = small_topology();
        topology.declare(&bus).await.unwrap();
        Self { bus, topology, vhost }
    }

    /// Another seat, on a wire that can be cut.
    pub(crate) async fn behind_a_proxy(&self) -> (Bus, Proxy) {
        let proxy = Proxy::to(&self.vhost.url()).await.unwrap();
        let url = proxy.in_front_of(&self.vhost.url()).unwrap();
        (Bus::connect(BusConfig::new(url, "rig-behind-a-proxy")).await.unwrap(), proxy)
    }

    pub(crate) async fn depth(&self, queue: &str) -> Option<u32> {
        let depths = self.topology.depths(&self.bus).await.unwrap();
        depths.into_iter().find(|depth| depth.queue == queue).map(|depth| depth.messages)
    }

    pub(crate) async fn until_depth(&self, queue: &str, messages: u32) {
        until(SOON, &format!("{messages} letters in {queue}"), || async {
            (self.depth(queue).await == Some(messages)).then_some(())
        })
        .await;
    }

    pub(crate) async fn until_consumers(&self, queue: &str, consumers: u32) {
        until(SOON, &format!("{consumers} consumers of {queue}"), || async {
            let depths = self.topology.depths(&self.bus).await.unwrap();
            depths.iter().any(|depth| depth.queue == queue && depth.consumers == consumers).then_some(())
        })
        .await;
    }

    /// Like [`Rig::until_consumers`], with those that only stand by.
    pub(crate) async fn until_subscriptions(&self, queue: &str, subscriptions: usize) {
        until(SOON, &format!("{subscriptions} subscriptions to {queue}"), || async {
            (self.vhost.subscriptions(queue).await.unwrap() == subscriptions).then_some(())
        })
        .await;
    }

    pub(crate) async fn send(&self, text: &str) -> Letter {
        let letter = Letter::new("test.Text", text.to_owned());
        self.bus.publish(Exchange::Webhooks, "test.text", letter.clone()).await.unwrap();
        letter
    }

    pub(crate) async fn command(&self, key: &str, text: &str) {
        let letter = Letter::new("test.Text", text.to_owned()).key(key);
        self.bus.publish(Exchange::Commands, "solo.text", letter).await.unwrap();
    }

    /// The next letter set aside, taken out of `parked`.
    pub(crate) async fn parked(&self) -> Letter {
        let seen = Seen::default();
        let collecting = consume(&self.bus, PARKED, seen.collecting(|_| Outcome::Done));
        seen.until(1).await;
        collecting.stop().await;
        seen.all().remove(0)
    }
}

pub(crate) fn text(letter: &Letter) -> String {
    String::from_utf8(letter.body.to_vec()).unwrap()
}

/// A running consumer that the test can end.
pub(crate) struct Running {
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

pub(crate) fn consume<H, F>(bus: &Bus, queue: &str, handler: H) -> Running
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    consume_with(bus, queue, ConsumeOptions::default(), handler)
}

pub(crate) fn consume_with<H, F>(bus: &Bus, queue: &str, options: ConsumeOptions, handler: H) -> Running
where
    H: Fn(Letter) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(bus.consume(queue, options, handler, shutdown.clone()));
    Running { shutdown, task }
}

/// Letters a handler has been given, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<Letter>>>);

impl Seen {
    pub(crate) fn note(&self, letter: Letter) {
        self.0.lock().unwrap().push(letter);
    }

    pub(crate) fn all(&self) -> Vec<Letter> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.all().iter().map(text).collect()
    }

    /// A handler that notes every letter and answers what `outcome` says.
    pub(crate) fn collecting(
        &self,
        outcome: impl Fn(&Letter) -> Outcome + Send + Sync + 'static,
    ) -> impl Fn(Letter) -> std::future::Ready<Outcome> + Send + Sync + 'static {
        let seen = self.clone();
        move |letter| {
            let outcome = outcome(&letter);
            seen.note(letter);
            std::future::ready(outcome)
        }
    }

    pub(crate) async fn until(&self, count: usize) {
        until(SOON, &format!("{count} letters"), || async { (self.all().len() >= count).then_some(()) })
            .await;
    }
}
