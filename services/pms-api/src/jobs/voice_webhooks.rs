use std::convert::Infallible;

use actix_web::web::Data;
use bus::{ConsumeOptions, Letter, Outcome, topology};
use domain::{TenantId, WebhookEventId};
use jiff::Timestamp;
use messages::{Named as _, from_proto_time, v1};
use serde_json::json;
use service::event_outcome;
use store::{
    CallUpdate, EventState, MachineryTx, NewAudit, NewEvent, OutgoingLetter, Settled, StoreError, Taken,
    TenantTx,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voice_vapi::{CallNews, Lookups, Message, TenantClaims, TenantRefusal, Verified, redacted};

use crate::context::Context;

/// Fewer than the database's pool has connections: what piled up during an outage must not keep those
/// from it who wait on the phone.
const AT_ONCE: u16 = 4;

/// Keeps what Vapi told: every event once in the ledger, and the log of its call (P1, P2).
pub(crate) async fn run(context: Data<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    // The database settles every repeat, so a restart of it is waited for however long it takes.
    let options = ConsumeOptions { prefetch: AT_ONCE, max_attempts: u32::MAX, ..ConsumeOptions::default() };
    let handler = move |letter: Letter| {
        let context = context.clone();
        async move {
            let event = match v1::WebhookReceived::from_bytes(&letter.body) {
                Ok(event) => event,
                Err(error) => return Outcome::Park(error.to_string()),
            };
            event_outcome(letter.attempt, handle(&context, &event).await)
        }
    };
    bus.consume(topology::VOICE_WEBHOOKS, options, handler, stop).await;
    Ok(())
}

/// Which receipt of its event this is.
pub(super) fn delivery_of(event: &v1::WebhookReceived) -> Uuid {
    Uuid::try_parse(&event.delivery_id).unwrap_or_else(|_| Uuid::now_v7())
}

/// The event as the ledger keeps it, with what may be kept of its body.
pub(super) fn new_event<'a>(event: &'a v1::WebhookReceived, body: &'a [u8]) -> NewEvent<'a> {
    NewEvent {
        source: &event.source,
        kind: &event.kind,
        dedupe_key: &event.dedupe_key,
        body,
        received_at: from_proto_time(event.received_at.as_ref(), "received_at")
            .unwrap_or_else(|_| Timestamp::now()),
    }
}

async fn handle(context: &Context, event: &v1::WebhookReceived) -> Result<&'static str, StoreError> {
    let verified = Verified::from_the_bus(&event.body);
    // A body that is no JSON has nothing to redact and nothing to show.
    let body = redacted(&event.body).map(|body| without_card_numbers(&body)).unwrap_or_default();
    let mut tx = context.store.machinery().await?;
    let message = Message::read(&verified).ok();
    let calls = message.as_ref().map(|message| message.tool_calls()).unwrap_or_default();
    let claims = message.as_ref().map(|message| message.claims(&calls));
    let owner = match &claims {
        Some(claims) => {
            owner(&mut tx, claims).await?.map_err(|refusal| (refusal.code(), refusal.to_string()))
        }
        None => Err(("not_json", "not a JSON message".to_owned())),
    };
    let settled = match &owner {
        Ok(tenant) => Settled { state: EventState::Handled, tenant: Some(*tenant), reason: None },
        Err((_, why)) => Settled { state: EventState::Rejected, tenant: None, reason: Some(why) },
    };
    let taken = tx.settle_event(delivery_of(event), &new_event(event, &body), &settled).await?;
    let outcome = match (taken, owner) {
        (Taken::Duplicate, _) => "duplicate",
        (Taken::New(_), Err((code, _))) => {
            tracing::warn!(webhook.kind = event.kind, webhook.refusal = code, "an event is nobody's");
            "rejected"
        }
        (Taken::New(id), Ok(tenant)) => {
            // The same transaction: the event is handled when its call has the news of it, and never before.
            let mut tx = tx.as_tenant(tenant).await?;
            let call = claims.and_then(|claims| claims.call_id);
            let news = CallNews::read(&verified).ok();
            if let (Some(call), Some(news)) = (&call, &news) {
                log_call(&mut tx, id, call, news, &body).await?;
            }
            tx.commit().await?;
            if news.is_some_and(|news| news.is_report) {
                context.relay.poke();
            }
            return Ok("handled");
        }
    };
    tx.commit().await?;
    Ok(outcome)
}

/// Whose an event is.
async fn owner(
    tx: &mut MachineryTx,
    claims: &TenantClaims,
) -> Result<Result<TenantId, TenantRefusal>, StoreError> {
    let mut lookups = Lookups::default();
    if let Some(call) = &claims.call_id {
        lookups.own_call = tx.call_owner(call).await?;
    }
    if let Some(number) = &claims.clinic_number {
        lookups.clinic_number = tx.number_owner(Some(number), None).await?.map(|owner| owner.tenant);
    }
    if let Some(number) = &claims.phone_number_id {
        lookups.phone_number_id = tx.number_owner(None, Some(number)).await?.map(|owner| owner.tenant);
    }
    Ok(match claims.resolve(&lookups) {
        Ok(tenant) if !tx.tenant_exists(tenant).await? => Err(TenantRefusal::NoIntegration),
        resolved => resolved,
    })
}

/// What is said on a call may hold a card's number: it is kept nowhere, sealed or not.
fn without_card_numbers(body: &[u8]) -> Vec<u8> {
    let Ok(mut body) = serde_json::from_slice(body) else { return Vec::new() };
    domain::card_number::strike(&mut body);
    body.to_string().into_bytes()
}

async fn log_call(
    tx: &mut TenantTx,
    event: WebhookEventId,
    call: &str,
    news: &CallNews,
    body: &[u8],
) -> Result<(), StoreError> {
    let update = CallUpdate {
        status: news.status.as_deref(),
        ended_reason: news.ended_reason.as_deref(),
        report: news.is_report.then_some(body),
    };
    tx.call_news(call, &update).await?;
    // An earlier version noted that an event is handled apart from its effects: a report is told and audited once.
    if news.is_report && tx.first_time("call.report", event.uuid()).await? {
        tx.audit(&NewAudit {
            actor: "voice vendor",
            action: "call.report.stored",
            patient: None,
            call_id: Some(call),
            tool: None,
            outcome: "stored",
            ms: 0,
            detail: json!({}),
        })
        .await?;
        let ended = v1::CallEnded {
            tenant_id: tx.tenant().to_string(),
            call_id: call.to_owned(),
            ended_reason: news.ended_reason.clone().unwrap_or_default(),
        };
        tx.send(&OutgoingLetter::event("call.ended", v1::CallEnded::NAME, &ended.to_bytes())).await?;
    }
    Ok(())
}
