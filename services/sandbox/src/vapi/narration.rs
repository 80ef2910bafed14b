use std::fmt;

use super::script::Who;
use super::timeline::{Timeline, What};

/// A timeline reads like the call sounded: who said what, which tool was asked, what it answered and how fast.
impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "call {} ({}): {} calls {}", self.id, self.script, self.caller, self.called)?;
        for entry in &self.entries {
            if let Some(line) = line(&entry.what) {
                writeln!(f, "{:>7} ms  {line}", entry.at_ms)?;
            }
        }
        let state = match (self.finished, self.ok) {
            (false, _) => "is still going on",
            (true, true) => "went as it should",
            (true, false) => "did not go as it should",
        };
        writeln!(f, "the call {state}: {} violations, {} requests", self.violations.len(), self.requests)
    }
}

fn line(what: &What) -> Option<String> {
    Some(match what {
        What::Say { who: Who::Agent, text } => format!("agent    {text}"),
        What::Say { who: Who::Patient, text } => format!("patient  {text}"),
        What::Tool { tool, arguments, .. } => {
            let mut arguments = arguments.to_string();
            if let Some((cut, _)) = arguments.char_indices().nth(300) {
                arguments.truncate(cut);
                arguments.push('…');
            }
            format!("  tool   {tool} {arguments}")
        }
        What::Answer { tool, status, took_ms, http_status, .. } => {
            let status = status.as_deref().unwrap_or("no result");
            let http = http_status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            format!("  answer {tool}: {status} (HTTP {http}, {took_ms} ms)")
        }
        What::Message { message, about, http_status: Some(_), answer: None, .. }
            if message == "status-update" =>
        {
            format!("  call   {}", about.as_deref().unwrap_or_default())
        }
        What::Message { message, answer: Some(answer), took_ms, .. } => {
            format!("  asked  {message}: {answer} ({took_ms} ms)")
        }
        What::Message { .. } => return None,
        What::Violation(finding) => {
            format!("  BROKEN {} [{}]: {}", finding.rule, finding.about, finding.detail)
        }
        What::Warning(finding) => {
            format!("  bent   {} [{}]: {}", finding.rule, finding.about, finding.detail)
        }
    })
}
