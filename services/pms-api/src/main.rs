#![doc = include_str!("../README.md")]

mod alerts;
mod book;
mod config;
mod context;
mod desks;
mod for_staff;
mod jobs;
mod ledger;
mod news;
mod permissions;
mod refusals;
mod routes;
mod run_tool;
mod setup_desk;
mod sign_ins;
mod staff_names;

use std::process::ExitCode;

use actix_web::web::Data;
use service::{App, Base, Start};

fn main() -> ExitCode {
    service::main("pms-api", build)
}

async fn build(start: Start<config::Settings>) -> anyhow::Result<App> {
    let settings = start.settings;
    let broker = settings.broker.bus(start.name);
    let base = Base::join(broker, &settings.database, &settings.encryption, &start.background).await?;
    let context = Data::new(context::Context::new(settings.pms_api, settings.slack, settings.oidc, &base)?);
    jobs::register(&start.background, &context);
    Ok(App::new()
        .readiness(base.readiness())
        .routes(move |cfg| routes::configure(cfg, &context))
        .on_stop(move || async move { base.bus.close().await }))
}
