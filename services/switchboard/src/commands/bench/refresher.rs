use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use domain::ConnectionId;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::KeyLife;
use tokio::time::{Instant, sleep};

use super::Bench;
use super::numbers::{count, cpu_us, percentile, rounded, rss_mb, sorted};
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::{add_demo, retire_demos};
use crate::stack::{Fleet, FleetPlan};

const CONNECTIONS: usize = 2_000;
/// The vendor's keys live a day; these live for minutes, so that a day passes in minutes.
const LIFE_SECONDS: u64 = 300;
/// How many lives of a key are looked at, once every connection has one.
const LIVES: u32 = 2;
const EVERY: Duration = Duration::from_millis(500);

/// `switchboard bench refresher`.
pub(super) async fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let connections = bench.connections.unwrap_or(CONNECTIONS).max(1);
    let life = bench.lasting(LIFE_SECONDS).max(Duration::from_secs(10));
    // As many a minute as keys of this life need, half of it as a reserve; a real key's life needs far fewer.
    let needed = count(connections) / (life.as_secs_f64() * 0.45) * 60.0;
    let most = (needed * 1.5).max(600.0).ceil();
    let logins = format!("{most:.0}");
    let mut plan = FleetPlan::new(bench.state, bench.servers, &bench.encryption_key)?;
    plan.services = vec![("token-refresher", 1)];
    plan.settings = vec![("SWITCHBOARD__TOKEN_REFRESHER__LOGINS_PER_MINUTE".to_owned(), logins.clone())];
    retire_demos(&bench.store).await?;
    bench.out.say("Starting the refresher and the sandbox.");
    let mut fleet = Fleet::start(&plan).await?;
    let outcome = measure(bench, &mut fleet, connections, (life, most)).await;
    let retired = retire_demos(&bench.store).await;
    fleet.stop().await;
    let mut result = outcome?;
    retired?;
    result["logins_per_minute_allowed"] = json!(logins.parse::<u64>().ok());
    bench.out.result(&result);
    judge(&result)
}

/// A figure that breaks a promise is no result to go on with.
fn judge(result: &Value) -> anyhow::Result<()> {
    for (name, what) in [("expired", "keys expired"), ("reauthorise", "connections lost their access")] {
        ensure!(result[name] == 0, "{} {what}", result[name]);
    }
    Ok(())
}

async fn measure(
    bench: &Bench<'_>,
    fleet: &mut Fleet,
    connections: usize,
    (life, most): (Duration, f64),
) -> anyhow::Result<Value> {
    let sandbox = Sandbox::new(&fleet.sandbox_admin);
    let offices = json!({ "offices": connections, "patients": 1, "weeks": 0, "fill": 0.0 });
    sandbox.post("/admin/seed", &offices).await?;
    // The vendor's limit is squeezed together with the day: the refresher keeps under what is advertised.
    let advertised = (most * 2.0).round() as u64;
    let dials = json!({ "key_life_seconds": life.as_secs(), "rate_limit_per_minute": advertised });
    sandbox.post("/admin/sikka/faults", &dials).await?;
    let pid = fleet.child("token-refresher").and_then(|child| child.pid()).context("it does not run")?;
    bench.out.say(format!("Connecting {connections} practices."));
    let ours = connect(bench, connections).await?;
    let connected = Instant::now();
    let mut watch = Watch::new(life);
    while !watch.all_have_keys(ours.len()) {
        ensure!(connected.elapsed() < Duration::from_secs(600), "{} have no key", ours.len() - watch.keyed());
        watch.look(&bench.key_lives().await?, &ours);
        sleep(EVERY).await;
    }
    let first_keys = connected.elapsed();
    bench.out.say(format!("Every one has a key; looking on for {LIVES} lives of a key."));
    watch.ages.clear();
    let (before, cpu, began) = (Asked::read(&sandbox).await?, cpu_us(pid)?, Instant::now());
    let (mut last, mut busiest, mut memory) = ((before.total, began), 0.0_f64, 0.0_f64);
    while began.elapsed() < life * LIVES {
        sleep(EVERY).await;
        watch.look(&bench.key_lives().await?, &ours);
        memory = memory.max(rss_mb(pid).unwrap_or(0.0));
        if last.1.elapsed() >= Duration::from_secs(5) {
            let total = Asked::read(&sandbox).await?.total;
            busiest = busiest.max((total - last.0) / last.1.elapsed().as_secs_f64());
            last = (total, Instant::now());
        }
    }
    let (after, took) = (Asked::read(&sandbox).await?, began.elapsed().as_secs_f64());
    let ages = sorted(watch.ages.clone());
    ensure!(!ages.is_empty(), "no key was refreshed");
    Ok(json!({
        "bench": "refresher",
        "connections": connections,
        "key_life_seconds": life.as_secs(),
        "observed_seconds": took.round(),
        "first_keys_seconds": rounded(first_keys.as_secs_f64()),
        "refreshes": ages.len(),
        "expired": watch.expired.len(),
        "least_life_left_percent": watch.least_left.map(|left| rounded(left * 100.0)),
        "refreshed_at_percent_of_life": {
            "p01": rounded(percentile(&ages, 0.01) * 100.0), "p50": rounded(percentile(&ages, 0.5) * 100.0),
            "p99": rounded(percentile(&ages, 0.99) * 100.0), "max": rounded(percentile(&ages, 1.0) * 100.0),
        },
        "reauthorise": watch.lost,
        "requests_per_second_mean": rounded((after.total - before.total) / took),
        "requests_per_second_max_of_5s": rounded(busiest),
        "requests_refused_by_vendor": after.refused - before.refused,
        // What the same connections ask for when a key lives for a day.
        "requests_per_minute_with_keys_of_a_day": rounded(count(connections) / 720.0),
        "memory_mb": memory,
        "processor_percent": rounded(count(usize::try_from(cpu_us(pid)? - cpu)?) / took / 10_000.0),
    }))
}

async fn connect(bench: &Bench<'_>, connections: usize) -> anyhow::Result<Vec<ConnectionId>> {
    let mut ours = Vec::with_capacity(connections);
    for number in 1..=connections {
        let office = format!("D{}", 10_000 + number);
        ours.push(add_demo(&bench.store, &office, "America/New_York", None).await?.connection);
    }
    Ok(ours)
}

/// What is seen of the keys from outside.
struct Watch {
    life: f64,
    known: BTreeMap<ConnectionId, Timestamp>,
    /// How old keys were when the next came, as a share of their life.
    ages: Vec<f64>,
    expired: std::collections::BTreeSet<ConnectionId>,
    least_left: Option<f64>,
    lost: usize,
}

impl Watch {
    fn new(life: Duration) -> Self {
        Self {
            life: life.as_secs_f64(),
            known: BTreeMap::new(),
            ages: Vec::new(),
            expired: std::collections::BTreeSet::new(),
            least_left: None,
            lost: 0,
        }
    }

    fn keyed(&self) -> usize {
        self.known.len()
    }

    fn all_have_keys(&self, all: usize) -> bool {
        self.known.len() == all
    }

    fn look(&mut self, lives: &[KeyLife], ours: &[ConnectionId]) {
        let now = Timestamp::now();
        self.lost = 0;
        let ours: std::collections::BTreeSet<&ConnectionId> = ours.iter().collect();
        for key in lives.iter().filter(|key| ours.contains(&key.connection)) {
            self.lost += usize::from(key.status != "active");
            let Some(ends) = key.expires_at else { continue };
            let left = ends.duration_since(now).as_secs_f64() / self.life;
            if left <= 0.0 {
                self.expired.insert(key.connection);
            }
            self.least_left = Some(self.least_left.map_or(left, |least| least.min(left)));
            if let Some(before) = self.known.insert(key.connection, ends).filter(|before| *before != ends) {
                // Both live equally long: what lies between their ends lay between their beginnings.
                self.ages.push(ends.duration_since(before).as_secs_f64() / self.life);
            }
        }
    }
}

/// What the vendor was asked.
struct Asked {
    total: f64,
    refused: u64,
}

impl Asked {
    async fn read(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let requests = sandbox.get("/admin/sikka/requests").await?;
        let of = |name: &str| -> u64 {
            requests.as_object().into_iter().flatten().filter_map(|(_, counts)| counts[name].as_u64()).sum()
        };
        Ok(Self { total: count(usize::try_from(of("total"))?), refused: of("refused") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_expired_fails_the_bench() {
        let result = |expired: u64, lost: u64| judge(&json!({ "expired": expired, "reauthorise": lost }));
        assert!(result(0, 0).is_ok());
        assert!(result(1, 0).is_err() && result(0, 1).is_err());
        assert!(judge(&json!({})).is_err(), "what was not measured is not well");
    }
}
