use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{AlertId, AlertKind, TenantId};
use seal::Secret;
use serde_json::{Value, json};
use store::{Alert, AlertFilter, NewAlertDestination};
use vendor_http::{Reach, UrlGuard};

use super::api_keys::audit;
use crate::cli::{AlertsAction, DestinationsAction};
use crate::out::Out;
use crate::place;

const MOST: i64 = 1_000;
/// Who did it, on the record.
const BY: &str = "operator";

/// `switchboard alerts …`.
pub(crate) async fn run(action: AlertsAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        AlertsAction::List { all, target } => list(&target.state, all, out).await?,
        AlertsAction::Show { id, target } => show(&target.state, id, out).await?,
        AlertsAction::Resolve { ids, target } => {
            let store = place::store(&target.state).await?;
            for id in ids {
                let mut tx = store.machinery().await?;
                let alert = tx.alert(id).await.context("there is no such alert")?;
                let closed = match alert.tenant {
                    // Together with its record.
                    Some(tenant) => {
                        tx.commit().await?;
                        let mut tx = store.tenant(tenant).await?;
                        let closed = tx.resolve_alert(id, BY).await?;
                        if closed {
                            audit(&mut tx, "alert.resolve", json!({ "alert": id.to_string() })).await?;
                        }
                        tx.commit().await?;
                        closed
                    }
                    // The installation's own: no tenant's chain is the place for it.
                    None => {
                        let closed = tx.resolve_alert(id, BY).await?;
                        tx.commit().await?;
                        closed
                    }
                };
                out.say(if closed {
                    format!("{id} is closed. Where its cause is still there, it comes again.")
                } else {
                    format!("{id} was closed before.")
                });
                out.object(&json!({ "resolved": id.to_string(), "before": !closed }));
            }
        }
        AlertsAction::Retry { id, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let alert = tx.alert(id).await.context("there is no such alert")?;
            let deliveries = tx.retry_alert_mail(id).await?;
            let record = match alert.tenant {
                Some(tenant) => {
                    let mut record = store.tenant(tenant).await?;
                    let detail = json!({ "alert": id.to_string(), "deliveries": deliveries });
                    audit(&mut record, "alert.retry", detail).await?;
                    Some(record)
                }
                None => None,
            };
            // The record first: what is on its way and on no record nobody could ask about.
            if let Some(record) = record {
                record.commit().await?;
            }
            tx.commit().await?;
            out.say(format!("{deliveries} deliveries are on their way again."));
            out.object(&json!({ "alert": id.to_string(), "deliveries": deliveries }));
        }
        AlertsAction::Destinations { action } => destinations(action, out).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(state: &Path, all: bool, out: Out) -> anyhow::Result<()> {
    let store = place::store(state).await?;
    let mut tx = store.machinery().await?;
    let filter = AlertFilter { open: (!all).then_some(true), after: None, most: MOST };
    let alerts = tx.alerts(filter).await?;
    tx.commit().await?;
    if alerts.is_empty() {
        out.say("Nobody needs to look at anything.");
    }
    for alert in &alerts {
        let place = alert.practice.as_deref().unwrap_or("this installation");
        let over = match (&alert.cleared_at, &alert.cleared_by) {
            (Some(at), by) => format!("  closed {at} by {}", by.as_deref().unwrap_or("switchboard")),
            (None, _) => String::new(),
        };
        out.say(format!(
            "{}  {:20} {place}  since {}{over}\n    {}\n    {}",
            alert.id, alert.code, alert.raised_at, alert.happened, alert.what_to_do
        ));
        out.object(&object(alert));
    }
    Ok(())
}

async fn show(state: &Path, id: AlertId, out: Out) -> anyhow::Result<()> {
    let store = place::store(state).await?;
    let mut tx = store.machinery().await?;
    let alert = tx.alert(id).await.context("there is no such alert")?;
    let deliveries = tx.alert_deliveries(id).await?;
    tx.commit().await?;
    let mut shown = object(&alert);
    let deliveries: Vec<Value> = deliveries
        .iter()
        .map(|one| {
            json!({
                "id": one.id.to_string(), "news": one.news.as_str(),
                "destination": one.destination.map_or("slack".to_owned(), |id| id.to_string()),
                "state": one.state, "attempts": one.attempts, "reason": one.reason,
                "next_at": (one.state == "waiting").then(|| one.next_at.to_string()),
                "ended_at": one.ended_at.map(|at| at.to_string()),
            })
        })
        .collect();
    shown["deliveries"] = Value::Array(deliveries);
    if out.is_json() {
        out.object(&shown);
    } else {
        out.say(serde_json::to_string_pretty(&shown)?);
    }
    Ok(())
}

fn object(alert: &Alert) -> Value {
    json!({
        "id": alert.id.to_string(), "tenant": alert.tenant.map(|id| id.to_string()), "code": alert.code,
        "urgent": AlertKind::from_code(&alert.code).is_none_or(AlertKind::is_urgent),
        "subject": alert.subject(), "happened": alert.happened, "what_to_do": alert.what_to_do,
        "practice": alert.practice, "connection": alert.connection.map(|id| id.to_string()),
        "raised_at": alert.raised_at.to_string(),
        "resolved_at": alert.cleared_at.map(|at| at.to_string()), "resolved_by": alert.cleared_by,
    })
}

async fn destinations(action: DestinationsAction, out: Out) -> anyhow::Result<()> {
    match action {
        DestinationsAction::List { tenant, target } => {
            let mut tx = place::store(&target.state).await?.tenant(tenant).await?;
            let known = tx.alert_destinations().await?;
            tx.commit().await?;
            if known.is_empty() {
                out.say("This tenant's alerts are sent nowhere of its own.");
            }
            for one in known {
                out.say(format!("{}  {}  since {} by {}", one.id, one.name, one.created_at, one.created_by));
                out.object(&json!({
                    "id": one.id.to_string(), "name": one.name, "created_by": one.created_by,
                    "created_at": one.created_at.to_string(),
                }));
            }
        }
        DestinationsAction::Add { tenant, url, name, local, target } => {
            let reach = if local { Reach::Anywhere } else { Reach::Public };
            if let Err(why) = UrlGuard::new(reach).check(url.expose()) {
                bail!("the URL {why}");
            }
            let (id, secret) = add(&target.state, tenant, &url, &name).await?;
            out.say(format!("{id} gets this tenant's alerts from now on, signed with:\n{}", secret.expose()));
            out.object(&json!({ "id": id, "name": name, "secret": secret.expose() }));
        }
        DestinationsAction::Remove { tenant, id, target } => {
            let mut tx = place::store(&target.state).await?.tenant(tenant).await?;
            tx.remove_alert_destination(id).await.context("there is no such destination")?;
            audit(&mut tx, "alert_destination.remove", json!({ "destination": id.to_string() })).await?;
            tx.commit().await?;
            out.say(format!("{id} gets no more alerts."));
            out.object(&json!({ "removed": id.to_string() }));
        }
    }
    Ok(())
}

async fn add(state: &Path, tenant: TenantId, url: &Secret, name: &str) -> anyhow::Result<(String, Secret)> {
    let secret = Secret::new(format!("whsec_{}", STANDARD.encode(seal::random::<32>()?)));
    let mut tx = place::store(state).await?.tenant(tenant).await?;
    tx.tenant_row().await.context("there is no such tenant")?;
    let name = domain::clean_line(name, 100)?;
    let new = NewAlertDestination { name: &name, url, secret: &secret, created_by: BY };
    let id = tx.add_alert_destination(&new).await?.to_string();
    audit(&mut tx, "alert_destination.add", json!({ "destination": id })).await?;
    tx.commit().await?;
    Ok((id, secret))
}
