use std::time::Duration;

use domain::{PracticeId, Sensitive, TenantId, tool_name};
use reception::{BadInput, Caller, Handled};
use seal::HmacKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{NewAudit, StoreError, ToolCallClaim, ToolCallKey, ToolRun};
use tokio::time::{Instant, sleep};

use crate::context::Context;
use crate::desks::NoDesk;
use crate::for_staff::leave_task;

/// One use of a tool, through whichever door.
pub(crate) struct ToolUse<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) practice: Option<PracticeId>,
    pub(crate) tool: &'a str,
    pub(crate) arguments: Value,
    /// A repeat carries the same key; none: every use is its own.
    pub(crate) key: Option<ToolCallKey>,
    pub(crate) language: Option<&'a str>,
    /// Who, for the audit: `voice agent`, `chat agent`, `api key key_…`.
    pub(crate) actor: &'a str,
    pub(crate) give_up_at: Instant,
}

/// What a use of a tool came to: kept for every repeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) status: String,
    pub(crate) say: String,
    pub(crate) code: String,
    pub(crate) data: Map<String, Value>,
    /// The field at fault and its rule, where one was.
    pub(crate) field: Option<(String, String)>,
    /// Whose data it holds, by the vendor's ids with a space between.
    pub(crate) patients: Option<String>,
    #[serde(skip)]
    pub(crate) vendor_ms: u64,
    /// Whether this came from an earlier use with the same key.
    #[serde(skip)]
    pub(crate) repeated: bool,
}

/// Why a tool was not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("no PMS integration found")]
    NoIntegration,
    #[error("the tenant has several locations, and none was named")]
    PracticeUnclear,
    #[error("the database cannot be reached")]
    Unavailable,
    #[error("the same key was used for something else")]
    KeyReused,
    #[error("the same tool call is still being run")]
    StillRunning,
}

impl From<StoreError> for ToolError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error, "a tool call could not be kept");
        Self::Unavailable
    }
}

impl From<NoDesk> for ToolError {
    fn from(error: NoDesk) -> Self {
        match error {
            NoDesk::NoIntegration => Self::NoIntegration,
            NoDesk::PracticeUnclear => Self::PracticeUnclear,
            NoDesk::Unavailable => Self::Unavailable,
        }
    }
}

fn unreadable(error: &serde_json::Error) -> ToolError {
    // Its words quote nothing of what was to be read.
    tracing::error!(error.line = error.line(), error.category = ?error.classify(), "an answer cannot be kept or read again");
    ToolError::Unavailable
}

/// A runner that died loses its tool call after this long: longer than any that lives can take.
const LEASE_SECONDS: f64 = 60.0;

/// Runs a tool once for its key: a repeat joins the one in flight or gets the stored answer.
pub(crate) async fn run_tool(
    context: &Context,
    used: ToolUse<'_>,
    caller: impl FnOnce(&str) -> Caller,
) -> Result<Told, ToolError> {
    let began = Instant::now();
    let Some(key) = &used.key else { return run_once(context, &used, None, began, caller).await };
    let hashes = hashes(&context.keyed().await?.argument_keys, &used, key);
    let name = tool_name(used.tool);
    let run = loop {
        let mut tx = context.store.tenant(used.tenant).await?;
        let claim = tx.claim_tool_call(key, name, &hashes, LEASE_SECONDS).await?;
        if let ToolCallClaim::Answered(stored) = &claim {
            let mut told: Told =
                serde_json::from_slice(stored.expose()).map_err(|error| unreadable(&error))?;
            tx.audit(&NewAudit {
                actor: used.actor,
                action: reception::tool(used.tool).map_or("tool.unknown", |tool| tool.audit_action),
                patient: told.patients.as_deref(),
                call_id: Some(&key.call_id),
                tool: Some(name),
                outcome: &told.status,
                ms: elapsed(began),
                detail: json!({ "repeat": true }),
            })
            .await?;
            tx.commit().await?;
            told.repeated = true;
            return Ok(told);
        }
        tx.commit().await?;
        match claim {
            ToolCallClaim::Run(run) => break run,
            ToolCallClaim::Different => return Err(ToolError::KeyReused),
            _ if Instant::now() >= used.give_up_at => return Err(ToolError::StillRunning),
            _ => sleep(Duration::from_millis(40)).await,
        }
    };
    let told = run_once(context, &used, Some((key, run)), began, caller).await;
    if told.is_err() {
        let mut tx = context.store.tenant(used.tenant).await?;
        tx.give_back_tool_call(key, run).await?;
        tx.commit().await?;
    }
    told
}

/// Tells one use from another: keyed, and of this one call, so that nobody who reads the rows can try names on them.
/// The last is what versions before the keys stored, for rows that are still about.
fn hashes(keys: &[HmacKey], used: &ToolUse<'_>, key: &ToolCallKey) -> Vec<[u8; 32]> {
    let practice = used.practice.map(|id| id.to_string()).unwrap_or_default();
    let what = format!("{}\n{practice}\n{}", used.tool, used.arguments);
    let of = format!("{}\n{}\n{}\n", used.tenant, key.call_id, key.tool_call_id);
    let keyed = keys.iter().filter_map(|key| key.sign(&[of.as_bytes(), what.as_bytes()]).try_into().ok());
    keyed.chain([seal::sha256(what.as_bytes())]).collect()
}

async fn run_once(
    context: &Context,
    used: &ToolUse<'_>,
    claim: Option<(&ToolCallKey, ToolRun)>,
    began: Instant,
    caller: impl FnOnce(&str) -> Caller,
) -> Result<Told, ToolError> {
    let desk = context.desks.desk(used.tenant, used.practice, used.language, caller).await?;
    let handled = context.keyed().await?.reception.run(&desk, used.tool, &used.arguments).await;
    let told = told(&handled);
    let mut tx = context.store.tenant(used.tenant).await?;
    if let Some((key, run)) = claim {
        if is_passing(&told.code) {
            tx.give_back_tool_call(key, run).await?;
        } else {
            let kept = serde_json::to_vec(&told).map_err(|error| unreadable(&error))?;
            tx.answer_tool_call(key, run, &told.status, &told.code, &kept, elapsed(began)).await?;
        }
    }
    // Without a key every use is its own.
    let own = ToolCallKey { call_id: used.actor.to_owned(), tool_call_id: uuid::Uuid::now_v7().to_string() };
    let key = claim.map_or(&own, |(key, _)| key);
    let mark = context.keyed().await?.argument_keys.first();
    leave_task(
        &mut tx,
        desk.connection,
        used.tool,
        key,
        &told,
        (handled.wanted.as_ref().map(Sensitive::expose), mark),
    )
    .await?;
    if let Some(note) = &handled.audit {
        tx.audit(&NewAudit {
            actor: used.actor,
            action: note.action,
            patient: told.patients.as_deref(),
            call_id: used.key.as_ref().map(|key| key.call_id.as_str()),
            tool: Some(used.tool),
            outcome: &told.status,
            ms: elapsed(began),
            detail: json!({ "code": told.code }),
        })
        .await?;
    }
    tx.commit().await?;
    let name = tool_name(used.tool);
    tracing::info!(
        tool.name = name,
        tool.status = told.status,
        tool.code = told.code,
        tool.field = handled.bad_input.as_ref().map(|bad| bad.path.as_str()),
        tool.vendor_ms = told.vendor_ms,
        tool.ms = elapsed(began),
        tenant.id = %used.tenant,
        "a tool was used"
    );
    metrics::histogram!("tool_seconds", "tool" => name, "status" => told.status.clone())
        .record(began.elapsed().as_secs_f64());
    Ok(told)
}

/// An answer that only says "not now" is kept for no repeat: asking again may do better.
pub(crate) fn is_passing(code: &str) -> bool {
    matches!(code, "records_unreachable" | "not_sure_recorded")
}

fn told(handled: &Handled) -> Told {
    let mut data = match handled.answer.body() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let mut take = |name: &str| {
        data.remove(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let (status, say, code) = (take("status"), take("say"), take("code"));
    let field = handled.bad_input.as_ref().map(|BadInput { path, rule, .. }| (path.clone(), rule.clone()));
    let patients = handled.audit.as_ref().map(|note| note.patients.join(" ")).filter(|ids| !ids.is_empty());
    Told { status, say, code, data, field, patients, vendor_ms: handled.vendor_ms, repeated: false }
}

fn elapsed(began: Instant) -> i32 {
    i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use reception::Status;

    use super::*;

    #[test]
    fn what_any_tool_may_say_when_nobody_answered_is_kept_for_no_repeat() {
        let general = &reception::tool("listProviders").unwrap().sentences;
        let unknown: Vec<&str> =
            general.iter().filter(|one| one.status == Status::Unknown).map(|one| one.code).collect();
        assert_eq!(unknown.len(), 2, "{unknown:?}");
        assert!(unknown.iter().all(|code| is_passing(code)), "{unknown:?}");
        for code in ["booked", "booking_not_known_yet", "cannot_here", "identity_needed"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
