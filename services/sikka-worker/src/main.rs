#![doc = include_str!("../README.md")]

mod budget;
mod config;
mod connect;
mod context;
mod jobs;
mod offices;

use std::process::ExitCode;
use std::sync::Arc;

use service::{App, Base, Start};

fn main() -> ExitCode {
    // The scenario is read from FAILPOINTS; without the feature there is nothing to read it.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    service::main("sikka-worker", build)
}

async fn build(start: Start<config::Settings>) -> anyhow::Result<App> {
    let settings = start.settings;
    vendor_http::install_tls();
    let broker = settings.broker.bus(start.name);
    let base = Base::join(broker, &settings.database, &settings.encryption, &start.background).await?;
    let context = Arc::new(context::Context::new(&settings.sikka, settings.sikka_worker, &base)?);
    jobs::register(&start.background, &context);
    Ok(App::new().readiness(base.readiness()).on_stop(move || async move { base.bus.close().await }))
}
