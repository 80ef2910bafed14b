//! Errors as Sentry events: our own sentence and ids, and nothing else of the line.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sentry::protocol::{Event as Report, Map};
use sentry::transports::DefaultTransportFactory;
use sentry::{Client, ClientOptions};
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::SentrySettings;
use crate::fields::Fields;
use crate::trace::current_trace_id;

/// How long the last events may take to leave.
const LAST: Duration = Duration::from_secs(2);

/// The crates whose sentences are ours: written by hand, without a value in them. What a library says may quote one.
const OURS: &[&str] = &[
    "availability",
    "bus",
    "credentials",
    "domain",
    "messages",
    "pms",
    "pms_api",
    "pms_sikka",
    "reception",
    "sandbox",
    "seal",
    "service",
    "sign_in",
    "sikka_worker",
    "store",
    "switchboard",
    "telemetry",
    "testbed",
    "token_refresher",
    "vendor_http",
    "voice_vapi",
    "webhook_gateway",
    "writebacks",
];

/// Fields that are neither ids nor values of anybody's: they say where.
const PLACES: &[&str] = &["panic.place", "task.name", "alert.code"];

/// Sends every event of level ERROR to Sentry.
pub(crate) struct Alarm {
    service: &'static str,
    client: Arc<Client>,
}

/// None: no DSN is set.
pub(crate) fn client(settings: &SentrySettings) -> Option<Arc<Client>> {
    let dsn = settings.dsn.as_ref()?.0.clone();
    // The transport's client panics without one; an error only says that there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut options = ClientOptions::new()
        .release(env!("CARGO_PKG_VERSION"))
        .default_integrations(false)
        .send_default_pii(false)
        .attach_stacktrace(false)
        .max_breadcrumbs(0)
        .transport(DefaultTransportFactory);
    options.dsn = Some(dsn);
    options.environment = settings.environment.clone().map(Cow::Owned);
    Some(Arc::new(Client::with_options(options)))
}

/// Sends what is still held.
pub(crate) fn close(client: &Client) {
    client.close(Some(LAST));
}

impl Alarm {
    pub(crate) const fn new(service: &'static str, client: Arc<Client>) -> Self {
        Self { service, client }
    }
}

impl<S> Layer<S> for Alarm
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let target = metadata.target();
        if *metadata.level() != Level::ERROR || target.starts_with("sentry") {
            return;
        }
        let mut own = Fields::default();
        event.record(&mut own);
        let mut tags: Map<String, String> = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                tags.extend(kept(fields));
            }
        }
        tags.extend(kept(&own));
        tags.insert("service".to_owned(), self.service.to_owned());
        tags.extend(current_trace_id().map(|id| ("trace_id".to_owned(), id)));
        let root = target.split("::").next().unwrap_or_default();
        let sentence = own.0.iter().find(|(name, _)| *name == "message").and_then(|(_, text)| text.as_str());
        let message = match sentence {
            Some(sentence) if OURS.contains(&root) => sentence.to_owned(),
            _ => "a library logged an error".to_owned(),
        };
        let report = Report {
            level: sentry::Level::Error,
            message: Some(message),
            logger: Some(target.to_owned()),
            tags,
            ..Report::default()
        };
        self.client.capture_event(report, None);
    }
}

/// The ids among the fields, and where it was.
fn kept(fields: &Fields) -> impl Iterator<Item = (String, String)> + '_ {
    let is_kept = |name: &str| name.ends_with(".id") || PLACES.contains(&name);
    fields.0.iter().filter(move |(name, _)| is_kept(name)).map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        ((*name).to_owned(), text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_this_workspace_is_known_as_ours() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in ["crates", "services"] {
            for one in std::fs::read_dir(root.join(folder)).expect("the workspace") {
                let name = one.expect("a folder").file_name().to_string_lossy().replace('-', "_");
                assert!(OURS.contains(&name.as_str()), "say in OURS whether {name} writes sentences of ours");
            }
        }
    }
}
