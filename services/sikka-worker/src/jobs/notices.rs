use std::convert::Infallible;
use std::sync::Arc;

use bus::{ConsumeOptions, Delay, Letter, Outcome};
use domain::{AlertKind, TenantId, WebhookEventId};
use jiff::Timestamp;
use messages::{Named as _, from_proto_time, v1};
use pms::DayBookQuery;
use pms_sikka::{ChangeNotice, InstallNotice};
use serde_json::json;
use store::{DueConnection, EventState, NewAlert, NewAudit, NewEvent, SetupKey, StoreError, Taken};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::connect::{VENDOR, changed};
use crate::context::Context;

/// Tries of an event that the database refuses.
const TRIES: u32 = 5;

/// What a delivery came to.
struct Handled {
    outcome: &'static str,
    /// Connections whose copy is new.
    refreshed: Vec<DueConnection>,
}

impl From<&'static str> for Handled {
    fn from(outcome: &'static str) -> Self {
        Self { outcome, refreshed: Vec::new() }
    }
}

/// Takes effect of what Sikka tells by webhook, once an event.
pub(crate) async fn run(context: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let bus = context.bus.clone();
    let options = ConsumeOptions { prefetch: 16, max_attempts: u32::MAX, ..ConsumeOptions::default() };
    let handler = move |letter: Letter| {
        let context = context.clone();
        async move {
            let event = match v1::WebhookReceived::from_bytes(&letter.body) {
                Ok(event) => event,
                Err(error) => return Outcome::Park(error.to_string()),
            };
            match handle(&context, &letter, &event).await {
                Ok(handled) => {
                    metrics::counter!("webhook_events", "outcome" => handled.outcome).increment(1);
                    context.relay.poke();
                    for due in handled.refreshed {
                        read_anew(&context, due).await;
                    }
                    Outcome::Done
                }
                Err(error) if letter.attempt >= TRIES && !matches!(error, StoreError::Unavailable) => {
                    tracing::error!(error = %error, "an event is set aside");
                    Outcome::Park(error.to_string())
                }
                Err(error) => {
                    tracing::warn!(error = %error, "an event waits for the database");
                    Outcome::RetryAfter(Delay::TenSeconds, error.to_string())
                }
            }
        }
    };
    bus.consume("sikka.webhooks", options, handler, stop).await;
    Ok(())
}

async fn handle(
    context: &Context,
    letter: &Letter,
    event: &v1::WebhookReceived,
) -> Result<Handled, StoreError> {
    let is_install = event.kind == "install";
    let kept = if is_install { InstallNotice::redacted(&event.body) } else { event.body.to_vec() };
    let delivery = Uuid::try_parse(&event.delivery_id).unwrap_or_else(|_| Uuid::now_v7());
    let mut tx = context.store.machinery().await?;
    let taken = tx
        .take_event(
            delivery,
            &NewEvent {
                source: &event.source,
                kind: &event.kind,
                dedupe_key: &event.dedupe_key,
                body: &kept,
                received_at: from_proto_time(event.received_at.as_ref(), "received_at")
                    .unwrap_or_else(|_| Timestamp::now()),
            },
        )
        .await?;
    tx.commit().await?;
    let Taken::New(id) = taken else { return Ok("duplicate".into()) };
    let tenant = letter.tenant.as_deref().and_then(|tenant| tenant.parse::<TenantId>().ok());
    match (is_install, InstallNotice::read(&event.body), ChangeNotice::read(&event.body)) {
        (true, Some(notice), _) => match tenant {
            Some(tenant) => install(context, id, tenant, &notice).await,
            None => reject(context, id, "it came through nobody's door").await,
        },
        (false, _, Some(notice)) if event.kind == "change" => change(context, id, &notice).await,
        _ => reject(context, id, "it names no office").await,
    }
}

async fn reject(context: &Context, id: WebhookEventId, why: &str) -> Result<Handled, StoreError> {
    tracing::warn!(webhook.refusal = why, "an event is nobody's");
    let mut tx = context.store.machinery().await?;
    tx.event_done(id, EventState::Rejected, None, Some(why)).await?;
    tx.commit().await?;
    Ok("rejected".into())
}

/// A clinic bought the application or cancelled it. A purchase is only noted: the vendor is asked whether it is true.
async fn install(
    context: &Context,
    id: WebhookEventId,
    tenant: TenantId,
    notice: &InstallNotice,
) -> Result<Handled, StoreError> {
    let key = SetupKey { tenant, vendor: VENDOR, office: &notice.office, location: "" };
    let mut ended = Vec::new();
    let mut tx = context.store.machinery().await?;
    tx.lock_office(VENDOR, &notice.office).await?;
    let was_taken = if notice.is_cancelled {
        let cancelled = tx.cancel_setup(key, notice.told_at).await?;
        if cancelled {
            let of_office = tx.connections_of_office(VENDOR, &notice.office).await?;
            let own = of_office.iter().filter(|one| one.due.tenant == tenant && one.status != "disabled");
            ended.extend(own.map(|one| one.due.connection));
        }
        cancelled
    } else {
        tx.ask_setup(key, notice.told_at).await?
    };
    tx.commit().await?;
    let what = match (notice.is_cancelled, was_taken) {
        (true, true) => "install.cancelled",
        (false, true) => "install.told",
        (_, false) => "install.late",
    };
    tracing::info!(tenant.id = %tenant, install.what = what, "the vendor told of an install");
    let mut tx = context.store.tenant(tenant).await?;
    for connection in &ended {
        tx.disable_connection(*connection).await?;
        tx.raise(&NewAlert {
            connection: Some(*connection),
            kind: AlertKind::InstallCancelled,
            happened: "The clinic cancelled its install. Its connection was disabled.",
        })
        .await?;
    }
    // A crash brings the event here again: it is recorded once.
    if tx.first_time("sikka.install", id.uuid()).await? {
        tx.audit(&NewAudit {
            actor: "sikka",
            action: what,
            patient: None,
            call_id: None,
            tool: None,
            outcome: "ok",
            ms: 0,
            detail: json!({ "office": notice.office }),
        })
        .await?;
    }
    tx.commit().await?;
    let mut tx = context.store.machinery().await?;
    for connection in &ended {
        changed(&mut tx, tenant, *connection, "connection.changed").await?;
    }
    let late = (!was_taken).then_some("a later notice was taken before it");
    tx.event_done(id, EventState::Handled, Some(tenant), late).await?;
    tx.commit().await?;
    Ok("handled".into())
}

/// The copy of a practice is new. What every process remembers of it goes, and writes that wait to be seen are looked
/// at; a notice that is lost costs only the time until the next look.
async fn change(context: &Context, id: WebhookEventId, notice: &ChangeNotice) -> Result<Handled, StoreError> {
    let mut tx = context.store.machinery().await?;
    let mut own = tx.connections_of_office(VENDOR, &notice.office).await?;
    own.retain(|one| {
        one.status == "active" && notice.location.as_ref().is_none_or(|told| *told == one.location)
    });
    let Some(first) = own.first() else {
        drop(tx);
        return reject(context, id, "no practice of ours").await;
    };
    let tenant = first.due.tenant;
    for one in &own {
        tx.hurry_looks(one.due.connection).await?;
        changed(&mut tx, one.due.tenant, one.due.connection, "connection.refreshed").await?;
    }
    tx.event_done(id, EventState::Handled, Some(tenant), None).await?;
    tx.commit().await?;
    Ok(Handled { outcome: "handled", refreshed: own.into_iter().map(|one| one.due).collect() })
}

/// Reads the days of bookings that are done and still held: the new copy may show them.
async fn read_anew(context: &Context, due: DueConnection) {
    context.forget(due).await;
    let held = match context.carrier.held_days().await {
        Ok(held) => held,
        Err(error) => {
            tracing::warn!(connection.id = %due.connection, error = %error, "held bookings are left to the timer");
            return;
        }
    };
    for (_, covers) in held.into_iter().filter(|(whose, _)| *whose == due) {
        if let Err(error) = context.calendar(due, DayBookQuery { covers }).await {
            tracing::warn!(connection.id = %due.connection, error = %error, "held bookings cannot be looked for");
        }
    }
}
