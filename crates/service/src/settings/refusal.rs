use config::ConfigError;

use super::load::Origin;
use super::names::ways_to_set;

/// Why settings are refused: one sentence, with the path and never the value.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SettingsError {
    /// A value is missing or breaks its rule.
    #[error("{path} {rule}{}", from(.origin))]
    Rule {
        /// The setting, as in `database.pool_size`.
        path: String,
        /// The rule, as in "must be from 1 to 200".
        rule: String,
        /// Where the value came from, where that is known.
        origin: Option<Origin>,
    },
    /// The file cannot be opened.
    #[error("the settings file {path} cannot be read: {reason}")]
    File {
        /// As given.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// The file is not TOML.
    #[error("the settings file {path} is not TOML: {place}")]
    Syntax {
        /// As given.
        path: String,
        /// The line and column; the text there may be a secret and is not repeated.
        place: String,
    },
}

fn from(origin: &Option<Origin>) -> String {
    origin.as_ref().map(|origin| format!(" (from {origin})")).unwrap_or_default()
}

impl SettingsError {
    /// For [`Settings::check`](super::Settings::check): `path` breaks `rule`.
    pub fn rule(path: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Rule { path: path.into(), rule: rule.into(), origin: None }
    }

    pub(super) fn missing(path: &str) -> Self {
        Self::rule(path, format!("is missing: {}", ways_to_set(path)))
    }

    pub(super) fn with_origin(self, find: impl FnOnce(&str) -> Option<Origin>) -> Self {
        match self {
            Self::Rule { path, rule, origin: None } => {
                let origin = find(&path);
                Self::Rule { path, rule, origin }
            }
            other => other,
        }
    }

    /// From what the `config` crate found. Its own words quote the value, so only the path and the rule are taken.
    pub(super) fn from_config(error: ConfigError, outer: Option<String>) -> Self {
        match error {
            ConfigError::At { error, key, .. } => Self::from_config(*error, key.or(outer)),
            ConfigError::NotFound(path) => Self::missing(&path),
            ConfigError::Type { expected, key, .. } => {
                Self::rule(key.or(outer).unwrap_or_default(), format!("must be {}", in_words(expected)))
            }
            other => {
                let (field, rule) = plain_rule(&other.to_string());
                let path: Vec<String> = outer.into_iter().chain(field).collect();
                Self::rule(path.join("."), rule)
            }
        }
    }
}

/// Turns serde's message into a rule that does not quote the value, and the field it speaks of.
pub(crate) fn plain_rule(message: &str) -> (Option<String>, String) {
    // Readers of text add the place where they stopped; the path says it better.
    let message = message.split(" at line ").next().unwrap_or(message);
    let quoted = |rest: &str| rest.split('`').next().map(str::to_owned);
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let known = rest.split_once(", ").map_or("no others are known", |(_, known)| known);
        return (quoted(rest), format!("is not known here: {known}"));
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        return (quoted(rest), "is missing".to_owned());
    }
    if let Some(rest) = message.strip_prefix("duplicate field `") {
        return (quoted(rest), "is given twice".to_owned());
    }
    for shape in ["invalid type", "invalid value", "invalid length", "unknown variant"] {
        if message.starts_with(shape) {
            let expected =
                message.rsplit_once("expected ").map_or("something else", |(_, expected)| expected);
            return (None, format!("must be {}", in_words(expected)));
        }
    }
    if message.starts_with("enum ") {
        return (None, "is not one of its known words".to_owned());
    }
    (None, message.to_owned())
}

fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "an unsigned 8 bit integer" => "a number from 0 to 255",
        "u16" | "an unsigned 16 bit integer" => "a number from 0 to 65535",
        "u32" | "u64" | "usize" | "an unsigned 64 bit or less integer" => "a number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" | "an integer" => "a whole number",
        "a sequence" | "an array" => "a list",
        "a map" => "a group of named values",
        other if other.starts_with("struct ") => "a group of named values",
        other => other,
    }
}
