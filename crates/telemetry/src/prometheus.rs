//! The metrics page.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::TelemetryError;

/// Seconds. From a cheap answer (0.5 ms) to a vendor that is nearly given up on.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

// The recorder behind the `metrics` macros is the process's own; this is the handle to the same thing.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder behind the `metrics` macros. A second call changes nothing.
///
/// Metrics whose name ends in `_seconds` are histograms with fixed buckets, so that replicas add up.
///
/// # Errors
/// [`TelemetryError::AlreadyRecording`] when another recorder is there.
pub fn install() -> Result<(), TelemetryError> {
    let mut refused = false;
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let recorder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        refused = metrics::set_global_recorder(recorder).is_err();
        handle
    });
    if refused { Err(TelemetryError::AlreadyRecording) } else { Ok(()) }
}

/// Every metric in Prometheus' text format; empty before [`install`].
#[must_use]
pub fn render() -> String {
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Folds what the histograms have gathered. Call it every few seconds, or they grow between two scrapes.
pub fn upkeep() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_duration_is_a_histogram_that_replicas_can_add_up() {
        super::install().expect("the first recorder of this process");
        super::install().expect("a second call changes nothing");
        metrics::histogram!("probe_duration_seconds").record(0.002);
        let page = super::render();
        assert!(page.contains("probe_duration_seconds_bucket{le=\"0.0025\"} 1"), "{page}");
    }
}
