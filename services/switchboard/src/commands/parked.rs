use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bus::{Bus, BusConfig, Exchange, Letter};
use serde_json::{Value, json};
use store::{NewAudit, Parked, Store};
use uuid::Uuid;

use crate::cli::ParkedAction;
use crate::out::Out;
use crate::place;

/// `switchboard parked …`.
pub(crate) async fn run(action: ParkedAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        ParkedAction::List { all, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let parked = tx.parked(all, 1_000).await?;
            tx.commit().await?;
            if parked.is_empty() {
                out.say("Nothing is set aside.");
            }
            for one in parked {
                out.say(format!("{}  {:22} {:24} {}", one.id, one.queue, one.kind, one.reason));
                out.object(&shown(&one));
            }
        }
        ParkedAction::Show { id, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let (one, body) = tx.parked_one(id).await.context("no such message is set aside")?;
            tx.commit().await?;
            let mut object = shown(&one);
            object["bytes"] = json!(body.len());
            if out.is_json() {
                out.object(&object);
            } else {
                out.say(serde_json::to_string_pretty(&object)?);
            }
        }
        ParkedAction::Replay { ids, all, target } => {
            let store = place::store(&target.state).await?;
            let bus = Bus::connect(BusConfig::new(place::amqp_url(&target.state)?.expose(), "switchboard"))
                .await
                .context("the broker cannot be reached; is RabbitMQ running, and is AMQP_URL right?")?;
            let ids = if all { everything(&store).await? } else { ids };
            let mut failed = 0;
            for id in ids {
                // One that cannot go holds up none of those behind it.
                if let Err(error) = replay(&store, &bus, id).await {
                    failed += 1;
                    out.say(format!("{id} stays set aside: {error:#}"));
                    out.object(&json!({ "failed": id, "error": format!("{error:#}") }));
                    continue;
                }
                out.say(format!("{id} was sent to its queue again."));
                out.object(&json!({ "replayed": id }));
            }
            bus.close().await;
            if failed > 0 {
                bail!("{failed} messages stay set aside");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn everything(store: &Store) -> anyhow::Result<Vec<Uuid>> {
    let mut tx = store.machinery().await?;
    let parked = tx.parked(false, 10_000).await?;
    tx.commit().await?;
    // Oldest first: the order they were in.
    Ok(parked.into_iter().rev().map(|one| one.id).collect())
}

async fn replay(store: &Store, bus: &Bus, id: Uuid) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let (one, body) = tx.parked_one(id).await.context("no such message is set aside")?;
    tx.commit().await?;
    // Before it leaves: what is sent and on no record nobody could ask about, and nobody's record waits for the broker.
    record(store, &one, "ok").await?;
    let sent = send(store, bus, &one, body).await;
    if sent.is_err()
        && let Err(error) = record(store, &one, "failed").await
    {
        return sent.with_context(|| format!("that it could not go is on no record ({error:#})"));
    }
    sent
}

/// What is nobody's yet has no chain to be written in.
async fn record(store: &Store, one: &Parked, outcome: &str) -> anyhow::Result<()> {
    let Some(tenant) = one.tenant else { return Ok(()) };
    let mut tx = store.tenant(tenant).await?;
    tx.audit(&NewAudit {
        actor: "operator",
        action: "message.replay",
        patient: None,
        call_id: None,
        tool: None,
        outcome,
        ms: 0,
        detail: json!({ "message": one.id, "queue": one.queue, "kind": one.kind }),
    })
    .await?;
    tx.commit().await?;
    Ok(())
}

async fn send(store: &Store, bus: &Bus, one: &Parked, body: Vec<u8>) -> anyhow::Result<()> {
    let mut letter = Letter::with_id(one.id, one.kind.clone(), body);
    letter.tenant = one.tenant.map(|tenant| tenant.to_string());
    letter.key.clone_from(&one.hash_key);
    let mut tx = store.machinery().await?;
    // Its row is locked first: if it comes back at once, setting it aside anew waits for this to end.
    tx.replayed(one.id).await?;
    bus.publish(Exchange::Queue, &one.queue, letter).await?;
    tx.commit().await?;
    Ok(())
}

fn shown(one: &Parked) -> Value {
    json!({
        "id": one.id,
        "tenant": one.tenant.map(|tenant| tenant.to_string()),
        "queue": one.queue,
        "kind": one.kind,
        "reason": one.reason,
        "attempts": one.attempts,
        "parked_at": one.parked_at.to_string(),
        "replayed_at": one.replayed_at.map(|at| at.to_string()),
    })
}
