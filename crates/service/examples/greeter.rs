//! A whole service: what its `main.rs`, its settings and its only route look like.

use std::process::ExitCode;

use actix_web::web;
use serde::{Deserialize, Serialize};
use service::settings::{Chassis, DatabaseSettings, HttpSettings, LogSettings, OtlpSettings, SentrySettings};
use service::{App, Readiness, Start};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    http: HttpSettings,
    #[serde(default)]
    log: LogSettings,
    #[serde(default)]
    otlp: OtlpSettings,
    #[serde(default)]
    sentry: SentrySettings,
    database: DatabaseSettings,
}

impl service::settings::Settings for Settings {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }
}

fn main() -> ExitCode {
    service::main("greeter", build)
}

async fn build(start: Start<Settings>) -> anyhow::Result<App> {
    start.background.run("heart", |stop| async move {
        stop.cancelled().await;
        anyhow::Ok(())
    });
    let pool_size = start.settings.database.pool_size;
    let readiness = Readiness::new().check("database", move || async move {
        if pool_size > 0 { Ok(()) } else { Err("the pool is empty") }
    });
    Ok(App::new().readiness(readiness).routes(|config| {
        config.service(web::resource("/greeting").get(async || "good morning"));
    }))
}
