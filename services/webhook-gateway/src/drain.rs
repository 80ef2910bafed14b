//! What was spilled is published in order once the broker is back.
//!
//! The rows are in the outbox, which any service may publish from: each claims rows for itself, so two replicas do not
//! publish one row twice unless one of them dies in between, and then its id is the same.

use std::time::Duration;

use actix_web::web::Data;
use bus::{Bus, BusError, Exchange, Letter, PublishError};
use futures_util::future::join_all;
use store::{OutboxLetter, StoreError};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::counts;

/// Rows claimed at once.
const BATCH: i64 = 128;
/// A replica that dies holding rows gives them up after this.
const CLAIM_SECONDS: f64 = 15.0;
/// Rows of a dead replica ring no bell, so somebody looks now and then.
const LOOK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(3600);

/// Publishes what waits in the database, whenever the broker can take it.
pub(crate) async fn keep_draining(context: Data<Context>, stop: CancellationToken) -> Result<(), StoreError> {
    loop {
        let up = stop.run_until_cancelled(context.bus.up_within(PATIENCE)).await;
        match up {
            None => return Ok(()),
            Some(Err(_)) => continue,
            Some(Ok(())) => {}
        }
        // Without the database there is nothing to drain from, and nothing to report that readiness does not.
        let published = drain_once(&context).await.unwrap_or(Drained::Stuck);
        let pause = match published {
            Drained::Some => continue,
            Drained::Stuck => PAUSE,
            Drained::Nothing => LOOK,
        };
        let rung = async {
            tokio::select! {
                () = context.keeper.spilled.notified() => tokio::time::sleep(PAUSE).await,
                () = tokio::time::sleep(pause) => {}
            }
        };
        if stop.run_until_cancelled(rung).await.is_none() {
            return Ok(());
        }
    }
}

enum Drained {
    Nothing,
    Some,
    Stuck,
}

async fn drain_once(context: &Context) -> Result<Drained, StoreError> {
    let mut tx = context.store.machinery().await?;
    let letters = tx.claim_outbox(BATCH, CLAIM_SECONDS).await?;
    let waiting = tx.outbox_depth().await?;
    tx.commit().await?;
    counts::waiting(waiting);
    if letters.is_empty() {
        return Ok(Drained::Nothing);
    }
    // Handed to the broker in the order of the rows; the confirms may come in any.
    let verdicts = join_all(letters.iter().map(|letter| publish(&context.bus, letter))).await;
    let (mut sent, mut unsent) = (Vec::new(), Vec::new());
    for (letter, verdict) in letters.iter().zip(verdicts) {
        match verdict {
            Ok(()) => sent.push(letter.id),
            Err(error) => {
                tracing::warn!(message.id = %letter.message_id, error.cause = %error, "a spilled letter was not published");
                unsent.push(letter.id);
            }
        }
    }
    let mut tx = context.store.machinery().await?;
    tx.outbox_sent(&sent).await?;
    tx.outbox_unsent(&unsent).await?;
    tx.commit().await?;
    counts::drained(sent.len());
    counts::waiting(waiting.saturating_sub(i64::try_from(sent.len()).unwrap_or(i64::MAX)));
    if !sent.is_empty() {
        tracing::info!(letters = sent.len(), "spilled letters were published");
    }
    Ok(if unsent.is_empty() { Drained::Some } else { Drained::Stuck })
}

async fn publish(bus: &Bus, row: &OutboxLetter) -> Result<(), PublishError> {
    let exchange = Exchange::ALL
        .into_iter()
        .find(|exchange| exchange.name() == row.exchange)
        .ok_or(PublishError::Invalid("its exchange is not known"))?;
    let mut letter = Letter::with_id(row.message_id, row.kind.as_str(), row.body.clone())
        .traceparent(row.traceparent.clone());
    letter.tenant = row.tenant.map(|tenant| tenant.to_string());
    letter.key = row.hash_key.clone();
    bus.publish(exchange, &row.routing_key, letter).await
}

/// Declares the topology as soon as there is a broker, which may be a new one, and again when it has forgotten it.
pub(crate) async fn keep_declared(context: Data<Context>, stop: CancellationToken) -> Result<(), BusError> {
    let declaring = async {
        loop {
            while context.bus.up_within(PATIENCE).await.is_err() {}
            match bus::topology::declare(&context.bus).await {
                Ok(()) => context.keeper.unroutable.notified().await,
                // The broker went away again in the middle: nothing is wrong here.
                Err(BusError::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    stop.run_until_cancelled(declaring).await.unwrap_or(Ok(()))
}
