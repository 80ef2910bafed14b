use std::time::Duration;

use anyhow::Context as _;
use domain::TenantId;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::Bench;
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::{Seeded, add_demo, retire_demos};
use crate::stack::{Fleet, FleetPlan};

/// Everything runs: ten tenants with a practice each, on ten of the sandbox's offices.
pub(super) struct Clinics {
    pub(super) fleet: Fleet,
    pub(super) sandbox: Sandbox,
    pub(super) tenants: Vec<Seeded>,
    client: reqwest::Client,
    url: String,
    secret: String,
}

/// What a tool call came to.
#[derive(Debug)]
pub(super) struct Answer {
    /// What the agent is told.
    pub(super) line: Value,
    /// Milliseconds from the moment it was due.
    pub(super) total_ms: f64,
    /// Milliseconds of them that the practice's own system took.
    pub(super) vendor_ms: f64,
}

pub(super) const PRACTICES: usize = 10;

impl Clinics {
    pub(super) async fn open(
        bench: &Bench<'_>,
        sandbox: Vec<String>,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        retire_demos(&bench.store).await?;
        let mut tenants = Vec::with_capacity(PRACTICES);
        for number in 1..=PRACTICES {
            let office = format!("D{}", 10_000 + number);
            let seeded = add_demo(&bench.store, &office, "America/New_York", None).await?;
            // Its callers book for whomever they are given: who they are is not what is measured.
            let rules = json!({ "tools": { "bookAppointment": "none" } });
            let mut tx = bench.store.machinery().await?;
            tx.put_identity_rules(seeded.tenant, &rules).await?;
            tx.commit().await?;
            tenants.push(seeded);
        }
        let offices = ["--offices".to_owned(), PRACTICES.to_string()];
        let mut plan = FleetPlan::new(bench.state, bench.servers, &bench.encryption_key)?;
        plan.sandbox = offices.into_iter().chain(sandbox).collect();
        plan.settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let secret = plan.webhook_secret.clone();
        bench.out.say("Starting the services and the sandbox.");
        let fleet = Fleet::start(&plan).await?;
        let gateway = fleet.gateways.first().context("no gateway runs")?;
        Ok(Self {
            sandbox: Sandbox::new(&fleet.sandbox_admin),
            client: reqwest::Client::new(),
            url: format!("{gateway}/api/vapi/webhook"),
            tenants,
            secret,
            fleet,
        })
    }

    /// Uses a tool as an agent on the phone does. `due`: when it should have been sent, so that a call
    /// that had to wait for its turn counts as slow and not as late.
    pub(super) async fn tool(
        &self,
        tenant: TenantId,
        tool: &str,
        arguments: &Value,
        due: Instant,
    ) -> anyhow::Result<Answer> {
        let message = json!({"message": {
            "type": "tool-calls",
            "timestamp": jiff::Timestamp::now().as_millisecond(),
            "call": { "id": format!("bench-{}", Uuid::now_v7()), "metadata": { "accountId": tenant.to_string() } },
            "customer": { "number": "+15550100099" },
            "toolCallList": [{
                "id": format!("call_{}", Uuid::now_v7().simple()),
                "type": "function",
                "function": { "name": tool, "arguments": arguments },
            }],
        }});
        let request = self.client.post(&self.url).header("x-vapi-secret", &self.secret).json(&message);
        let response = request.timeout(Duration::from_secs(30)).send().await?;
        let timing = response.headers().get("server-timing").and_then(|value| value.to_str().ok());
        // Without one nobody was asked, which the line says as well.
        let vendor_ms = timing.and_then(|text| text.strip_prefix("vendor;dur=")?.parse().ok());
        let text = response.text().await?;
        let total_ms = due.elapsed().as_secs_f64() * 1000.0;
        let answer: Value = serde_json::from_str(&text)?;
        let line = answer["results"][0]["result"].as_str().context("an answer without a result")?;
        Ok(Answer { line: serde_json::from_str(line)?, total_ms, vendor_ms: vendor_ms.unwrap_or(0.0) })
    }

    pub(super) async fn close(mut self) {
        self.fleet.stop().await;
    }
}
