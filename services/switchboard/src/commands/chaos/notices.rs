//! A steady stream of webhooks that wait for nothing, each remembered with how often it was answered
//! 2xx: what was answered so must be in the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use uuid::Uuid;
use voice_vapi::{Head, Verified};

use crate::commands::seed::Seeded;

/// A vendor that gets no 2xx tries again so often.
const TRIES: usize = 6;

/// Events by their name in the ledger, and how many deliveries of each were answered 2xx.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) accepted: BTreeMap<String, u64>,
    /// Those that no try got through.
    pub(super) refused: u64,
}

/// Sends `per_second` webhooks for so long, to each gateway in turn.
pub(super) async fn send(
    gateways: &[String],
    secret: &str,
    tenants: &[Seeded],
    per_second: u32,
    lasts: Duration,
) -> anyhow::Result<Sent> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let (gateways, secret): (Arc<[String]>, Arc<str>) = (gateways.into(), secret.into());
    let until = Instant::now() + lasts;
    let mut ticks = interval(Duration::from_secs(1) / per_second.max(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut under_way = JoinSet::new();
    let mut sent = Sent::default();
    for index in 0_usize.. {
        ticks.tick().await;
        if Instant::now() >= until {
            break;
        }
        while let Some(Ok(one)) = under_way.try_join_next() {
            sent.take_in(one);
        }
        let Some(tenant) = tenants.get(index % tenants.len().max(1)) else { break };
        let body = body(tenant);
        let (client, gateways, secret) = (client.clone(), gateways.clone(), secret.clone());
        under_way.spawn(async move { deliver(&client, &gateways, &secret, body, index).await });
    }
    while let Some(Ok(one)) = under_way.join_next().await {
        sent.take_in(one);
    }
    Ok(sent)
}

impl Sent {
    fn take_in(&mut self, (name, accepted): (Option<String>, u64)) {
        match name {
            Some(name) if accepted > 0 => *self.accepted.entry(name).or_default() += accepted,
            _ => self.refused += 1,
        }
    }

    /// Deliveries answered 2xx.
    pub(super) fn deliveries(&self) -> u64 {
        self.accepted.values().sum()
    }
}

fn body(tenant: &Seeded) -> String {
    json!({ "message": {
        "type": "status-update",
        "status": "in-progress",
        "timestamp": Timestamp::now().as_millisecond(),
        "call": {
            "id": Uuid::now_v7().to_string(),
            "type": "inboundPhoneCall",
            "metadata": { "accountId": tenant.tenant.to_string() },
        },
    }})
    .to_string()
}

async fn deliver(
    client: &reqwest::Client,
    gateways: &[String],
    secret: &str,
    body: String,
    index: usize,
) -> (Option<String>, u64) {
    let name = Head::read(&Verified::from_the_bus(body.as_bytes()))
        .ok()
        .map(|head| head.key.message_id().simple().to_string());
    // Now and then the vendor delivers twice, though once was enough.
    let mut wanted = if index % 10 == 3 { 2 } else { 1 };
    let mut accepted = 0;
    for again in 0..TRIES {
        let Some(gateway) = gateways.get((index + again) % gateways.len().max(1)) else { break };
        let request = client
            .post(format!("{gateway}/api/vapi/webhook"))
            .header("x-vapi-secret", secret)
            .header("content-type", "application/json")
            .body(body.clone());
        if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
            accepted += 1;
            wanted -= 1;
            if wanted == 0 {
                break;
            }
        } else {
            sleep(Duration::from_millis(500)).await;
        }
    }
    (name, accepted)
}
