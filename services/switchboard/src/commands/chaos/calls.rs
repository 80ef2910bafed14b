//! The load: callers who book, by the sandbox's own player, half of them at each gateway.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::plan::Draw;
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::Seeded;

/// The scripts in turn; those who book come more often.
const SCRIPTS: [&str; 6] = [
    include_str!("../../../chaos/known-patient-books.toml"),
    include_str!("../../../chaos/new-patient-books.toml"),
    include_str!("../../../chaos/known-patient-asks-twice.toml"),
    include_str!("../../../chaos/known-patient-books.toml"),
    include_str!("../../../chaos/asks-availability.toml"),
    include_str!("../../../chaos/new-patient-books.toml"),
];
/// Patients of an office whose number is written in a way that finds them, by their place in it.
const KNOWN: u64 = 30;
/// No divisor in common with the scripts: every caller plays every script sooner or later.
const CALLERS: usize = 211;

/// What one caller was told, as the sandbox tells it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Told {
    pub(super) call_id: String,
    pub(super) account_id: Option<String>,
    pub(super) tool: String,
    pub(super) tool_call_id: String,
    pub(super) arguments: Value,
    /// `null` for one that never came.
    pub(super) answers: Vec<Value>,
}

/// How all calls went.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) started: u64,
    pub(super) told: Vec<Told>,
    /// Answers of every tool by their status.
    pub(super) statuses: Map<String, Value>,
    pub(super) violations: Map<String, Value>,
}

/// What the calls are made with.
pub(super) struct Callers<'a> {
    pub(super) gateways: &'a [String],
    pub(super) secret: &'a str,
    pub(super) seed: u64,
    pub(super) per_second: f64,
    pub(super) lasts: Duration,
}

/// Begins the load, and returns its ids.
pub(super) async fn begin(
    sandbox: &Sandbox,
    tenants: &[Seeded],
    callers: &Callers<'_>,
) -> anyhow::Result<Vec<String>> {
    let mut draw = Draw::new(callers.seed ^ 0xCA11);
    let scripts: Vec<Value> = SCRIPTS.iter().map(|text| json!({ "toml": text })).collect();
    let mut ids = Vec::new();
    for (index, gateway) in callers.gateways.iter().enumerate() {
        // Every call is tried again where no answer comes; at the second gateway every tool call
        // arrives three times at once besides.
        let mut delivery = json!({ "backoff": { "type": "fixed", "maxRetries": 8, "baseDelaySeconds": 1 } });
        if index % 2 == 1 {
            delivery["extra_copies"] = json!(2);
            delivery["at_once"] = json!(true);
            delivery["only"] = json!(["tool-calls"]);
        }
        let rotate: Vec<Value> = (0..CALLERS).map(|_| who(&mut draw, tenants)).collect();
        let begun = sandbox
            .post(
                "/admin/vapi/load",
                &json!({
                    "scripts": scripts,
                    "per_second": callers.per_second / f64::from(u32::try_from(callers.gateways.len())?),
                    "seconds": callers.lasts.as_secs_f64(),
                    "seed": (callers.seed % 1_000_000) * 100_000 + 50_000 * index as u64,
                    "rotate": rotate,
                    "gateway_url": gateway,
                    "auth": { "type": "secret", "secret": callers.secret },
                    "options": {
                        "shape": "rotate",
                        "report_delay_ms": 300,
                        "server_messages": ["status-update", "conversation-update", "end-of-call-report", "tool-calls"],
                        "delivery": delivery,
                    },
                }),
            )
            .await?;
        ids.push(begun["id"].as_str().context("the load has no id")?.to_owned());
    }
    Ok(ids)
}

/// A patient of one of the offices. A new patient's script has a number of its own.
fn who(draw: &mut Draw, tenants: &[Seeded]) -> Value {
    let last = (tenants.len() as u64).saturating_sub(1);
    let office = usize::try_from(draw.between(0, last)).unwrap_or_default();
    let account = tenants.get(office).map(|seeded| seeded.tenant.to_string());
    let mut patient = draw.between(0, KNOWN - 1);
    if patient % 7 == 5 {
        patient -= 1;
    }
    json!({ "accountId": account, "caller": format!("+1555010{:04}", 100 + patient) })
}

/// Waits until every call is over, and returns what was told.
pub(super) async fn end(sandbox: &Sandbox, ids: &[String], patience: Duration) -> anyhow::Result<Report> {
    let until = Instant::now() + patience;
    let mut report = Report::default();
    for id in ids {
        let load = loop {
            let load = sandbox.get(&format!("/admin/vapi/load/{id}")).await;
            match load {
                Ok(load) if load["finished"] == json!(true) => break load,
                Ok(load) if Instant::now() >= until => {
                    bail!("{} of {} calls did not come to an end", load["ended"], load["started"]);
                }
                Err(error) if Instant::now() >= until => return Err(error),
                _ => {}
            }
            sleep(Duration::from_millis(500)).await;
        };
        report.take_in(load)?;
    }
    Ok(report)
}

impl Report {
    fn take_in(&mut self, mut load: Value) -> anyhow::Result<()> {
        self.started += load["started"].as_u64().unwrap_or_default();
        let told: Vec<Told> = serde_json::from_value(load["told"].take())?;
        self.told.extend(told);
        add(&mut self.violations, load["violations"].as_object());
        for (_, tool) in load["tools"].as_object().into_iter().flatten() {
            add(&mut self.statuses, tool["by_status"].as_object());
        }
        Ok(())
    }
}

fn add(sums: &mut Map<String, Value>, more: Option<&Map<String, Value>>) {
    for (name, count) in more.into_iter().flatten() {
        let sum = sums.get(name).and_then(Value::as_u64).unwrap_or_default();
        sums.insert(name.clone(), json!(sum + count.as_u64().unwrap_or_default()));
    }
}
