use std::sync::Arc;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use tokio::task::JoinSet;

use super::deliver::{Delivered, Gateway, Outgoing};
use super::options::Order;
use super::rules;
use super::timeline::{Finding, Recorder, Severity, What, milliseconds};

/// Messages that nobody waits for, sent in the order the options ask for.
#[derive(Debug)]
pub(super) struct Notices {
    pub(super) gateway: Arc<Gateway>,
    pub(super) recorder: Recorder,
    pub(super) order: Order,
    pub(super) expect_status: Option<u16>,
    pub(super) held: Vec<Outgoing>,
    pub(super) under_way: JoinSet<()>,
}

/// So many messages are held back before they are shuffled.
const HANDFUL: usize = 5;

impl Notices {
    pub(super) async fn send(&mut self, outgoing: Outgoing, random: &mut StdRng) {
        match self.order {
            Order::InOrder => self.deliver(outgoing).await,
            Order::Concurrent => {
                let (gateway, recorder) = (Arc::clone(&self.gateway), self.recorder.clone());
                let expect_status = self.expect_status;
                self.under_way
                    .spawn(async move { deliver(&gateway, &recorder, &outgoing, expect_status).await });
            }
            Order::Shuffled => {
                self.held.push(outgoing);
                if self.held.len() >= HANDFUL {
                    self.release(random).await;
                }
            }
        }
    }

    /// Sends what is held back and waits for what is under way.
    pub(super) async fn flush(&mut self, random: &mut StdRng) {
        self.release(random).await;
        while self.under_way.join_next().await.is_some() {}
    }

    async fn release(&mut self, random: &mut StdRng) {
        let mut handful = std::mem::take(&mut self.held);
        handful.shuffle(random);
        for outgoing in handful {
            self.deliver(outgoing).await;
        }
    }

    async fn deliver(&self, outgoing: Outgoing) {
        deliver(&self.gateway, &self.recorder, &outgoing, self.expect_status).await;
    }
}

async fn deliver(gateway: &Gateway, recorder: &Recorder, outgoing: &Outgoing, expect_status: Option<u16>) {
    let delivered = gateway.send(outgoing).await;
    recorder.lock().requests += u32::try_from(delivered.len()).unwrap_or(u32::MAX);
    let kind = &outgoing.kind;
    for one in delivered {
        let findings = match expect_status {
            Some(status) => rules::refused(kind, &one.outcome, status),
            None => rules::informational(kind, &one.outcome),
        };
        recorder.write_at(one.sent_at, message_line(outgoing, &one, None));
        recorder.find(forgiven(findings, &one));
    }
}

/// The timeline's line about one request.
pub(super) fn message_line(outgoing: &Outgoing, one: &Delivered, answer: Option<Value>) -> What {
    let message = &outgoing.body["message"];
    let about =
        ["status", "request", "transcriptType", "language"].iter().find_map(|key| message[*key].as_str());
    let role = message["role"].as_str();
    What::Message {
        message: outgoing.kind.clone(),
        about: match (role, about) {
            (Some(role), Some(about)) => Some(format!("{role} {about}")),
            (role, about) => role.or(about).map(ToOwned::to_owned),
        },
        http_status: one.outcome.status(),
        took_ms: milliseconds(one.took),
        attempt: one.attempt,
        copy: one.copy,
        answer,
    }
}

/// A refusal that the backoff plan tries again is no violation yet: that is what the plan is for.
pub(super) fn forgiven(findings: Vec<Finding>, one: &Delivered) -> Vec<Finding> {
    if !one.retried || one.lost {
        return findings;
    }
    findings.into_iter().map(|finding| Finding { severity: Severity::Warning, ..finding }).collect()
}
