use pms::Operation;
use serde::{Deserialize, Serialize};

use crate::OfficeProfile;

/// The words of one practice's own system. They differ between systems and between practices, and a wrong one
/// would do something else: what the lists and the table do not settle, staff choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Words {
    /// Whether the plan and the system let a status be written.
    pub may_cancel: bool,
    /// Every status word it has.
    pub statuses: Vec<String>,
    /// The one that takes an appointment out of the calendar; `None` until somebody chose it.
    pub cancelled: Option<String>,
    /// Whether the plan and the system take notes.
    pub may_note: bool,
    /// Every kind of note it has.
    pub notes: Vec<String>,
    /// The kind that a caller's note is; `None` until somebody chose it.
    pub note: Option<String>,
    /// What the list and the table tell of [`Words::cancelled`] by themselves: it stands where nobody chose.
    pub told_cancelled: Option<String>,
    /// The same of [`Words::note`].
    pub told_note: Option<String>,
}

impl Words {
    /// Nobody has chosen yet: what there is is what the lists and the table tell.
    pub(crate) fn keep_told(&mut self) {
        self.told_cancelled.clone_from(&self.cancelled);
        self.told_note.clone_from(&self.note);
    }
}

/// A word that the practice's own list does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the practice's system has no such word")]
pub struct UnknownWord;

impl OfficeProfile {
    /// Has cancellations said with `word`, one of [`Words::statuses`].
    ///
    /// # Errors
    /// [`UnknownWord`].
    pub fn cancel_with(&mut self, word: &str) -> Result<(), UnknownWord> {
        self.words.cancelled = Some(own(&self.words.statuses, word)?);
        self.declare();
        Ok(())
    }

    /// Has notes filed as `kind`, one of [`Words::notes`].
    ///
    /// # Errors
    /// [`UnknownWord`].
    pub fn note_as(&mut self, kind: &str) -> Result<(), UnknownWord> {
        self.words.note = Some(own(&self.words.notes, kind)?);
        self.declare();
        Ok(())
    }

    /// Takes back what staff chose to say cancellations with.
    pub fn cancel_as_told(&mut self) {
        self.words.cancelled.clone_from(&self.words.told_cancelled);
        self.declare();
    }

    /// Takes back what staff chose to file notes as.
    pub fn note_as_told(&mut self) {
        self.words.note.clone_from(&self.words.told_note);
        self.declare();
    }

    /// Takes over what staff chose for this practice before, as far as its lists still have it.
    pub fn keep_choices(&mut self, before: &Self) {
        // A word that is gone from the list leaves what the list and the table tell.
        let _ = before.words.cancelled.as_deref().map(|word| self.cancel_with(word));
        let _ = before.words.note.as_deref().map(|kind| self.note_as(kind));
        self.payment_types.clone_from(&before.payment_types);
    }

    /// Declares what the words make possible.
    pub(crate) fn declare(&mut self) {
        let Words { may_cancel, cancelled, may_note, note, .. } = &self.words;
        for (operation, can) in [
            (Operation::CancelAppointment, *may_cancel && cancelled.is_some()),
            (Operation::AddNote, *may_note && note.is_some()),
        ] {
            if can {
                self.capabilities.operations.insert(operation);
            } else {
                self.capabilities.operations.remove(&operation);
            }
        }
    }
}

/// The practice's own spelling.
fn own(list: &[String], word: &str) -> Result<String, UnknownWord> {
    list.iter().find(|own| own.eq_ignore_ascii_case(word.trim())).cloned().ok_or(UnknownWord)
}
