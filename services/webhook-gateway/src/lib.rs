#![doc = include_str!("../README.md")]

mod acceptances;
mod config;
mod context;
mod counts;
mod directory;
mod event;
mod keeper;
mod routes;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::Context as _;
use service::{App, Base, Readiness, Start};

use acceptances::Teller;
pub use config::{GatewaySettings, OwnSettings, SikkaDoor, VapiDoor};
use context::Context;

/// What Vapi may send at once; reports carry whole conversations.
const BODY_LIMIT: usize = 5 * 1024 * 1024;

/// Joins broker and database, neither of which needs to be there yet, and opens the routes.
///
/// # Errors
/// A credential that proves nothing, an address that is none, a key ring without keys.
pub async fn build(start: Start<GatewaySettings>) -> anyhow::Result<App> {
    let settings = &start.settings;
    let broker = settings.bus(start.name);
    let base = Base::join(broker, &settings.database, &settings.encryption, &start.background).await?;
    let context = Context::new(settings, &base).context("no door can be opened")?;
    let shared = web::Data::new(context);

    let tellers = ["vapi", "sikka"].map(|source| Arc::new(Teller::new(shared.clone(), source)));
    for (name, teller) in ["acceptances", "acceptances of Sikka's"].into_iter().zip(tellers.clone()) {
        start.background.run(name, move |stop| {
            let teller = teller.clone();
            async move { teller.run(stop).await }
        });
    }

    let (for_ready, for_stop, for_routes) = (base.clone(), shared.clone(), base.bus.clone());
    let readiness = Readiness::new().check("broker or database", move || {
        let Base { bus, store, .. } = for_ready.clone();
        async move { if bus.is_up() { Ok(()) } else { store.ping().await } }
    });
    Ok(App::new()
        .body_limit(BODY_LIMIT)
        .readiness(readiness)
        .hot_routes(move |config| {
            // Once for each thread that answers requests.
            let bus = web::Data::new(for_routes.with_own_channel());
            config.app_data(shared.clone()).app_data(bus).configure(routes::register);
        })
        .on_stop(move || async move {
            for_stop.keeper.finish(Duration::from_secs(5)).await;
            for teller in tellers {
                teller.finish().await;
            }
            base.bus.close().await;
        }))
}
