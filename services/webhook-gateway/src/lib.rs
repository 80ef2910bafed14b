#![doc = include_str!("../README.md")]

mod config;
mod context;
mod counts;
mod directory;
mod drain;
mod event;
mod keeper;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::Context as _;
use service::{App, Readiness, Start};
use store::Store;

pub use config::{GatewaySettings, OwnSettings, VapiDoor};
use context::Context;

/// What Vapi may send at once; reports carry whole conversations.
const BODY_LIMIT: usize = 5 * 1024 * 1024;

/// Joins broker and database, neither of which needs to be there yet, and opens the routes.
///
/// # Errors
/// A credential that proves nothing, an address that is none, a key ring without keys.
pub async fn build(start: Start<GatewaySettings>) -> anyhow::Result<App> {
    let settings = &start.settings;
    let keys = Arc::new(settings.encryption.ring()?);
    let store = Store::open(&settings.database.url, settings.database.pool_size, keys).await?;
    let bus = bus::Bus::connect_lazily(settings.bus(start.name))?;
    let context = Context::new(settings, bus.clone(), store).context("no door can be opened")?;
    let shared = web::Data::new(context);

    let (for_drain, for_topology, for_ready, for_stop) =
        (shared.clone(), shared.clone(), shared.clone(), shared.clone());
    start.background.run("drain", move |stop| drain::keep_draining(for_drain.clone(), stop));
    start.background.run("topology", move |stop| drain::keep_declared(for_topology.clone(), stop));

    let readiness = Readiness::new().check("broker or database", move || {
        let context = for_ready.clone();
        async move {
            if context.bus.is_up() {
                return Ok(());
            }
            context.store.ping().await
        }
    });
    Ok(App::new()
        .body_limit(BODY_LIMIT)
        .readiness(readiness)
        .hot_routes(move |config| {
            config.app_data(shared.clone()).configure(routes::register);
        })
        .on_stop(move || async move {
            for_stop.keeper.finish(Duration::from_secs(5)).await;
            bus.close().await;
        }))
}
