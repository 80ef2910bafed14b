use std::convert::Infallible;

use actix_web::web::Data;
use bus::{ConsumeOptions, Delay, Letter, Outcome, topology};
use messages::{Named as _, v1};
use store::{EventState, MachineryTx, NewParked, StoreError, Taken};
use tokio_util::sync::CancellationToken;

use super::voice_webhooks::{delivery_of, new_event};
use crate::context::Context;

/// Puts letters that were set aside where people can list, show and replay them.
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let options =
        ConsumeOptions { max_attempts: u32::MAX, max_panics: u32::MAX, ..ConsumeOptions::default() };
    let handler = move |letter: Letter| {
        let context = context.clone();
        async move {
            match keep(&context, &letter).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::RetryAfter(Delay::TenSeconds, error.to_string()),
            }
        }
    };
    bus.consume(topology::PARKED, options, handler, stop).await;
    Ok(())
}

async fn keep(context: &Context, letter: &Letter) -> Result<(), StoreError> {
    let origin = letter.origin.as_ref();
    let mut tx = context.store.machinery().await?;
    tx.park(&NewParked {
        id: letter.message_id,
        tenant: letter.tenant.as_deref().and_then(|tenant| tenant.parse().ok()),
        queue: origin.map_or("", |origin| &origin.queue),
        kind: &letter.kind,
        reason: origin.map_or("", |origin| &origin.reason),
        attempts: i32::try_from(letter.attempt).unwrap_or(i32::MAX),
        hash_key: letter.key.as_deref(),
        body: &letter.body,
    })
    .await?;
    if letter.kind == v1::WebhookReceived::NAME
        && let Ok(event) = v1::WebhookReceived::from_bytes(&letter.body)
    {
        park_event(&mut tx, &event, origin.map_or("", |origin| &origin.reason)).await?;
    }
    tx.commit().await
}

/// P2: the ledger says so, also of an event that the database had refused so far. What it said is with its letter, and
/// with the event once that is handled after all.
async fn park_event(
    tx: &mut MachineryTx,
    event: &v1::WebhookReceived,
    reason: &str,
) -> Result<(), StoreError> {
    if let Taken::New(id) = tx.take_event(delivery_of(event), &new_event(event, b"")).await? {
        tx.event_done(id, EventState::Parked, None, Some(reason)).await?;
    }
    Ok(())
}
