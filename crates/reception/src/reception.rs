use std::fmt;
use std::sync::Arc;

use domain::{PracticeId, Sensitive, card_number};
use pms::Operation;
use seal::HmacKey;
use serde_json::{Map, Value};

use crate::ports::{Ledger, PracticeBook};
use crate::sentences::input;
use crate::tools::{Arguments, tool};
use crate::turn::{Stop, Turn};
use crate::wish::wish;
use crate::{AuditNote, BadInput, Desk, Status, ToolAnswer};

/// The use cases, on whatever the two ports are.
#[derive(Clone)]
pub struct Reception {
    pub(crate) book: Arc<dyn PracticeBook>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) key: HmacKey,
}

impl fmt::Debug for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reception").finish_non_exhaustive()
    }
}

/// One use of one tool, finished.
#[derive(Debug)]
pub struct Handled {
    /// What is answered. For a bad argument, its sentence as a refusal.
    pub answer: ToolAnswer,
    /// The argument that could not be taken, for a door that answers such a thing in its own way.
    pub bad_input: Option<BadInput>,
    /// What the audit log keeps. A tool that is not in the registry has nothing to keep.
    pub audit: Option<AuditNote>,
    /// What somebody wants, where the answer leaves it to the staff.
    pub wanted: Option<Sensitive<Map<String, Value>>>,
    /// Milliseconds spent at the vendor.
    pub vendor_ms: u64,
}

impl Reception {
    /// On these ports; `key` signs slot ids and intent keys, and must be the same in every replica
    /// and stay the same for as long as a booking may be on its way.
    #[must_use]
    pub fn new(book: Arc<dyn PracticeBook>, ledger: Arc<dyn Ledger>, key: HmacKey) -> Self {
        Self { book, ledger, key }
    }

    /// Runs one tool for whoever stands at the desk. Whatever is wrong with the name, the arguments,
    /// the practice's system or our own rows, there is an answer with a sentence that is true.
    pub async fn run(&self, desk: &Desk, name: &str, arguments: &Value) -> Handled {
        let Some(tool) = tool(name) else {
            let bad = BadInput::new(desk, "", &input::TOOL_UNKNOWN, "must be the name of a tool");
            return refused(bad, None);
        };
        if let Some(path) = card_number::found_in(arguments) {
            let said = if tool.needs.contains(&Operation::RecordPayment) {
                &input::CARD_NUMBER
            } else {
                &input::CARD_NUMBER_SAID
            };
            let bad =
                BadInput::new(desk, &path, said, "must not hold anything that looks like a card number");
            return refused(bad, Some(tool.audit_action));
        }
        let wish = wish(name, arguments, desk.caller.phone.as_ref());
        let mut turn =
            Turn { reception: self, desk, vendor_ms: 0, patients: Vec::new(), was_wrong: false, wish };
        let read = Arguments { schema: &tool.arguments, given: arguments };
        let (answer, bad_input) = match (tool.run)(&mut turn, read).await {
            Ok(answer) | Err(Stop::Answer(answer)) => (answer, None),
            Err(Stop::Bad(bad)) => (refusal(&bad), Some(bad)),
        };
        let audit = AuditNote {
            action: tool.audit_action,
            patients: std::mem::take(&mut turn.patients),
            status: answer.status,
            code: answer.code,
        };
        let vendor_ms = turn.vendor_ms;
        let takes_one = !tool.arguments["properties"]["slotId"].is_null();
        let slot = arguments["slotId"].as_str().filter(|_| takes_one);
        let wanted = (answer.status == Status::NeedsStaff).then(|| turn.left_to_staff(slot, &answer).into());
        Handled { answer, bad_input, audit: Some(audit), wanted, vendor_ms }
    }

    /// The same for the same wish of the same patient, and nothing anybody could guess a patient by.
    pub(crate) fn intent_key(&self, desk: &Desk, parts: &[&str]) -> String {
        self.intent_key_at(desk.practice, parts)
    }

    /// The same as it is at any location of the tenant's.
    pub(crate) fn intent_key_at(&self, practice: PracticeId, parts: &[&str]) -> String {
        seal::sha256_hex(&self.signed(b"intent", practice, parts.iter().copied()))
    }

    /// The same for the same guess in the same call, and nothing anybody could read it from.
    pub(crate) fn guess_key(&self, desk: &Desk, parts: &[String]) -> Vec<u8> {
        let call = desk.caller.call.as_deref().unwrap_or_default();
        self.signed(b"guess", desk.practice, std::iter::once(call).chain(parts.iter().map(String::as_str)))
    }

    fn signed<'p>(
        &self,
        purpose: &[u8],
        practice: PracticeId,
        parts: impl Iterator<Item = &'p str>,
    ) -> Vec<u8> {
        let mut signed: Vec<Vec<u8>> = vec![purpose.to_vec(), practice.uuid().as_bytes().to_vec()];
        for part in parts {
            signed.push((part.len() as u64).to_be_bytes().to_vec());
            signed.push(part.as_bytes().to_vec());
        }
        let signed: Vec<&[u8]> = signed.iter().map(Vec::as_slice).collect();
        self.key.sign(&signed)
    }
}

fn refused(bad: BadInput, action: Option<&'static str>) -> Handled {
    let answer = refusal(&bad);
    let (status, code) = (answer.status, answer.code);
    let audit = action.map(|action| AuditNote { action, patients: Vec::new(), status, code });
    Handled { answer, bad_input: Some(bad), audit, wanted: None, vendor_ms: 0 }
}

fn refusal(bad: &BadInput) -> ToolAnswer {
    let answer =
        ToolAnswer { status: Status::Refused, code: bad.code, say: bad.say.clone(), data: Map::new() };
    if bad.path.is_empty() { answer } else { answer.with("field", bad.path.as_str()) }
}
