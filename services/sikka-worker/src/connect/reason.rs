//! Why an office is not connected yet, or not at all: as a word for machines, and in words for staff.

use pms::{ErrorKind, PmsError};

use super::heed;

/// What is known of a failure: its kind, with the vendor's own code; or our own word where there is one.
pub(super) fn reason_of(error: &PmsError) -> String {
    let kind = error.kind.word();
    match error.code.as_deref() {
        // Of a location that is off nobody withdrew anything, and no secret is wrong.
        Some(heed::OFF) => heed::LAST_ERROR.to_owned(),
        Some(own @ ("time_zone" | "cust_id")) if error.kind == ErrorKind::Unsupported => own.to_owned(),
        Some(own @ "application_refused") => own.to_owned(),
        Some(code) if code.starts_with("API") => format!("{kind} {code}"),
        _ => kind.to_owned(),
    }
}

/// What that means, for the alert and beside the connection.
pub(super) fn told(reason: &str) -> &'static str {
    match reason.split(' ').next().unwrap_or_default() {
        "not_listed" => "The vendor does not list it among those that let this application in.",
        "not_ready" => "The vendor never had the practice's data.",
        "time_zone" => "The vendor names a time zone that nobody knows.",
        "cust_id" => {
            "The vendor does not name the practice's database, without which its chairs cannot be listed."
        }
        "unsupported" => "The vendor's plan or the practice's system does not allow what is needed.",
        "access_withdrawn" | "key_expired" => "The vendor does not let us in.",
        heed::LAST_ERROR => "The vendor lets us in and does not show us its data: the location is off there.",
        "practice_offline" => "The practice's own server was never reachable.",
        "application_refused" => "The vendor refuses this installation's own keys.",
        "office_of_another_tenant" => "It is connected to another account.",
        "practice_unclear" => "It has another name than the only location: whether they are one nobody said.",
        "practice_connected" | "practice" => "The location that it belongs to has another connection.",
        _ => "The vendor did not answer as it should.",
    }
}

#[cfg(test)]
mod tests {
    use pms::Advice;

    use super::*;

    #[test]
    fn a_location_that_is_off_is_told_as_such_and_not_as_a_wrong_secret() {
        let refused = |code: &str| PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).code(code);
        let off = reason_of(&refused("API2007"));
        assert_eq!(off, "location_off");
        assert!(told(&off).contains("off there"), "{}", told(&off));
        let wrong = reason_of(&refused("API2003"));
        assert_eq!(wrong, "access_withdrawn API2003");
        assert!(told(&wrong).contains("does not let us in"));
    }
}
