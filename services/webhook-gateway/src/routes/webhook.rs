use std::time::Duration;

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use service::ApiError;
use tokio::time::timeout;
use tracing::Instrument;
use voice_vapi::{Head, Needs, Verified, answer};

use super::{admit, answers, json};
use crate::context::Context;
use crate::event::Event;
use crate::keeper::Keeper;

/// When to come back when neither broker nor database is there.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long a ready answer waits for its message to be kept. It usually is by then.
const BESIDE: Duration = Duration::from_millis(250);

pub(super) async fn post(
    request: HttpRequest,
    body: Bytes,
    context: Data<Context>,
) -> Result<HttpResponse, ApiError> {
    let now = Timestamp::now();
    let verified = admit(&context, &request, &body, now)?;
    let head = Head::read(&verified).unwrap_or_else(|_| Head::of_unreadable(&verified));
    handle(&context, &verified, &head, &body, now).await
}

/// A verified message: kept, and answered where something waits.
pub(super) async fn handle(
    context: &Data<Context>,
    verified: &Verified<'_>,
    head: &Head<'_>,
    body: &Bytes,
    now: Timestamp,
) -> Result<HttpResponse, ApiError> {
    if head.kind.needs() == Needs::Nothing {
        // A span of its own would cost more than the rest of this route.
        let trace = telemetry::trace::new_traceparent();
        let event = Event::new(head, body.clone(), now, Some(trace));
        let kept = context.keeper.keep(&event).await;
        context.counts.kept(event.label, kept);
        return kept.map(|_| json(answer::RECEIVED)).map_err(|_| ApiError::unavailable(RETRY_AFTER));
    }
    let span = tracing::info_span!("vapi", otel.kind = "server", otel.name = head.kind.label());
    let event = Event::new(head, body.clone(), now, span.in_scope(telemetry::trace::current_traceparent));
    let kept = Keeper::keep_beside(context, event);
    let answer = Box::pin(answers::to(context, verified, head)).instrument(span).await;
    // Whatever happens to it, the caller on the phone does not wait for the call log.
    drop(timeout(BESIDE, kept).await);
    Ok(answer)
}
