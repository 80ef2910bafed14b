//! Changes of what is there, in the vendor's words and back (contract 5.2, 5.3, 5.6).

use domain::{Appointment, AppointmentState};
use jiff::tz::TimeZone;
use pms::{Advice, Cancellation, ErrorKind, NewNote, PmsError, Reschedule};

use super::{order, time};
use crate::wire::{self, Text};

/// No system's limit for a note is known to be lower, those that are read-only for now aside.
const NOTE: usize = 1_000;

fn invalid(what: &str) -> PmsError {
    PmsError::new(ErrorKind::Invalid, Advice::Permanent).code(what)
}

/// The body of `PATCH appointments/{id}` that cancels, in the practice's own `word`.
pub(crate) fn cancellation<'a>(
    gone: &'a Cancellation,
    word: &'a str,
    practice_id: &'a str,
) -> wire::NewStatus<'a> {
    wire::NewStatus {
        op: "replace",
        path: "/appointment_status",
        value: word,
        practice_id,
        appointment_sr_no: &gone.appointment,
        check_spu: "true",
    }
}

/// The body of `PUT appointments/{id}` that moves. No field of it can carry a reference.
pub(crate) fn edit<'a>(moved: &'a Reschedule, practice_id: &'a str) -> Result<wire::NewEdit<'a>, PmsError> {
    let zone = TimeZone::get(&moved.time_zone).map_err(|_| invalid("time_zone"))?;
    let start = time::wall(moved.window.start, &zone).ok_or_else(|| invalid("start_time"))?;
    let minutes = Some(moved.window.minutes()).filter(|minutes| *minutes > 0);
    Ok(wire::NewEdit {
        practice_id,
        provider_id: &moved.clinician,
        operatory: &moved.chair,
        date: start.date().to_string(),
        time: start.strftime("%H:%M").to_string(),
        length: minutes.ok_or_else(|| invalid("length"))?.to_string(),
        check_spu: "true",
    })
}

/// The body of `POST medical_notes`. The reference stands at the end of the text.
pub(crate) fn note<'a>(
    new: &'a NewNote,
    reference: &str,
    kind: &'a str,
    practice_id: &'a str,
) -> Result<wire::NewNote<'a>, PmsError> {
    let zone = TimeZone::get(&new.time_zone).map_err(|_| invalid("time_zone"))?;
    Ok(wire::NewNote {
        patient_id: &new.patient,
        provider_id: &new.clinician,
        practice_id,
        kind,
        date: zone.to_datetime(new.at).date().to_string(),
        text: order::marked(new.text.expose(), reference, NOTE, "Note "),
        check_spu: "true",
    })
}

/// What the echo of a change in the bulk list tells of it.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Sent {
    appointment_sr_no: Text,
    value: Text,
    provider_id: Text,
    operatory: Text,
    date: Text,
    time: Text,
    length: Text,
}

fn is_method(row: &wire::Writeback, method: &str) -> bool {
    row.method.str().eq_ignore_ascii_case(method)
}

/// Whether a row is this very cancellation, as far as its echo tells. `word` is the practice's own.
pub(super) fn is_cancellation(row: &wire::Writeback, gone: &Cancellation, word: Option<&str>) -> bool {
    is_method(row, "PATCH")
        && row.api_request_body.body::<Sent>().is_some_and(|sent| {
            sent.appointment_sr_no.str() == gone.appointment
                && word.is_none_or(|word| sent.value.str().eq_ignore_ascii_case(word))
        })
}

/// Whether a row moves an appointment to where `moved` goes, as far as its echo tells. It does not say which
/// appointment; but two of ours are never on their way to one place at one time.
pub(super) fn is_edit(row: &wire::Writeback, moved: &Reschedule) -> bool {
    let Ok(body) = edit(moved, "") else { return false };
    is_method(row, "PUT")
        && row.api_request_body.body::<Sent>().is_some_and(|sent| {
            time::date(sent.date.str()).is_some_and(|date| date.to_string() == body.date)
                && sent.time.str() == body.time
                && sent.length.str() == body.length
                && sent.operatory.str() == body.operatory
                && sent.provider_id.str() == body.provider_id
        })
}

/// Whether an appointment stands where `moved` goes.
pub(crate) fn is_moved(shown: &Appointment, moved: &Reschedule) -> bool {
    shown.vendor_id == moved.appointment
        && shown.state != AppointmentState::Cancelled
        && shown.window.start == moved.window.start
        && shown.chair.as_ref() == Some(&moved.chair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(start: &str) -> Reschedule {
        let window = |start: &str| domain::Window::of_minutes(start.parse().unwrap(), 50).unwrap();
        Reschedule {
            appointment: "901".into(),
            patient: "201".into(),
            from: window("2026-05-01T14:30:00Z"),
            clinician: "DR1".into(),
            beside: Some("HY1".into()),
            chair: "OP1".into(),
            window: window(start),
            time_zone: "America/Chicago".into(),
            as_of: None,
            others: Vec::new(),
        }
    }

    fn row(method: &str, body: serde_json::Value) -> wire::Writeback {
        wire::Writeback {
            method: method.into(),
            api_request_body: serde_json::from_value(body).unwrap(),
            ..wire::Writeback::default()
        }
    }

    #[test]
    fn a_move_is_written_in_the_practices_wall_time_with_its_whole_place() {
        let moved = moved("2026-06-01T14:30:00Z");
        let body = serde_json::to_value(edit(&moved, "1").unwrap()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "practice_id": "1", "provider_id": "DR1", "operatory": "OP1", "date": "2026-06-01",
                "time": "09:30", "length": "50", "check_spu": "true"
            })
        );
        assert!(is_edit(&row("PUT", body.clone()), &moved));
        assert!(!is_edit(&row("POST", body.clone()), &moved));
        let mut other = body;
        other["operatory"] = "OP2".into();
        assert!(!is_edit(&row("PUT", other), &moved));
    }

    #[test]
    fn a_move_into_the_hour_that_comes_twice_is_refused_instead_of_guessed() {
        let refused = edit(&moved("2026-11-01T06:30:00Z"), "1").err().unwrap();
        assert_eq!(refused.code.as_deref(), Some("start_time"));
    }

    #[test]
    fn a_cancellation_is_told_by_its_appointment_and_the_practices_word() {
        let gone = Cancellation {
            appointment: "901".into(),
            patient: "201".into(),
            from: moved("2026-06-01T14:30:00Z").from,
            as_of: None,
            others: Vec::new(),
        };
        let body = serde_json::to_value(cancellation(&gone, "Broken", "1")).unwrap();
        assert_eq!((&body["op"], &body["path"]), (&"replace".into(), &"/appointment_status".into()));
        let row = |value: &str, id: &str| {
            let mut body = body.clone();
            body["value"] = value.into();
            body["appointment_sr_no"] = id.into();
            row("PATCH", body)
        };
        assert!(is_cancellation(&row("broken", "901"), &gone, Some("Broken")));
        assert!(!is_cancellation(&row("Confirmed", "901"), &gone, Some("Broken")));
        assert!(!is_cancellation(&row("Broken", "902"), &gone, Some("Broken")));
    }

    #[test]
    fn a_note_keeps_its_reference_and_is_of_the_practices_day() {
        let new = NewNote {
            patient: "201".into(),
            clinician: "DR1".into(),
            text: "Allergic to latex; asked twice <b>".into(),
            at: "2026-06-02T03:30:00Z".parse().unwrap(),
            time_zone: "America/Chicago".into(),
        };
        let body = serde_json::to_value(note(&new, "7KQ2M4XA", "Patient Note", "1").unwrap()).unwrap();
        assert_eq!(body["text"], "Allergic to latex asked twice b ref 7KQ2M4XA");
        assert_eq!((&body["date"], &body["type"]), (&"2026-06-01".into(), &"Patient Note".into()));
    }
}
