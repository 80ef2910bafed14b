mod caller;
mod sikka;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use domain::{TenantId, WritebackState};
use serde_json::{Value, json};
use store::{Store, Writeback};
use tokio::time::{Instant, sleep};

use super::audit;
use super::sandbox::Sandbox;
use super::timeline;
use crate::cli::DemoArgs;
use crate::out::Out;
use crate::place::{self, Place};

/// What a demo came to.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) booked: usize,
    pub(crate) confirmed_ms: Option<i64>,
}

/// `switchboard demo [CALL]`, `switchboard demo sikka`: against the stack that runs here.
pub(crate) async fn run(args: &DemoArgs, out: Out) -> anyhow::Result<ExitCode> {
    if args.call == "sikka" {
        return sikka::run(&args.target.state, out).await;
    }
    let place = Place::read(&args.target.state)?;
    let store = place::store(&args.target.state).await?;
    let played = play_and_check(&place, &store, &args.call, out).await?;
    out.result(&json!({ "demo": "ok", "booked": played.booked, "confirmed_ms": played.confirmed_ms }));
    Ok(ExitCode::SUCCESS)
}

/// Plays a call, and holds what was said against the practice's own records, our database and the
/// audit chain. Anything that does not fit is an error.
pub(crate) async fn play_and_check(
    place: &Place,
    store: &Store,
    call: &str,
    out: Out,
) -> anyhow::Result<Played> {
    let sandbox = Sandbox::new(&place.sandbox_admin);
    let tenant: TenantId = place.tenant.parse()?;
    let before = appointments(&sandbox, &place.office).await?.len();
    out.say(format!("\nThe call `{call}`:\n"));
    let timeline = sandbox
        .post(
            "/admin/vapi/calls",
            &json!({
                "script": call,
                "gateway_url": place.gateway.first(),
                "auth": { "type": "secret", "secret": place.webhook_secret },
                "variables": { "accountId": place.tenant, "called": place.called },
                "options": { "report_delay_ms": 500 },
            }),
        )
        .await?;
    timeline::print(&timeline, out);
    let call_id = timeline["id"].as_str().context("the call has no id")?;
    ensure!(
        timeline["ok"] == json!(true),
        "the call broke a rule of the voice vendor or of its script: {}",
        timeline["violations"]
    );
    let writes = settled(store, tenant, Duration::from_secs(60)).await?;
    let played = hold_against_records(&sandbox, place, before, &writes, out).await?;
    check_call_log(store, tenant, call_id).await?;
    check_audit(store, tenant, call_id, &timeline, out).await?;
    Ok(played)
}

async fn appointments(sandbox: &Sandbox, office: &str) -> anyhow::Result<Vec<Value>> {
    let pms = sandbox.get(&format!("/admin/sikka/offices/{office}/pms")).await?;
    Ok(pms["appointments"].as_array().cloned().unwrap_or_default())
}

/// The tenant's writes, once none of them is under way.
async fn settled(store: &Store, tenant: TenantId, patience: Duration) -> anyhow::Result<Vec<Writeback>> {
    let until = Instant::now() + patience;
    loop {
        let mut tx = store.tenant(tenant).await?;
        let writes = tx.latest_writebacks(100).await?;
        tx.commit().await?;
        if writes.iter().all(|write| write.state.is_final()) {
            return Ok(writes);
        }
        if Instant::now() >= until {
            bail!("a write to the practice's system did not come to an end");
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn hold_against_records(
    sandbox: &Sandbox,
    place: &Place,
    before: usize,
    writes: &[Writeback],
    out: Out,
) -> anyhow::Result<Played> {
    let records = appointments(sandbox, &place.office).await?;
    let mut booked = 0;
    let mut confirmed_ms = None;
    out.say("\nWhat the practice's own system holds now:\n");
    for write in writes.iter().filter(|write| write.operation == "book_appointment") {
        let ours: Vec<&Value> = records
            .iter()
            .filter(|one| one["description"].as_str().unwrap_or_default().contains(&write.reference))
            .collect();
        let wanted = usize::from(write.state == WritebackState::Succeeded);
        ensure!(
            ours.len() == wanted,
            "write {} is {}, and the practice's system holds {} appointments of it",
            write.id,
            write.state,
            ours.len()
        );
        for one in ours {
            booked += 1;
            let ended = write.finished_at.context("a write that succeeded has no end")?;
            confirmed_ms = i64::try_from(ended.duration_since(write.created_at).as_millis()).ok();
            out.say(format!(
                "    appointment {} for patient {} on {} at {} with {} in {}: \"{}\"",
                one["appointment_sr_no"],
                one["patient_id"],
                word(one, "date"),
                word(one, "time"),
                word(one, "provider_id"),
                word(one, "operatory"),
                word(one, "description"),
            ));
        }
    }
    ensure!(records.len() >= before, "the practice's system holds fewer appointments than before the call");
    Ok(Played { booked, confirmed_ms })
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("?")
}

async fn check_call_log(store: &Store, tenant: TenantId, call_id: &str) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(15);
    loop {
        let mut tx = store.tenant(tenant).await?;
        let state = tx.call_state(call_id).await?;
        tx.commit().await?;
        if state.is_some_and(|(status, _)| status == "ended") {
            return Ok(());
        }
        if Instant::now() >= until {
            bail!("the call's log was not completed");
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn check_audit(
    store: &Store,
    tenant: TenantId,
    call_id: &str,
    timeline: &Value,
    out: Out,
) -> anyhow::Result<()> {
    let records = audit::latest(store, tenant, 100).await?;
    out.say("\nWhat the audit log recorded:\n");
    for record in &records {
        out.say(format!("  {}", audit::as_line(record)));
    }
    // A tool that does not exist touches nobody's data.
    let known = |entry: &&Value| entry["tool"].as_str().is_some_and(|name| reception::tool(name).is_some());
    let entries = timeline["entries"].as_array().into_iter().flatten();
    let tools = entries.filter(|entry| entry["kind"] == "tool").filter(known).count();
    let kept = records.iter().filter(|record| record["call_id"] == call_id).count();
    ensure!(kept >= tools, "{tools} tools were used in the call and {kept} of them are in the audit log");
    for (tenant, report) in audit::verify_all(store).await? {
        ensure!(report.faults.is_empty(), "the audit chain of {tenant} is broken: {:?}", report.faults);
    }
    out.say("\n  The audit chain is whole.");
    Ok(())
}
