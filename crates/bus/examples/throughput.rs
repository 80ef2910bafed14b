//! How fast letters are confirmed, and what one costs this process.
//!
//! `cargo run --release -p bus --example throughput -- amqp://guest:guest@localhost:5672/%2f [letters] [in flight]`

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bus::topology::Target;
use bus::{Bus, BusConfig, Exchange, Letter, Topology};
use bytes::Bytes;

const QUEUE: &str = "throughput";

/// CPU time of this process in clock ticks of 10 ms.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [11, 12].iter().filter_map(|field| fields.get(*field)?.parse::<u64>().ok()).sum()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("give the broker's URL")?;
    let letters: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let in_flight: u64 = arguments.next().map_or(Ok(128), |text| text.parse())?;

    let bus = Bus::connect(BusConfig::new(url, "throughput")).await?;
    let mut topology = Topology::bare();
    topology.work(QUEUE, false, 20, |_| Duration::from_secs(60));
    topology.bind(Exchange::Webhooks.name(), "throughput.#", Target::Queue(QUEUE.into()));
    topology.declare(&bus).await?;

    let body = Bytes::from(vec![b'x'; 1200]);
    let (next, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (started, before) = (Instant::now(), ticks());
    let senders: Vec<_> = (0..in_flight)
        .map(|_| {
            let (bus, body, next, failed) = (bus.clone(), body.clone(), next.clone(), failed.clone());
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < letters {
                    let letter = Letter::new("switchboard.v1.Throughput", body.clone()).tenant("demo");
                    if bus.publish(Exchange::Webhooks, "throughput.letter", letter).await.is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await?;
    }
    let (took, cpu) = (started.elapsed(), (ticks() - before) * 10_000);
    let mut out = std::io::stdout();
    writeln!(out, "{letters} letters, {in_flight} in flight: {:.0}/s", letters as f64 / took.as_secs_f64())?;
    writeln!(out, "{:.1} us of CPU a letter", cpu as f64 / letters as f64)?;
    writeln!(out, "{} failed", failed.load(Ordering::Relaxed))?;
    let depth = topology.depths(&bus).await?.into_iter().find(|depth| depth.queue == QUEUE);
    writeln!(out, "{} in the queue", depth.map_or(0, |depth| depth.messages))?;
    bus.close().await;
    Ok(())
}
