use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, BusConfig};
use domain::{TenantId, WritebackId, WritebackState as S};
use serde_json::json;
use store::{ReplayRun, Store};
use uuid::Uuid;
use writebacks::{BusLookout, plan as planned, start_run, stop_run};

use super::{OPERATOR, filter, next_page, owner};
use crate::cli::{Over, WhichWrites};
use crate::out::Out;
use crate::place;

/// How long a practice may take to say what it shows.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes that are looked for together: each look has its own patience.
const OF_ONE_LOOK: usize = 200;

/// What is to be replayed, and how fast.
pub(super) struct Wish {
    pub(super) ids: Vec<WritebackId>,
    pub(super) over: Option<Over>,
    pub(super) which: WhichWrites,
    pub(super) per_minute: i32,
    pub(super) stop_after: Option<i32>,
    pub(super) wait: bool,
}

/// `switchboard writebacks plan`.
pub(super) async fn plan(
    ids: Vec<WritebackId>,
    over: Option<Over>,
    which: &WhichWrites,
    state: &Path,
    out: Out,
) -> anyhow::Result<()> {
    let store = place::store(state).await?;
    let bus = Bus::connect(BusConfig::new(place::amqp_url(state)?.expose(), "switchboard"))
        .await
        .context("the broker cannot be reached; is RabbitMQ running, and is AMQP_URL right?")?;
    let lookout = BusLookout::new(bus.clone(), PATIENCE);
    let chosen = chosen(&store, ids, over, which).await?;
    let parts =
        chosen.iter().flat_map(|(tenant, ids)| ids.chunks(OF_ONE_LOOK).map(move |ids| (*tenant, ids)));
    for (tenant, ids) in parts {
        for one in planned(&store, &lookout, tenant, ids).await? {
            let other = one.other.map(|id| id.to_string());
            out.say(format!(
                "{}  {:16} {}  {}",
                one.id,
                one.verdict.word(),
                one.why,
                other.as_deref().unwrap_or_default()
            ));
            out.object(&json!({
                "id": one.id.to_string(), "verdict": one.verdict.word(), "why": one.why, "other": other,
            }));
        }
    }
    bus.close().await;
    Ok(())
}

/// `switchboard writebacks replay`: exits 1 when a run was stopped.
pub(super) async fn run(wish: Wish, state: &Path, out: Out) -> anyhow::Result<ExitCode> {
    let store = place::store(state).await?;
    let mut whole = true;
    for (tenant, ids) in chosen(&store, wish.ids, wish.over, &wish.which).await? {
        let run = start_run(&store, tenant, &ids, wish.per_minute, wish.stop_after, OPERATOR).await?;
        out.say(format!("Run {run}: {} writes, {} a minute.", ids.len(), wish.per_minute));
        if wish.wait {
            let ended = ended(&store, tenant, run).await?;
            whole &= ended.state == "done";
            for item in &ended.items {
                let outcome = item.outcome.as_deref().unwrap_or("not_tried");
                let replay = item.replay.map(|id| id.to_string());
                out.say(format!("{}  {outcome}  {}", item.writeback, replay.as_deref().unwrap_or_default()));
                out.object(&json!({
                    "run": run, "writeback": item.writeback.to_string(), "outcome": outcome, "replay": replay,
                }));
            }
        }
        out.object(&json!({ "run": run, "tenant": tenant.to_string(), "writes": ids.len() }));
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `switchboard writebacks stop`.
pub(super) async fn stop(store: &Store, run: Uuid, out: Out) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let tenant = tx.replay_run_owner(run).await.context("there is no such run")?;
    tx.commit().await?;
    let left = stop_run(store, tenant, run, OPERATOR).await?.context("the run has come to its end")?;
    out.say(format!("Run {run} is ended; {left} of its writes were not tried."));
    out.object(&json!({ "stopped": run, "tenant": tenant.to_string(), "not_tried": left }));
    Ok(())
}

/// The writes a command is about, by tenant.
async fn chosen(
    store: &Store,
    ids: Vec<WritebackId>,
    over: Option<Over>,
    which: &WhichWrites,
) -> anyhow::Result<BTreeMap<TenantId, Vec<WritebackId>>> {
    let mut chosen: BTreeMap<TenantId, Vec<WritebackId>> = BTreeMap::new();
    if ids.is_empty() {
        let states = match over {
            None => vec![S::Failed, S::Parked],
            Some(Over::Failed) => vec![S::Failed],
            Some(Over::Parked) => vec![S::Parked],
        };
        let mut filter = filter(which, states, true);
        while let Some(page) = next_page(store, &mut filter).await? {
            for one in page {
                chosen.entry(one.tenant).or_default().push(one.id);
            }
        }
    }
    for id in ids {
        chosen.entry(owner(store, id).await?.0).or_default().push(id);
    }
    Ok(chosen)
}

/// Waits until a worker has worked the run off.
async fn ended(store: &Store, tenant: TenantId, run: Uuid) -> anyhow::Result<ReplayRun> {
    loop {
        let mut tx = store.tenant(tenant).await?;
        let stands = tx.replay_run(run).await?;
        tx.commit().await?;
        if stands.state != "running" {
            return Ok(stands);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
