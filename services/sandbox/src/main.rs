//! The sandbox process: reads its settings, serves both ports, stops on SIGTERM or Ctrl-C.

use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use sandbox::{Sandbox, admin::banner, config::Config, server, vapi::Player};
use telemetry::{LogSettings, OtlpSettings, SentrySettings};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let filter = config.log.clone().try_into().map_err(|why| anyhow::anyhow!("--log {why}"))?;
    let log = LogSettings { filter, ..LogSettings::default() };
    let guard = telemetry::init("sandbox", &log, &OtlpSettings::default(), &SentrySettings::default())?;
    // The HTTP client panics when it is built without one; a second install is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = tokio::runtime::Runtime::new()?.block_on(run(&config));
    guard.flush();
    outcome
}

async fn run(config: &Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Arc::new(Sandbox::new(config.seed()?));
    let player = Player::new(config.player())?;
    let running = server::start(&config.host, config.port, config.admin_port, sandbox, player)?;
    let ports = running.ports();
    if let Some(path) = &config.ports_file {
        server::write_ports(path, ports).context("the ports file could not be written")?;
    }
    for line in banner::lines() {
        tracing::info!("{line}");
    }
    tracing::info!(vendor.port = ports.port, admin.port = ports.admin_port, "the sandbox is listening");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    tracing::info!("the sandbox has stopped");
    Ok(())
}
