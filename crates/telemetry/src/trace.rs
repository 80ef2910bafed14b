//! One trace id from a vendor's request to the last message it caused.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState, TracerProvider};
use opentelemetry::{Context, SpanId, TraceId};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SdkTracerProvider};
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::{OtlpSettings, TelemetryError};

const TRACEPARENT: &str = "traceparent";

/// Libraries whose spans are about bytes on a wire, and which the exporter itself uses: tracing them would loop.
const MUTED: &[&str] =
    &["h2", "hyper", "hyper_util", "reqwest", "rustls", "opentelemetry", "opentelemetry_sdk", "tower"];

/// The W3C `traceparent` of the span this code runs in, for a message or a request that leaves the process.
///
/// `None` outside any span.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    write(&Context::current())
}

/// A `traceparent` that starts a trace without a span, for a route that is too hot to have one.
///
/// The trace is marked as not sampled; its id still joins the log lines of everyone who follows it.
#[must_use]
pub fn new_traceparent() -> String {
    let ids = RandomIdGenerator::default();
    format!("00-{}-{}-00", ids.new_trace_id(), ids.new_span_id())
}

/// The trace id of the span this code runs in, as 32 hexadecimal digits.
#[must_use]
pub fn current_trace_id() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| ids.trace_id().to_string())
    })
}

/// Makes `span` a child of the span that wrote `traceparent`.
///
/// Call it before the span is entered for the first time. Answers false, and changes nothing, when the text is not a
/// traceparent or the span has begun: a trace that cannot be followed is never a reason to refuse work.
pub fn follow(span: &Span, traceparent: &str) -> bool {
    read(traceparent)
        .is_some_and(|parent| span.set_parent(Context::new().with_remote_span_context(parent)).is_ok())
}

fn write(context: &Context) -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(context, &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Reads version 00 strictly. The propagator wants a map of strings for each message; this wants four slices.
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "00" || trace.len() != 32 || span.len() != 16 || flags.len() != 2 || parts.next().is_some()
    {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

pub(crate) fn provider(
    service: &'static str,
    otlp: &OtlpSettings,
) -> Result<SdkTracerProvider, TelemetryError> {
    let builder =
        SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build());
    let Some(endpoint) = &otlp.endpoint else {
        // Ids are made and passed on, nothing is recorded.
        return Ok(builder.with_sampler(Sampler::AlwaysOff).build());
    };
    // The exporter's client panics without one; an error only says that there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(TelemetryError::Exporter)?;
    Ok(builder
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_batch_exporter(exporter)
        .build())
}

pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    let muted = MUTED.iter().map(|target| (*target, LevelFilter::OFF));
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("switchboard"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_default(Level::INFO).with_targets(muted))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn with_tracing(test: impl FnOnce()) {
        let provider = provider("probe", &OtlpSettings::default()).expect("no endpoint");
        tracing::subscriber::with_default(Registry::default().with(layer(&provider)), test);
    }

    #[test]
    fn a_message_carries_the_trace_id_of_the_span_that_sent_it() {
        with_tracing(|| {
            let span = tracing::info_span!("consume");
            assert!(follow(&span, PARENT));
            let _inside = span.enter();
            let inner = tracing::info_span!("publish");
            let sent = inner.in_scope(current_traceparent).expect("inside a span");
            assert_eq!(sent.split('-').nth(1), Some("0af7651916cd43dd8448eb211c80319c"));
            assert_ne!(sent, PARENT, "the span id is our own");
        });
    }

    #[test]
    fn a_trace_id_exists_without_a_collector_and_not_outside_a_span() {
        with_tracing(|| {
            assert_eq!(current_traceparent(), None);
            assert_eq!(current_trace_id(), None);
            let id = tracing::info_span!("work").in_scope(current_trace_id).expect("inside a span");
            assert_eq!(id.len(), 32);
        });
    }

    #[test]
    fn what_is_not_a_traceparent_is_ignored() {
        with_tracing(|| {
            let span = tracing::info_span!("work");
            let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
            for text in ["", "00-", "hello", zero, &PARENT[1..], &format!("{PARENT}-x"), "00-é-é-01"] {
                assert!(!follow(&span, text), "{text}");
            }
        });
    }

    #[test]
    fn a_trace_started_without_a_span_can_be_followed() {
        with_tracing(|| {
            let parent = new_traceparent();
            let span = tracing::info_span!("consume");
            assert!(follow(&span, &parent));
            let id = span.in_scope(current_trace_id).expect("inside a span");
            assert!(parent.contains(&id));
        });
    }
}
