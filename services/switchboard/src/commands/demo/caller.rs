use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::out::Out;
use crate::place::Place;

/// Somebody on the phone: uses tools at the gateway as the voice vendor's agent does, and prints what was said.
pub(super) struct Caller {
    client: reqwest::Client,
    url: String,
    secret: String,
    tenant: String,
    /// The voice vendor's id of the call.
    pub(super) call: String,
    began: Instant,
    out: Out,
}

impl Caller {
    pub(super) fn new(place: &Place, tenant: &str, out: Out) -> anyhow::Result<Self> {
        let gateway = place.gateway.first().context("no gateway runs")?;
        Ok(Self {
            client: reqwest::Client::new(),
            url: format!("{gateway}/api/vapi/webhook"),
            secret: place.webhook_secret.clone(),
            tenant: tenant.to_owned(),
            call: format!("demo-{}", Uuid::now_v7()),
            began: Instant::now(),
            out,
        })
    }

    /// A headline of the timeline.
    pub(super) fn scene(&self, what: &str) {
        self.out.say(format!("\n{:7.2} s  {what}", self.began.elapsed().as_secs_f64()));
    }

    /// A fact that was checked.
    pub(super) fn held(&self, what: impl AsRef<str>) {
        self.out.say(format!("{:7.2} s     ok  {}", self.began.elapsed().as_secs_f64(), what.as_ref()));
    }

    /// Uses a tool; the answer is the line the agent reads.
    pub(super) async fn tool(&self, tool: &str, arguments: &Value) -> anyhow::Result<Value> {
        let at = self.began.elapsed().as_secs_f64();
        self.out.say(format!("{at:7.2} s    ──► {tool}"));
        let asked = Instant::now();
        let message = json!({ "message": {
            "type": "tool-calls",
            "timestamp": jiff::Timestamp::now().as_millisecond(),
            "call": { "id": self.call, "metadata": { "accountId": self.tenant } },
            "customer": { "number": "+15550100099" },
            "toolCallList": [{
                "id": format!("call_{}", Uuid::now_v7().simple()),
                "type": "function",
                "function": { "name": tool, "arguments": arguments },
            }],
        }});
        let request = self.client.post(&self.url).header("x-vapi-secret", &self.secret).json(&message);
        let response = request.timeout(Duration::from_secs(30)).send().await?;
        ensure!(response.status() == 200, "a tool call was answered with {}", response.status());
        let answer: Value = serde_json::from_str(&response.text().await?)?;
        let line = answer["results"][0]["result"].as_str().context("an answer without a result")?;
        let told: Value = serde_json::from_str(line)?;
        let at = self.began.elapsed().as_secs_f64();
        let (status, say) = (told["status"].as_str().unwrap_or("?"), told["say"].as_str().unwrap_or("?"));
        self.out.say(format!("{at:7.2} s    ◄── {tool}: {status} in {} ms", asked.elapsed().as_millis()));
        self.out.say(format!("{at:7.2} s  Agent    {say}"));
        Ok(told)
    }

    /// As [`Caller::tool`], until the answer is other than "not now".
    pub(super) async fn patiently(&self, tool: &str, arguments: &Value) -> anyhow::Result<Value> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let told = self.tool(tool, arguments).await?;
            let not_now = matches!(told["status"].as_str(), Some("unknown" | "unavailable"));
            if !not_now || told.get("writebackId").is_some() || Instant::now() > until {
                return Ok(told);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
