use std::convert::Infallible;
use std::sync::Arc;

use bus::{ConsumeOptions, Letter, Outcome, topology};
use domain::{AlertKind, TenantId, WebhookEventId};
use jiff::Timestamp;
use messages::{Named as _, from_proto_time, v1};
use pms_sikka::{ChangeNotice, InstallNotice, Says};
use serde_json::json;
use service::event_outcome;
use store::{
    EventState, MachineryTx, NewAlert, NewAudit, NewEvent, SetupKey, SetupRef, StoreError, Taken, Told,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::connect::{VENDOR, changed};
use crate::context::Context;

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
            let handled = handle(&context, &letter, &event).await;
            context.relay.poke();
            event_outcome(letter.attempt, handled)
        }
    };
    bus.consume(topology::SIKKA_WEBHOOKS, options, handler, stop).await;
    Ok(())
}

async fn handle(
    context: &Context,
    letter: &Letter,
    event: &v1::WebhookReceived,
) -> Result<&'static str, StoreError> {
    let is_install = event.kind == "install";
    let kept = if is_install { InstallNotice::redacted(&event.body) } else { event.body.to_vec() };
    let delivery = Uuid::try_parse(&event.delivery_id).unwrap_or_else(|_| Uuid::now_v7());
    let received_at =
        from_proto_time(event.received_at.as_ref(), "received_at").unwrap_or_else(|_| Timestamp::now());
    let tenant = letter.tenant.as_deref().and_then(|tenant| tenant.parse::<TenantId>().ok());
    let notice = InstallNotice::read(&event.body).filter(|_| is_install);
    let mut tx = context.store.machinery().await?;
    let mut dedupe_key = event.dedupe_key.clone();
    let mut is_another = false;
    if let (Some(tenant), Some(notice)) = (tenant, &notice)
        && notice.told_at.is_none()
        && notice.says != Says::Unclear
    {
        // Nothing in it tells the second of a day from a repeat of the first: what became of the first does.
        tx.lock_office(VENDOR, &notice.office).await?;
        let is_new = tx.tells_something_new(key(tenant, notice), notice.says == Says::Cancelled).await?;
        dedupe_key = tx.undated_key(delivery, (&event.source, &dedupe_key), is_new).await?;
        is_another = dedupe_key != event.dedupe_key;
    }
    let taken = tx
        .take_event(
            delivery,
            &NewEvent {
                source: &event.source,
                kind: &event.kind,
                dedupe_key: &dedupe_key,
                body: &kept,
                received_at,
            },
        )
        .await?;
    if let (Taken::Duplicate, Some(tenant), Some(notice)) = (&taken, tenant, &notice)
        && notice.says == Says::Bought
    {
        // What was given up has no effect to be had twice: a purchase that is sent again asks for it again.
        tx.reopen_setup(SetupRef::Key(key(tenant, notice))).await?;
    }
    tx.commit().await?;
    let Taken::New(id) = taken else { return Ok("duplicate") };
    match (is_install, notice, ChangeNotice::read(&event.body)) {
        (true, Some(notice), _) => match tenant {
            Some(tenant) => install(context, id, tenant, &notice, (received_at, is_another)).await,
            None => reject(context, id, "it came through nobody's door").await,
        },
        (false, _, Some(notice)) if event.kind == "change" => change(context, id, &notice).await,
        _ => reject(context, id, "it names no office").await,
    }
}

fn key(tenant: TenantId, notice: &InstallNotice) -> SetupKey<'_> {
    SetupKey { tenant, vendor: VENDOR, office: &notice.office, location: "" }
}

async fn reject(context: &Context, id: WebhookEventId, why: &str) -> Result<&'static str, StoreError> {
    tracing::warn!(webhook.refusal = why, "an event is nobody's");
    let mut tx = context.store.machinery().await?;
    tx.event_done(id, EventState::Rejected, None, Some(why)).await?;
    tx.commit().await?;
    Ok("rejected")
}

/// A notice in words that nobody knows changes nothing: somebody has to look.
async fn unclear(
    context: &Context,
    id: WebhookEventId,
    tenant: TenantId,
    notice: &InstallNotice,
) -> Result<&'static str, StoreError> {
    tracing::warn!(tenant.id = %tenant, "the vendor told of an install in words that nobody knows");
    let (kind, office) = (AlertKind::NoticeUnclear, &notice.office);
    let mut happened = format!("The vendor sent a notice about office {office} in words that nobody knows.");
    let mut tx = context.store.tenant(tenant).await?;
    let open = tx.last_alert(kind).await?.filter(|last| last.cleared_at.is_none());
    let is_told = open.as_ref().is_some_and(|open| open.happened.contains(&format!("office {office} ")));
    if let Some(open) = open.filter(|_| !is_told) {
        // One alert at a time, and it names every office: who closes it has seen to all of them.
        happened = format!("{happened} Before that: {}", open.happened);
        tx.clear(None, kind).await?;
    }
    if !is_told {
        tx.raise(&NewAlert { connection: None, kind, happened: &happened }).await?;
    }
    tx.commit().await?;
    let mut tx = context.store.machinery().await?;
    let why = "its status is neither a purchase nor a cancellation";
    tx.event_done(id, EventState::Handled, Some(tenant), Some(why)).await?;
    tx.commit().await?;
    Ok("unclear")
}

/// A clinic bought the application or cancelled it. A purchase is only noted: the vendor is asked whether it is true.
/// `is_another`: it bears no date, and was taken for another one than the last.
async fn install(
    context: &Context,
    id: WebhookEventId,
    tenant: TenantId,
    notice: &InstallNotice,
    (received_at, is_another): (Timestamp, bool),
) -> Result<&'static str, StoreError> {
    let is_over = match notice.says {
        Says::Bought => false,
        Says::Cancelled => true,
        Says::Unclear => return unclear(context, id, tenant, notice).await,
    };
    // What is dated ahead would make every notice until then a late one.
    let told = notice.told_at.map(|at| Told { at: at.min(received_at), is_day: notice.is_day });
    let mut tx = context.store.machinery().await?;
    tx.lock_office(VENDOR, &notice.office).await?;
    // A crash brings the event here again when others may have been taken since: it has its effect once.
    let is_first = tx.first_time("sikka.install.taken", id.uuid()).await?;
    if is_first && is_another && !tx.tells_something_new(key(tenant, notice), is_over).await? {
        // A copy of it was handled between that and this.
        tx.event_done(id, EventState::Handled, Some(tenant), Some("a repeat")).await?;
        tx.commit().await?;
        return Ok("duplicate");
    }
    let was_taken = !is_first || take_effect(&mut tx, key(tenant, notice), told, is_over).await?;
    if !was_taken {
        let late = "a later notice was taken before it, or somebody switched the office off since";
        tx.event_done(id, EventState::Handled, Some(tenant), Some(late)).await?;
    }
    tx.commit().await?;
    let what = match (is_over, was_taken) {
        (true, true) => "install.cancelled",
        (false, true) => "install.told",
        (_, false) => "install.late",
    };
    tracing::info!(tenant.id = %tenant, install.what = what, "the vendor told of an install");
    let mut tx = context.store.tenant(tenant).await?;
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
    if was_taken {
        let mut tx = context.store.machinery().await?;
        tx.event_done(id, EventState::Handled, Some(tenant), None).await?;
        tx.commit().await?;
    }
    Ok("handled")
}

/// Has a notice change what it tells of, all at once: whoever has the office's lock after that, a copy of it among them,
/// sees that it is so. False: a later one was taken before it, or somebody switched the office off since.
async fn take_effect(
    tx: &mut MachineryTx,
    key: SetupKey<'_>,
    told: Option<Told>,
    is_over: bool,
) -> Result<bool, StoreError> {
    if !is_over {
        return tx.ask_setup(key, told).await;
    }
    // As everybody does: the connections first, their setups then.
    let of_office = tx.connections_of_office(VENDOR, key.office).await?;
    for own in of_office.iter().filter(|one| one.due.tenant == key.tenant) {
        tx.connection_to_change(key.tenant, own.due.connection).await?;
    }
    if !tx.cancel_setup(key, told).await? {
        return Ok(false);
    }
    for connection in tx.end_office(key.tenant, VENDOR, key.office).await? {
        let cancelled = NewAlert {
            connection: Some(connection),
            kind: AlertKind::InstallCancelled,
            happened: "The clinic cancelled its install. Its connection was disabled.",
        };
        tx.raise(Some(key.tenant), &cancelled).await?;
        changed(tx, key.tenant, connection, "connection.changed").await?;
    }
    Ok(true)
}

/// The copy of a practice is new. What every process remembers of it goes, writes that wait to be seen are looked at,
/// and the days of bookings that are still held are read soon; a notice that is lost costs only the time until the
/// next look. A practice that waits for its first data is looked at now.
async fn change(
    context: &Context,
    id: WebhookEventId,
    notice: &ChangeNotice,
) -> Result<&'static str, StoreError> {
    let mut tx = context.store.machinery().await?;
    let waiting = tx.hurry_setups(VENDOR, &notice.office).await?;
    let mut own = tx.connections_of_office(VENDOR, &notice.office).await?;
    let tenant = own.iter().find(|one| one.status != "disabled").map(|one| one.due.tenant);
    own.retain(|one| one.status == "active" && notice.is_about(&one.location));
    if own.is_empty() && waiting == 0 {
        drop(tx);
        return reject(context, id, "no practice of ours").await;
    }
    // The lists of people and chairs live for minutes anyway: records of one kind change nothing in them.
    let news = if notice.is_refresh { "connection.changed" } else { "connection.refreshed" };
    for one in &own {
        tx.hurry_looks(one.due.connection).await?;
        changed(&mut tx, one.due.tenant, one.due.connection, news).await?;
    }
    tx.event_done(id, EventState::Handled, tenant, None).await?;
    tx.commit().await?;
    for one in own {
        context.read_soon(one.due);
    }
    Ok("handled")
}
