//! Questions about connecting, asked over the bus: the worker that owns the vendor tries them.

use std::time::Duration;

use bus::{AskError, Letter, topology};
use domain::TenantId;
use messages::{Named as _, v1};
use service::{ApiError, Code};
use store::{Connection, Setup};

use crate::context::Context;

/// A new office is listed, switched on, logged in to and read: the vendor may take its time for each.
const PATIENCE: Duration = Duration::from_secs(45);
const AGAIN: Duration = Duration::from_secs(10);

/// Asks `vendor`'s worker. What it found wrong is `Ok(Err(…))`; that nobody answered is an error.
pub(crate) async fn ask(
    context: &Context,
    vendor: &str,
    question: &v1::SetupQuestion,
) -> Result<Result<v1::ConnectionReport, v1::SetupProblem>, ApiError> {
    let mut letter =
        Letter::new(v1::SetupQuestion::NAME, question.to_bytes()).tenant(question.tenant_id.clone());
    letter.traceparent = telemetry::trace::current_traceparent();
    let reply = context
        .bus
        .ask(&topology::pms_setup(vendor), letter, PATIENCE)
        .await
        .map_err(|error| away(&error))?;
    let unreadable = || ApiError::new(Code::Unavailable, "the worker's answer cannot be read");
    let reply = v1::SetupReply::from_bytes(&reply.body).map_err(|_| unreadable())?;
    match reply.answer.ok_or_else(unreadable)? {
        v1::setup_reply::Answer::Connection(report) => Ok(Ok(report)),
        v1::setup_reply::Answer::Problem(problem) => Ok(Err(problem)),
    }
}

fn away(error: &AskError) -> ApiError {
    tracing::warn!(error = %error, "no worker answered about a connection");
    ApiError::unavailable(AGAIN).because(anyhow::anyhow!("{error}"))
}

/// The question of a tenant's caller.
pub(crate) fn question(tenant: TenantId, actor: &str, ask: v1::setup_question::Ask) -> v1::SetupQuestion {
    v1::SetupQuestion { tenant_id: tenant.to_string(), actor: actor.to_owned(), ask: Some(ask) }
}

/// The error that a problem is, for callers who wanted something done.
pub(crate) fn refusal(problem: &v1::SetupProblem) -> ApiError {
    match problem.kind.as_str() {
        "invalid" if !problem.field.is_empty() => {
            ApiError::invalid([(problem.field.clone(), problem.rule.clone())])
        }
        "taken" => ApiError::new(Code::Conflict, "this office is connected to another account"),
        "not_found" => ApiError::not_found("there is no such connection"),
        "vendor_down" | "rate_limited" | "unreadable" | "practice_offline" => {
            let wait = Duration::from_secs(u64::from(problem.retry_after_s));
            ApiError::unavailable(wait.max(AGAIN))
        }
        _ => ApiError::new(Code::Conflict, told(&problem.kind).sentence),
    }
}

/// What a person reads about a connection that does not work, and what they can do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) sentence: &'static str,
    pub(crate) next_action: &'static str,
}

/// What is said of a connection: of one that is being made, what its setup waits for; of one that could not be made,
/// why not.
pub(crate) fn standing(one: &Connection, setups: &[Setup]) -> Told {
    let own = || setups.iter().filter(|setup| setup.connection == Some(one.id));
    let is_open = |setup: &&Setup| matches!(setup.state.as_str(), "confirming" | "onboarding");
    match one.status.as_str() {
        "pending" => match own().find(is_open) {
            None => told("interrupted"),
            Some(setup) => told(setup.reason.as_deref().unwrap_or("onboarding")),
        },
        "error" => {
            let why = own().find(|setup| matches!(setup.state.as_str(), "gave_up" | "refused"));
            told(why.and_then(|setup| setup.reason.as_deref()).unwrap_or("error"))
        }
        "active" if one.last_error.as_deref() == Some("location_off") => told("location_off"),
        "disabled" if one.last_error.as_deref() == Some("location_still_on") => told("location_still_on"),
        status => told(status),
    }
}

/// In the words of people at a front desk.
///
/// `kind` may be followed by the vendor's own code, as in the reason of a setup.
pub(crate) fn told(kind: &str) -> Told {
    let (sentence, next_action) = match kind.split(' ').next().unwrap_or_default() {
        "active" => ("It works.", ""),
        "onboarding" | "not_ready" => (
            "The practice's data is on its way to the vendor for the first time. That takes hours and is no error.",
            "Nothing: it becomes active by itself.",
        ),
        "confirming" | "not_listed" => (
            "The vendor does not list the office yet, or not any more.",
            "Right after an install: wait. Otherwise look in the vendor's portal whether the install is active.",
        ),
        "disabled" | "cancelled" => {
            ("It is switched off.", "Enable it, or connect it anew, to use it again.")
        }
        "location_still_on" => (
            "It is switched off here. The vendor did not switch its location off, and may go on billing it.",
            "Switch it off in the vendor's portal, or enable and disable it to have that tried again.",
        ),
        "by_hand" => ("Somebody switched it off.", "Enable it to use it again."),
        "reauthorise" | "access_withdrawn" | "key_expired" => (
            "The vendor no longer lets us in: access was withdrawn, or the office's secret changed.",
            "Connect it again with the office's current secret key.",
        ),
        "office_of_another_tenant" | "taken" => (
            "The office is connected to another account.",
            "Ask the operator: an office belongs to one account.",
        ),
        "practice_connected" | "practice" => (
            "The location that the office belongs to has another connection.",
            "Disable that one first, or connect the office by hand and say which location it is.",
        ),
        "practice_unclear" => (
            "The office has another name than your only location: whether they are one nobody said.",
            "Look whether it is yours. If so, connect it by hand with that location's `practiceId`.",
        ),
        "time_zone" => (
            "The vendor names a time zone for the practice that nobody knows.",
            "Ask the vendor to correct the practice's time zone, then connect it again.",
        ),
        "cust_id" => (
            "The vendor does not name the practice's database, without which its chairs cannot be listed.",
            "Ask the vendor, then connect it again.",
        ),
        "application_refused" => (
            "The vendor refuses this installation's own keys: it is not about this office.",
            "Ask the operator. It is tried again by itself.",
        ),
        "location_off" => (
            "The vendor lets us in and does not show us this location's data: it is switched off there.",
            "Look in the vendor's portal why. Enabling it switches it on again.",
        ),
        "interrupted" => (
            "It was not connected to its end.",
            "It is taken up again within minutes; otherwise connect it again.",
        ),
        "unsupported" => (
            "The vendor's plan or the practice's system does not allow what is needed.",
            "Ask the vendor about the plan.",
        ),
        "practice_offline" => (
            "The practice's own server is not reachable.",
            "Ask the practice to switch its server on; its utility must run.",
        ),
        "rate_limited" => ("The vendor's limit is used up for now.", "Try again later."),
        "error" | "gave_up" => {
            ("It could not be connected.", "Look in the vendor's portal, then connect it again.")
        }
        _ => ("The vendor does not answer as it should.", "Try again later."),
    };
    Told { sentence, next_action }
}

#[cfg(test)]
mod tests {
    use domain::{ConnectionId, PracticeId, TenantId};
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn connection(status: &str) -> Connection {
        Connection {
            id: ConnectionId::new(),
            practice: PracticeId::new(),
            vendor: "sikka".into(),
            status: status.into(),
            config: json!({}),
            capabilities: None,
            token_expires_at: None,
            last_error: None,
        }
    }

    fn setup(of: &Connection, state: &str, reason: &str) -> Setup {
        Setup {
            id: Uuid::now_v7(),
            tenant: TenantId::new(),
            vendor: "sikka".into(),
            office: "D10001".into(),
            location: String::new(),
            connection: Some(of.id),
            state: state.into(),
            reason: Some(reason.into()),
            attempts: 1,
            due_at: Timestamp::now(),
            give_up_at: Timestamp::now(),
            created_at: Timestamp::now(),
            lease: Uuid::nil(),
        }
    }

    #[test]
    fn a_connection_on_its_way_says_what_it_waits_for_and_not_that_its_data_is_on_its_way() {
        let one = connection("pending");
        let said = |state: &str, reason: &str| standing(&one, &[setup(&one, state, reason)]).sentence;
        assert!(said("onboarding", "not_ready").contains("no error"));
        assert!(said("confirming", "time_zone").contains("time zone"));
        assert!(said("confirming", "unsupported API2004").contains("plan"));
        assert!(said("confirming", "access_withdrawn API2003").contains("no longer lets us in"));
        assert!(standing(&one, &[]).sentence.contains("not connected to its end"));
        let failed = connection("error");
        assert!(standing(&failed, &[setup(&failed, "gave_up", "time_zone")]).sentence.contains("time zone"));
        assert!(said("confirming", "application_refused").contains("installation's own keys"));
        assert_eq!(standing(&connection("active"), &[]).sentence, "It works.");
        let off = Connection { last_error: Some("location_off".into()), ..connection("active") };
        assert!(standing(&off, &[]).sentence.contains("switched off there"));
        let on = Connection { last_error: Some("location_still_on".into()), ..connection("disabled") };
        assert!(standing(&on, &[]).sentence.contains("may go on billing"));
        let was = Connection { last_error: Some("key refused".into()), ..connection("disabled") };
        assert_eq!(standing(&was, &[]).sentence, "It is switched off.");
    }
}
