use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bus::{Bus, BusConfig, topology};
use bytes::Bytes;
use jiff::Timestamp;
use seal::{HmacKey, Secret};
use serde_json::json;
use tokio::time::Instant;

use super::load::{Load, Served};
use super::numbers::{cpu_us, number_in, percentile, rounded};
use super::twin::Twin;
use super::{Bench, ceiling, load};
use crate::place::write_private;
use crate::stack::{Child, free_port, wait_ready};

pub(super) const PATH: &str = "/api/vapi/webhook";
const CONNECTIONS: [usize; 2] = [32, 128];
const BODY: usize = 1_200;
/// Before each measurement: connections, caches, the processor's clock.
const WARM_UP: Duration = Duration::from_secs(1);

/// Only what a webhook needs: the gateway, the broker, the database.
struct Stage {
    gateway: Child,
    address: SocketAddr,
    twin: Twin,
    bus: Bus,
    broker: Option<u32>,
    secret: Secret,
    lasting: Duration,
}

/// `switchboard bench gateway`.
pub(super) async fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let mut stage = Stage::set(bench).await?;
    let mut outcome = Ok(());
    for connections in CONNECTIONS {
        outcome = stage.measure(bench, connections).await;
        if outcome.is_err() {
            break;
        }
    }
    stage.gateway.stop(Duration::from_secs(10)).await;
    stage.bus.close().await;
    stage.twin.stop().await;
    outcome
}

impl Stage {
    async fn set(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let secret = Secret::new(seal::sha256_hex(&seal::random::<32>()?));
        let bus = Bus::connect(BusConfig::new(&bench.servers.amqp_url, "bench")).await?;
        topology::declare(&bus).await?;
        ceiling::until_taken(&bus).await?;
        ceiling::drain(&bus).await?;
        let port = free_port(0)?;
        let mut gateway = child(bench, port, &secret)?;
        gateway.start()?;
        let until = Instant::now() + Duration::from_secs(30);
        wait_ready(&format!("http://127.0.0.1:{port}/ready"), until, || gateway.has_died())
            .await
            .with_context(|| format!("the gateway did not become ready\n{}", gateway.last_words()))?;
        Ok(Self {
            gateway,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            twin: Twin::start(&secret).await?,
            bus,
            // A broker that somebody else runs does not tell what it costs.
            broker: number_in(&bench.state.join("rabbitmq/pid"))
                .filter(|_| std::env::var_os("AMQP_URL").is_none()),
            secret,
            lasting: bench.lasting(8),
        })
    }

    async fn measure(&mut self, bench: &Bench<'_>, connections: usize) -> anyhow::Result<()> {
        let requests = || signed(&self.secret, connections);
        let body = Bytes::from(vec![b'x'; BODY + 100]);
        ceiling::publish(&self.bus, &body, connections, WARM_UP).await?;
        let ceiling = ceiling::publish(&self.bus, &body, connections, self.lasting).await?;
        ceiling::drain(&self.bus).await?;
        let http = self.load(self.twin.address(), requests()?).await?;

        let gateway = self.gateway.pid().context("the gateway died")?;
        let warm = Load { address: self.address, requests: requests()?, lasting: WARM_UP };
        let warm = load::run(warm).await?;
        let spent = || -> anyhow::Result<(u64, Option<u64>)> {
            Ok((cpu_us(gateway)?, self.broker.map(cpu_us).transpose()?))
        };
        let before = spent()?;
        let served = self.load(self.address, requests()?).await?;
        let after = spent()?;
        let accepted = warm.accepted + served.accepted;
        let queued = ceiling::drain(&self.bus).await?;
        ensure!(served.refused == 0, "{} webhooks were refused", served.refused);
        ensure!(queued == accepted, "{accepted} webhooks were accepted, and {queued} are in the queue");

        let each = |us: u64| rounded(us as f64 / served.accepted as f64);
        bench.out.result(&json!({
            "bench": "gateway",
            "connections": connections,
            "per_second": served.per_second().round(),
            "ceiling_per_second": ceiling.round(),
            "http_per_second": http.per_second().round(),
            "ratio_to_ceiling": rounded(served.per_second() / ceiling),
            "ratio_to_http": rounded(served.per_second() / http.per_second()),
            "p50_ms": rounded(percentile(&served.ms, 0.5)),
            "p99_ms": rounded(percentile(&served.ms, 0.99)),
            "accepted": accepted,
            "queued": queued,
            "gateway_cpu_us": each(after.0.saturating_sub(before.0)),
            "broker_cpu_us": after.1.zip(before.1).map(|(after, before)| each(after.saturating_sub(before))),
        }));
        Ok(())
    }

    async fn load(&self, address: SocketAddr, requests: Vec<Vec<u8>>) -> anyhow::Result<Served> {
        load::run(Load { address, requests, lasting: self.lasting }).await
    }
}

fn child(bench: &Bench<'_>, port: u16, secret: &Secret) -> anyhow::Result<Child> {
    let logs = bench.state.join("log");
    std::fs::create_dir_all(&logs)?;
    let program = std::env::current_exe()?.with_file_name("webhook-gateway");
    let settings: PathBuf = bench.state.join("bench-gateway.toml");
    let credential = "[[webhook_gateway.credentials]]\npreset = \"hmac-default\"\n";
    write_private(&settings, &format!("{credential}secret_key = \"{}\"\n", secret.expose()))?;
    let variables = [
        ("DATABASE_URL", bench.servers.database_url.clone()),
        ("AMQP_URL", bench.servers.amqp_url.clone()),
        ("ENCRYPTION_KEY", bench.encryption_key.clone()),
        ("SWITCHBOARD__HTTP__PORT", port.to_string()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let arguments = vec!["--config".to_owned(), settings.display().to_string()];
    Ok(Child::new("bench-webhook-gateway", program, arguments, variables, &logs))
}

/// A request a connection, each about a call of its own and signed as Vapi signs by default.
fn signed(secret: &Secret, connections: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let key = HmacKey::sha256(secret.expose().as_bytes());
    let time = Timestamp::now().as_millisecond().to_string();
    (0..connections)
        .map(|number| {
            let mut message = json!({"message": {
                "type": "transcript", "timestamp": 1_795_165_200_123_u64, "role": "user",
                "transcriptType": "final", "transcript": "",
                "call": { "id": format!("bench-{number:04}") },
                "customer": { "number": "+15550100010" },
            }});
            let short = BODY.saturating_sub(message.to_string().len());
            message["message"]["transcript"] = "said ".repeat(short / 5).into();
            let body = message.to_string();
            let signature: String = key
                .sign(&[time.as_bytes(), b".", body.as_bytes()])
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let head = format!(
                "POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
                 x-timestamp: {time}\r\nx-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            Ok([head.into_bytes(), body.into_bytes()].concat())
        })
        .collect()
}
