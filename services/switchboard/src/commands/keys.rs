use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;
use store::{SealedCount, Store};

use super::api_keys::audit;
use crate::cli::KeysAction;
use crate::out::Out;
use crate::place;

/// `switchboard keys …`.
pub(crate) async fn run(action: KeysAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        KeysAction::Status { target } => {
            let store = place::store(&target.state).await?;
            let keys = place::keys(&target.state)?;
            status(&store, &keys.ids().map(str::to_owned).collect::<Vec<_>>(), out).await
        }
        KeysAction::Rotate { target } => {
            let store = place::store(&target.state).await?;
            let newest = place::keys(&target.state)?.current_id().to_owned();
            rotate(&store, &newest, out).await
        }
    }
}

async fn status(store: &Store, keys: &[String], out: Out) -> anyhow::Result<ExitCode> {
    let mut sums: BTreeMap<String, i64> = keys.iter().map(|id| (id.clone(), 0)).collect();
    for SealedCount { table, column, key, values } in store.sealed_counts().await? {
        out.say(format!("{key:16} {values:>9}  {table}.{column}"));
        out.object(&json!({ "key": key, "values": values, "table": table, "column": column }));
        *sums.entry(key).or_default() += values;
    }
    out.say("");
    for (key, values) in sums {
        let newest = keys.first() == Some(&key);
        let given = keys.contains(&key);
        let meaning = match (newest, given, values) {
            (true, ..) => "seals what is written now",
            // Nothing here tells a key that is new from one whose time is over.
            (false, true, 0) => {
                "seals nothing: if it is new, put it in front next; if it was in front before, take it out"
            }
            (false, true, _) => "still needed: switchboard keys rotate",
            (false, false, _) => "NOT in ENCRYPTION_KEY: what it sealed cannot be read",
        };
        out.say(format!("{key:16} {values:>9}  {meaning}"));
        out.object(&json!({ "key": key, "values": values, "newest": newest, "given": given }));
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(store: &Store, newest: &str, out: Out) -> anyhow::Result<ExitCode> {
    let rotated = store
        .rotate(|table, column, values| {
            out.say(format!("{values:>9} values of {table}.{column} sealed anew"));
        })
        .await;
    // What was sealed anew stays so, also where it did not come to its end.
    let is_whole = rotated.as_ref().is_ok_and(|rotation| rotation.left == 0);
    let recorded = record(store, newest, is_whole).await;
    let rotation = rotated?;
    recorded?;
    out.object(&json!({
        "key": newest, "resealed": rotation.resealed, "unreadable": rotation.unreadable, "left": rotation.left,
    }));
    out.say(format!("{} values are sealed anew with the key `{newest}`.", rotation.resealed));
    if rotation.unreadable > 0 {
        out.say(format!(
            "{} values open with none of the keys and stay as they are: `switchboard keys status` tells where.",
            rotation.unreadable
        ));
    }
    if rotation.left > 0 {
        out.say(format!(
            "{} values are still sealed with an older key. Does every service have `{newest}` first in its \
             ENCRYPTION_KEY, and was it started since? Then run this again.",
            rotation.left
        ));
        return Ok(ExitCode::FAILURE);
    }
    out.say(format!(
        "Nothing is sealed with an older key now. If every service was started with `{newest}` first in its \
         ENCRYPTION_KEY, take the older keys out at the next start; one that was not seals with its old key what it \
         writes next."
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes down in every tenant's chain with which key what is theirs is sealed. How many values there were is nobody's
/// own.
async fn record(store: &Store, newest: &str, is_whole: bool) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let tenants = tx.tenants().await?;
    tx.commit().await?;
    for tenant in tenants {
        let mut tx = store.tenant(tenant.id).await?;
        audit(&mut tx, "keys.rotate", json!({ "key": newest, "whole": is_whole })).await?;
        tx.commit().await?;
    }
    Ok(())
}
