use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Bench;
use super::clinics::{Answer, Clinics};
use super::numbers::{percentile, rounded, rss_mb, sorted};

const PER_SECOND: u32 = 50;
/// The first calls log in and read what is remembered afterwards.
const WARM_UP: Duration = Duration::from_secs(4);
/// After the start, before memory is looked at.
const REST: Duration = Duration::from_secs(5);
const TOOLS: [&str; 2] = ["checkAvailability", "searchPatients"];

/// `switchboard bench tool-call`.
pub(super) async fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    // The vendor's limit is not what is measured here.
    let settings = [("SWITCHBOARD__SIKKA_WORKER__FIRST_BUDGET", "1000000")];
    let clinics = Arc::new(Clinics::open(bench, Vec::new(), &settings).await?);
    let outcome = measure(bench, &clinics).await;
    if let Ok(clinics) = Arc::try_unwrap(clinics) {
        clinics.close().await;
    }
    outcome
}

async fn measure(bench: &Bench<'_>, clinics: &Arc<Clinics>) -> anyhow::Result<()> {
    clinics.sandbox.post("/admin/sikka/faults", &json!({ "rate_limit_per_minute": 0 })).await?;
    sleep(REST).await;
    let at_rest = memory(clinics);
    play(clinics, WARM_UP).await?;
    let answers = play(clinics, bench.lasting(30)).await?;
    for tool in TOOLS {
        let of_tool = answers.iter().filter(|(name, _)| *name == tool).map(|(_, answer)| answer);
        bench.out.result(&line(tool, of_tool));
    }
    let mut all = line("both", answers.iter().map(|(_, answer)| answer));
    all["rss_mb"] = json!(at_rest);
    all["rss_mb_after"] = json!(memory(clinics));
    bench.out.result(&all);
    Ok(())
}

fn memory(clinics: &Clinics) -> BTreeMap<String, Option<f64>> {
    let services = clinics.fleet.children.iter().filter(|(child, _)| child.name != "sandbox");
    services.map(|(child, _)| (child.name.clone(), child.pid().and_then(rss_mb))).collect()
}

fn line<'a>(tool: &str, answers: impl Iterator<Item = &'a Answer>) -> Value {
    let (mut total, mut vendor, mut overhead) = (Vec::new(), Vec::new(), Vec::new());
    for answer in answers {
        total.push(answer.total_ms);
        vendor.push(answer.vendor_ms);
        overhead.push(answer.total_ms - answer.vendor_ms);
    }
    let [total, vendor, overhead] = [total, vendor, overhead].map(sorted);
    let at = |values: &[f64], share| rounded(percentile(values, share));
    json!({
        "bench": "tool-call",
        "tool": tool,
        "calls": total.len(),
        "per_second": PER_SECOND,
        "p50_ms": at(&total, 0.5),
        "p99_ms": at(&total, 0.99),
        "vendor_p50_ms": at(&vendor, 0.5),
        "vendor_p99_ms": at(&vendor, 0.99),
        "overhead_p50_ms": at(&overhead, 0.5),
        "overhead_p99_ms": at(&overhead, 0.99),
    })
}

/// Calls at a fixed rate, however long the answers take.
async fn play(clinics: &Arc<Clinics>, lasting: Duration) -> anyhow::Result<Vec<(&'static str, Answer)>> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for number in 0_u32.. {
        let due = began + Duration::from_secs(1) * number / PER_SECOND;
        if due >= began + lasting {
            break;
        }
        sleep_until(due).await;
        let clinics = clinics.clone();
        running.spawn(async move { one(&clinics, number as usize, due).await });
    }
    let mut answers = Vec::new();
    while let Some(ended) = running.join_next().await {
        answers.push(ended??);
    }
    Ok(answers)
}

/// Each call comes from another practice, and each look at a calendar is at other days.
async fn one(clinics: &Clinics, number: usize, due: Instant) -> anyhow::Result<(&'static str, Answer)> {
    let (tool, turn) = (TOOLS[number % TOOLS.len()], number / TOOLS.len());
    let tenant = clinics.tenants[turn % clinics.tenants.len()].tenant;
    let arguments = if tool == "checkAvailability" {
        let ahead = i64::try_from(1 + turn / clinics.tenants.len() % 25).unwrap_or(1);
        let day = Zoned::now().checked_add(ahead.days())?.date();
        json!({ "from": day.to_string() })
    } else {
        json!({ "firstName": "Grace", "lastName": "Okafor", "dateOfBirth": "1981-06-30" })
    };
    let answer = clinics.tool(tenant, tool, &arguments, due).await?;
    let status = answer.line["status"].as_str().context("an answer without a status")?;
    ensure!(
        matches!(status, "ok" | "found" | "none"),
        "{tool} was answered with {status}: {}",
        answer.line["say"]
    );
    Ok((tool, answer))
}
