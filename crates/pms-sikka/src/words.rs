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

    /// Takes over what staff chose for this practice before, as far as its lists still have it. What the lists and the
    /// table told then nobody chose; and what was chosen in the words of another system means something else in this
    /// one's.
    pub fn keep_choices(&mut self, before: &Self) {
        if before.capabilities.system != self.capabilities.system {
            return;
        }
        let chosen = |word: &'_ Option<String>, told: &Option<String>| word.clone().filter(|_| word != told);
        let Words { cancelled, told_cancelled, note, told_note, .. } = &before.words;
        // A word that is gone from the list leaves what the list and the table tell.
        let _ = chosen(cancelled, told_cancelled).map(|word| self.cancel_with(&word));
        let _ = chosen(note, told_note).map(|kind| self.note_as(&kind));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(system: &str, told: Option<&str>) -> OfficeProfile {
        let mut profile: OfficeProfile = serde_json::from_value(serde_json::json!({
            "office_id": "D1", "practice_id": "1", "cust_id": "1", "time_zone": "America/Chicago",
            "capabilities": { "system": system, "operations": [] },
            "words": {
                "may_cancel": true, "statuses": ["Open", "Broken", "Cancelled"], "cancelled": told,
                "may_note": true, "notes": ["Chart", "Patient Note"],
            },
        }))
        .unwrap();
        profile.words.keep_told();
        profile.declare();
        profile
    }

    #[test]
    fn what_nobody_chose_is_not_carried_over_as_if_somebody_had() {
        let told = profile("Open Dental", Some("Broken"));
        let mut now = profile("Open Dental", None);
        now.keep_choices(&told);
        assert_eq!(now.words.cancelled, None, "the table tells it no longer, and nobody chose it");
        assert!(!now.capabilities.allows(Operation::CancelAppointment));
        let mut note = profile("Open Dental", None);
        (note.words.note, note.words.told_note) = (Some("Chart".into()), Some("Chart".into()));
        let mut now = profile("Open Dental", None);
        (now.words.note, now.words.told_note) = (Some("Patient Note".into()), Some("Patient Note".into()));
        now.keep_choices(&note);
        assert_eq!(now.words.note.as_deref(), Some("Patient Note"));
    }

    #[test]
    fn what_staff_chose_outlives_a_test_and_not_another_system() {
        let mut before = profile("Open Dental", Some("Broken"));
        before.cancel_with("cancelled").unwrap();
        before.note_as("chart").unwrap();
        before.payment_types.insert("card".into(), "CC".into());
        let mut now = profile("Open Dental", Some("Broken"));
        now.keep_choices(&before);
        assert_eq!(
            (now.words.cancelled.as_deref(), now.words.note.as_deref()),
            (Some("Cancelled"), Some("Chart"))
        );
        assert_eq!(now.payment_types["card"], "CC");
        // "Broken" is a cancellation in the one and a patient who did not come in the other.
        let mut moved = profile("Eaglesoft", None);
        moved.keep_choices(&before);
        assert_eq!((moved.words.cancelled, moved.words.note, moved.payment_types.len()), (None, None, 0));
    }
}
