use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testbed::{Process, free_port, until};
use tokio::sync::Mutex;

use crate::http;
use crate::rig::{KEY, Rig, SECRET, SOON, on_a_call};

struct Gateway {
    process: Process,
    address: String,
}

async fn gateway(rig: &Rig) -> Gateway {
    let port = free_port().unwrap();
    let mut process = Process::new("webhook-gateway")
        .unwrap()
        .env("AMQP_URL", rig.vhost.url())
        .env("DATABASE_URL", rig.database.url())
        .env("ENCRYPTION_KEY", KEY)
        .env("VAPI_WEBHOOK_SECRET", SECRET)
        .env("SWITCHBOARD__HTTP__PORT", port.to_string());
    process.start().unwrap();
    let address = format!("127.0.0.1:{port}");
    process.ready(&format!("http://{address}/ready"), SOON).await.unwrap();
    Gateway { process, address }
}

fn call_id(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["message"]["call"]["id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_gateway_killed_in_a_stream_of_webhooks_has_lost_none_it_answered() {
    let rig = Rig::new().await;
    let mut gateway = gateway(&rig).await;
    let accepted: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for sender in 0..8 {
        let (accepted, stop, address) = (accepted.clone(), stop.clone(), gateway.address.clone());
        senders.push(tokio::spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let call = format!("call-{sender}-{number}");
                let body = on_a_call(&call, json!({"type": "status-update", "status": "ended"})).to_string();
                let headers = [("X-Vapi-Secret", SECRET)];
                if let Ok(answer) =
                    http::send(&address, "POST", "/api/vapi/webhook", &headers, body.as_bytes()).await
                    && answer.status == 200
                {
                    accepted.lock().await.insert(call);
                }
            }
        }));
    }
    for round in 1..=3 {
        let enough = round * 150;
        until(SOON, "accepted webhooks", || async { (accepted.lock().await.len() > enough).then_some(()) })
            .await;
        gateway.process.restart().unwrap();
        let ready = format!("http://{}/ready", gateway.address);
        gateway.process.ready(&ready, SOON).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let accepted = accepted.lock().await.clone();
    let mut kept = BTreeSet::new();
    let mut letters = rig.take(accepted.len()).await;
    loop {
        kept.extend(letters.iter().map(|(_, received)| call_id(&received.body)));
        if accepted.is_subset(&kept) {
            break;
        }
        // Fails when nothing comes any more, and something is still missing.
        letters = rig.take(1).await;
    }
    assert!(gateway.process.exited().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_its_log_and_metrics_name_no_secret_and_no_patient() {
    let rig = Rig::new().await;
    let mut gateway = gateway(&rig).await;
    let post = async |secret: &str, message: &Value| {
        let headers = [("X-Vapi-Secret", secret)];
        let body = message.to_string();
        http::send(&gateway.address, "POST", "/api/vapi/webhook", &headers, body.as_bytes())
            .await
            .unwrap()
            .status
    };
    let call = json!({"id": "t-1", "name": "searchPatients", "arguments": {"lastName": "Quillfeather"}});
    let message = on_a_call("call-1", json!({"type": "tool-calls", "toolCallList": [call]}));
    assert_eq!(post(SECRET, &message).await, 200);
    assert_eq!(post("a wrong secret", &message).await, 401);
    let metrics = http::send(&gateway.address, "GET", "/metrics", &[], b"").await.unwrap().text();
    assert!(metrics.contains("gateway_webhooks_total"), "{metrics}");
    assert!(metrics.contains("gateway_webhooks_unverified_total"), "{metrics}");
    let status = gateway.process.terminate(Duration::from_secs(20)).await.unwrap();
    assert!(status.success(), "{status}");
    let log = gateway.process.log();
    assert!(log.contains("a tool call was answered with an apology"), "{log}");
    for hidden in ["Quillfeather", "+1555", SECRET, "a wrong secret", "guest:guest"] {
        assert!(!log.contains(hidden) && !metrics.contains(hidden), "{hidden}: {log}");
    }
}
