//! Which tool asks callers for which proof, chosen over REST.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bus::{Bus, BusConfig, Letter};
use serde_json::{Value, json};
use testbed::{Plan, Stack, until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::access::{new_key, with_key};
use crate::rest::{SOON, error, free_times, wish};

const PATH: &str = "/api/pms/identity";

/// What a tool asks for by an answer.
fn needed<'a>(shown: &'a Value, tool: &str) -> &'a Value {
    let listed = shown["needed"].as_array().unwrap();
    listed.iter().find(|one| one["tool"] == tool).map_or(&Value::Null, |one| &one["needed"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_chooses_over_rest_which_proof_a_tool_needs_and_it_is_on_the_record() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let ask = async |method: &str, body: Option<&Value>| {
        stack.rest(&clinic.api_key, (method, PATH), &[], body).await.unwrap()
    };
    let strict = ask("GET", None).await.json();
    assert_eq!((&strict["otherwise"], &strict["tools"]), (&Value::Null, &json!({})), "{strict}");
    assert_eq!(needed(&strict, "bookAppointment"), "phone", "{strict}");
    assert_eq!(needed(&strict, "getPatientBalance"), "name_and_birth", "{strict}");
    assert_eq!(needed(&strict, "checkAvailability"), &Value::Null, "it is about no patient: {strict}");
    let slot = free_times(&stack).await[0].clone();
    // A caller who has shown nothing, each time on another call.
    let booked = async |call: &str| {
        let told = stack.tool(clinic, (call, "book"), "bookAppointment", &wish("102", &slot)).await.unwrap();
        told["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(booked("call-0").await, "refused");
    let rules = json!({ "tools": { "bookAppointment": "none", "getPatientInfo": "none" } });
    let put = ask("PUT", Some(&rules)).await;
    assert_eq!(put.status, 200, "{put:?}");
    let shown = ask("GET", None).await.json();
    assert_eq!(shown, put.json());
    assert_eq!(shown["tools"], rules["tools"]);
    assert_eq!(needed(&shown, "bookAppointment"), "none", "{shown}");
    assert_eq!(
        needed(&shown, "getPatientInfo"),
        "phone",
        "a tool that tells something is never open: {shown}"
    );
    let calls = AtomicU32::new(1);
    until(SOON, "a desk that asks by it", || async {
        let call = format!("call-{}", calls.fetch_add(1, Ordering::Relaxed));
        ["confirmed", "accepted"].contains(&booked(&call).await.as_str()).then_some(())
    })
    .await;
    // What is shown may be put back, without what follows from it.
    let mut whole = shown.clone();
    whole.as_object_mut().unwrap().remove("needed");
    assert_eq!(ask("PUT", Some(&whole)).await.json(), shown);
    let record = "SELECT DISTINCT actor, detail->'tools'->>'bookAppointment' FROM audit_log
        WHERE action = 'identity_rules.set'";
    let record = stack.sql(record).await.unwrap();
    assert!(
        record.len() == 1 && record[0][0].starts_with("api key ") && record[0][1] == "none",
        "{record:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_hears_of_new_rules_once_they_are_in_force_and_not_only_before() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let bus = Bus::connect(BusConfig::new(stack.amqp_url.clone(), "listener")).await.unwrap();
    let (heard, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
    let news = heard.clone();
    let listen = move |letter: Letter| {
        news.lock().unwrap().push(letter.message_id);
        std::future::ready(())
    };
    let listening = tokio::spawn(bus.subscribe(&["connection.changed"], listen, stop.clone()));
    let rules = json!({ "tools": { "bookAppointment": "none" } });
    let put = async || stack.rest(&clinic.api_key, ("PUT", PATH), &[], Some(&rules)).await.unwrap();
    until(SOON, "the listener to hear of any", || async {
        put().await;
        (!heard.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    // For as long as this lock is held, no rule comes into force.
    let owner = stack.owner().await.unwrap();
    owner.simple_query("SELECT pg_advisory_lock(77)").await.unwrap();
    for wait in [
        "CREATE FUNCTION wait_for_the_lock() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER wait_for_the_lock AFTER UPDATE ON tenants DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION wait_for_the_lock()",
    ] {
        stack.sql(wait).await.unwrap();
    }
    let records = "SELECT count(*) FROM audit_log WHERE action = 'identity_rules.set'";
    let before = stack.sql(records).await.unwrap();
    let let_go = async {
        until(SOON, "the rules to be on the record, with what is told then", || async {
            (stack.sql(records).await.unwrap() != before).then_some(())
        })
        .await;
        let since = Uuid::now_v7();
        owner.simple_query("SELECT pg_advisory_unlock(77)").await.unwrap();
        since
    };
    let (answer, since) = tokio::join!(put(), let_go);
    assert_eq!(answer.status, 200, "{answer:?}");
    until(SOON, "the news of what is in force by now", || async {
        heard.lock().unwrap().iter().any(|id| *id > since).then_some(())
    })
    .await;
    stop.cancel();
    listening.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_rules_that_name_no_tool_or_no_proof_name_the_field_and_change_nothing() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    for (rules, field) in [
        (json!({ "tools": { "bookApointment": "none" } }), "tools.bookApointment"),
        (json!({ "tools": { "checkAvailability": "phone" } }), "tools.checkAvailability"),
        (json!({ "tools": { "bookAppointment": "shoe_size" } }), "tools.bookAppointment"),
        (json!({ "otherwise": "shoe_size" }), "otherwise"),
        (json!({ "default": "none" }), "default"),
    ] {
        let refused = stack.rest(&clinic.api_key, ("PUT", PATH), &[], Some(&rules)).await.unwrap();
        assert_eq!(refused.status, 422, "{rules}: {refused:?}");
        assert_eq!(error(&refused)["fields"][0]["path"], field, "{rules}: {refused:?}");
    }
    assert_eq!(
        stack.sql("SELECT DISTINCT identity_rules::text FROM tenants").await.unwrap().concat(),
        ["{}"]
    );
    let kept = "SELECT count(*) FROM audit_log WHERE action = 'identity_rules.set'";
    assert_eq!(stack.sql(kept).await.unwrap().concat(), ["0"]);
    // Who may only look changes nothing.
    let (_, key) = new_key(&stack, &["connections.read"]).await;
    assert_eq!(with_key(&stack, &key, "GET", PATH, None).await.status, 200);
    assert_eq!(with_key(&stack, &key, "PUT", PATH, Some(&json!({}))).await.status, 403);
}
