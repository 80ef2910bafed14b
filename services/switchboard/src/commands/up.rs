use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, BusConfig, topology};
use seal::Secret;
use serde_json::json;
use store::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::demo::{Played, play_and_check};
use super::sandbox::Sandbox;
use super::seed::{CALLED, PEOPLE, Seeded, add_people, seed_called};
use crate::cli::UpArgs;
use crate::out::Out;
use crate::place::Place;
use crate::stack::{Fleet, FleetPlan, Servers, encryption_key, issuer};

/// What the vendor proves itself with when it tells of changes.
const CALLBACK_KEY: &str = "SIKKA_CALLBACK_KEY";

/// `switchboard up`.
pub(crate) async fn run(args: UpArgs, out: Out) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.state)
        .with_context(|| format!("cannot make the directory {}", args.state.display()))?;
    let state = args.state.canonicalize()?;
    let servers = Servers::start(&state, out).await?;
    let outcome = with_servers(&args, &state, &servers, out).await;
    servers.stop().await;
    // A file that names what no longer runs would mislead the next command.
    let _ = std::fs::remove_file(state.join("up.json"));
    outcome
}

/// The broker is there and has what the services need: told at once, in one sentence.
async fn broker_answers(amqp_url: &str) -> anyhow::Result<()> {
    let bus = Bus::connect(BusConfig::new(amqp_url, "switchboard"))
        .await
        .context("the broker cannot be reached; is RabbitMQ running, and is AMQP_URL right?")?;
    let declared = topology::declare(&bus).await;
    bus.close().await;
    declared
        .context("the broker refused the queues; is its plugin rabbitmq_consistent_hash_exchange enabled?")
}

async fn with_servers(args: &UpArgs, state: &Path, servers: &Servers, out: Out) -> anyhow::Result<ExitCode> {
    let mut interrupted = Interrupt::new()?;
    broker_answers(&servers.amqp_url).await?;
    let database_url = Secret::new(servers.database_url.clone());
    store::migrate(&database_url).await.context(
        "the database cannot be brought to this version; is PostgreSQL running, and is DATABASE_URL right?",
    )?;
    let encryption_key = match std::env::var("ENCRYPTION_KEY") {
        Ok(given) if !given.is_empty() => given,
        _ => encryption_key(state)?,
    };
    let keys = std::sync::Arc::new(seal::KeyRing::parse(&encryption_key)?);
    let store = Store::open(&database_url, 4, keys).await?;
    let seeded = seed_called(&store).await?;
    let callback_key = seal::sha256_hex(&seal::random::<32>()?);
    let plan = FleetPlan {
        state: state.to_owned(),
        database_url: servers.database_url.clone(),
        amqp_url: servers.amqp_url.clone(),
        encryption_key,
        webhook_secret: seal::sha256_hex(&seal::random::<32>()?),
        first_port: args.port,
        services: FleetPlan::every_service(args.replicas.max(1)),
        // A practice that answers while the caller is still on the line; the default takes minutes.
        // The second office is installed by `switchboard demo sikka`.
        sandbox: ["--writeback-min-ms", "1500", "--writeback-max-ms", "3000", "--offices", "2"]
            .map(str::to_owned)
            .into(),
        settings: vec![
            (CALLBACK_KEY.to_owned(), callback_key),
            // Whoever plays an install does not wait minutes for the next look.
            ("SWITCHBOARD__SIKKA_WORKER__SETUP_WAIT_SECONDS".to_owned(), "1".to_owned()),
        ],
    };
    out.say("Starting the services and the sandbox.");
    let mut fleet = tokio::select! {
        fleet = Fleet::start(&plan) => fleet?,
        () = interrupted.wait() => return Ok(ExitCode::SUCCESS),
    };
    let outcome = tokio::select! {
        outcome = stay(args, state, &plan, &seeded, &store, &mut fleet, out) => outcome,
        () = interrupted.wait() => {
            out.say("\nStopping.");
            Ok(ExitCode::SUCCESS)
        }
    };
    fleet.stop().await;
    outcome
}

async fn stay(
    args: &UpArgs,
    state: &Path,
    plan: &FleetPlan,
    seeded: &Seeded,
    store: &Store,
    fleet: &mut Fleet,
    out: Out,
) -> anyhow::Result<ExitCode> {
    let place = Place {
        database_url: plan.database_url.clone(),
        amqp_url: plan.amqp_url.clone(),
        gateway: fleet.gateways.clone(),
        pms_api: fleet.apis.clone(),
        sandbox: fleet.sandbox.clone(),
        sandbox_admin: fleet.sandbox_admin.clone(),
        webhook_secret: plan.webhook_secret.clone(),
        callback_key: plan.setting(CALLBACK_KEY).unwrap_or_default().to_owned(),
        tenant: seeded.tenant.to_string(),
        office: seeded.office.clone(),
        called: CALLED.to_owned(),
        api_key: seeded.api_key.clone(),
    };
    place.save(state)?;
    add_people(store, seeded.tenant, &issuer(&fleet.sandbox)).await?;
    tell_by_webhook(&place).await?;
    let played = play_and_check(&place, store, &args.call, out).await;
    if args.once {
        return Ok(verdict(played, out));
    }
    match &played {
        Ok(played) => {
            out.object(
                &json!({ "demo": "ok", "booked": played.booked, "confirmed_ms": played.confirmed_ms }),
            );
        }
        Err(error) => out.say(format!("\nThe demo did not come out right: {error:#}")),
    }
    welcome(&place, state, fleet, PEOPLE[0].0, out);
    loop {
        sleep(Duration::from_secs(1)).await;
        for name in fleet.revive()? {
            out.say(format!("{name} died and was started again."));
        }
    }
}

/// Has the sandbox tell the gateway whenever a practice's copy is new.
async fn tell_by_webhook(place: &Place) -> anyhow::Result<()> {
    let gateway = place.gateway.first().context("there is no gateway")?;
    let change_url = format!("{gateway}/api/sikka/webhook");
    let settings = json!({ "change_url": change_url, "callback_key": place.callback_key });
    Sandbox::new(&place.sandbox_admin).put("/admin/sikka/webhooks", &settings).await?;
    Ok(())
}

fn verdict(played: anyhow::Result<Played>, out: Out) -> ExitCode {
    match played {
        Ok(played) => {
            out.result(
                &json!({ "demo": "ok", "booked": played.booked, "confirmed_ms": played.confirmed_ms }),
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            out.result(&json!({ "demo": "failed", "reason": format!("{error:#}") }));
            ExitCode::FAILURE
        }
    }
}

fn welcome(place: &Place, state: &Path, fleet: &Fleet, person: &str, out: Out) {
    let api = place.pms_api.first().map_or("", String::as_str);
    let gateway = place.gateway.first().map_or("", String::as_str);
    out.say("\nEverything runs. To look at:\n");
    out.say(format!("    {api}/api/openapi.json            the REST API"));
    out.say(format!(
        "    {api}/api/pms/patients/search?phone=5550100010   with `Authorization: Bearer {}`",
        place.api_key
    ));
    out.say(format!(
        "    {api}/api/pms/me    with a token: switchboard sandbox call post /admin/oidc/tokens '{{\"user\":\"{person}\"}}'"
    ));
    out.say(format!("    {gateway}/metrics, {gateway}/ready    the gateway"));
    out.say(format!(
        "    {}/admin/sikka/offices/{}/pms   the practice's own records",
        place.sandbox_admin, place.office
    ));
    out.say(format!("    {}                       the logs", state.join("log").display()));
    out.say("\nTo try, in another terminal:\n");
    out.say("    switchboard demo new-patient-books     (target/release/switchboard)");
    out.say("    switchboard doctor; switchboard audit verify");
    let pids: Vec<String> = fleet
        .children
        .iter()
        .filter_map(|(child, _)| child.pid().map(|pid| format!("{} {pid}", child.name)))
        .collect();
    out.say(format!("    kill -9 any of: {}", pids.join(", ")));
    out.say("\nCtrl-C stops all of it.");
}

/// Ctrl-C or SIGTERM.
pub(super) struct Interrupt {
    int: tokio::signal::unix::Signal,
    term: tokio::signal::unix::Signal,
}

impl Interrupt {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { int: signal(SignalKind::interrupt())?, term: signal(SignalKind::terminate())? })
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}
