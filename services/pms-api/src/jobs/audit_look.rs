use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use domain::{AlertKind, TenantId};
use store::{NewAlert, StoreError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// P7: looks at what is new in every tenant's audit chain, and once a day at all of it. What it finds is closed by a
/// person alone: no record becomes whole again by itself.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let every = Duration::from_secs(context.settings.audit_look_seconds);
    while !stop.is_cancelled() {
        if let Err(error) = look(&context, &stop).await {
            tracing::warn!(error = %error, "the audit chains cannot be looked at");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
    Ok(())
}

async fn look(context: &Context, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut tx = context.store.machinery().await?;
    let tenants = tx.tenants().await?;
    tx.commit().await?;
    for tenant in tenants {
        if stop.is_cancelled() {
            break;
        }
        // What is wrong with one tenant's chain must hide no other's.
        if let Err(error) = one(context, tenant.id).await {
            if matches!(error, StoreError::Unavailable) {
                // Either this one took too long, or there is nothing to look at anywhere.
                context.store.ping().await?;
            }
            tracing::error!(error = %error, tenant.id = %tenant.id, "an audit chain cannot be looked at");
        }
    }
    Ok(())
}

async fn one(context: &Context, tenant: TenantId) -> Result<(), StoreError> {
    let mut tx = context.store.tenant(tenant).await?;
    let report = tx.look_at_audit().await;
    let happened = match report {
        Ok(report) => {
            let Some(first) = report.faults.first() else { return tx.commit().await };
            format!(
                "{} faults are in this tenant's audit chain; the first: {}.",
                report.faults.len(),
                fault(first)
            )
        }
        // Nothing of this program leaves a chain that cannot be read.
        Err(error @ StoreError::Unreadable(_)) => {
            drop(tx);
            tx = context.store.tenant(tenant).await?;
            format!("This tenant's audit chain cannot be read: {error}.")
        }
        // A query that somebody cancelled, or a full disk, says nothing about the chain.
        Err(error) => return Err(error),
    };
    let alert = NewAlert { connection: None, kind: AlertKind::AuditBroken, happened: &happened };
    // What somebody was told of, and closed, is not told of again; other faults are, whether or not it was closed.
    if let Some(last) = tx.last_alert(alert.kind).await? {
        if last.happened == happened {
            return tx.commit().await;
        }
        tx.clear(None, alert.kind).await?;
    }
    if tx.raise(&alert).await? {
        tracing::error!(tenant.id = %tenant, "an audit chain is broken");
    }
    tx.commit().await?;
    context.relay.poke();
    Ok(())
}

fn fault(fault: &store::AuditFault) -> String {
    use store::AuditFault as F;
    match fault {
        F::Edited { sequence } => format!("record {sequence} was changed"),
        F::Unreadable { sequence } => format!("record {sequence} cannot be read"),
        F::Removed { sequence } => format!("record {sequence} is gone"),
        F::Truncated { ends_at, ended_at } => format!("it ends at {ends_at} and was {ended_at} long"),
        F::HeadForged => "the note of where it ends was changed".to_owned(),
    }
}
