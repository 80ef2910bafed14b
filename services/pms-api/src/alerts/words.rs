use domain::AlertKind as K;
use jiff::Timestamp;
use store::{AlertFinding, AlertRules};

/// What happened, in words an operator understands.
pub(crate) fn happened(found: &AlertFinding, rules: &AlertRules) -> String {
    let (count, of) = (found.count, found.of.unwrap_or_default());
    let at = found.at.map(minute).unwrap_or_default();
    match found.kind {
        K::Reauthorise => "The vendor no longer takes this connection's credentials.".to_owned(),
        K::RefreshFailing => format!("{count} refreshes of this connection's key failed in a row."),
        K::TokenExpiring => {
            let ends = if found.at.is_some_and(|at| at < Timestamp::now()) { "ended" } else { "ends" };
            let tries = match count {
                0 => "nobody has tried to refresh it".to_owned(),
                1 => "one try to refresh it failed".to_owned(),
                more => format!("{more} tries to refresh it failed"),
            };
            format!("This connection's key {ends} at {at}, and {tries}.")
        }
        K::WritebacksStuck => format!(
            "{} under way for more than {} minutes, the oldest since {at}.",
            if count == 1 { "One write has been".to_owned() } else { format!("{count} writes have been") },
            rules.stuck_minutes,
        ),
        K::WritebacksFailing => {
            format!("{count} of the latest {of} writes failed or were set aside.")
        }
        K::WritebackParked => format!(
            "{count} set aside for staff, the first at {at}.",
            count = match count {
                1 => "One write was".to_owned(),
                more => format!("{more} writes were"),
            }
        ),
        K::Budget100 if found.at.is_some() => format!(
            "The vendor said at {at} that this practice's requests of the day are used up. It is asked again once an hour."
        ),
        K::Budget100 => {
            format!("Requests of this practice had to wait: no minute may see more than {of}.")
        }
        K::Budget80 | K::Budget93 => format!(
            "{} % or more of this practice's requests were used at once: no minute may see more than {of}.",
            if found.kind == K::Budget93 { 93 } else { 80 },
        ),
        other => other.subject().to_owned(),
    }
}

/// A time as people read it: no alert needs the second.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use domain::{ConnectionId, TenantId};

    use super::*;

    fn told(kind: K, count: i64, of: Option<i64>, at: Option<Timestamp>) -> String {
        let found =
            AlertFinding { tenant: TenantId::new(), connection: ConnectionId::new(), kind, count, of, at };
        happened(&found, &AlertRules::default())
    }

    #[test]
    fn every_finding_is_told_in_a_sentence_with_its_figures() {
        let at: Timestamp = "2026-11-20T10:15:42Z".parse().unwrap();
        assert_eq!(
            told(K::WritebacksFailing, 3, Some(21), None),
            "3 of the latest 21 writes failed or were set aside."
        );
        assert_eq!(
            told(K::WritebacksStuck, 1, None, Some(at)),
            "One write has been under way for more than 30 minutes, the oldest since 2026-11-20 10:15 UTC."
        );
        let past: Timestamp = "2001-01-01T00:00:00Z".parse().unwrap();
        assert!(
            told(K::TokenExpiring, 0, None, Some(past)).contains("ended at 2001-01-01 00:00 UTC, and nobody")
        );
        assert!(told(K::Budget100, 9, Some(200), Some(at)).contains("of the day"));
        for kind in AlertRules::KINDS {
            let sentence = told(kind, 7, Some(50), None);
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{kind}: {sentence}");
        }
    }
}
