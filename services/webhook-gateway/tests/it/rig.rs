use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bus::{Bus, BusConfig, ConsumeOptions, Letter, Outcome, topology};
use domain::{PracticeId, TenantId};
use messages::Named;
use messages::v1::{ToolQuestion, ToolReply, WebhookReceived};
use seal::{KeyRing, Secret};
use serde_json::{Value, json};
use service::Running;
use service::settings::{BrokerSettings, DatabaseSettings, EncryptionSettings, HttpSettings};
use store::{NumberOwner, Practice, Store, Tenant};
use testbed::{Database, Proxy, Vhost, until};
use tokio_util::sync::{CancellationToken, DropGuard};
use webhook_gateway::{GatewaySettings, OwnSettings, SikkaDoor, VapiDoor, build};

use crate::http::{self, Answer};

pub(crate) const SOON: Duration = Duration::from_secs(30);
pub(crate) const SECRET: &str = "not-a-real-secret";
pub(crate) const CALLBACK_KEY: &str = "not-a-real-callback-key";
pub(crate) const NUMBER: &str = "+15550100002";
/// A base64 of 32 zero bytes: a key for tests only.
pub(crate) const KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A gateway whose wires to broker and database the test may cut, and the test's own way to both.
pub(crate) struct Rig {
    pub(crate) running: Running,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) broker: Proxy,
    pub(crate) base: Proxy,
    pub(crate) tenant: TenantId,
    pub(crate) practice: PracticeId,
    pub(crate) vhost: Vhost,
    pub(crate) database: Database,
    _serving: Vec<DropGuard>,
}

pub(crate) async fn fresh_database() -> Database {
    Database::fresh(store::template_key(), |url| async move {
        store::migrate(&Secret::new(url)).await?;
        Ok(())
    })
    .await
    .unwrap()
}

pub(crate) fn settings(broker: &str, database: &str) -> GatewaySettings {
    GatewaySettings {
        http: HttpSettings { port: 0, drain_seconds: 1, ..HttpSettings::default() },
        log: Default::default(),
        otlp: Default::default(),
        sentry: Default::default(),
        broker: BrokerSettings { url: broker.into() },
        database: DatabaseSettings { url: database.into(), pool_size: 4 },
        encryption: EncryptionSettings { key: KEY.into() },
        vapi: VapiDoor { webhook_secret: Some(SECRET.into()), ..VapiDoor::default() },
        sikka: SikkaDoor { callback_key: Some(CALLBACK_KEY.into()), ..SikkaDoor::default() },
        webhook_gateway: OwnSettings { confirm_ms: 1_000, tool_ms: 2_000, ..OwnSettings::default() },
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let (vhost, database) = (Vhost::fresh().await.unwrap(), fresh_database().await);
        let (broker, base) =
            (Proxy::to(&vhost.url()).await.unwrap(), Proxy::to(&database.url()).await.unwrap());
        let bus = Bus::connect(BusConfig::new(vhost.url(), "test")).await.unwrap();
        topology::declare(&bus).await.unwrap();
        let keys = Arc::new(KeyRing::parse(KEY).unwrap());
        let store = Store::open(&Secret::new(database.url()), 4, keys).await.unwrap();
        let (tenant, practice) = seed(&store).await;
        let mut settings =
            settings(&broker.in_front_of(&vhost.url()).unwrap(), &base.in_front_of(&database.url()).unwrap());
        change(&mut settings);
        let running = service::start("webhook-gateway", settings, build).await.unwrap();
        let rig = Self {
            running,
            bus,
            store,
            broker,
            base,
            tenant,
            practice,
            vhost,
            database,
            _serving: Vec::new(),
        };
        rig.until_it_publishes().await;
        rig
    }

    /// The gateway is ready before its broker is there, so a test that wants the broker waits for it: with a bare
    /// request, which leaves nothing in a queue.
    pub(crate) async fn until_it_publishes(&self) {
        let stop = CancellationToken::new();
        let reply = ToolReply { status: "ok".into(), ..ToolReply::default() };
        let answer = move |_| std::future::ready(Letter::new(ToolReply::NAME, reply.to_bytes()));
        let serving = tokio::spawn(self.bus.serve(topology::TOOLS_CALL, 4, answer, stop.clone()));
        let path = format!("/api/vapi/tools/probe?account={}", self.tenant);
        until(SOON, "the gateway's way to the broker", || async {
            (self.send(&path, b"{}").await.json()["status"] == "ok").then_some(())
        })
        .await;
        stop.cancel();
        serving.await.unwrap();
    }

    /// Any request at all.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        http::send(&self.running.address.to_string(), method, path, headers, body).await.unwrap()
    }

    /// A request of Vapi's.
    pub(crate) async fn send(&self, path: &str, body: &[u8]) -> Answer {
        self.request("POST", path, &[("X-Vapi-Secret", SECRET)], body).await
    }

    pub(crate) async fn post(&self, message: &Value) -> Answer {
        self.send("/api/vapi/webhook", message.to_string().as_bytes()).await
    }

    /// The answer's JSON; its status must be 200.
    pub(crate) async fn answered(&self, message: &Value) -> Value {
        let answer = self.post(message).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/json");
        answer.json()
    }

    /// What the only tool call of `message` was answered with.
    pub(crate) async fn told(&self, message: &Value) -> Value {
        let answer = self.answered(message).await;
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(1), "{answer}");
        line(&answer["results"][0])
    }

    pub(crate) async fn depth(&self) -> u32 {
        let depths = topology::depths(&self.bus).await.unwrap();
        depths
            .into_iter()
            .find(|depth| depth.queue == topology::VOICE_WEBHOOKS)
            .map_or(0, |depth| depth.messages)
    }

    /// The broker counts a moment later than it confirms.
    pub(crate) async fn until_depth(&self, letters: u32) {
        until(SOON, "the queue's depth", || async { (self.depth().await == letters).then_some(()) }).await;
    }

    pub(crate) async fn spilled(&self) -> i64 {
        let mut tx = self.store.machinery().await.unwrap();
        let depth = tx.outbox_depth().await.unwrap();
        tx.commit().await.unwrap();
        depth
    }

    /// Takes letters from the queue until `count` different ones have come, in the order they came.
    pub(crate) async fn take(&self, count: usize) -> Vec<(Letter, WebhookReceived)> {
        self.take_from(topology::VOICE_WEBHOOKS, count).await
    }

    /// As [`Rig::take`], from another queue.
    pub(crate) async fn take_from(
        &self,
        queue: &'static str,
        count: usize,
    ) -> Vec<(Letter, WebhookReceived)> {
        let taken: Arc<Mutex<Vec<Letter>>> = Arc::default();
        let (into, stop) = (taken.clone(), CancellationToken::new());
        let consuming = self.bus.consume(
            queue,
            ConsumeOptions { prefetch: 1, ..ConsumeOptions::default() },
            move |letter| {
                into.lock().unwrap().push(letter);
                async { Outcome::Done }
            },
            stop.clone(),
        );
        let consuming = tokio::spawn(consuming);
        until(SOON, "letters", || async { (taken.lock().unwrap().len() >= count).then_some(()) }).await;
        stop.cancel();
        consuming.await.unwrap();
        let letters = std::mem::take(&mut *taken.lock().unwrap());
        letters
            .into_iter()
            .map(|letter| {
                let received = WebhookReceived::from_bytes(&letter.body).unwrap();
                (letter, received)
            })
            .collect()
    }

    /// Deletes a queue, as a broker that lost its data has.
    pub(crate) async fn forget_queue(&self, queue: &str) {
        let api = std::env::var("SWITCHBOARD_TEST_RABBITMQ_API").unwrap();
        let (login, address) =
            api.trim_start_matches("http://").trim_end_matches('/').split_once('@').unwrap();
        let login = format!("Basic {}", STANDARD.encode(login));
        let path = format!("/api/queues/{}/{queue}", self.vhost.name());
        let answer = http::send(address, "DELETE", &path, &[("authorization", &login)], b"").await.unwrap();
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// Answers tool calls as `pms-api` would.
    pub(crate) fn serve<F>(&mut self, answer: impl Fn(ToolQuestion) -> F + Clone + Send + Sync + 'static)
    where
        F: Future<Output = ToolReply> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let serving = self.bus.serve(
            topology::TOOLS_CALL,
            16,
            move |letter| {
                let answer = answer.clone();
                async move {
                    let question = ToolQuestion::from_bytes(&letter.body).unwrap();
                    Letter::new(ToolReply::NAME, answer(question).await.to_bytes())
                }
            },
            stop.clone(),
        );
        tokio::spawn(serving);
        self._serving.push(stop.drop_guard());
    }
}

/// A message as Vapi would send it on a call to the seeded number.
pub(crate) fn on_a_call(call: &str, mut message: Value) -> Value {
    message["timestamp"] = json!(1_795_165_200_123_u64);
    message["call"]["id"] = json!(call);
    message["phoneNumber"] = json!({"number": NUMBER});
    message["customer"] = json!({"number": "+15550100010"});
    json!({"message": message})
}

/// A `tool-calls` message with one call.
pub(crate) fn tool_call(id: &str, tool: &str, arguments: &Value) -> Value {
    let call = json!({"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}});
    on_a_call("call-1", json!({"type": "tool-calls", "toolCallList": [call]}))
}

/// A result's text, which is JSON on one line.
pub(crate) fn line(result: &Value) -> Value {
    let text = result["result"].as_str().unwrap();
    assert!(!text.contains(['\n', '\r']), "{text}");
    serde_json::from_str(text).unwrap()
}

async fn seed(store: &Store) -> (TenantId, PracticeId) {
    let (tenant, practice) = (TenantId::new(), PracticeId::new());
    let mut tx = store.machinery().await.unwrap();
    let row = Tenant { id: tenant, slug: "maple".into(), name: "Maple Dental".into(), language: "en".into() };
    tx.put_tenant(&row).await.unwrap();
    let location = Practice {
        id: practice,
        name: "Maple Dental".into(),
        time_zone: "America/Chicago".into(),
        country: "US".into(),
    };
    tx.put_practice(tenant, &location).await.unwrap();
    let owner = NumberOwner { tenant, practice, assistant_id: Some("assistant-1".into()) };
    tx.put_phone_number(&owner, NUMBER, Some("number-1")).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, practice)
}
