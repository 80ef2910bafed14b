use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use domain::{TenantId, WritebackState};
use jiff::{Timestamp, ToSpan as _, Zoned};
use serde_json::{Value, json};
use store::Writeback;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Bench;
use super::clinics::{Clinics, PRACTICES};
use super::numbers::{mean, percentile, rounded, sorted};
use crate::commands::seed::Seeded;

const BOOKINGS: usize = 200;
/// No faster than the vendor's limit lets twenty callers of one practice be served.
const BOOKED_WITHIN: Duration = Duration::from_secs(100);
const PATIENCE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(3);
/// The sandbox's patients of every practice.
const PATIENTS: usize = 40;
const FIRST_PATIENT: usize = 101;
/// What is offered for one day may overlap; what is taken of it may not.
const APART_SECONDS: i64 = 2 * 3_600;

/// `switchboard bench writeback`.
pub(super) async fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let longest = bench.lasting(160);
    let ms = |time: Duration| time.as_millis().to_string();
    let shortest = ms(longest / 8);
    let sandbox = ["--writeback-min-ms".to_owned(), shortest, "--writeback-max-ms".to_owned(), ms(longest)];
    let clinics = Arc::new(Clinics::open(bench, sandbox.to_vec(), &[]).await?);
    let outcome = measure(bench, &clinics, longest).await;
    if let Ok(clinics) = Arc::try_unwrap(clinics) {
        clinics.close().await;
    }
    outcome
}

async fn measure(bench: &Bench<'_>, clinics: &Arc<Clinics>, longest: Duration) -> anyhow::Result<()> {
    bench.out.say("Looking for free times.");
    let mut looking = JoinSet::new();
    for practice in 0..PRACTICES {
        let clinics = clinics.clone();
        looking.spawn(async move { Ok::<_, anyhow::Error>((practice, slots(&clinics, practice).await?)) });
    }
    let mut free = BTreeMap::new();
    while let Some(found) = looking.join_next().await {
        let (practice, slots) = found??;
        free.insert(practice, slots);
    }
    bench.out.say(format!("Booking {BOOKINGS} times over {PRACTICES} practices."));
    let began = Instant::now();
    let mut booking = JoinSet::new();
    for number in 0..BOOKINGS {
        let (practice, turn) = (number % PRACTICES, number / PRACTICES);
        let slot = free[&practice].get(turn).context("a practice has too few free times")?.clone();
        let due = began + BOOKED_WITHIN * u32::try_from(number)? / u32::try_from(BOOKINGS)?;
        let clinics = clinics.clone();
        booking.spawn(async move {
            sleep_until(due).await;
            book(&clinics, practice, turn, &slot).await
        });
    }
    while let Some(booked) = booking.join_next().await {
        booked??;
    }
    let until = Instant::now() + longest + Duration::from_secs(60);
    let mut lags = Vec::new();
    for seeded in &clinics.tenants {
        let known = settled(bench, seeded, until).await?;
        lags.extend(lags_of(clinics, seeded, &known).await?);
    }
    report(bench, clinics, lags).await
}

async fn report(bench: &Bench<'_>, clinics: &Clinics, lags: Vec<f64>) -> anyhow::Result<()> {
    ensure!(lags.len() == BOOKINGS, "{} of {BOOKINGS} bookings were made", lags.len());
    let requests = clinics.sandbox.get("/admin/sikka/requests").await?;
    let offices = requests.as_object().into_iter().flatten().filter(|(office, _)| office.starts_with('D'));
    let most = offices.filter_map(|(_, counts)| counts["max_per_minute"].as_u64()).max();
    let advertised = clinics.sandbox.get("/admin/sikka/faults").await?["rate_limit_per_minute"].as_u64();
    let lags = sorted(lags);
    bench.out.result(&json!({
        "bench": "writeback",
        "bookings": lags.len(),
        "practices": PRACTICES,
        "lag_mean_ms": mean(&lags).round(),
        "lag_p95_ms": percentile(&lags, 0.95).round(),
        "lag_max_ms": percentile(&lags, 1.0).round(),
        "requests_per_practice_per_minute_max": most,
        "budget": advertised.map(|limit| limit * 80 / 100),
        "vendor_limit": advertised,
        "requests_per_booking": rounded(total(&requests) / lags.len() as f64),
    }));
    Ok(())
}

fn total(requests: &Value) -> f64 {
    requests.as_object().into_iter().flatten().filter_map(|(_, counts)| counts["total"].as_f64()).sum()
}

/// As many times as will be booked, far enough apart that no two of them meet.
async fn slots(clinics: &Clinics, practice: usize) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for ahead in 1_i64..34 {
        let day = Zoned::now().checked_add(ahead.days())?.date();
        let asked = json!({ "from": day.to_string() });
        let tenant = clinics.tenants[practice].tenant;
        let answer = patiently(clinics, tenant, "checkAvailability", &asked).await?;
        let mut last = Timestamp::MIN;
        for slot in answer["slots"].as_array().into_iter().flatten() {
            let start: Timestamp = slot["start"].as_str().context("a time without a start")?.parse()?;
            // A full day is answered with later ones, which their own question brings again.
            let own_day = slot["start"].as_str().is_some_and(|text| text.starts_with(&day.to_string()));
            if own_day && (last == Timestamp::MIN || start.as_second() - last.as_second() >= APART_SECONDS) {
                found.push(slot["slotId"].as_str().context("a time without an id")?.to_owned());
                last = start;
            }
        }
        if found.len() >= BOOKINGS / PRACTICES {
            break;
        }
    }
    Ok(found)
}

/// Asks again, as an agent does, where the practice's records could not be seen: its budget may be used up.
async fn patiently(
    clinics: &Clinics,
    tenant: TenantId,
    tool: &str,
    arguments: &Value,
) -> anyhow::Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = clinics.tool(tenant, tool, arguments, Instant::now()).await?.line;
        if answer["status"] != "unknown" || Instant::now() >= until {
            return Ok(answer);
        }
        sleep(AGAIN).await;
    }
}

async fn book(clinics: &Clinics, practice: usize, turn: usize, slot: &str) -> anyhow::Result<()> {
    let tenant = clinics.tenants[practice].tenant;
    for other in 0..PATIENTS {
        let patient = (FIRST_PATIENT + (turn + other) % PATIENTS).to_string();
        let wanted = json!({ "patientId": patient, "slotId": slot, "reason": "check-up" });
        let answer = patiently(clinics, tenant, "bookAppointment", &wanted).await?;
        match answer["status"].as_str().unwrap_or_default() {
            "confirmed" | "accepted" => return Ok(()),
            // This patient is expected by somebody else at that time.
            "refused" => {}
            status => bail!("a booking was answered with {status}: {}", answer["say"]),
        }
    }
    bail!("nobody could be booked at a time that was offered")
}

/// A tenant's writes, once none of them is under way.
async fn settled(bench: &Bench<'_>, seeded: &Seeded, until: Instant) -> anyhow::Result<Vec<Writeback>> {
    loop {
        let mut tx = bench.store.tenant(seeded.tenant).await?;
        let writes = tx.latest_writebacks(1_000).await?;
        tx.commit().await?;
        if writes.iter().all(|write| write.state.is_final()) {
            return Ok(writes);
        }
        if Instant::now() >= until {
            bail!("a write to a practice's system did not come to an end");
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Milliseconds between the practice's system having made each write and our knowing it.
async fn lags_of(clinics: &Clinics, seeded: &Seeded, known: &[Writeback]) -> anyhow::Result<Vec<f64>> {
    let path = format!("/admin/sikka/offices/{}/writebacks", seeded.office);
    let made = clinics.sandbox.get(&path).await?;
    let mut ended_ms: BTreeMap<String, i64> = BTreeMap::new();
    for write in made.as_array().into_iter().flatten() {
        let (Some(id), Some(at)) = (write["id"].as_u64(), write["finished_wall_ms"].as_i64()) else {
            continue;
        };
        ended_ms.insert(id.to_string(), at);
    }
    known
        .iter()
        .filter(|write| write.state == WritebackState::Succeeded)
        .map(|write| {
            let receipt = write.receipt.as_ref().context("a write without a receipt")?;
            let made = ended_ms.get(receipt).context("a write that the practice's system does not know")?;
            let known = write.finished_at.context("a write without an end")?;
            Ok((known.as_microsecond() - made * 1_000) as f64 / 1_000.0)
        })
        .collect()
}
