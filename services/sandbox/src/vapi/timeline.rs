use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::script::Who;

/// What happened in a call, in the order it happened.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    /// Vapi's call id.
    pub id: String,
    /// The script's name.
    pub script: String,
    /// What the script is about.
    pub about: String,
    /// Who called.
    pub caller: String,
    /// Which number.
    pub called: String,
    /// The account named in the call's metadata; `null` when none is.
    pub account_id: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether it is over, report and retries included.
    pub finished: bool,
    /// Whether every step was played: nothing the script needed was missing.
    pub completed: bool,
    /// Whether it is over, completed and without a violation.
    pub ok: bool,
    /// Vapi's `endedReason`.
    pub ended_reason: Option<String>,
    /// Milliseconds from the first message to the end of the last.
    pub took_ms: f64,
    /// HTTP requests sent, copies and retries included.
    pub requests: u32,
    /// The saved answers by the name they were saved as.
    pub answers: BTreeMap<String, Value>,
    /// Vapi's rules, ours and the script's expectations that were broken.
    pub violations: Vec<Finding>,
    /// What Vapi would let pass, grudgingly.
    pub warnings: Vec<Finding>,
    /// Everything, by time.
    pub entries: Vec<Entry>,
}

/// One line of a [`Timeline`].
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Milliseconds since the call began.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What a line tells.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum What {
    /// A message other than a tool call was sent, and what came back.
    Message {
        /// `message.type`.
        message: String,
        /// What tells it from others of its type: a status, a role, a request.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<String>,
        /// The HTTP status, or `null` without an answer.
        http_status: Option<u16>,
        /// Milliseconds until the answer.
        took_ms: f64,
        /// 1, or more for a retry.
        attempt: u16,
        /// 1, or more for a copy.
        copy: u16,
        /// The answer, where one is needed.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<Value>,
    },
    /// Somebody said something.
    Say {
        /// Who.
        who: Who,
        /// What.
        text: String,
    },
    /// The model called a tool.
    Tool {
        /// The tool.
        tool: String,
        /// Vapi's id of this call of it.
        tool_call_id: String,
        /// What the gateway received: the model's arguments with the static parameters over them.
        arguments: Value,
    },
    /// A tool's answer.
    Answer {
        /// The tool.
        tool: String,
        /// Vapi's id of the call of it.
        tool_call_id: String,
        /// `status` of the answer, if it has one.
        status: Option<String>,
        /// The sentence the agent may say.
        say: Option<String>,
        /// The whole answer, decoded; `null` when there was none.
        result: Value,
        /// The HTTP status, or `null` without an answer.
        http_status: Option<u16>,
        /// Milliseconds until the answer.
        took_ms: f64,
        /// 1, or more for a retry.
        attempt: u16,
        /// 1, or more for a copy.
        copy: u16,
        /// Whether the script acted as if this answer never arrived.
        lost: bool,
    },
    /// A rule was broken.
    Violation(Finding),
    /// A rule was bent.
    Warning(Finding),
}

/// A rule that an answer broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name, such as `tool.line-break`.
    pub rule: &'static str,
    /// What was wrong, in a sentence.
    pub detail: String,
    /// The message type or the tool.
    pub about: String,
    /// Violation or warning.
    #[serde(skip)]
    pub severity: Severity,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The answer is of no use to Vapi, or untrue.
    Violation,
    /// The answer works, but should be better.
    Warning,
}

/// Writes one call's timeline from wherever its messages are sent.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    began: Instant,
    timeline: Arc<Mutex<Timeline>>,
}

impl Recorder {
    pub(super) fn new(timeline: Timeline) -> Self {
        Self { began: Instant::now(), timeline: Arc::new(Mutex::new(timeline)) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Timeline> {
        // A panic elsewhere leaves the lines written so far, which are still true.
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, what: What) {
        self.write_at(Instant::now(), what);
    }

    pub(super) fn write_at(&self, at: Instant, what: What) {
        let since = at.saturating_duration_since(self.began).as_millis();
        let at_ms = u64::try_from(since).unwrap_or(u64::MAX);
        self.lock().entries.push(Entry { at_ms, what });
    }

    pub(super) fn find(&self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            match finding.severity {
                Severity::Violation => {
                    self.lock().violations.push(finding.clone());
                    self.write(What::Violation(finding));
                }
                Severity::Warning => {
                    self.lock().warnings.push(finding.clone());
                    self.write(What::Warning(finding));
                }
            }
        }
    }

    pub(super) fn finish(&self) {
        let took = milliseconds(self.began.elapsed());
        let mut timeline = self.lock();
        timeline.finished = true;
        timeline.ok = timeline.completed && timeline.violations.is_empty();
        timeline.took_ms = took;
    }

    /// The timeline as it stands, sorted by time.
    pub(super) fn snapshot(&self) -> Timeline {
        let mut timeline = self.lock().clone();
        timeline.entries.sort_by_key(|entry| entry.at_ms);
        timeline
    }
}

/// A duration in milliseconds, to the hundredth.
pub(super) fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
