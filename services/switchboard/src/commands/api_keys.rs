use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use domain::{ApiKeyId, Permission, TenantId};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{ApiKey, FreshApiKey, NewApiKey, NewAudit, Store, TenantTx};

use crate::cli::ApiKeysAction;
use crate::out::Out;
use crate::place;

/// `switchboard api-keys …`.
pub(crate) async fn run(action: ApiKeysAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        ApiKeysAction::Create { tenant, name, scopes, all_scopes, expires_at, target } => {
            let store = place::store(&target.state).await?;
            let scopes = (!all_scopes).then_some(scopes);
            create(&store, tenant, &name, scopes.as_deref(), expires_at, out).await?;
        }
        ApiKeysAction::List { tenant, all, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = of_tenant(&store, tenant).await?;
            let keys = tx.api_keys(all).await?;
            tx.commit().await?;
            if keys.is_empty() {
                out.say("There are no keys.");
            }
            for key in &keys {
                out.say(line(key));
                out.object(&object(key));
            }
        }
        ApiKeysAction::Revoke { tenant, key, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = of_tenant(&store, tenant).await?;
            let revoked = tx.revoke_api_key(key, "operator").await.context("the tenant has no such key")?;
            if revoked {
                audit(&mut tx, "api_key.revoke", json!({ "key": key.to_string() })).await?;
            }
            tx.commit().await?;
            out.say(if revoked { "Revoked: it opens nothing any more." } else { "It was revoked before." });
            out.object(&json!({ "id": key.to_string(), "revoked": true, "before": !revoked }));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(
    store: &Store,
    tenant: TenantId,
    name: &str,
    scopes: Option<&[Permission]>,
    expires_at: Option<Timestamp>,
    out: Out,
) -> anyhow::Result<()> {
    ensure!(expires_at.is_none_or(|at| at > Timestamp::now()), "--expires-at must be in the future");
    let (id, fresh) = (ApiKeyId::new(), FreshApiKey::make()?);
    let mut tx = of_tenant(store, tenant).await?;
    tx.make_api_key(&NewApiKey {
        id,
        name,
        hash: &fresh.hash,
        begins_with: &fresh.begins_with,
        scopes,
        expires_at,
        created_by: "operator",
    })
    .await?;
    let words: Option<Vec<&str>> = scopes.map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect());
    let expires_at = expires_at.map(|at| at.to_string());
    let detail = json!({ "key": id.to_string(), "scopes": words, "expires_at": expires_at });
    audit(&mut tx, "api_key.create", detail).await?;
    tx.commit().await?;
    out.say(format!("{}\n\nThis is {id}. It is shown this once and kept nowhere.", fresh.text.expose()));
    out.object(&json!({
        "id": id.to_string(), "key": fresh.text.expose(), "name": name, "begins_with": fresh.begins_with,
        "scopes": words, "expires_at": expires_at,
    }));
    Ok(())
}

/// A transaction of a tenant that there is.
pub(super) async fn of_tenant(store: &Store, tenant: TenantId) -> anyhow::Result<TenantTx> {
    let mut tx = store.tenant(tenant).await?;
    tx.tenant_row().await.context("there is no such tenant")?;
    Ok(tx)
}

/// Writes down what the operator did.
pub(super) async fn audit(tx: &mut TenantTx, action: &str, detail: Value) -> anyhow::Result<()> {
    tx.audit(&NewAudit {
        actor: "operator",
        action,
        patient: None,
        call_id: None,
        tool: None,
        outcome: "ok",
        ms: 0,
        detail,
    })
    .await?;
    Ok(())
}

fn line(key: &ApiKey) -> String {
    let day = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", day(at)),
        (None, Some(at)) if at <= Timestamp::now() => format!("expired {}", day(at)),
        (None, Some(at)) => format!("until {}", day(at)),
        (None, None) => "for ever".to_owned(),
    };
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", day(at)));
    let scopes = key.scopes.as_ref().map_or_else(|| "everything".to_owned(), |scopes| scopes.join(" "));
    let begins_with = key.begins_with.as_deref().unwrap_or("swb_");
    format!("{}  {begins_with:10}…  {:24} {state:20} {used:16} {scopes}", key.id, key.name)
}

fn object(key: &ApiKey) -> Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": key.id.to_string(), "name": key.name, "begins_with": key.begins_with, "scopes": key.scopes,
        "created_at": key.created_at.to_string(), "created_by": key.created_by,
        "expires_at": time(key.expires_at), "last_used_at": time(key.last_used_at),
        "revoked_at": time(key.revoked_at),
    })
}
