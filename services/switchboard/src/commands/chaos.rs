mod calls;
mod notices;
mod plan;
mod records;
mod strike;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use bus::{Bus, BusConfig, topology};
use seal::{KeyRing, Secret};
use serde_json::{Value, json};
use store::Store;
use tokio::time::{Instant, sleep};

use self::calls::{Callers, Report};
use self::notices::Sent;
use self::plan::Plan;
use self::records::Records;
use self::verdict::Verdict;
use super::sandbox::Sandbox;
use super::seed::{Seeded, add_demo};
use super::up::Interrupt;
use crate::cli::ChaosArgs;
use crate::out::Out;
use crate::stack::{Fleet, FleetPlan, Servers, encryption_key};

/// One tenant each, so that there are as many keys, budgets and orders.
const OFFICES: u32 = 8;
/// Booking calls a second, all gateways together.
const CALLS: f64 = 1.5;
/// Webhooks a second that nothing waits for.
const NOTICES: u32 = 10;
/// Below the range that systems take ports of outgoing connections from: a service that is killed
/// finds its port free when it comes back.
const FIRST_PORT: u16 = 24_100;
/// How long calls under way may take to end, and what they left behind to come to rest.
const CALLS_END: Duration = Duration::from_secs(120);
const DRAIN: Duration = Duration::from_secs(240);
/// Findings told in the last line; all of them are printed.
const MOST_TOLD: usize = 20;

/// `switchboard chaos`.
pub(crate) async fn run(args: ChaosArgs, out: Out) -> anyhow::Result<ExitCode> {
    let mut interrupted = Interrupt::new()?;
    let seed = args.seed.unwrap_or_else(by_the_clock);
    let state = own_directory(&args.state)?;
    let mut servers = Servers::private(&state)?;
    out.say(format!("Seed {seed}; logs in {}.", state.join("log").display()));
    let outcome = tokio::select! {
        outcome = Box::pin(play(&args, seed, &state, &mut servers, out)) => Some(outcome),
        () = interrupted.wait() => None,
    };
    // The processes went with the future that had them.
    let mut object = match outcome {
        Some(Ok(object)) => object,
        Some(Err(error)) => json!({ "chaos": "failed", "seed": seed, "reason": format!("{error:#}") }),
        None => json!({ "chaos": "interrupted", "seed": seed }),
    };
    let good = object["chaos"] == "ok";
    if args.keep || object["chaos"] == "failed" {
        servers.stop().await;
        out.say(format!("Everything is kept in {}.", state.display()));
        object["kept"] = json!(state);
    } else {
        servers.remove().await;
        // What cannot be removed now is in nobody's way.
        let _ = std::fs::remove_dir_all(&state);
    }
    out.result(&object);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn by_the_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) % 1_000_000
}

/// A directory of this run alone, that the servers' own users may pass through.
fn own_directory(parent: &Path) -> anyhow::Result<PathBuf> {
    let name = format!("chaos.{}", uuid::Uuid::now_v7().simple());
    let state = parent.join(name);
    std::fs::create_dir_all(&state).with_context(|| format!("cannot make {}", state.display()))?;
    Ok(state.canonicalize()?)
}

/// What a run is made with.
struct Stage<'a> {
    seed: u64,
    lasts: Duration,
    plan: Plan,
    fleet: FleetPlan,
    store: Store,
    tenants: Vec<Seeded>,
    servers: &'a Servers,
    out: Out,
}

async fn play(
    args: &ChaosArgs,
    seed: u64,
    state: &Path,
    servers: &mut Servers,
    out: Out,
) -> anyhow::Result<Value> {
    let lasts =
        Duration::try_from_secs_f64(args.minutes * 60.0).context("--minutes is a number of minutes")?;
    servers.bring_up(out).await?;
    let servers = &*servers;
    let database_url = Secret::new(servers.database_url.clone());
    store::migrate(&database_url).await.context("the database cannot be brought to this version")?;
    let encryption_key = encryption_key(state)?;
    let store = Store::open(&database_url, 4, Arc::new(KeyRing::parse(&encryption_key)?)).await?;
    let mut tenants = Vec::new();
    for index in 0..OFFICES {
        tenants.push(add_demo(&store, &format!("D{}", 10_001 + index), "America/New_York", None).await?);
    }
    let stage = Stage {
        seed,
        lasts,
        plan: Plan::draw(seed, lasts, tenants.len()),
        fleet: fleet_plan(seed, state, servers, encryption_key)?,
        store,
        tenants,
        servers,
        out,
    };
    out.say("Starting two of each service, and the sandbox.");
    let mut fleet = Fleet::start(&stage.fleet).await?;
    stage.run(&mut fleet).await
}

fn fleet_plan(
    seed: u64,
    state: &Path,
    servers: &Servers,
    encryption_key: String,
) -> anyhow::Result<FleetPlan> {
    let number = |name: &str, value: u64| (name.to_owned(), value.to_string());
    Ok(FleetPlan {
        state: state.to_owned(),
        database_url: servers.database_url.clone(),
        amqp_url: servers.amqp_url.clone(),
        encryption_key,
        webhook_secret: seal::sha256_hex(&seal::random::<32>()?),
        first_port: FIRST_PORT,
        services: FleetPlan::every_service(2),
        sandbox: [
            ("--seed", (seed % 1_000).to_string()),
            ("--offices", OFFICES.to_string()),
            ("--writeback-min-ms", "1000".to_owned()),
            ("--writeback-max-ms", "6000".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect(),
        // What a killed worker held is taken up soon.
        settings: vec![
            number("SWITCHBOARD__SIKKA_WORKER__VENDOR_SECONDS", 2),
            number("SWITCHBOARD__SIKKA_WORKER__LEASE_SECONDS", 10),
            number("SWITCHBOARD__SIKKA_WORKER__GRACE_SECONDS", 22),
        ],
    })
}

impl Stage<'_> {
    async fn run(&self, fleet: &mut Fleet) -> anyhow::Result<Value> {
        let out = self.out;
        let sandbox = Sandbox::new(&fleet.sandbox_admin);
        let offices: Vec<String> = self.tenants.iter().map(|one| one.office.clone()).collect();
        let mut before = Vec::new();
        for office in &offices {
            before.push(Records::read(&sandbox, office).await?);
        }
        let gateways = fleet.gateways.clone();
        let secret = &self.fleet.webhook_secret;
        let callers =
            Callers { gateways: &gateways, secret, seed: self.seed, per_second: CALLS, lasts: self.lasts };
        out.say(format!("Playing for {} s.", self.lasts.as_secs()));
        let began = Instant::now();
        let loads = calls::begin(&sandbox, &self.tenants, &callers).await?;
        let (processes, servers, by_hand, sent) = tokio::try_join!(
            strike::processes(fleet, &self.plan.processes, began, out),
            strike::servers(self.servers, &self.plan.servers, began, out),
            async { Ok(strike::dials(&sandbox, &offices, &self.plan.dials, began, out).await) },
            notices::send(&gateways, secret, &self.tenants, NOTICES, self.lasts),
        )?;
        let played = began.elapsed();
        out.say("Healing.");
        strike::heal(&sandbox, &offices, fleet).await?;
        let report = calls::end(&sandbox, &loads, CALLS_END).await?;
        let rest = self.rest().await;
        let drained = began.elapsed() - played;
        let machinery = records::machinery(&self.store, &sent).await?;
        let mut verdict = Verdict::default();
        verdict.hold_webhooks(&sent, &machinery);
        let mut writes: BTreeMap<String, u64> = BTreeMap::new();
        for (seeded, before) in self.tenants.iter().zip(&before) {
            let mut office = records::office(&self.store, &sandbox, seeded, before).await?;
            let at_the_desk = by_hand.iter().filter(|(at, _)| *at == seeded.office);
            office.before.0.extend(at_the_desk.map(|(_, number)| number));
            verdict.hold_office(&office, &report.told);
            for row in office.rows {
                *writes.entry(format!("{} {}", row.state, row.reason).trim().to_owned()).or_default() += 1;
            }
        }
        verdict.unaccounted.extend(rest.err().map(|error| format!("{error:#}")));
        for finding in verdict.findings() {
            out.say(finding);
        }
        let mut kills = processes.kills;
        kills.extend(servers.kills);
        let more = json!({
            "kills_by_victim": kills, "died_by_themselves": processes.died, "dials_turned": self.plan.dials.len(), "taken_at_the_desk": by_hand.len(),
            "ledger": machinery.ledger, "writebacks": writes, "drain_seconds": drained.as_secs(),
        });
        Ok(self.object(&verdict, &report, &sent, kills.values().sum(), more))
    }

    /// Waits until nothing is under way any more.
    async fn rest(&self) -> anyhow::Result<()> {
        let until = Instant::now() + DRAIN;
        let bus = Bus::connect(BusConfig::new(&self.servers.amqp_url, "switchboard")).await?;
        loop {
            let left = match self.left(&bus).await {
                Ok(left) if left.is_empty() => break,
                Ok(left) => left.join(", "),
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() >= until {
                bus.close().await;
                bail!("not at rest after {} s: {left}", DRAIN.as_secs());
            }
            sleep(Duration::from_millis(500)).await;
        }
        bus.close().await;
        Ok(())
    }

    async fn left(&self, bus: &Bus) -> anyhow::Result<Vec<String>> {
        let mut tx = self.store.machinery().await?;
        let (outbox, ledger, counts) =
            (tx.outbox_depth().await?, tx.ledger().await?, tx.writeback_counts().await?);
        tx.commit().await?;
        let mut left = Vec::new();
        let mut note = |count: i64, what: &str| {
            if count > 0 {
                left.push(format!("{count} {what}"));
            }
        };
        note(outbox, "in the outbox");
        note(ledger.outstanding(), "webhooks taken and not noted yet");
        note(ledger.pending, "events not dealt with");
        for (state, count) in counts {
            if !matches!(state.as_str(), "succeeded" | "failed" | "parked") {
                note(count, &format!("writes {state}"));
            }
        }
        for depth in topology::depths(bus).await? {
            note(i64::from(depth.messages), &format!("in {}", depth.queue));
        }
        Ok(left)
    }

    fn object(&self, verdict: &Verdict, report: &Report, sent: &Sent, kills: u64, more: Value) -> Value {
        let accepted = verdict.bookings.len() as u64 + verdict.patients.len() as u64 + sent.deliveries();
        let good = verdict.is_clean() && verdict.booked > 0 && kills > 0;
        let mut object = json!({
            "chaos": if good { "ok" } else { "failed" },
            "seed": self.seed,
            "minutes": self.lasts.as_secs_f64() / 60.0,
            "kills": kills,
            "accepted": accepted,
            "booked": verdict.booked,
            "lost": verdict.lost.len(),
            "doubled": verdict.doubled.len(),
            "untrue": verdict.untrue.len(),
            "unaccounted": verdict.unaccounted.len(),
            "accepted_bookings": verdict.bookings.len(),
            "accepted_patients": verdict.patients.len(),
            "accepted_webhooks": sent.deliveries(),
            "refused_webhooks": sent.refused,
            "registered": verdict.registered,
            "calls": report.started,
            "answers": report.statuses,
            "violations": report.violations,
        });
        if let (Some(fields), Value::Object(more)) = (object.as_object_mut(), more) {
            fields.extend(more);
            let findings: Vec<String> = verdict.findings().take(MOST_TOLD).collect();
            if !findings.is_empty() {
                fields.insert("findings".to_owned(), json!(findings));
            }
        }
        object
    }
}
