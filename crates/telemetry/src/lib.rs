#![doc = include_str!("../README.md")]

mod fields;
mod lines;
pub mod prometheus;
mod settings;
pub mod trace;

pub use settings::{LogFormat, LogSettings, OtlpSettings};

use opentelemetry_sdk::trace::SdkTracerProvider;
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
#[derive(Debug)]
#[must_use = "without the guard the last spans are lost"]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Guard {
    /// Sends the spans that are still held, waiting about a second for a collector that is away.
    ///
    /// Call it outside any asynchronous task: it blocks.
    pub fn flush(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Installs logs, traces and metrics for the process called `service`.
///
/// Call it before the runtime starts: the exporter's client must not be made inside one.
///
/// # Errors
/// See [`TelemetryError`].
pub fn init(service: &'static str, log: &LogSettings, otlp: &OtlpSettings) -> Result<Guard, TelemetryError> {
    prometheus::install()?;
    let provider = trace::provider(service, otlp)?;
    Registry::default()
        .with(trace::layer(&provider))
        .with(
            lines::Lines::new(service, log.format, std::io::stdout)
                .with_filter(events(&log.filter.targets())),
        )
        .try_init()
        .map_err(|_| TelemetryError::AlreadyInstalled)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Guard { provider })
}

/// Filters events and lets spans pass: a span carries the ids that make a rare event's line useful.
fn events<S>(targets: &Targets) -> impl tracing_subscriber::layer::Filter<S> + use<S>
where
    S: tracing::Subscriber,
{
    targets.clone().or(filter_fn(|meta| meta.is_span() && *meta.level() <= tracing::Level::INFO)
        .with_max_level_hint(tracing::Level::INFO))
}

fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
    tracing::error!(panic.place = %place, "a task panicked; its message is withheld because it may quote a value");
}
