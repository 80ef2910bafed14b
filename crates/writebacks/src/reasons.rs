/// Why a write is where it is, for a person at the front desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    /// The word for it in the database, on the bus and in metrics.
    pub code: &'static str,
    /// What happened, as a receptionist would say it.
    pub sentence: &'static str,
    /// What to do about it.
    pub next_action: &'static str,
    /// Another try in the practice's night may help.
    pub at_night: bool,
}

const fn by_itself(code: &'static str, sentence: &'static str) -> Reason {
    let next_action = "Nothing: it goes on by itself.";
    Reason { code, sentence, next_action, at_night: false }
}

const fn for_staff(code: &'static str, sentence: &'static str, next_action: &'static str) -> Reason {
    Reason { code, sentence, next_action, at_night: false }
}

const fn at_night(code: &'static str, sentence: &'static str, next_action: &'static str) -> Reason {
    Reason { code, sentence, next_action, at_night: true }
}

/// Of what may be there.
pub(crate) const LOOK: &str = "Look in your own system. Is it there: settle it as landed. Is it not: replay it, or enter it by hand and drop the request as entered by hand.";
/// Of what is certainly not there.
pub(crate) const BY_HAND: &str =
    "Call the patient, enter what they want by hand, and drop the request as entered by hand.";
const TONIGHT: &str = "It is tried again in the night by itself, as long as its time is not past. If it cannot wait: enter it by hand and drop the request as entered by hand, or it is entered a second time.";
/// Of what others wait for.
pub(crate) const AND_WAITED_FOR: &str =
    " The patient's appointment waits for this, and is entered once this is settled as landed or replayed.";

/// Of what the vendor has, and cannot be asked about: nothing is known before the practice's records are copied again.
pub(crate) const NOT_SHOWN_YET: &str = "not_in_records_yet";
/// Of what landed after somebody was told that staff would see to it.
pub const CALLER_NOT_TOLD: &str = "caller_not_told";
/// Of what landed and is gone.
pub(crate) const NOT_IN_CALENDAR: &str = "not_in_calendar";

/// What is said of a word that this table does not have: nothing that could be wrong.
const OTHER: Reason = for_staff("other", "The request was not entered in your system.", LOOK);

/// Every reason there is.
pub const REASONS: &[Reason] = &[
    by_itself("taken", "Your system's vendor has taken the request."),
    by_itself("found", "The vendor's answer was lost, and the request was found there."),
    by_itself("seen_in_records", "The entry was seen in your own records."),
    by_itself(
        NOT_SHOWN_YET,
        "Your system's vendor has taken the request, and it counts as entered once your own records show it.",
    ),
    by_itself(
        "seen_in_calendar",
        "Your calendar shows what the patient wants already; it is being found out whether that is this request.",
    ),
    by_itself("found_nowhere", "The request had not arrived, and is sent again."),
    by_itself("reply_lost", "The vendor's answer was lost; the request is being looked for."),
    by_itself("sender_died", "The sending was interrupted; the request is being looked for."),
    by_itself("replayed", "Somebody asked for another try."),
    by_itself("settled_by_staff", "Staff looked and decided."),
    for_staff(
        "running_late",
        "A request is still not entered in your system, and its time is coming close.",
        "Look whether it is in your system. If it is not, it is still being seen to: you hear of it again if it fails.",
    ),
    for_staff(
        CALLER_NOT_TOLD,
        "What a caller wanted is entered in your system now. They were told that the clinic would get back to them.",
        "Call them back and tell them that it is entered: the task says for whom, and what they wanted.",
    ),
    for_staff(
        NOT_IN_CALENDAR,
        "An appointment that was confirmed to the patient is not in your calendar any more.",
        "Find out whether somebody removed or moved it. If nobody meant to, enter it again; if it is not to be, call the patient.",
    ),
    for_staff("outcome_unknown", "Nobody could find out whether your system has taken the request.", LOOK),
    at_night(
        "not_confirmed_in_time",
        "The vendor has taken the request, and your system never said that it is done.",
        LOOK,
    ),
    at_night("not_sent_in_time", "The request could not be sent to your system in time.", TONIGHT),
    at_night(
        "forerunner_failed",
        "The patient's record could not be made, so nothing could be entered for them.",
        "See to the patient's record first, which may have a task of its own. If its request is replayed, or settled as landed, replay this afterwards. If it was dropped, enter the appointment by hand too and drop this as entered by hand.",
    ),
    for_staff("payload_unreadable", "The request cannot be read any more.", BY_HAND),
    for_staff(
        "patient_id_unknown",
        "The new patient's record was made, but your system did not tell its number.",
        "Find the new patient in your system and enter the request for them by hand; then drop it as entered by hand.",
    ),
    for_staff(
        "slot_taken",
        "Somebody else has the time in your calendar.",
        "Call the patient, agree on another time, and drop the request as not wanted.",
    ),
    for_staff(
        "changed_since",
        "The appointment was moved or cancelled after the patient asked for this, so nothing was changed.",
        "Look at the appointment in your calendar, call the patient and agree on what they want now. Then drop the request: as entered by hand if you made the change, otherwise as not wanted.",
    ),
    for_staff(
        "unknown_reference",
        "Your system does not know the patient, the provider or the chair of the request.",
        "Check that they are still active in your system, then enter the request by hand and drop it as entered by hand.",
    ),
    for_staff("refused", "Your system refused the request.", BY_HAND),
    for_staff("invalid", "Your system's vendor refused what the request says.", BY_HAND),
    for_staff("not_found", "Your system's vendor does not have what the request is about.", BY_HAND),
    for_staff("unsupported", "Your system cannot do this.", BY_HAND),
    at_night(
        "practice_offline",
        "Your practice's server is off or not connected, so nothing can be entered.",
        "Check that the server and its connection program are on; then it is entered by itself. If it cannot wait: enter it by hand and drop the request as entered by hand.",
    ),
    at_night("vendor_down", "Your system's vendor did not answer for a long time.", TONIGHT),
    at_night("rate_limited", "The vendor's limit of requests was used up.", TONIGHT),
    at_night("not_ready", "The vendor has not copied your practice's data yet.", TONIGHT),
    at_night("key_expired", "The key to your system was no longer accepted.", TONIGHT),
    at_night("calendar_unreadable", "Your calendar could not be read, so nothing was entered.", TONIGHT),
    at_night("unreadable", "Your system's vendor answered something that makes no sense.", LOOK),
    for_staff(
        "access_withdrawn",
        "Switchboard has no access to your system any more.",
        "Connect your system again, then replay the request.",
    ),
];

/// What a word means.
#[must_use]
pub fn reason(code: &str) -> &'static Reason {
    REASONS.iter().find(|reason| reason.code == code).unwrap_or(&OTHER)
}

/// The words after which another try in the night may help.
pub(crate) fn helped_by_a_night() -> Vec<&'static str> {
    REASONS.iter().filter(|reason| reason.at_night).map(|reason| reason.code).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The words that this crate writes into `reason`, and the kinds of error of an adapter.
    const WRITTEN: [&str; 34] = [
        "seen_in_calendar",
        "changed_since",
        "calendar_unreadable",
        "taken",
        "found",
        "seen_in_records",
        "found_nowhere",
        "reply_lost",
        "sender_died",
        "replayed",
        "settled_by_staff",
        "outcome_unknown",
        "not_confirmed_in_time",
        "not_sent_in_time",
        "forerunner_failed",
        "payload_unreadable",
        "patient_id_unknown",
        "slot_taken",
        "unknown_reference",
        "refused",
        "key_expired",
        "access_withdrawn",
        "unsupported",
        "invalid",
        "not_found",
        "rate_limited",
        "practice_offline",
        "not_ready",
        "vendor_down",
        "unreadable",
        "running_late",
        NOT_SHOWN_YET,
        CALLER_NOT_TOLD,
        NOT_IN_CALENDAR,
    ];

    #[test]
    fn every_reason_has_a_sentence_and_a_next_action_that_a_receptionist_understands() {
        let known: BTreeSet<&str> = REASONS.iter().map(|reason| reason.code).collect();
        assert_eq!(known, WRITTEN.into_iter().collect());
        assert_eq!(known.len(), REASONS.len(), "a word is there twice");
        for reason in REASONS {
            for text in [reason.sentence, reason.next_action] {
                assert!(text.ends_with('.') && text.len() > 20, "{}", reason.code);
                for jargon in ["API", "HTTP", "writeback", "payload", "queue", "timeout", "SPU"] {
                    assert!(!text.contains(jargon), "{}: {text}", reason.code);
                }
            }
        }
    }

    #[test]
    fn p3_what_a_person_must_look_at_first_is_not_tried_again_in_the_night() {
        let night = helped_by_a_night();
        for word in ["outcome_unknown", "slot_taken", "access_withdrawn", "refused", "invalid"] {
            assert!(!night.contains(&word), "{word}");
        }
        assert!(night.contains(&"practice_offline") && night.contains(&"vendor_down"));
    }
}
