//! How a write stands, and where one is whose reply was lost (contract section 6).
//!
//! Nothing is "done" because a word is unknown: it stays pending until somebody looks.

use domain::{Appointment, AppointmentState, Phone};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pms::{FailureReason, NewAppointment, NewPatient, Receipt, Write, WriteOrder, WriteOutcome};

use super::{change, is_of_practice, time};
use crate::wire;
use crate::wire::Text;

/// The codes of a receipt. Under any other an `Id:` may be a patient's, whose write is then some older one.
const RECEIPTS: [&str; 6] = ["API2016", "API0007", "API1007", "API0009", "API0011", "API1029"];

/// The vendor's number for a write it took: only in text, `Id:275495`, or in the address of its status.
pub(crate) fn receipt(message: &wire::Message) -> Option<Receipt> {
    if !RECEIPTS.contains(&message.error_code.str()) {
        return None;
    }
    let number_after = |text: &str, mark: &str| {
        let text = text.to_ascii_lowercase();
        let (at, _) = text.match_indices(mark).find(|(at, _)| {
            !text.get(..*at).is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        })?;
        let rest = text.get(at + mark.len()..)?.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end).filter(|digits| !digits.is_empty()).map(|digits| Receipt(digits.to_owned()))
    };
    number_after(message.long_message.str(), "id:")
        .or_else(|| number_after(message.more_information.str(), "id="))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Done,
    Failed,
    Other,
}

fn word(text: &Text) -> Word {
    match text.str().to_ascii_lowercase().as_str() {
        "success" | "successful" | "succeeded" | "completed" | "complete" => Word::Done,
        "failed" | "failure" | "error" | "rejected" => Word::Failed,
        _ => Word::Other,
    }
}

/// How one write stands, from `writeback_status`.
pub(crate) fn status(row: &wire::WritebackStatus) -> WriteOutcome {
    let word = word(&row.status);
    let completed = row.is_completed.flag() == Some(true);
    let done = completed || word != Word::Other || row.completed_time.filled().is_some();
    if !done {
        return WriteOutcome::Pending;
    }
    if row.has_error.flag() == Some(true) || word == Word::Failed {
        return failed(&row.result);
    }
    let clean = row.has_error.flag() == Some(false) || row.has_error.filled().is_none();
    let said_without_a_word = completed && row.status.filled().is_none() && row.has_error.filled().is_some();
    if clean && (word == Word::Done || said_without_a_word) {
        return WriteOutcome::Succeeded { created: created(row) };
    }
    WriteOutcome::Pending
}

fn created(row: &wire::WritebackStatus) -> Option<String> {
    let by_api = || {
        let api = row.api.str().to_ascii_lowercase();
        // On an appointment's row `patient_id` is whom it is for, not what was made.
        if api.contains("appointment") {
            row.appointment_sr_no.filled()
        } else if api.contains("patient") {
            row.patient_id.filled()
        } else {
            None
        }
    };
    row.created_id.filled().or_else(by_api).map(str::to_owned)
}

fn failed(sentence: &Text) -> WriteOutcome {
    let text = sentence.str();
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let reason =
        if has(&["already scheduled", "already booked", "no available slot", "slot is not available"]) {
            FailureReason::SlotTaken
        } else if has(&["patient", "provider", "operatory", "appointment"])
            && has(&["not found", "does not exist"])
        {
            FailureReason::UnknownReference
        } else {
            FailureReason::Refused
        };
    WriteOutcome::Failed { reason, text: text.to_owned().into() }
}

/// How one write stands as the bulk list tells it: it knows less than `writeback_status` and never what was made.
pub(crate) fn listed(row: &wire::Writeback) -> WriteOutcome {
    match word(&row.result) {
        Word::Done => WriteOutcome::Succeeded { created: None },
        Word::Failed => failed(&row.description),
        Word::Other => WriteOutcome::Pending,
    }
}

/// Whether the bulk list shows that there may be something to ask `writeback_status` for: its words are not
/// documented, and one that nobody knows may be an end.
pub(crate) fn is_worth_asking(row: &wire::Writeback) -> bool {
    let is_under_way = matches!(row.result.str().to_ascii_lowercase().as_str(), "" | "pending" | "queued");
    !is_under_way || row.completed_time.filled().is_some()
}

/// What can be told of a write from its echo in the bulk list.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Sent {
    practice_id: Text,
    description: Text,
    patient_id: Text,
    date: Text,
    firstname: Text,
    lastname: Text,
    birthdate: Text,
    cell: Text,
    appointment_sr_no: Text,
    value: Text,
    time: Text,
    operatory: Text,
    text: Text,
    note: Text,
    transaction_date: Text,
}

/// What of the practice must be known to compare.
pub(crate) struct Place<'a> {
    /// Which location of the office it is.
    pub(crate) practice: &'a str,
    /// In which database.
    pub(crate) database: &'a str,
    /// Whose phone numbers are written without a country.
    pub(crate) country: &'a str,
    /// The practice's own word for a cancelled appointment.
    pub(crate) cancelled: Option<&'a str>,
}

/// What a row of the bulk list is to a lost write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// It is that write.
    Same,
    /// It may be, and nobody can tell: then the write is not "nowhere".
    Perhaps,
    /// It is another.
    Other,
}

/// What `row` is to `order`. Where `row` does not say whose it is (`is_ours` is false), only the reference, which
/// is ours alone, tells: under one name two practices may each have made a patient.
///
/// A new patient carries no reference: name, date of birth, number and time have to do. Taking an older twin for
/// ours makes no second patient; overlooking ours would.
pub(crate) fn likeness(
    row: &wire::Writeback,
    order: &WriteOrder,
    is_ours: bool,
    place: &Place<'_>,
) -> Likeness {
    if order.write.others().iter().any(|other| other.0 == row.id.str()) {
        return Likeness::Other;
    }
    // Two locations of one office may move to one hour, and have patients of one name.
    let elsewhere = row.api_request_body.body::<Sent>().is_some_and(|sent| {
        let place_of = |id| is_of_practice(id, place.database, place.practice);
        sent.practice_id.filled().is_some_and(|id| !place_of(id))
    });
    if elsewhere {
        return Likeness::Other;
    }
    let since = || may_be_since(row, order.first_sent_at);
    let (same, method) = match &order.write {
        Write::BookAppointment(_) | Write::AddNote(_) | Write::RecordPayment(_) => {
            (row.api_request_body.mentions(&order.reference), "post")
        }
        Write::CreatePatient(new) => (since() && is_patient(row, new, place.country), "post"),
        Write::RescheduleAppointment(moved) => (since() && change::is_edit(row, moved), "put"),
        Write::CancelAppointment(gone) => {
            (since() && change::is_cancellation(row, gone, place.cancelled), "patch")
        }
    };
    let has_reference =
        matches!(order.write, Write::BookAppointment(_) | Write::AddNote(_) | Write::RecordPayment(_));
    match (same, row.id.filled()) {
        (true, None) => Likeness::Perhaps,
        (true, Some(_)) if !has_reference && !is_ours => Likeness::Perhaps,
        (true, Some(_)) => Likeness::Same,
        (false, _) if may_hide(row, order.first_sent_at, method) => Likeness::Perhaps,
        (false, _) => Likeness::Other,
    }
}

fn is_patient(row: &wire::Writeback, new: &NewPatient, country: &str) -> bool {
    row.api_request_body.body::<Sent>().is_some_and(|sent| {
        sent.firstname.str() == new.name.first.expose().trim()
            && sent.lastname.str() == new.name.last.expose().trim()
            && time::date(sent.birthdate.str()) == Some(*new.born.expose())
            && Phone::read(sent.cell.str(), country).is_ok_and(|cell| cell.same_line(&new.phone))
    })
}

/// One of the rows that are the same write. What did not fail is greater, then what is newer.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Accepted {
    /// There is nothing better to look for.
    pub(crate) stands: bool,
    number: Option<i64>,
    pub(crate) receipt: Receipt,
}

/// A row that [`likeness`] found to be the same write.
pub(crate) fn accepted(row: &wire::Writeback) -> Accepted {
    Accepted {
        stands: word(&row.result) != Word::Failed,
        number: row.id.leading_number(),
        receipt: Receipt(row.id.str().to_owned()),
    }
}

/// Whether a write was taken at or after `first_sent_at`, as far as can be told: the zone of the vendor's times is
/// not documented, so half a day either way counts as possible.
fn may_be_since(row: &wire::Writeback, first_sent_at: Timestamp) -> bool {
    let earliest =
        first_sent_at.checked_sub(SignedDuration::from_mins(5 + 14 * 60)).unwrap_or(Timestamp::MIN);
    let taken_at = time::stamp(row.command_time.str()).and_then(|at| TimeZone::UTC.to_timestamp(at).ok());
    taken_at.is_none_or(|at| at >= earliest)
}

/// Whether a write that nobody can read may be the one that is looked for: then it is not "nowhere".
fn may_hide(row: &wire::Writeback, first_sent_at: Timestamp, method: &str) -> bool {
    let is_its_kind = row.method.filled().is_none_or(|shown| shown.eq_ignore_ascii_case(method));
    is_its_kind && may_be_since(row, first_sent_at) && row.api_request_body.body::<Sent>().is_none()
}

/// What an appointment row of the practice's records is to the one that `new` asked for. Without the reference only
/// one that surely stands is it; one whose status nobody understands may be it. With the reference and cancelled it
/// is ours and no longer booked: a person must look.
pub(crate) fn is_appointment(
    description: &str,
    shown: &Appointment,
    new: &NewAppointment,
    reference: &str,
) -> Likeness {
    if description.contains(reference) {
        let stands = shown.state != AppointmentState::Cancelled;
        return if stands { Likeness::Same } else { Likeness::Perhaps };
    }
    let is_its_place = shown.patient == new.patient
        && shown.chair.as_ref() == Some(&new.chair)
        && shown.window.start == new.window.start;
    match shown.state {
        AppointmentState::Booked if is_its_place => Likeness::Same,
        AppointmentState::Unknown if is_its_place => Likeness::Perhaps,
        _ => Likeness::Other,
    }
}

/// What was written, as an echo in the bulk list tells it: enough to find it in the practice's records.
pub(crate) enum Written {
    /// An appointment with this description, of this patient.
    Appointment { description: String, patient: String, date: Date },
    /// A line of the ledger with this note, of this patient.
    Payment { note: String, patient: String, date: Date },
    /// A patient.
    Patient { first: String, last: String, born: Date, cell: String },
    /// A status word for this appointment.
    Status { appointment: String, word: String },
    /// Some appointment, moved to this place.
    Moved { date: Date, time: Time, operatory: String },
    /// A note with this text about this patient.
    Note { patient: String, text: String },
}

/// Reads an echo.
pub(crate) fn written(row: &wire::Writeback) -> Option<Written> {
    let sent: Sent = row.api_request_body.body()?;
    if sent.transaction_date.filled().is_some() {
        return Some(Written::Payment {
            date: time::date(sent.transaction_date.str())?,
            note: sent.note.filled()?.to_owned(),
            patient: sent.patient_id.filled()?.to_owned(),
        });
    }
    match row.method.str().to_ascii_lowercase().as_str() {
        "patch" => {
            return Some(Written::Status {
                appointment: sent.appointment_sr_no.filled()?.to_owned(),
                word: sent.value.filled()?.to_owned(),
            });
        }
        "put" => {
            return Some(Written::Moved {
                date: time::date(sent.date.str())?,
                time: time::clock(sent.time.str())?,
                operatory: sent.operatory.filled()?.to_owned(),
            });
        }
        _ => {}
    }
    if let (Some(patient), Some(text)) = (sent.patient_id.filled(), sent.text.filled()) {
        return Some(Written::Note { patient: patient.to_owned(), text: text.to_owned() });
    }
    if sent.patient_id.filled().is_some() {
        return Some(Written::Appointment {
            date: time::date(sent.date.str())?,
            description: sent.description.filled()?.to_owned(),
            patient: sent.patient_id.into_string(),
        });
    }
    Some(Written::Patient {
        born: time::date(sent.birthdate.str())?,
        first: sent.firstname.into_string(),
        last: sent.lastname.into_string(),
        cell: sent.cell.into_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Place<'_> = Place { practice: "1", database: "7", country: "US", cancelled: Some("Broken") };

    fn row(json: &str) -> wire::WritebackStatus {
        serde_json::from_str(json).unwrap()
    }

    fn list() -> Vec<wire::Writeback> {
        serde_json::from_str(include_str!("../../tests/answers/writebacks_rows.json")).unwrap()
    }

    fn said(long: &str, more: &str) -> Option<String> {
        under("API2016", long, more)
    }

    fn under(code: &str, long: &str, more: &str) -> Option<String> {
        receipt(&wire::Message {
            error_code: code.into(),
            long_message: long.into(),
            more_information: more.into(),
        })
        .map(|receipt| receipt.0)
    }

    #[test]
    fn p5_a_number_in_an_answer_that_is_no_receipt_is_not_a_writes() {
        for code in ["API9999", "API4006", ""] {
            assert_eq!(under(code, "Invalid patient id: 101", ""), None, "{code}");
        }
        assert_eq!(said("Paid:20", ""), None, "it ends like the mark");
        assert_eq!(said("Paid:20. Id:275495", ""), Some("275495".to_owned()));
        assert_eq!(under("API0007", "", "/v4/writeback_status?paid=1&id=275495"), Some("275495".to_owned()));
    }

    #[test]
    fn quirk_11_the_number_of_a_write_is_found_in_the_text() {
        assert_eq!(said("Id:275495", ""), Some("275495".to_owned()));
        assert_eq!(said("Appointment queued. Id: 12 ", ""), Some("12".to_owned()));
        assert_eq!(said("", "/v4/writeback_status?id=275495"), Some("275495".to_owned()));
        assert_eq!(said("Id:", ""), None);
        assert_eq!(said("", ""), None);
    }

    #[test]
    fn quirk_15_a_write_is_pending_while_the_vendor_says_nothing_or_a_word_we_do_not_know() {
        for json in [
            r#"{"status":"Pending","is_completed":"","has_error":""}"#,
            r#"{"status":"Pending","is_completed":"False"}"#,
            r#"{"status":"Deferred","is_completed":"True","has_error":"False"}"#,
            r#"{"status":"Deferred","completed_time":"2026-06-01 10:00:00"}"#,
            r#"{"status":"Accepted","is_completed":"True","has_error":"False"}"#,
            r#"{"status":"Processed","is_completed":"True","has_error":"False"}"#,
            r#"{"status":"Success","has_error":"perhaps"}"#,
            r#"{"status":"","is_completed":"True","has_error":""}"#,
            "{}",
        ] {
            assert_eq!(status(&row(json)), WriteOutcome::Pending, "{json}");
        }
    }

    #[test]
    fn p5_a_write_succeeded_only_when_the_vendor_says_so_without_an_error() {
        let created = |json: &str| match status(&row(json)) {
            WriteOutcome::Succeeded { created } => created,
            other => panic!("{other:?}"),
        };
        let full = r#"{"api":"appointment","status":"Success","is_completed":"True","has_error":"False","created_id":"901","patient_id":"101"}"#;
        assert_eq!(created(full), Some("901".to_owned()));
        let without_word = r#"{"is_completed":true,"has_error":"False","api":"patient","patient_id":"77"}"#;
        assert_eq!(created(without_word), Some("77".to_owned()));
        let for_whom = r#"{"api":"appointment","status":"Completed","patient_id":"101"}"#;
        assert_eq!(created(for_whom), None);
    }

    #[test]
    fn a_failed_write_tells_why_as_far_as_its_sentence_does() {
        let reason = |sentence: &str| match status(&wire::WritebackStatus {
            status: "Failed".into(),
            result: sentence.into(),
            ..wire::WritebackStatus::default()
        }) {
            WriteOutcome::Failed { reason, .. } => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("Appointment already scheduled at this time"), FailureReason::SlotTaken);
        assert_eq!(reason("Appointment not saved: patient not found"), FailureReason::UnknownReference);
        assert_eq!(reason("The database is locked"), FailureReason::Refused);
        let contradiction = row(r#"{"status":"Success","is_completed":"True","has_error":"True"}"#);
        assert!(matches!(status(&contradiction), WriteOutcome::Failed { .. }));
    }

    fn order(write: Write, reference: &str, first_sent_at: &str) -> WriteOrder {
        WriteOrder { write, reference: reference.to_owned(), first_sent_at: first_sent_at.parse().unwrap() }
    }

    fn found(order: &WriteOrder, is_ours: bool) -> Option<String> {
        let rows = list();
        let same = rows.iter().filter(|row| likeness(row, order, is_ours, &US) == Likeness::Same);
        same.map(accepted).max().map(|best| best.receipt.0)
    }

    #[test]
    fn a_lost_appointment_is_found_by_its_reference_in_the_echo_and_one_that_did_not_fail_first() {
        let lost = |reference| {
            let new = NewAppointment {
                patient: "101".into(),
                clinician: "DR1".into(),
                chair: "OP1".into(),
                window: domain::Window::of_minutes("2026-06-03T14:30:00Z".parse().unwrap(), 30).unwrap(),
                time_zone: "America/Chicago".into(),
                reason: "Cleaning".to_owned().into(),
                kind: None,
            };
            order(Write::BookAppointment(new), reference, "2026-06-01T15:00:00Z")
        };
        assert_eq!(found(&lost("7KQ2M4XA"), true).as_deref(), Some("4102"));
        assert_eq!(found(&lost("7KQ2M4XA"), false).as_deref(), Some("4102"), "a reference is ours alone");
        assert_eq!(found(&lost("ZZZZZZZZ"), true), None);
    }

    #[test]
    fn a_lost_patient_is_found_by_name_birth_date_and_number_unless_the_write_is_too_old() {
        let new = NewPatient {
            name: domain::PersonName { first: "Elena".into(), last: "Okafor".into() },
            born: jiff::civil::date(1990, 2, 3).into(),
            phone: Phone::read("+15550100020", "US").unwrap(),
            email: None,
            clinician: "DR1".into(),
        };
        let lost = |new: &NewPatient, at: &str| order(Write::CreatePatient(new.clone()), "8ZQ2M4XB", at);
        let ours = lost(&new, "2026-06-01T15:00:00Z");
        assert_eq!(found(&ours, true).as_deref(), Some("4103"));
        assert_eq!(found(&lost(&new, "2026-06-02T15:00:00Z"), true), None);
        let other = NewPatient { born: jiff::civil::date(1990, 2, 4).into(), ..new };
        assert_eq!(found(&lost(&other, "2026-06-01T15:00:00Z"), true), None);
    }

    #[test]
    fn p3_a_write_whose_echo_cannot_be_read_may_be_ours_unless_it_is_old_or_none_of_our_kind() {
        let row = |method: &str, body: &str, time: &str| wire::Writeback {
            method: method.into(),
            command_time: time.into(),
            api_request_body: serde_json::from_value(body.into()).unwrap(),
            ..wire::Writeback::default()
        };
        let may_hide = |row: &wire::Writeback| may_hide(row, "2026-06-01T15:00:00Z".parse().unwrap(), "post");
        assert!(may_hide(&row("POST", "***", "2026-06-01 15:01:00")));
        assert!(may_hide(&row("", "", "")));
        assert!(!may_hide(&row("PATCH", "***", "2026-06-01 15:01:00")));
        assert!(!may_hide(&row("POST", "***", "2026-05-31 15:01:00")));
        assert!(!may_hide(&row("POST", r#"{"practice_id":"1"}"#, "2026-06-01 15:01:00")));
    }
}
