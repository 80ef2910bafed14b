//! Servers of the test's own, killed under a stream of webhooks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use seal::Secret;
use serde_json::json;
use testbed::{Plan, Stack, until};
use tokio::sync::Mutex;

use crate::desk::SOON;

const DATABASE: &str = "private-postgres";
const BROKER: &str = "private-rabbitmq";
/// A killed broker takes its time to come back on a slow machine.
const LONG: Duration = Duration::from_secs(120);
/// Between two webhooks of one sender.
const PACE: Duration = Duration::from_millis(40);
/// RabbitMQ 3.10 loses a quorum queue that was declared within about a second of its death.
const SETTLED: Duration = Duration::from_secs(4);

/// A PostgreSQL and a RabbitMQ that nobody else uses.
struct Servers {
    dir: PathBuf,
}

impl Servers {
    async fn start() -> (Self, String, String) {
        let servers =
            Self { dir: std::env::temp_dir().join(format!("switchboard-servers-{}", uuid::Uuid::new_v4())) };
        std::fs::create_dir_all(&servers.dir).unwrap();
        let (database, broker) = tokio::join!(servers.tell(DATABASE, "start"), servers.tell(BROKER, "start"));
        store::migrate(&Secret::new(database.clone())).await.unwrap();
        (servers, database, broker)
    }

    /// One verb of a server's script; what it printed.
    async fn tell(&self, script: &str, verb: &'static str) -> String {
        let dir = self.dir.join(script);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/lib").join(script);
        let run = move || Command::new(script).arg(verb).arg(dir).output().unwrap();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn crash(&self, script: &str) {
        self.tell(script, "kill").await;
        self.tell(script, "start").await;
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for script in [DATABASE, BROKER] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/lib").join(script);
            let _ = Command::new(path).arg("remove").arg(self.dir.join(script)).output();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Sends webhooks until told to stop, each on a call of its own; the calls that were answered 200.
struct Stream {
    accepted: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<AtomicBool>,
    senders: Vec<tokio::task::JoinHandle<()>>,
}

impl Stream {
    fn start(stack: &Stack) -> Self {
        let (accepted, stop) = (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::<AtomicBool>::default());
        let sender = |sender: usize| {
            let (door, clinic) = (stack.door(0).unwrap(), stack.clinics[0].clone());
            let (accepted, stop) = (accepted.clone(), stop.clone());
            async move {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let call = format!("call-{sender}-{number}");
                    let ended = json!({ "type": "status-update", "status": "ended" });
                    match door.webhook(&clinic, &call, ended).await {
                        Ok(answer) if answer.status == 200 => drop(accepted.lock().await.insert(call)),
                        Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                        // The gateway is not there.
                        Err(_) => {}
                    }
                    // As fast as calls come in, and not as fast as they could be sent.
                    tokio::time::sleep(PACE).await;
                }
            }
        };
        let senders = (0..4).map(|number| tokio::spawn(sender(number))).collect();
        Self { accepted, stop, senders }
    }

    /// Waits until so many more have been accepted.
    async fn flows(&self, more: usize) {
        let enough = self.accepted.lock().await.len() + more;
        until(LONG, "accepted webhooks", || async {
            (self.accepted.lock().await.len() >= enough).then_some(())
        })
        .await;
    }

    async fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.await.unwrap();
        }
        let accepted = self.accepted.lock().await;
        accepted.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_what_was_answered_2xx_outlives_a_killed_gateway_a_killed_broker_and_a_killed_database() {
    let (servers, database, broker) = Servers::start().await;
    let plan = Plan { servers: Some((database, broker)), ..Plan::default() };
    let mut stack = Stack::start(plan).await.unwrap();
    let declared = Instant::now();
    let stream = Stream::start(&stack);
    stream.flows(50).await;
    stack.gateways[0].process.restart().unwrap();
    stack.gateways[0].ready().await.unwrap();
    stream.flows(50).await;
    until(LONG, "queues that survive", || async { (declared.elapsed() > SETTLED).then_some(()) }).await;
    servers.crash(BROKER).await;
    stream.flows(50).await;
    servers.crash(DATABASE).await;
    stream.flows(50).await;
    let accepted = stream.stop().await;
    let wanted = format!("all {} accepted webhooks in the database", accepted.len());
    until(LONG, &wanted, || async {
        let known = stack.sql("SELECT vendor_call_id FROM voice_calls").await.ok()?;
        accepted.is_subset(&known.concat().into_iter().collect()).then_some(())
    })
    .await;
    until(LONG, "a balanced ledger", || async {
        let mut tx = stack.store.machinery().await.ok()?;
        let ledger = tx.ledger().await.ok()?;
        tx.commit().await.ok()?;
        (ledger.outstanding() == 0
            && ledger.pending == 0
            && ledger.handled >= i64::try_from(accepted.len()).ok()?)
        .then_some(())
    })
    .await;
    both_away(&servers, &stack).await;
}

/// With neither broker nor database there is nothing to keep a message in, and that is said.
async fn both_away(servers: &Servers, stack: &Stack) {
    tokio::join!(servers.tell(BROKER, "kill"), servers.tell(DATABASE, "kill"));
    let clinic = &stack.clinics[0];
    let status = json!({ "type": "status-update", "status": "ended" });
    let refused = stack.webhook(clinic, "call-away", status.clone()).await.unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    let began = Instant::now();
    let days = json!({ "from": crate::desk::day(1) });
    let told = stack.tool(clinic, ("call-away", "use"), "checkAvailability", &days).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "a caller on the phone waited {:?}", began.elapsed());
    assert!(told["say"].as_str().is_some_and(|say| say.contains("sorry")), "{told}");
    tokio::join!(servers.tell(BROKER, "start"), servers.tell(DATABASE, "start"));
    until(SOON, "a gateway that takes messages again", || async {
        let answer = stack.webhook(clinic, "call-back", status.clone()).await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    until(LONG, "that message", || async {
        let known = stack.sql("SELECT 1 FROM voice_calls WHERE vendor_call_id = 'call-back'").await.ok()?;
        (!known.is_empty()).then_some(())
    })
    .await;
}
