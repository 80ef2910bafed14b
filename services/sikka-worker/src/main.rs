#![doc = include_str!("../README.md")]

mod budget;
mod config;
mod context;
mod jobs;
mod offices;

use std::process::ExitCode;
use std::sync::Arc;

use bus::{Bus, BusConfig, topology};
use service::{App, Readiness, Relay, Start, TopologyKeeper};
use store::Store;

fn main() -> ExitCode {
    // The scenario is read from FAILPOINTS; without the feature there is nothing to read it.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    service::main("sikka-worker", build)
}

async fn build(start: Start<config::Settings>) -> anyhow::Result<App> {
    let settings = start.settings;
    vendor_http::install_tls();
    let keys = Arc::new(settings.encryption.ring()?);
    let store = Store::open(&settings.database.url, settings.database.pool_size, keys).await?;
    let bus = Bus::connect_lazily(BusConfig::new(settings.broker.url.expose(), "sikka-worker"))?;
    let relay = Relay::new(store.clone(), bus.clone());
    let context = Arc::new(context::Context::new(&settings, &store, bus.clone(), relay.clone())?);
    let queues = TopologyKeeper::new(bus.clone(), topology::switchboard());
    start.background.run("topology", {
        let queues = queues.clone();
        move |stop| {
            let queues = queues.clone();
            async move { queues.run(stop).await }
        }
    });
    start.background.run("outbox relay", move |stop| {
        let relay = relay.clone();
        async move { relay.run(stop).await }
    });
    jobs::register(&start.background, &context);
    Ok(App::new()
        .readiness(
            Readiness::new()
                .check("database", move || {
                    let store = store.clone();
                    async move { store.ping().await }
                })
                .check("broker", move || {
                    let queues = queues.check();
                    async move { queues }
                }),
        )
        .on_stop(move || async move { bus.close().await }))
}
