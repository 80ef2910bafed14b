use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bus::{Bus, BusConfig, topology};
use domain::AlertKind;
use serde_json::json;
use store::{AlertRules, Store, StoreError};
use tokio::time::sleep;

use crate::out::Out;
use crate::place;

/// How often what seems to be missing is looked for, and how far apart.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// One thing looked at: fine, or what to do.
struct Finding {
    what: &'static str,
    found: String,
    to_do: Option<String>,
}

impl Finding {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, found: found.into(), to_do: None }
    }

    fn wrong(what: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { what, found: found.into(), to_do: Some(to_do.into()) }
    }
}

/// `switchboard doctor`: exits 1 when there is something to do.
pub(crate) async fn run(state: &Path, out: Out) -> anyhow::Result<ExitCode> {
    let mut findings = migrations(state).await;
    match place::store(state).await {
        Ok(store) => match database(&store).await {
            Ok(more) => findings.extend(more),
            Err(error) => findings.push(Finding::wrong("database", error.to_string(), "read its log")),
        },
        Err(error) => findings.push(Finding::wrong(
            "database",
            format!("{error:#}"),
            "start PostgreSQL, or set DATABASE_URL and ENCRYPTION_KEY",
        )),
    }
    findings.extend(broker(state).await);
    if let Some(missing) = missing_webhooks(state).await {
        findings.push(missing);
    }
    let mut well = true;
    for Finding { what, found, to_do } in findings {
        well &= to_do.is_none();
        let mark = if to_do.is_none() { "ok  " } else { "LOOK" };
        let advice = to_do.as_ref().map(|advice| format!(" — {advice}")).unwrap_or_default();
        out.say(format!("{mark}  {what:12} {found}{advice}"));
        out.object(&json!({ "check": what, "ok": to_do.is_none(), "found": found, "to_do": to_do }));
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn migrations(state: &Path) -> Vec<Finding> {
    let Ok(url) = place::database_url(state) else { return Vec::new() };
    match store::pending_migrations(&url).await {
        Ok(pending) if pending.is_empty() => vec![Finding::fine("migrations", "none is missing")],
        Ok(pending) => vec![Finding::wrong(
            "migrations",
            format!("{} are missing", pending.len()),
            "run `switchboard migrate`",
        )],
        // An unreachable database is reported once, as such.
        Err(_) => Vec::new(),
    }
}

async fn database(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let mut tx = store.machinery().await?;
    let ledger = tx.ledger().await?;
    let outbox = tx.outbox_depth().await?;
    let parked = tx.parked_count().await?;
    let counts = tx.writeback_counts().await?;
    let stuck = tx.stuck_writebacks(&AlertRules::default()).await?;
    let alerts = tx.open_alerts().await?;
    let tasks = tx.open_tasks(1_000).await?;
    let unsent = tx.parked_alert_mail().await?;
    tx.commit().await?;
    let mut findings = vec![Finding::fine("database", "answers")];
    let balance = format!(
        "accepted {}, received {} = handled {} + parked {} + rejected {} + duplicate {} + under way {}",
        ledger.accepted,
        ledger.received,
        ledger.handled,
        ledger.parked,
        ledger.rejected,
        ledger.duplicate,
        ledger.pending
    );
    findings.push(Finding::fine("webhooks", balance));
    findings.push(if outbox > 1_000 {
        Finding::wrong("outbox", format!("{outbox} messages wait"), "is the broker up, and does a relay run?")
    } else {
        Finding::fine("outbox", format!("{outbox} messages wait"))
    });
    findings.push(if parked > 0 {
        Finding::wrong("parked", format!("{parked} messages are set aside"), "see `switchboard parked list`")
    } else {
        Finding::fine("parked", "nothing is set aside")
    });
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let counts = if counts.is_empty() { "none yet".to_owned() } else { counts.join(", ") };
    findings.push(match stuck.first() {
        None => Finding::fine("writebacks", counts),
        Some(oldest) => Finding::wrong(
            "writebacks",
            format!(
                "{counts}; {} older than half an hour, the oldest {} ({})",
                stuck.len(),
                oldest.id,
                oldest.state
            ),
            "is sikka-worker up, and is the practice's server reachable?",
        ),
    });
    findings.push(match tasks.first() {
        None => Finding::fine("tasks", "staff have nothing to do"),
        Some(first) => Finding::wrong(
            "tasks",
            format!("{} for staff, the most pressing: {}", tasks.len(), first.sentence),
            "see `switchboard writebacks tasks`",
        ),
    });
    if unsent > 0 {
        findings.push(Finding::wrong(
            "alerts",
            format!("{unsent} could not be delivered"),
            "`switchboard alerts list --all` and `… show` say why, `… retry` sends them once more",
        ));
    }
    findings.extend(alerts.into_iter().map(|alert| {
        // What only says that something is coming does not make an installation unwell.
        let is_urgent = AlertKind::from_code(&alert.code).is_none_or(AlertKind::is_urgent);
        let to_do = is_urgent.then_some(alert.what_to_do);
        Finding { what: "alert", found: alert.code, to_do }
    }));
    Ok(findings)
}

/// P1: messages that a gateway took and that neither the ledger nor a queue nor the outbox has.
async fn missing_webhooks(state: &Path) -> Option<Finding> {
    let (store, url) = (place::store(state).await.ok()?, place::amqp_url(state).ok()?);
    let bus = Bus::connect(BusConfig::new(url.expose(), "switchboard")).await.ok()?;
    let mut missing = None;
    // What a consumer holds is in none of the three for a moment.
    for look in 0..LOOKS {
        if look > 0 {
            sleep(BETWEEN_LOOKS).await;
        }
        missing = missing_now(&store, &bus).await;
        if missing == Some(0) {
            break;
        }
    }
    bus.close().await;
    missing.filter(|count| *count > 0).map(|count| {
        Finding::wrong(
            "webhooks",
            format!("{count} were accepted and are neither received nor in a queue"),
            "keep the database as it is, and compare webhook_events with the vendor's log",
        )
    })
}

async fn missing_now(store: &Store, bus: &Bus) -> Option<i64> {
    let queued = topology::webhooks_waiting(bus).await.ok()?;
    let mut tx = store.machinery().await.ok()?;
    let (ledger, outbox) = (tx.ledger().await.ok()?, tx.outbox_depth().await.ok()?);
    tx.commit().await.ok()?;
    Some(ledger.missing(queued, outbox))
}

async fn broker(state: &Path) -> Vec<Finding> {
    let up = match place::amqp_url(state) {
        Ok(url) => {
            Bus::connect(BusConfig::new(url.expose(), "switchboard")).await.map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("{error:#}")),
    };
    let bus = match up {
        Ok(bus) => bus,
        Err(error) => {
            return vec![Finding::wrong("broker", error, "start RabbitMQ, or set AMQP_URL")];
        }
    };
    let topology = topology::switchboard();
    let mut findings = vec![Finding::fine("broker", "answers")];
    findings.push(match topology.verify(&bus).await {
        Ok(missing) if missing.is_empty() => Finding::fine("topology", "every exchange and queue is there"),
        Ok(missing) => Finding::wrong(
            "topology",
            format!("missing: {}", missing.join(", ")),
            "start a service: each declares it",
        ),
        Err(error) => Finding::wrong("topology", error.to_string(), "see the broker's log"),
    });
    match topology.depths(&bus).await {
        Ok(depths) => {
            let waiting: Vec<String> = depths
                .iter()
                .filter(|depth| depth.messages > 0)
                .map(|depth| format!("{} {}", depth.queue, depth.messages))
                .collect();
            findings.push(Finding::fine(
                "queues",
                if waiting.is_empty() { "empty".to_owned() } else { waiting.join(", ") },
            ));
        }
        Err(error) => findings.push(Finding::wrong("queues", error.to_string(), "see the broker's log")),
    }
    bus.close().await;
    findings
}
