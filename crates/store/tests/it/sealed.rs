//! P8: what is at rest.

use std::sync::Arc;

use domain::{PracticeId, WritebackId};
use jiff::{SignedDuration, Timestamp};
use seal::{KeyRing, Secret};
use serde_json::json;
use store::{
    CallUpdate, NewAlertDestination, NewConnection, NewEvent, NewParked, NewTask, OutgoingLetter, Store,
    ToolCallClaim, ToolCallKey,
};
use uuid::Uuid;

use crate::rig::{Clinic, Rig, booking};

const MARKER: &str = "Zyxwvana Quillfeather";

/// Writes the marker wherever the store takes something about a patient, or a secret.
pub(crate) async fn write_everywhere(rig: &Rig, clinic: Clinic) {
    let body = format!("{{\"name\":\"{MARKER}\"}}");
    let body = body.as_bytes();
    let letter = OutgoingLetter {
        message_id: Uuid::now_v7(),
        exchange: "webhooks",
        routing_key: "vapi.x",
        kind: "webhook.received.v1",
        hash_key: None,
        traceparent: None,
        body,
    };
    let mut tx = rig.store.machinery().await.unwrap();
    tx.send(&letter).await.unwrap();
    let event = NewEvent {
        source: "vapi",
        kind: "end-of-call-report",
        dedupe_key: "k",
        body,
        received_at: Timestamp::now(),
    };
    tx.take_event(Uuid::now_v7(), &event).await.unwrap();
    let parked = NewParked {
        id: Uuid::now_v7(),
        tenant: Some(clinic.tenant),
        queue: "q",
        kind: "k",
        reason: "r",
        attempts: 1,
        hash_key: None,
        body,
    };
    tx.park(&parked).await.unwrap();
    let new = NewConnection {
        id: clinic.connection,
        practice: clinic.practice,
        vendor: "sikka",
        status: "active",
        config: json!({}),
        capabilities: None,
        credentials: &Secret::from(MARKER),
    };
    tx.put_connection(clinic.tenant, new).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let destination = NewAlertDestination {
        name: "mine",
        url: &Secret::from(MARKER),
        secret: &Secret::from(MARKER),
        created_by: "somebody",
    };
    tx.add_alert_destination(&destination).await.unwrap();
    let mut write = booking(clinic, WritebackId::new(), body);
    write.fingerprint = b"fingerprint";
    tx.add_writeback(&write).await.unwrap();
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let secret = Secret::from(MARKER);
    let lease = tx.lease_refresh(clinic.connection, 60.0).await.unwrap().unwrap();
    tx.store_tokens(clinic.connection, lease, &secret, Some(&secret), later, later).await.unwrap();
    tx.call_news("call", &CallUpdate { report: Some(body), ..CallUpdate::default() }).await.unwrap();
    let key = ToolCallKey { call_id: "call".into(), tool_call_id: "t".into() };
    let claim = tx.claim_tool_call(&key, "searchPatients", &[[0; 32]], 60.0).await.unwrap();
    let ToolCallClaim::Run(run) = claim else { panic!("{claim:?}") };
    tx.answer_tool_call(&key, run, "ok", "", body, 1).await.unwrap();
    let task = NewTask {
        connection: Some(clinic.connection),
        writeback: None,
        code: "cannot_here",
        sentence: "Somebody wanted something.",
        next_action: "Do it.",
        due_at: None,
        tool_call: Some(&key),
    };
    assert!(tx.add_task_wanting(&task, body).await.unwrap());
    assert!(!tx.add_task_wanting(&task, body).await.unwrap(), "once for each use of a tool");
    tx.commit().await.unwrap();
}

/// Reads back what [`write_everywhere`] wrote.
pub(crate) async fn read_everywhere(store: &Store, clinic: Clinic) {
    let mut tx = store.tenant(clinic.tenant).await.unwrap();
    let tokens = tx.tokens(clinic.connection).await.unwrap();
    let secret = Secret::from(MARKER);
    assert_eq!(
        (&tokens.credentials, tokens.key.as_ref(), tokens.refresh.as_ref()),
        (&secret, Some(&secret), Some(&secret))
    );
    let key = ToolCallKey { call_id: "call".into(), tool_call_id: "t".into() };
    let claim = tx.claim_tool_call(&key, "searchPatients", &[[0; 32]], 60.0).await.unwrap();
    assert!(matches!(claim, ToolCallClaim::Answered(_)));
    assert!(tx.call_report("call").await.unwrap().is_some());
    let tasks = tx.tasks(10, None).await.unwrap();
    assert!(String::from_utf8_lossy(tasks[0].wanted.as_ref().unwrap().expose()).contains(MARKER));
    assert!(tx.verify_audit(None).await.unwrap().faults.is_empty());
    tx.commit().await.unwrap();
    let mut tx = store.machinery().await.unwrap();
    let parked = tx.parked(true, 10).await.unwrap();
    let (_, body) = tx.parked_one(parked[0].id).await.unwrap();
    assert!(String::from_utf8(body).unwrap().contains(MARKER));
    let letters = tx.claim_outbox(10, 0.0).await.unwrap();
    assert!(letters.iter().any(|letter| String::from_utf8_lossy(&letter.body).contains(MARKER)));
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_no_column_of_any_table_holds_a_patients_name_or_a_secret_in_the_clear() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    write_everywhere(&rig, clinic).await;
    let tables = rig
        .owner
        .query("SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'", &[])
        .await
        .unwrap();
    let word = MARKER.split(' ').next().unwrap();
    let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut written = Vec::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = rig.owner.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
        if !rows.is_empty() {
            written.push(table.clone());
        }
        for row in rows {
            let text: String = row.get(0);
            assert!(!text.contains(word) && !text.contains(&hex), "{table} holds it in the clear");
        }
    }
    for table in [
        "outbox",
        "webhook_events",
        "parked_messages",
        "pms_connections",
        "pms_writebacks",
        "voice_calls",
        "tool_calls",
        "staff_tasks",
    ] {
        assert!(written.iter().any(|name| name == table), "{table} was not looked at");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_keys_rotate_without_losing_what_the_old_one_sealed() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    write_everywhere(&rig, clinic).await;
    let two =
        "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let store =
        Store::open(&Secret::new(rig.url()), 2, Arc::new(KeyRing::parse(two).unwrap())).await.unwrap();
    read_everywhere(&store, clinic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_an_error_of_the_database_quotes_no_value() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let body = [MARKER.as_bytes(), b"\0"].concat();
    let text = String::from_utf8(body).unwrap();
    let error = tx.call_news(&text, &CallUpdate::default()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("Zyx"), "{error:?}");
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let mut write = booking(clinic, WritebackId::new(), b"x");
    write.operation = MARKER;
    let error = tx.add_writeback(&write).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("Zyx"), "{error:?}");
    let mut tx = rig.store.machinery().await.unwrap();
    let practice = store::Practice {
        id: PracticeId::new(),
        name: MARKER.into(),
        time_zone: "x".into(),
        country: "US".into(),
    };
    let error = tx.put_practice(domain::TenantId::new(), &practice).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("Zyx"), "{error:?}");
}
