use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;
use writebacks::{Found, settle};

use crate::cli::WritebacksAction;
use crate::out::Out;
use crate::place;

/// `switchboard writebacks …`.
pub(crate) async fn run(action: WritebacksAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        WritebacksAction::List { state, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let found = tx.writebacks_in(state, 1_000).await?;
            tx.commit().await?;
            if found.is_empty() {
                out.say(format!("No write is {state}."));
            }
            for one in found {
                out.say(format!(
                    "{}  {:16}  ref {}  {} attempts  since {}  {}",
                    one.id,
                    one.operation,
                    one.reference,
                    one.attempts,
                    one.created_at,
                    one.reason.as_deref().unwrap_or_default(),
                ));
                out.object(&json!({
                    "id": one.id.to_string(), "tenant": one.tenant.to_string(), "operation": one.operation,
                    "state": state.as_str(), "reason": one.reason, "reference": one.reference,
                    "attempts": one.attempts, "created_at": one.created_at.to_string(),
                }));
            }
        }
        WritebacksAction::Settle { id, landed, not_there: _, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let (tenant, vendor) = tx.writeback_owner(id).await.context("there is no such write")?;
            tx.commit().await?;
            let found = match &landed {
                Some(vendor_id) => Found::There { vendor_id },
                None => Found::NotThere,
            };
            settle(&store, tenant, &vendor, id, found).await?;
            let how =
                if landed.is_some() { "the practice's system holds it" } else { "its time is free again" };
            out.say(format!("{id} is settled: {how}."));
            out.object(&json!({ "settled": id.to_string(), "landed": landed }));
        }
    }
    Ok(ExitCode::SUCCESS)
}
