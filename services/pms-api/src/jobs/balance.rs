use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use domain::AlertKind;
use store::{Ledger, NewAlert, StoreError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Seldom: the whole ledger is counted.
const EVERY: Duration = Duration::from_mins(5);

/// P2: shows the ledger of webhooks as a metric.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        match ledger(&context).await {
            Ok(ledger) => {
                show(&ledger);
                if let Err(error) = tell(&context, &ledger).await {
                    tracing::warn!(error = %error, "the alert of an unbalanced ledger cannot be set");
                }
            }
            Err(error) => tracing::warn!(error = %error, "the ledger of webhooks could not be counted"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

async fn ledger(context: &Context) -> Result<Ledger, StoreError> {
    let mut tx = context.store.machinery().await?;
    let ledger = tx.ledger().await?;
    tx.commit().await?;
    Ok(ledger)
}

/// The installation's own alert: no tenant's ledger is another's.
async fn tell(context: &Context, ledger: &Ledger) -> Result<(), StoreError> {
    let kind = AlertKind::WebhooksUnbalanced;
    let mut tx = context.store.machinery().await?;
    if ledger.balanced() {
        for alert in tx.open_alerts().await?.iter().filter(|alert| alert.code == kind.code()) {
            tx.resolve_alert(alert.id, "switchboard").await?;
        }
    } else {
        let happened = format!(
            "{} webhooks were accepted and {} received, of which {} were handled, {} parked, {} rejected, {} duplicates, and {} are under way.",
            ledger.accepted,
            ledger.received,
            ledger.handled,
            ledger.parked,
            ledger.rejected,
            ledger.duplicate,
            ledger.pending,
        );
        tx.raise(None, &NewAlert { connection: None, kind, happened: &happened }).await?;
    }
    tx.commit().await?;
    context.relay.poke();
    Ok(())
}

fn show(ledger: &Ledger) {
    for (side, count) in [
        ("accepted", ledger.accepted),
        ("received", ledger.received),
        ("handled", ledger.handled),
        ("parked", ledger.parked),
        ("rejected", ledger.rejected),
        ("duplicate", ledger.duplicate),
        ("pending", ledger.pending),
        ("outstanding", ledger.outstanding()),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("webhook_ledger", "side" => side).set(count as f64);
    }
    if !ledger.balanced() {
        tracing::error!(?ledger, "the ledger of webhooks does not balance");
    }
}
