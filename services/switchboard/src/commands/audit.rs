use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::TenantId;
use serde_json::{Value, json};
use store::{AuditEnd, AuditReport, Store, StoreError};

use crate::cli::AuditAction;
use crate::out::Out;
use crate::place;

/// `switchboard audit …`.
pub(crate) async fn run(action: AuditAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        AuditAction::Verify { anchors, target } => {
            let store = place::store(&target.state).await?;
            let mut ends = anchors.as_deref().map(read_anchors).transpose()?.unwrap_or_default();
            let mut whole = true;
            let reports = verify_each(&store, &ends).await?;
            ends.retain(|known, _| !reports.iter().any(|(tenant, _)| tenant == known));
            for tenant in ends.keys() {
                whole = false;
                out.say(format!(
                    "{tenant}: BROKEN, its chain ended somewhere once, and there is no such tenant."
                ));
                out.object(&json!({ "tenant": tenant.to_string(), "error": "there is no such tenant" }));
            }
            for (tenant, report) in reports {
                // One that cannot be read hides no other.
                let report = match report {
                    Ok(report) => report,
                    Err(error) => {
                        whole = false;
                        out.say(match error {
                            StoreError::Unreadable(_) => {
                                format!("{tenant}: BROKEN, it cannot be read: {error}")
                            }
                            // That says nothing about the chain.
                            _ => format!("{tenant}: it cannot be looked at now: {error}"),
                        });
                        out.object(&json!({ "tenant": tenant.to_string(), "error": error.to_string() }));
                        continue;
                    }
                };
                whole &= report.faults.is_empty();
                out.say(match report.faults.as_slice() {
                    [] => format!("{tenant}: {} records, the chain is whole.", report.records),
                    faults => format!("{tenant}: {} records, BROKEN: {faults:?}", report.records),
                });
                out.object(&json!({
                    "tenant": tenant.to_string(), "records": report.records, "faults": report.faults,
                }));
            }
            Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        AuditAction::Anchor { target } => {
            let store = place::store(&target.state).await?;
            let (mut broken, mut unseen) = (0, 0);
            for (tenant, report) in verify_each(&store, &Ends::new()).await? {
                // An end of a broken chain would vouch for what was done to it.
                match report {
                    Ok(AuditReport { end, faults, .. }) if faults.is_empty() => {
                        let hash = end.hash.map(|hash| STANDARD.encode(hash));
                        out.result(
                            &json!({ "tenant": tenant.to_string(), "ends_at": end.sequence, "hash": hash }),
                        );
                    }
                    Ok(_) | Err(StoreError::Unreadable(_)) => broken += 1,
                    Err(_) => unseen += 1,
                }
            }
            ensure!(unseen == 0, "{unseen} chains cannot be looked at now: is the database up?");
            if broken > 0 {
                bail!(
                    "{broken} chains are broken and have no end to be kept: see `switchboard audit verify`"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        AuditAction::List { tenant, last, target } => {
            let store = place::store(&target.state).await?;
            for line in latest(&store, tenant, last).await? {
                out.say(as_line(&line));
                out.object(&line);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Ends of chains that were written down outside the database. Of one chain there may be many: each must be found there.
type Ends = BTreeMap<TenantId, Vec<AuditEnd>>;

/// Every tenant's chain, read from end to end; the first that cannot be read ends it.
pub(crate) async fn verify_all(store: &Store) -> anyhow::Result<Vec<(TenantId, AuditReport)>> {
    let reports = verify_each(store, &Ends::new()).await?.into_iter();
    reports.map(|(tenant, report)| Ok((tenant, report?))).collect()
}

/// Every tenant's chain, read from end to end, or why it cannot be.
async fn verify_each(
    store: &Store,
    ends: &Ends,
) -> anyhow::Result<Vec<(TenantId, Result<AuditReport, StoreError>)>> {
    let mut tx = store.machinery().await?;
    let tenants = tx.tenants().await?;
    tx.commit().await?;
    let mut reports = Vec::new();
    for tenant in tenants {
        let report = async {
            let mut tx = store.tenant(tenant.id).await?;
            let known = ends.get(&tenant.id).cloned().unwrap_or_default();
            let report = tx.verify_audit(known).await?;
            tx.commit().await?;
            Ok(report)
        };
        reports.push((tenant.id, report.await));
    }
    Ok(reports)
}

/// A tenant's latest records, oldest first.
pub(crate) async fn latest(store: &Store, tenant: TenantId, last: i64) -> anyhow::Result<Vec<Value>> {
    let mut tx = store.tenant(tenant).await?;
    let end = tx.verify_audit(None).await?.end.sequence;
    let records = tx.audit_records((end - last).max(0), last).await?;
    tx.commit().await?;
    Ok(records
        .into_iter()
        .map(|record| {
            json!({
                "sequence": record.sequence, "at": record.at.to_string(), "actor": record.actor,
                "action": record.action, "patient": record.patient, "call_id": record.call_id,
                "tool": record.tool, "outcome": record.outcome, "ms": record.ms, "detail": record.detail,
            })
        })
        .collect())
}

/// One record for a person.
pub(crate) fn as_line(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
    format!(
        "{:>4}  {}  {:14} {:26} patient {:8} {:12} {:>5} ms",
        record["sequence"],
        text("at").get(11..19).unwrap_or_default(),
        text("actor"),
        text("action"),
        text("patient"),
        text("outcome"),
        record["ms"],
    )
}

fn read_anchors(file: &Path) -> anyhow::Result<Ends> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut ends = Ends::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let anchor: Value = serde_json::from_str(line)?;
        let tenant = anchor["tenant"].as_str().context("an anchor names no tenant")?.parse()?;
        let sequence = anchor["ends_at"].as_i64().context("an anchor names no end")?;
        // Lines of earlier versions have none, and tell only how long the chain was.
        let hash = anchor["hash"].as_str().map(|hash| STANDARD.decode(hash)).transpose()?;
        ends.entry(tenant).or_default().push(AuditEnd { sequence, hash });
    }
    Ok(ends)
}
