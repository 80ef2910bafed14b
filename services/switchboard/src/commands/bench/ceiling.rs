use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bus::{Bus, ConsumeOptions, Exchange, Letter, Outcome, topology};
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::numbers::count;

/// The queue that everything measured here ends in.
pub(super) const QUEUE: &str = topology::VOICE_WEBHOOKS;

/// Letters a second that one publisher gets confirmed, with `in_flight` of them on their way at once:
/// what the broker takes when nothing but publishing costs anything.
pub(super) async fn publish(
    bus: &Bus,
    body: &Bytes,
    in_flight: usize,
    lasting: Duration,
) -> anyhow::Result<f64> {
    let began = Instant::now();
    let until = began + lasting;
    let mut senders = JoinSet::new();
    for _ in 0..in_flight {
        let (bus, body) = (bus.clone(), body.clone());
        senders.spawn(async move {
            let mut sent = 0_usize;
            while Instant::now() < until {
                let letter = Letter::new("switchboard.v1.WebhookReceived", body.clone());
                bus.publish(Exchange::Webhooks, "vapi.transcript", letter).await?;
                sent += 1;
            }
            Ok::<usize, bus::PublishError>(sent)
        });
    }
    let mut sent = 0;
    while let Some(ended) = senders.join_next().await {
        sent += ended?.context("the broker refused a letter")?;
    }
    Ok(count(sent) / began.elapsed().as_secs_f64())
}

/// Waits until the queue takes letters: after a start the broker first reads what earlier runs sent through it.
pub(super) async fn until_taken(bus: &Bus) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let letter = Letter::new("switchboard.v1.WebhookReceived", Bytes::new());
        match bus.publish(Exchange::Webhooks, "vapi.transcript", letter).await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() >= until => return Err(error).context("the queue takes nothing"),
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Takes everything out of the queue, and says how much there was.
pub(super) async fn drain(bus: &Bus) -> anyhow::Result<u64> {
    let taken = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let options = ConsumeOptions { prefetch: 2_000, ..ConsumeOptions::default() };
    let counter = taken.clone();
    let handler = move |_: Letter| {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Outcome::Done)
    };
    let taking = tokio::spawn(bus.consume(QUEUE, options, handler, stop.clone()));
    let mut quiet = 0;
    let mut last = 0;
    // What is handed out and not yet counted is no longer in the depth, so it must stand still as well.
    while quiet < 3 {
        sleep(Duration::from_millis(100)).await;
        let now = taken.load(Ordering::Relaxed);
        let depth = topology::depths(bus).await?.into_iter().find(|depth| depth.queue == QUEUE);
        let empty = depth.is_some_and(|depth| depth.messages == 0);
        quiet = if empty && now == last { quiet + 1 } else { 0 };
        last = now;
    }
    stop.cancel();
    taking.await?;
    Ok(taken.load(Ordering::Relaxed))
}
