use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Data;
use bus::topology;
use domain::AlertKind;
use store::{Ledger, NewAlert, StoreError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Where something seems to be missing, it is looked at again after so long at most.
const AGAIN: Duration = Duration::from_secs(30);
/// So many looks in a row miss what is lost. What a consumer holds is missed by fewer.
const LOOKS: u32 = 4;

/// P1, P2: shows the ledger of webhooks as a metric, and tells of what a gateway took and nobody has.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    // Seldom: the whole ledger is counted.
    let every = Duration::from_secs(context.settings.ledger_seconds);
    let mut watch = Watch::default();
    while !stop.is_cancelled() {
        let looked = look(&context, &mut watch).await;
        if let Err(error) = looked {
            tracing::warn!(error = %error, "the ledger of webhooks could not be counted");
        }
        let pause = if watch.looks > 0 { every.min(AGAIN) } else { every };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}

/// What the looks until now have seen.
#[derive(Default)]
struct Watch {
    /// Looks in a row that missed something.
    looks: u32,
    /// How many were told of: whoever closed that alert knows of them.
    told: i64,
}

impl Watch {
    /// Whether so many missing ones are to be told of now.
    fn is_news(&mut self, missing: i64) -> bool {
        if missing == 0 {
            *self = Self::default();
            return false;
        }
        self.looks = self.looks.saturating_add(1);
        self.looks >= LOOKS && missing > self.told
    }
}

/// The installation's own alert: no tenant's ledger is another's.
async fn look(context: &Context, watch: &mut Watch) -> Result<(), StoreError> {
    let kind = AlertKind::WebhooksUnbalanced;
    // In this order: what leaves a queue meanwhile is counted twice rather than not at all.
    let queued = topology::webhooks_waiting(&context.bus).await;
    let mut tx = context.store.machinery().await?;
    let outbox = tx.outbox_depth().await?;
    let ledger = tx.ledger().await?;
    show(&ledger);
    // Without the broker nobody knows what its queues hold.
    let Ok(queued) = queued else { return tx.commit().await };
    let missing = ledger.missing(queued, outbox);
    if watch.is_news(missing) {
        let happened = format!("{missing} webhooks were accepted and are neither received nor in a queue.");
        tracing::error!(missing, ?ledger, "webhooks are missing");
        tx.raise(None, &NewAlert { connection: None, kind, happened: &happened }).await?;
        watch.told = missing;
    } else if missing == 0 {
        for alert in tx.open_alerts().await?.iter().filter(|alert| alert.code == kind.code()) {
            tx.resolve_alert(alert.id, "switchboard").await?;
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p1_what_is_missing_look_after_look_is_told_of_once_and_anew_when_it_is_more() {
        let mut watch = Watch::default();
        let told: Vec<bool> = [3, 3, 0, 1, 5, 5, 5].map(|missing| watch.is_news(missing)).to_vec();
        assert_eq!(told, [false, false, false, false, false, false, true]);
        watch.told = 5;
        assert!(!watch.is_news(5), "somebody closed it who knows of these");
        assert!(watch.is_news(6));
        assert!(!watch.is_news(0));
        assert_eq!((watch.looks, watch.told), (0, 0));
    }
}
