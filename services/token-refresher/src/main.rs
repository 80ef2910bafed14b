#![doc = include_str!("../README.md")]

mod config;
mod refresh;

use std::process::ExitCode;
use std::sync::Arc;

use bus::{Bus, BusConfig, topology};
use service::{App, Readiness, Relay, Start, TopologyKeeper};
use store::Store;

fn main() -> ExitCode {
    service::main("token-refresher", build)
}

async fn build(start: Start<config::Settings>) -> anyhow::Result<App> {
    let settings = start.settings;
    vendor_http::install_tls();
    let keys = Arc::new(settings.encryption.ring()?);
    let store = Store::open(&settings.database.url, settings.database.pool_size, keys).await?;
    let bus = Bus::connect_lazily(BusConfig::new(settings.broker.url.expose(), "token-refresher"))?;
    let relay = Relay::new(store.clone(), bus.clone());
    let refresher = Arc::new(refresh::Refresher::new(&settings, store.clone(), relay.clone())?);
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
    start.background.run("refreshes", move |stop| {
        let refresher = refresher.clone();
        async move { refresher.run(stop).await }
    });
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
