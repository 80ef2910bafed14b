use std::io::Write;

use serde_json::{Map, Value};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as Clock};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::fields::Fields;
use crate::settings::LogFormat;
use crate::trace::current_trace_id;

/// Writes one line an event: the event's fields, those of the spans around it, and the trace id.
pub(crate) struct Lines<W> {
    service: &'static str,
    format: LogFormat,
    writer: W,
}

impl<W> Lines<W> {
    pub(crate) const fn new(service: &'static str, format: LogFormat, writer: W) -> Self {
        Self { service, format, writer }
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut line = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            }
        }
        // Events of the `log` crate bring their place as fields; only the target is worth keeping.
        let target =
            own.0.iter().find(|(name, _)| *name == "log.target").and_then(|(_, value)| value.as_str());
        let target = target.unwrap_or(event.metadata().target()).to_owned();
        own.0.retain(|(name, _)| !name.starts_with("log."));
        line.extend(own.0.into_iter().map(|(name, value)| (name.to_owned(), value)));
        if let Some(id) = current_trace_id() {
            line.insert("trace_id".to_owned(), id.into());
        }
        let mut text = match self.format {
            LogFormat::Json => self.json(line, *event.metadata().level(), target),
            LogFormat::Pretty => pretty(&line, *event.metadata().level(), &target),
        };
        text.push('\n');
        // There is nowhere left to say that the log cannot be written.
        drop(self.writer.make_writer().write_all(text.as_bytes()));
    }
}

impl<W> Lines<W> {
    fn json(&self, mut line: Map<String, Value>, level: Level, target: String) -> String {
        line.insert("timestamp".to_owned(), now().into());
        line.insert("level".to_owned(), level.as_str().into());
        line.insert("service".to_owned(), self.service.into());
        line.insert("target".to_owned(), target.into());
        Value::Object(line).to_string()
    }
}

fn pretty(line: &Map<String, Value>, level: Level, target: &str) -> String {
    let message = line.get("message").and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{} {level:>5} {target}: {message}", now());
    for (name, value) in line.iter().filter(|(name, _)| *name != "message") {
        text.push_str(&format!(" {name}={value}"));
    }
    text
}

/// RFC 3339 in UTC, with microseconds.
fn now() -> String {
    let mut text = String::with_capacity(27);
    match Clock.format_time(&mut Writer::new(&mut text)) {
        Ok(()) => text,
        // A clock before 1970: an empty field says it.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::{OtlpSettings, events, trace};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, work: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let provider = trace::provider("probe", &OtlpSettings::default()).expect("no endpoint");
        let targets: Targets = filter.parse().expect("a filter");
        let lines = Lines::new("probe", format, move || writer.clone()).with_filter(events(&targets));
        tracing::subscriber::with_default(
            Registry::default().with(trace::layer(&provider)).with(lines),
            work,
        );
        String::from_utf8(page.0.lock().expect("one thread").clone()).expect("text")
    }

    fn json(filter: &str, work: impl FnOnce()) -> Vec<Value> {
        let text = logged(filter, LogFormat::Json, work);
        text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
    }

    #[test]
    fn a_line_carries_its_own_fields_those_of_its_spans_and_the_trace_id() {
        let lines = json("info", || {
            let span = tracing::info_span!("request", request.id = "r1", http.status = tracing::field::Empty);
            span.record("http.status", 200);
            span.in_scope(|| tracing::info!(practice.id = 7, "a practice was read"));
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!(line["message"], "a practice was read");
        assert_eq!(line["service"], "probe");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["request.id"], "r1");
        assert_eq!(line["http.status"], 200);
        assert_eq!(line["practice.id"], 7);
        assert_eq!(line["trace_id"].as_str().map(str::len), Some(32));
    }

    #[test]
    fn a_strict_filter_drops_events_and_keeps_ids() {
        let lines = json("warn", || {
            tracing::info_span!("request", request.id = "r1").in_scope(|| {
                tracing::info!("not this one");
                tracing::warn!("this one");
            });
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!(line["request.id"], "r1");
        assert_eq!(line["trace_id"].as_str().map(str::len), Some(32));
    }

    #[test]
    fn a_new_line_in_a_value_does_not_make_a_second_line() {
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let text = logged("info", format, || tracing::info!(said = "one\ntwo", "heard"));
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
}
