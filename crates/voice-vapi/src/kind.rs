use std::borrow::Cow;

/// What Vapi waits for after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: `{}` will do.
    Nothing,
    /// Who answers the phone, within 7.5 s.
    Assistant,
    /// One result for each tool call.
    ToolResults,
    /// The one result of a legacy function call.
    FunctionResult,
    /// Where to transfer the caller.
    Transfer,
    /// Which assistant goes on.
    Handoff,
    /// Documents of a knowledge base.
    Documents,
    /// How long to wait before the caller counts as done.
    Endpointing,
    /// Whether a campaign may dial this contact.
    Eligibility,
    /// Raw audio.
    Audio,
}

/// The server messages of the contract, section 1.4.
static KNOWN: [(&str, Needs); 32] = [
    ("assistant-request", Needs::Assistant),
    ("assistant.speechStarted", Needs::Nothing),
    ("assistant.started", Needs::Nothing),
    ("call.artifact.upload", Needs::Nothing),
    ("call.delete.failed", Needs::Nothing),
    ("call.deleted", Needs::Nothing),
    ("call.endpointing.request", Needs::Endpointing),
    ("campaign.predial", Needs::Eligibility),
    ("chat.created", Needs::Nothing),
    ("chat.deleted", Needs::Nothing),
    ("conversation-update", Needs::Nothing),
    ("end-of-call-report", Needs::Nothing),
    ("function-call", Needs::FunctionResult),
    ("handoff-destination-request", Needs::Handoff),
    ("hang", Needs::Nothing),
    ("knowledge-base-request", Needs::Documents),
    ("language-change-detected", Needs::Nothing),
    ("language-changed", Needs::Nothing),
    ("model-output", Needs::Nothing),
    ("phone-call-control", Needs::Nothing),
    ("session.created", Needs::Nothing),
    ("session.deleted", Needs::Nothing),
    ("session.updated", Needs::Nothing),
    ("speech-update", Needs::Nothing),
    ("status-update", Needs::Nothing),
    ("tool-calls", Needs::ToolResults),
    ("transcript", Needs::Nothing),
    ("transfer-destination-request", Needs::Transfer),
    ("transfer-update", Needs::Nothing),
    ("user-interrupted", Needs::Nothing),
    ("voice-input", Needs::Nothing),
    ("voice-request", Needs::Audio),
];

/// A message's type: one of the contract's, or a word nobody told us about, which is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind<'a> {
    written: Cow<'a, str>,
    known: Option<&'static (&'static str, Needs)>,
}

impl<'a> Kind<'a> {
    pub(crate) fn new(written: Cow<'a, str>) -> Self {
        // `transcript[transcriptType="final"]` is a transcript that was subscribed to by its sort.
        let name = written.split_once('[').map_or(written.as_ref(), |(name, _)| name);
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        Self { written, known }
    }

    /// Every label there is.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name).chain(["unknown"])
    }

    /// As Vapi wrote it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The contract's name, or `unknown`: one of a closed set, fit for a metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.known.map_or("unknown", |(name, _)| name)
    }

    /// The name as part of a routing key: the contract's, or what was written with anything but letters,
    /// digits, `-`, `_` and `.` replaced, at most 64 characters.
    #[must_use]
    pub fn route(&self) -> Cow<'_, str> {
        match self.known {
            Some((name, _)) => Cow::Borrowed(name),
            None => Cow::Owned(
                self.written
                    .chars()
                    .take(64)
                    .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
                    .collect(),
            ),
        }
    }

    /// What Vapi waits for. Nothing is assumed to wait for an unknown type.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.known.map_or(Needs::Nothing, |(_, needs)| *needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_type_is_kept_but_its_label_and_route_are_safe() {
        let kind = Kind::new(Cow::Borrowed("brand new*type\u{0}"));
        assert_eq!(kind.written(), "brand new*type\u{0}");
        assert_eq!((kind.label(), kind.route().as_ref()), ("unknown", "brand_new_type_"));
        assert_eq!(kind.needs(), Needs::Nothing);
        assert_eq!(Kind::new(Cow::Owned("x".repeat(900))).route().len(), 64);
    }

    #[test]
    fn a_transcript_subscribed_by_its_sort_is_a_transcript() {
        let kind = Kind::new(Cow::Borrowed("transcript[transcriptType=\"final\"]"));
        assert_eq!(kind.label(), "transcript");
    }
}
