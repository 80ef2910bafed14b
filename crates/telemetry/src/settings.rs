use std::fmt;
use std::str::FromStr;

use sentry::types::Dsn;
use serde::{Deserialize, Serialize, Serializer};
use tracing::Level;
use tracing_subscriber::filter::Targets;

/// The `log` section: how much is logged, and in which form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Levels by target, as in `info,bus=debug`.
    pub filter: LogFilter,
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// Text for people.
    Pretty,
}

impl TryFrom<String> for LogFormat {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("must be `json` or `pretty`"),
        }
    }
}

/// A checked list of `target=level`, separated by commas; a bare level is for everything else.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl LogFilter {
    pub(crate) fn targets(&self) -> Targets {
        self.targets.clone()
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        // The HTTP server tells its own life at `info`; ours says the same in one line.
        let targets = Targets::new().with_default(Level::INFO).with_target("actix_server", Level::WARN);
        Self { text: "info,actix_server=warn".to_owned(), targets }
    }
}

impl TryFrom<String> for LogFilter {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let targets =
            Targets::from_str(&text).map_err(|_| "must be `level` or `target=level`, separated by commas")?;
        Ok(Self { text, targets })
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.text
    }
}

/// The `otlp` section: where traces go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpSettings {
    /// A collector's base address (OTLP over HTTP), as in `http://collector:4318`. Without it spans stay in the
    /// process, and trace ids still reach the logs and the bus.
    pub endpoint: Option<String>,
}

/// The `sentry` section: where errors are reported.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentrySettings {
    /// A project's DSN. Without it nothing is reported.
    pub dsn: Option<SentryDsn>,
    /// The environment that events are filed under, as in `production`.
    pub environment: Option<String>,
}

/// A checked DSN: who has it can report errors as this installation. It prints one fixed word.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct SentryDsn(pub(crate) Dsn);

impl fmt::Debug for SentryDsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for SentryDsn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

impl TryFrom<String> for SentryDsn {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "must be a Sentry DSN: https://key@host/project")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_a_dsn_is_checked_and_prints_one_fixed_word() {
        let dsn = SentryDsn::try_from("https://examplekey@errors.example.com/7".to_owned()).expect("a DSN");
        assert_eq!(
            format!("{dsn:?} {}", serde_json::to_string(&dsn).expect("text")),
            "[secret] \"[secret]\""
        );
        assert!(SentryDsn::try_from("errors.example.com".to_owned()).is_err());
    }

    #[test]
    fn the_default_filter_is_what_its_text_says() {
        let default = LogFilter::default();
        assert_eq!(LogFilter::try_from(default.text).expect("a filter").targets, default.targets);
    }
}
