#![doc = include_str!("../README.md")]

mod book;
mod config;
mod context;
mod desks;
mod jobs;
mod ledger;
mod news;
mod routes;
mod run_tool;

use std::process::ExitCode;
use std::sync::Arc;

use actix_web::web::Data;
use bus::{Bus, BusConfig, topology};
use service::{App, Readiness, Relay, Start, TopologyKeeper};
use store::Store;

fn main() -> ExitCode {
    service::main("pms-api", build)
}

async fn build(start: Start<config::Settings>) -> anyhow::Result<App> {
    let settings = start.settings;
    let keys = Arc::new(settings.encryption.ring()?);
    let store = Store::open(&settings.database.url, settings.database.pool_size, keys.clone()).await?;
    let bus = Bus::connect_lazily(BusConfig::new(settings.broker.url.expose(), "pms-api"))?;
    let relay = Relay::new(store.clone(), bus.clone());
    let context =
        Data::new(context::Context::new(&settings, &keys, store.clone(), bus.clone(), relay.clone())?);
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
    let database = store;
    Ok(App::new()
        .readiness(
            Readiness::new()
                .check("database", move || {
                    let database = database.clone();
                    async move { database.ping().await }
                })
                .check("broker", move || {
                    let queues = queues.check();
                    async move { queues }
                }),
        )
        .routes(move |cfg| routes::configure(cfg, &context))
        .on_stop(move || async move { bus.close().await }))
}
