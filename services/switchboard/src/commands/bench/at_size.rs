use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use domain::Window;
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};
use pms::{NewAppointment, Write};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use writebacks::{RequestError, Requested, Wish};

use super::Bench;
use super::numbers::{count, cpu_us, rounded, rss_mb};
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::{Seeded, add_demo, retire_demos};
use crate::stack::{Fleet, FleetPlan};

const PRACTICES: usize = 500;
const WRITES: usize = 20_000;
const WORKERS: u16 = 2;
const ZONE: &str = "America/New_York";
/// How long nothing may come to its end before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Wishes that are written down at once.
const AT_ONCE: usize = 4;

/// `switchboard bench writebacks-at-size`.
pub(super) async fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let practices = bench.practices.unwrap_or(PRACTICES).max(1);
    let each = bench.writes.unwrap_or(WRITES).div_ceil(practices).max(1);
    let mut plan = FleetPlan::new(bench.state, bench.servers, &bench.encryption_key)?;
    plan.services = vec![("token-refresher", 1), ("sikka-worker", WORKERS)];
    plan.sandbox = ["--writeback-min-ms", "200", "--writeback-max-ms", "1000"].map(str::to_owned).to_vec();
    // Every practice gets its first key at once here, which none does in life.
    plan.settings = vec![("SWITCHBOARD__TOKEN_REFRESHER__LOGINS_PER_MINUTE".to_owned(), "6000".to_owned())];
    retire_demos(&bench.store).await?;
    bench.out.say("Starting two workers, the refresher and the sandbox.");
    let mut fleet = Fleet::start(&plan).await?;
    let outcome = measure(bench, &fleet, practices, each).await;
    let retired = retire_demos(&bench.store).await;
    fleet.stop().await;
    let result = outcome?;
    bench.out.result(&result);
    retired?;
    judge(&result)
}

/// A figure that breaks a promise is no result to go on with.
fn judge(result: &Value) -> anyhow::Result<()> {
    let writes = &result["writes"];
    ensure!(
        result["practices_over_budget"] == 0,
        "{} practices over budget",
        result["practices_over_budget"]
    );
    ensure!(result["ended"]["succeeded"] == *writes, "of {writes} writes ended: {}", result["ended"]);
    ensure!(
        result["writes_at_the_vendor"] == *writes && result["appointments_in_the_practices"] == *writes,
        "of {writes} wishes the vendor has {} writes and the practices {} appointments",
        result["writes_at_the_vendor"],
        result["appointments_in_the_practices"],
    );
    Ok(())
}

async fn measure(bench: &Bench<'_>, fleet: &Fleet, practices: usize, each: usize) -> anyhow::Result<Value> {
    let sandbox = Sandbox::new(&fleet.sandbox_admin);
    let offices = json!({
        "offices": practices, "patients": 12, "weeks": 0, "fill": 0.0,
        "writeback_min_ms": 200, "writeback_max_ms": 1000,
    });
    sandbox.post("/admin/seed", &offices).await?;
    bench.out.say(format!("Connecting {practices} practices."));
    let mut clinics = Vec::with_capacity(practices);
    for number in 1..=practices {
        clinics.push(add_demo(&bench.store, &format!("D{}", 10_000 + number), ZONE, None).await?);
    }
    keyed(bench, &clinics).await?;
    let workers = workers(fleet)?;
    let (ended, cpu) = (Ended::read(bench).await?, cpu(&workers)?);
    let all = practices * each;
    bench.out.say(format!("Writing down {all} wishes for bookings."));
    let began = Instant::now();
    let wishing = async {
        let wishes = futures_util::stream::iter(clinics.iter().map(|clinic| wish(bench, clinic, each)));
        wishes.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        anyhow::Ok(began.elapsed())
    };
    let watching = watch(bench, &workers, &ended, all, began);
    let (wished, watched) = tokio::try_join!(wishing, watching)?;
    report(&sandbox, &clinics, each, &Done { wished, watched, cpu: self::cpu(&workers)? - cpu }).await
}

fn workers(fleet: &Fleet) -> anyhow::Result<Vec<u32>> {
    let workers = fleet.children.iter().filter(|(child, _)| child.name.starts_with("sikka-worker"));
    let pids: Vec<u32> = workers.filter_map(|(child, _)| child.pid()).collect();
    ensure!(pids.len() == usize::from(WORKERS), "{} workers run", pids.len());
    Ok(pids)
}

fn cpu(pids: &[u32]) -> anyhow::Result<u64> {
    pids.iter().map(|pid| cpu_us(*pid)).sum()
}

/// Waits until every connection has its first key.
async fn keyed(bench: &Bench<'_>, clinics: &[Seeded]) -> anyhow::Result<()> {
    let ours: std::collections::BTreeSet<_> = clinics.iter().map(|clinic| clinic.connection).collect();
    // The vendor lets the application ask 200 times a minute, and each key is a question.
    let until = Instant::now() + PATIENCE + Duration::from_millis(400) * u32::try_from(clinics.len())?;
    loop {
        let lives = bench.key_lives().await?;
        let has =
            lives.iter().filter(|key| ours.contains(&key.connection) && key.expires_at.is_some()).count();
        if has == ours.len() {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{} connections have no key", ours.len() - has);
        sleep(Duration::from_millis(500)).await;
    }
}

/// A practice's bookings: half an hour each, one after the other, on the days behind the sandbox's diary.
async fn wish(bench: &Bench<'_>, clinic: &Seeded, each: usize) -> anyhow::Result<()> {
    let zone = TimeZone::get(ZONE)?;
    let first = Zoned::now().with_time_zone(zone.clone()).date().checked_add(8.weeks())?;
    let mut day =
        if first.weekday() == Weekday::Monday { first } else { first.nth_weekday(1, Weekday::Monday)? };
    let mut half_hours = 0_i64;
    for number in 0..each {
        if half_hours == 16 {
            half_hours = 0;
            day = day.tomorrow()?;
            if day.weekday() == Weekday::Saturday {
                day = day.checked_add(2.days())?;
            }
        }
        let start = day.to_datetime(time(9, 0, 0, 0)).checked_add((half_hours * 30).minutes())?;
        let window = Window::of_minutes(start.to_zoned(zone.clone())?.timestamp(), 30)?;
        half_hours += 1;
        let write = Write::BookAppointment(NewAppointment {
            patient: (101 + number % 12).to_string(),
            clinician: "DR1".to_owned(),
            chair: "OP1".to_owned(),
            window,
            time_zone: ZONE.to_owned(),
            reason: "check-up".into(),
            kind: None,
        });
        let wish = Wish {
            connection: clinic.connection,
            vendor: "sikka",
            write: &write,
            intent: &format!("bench {number}"),
            once_for_all: &[],
            depends_on: None,
            deadline_at: Timestamp::now() + 6.hours(),
            traceparent: None,
        };
        let mut tx = bench.store.tenant(clinic.tenant).await?;
        match writebacks::request(&mut tx, &wish).await {
            Ok(Requested::New(_)) => {}
            Ok(_) => bail!("a wish was taken before"),
            Err(RequestError::SlotTaken) => bail!(
                "an earlier run that was cut short holds the times; remove {} and start again",
                bench.state.display()
            ),
            Err(error) => return Err(error).context("a wish was not taken"),
        }
        tx.commit().await?;
    }
    Ok(())
}

/// How many writes have ended, by how.
struct Ended(BTreeMap<String, i64>);

impl Ended {
    async fn read(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let mut tx = bench.store.machinery().await?;
        let counts = tx.writeback_counts().await?;
        tx.commit().await?;
        Ok(Self(counts.into_iter().filter(|(state, _)| is_over(state)).collect()))
    }

    /// Those that have ended since.
    fn since(&self, before: &Self) -> BTreeMap<String, i64> {
        let left = |(state, count): (&String, &i64)| {
            (state.clone(), count - before.0.get(state).copied().unwrap_or(0))
        };
        self.0.iter().map(left).filter(|(_, count)| *count > 0).collect()
    }
}

fn is_over(state: &str) -> bool {
    domain::WritebackState::ALL.into_iter().any(|one| one.is_final() && one.as_str() == state)
}

struct Watched {
    ends: BTreeMap<String, i64>,
    took: Duration,
    memory: Vec<f64>,
}

async fn watch(
    bench: &Bench<'_>,
    workers: &[u32],
    before: &Ended,
    all: usize,
    began: Instant,
) -> anyhow::Result<Watched> {
    let mut memory = vec![0.0_f64; workers.len()];
    let (mut over, mut moved, mut told) = (0, Instant::now(), Instant::now());
    loop {
        for (most, pid) in memory.iter_mut().zip(workers) {
            *most = most.max(rss_mb(*pid).unwrap_or(0.0));
        }
        let ends = Ended::read(bench).await?.since(before);
        let now = usize::try_from(ends.values().sum::<i64>())?;
        if now == all {
            return Ok(Watched { ends, took: began.elapsed(), memory });
        }
        if now > over {
            (over, moved) = (now, Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            bail!("{over} of {all} writes came to their end, and then none for {PATIENCE:?}");
        }
        if told.elapsed() > Duration::from_secs(10) {
            bench.out.say(format!("    {now} of {all} after {} s", began.elapsed().as_secs()));
            told = Instant::now();
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// What a run came to.
struct Done {
    wished: Duration,
    watched: Watched,
    cpu: u64,
}

async fn report(sandbox: &Sandbox, clinics: &[Seeded], each: usize, done: &Done) -> anyhow::Result<Value> {
    let requests = sandbox.get("/admin/sikka/requests").await?;
    let limit = sandbox.get("/admin/sikka/faults").await?["rate_limit_per_minute"].as_u64();
    let budget = limit.context("the sandbox has no limit")? * 80 / 100;
    let offices: Vec<&Value> = clinics.iter().map(|clinic| &requests[clinic.office.as_str()]).collect();
    let most = |counts: &&Value| counts["max_per_minute"].as_u64().unwrap_or(0);
    let total = |counts: &Value| counts["total"].as_u64().unwrap_or(0);
    let refused = |counts: &Value| counts["refused"].as_u64().unwrap_or(0);
    let application = &requests["application"];
    let asked: u64 = offices.iter().map(|counts| total(counts)).sum::<u64>() + total(application);
    let views = sandbox.get("/admin/sikka/offices").await?;
    let held = |name: &str| -> u64 {
        views.as_array().into_iter().flatten().filter_map(|office| office[name].as_u64()).sum()
    };
    let writes = clinics.len() * each;
    let took = done.watched.took.as_secs_f64();
    Ok(json!({
        "bench": "writebacks-at-size",
        "writes": writes,
        "practices": clinics.len(),
        "workers": WORKERS,
        "wished_in_seconds": rounded(done.wished.as_secs_f64()),
        "seconds": rounded(took),
        "writes_per_second": rounded(count(writes) / took),
        "ended": done.watched.ends,
        // Two for one wish would be one too many.
        "writes_at_the_vendor": held("writebacks"),
        "appointments_in_the_practices": held("appointments"),
        "requests_per_practice_per_minute_max": offices.iter().map(most).max(),
        "practices_over_budget": offices.iter().map(most).filter(|most| *most > budget).count(),
        "budget": budget,
        "vendor_limit": limit,
        "refused_by_vendor": offices.iter().map(|counts| refused(counts)).sum::<u64>() + refused(application),
        "requests_per_write": rounded(count(usize::try_from(asked)?) / count(writes)),
        "application_requests_per_minute_max": application["max_per_minute"],
        "memory_mb": done.watched.memory,
        "processor_ms_per_write": rounded(count(usize::try_from(done.cpu)?) / 1_000.0 / count(writes)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_practice_over_budget_a_write_that_failed_and_one_that_was_sent_twice_fail_the_bench() {
        let result = |over: u64, succeeded: u64, at_the_vendor: u64| {
            judge(&json!({
                "writes": 20, "practices_over_budget": over, "ended": { "succeeded": succeeded },
                "writes_at_the_vendor": at_the_vendor, "appointments_in_the_practices": at_the_vendor,
            }))
        };
        assert!(result(0, 20, 20).is_ok());
        assert!(result(1, 20, 20).is_err() && result(0, 19, 20).is_err() && result(0, 20, 21).is_err());
    }
}
