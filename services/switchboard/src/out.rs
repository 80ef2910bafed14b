use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

/// What the operator sees: lines for people, or JSON lines for programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// A line for people; programs do not get it.
    pub(crate) fn say(self, line: impl AsRef<str>) {
        if !self.json {
            self.write(line.as_ref());
        }
    }

    /// One object for programs.
    pub(crate) fn object(self, object: &Value) {
        if self.json {
            self.write(&object.to_string());
        }
    }

    /// A line for both: the last line of a command whose last line is promised to be JSON.
    pub(crate) fn result(self, object: &Value) {
        self.write(&object.to_string());
    }

    /// Text as it is.
    pub(crate) fn raw(self, text: &str) {
        self.write(text);
    }

    pub(crate) fn failed(self, error: &anyhow::Error) -> ExitCode {
        if self.json {
            self.write(&json!({ "error": format!("{error:#}") }).to_string());
        }
        // A closed terminal is no reason to fail differently.
        let _ = writeln!(std::io::stderr(), "switchboard: {error:#}");
        ExitCode::FAILURE
    }

    fn write(self, line: &str) {
        // A reader that went away, such as `head`, is no reason to fail.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
