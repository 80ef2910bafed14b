use std::time::Duration;

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use bus::Bus;
use jiff::Timestamp;
use service::ApiError;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;
use voice_vapi::{Head, Needs, Verified, answer};

use super::{admit, answers, json};
use crate::context::Context;
use crate::event::Event;
use crate::keeper::Keeper;

/// When to come back when neither broker nor database is there.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

pub(super) async fn post(
    request: HttpRequest,
    body: Bytes,
    context: Data<Context>,
    bus: Data<Bus>,
) -> Result<HttpResponse, ApiError> {
    let now = Timestamp::now();
    let verified = admit(&context, &request, &body, now)?;
    let head = Head::read(&verified).unwrap_or_else(|_| Head::of_unreadable(&verified));
    handle(&context, &bus, &verified, &head, &body, now).await
}

/// A verified message: kept, and answered where something waits.
pub(super) async fn handle(
    context: &Data<Context>,
    bus: &Bus,
    verified: &Verified<'_>,
    head: &Head<'_>,
    body: &Bytes,
    now: Timestamp,
) -> Result<HttpResponse, ApiError> {
    if head.kind.needs() == Needs::Nothing {
        // A span of its own would cost more than the rest of this route.
        let trace = telemetry::trace::new_traceparent();
        let event = Event::new(head, body.clone(), now, Some(trace));
        let kept = context.keeper.keep(bus, &event).await;
        context.counts.kept(event.label, kept);
        return kept.map(|_| json(answer::RECEIVED)).map_err(|_| ApiError::unavailable(RETRY_AFTER));
    }
    let span = tracing::info_span!("vapi", otel.kind = "server", otel.name = head.kind.label());
    let event = Event::new(head, body.clone(), now, span.in_scope(telemetry::trace::current_traceparent));
    let deadline = Instant::now() + answers::patience(context, head.kind.needs());
    let kept = Keeper::keep_beside(context, event);
    let answer = Box::pin(answers::to(context, verified, head, deadline)).instrument(span).await;
    // The message went to the broker while the answer was made, so there is usually nothing left to wait for.
    drop(timeout_at(deadline, kept).await);
    Ok(answer)
}
