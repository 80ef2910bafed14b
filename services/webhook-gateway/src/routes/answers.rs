use std::time::Duration;

use actix_web::HttpResponse;
use domain::TenantId;
use store::{CallUpdate, StoreError};
use tokio::time::{Instant, timeout};
use voice_vapi::{Head, Message, Needs, Verified, answer};

use super::{json, tool_calls};
use crate::context::Context;

/// Vapi allows 7.5 s from end to end.
const ASSISTANT_BUDGET: Duration = Duration::from_secs(6);
const NOTE_BUDGET: Duration = Duration::from_secs(1);

const NOT_CONNECTED: &str = "I'm sorry, this number is not connected to a clinic yet. Goodbye.";
const NOT_NOW: &str = "I'm sorry, we can't take your call right now. Please call again in a few minutes.";
const NO_TRANSFER: &str = "I'm sorry, I can't put you through right now.";
const NO_HANDOFF: &str = "no other assistant is set up";

/// How long Vapi may be kept waiting.
pub(super) fn patience(context: &Context, needs: Needs) -> Duration {
    match needs {
        Needs::ToolResults | Needs::FunctionResult => context.tool_budget,
        _ => ASSISTANT_BUDGET,
    }
}

/// The answer to a message that waits for one. Always 200: anything else may be thrown away.
pub(super) async fn to(
    context: &Context,
    verified: &Verified<'_>,
    head: &Head<'_>,
    deadline: Instant,
) -> HttpResponse {
    let Ok(message) = Message::read(verified) else {
        tracing::warn!(message.type = head.kind.label(), "a message that waits for an answer cannot be read");
        return json(answer::RECEIVED);
    };
    match head.kind.needs() {
        Needs::ToolResults => tool_calls::many(context, &message, deadline).await,
        Needs::FunctionResult => tool_calls::legacy(context, &message, head, deadline).await,
        Needs::Assistant => json(assistant(context, &message).await),
        Needs::Transfer => json(answer::error(NO_TRANSFER)),
        Needs::Handoff => json(answer::error(NO_HANDOFF)),
        Needs::Documents => json(answer::NO_DOCUMENTS),
        Needs::Endpointing => json(answer::ENDPOINTING),
        Needs::Eligibility => json(answer::NOT_ELIGIBLE),
        // Silence: raw audio without a sample. Nothing of ours speaks for an assistant.
        Needs::Audio => HttpResponse::Ok().content_type("application/octet-stream").finish(),
        Needs::Nothing => json(answer::RECEIVED),
    }
}

async fn assistant(context: &Context, message: &Message) -> String {
    let claims = message.claims(&[]);
    let looking = timeout(ASSISTANT_BUDGET, context.directory.owner(&claims));
    let owner = match looking.await.unwrap_or(Err(StoreError::Unavailable)) {
        Ok(Some(owner)) => owner,
        Ok(None) => {
            tracing::warn!("a call came for a number that is nobody's");
            return answer::error(NOT_CONNECTED);
        }
        Err(error) => {
            tracing::error!(error.cause = %error, "a call could not be given an assistant");
            return answer::error(NOT_NOW);
        }
    };
    let Some(assistant_id) = &owner.assistant_id else {
        tracing::warn!(tenant.id = %owner.tenant, "a call came for a number without an assistant");
        return answer::error(NOT_CONNECTED);
    };
    if let Some(call_id) = message.call_id() {
        context.directory.remember_call(call_id, owner.tenant).await;
        note(context, call_id, owner.tenant).await;
    }
    answer::assistant(assistant_id, owner.tenant)
}

/// The call is ours from here on, whatever its later messages say or leave out. They also carry the tenant
/// in their metadata, so a note that is not written costs nothing now.
async fn note(context: &Context, call_id: &str, tenant: TenantId) {
    let noting = async {
        let mut tx = context.store.tenant(tenant).await?;
        tx.call_news(call_id, &CallUpdate { status: Some("ringing"), ..CallUpdate::default() }).await?;
        tx.commit().await
    };
    if let Err(error) = timeout(NOTE_BUDGET, noting).await.unwrap_or(Err(StoreError::Unavailable)) {
        tracing::warn!(error.cause = %error, call.id = call_id, "a call could not be noted");
    }
}
