use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use store::{Ledger, StoreError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Seldom: the whole ledger is counted.
const EVERY: Duration = Duration::from_mins(5);

/// P2: shows the ledger of webhooks as a metric.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    while !stop.is_cancelled() {
        match ledger(&context).await {
            Ok(ledger) => show(&ledger),
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
