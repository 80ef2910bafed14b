use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use domain::AlertKind;
use store::{Alert, AlertRules, NewAlert, StoreError};
use tokio_util::sync::CancellationToken;

use crate::alerts::happened;
use crate::context::Context;

/// Opens alerts for what is wrong now, and closes those of what no longer is. Of several replicas one does it at a
/// time, so that none works with what another has seen before.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let every = Duration::from_secs(context.settings.alert_seconds);
    while !stop.is_cancelled() {
        match look(&context).await {
            Ok(true) => context.relay.poke(),
            Ok(false) => {}
            Err(error) => tracing::warn!(error = %error, "what is worth an alert cannot be looked up"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
    Ok(())
}

/// True: something has changed.
async fn look(context: &Context) -> Result<bool, StoreError> {
    let mut tx = context.store.machinery().await?;
    if !tx.alone("alert rules").await? {
        tx.commit().await?;
        return Ok(false);
    }
    let rules = AlertRules::default();
    // In this order: what is raised between the two is not among those that this look may close.
    let open = tx.open_alerts().await?;
    let found = tx.alert_findings(&rules).await?;
    let known: HashSet<_> =
        open.iter().filter_map(|alert| Some((alert.connection?, alert.code.as_str()))).collect();
    let mut changed = false;
    for one in found.iter().filter(|one| !known.contains(&(one.connection, one.kind.code()))) {
        let happened = happened(one, &rules);
        let alert = NewAlert { connection: Some(one.connection), kind: one.kind, happened: &happened };
        if tx.raise(Some(one.tenant), &alert).await? {
            tracing::warn!(
                alert.code = one.kind.code(), connection.id = %one.connection, tenant.id = %one.tenant,
                "an alert was raised"
            );
            changed = true;
        }
    }
    let everywhere = tx.failing_everywhere(&rules).await?;
    if let Some((failed, all)) = everywhere {
        let happened = format!(
            "{failed} of the {all} writes of the last hour failed or were set aside, in several practices."
        );
        let alert = NewAlert { connection: None, kind: AlertKind::WritebacksFailing, happened: &happened };
        if tx.raise(None, &alert).await? {
            tracing::warn!(alert.code = alert.kind.code(), failed, all, "an alert was raised");
            changed = true;
        }
    }
    let still: HashSet<_> = found.iter().map(|one| (one.connection, one.kind.code())).collect();
    let is_ours = |alert: &&Alert| AlertRules::KINDS.iter().any(|kind| kind.code() == alert.code);
    for alert in open.iter().filter(is_ours) {
        let is_over = match (alert.connection, alert.tenant) {
            (Some(id), _) => !still.contains(&(id, alert.code.as_str())),
            (None, None) => everywhere.is_none(),
            (None, Some(_)) => true,
        };
        if is_over && tx.resolve_alert(alert.id, "switchboard").await? {
            tracing::info!(alert.code = alert.code, alert.id = %alert.id, "an alert is over");
            changed = true;
        }
    }
    let open = if changed { tx.open_alerts().await? } else { open };
    tx.commit().await?;
    show(&open);
    Ok(changed)
}

fn show(open: &[Alert]) {
    for kind in AlertKind::ALL {
        let count = open.iter().filter(|alert| alert.code == kind.code()).count();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("alerts_open", "code" => kind.code()).set(count as f64);
    }
}
