#![doc = include_str!("../README.md")]

mod alarm;
mod fields;
mod lines;
pub mod prometheus;
mod settings;
pub mod trace;

pub use settings::{LogFormat, LogSettings, OtlpSettings, SentryDsn, SentrySettings};

use std::sync::Arc;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// What can stop telemetry from being installed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The collector's address cannot be used.
    #[error("otlp.endpoint cannot be used: {0}")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// Something else in this process has already installed a subscriber.
    #[error("logging is already installed in this process")]
    AlreadyInstalled,
    /// Something else in this process has already installed a metrics recorder.
    #[error("a metrics recorder is already installed in this process")]
    AlreadyRecording,
}

/// Keeps the exporter alive. Call [`Guard::flush`] as the last thing the process does.
#[must_use = "without the guard the last spans are lost"]
pub struct Guard {
    provider: SdkTracerProvider,
    alarm: Option<Arc<sentry::Client>>,
}

impl Guard {
    /// Sends the spans and the error reports that are still held, waiting some seconds for receivers that are away.
    ///
    /// Call it outside any asynchronous task: it blocks.
    pub fn flush(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
        if let Some(client) = self.alarm {
            alarm::close(&client);
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

/// Installs logs, traces, metrics and error reports for the process called `service`.
///
/// Call it before the runtime starts: the exporter's client must not be made inside one.
///
/// # Errors
/// See [`TelemetryError`].
pub fn init(
    service: &'static str,
    log: &LogSettings,
    otlp: &OtlpSettings,
    sentry: &SentrySettings,
) -> Result<Guard, TelemetryError> {
    prometheus::install()?;
    let provider = trace::provider(service, otlp)?;
    let alarm = alarm::client(sentry);
    Registry::default()
        .with(trace::layer(&provider))
        .with(
            lines::Lines::new(service, log.format, std::io::stdout)
                .with_filter(events(&log.filter.targets())),
        )
        // After the lines: they keep the fields of the spans, which it reads.
        .with(alarm.clone().map(|client| {
            // No more than errors, and the spans around them: whatever this asks for is made for everybody.
            alarm::Alarm::new(service, client).with_filter(events(&Targets::new().with_default(Level::ERROR)))
        }))
        .try_init()
        .map_err(|_| TelemetryError::AlreadyInstalled)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Guard { provider, alarm })
}

/// Filters events and lets spans pass: a span carries the ids that make a rare event's line useful.
fn events<S>(targets: &Targets) -> impl tracing_subscriber::layer::Filter<S> + use<S>
where
    S: tracing::Subscriber,
{
    targets
        .clone()
        .or(filter_fn(|meta| meta.is_span() && *meta.level() <= Level::INFO).with_max_level_hint(Level::INFO))
}

fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    tracing::error!(panic.place = %place, "a task panicked; its message is withheld because it may quote a value");
}
