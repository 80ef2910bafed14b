use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use clap::Parser;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::app::{App, Closer, Start};
use crate::background::Background;
use crate::http::{Doors, Status, serve};
use crate::settings::{Described, HttpSettings, Loaded, Settings, Sources, describe, load};

/// Threads for everything but requests: those have their own ([`HttpSettings::workers`]).
const RUNTIME_THREADS: usize = 2;
const BLOCKING_THREADS: usize = 8;
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

#[derive(Debug, Parser)]
#[command(version, about = "A Switchboard service.")]
struct Arguments {
    /// A TOML file with settings; variables of the environment win over it.
    #[arg(long, value_name = "FILE", env = "SWITCHBOARD_CONFIG")]
    config: Option<PathBuf>,
    /// Prints the settings in force, one JSON object a line, secrets hidden, and ends.
    #[arg(long)]
    describe_settings: bool,
}

/// A service's whole `main`: settings, telemetry, runtime, `build`, serving, and the drain at SIGTERM or SIGINT.
///
/// Exits 0 after a drain, 1 when the service could not start or its server died, 2 when its settings are refused. The
/// reason is one sentence on standard error.
pub fn main<S, B, F>(name: &'static str, build: B) -> ExitCode
where
    S: Settings,
    B: FnOnce(Start<S>) -> F,
    F: Future<Output = anyhow::Result<App>>,
{
    let arguments = Arguments::parse();
    let settings = match load::<S>(name, &Sources::of_process(arguments.config)) {
        Ok(loaded) if arguments.describe_settings => return print_settings(&loaded),
        Ok(loaded) => loaded.settings,
        Err(error) => return give_up(name, &error.to_string(), 2),
    };
    let chassis = settings.chassis();
    let guard = match telemetry::init(name, chassis.log, chassis.otlp, chassis.sentry) {
        Ok(guard) => guard,
        Err(error) => return give_up(name, &error.to_string(), 2),
    };
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return give_up(name, &format!("the runtime cannot start: {error}"), 1),
    };
    let outcome = runtime.block_on(Box::pin(until_signal(name, settings, build)));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error.cause = %format_args!("{error:#}"), "the service stops because of an error");
            give_up(name, &format!("{error:#}"), 1)
        }
    };
    guard.flush();
    code
}

fn print_settings<S: Settings>(loaded: &Loaded<S>) -> ExitCode {
    for Described { path, value, origin } in describe(loaded) {
        let line = serde_json::json!({ "path": path, "value": value, "origin": origin.to_string() });
        if writeln!(std::io::stdout(), "{line}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn give_up(name: &str, reason: &str, code: u8) -> ExitCode {
    // Without standard error the exit code has to say it.
    drop(writeln!(std::io::stderr(), "{name}: {reason}"));
    ExitCode::from(code)
}

async fn until_signal<S, B, F>(name: &'static str, settings: S, build: B) -> anyhow::Result<()>
where
    S: Settings,
    B: FnOnce(Start<S>) -> F,
    F: Future<Output = anyhow::Result<App>>,
{
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(asked);
    let mut running = tokio::select! {
        started = start(name, settings, build) => started?,
        () = &mut asked => return Ok(()),
    };
    let background = running.background.clone();
    let given_up = background.given_up();
    tokio::select! {
        () = &mut asked => {
            tracing::info!("the service was asked to stop and drains");
            running.drain().await;
            Ok(())
        }
        reason = given_up => {
            running.drain().await;
            Err(anyhow::Error::msg(reason))
        }
        ended = &mut running.server => {
            ended.context("the server panicked")?.context("the server ended")?;
            anyhow::bail!("the server ended by itself")
        }
    }
}

/// A service that serves.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    status: Status,
    background: Background,
    closers: Vec<Closer>,
    limit: Duration,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Builds the service and serves, without signals and without telemetry: [`main`] is this with both, and a test is
/// this with [`Running::drain`].
///
/// # Errors
/// What `build` says, or that the port cannot be opened.
pub async fn start<S, B, F>(name: &'static str, settings: S, build: B) -> anyhow::Result<Running>
where
    S: Settings,
    B: FnOnce(Start<S>) -> F,
    F: Future<Output = anyhow::Result<App>>,
{
    let http = settings.chassis().http.clone();
    let background = Background::new();
    let app = match build(Start { name, settings, background: background.clone() }).await {
        Ok(app) => app,
        Err(error) => {
            background.stop(Duration::ZERO).await;
            return Err(error);
        }
    };
    let status = Status::new(app.readiness, background.clone());
    let doors = Doors {
        hot_routes: app.hot_routes,
        routes: app.routes,
        body_limit: app.body_limit,
        status: status.clone(),
    };
    let (address, server) = serve(&http, doors).with_context(|| {
        format!("cannot listen on {}, port {} (http.host, http.port)", http.host, http.port)
    })?;
    let handle = server.handle();
    let server = tokio::spawn(server);
    keep_metrics_small(&background);
    tracing::info!(http.address = %address, service.version = env!("CARGO_PKG_VERSION"), "listening");
    let HttpSettings { drain_seconds, .. } = http;
    let limit = Duration::from_secs(u64::from(drain_seconds));
    Ok(Running { address, handle, server, status, background, closers: app.closers, limit })
}

fn keep_metrics_small(background: &Background) {
    background.run("metrics upkeep", |stop| async move {
        while stop.run_until_cancelled(tokio::time::sleep(METRICS_UPKEEP)).await.is_some() {
            telemetry::prometheus::upkeep();
        }
        Ok::<(), std::convert::Infallible>(())
    });
}

impl Running {
    /// Stops without losing anything: no new connections, requests in flight are answered, then background tasks are
    /// asked to stop and waited for, then the rest is closed. Requests and tasks each get `http.drain_seconds`.
    pub async fn drain(&mut self) {
        self.status.drain();
        self.handle.stop(true).await;
        let late = self.background.stop(self.limit).await;
        if !late.is_empty() {
            tracing::warn!(
                tasks = late.join(", "),
                "some background tasks did not stop in time and were dropped"
            );
        }
        for close in self.closers.drain(..) {
            close().await;
        }
        tracing::info!("drained");
    }
}
