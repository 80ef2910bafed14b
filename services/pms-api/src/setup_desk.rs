//! Questions about connecting, asked over the bus: the worker that owns the vendor tries them.

use std::time::Duration;

use bus::{AskError, Letter};
use domain::TenantId;
use messages::{Named as _, v1};
use service::{ApiError, Code};

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
        .ask(&format!("pms.setup.{vendor}"), letter, PATIENCE)
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

/// In the words of people at a front desk.
pub(crate) fn told(kind: &str) -> Told {
    let (sentence, next_action) = match kind {
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
        "by_hand" => ("Somebody switched it off.", "Enable it to use it again."),
        "reauthorise" | "access_withdrawn" | "key_expired" => (
            "The vendor no longer lets us in: access was withdrawn, or the office's secret changed.",
            "Connect it again with the office's current secret key.",
        ),
        "office_of_another_tenant" | "taken" => (
            "The office is connected to another account.",
            "Ask the operator: an office belongs to one account.",
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
            ("It was tried for days in vain.", "Look in the vendor's portal, then connect it again.")
        }
        _ => ("The vendor does not answer as it should.", "Try again later."),
    };
    Told { sentence, next_action }
}
