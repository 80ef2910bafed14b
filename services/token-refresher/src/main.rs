#![doc = include_str!("../README.md")]

mod config;
mod refresh;

use std::process::ExitCode;
use std::sync::Arc;

use service::{App, Base, Start};

fn main() -> ExitCode {
    service::main("token-refresher", build)
}

async fn build(start: Start<config::Settings>) -> anyhow::Result<App> {
    let settings = start.settings;
    vendor_http::install_tls();
    let broker = settings.broker.bus(start.name);
    let base = Base::join(broker, &settings.database, &settings.encryption, &start.background).await?;
    let refresher = Arc::new(refresh::Refresher::new(&settings.sikka, settings.token_refresher, &base)?);
    start.background.run("refreshes", move |stop| {
        let refresher = refresher.clone();
        async move { refresher.run(stop).await }
    });
    Ok(App::new().readiness(base.readiness()).on_stop(move || async move { base.bus.close().await }))
}
