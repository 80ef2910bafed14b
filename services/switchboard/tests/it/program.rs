//! The operator's program on a running stack.

use bus::{Bus, BusConfig, Exchange, Letter};
use testbed::{Plan, Stack, until};

use crate::desk::{SOON, lines, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_nobody_can_read_is_parked_listed_shown_and_replayed() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (well, printed) = run(&stack, &["--json", "doctor"]).await;
    assert!(well, "{printed}");
    let checks: Vec<String> =
        lines(&printed).iter().map(|line| line["check"].as_str().unwrap().to_owned()).collect();
    for check in [
        "migrations",
        "database",
        "webhooks",
        "outbox",
        "parked",
        "writebacks",
        "tasks",
        "broker",
        "topology",
        "queues",
    ] {
        assert!(checks.iter().any(|one| one == check), "{check} is missing: {printed}");
    }
    let bus = Bus::connect(BusConfig::new(stack.amqp_url.clone(), "test")).await.unwrap();
    let letter = Letter::new("switchboard.v1.Garbage", "nobody can read this");
    bus.publish(Exchange::Queue, "voice.webhooks", letter).await.unwrap();
    let listed = async || lines(&run(&stack, &["--json", "parked", "list"]).await.1);
    let parked = until(SOON, "the parked message", || async { listed().await.pop() }).await;
    assert_eq!(
        (parked["queue"].as_str(), parked["kind"].as_str()),
        (Some("voice.webhooks"), Some("switchboard.v1.Garbage"))
    );
    let id = parked["id"].as_str().unwrap();
    let (well, shown) = run(&stack, &["parked", "show", id]).await;
    assert!(well && shown.contains("\"bytes\": 20") && !shown.contains("nobody can"), "{shown}");
    let (well, printed) = run(&stack, &["doctor"]).await;
    assert!(!well && printed.contains("LOOK  parked"), "{printed}");
    let (well, printed) = run(&stack, &["--json", "parked", "replay", id]).await;
    assert!(well, "{printed}");
    assert_eq!(lines(&printed)[0]["replayed"], id);
    // It still cannot be read, so it comes back; nothing of it is lost.
    until(SOON, "the message to be parked again", || async {
        listed().await.into_iter().find(|one| one["replayed_at"].is_null())
    })
    .await;
    // What is nobody's is in no chain; what is a tenant's is in the tenant's.
    let kept =
        "SELECT actor, detail->>'message', detail->>'queue' FROM audit_log WHERE action = 'message.replay'";
    assert!(stack.sql(kept).await.unwrap().is_empty());
    let tenant = stack.clinics[0].tenant.to_string();
    let letter = Letter::new("switchboard.v1.Garbage", "nor can they read this").tenant(&tenant);
    bus.publish(Exchange::Queue, "voice.webhooks", letter).await.unwrap();
    let theirs = until(SOON, "the tenant's message", || async {
        listed().await.into_iter().find(|one| one["tenant"] == tenant.as_str())
    })
    .await;
    let theirs = theirs["id"].as_str().unwrap();
    let (well, printed) = run(&stack, &["--json", "parked", "replay", theirs]).await;
    assert!(well, "{printed}");
    let on_record = [["operator", theirs, "voice.webhooks"]];
    assert_eq!(stack.sql(kept).await.unwrap(), on_record, "whose hand it was is on record");
    until(SOON, "both to be parked", || async {
        (listed().await.iter().filter(|one| one["replayed_at"].is_null()).count() == 2).then_some(())
    })
    .await;
    // One whose queue is no more holds up none of those behind it.
    let older = "INSERT INTO parked_messages SELECT gen_random_uuid(), tenant_id, 'a.queue.of.old', kind, reason, attempts,
                     hash_key, body, parked_at - interval '1 hour', NULL FROM parked_messages";
    stack.sql(older).await.unwrap();
    let (well, printed) = run(&stack, &["--json", "parked", "replay", "--all"]).await;
    let objects: Vec<&str> = printed.lines().filter(|line| line.starts_with('{')).collect();
    let told = lines(&objects.join("\n"));
    assert!(!well && told[0]["failed"].is_string(), "{printed}");
    assert!(told.iter().any(|line| line["replayed"] == id), "{printed}");
    let on_record = [on_record[0], on_record[0]];
    assert_eq!(stack.sql(kept).await.unwrap(), on_record, "what could not go is on no record");
    // Who had one sent is on record before it leaves; that it could not is as well, and it stays.
    let moved = format!("UPDATE parked_messages SET queue = 'a.queue.of.old' WHERE id = '{theirs}'");
    stack.sql(&moved).await.unwrap();
    let (well, printed) = run(&stack, &["--json", "parked", "replay", theirs]).await;
    assert!(!well && printed.contains("\"failed\""), "{printed}");
    let hands = "SELECT detail->>'queue', outcome FROM audit_log WHERE action = 'message.replay'
        ORDER BY sequence DESC LIMIT 2";
    let on_record = [["a.queue.of.old", "failed"], ["a.queue.of.old", "ok"]];
    assert_eq!(stack.sql(hands).await.unwrap(), on_record);
    until(SOON, "it to be set aside still", || async {
        listed().await.iter().any(|one| one["id"] == theirs && one["replayed_at"].is_null()).then_some(())
    })
    .await;
    let (well, printed) = run(&stack, &["parked", "show", &uuid::Uuid::now_v7().to_string()]).await;
    assert!(!well && printed.contains("no such message"), "{printed}");
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_shown_without_secrets_and_a_shell_learns_the_commands() {
    let stack = Stack::start(Plan { clinics: 0, replicas: 0, ..Plan::default() }).await.unwrap();
    let (well, printed) = run(&stack, &["--json", "config", "pms-api"]).await;
    assert!(well, "{printed}");
    let settings = lines(&printed);
    let pool = settings.iter().find(|one| one["path"] == "database.pool_size").unwrap();
    assert_eq!(pool["origin"], "default", "{pool}");
    let url = settings.iter().find(|one| one["path"] == "database.url").unwrap();
    assert_eq!(url["origin"], "DATABASE_URL", "{url}");
    for secret in stack.secrets().iter().chain([&stack.database_url, &stack.amqp_url]) {
        assert!(!printed.contains(secret.as_str()), "{printed}");
    }
    let (well, printed) = run(&stack, &["config", "nothing"]).await;
    assert!(!well && printed.contains("there is no service `nothing`"), "{printed}");
    for shell in ["bash", "zsh", "fish"] {
        let (well, script) = run(&stack, &["completion", shell]).await;
        assert!(well && script.contains("doctor") && script.contains("parked"), "{script}");
    }
}
