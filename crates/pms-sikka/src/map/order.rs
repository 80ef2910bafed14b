//! Our orders in the vendor's words (contract section 5).

use jiff::tz::TimeZone;
use pms::{Advice, ErrorKind, NewAppointment, NewPatient, PmsError};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::time;
use crate::wire;

/// Dentrix takes no more in a description; the others take more.
const DESCRIPTION: usize = 60;

/// The body of `POST appointment`. The reference stands at the end of the description, where
/// [`super::outcome`] finds it again.
pub(crate) fn appointment<'a>(
    new: &'a NewAppointment,
    reference: &str,
    practice_id: &'a str,
) -> Result<wire::NewAppointment<'a>, PmsError> {
    let invalid = |what: &str| PmsError::new(ErrorKind::Invalid, Advice::Permanent).code(what);
    let zone = TimeZone::get(&new.time_zone).map_err(|_| invalid("time_zone"))?;
    let start = time::wall(new.window.start, &zone).ok_or_else(|| invalid("start_time"))?;
    let minutes = new.window.minutes();
    Ok(wire::NewAppointment {
        patient_id: &new.patient,
        provider_id: &new.clinician,
        practice_id,
        operatory: &new.chair,
        date: start.date().to_string(),
        time: start.strftime("%H:%M").to_string(),
        length: Some(minutes).filter(|minutes| *minutes > 0).ok_or_else(|| invalid("length"))?.to_string(),
        description: description(new.reason.expose(), reference),
        kind: new.kind.as_deref(),
        check_spu: "true",
    })
}

/// The body of `POST patient`. No field of it can carry a reference.
pub(crate) fn patient<'a>(new: &'a NewPatient, cell: &'a str, practice_id: &'a str) -> wire::NewPatient<'a> {
    wire::NewPatient {
        firstname: new.name.first.expose().trim(),
        lastname: new.name.last.expose().trim(),
        practice_id,
        provider_id: &new.clinician,
        birthdate: new.born.expose().to_string(),
        cell,
        email: new.email.as_ref().map(|email| email.expose().as_str()),
        check_spu: "true",
    }
}

/// `<reason> ref <REFERENCE>`, in the characters that every system takes: letters, digits, space, full
/// stop and hyphen.
fn description(reason: &str, reference: &str) -> String {
    marked(reason, reference, DESCRIPTION, "Phone booking ")
}

/// A text with its reference, in the characters that every system takes, or `otherwise` where nothing of it is
/// left.
pub(super) fn marked(text: &str, reference: &str, most: usize, otherwise: &str) -> String {
    let tail = format!("ref {reference}");
    let plain: String = text
        .nfd()
        .filter(|c| !is_combining_mark(*c))
        .map(|c| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { ' ' })
        .collect();
    let mut text = String::new();
    for word in plain.split_whitespace() {
        if text.len() + word.len() + tail.len() + 2 > most {
            break;
        }
        text.push_str(word);
        text.push(' ');
    }
    if text.is_empty() {
        text.push_str(otherwise);
    }
    text + &tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_keeps_its_reference_whatever_the_patient_said() {
        assert_eq!(description("Cleaning & check, 50% <b>", "7KQ2M4XA"), "Cleaning check 50 b ref 7KQ2M4XA");
        assert_eq!(description("Niños – revisión", "7KQ2M4XA"), "Ninos revision ref 7KQ2M4XA");
        assert_eq!(description("", "7KQ2M4XA"), "Phone booking ref 7KQ2M4XA");
        assert_eq!(description("???", "7KQ2M4XA"), "Phone booking ref 7KQ2M4XA");
        let long = description(&"tooth ".repeat(50), "7KQ2M4XA");
        assert!(long.len() <= DESCRIPTION && long.ends_with(" ref 7KQ2M4XA"), "{long}");
    }

    #[test]
    fn an_appointment_is_written_in_the_practices_wall_time() {
        let new = new_appointment("2026-06-01T14:30:00Z", "2026-06-01T15:20:00Z");
        let body = serde_json::to_value(appointment(&new, "7KQ2M4XA", "1").unwrap()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "patient_id": "101", "provider_id": "DR1", "practice_id": "1", "operatory": "OP1",
                "date": "2026-06-01", "time": "09:30", "length": "50",
                "description": "Cleaning ref 7KQ2M4XA", "check_spu": "true"
            })
        );
    }

    #[test]
    fn a_kind_that_staff_gave_a_code_is_written_as_that_code() {
        let mut new = new_appointment("2026-06-01T14:30:00Z", "2026-06-01T15:20:00Z");
        new.kind = Some("Recall".to_owned());
        let body = serde_json::to_value(appointment(&new, "7KQ2M4XA", "1").unwrap()).unwrap();
        assert_eq!(body["type"], "Recall");
    }

    #[test]
    fn a_start_in_the_hour_that_comes_twice_is_refused_instead_of_guessed() {
        let new = new_appointment("2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z");
        let refused = appointment(&new, "7KQ2M4XA", "1").err().unwrap();
        assert_eq!((refused.kind, refused.code.as_deref()), (ErrorKind::Invalid, Some("start_time")));
    }

    fn new_appointment(start: &str, end: &str) -> NewAppointment {
        NewAppointment {
            patient: "101".into(),
            clinician: "DR1".into(),
            chair: "OP1".into(),
            window: domain::Window::new(start.parse().unwrap(), end.parse().unwrap()).unwrap(),
            time_zone: "America/Chicago".into(),
            reason: "Cleaning".into(),
            kind: None,
        }
    }
}
