//! Alerts from their cause to where they are wanted, through two replicas.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seal::HmacKey;
use serde_json::{Value, json};
use testbed::{Plan, Proxy, Stack, until};

use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

const FAILING: &str = "UPDATE pms_connections SET refresh_failures = 8 WHERE id = ";
const WELL: &str = "UPDATE pms_connections SET refresh_failures = 0 WHERE id = ";

async fn stack(replicas: usize, local: bool) -> Stack {
    let plan = Plan { clinics: 2, replicas, ..Plan::default() };
    let plan = plan.set("pms_api.alert_seconds", 1).set("pms_api.allow_local_urls", local);
    let plan = plan.set("pms_api.audit_look_seconds", 1).set("pms_api.ledger_seconds", 1);
    let stack = Stack::start(plan).await.unwrap();
    // A key whose refresh comes later must not end what a test pretends.
    stack.sql("UPDATE pms_connections SET refresh_due_at = now() + interval '10 h'").await.unwrap();
    stack
}

async fn set(stack: &Stack, sql: &str) {
    stack.sql(&format!("{sql}'{}'", stack.clinics[0].connection.uuid())).await.unwrap();
}

/// What arrived at the sandbox's receivers.
async fn arrived(stack: &Stack, count: usize) -> Vec<Value> {
    until(SOON, "the alerts to arrive", || async {
        let all = stack.sandbox.call("GET", "/hooks", None).await.unwrap();
        let all = all.as_array().unwrap().clone();
        (all.len() >= count).then_some(all)
    })
    .await
}

/// The first open alert of this kind.
async fn raised(stack: &Stack, code: &str) -> Value {
    until(SOON, code, || open(stack, &stack.clinics[0].api_key, code)).await
}

async fn open(stack: &Stack, api_key: &str, code: &str) -> Option<Value> {
    let listed = stack.rest(api_key, ("GET", "/api/pms/alerts"), &[], None).await.unwrap().json();
    listed["alerts"].as_array().unwrap().iter().find(|alert| alert["code"] == code).cloned()
}

/// What was seen whole is read again after a day only, and a look may have come before what a test changes.
async fn a_day_passes(stack: &Stack) {
    stack.sql("DELETE FROM audit_looks").await.unwrap();
}

fn signature(secret: &str, one: &Value) -> String {
    let header = |name: &str| one["headers"][name].as_str().unwrap();
    let signed =
        format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), one["text"].as_str().unwrap());
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    format!("v1,{}", STANDARD.encode(HmacKey::sha256(&key).sign(&[signed.as_bytes()])))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_and_its_end_reach_slack_and_the_tenants_webhook_once_each_and_signed() {
    let stack = stack(2, true).await;
    let wanted = json!({ "name": "Front desk", "url": stack.hook("desk") });
    let made = ask(&stack, "POST", "/api/pms/alert-destinations", Some(&wanted)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    set(&stack, FAILING).await;
    let alert = raised(&stack, "refresh_failing").await;
    assert!(alert["happened"].as_str().unwrap().starts_with("8 refreshes"), "{alert}");
    assert!(alert["whatToDo"].as_str().unwrap().len() > 20, "{alert}");
    arrived(&stack, 2).await;
    set(&stack, WELL).await;
    arrived(&stack, 4).await;
    let path = format!("/api/pms/alerts/{}", alert["id"].as_str().unwrap());
    let shown = until(SOON, "both deliveries to be noted", || async {
        let shown = ask(&stack, "GET", &path, None).await.json();
        let sent =
            shown["deliveries"].as_array().unwrap().iter().filter(|one| one["state"] == "sent").count();
        (sent == 2).then_some(shown)
    })
    .await;
    assert_eq!(shown["resolvedBy"], "switchboard", "{shown}");
    let all = arrived(&stack, 4).await;
    assert_eq!(all.len(), 4, "each once: {all:?}");
    let to = |to: &str| all.iter().filter(|one| one["to"] == to).cloned().collect::<Vec<_>>();
    let (slack, webhook) = (to("slack"), to("webhook"));
    assert!(slack[0]["text"].as_str().unwrap().contains("clinic-0"), "{slack:?}");
    assert!(slack[1]["body"]["text"].as_str().unwrap().contains("Resolved"), "{slack:?}");
    for (one, kind) in webhook.iter().zip(["alert.raised", "alert.resolved"]) {
        assert_eq!(one["body"]["type"], kind, "{one}");
        assert_eq!(one["body"]["data"]["id"], alert["id"], "{one}");
        assert_eq!(one["headers"]["webhook-signature"], signature(&secret, one), "{one}");
    }
    assert!(
        ask(&stack, "GET", "/api/pms/alerts", None).await.json()["alerts"].as_array().unwrap().is_empty()
    );
    let page = stack.http.send("GET", &format!("{}/metrics", stack.apis[0].url), &[], None).await.unwrap();
    assert!(
        page.text.contains("alert_deliveries_total") || page.text.contains("alerts_open"),
        "{}",
        page.text
    );
    let told = "SELECT count(*) FROM outbox WHERE routing_key LIKE 'alert.%'";
    until(SOON, "the bus to have heard of it", || async {
        (stack.sql(told).await.unwrap().concat() == ["0"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_receiver_that_fails_is_tried_again_and_given_up_on_with_a_reason() {
    let stack = stack(1, true).await;
    let wanted = json!({ "name": "Front desk", "url": stack.hook("desk") });
    ask(&stack, "POST", "/api/pms/alert-destinations", Some(&wanted)).await;
    stack.sandbox.call("PUT", "/hooks/faults", Some(&json!({ "status": 500 }))).await.unwrap();
    set(&stack, FAILING).await;
    let alert = raised(&stack, "refresh_failing").await;
    let path = format!("/api/pms/alerts/{}", alert["id"].as_str().unwrap());
    let delivery = async || ask(&stack, "GET", &path, None).await.json()["deliveries"][0].clone();
    let first = until(SOON, "the first try", || async {
        let now = delivery().await;
        now["reason"].is_string().then_some(now)
    })
    .await;
    assert_eq!(
        (&first["state"], &first["reason"]),
        (&json!("waiting"), &json!("it answered HTTP 500")),
        "{first}"
    );
    let parked = until(SOON, "the last try", || async {
        stack.sql("UPDATE alert_deliveries SET next_at = now() WHERE state = 'waiting'").await.unwrap();
        let now = delivery().await;
        (now["state"] == "parked").then_some(now)
    })
    .await;
    assert_eq!(
        (&parked["attempts"], &parked["reason"]),
        (&json!(9), &json!("it answered HTTP 500, 9 times"))
    );
    let all = stack.sandbox.call("GET", "/hooks", None).await.unwrap();
    let mut ids: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["to"] == "webhook")
        .map(|one| one["headers"]["webhook-id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 9);
    ids.dedup();
    assert_eq!(ids.len(), 1, "a receiver can tell a repeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_tenants_url_leads_to_no_private_address_neither_when_it_is_set_nor_when_it_is_called() {
    let stack = stack(1, false).await;
    let add = async |url: &str| {
        let wanted = json!({ "name": "x", "url": url });
        ask(&stack, "POST", "/api/pms/alert-destinations", Some(&wanted)).await
    };
    for url in [
        stack.hook("x").as_str(),
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://user:pass@hooks.example.com/",
        "file:///etc/passwd",
    ] {
        let answer = add(url).await;
        assert_eq!(
            (answer.status, error(&answer)["fields"][0]["path"].as_str()),
            (422, Some("url")),
            "{url}"
        );
        assert!(!answer.text.contains("169.254") && !answer.text.contains("pass@"), "{answer:?}");
    }
    let port = stack.hook("x").rsplit_once("/hooks").unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    let made = add(&format!("https://localhost:{port}/hooks/webhook/x")).await;
    assert_eq!(made.status, 201, "what a name leads to is known when it is called: {made:?}");
    set(&stack, FAILING).await;
    let alert = raised(&stack, "refresh_failing").await;
    let path = format!("/api/pms/alerts/{}", alert["id"].as_str().unwrap());
    let delivery = until(SOON, "the guard's word", || async {
        let now = ask(&stack, "GET", &path, None).await.json()["deliveries"][0].clone();
        (now["state"] == "parked").then_some(now)
    })
    .await;
    assert_eq!(delivery["reason"], "its URL must not lead to a private, local or otherwise special address");
    assert_eq!(delivery["attempts"], 1, "{delivery}");
    let theirs = &stack.clinics[1].api_key;
    let listed = stack.rest(theirs, ("GET", "/api/pms/alerts?state=all"), &[], None).await.unwrap();
    assert!(listed.json()["alerts"].as_array().unwrap().is_empty(), "{listed:?}");
    let mine = format!("/api/pms/alert-destinations/{}", made.json()["id"].as_str().unwrap());
    for (method, path) in
        [("GET", path.clone()), ("POST", format!("{path}/resolve")), ("DELETE", mine.clone())]
    {
        let answer = stack.rest(theirs, (method, path.as_str()), &[], None).await.unwrap();
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    assert_eq!(ask(&stack, "DELETE", &mine, None).await.status, 200);
    assert_eq!(ask(&stack, "DELETE", &mine, None).await.status, 404);
    let on_record = "SELECT action FROM audit_log WHERE action LIKE 'alert_destination.%' ORDER BY sequence";
    let on_record = stack.sql(on_record).await.unwrap().concat();
    assert_eq!(on_record, ["alert_destination.add", "alert_destination.remove"]);
    assert_eq!(made.headers["cache-control"], "no-store");
    let bad = ask(&stack, "GET", "/api/pms/alerts?state=loud", None).await;
    assert_eq!((bad.status, error(&bad)["fields"][0]["path"].as_str()), (422, Some("state")));
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_in_every_practice_are_an_alert_of_the_installations_own_until_they_do_not() {
    let plan = Plan { clinics: 3, ..Plan::default() };
    let stack = Stack::start(plan.set("pms_api.alert_seconds", 1)).await.unwrap();
    let some = "INSERT INTO pms_writebacks (id, tenant_id, connection_id, operation, payload, fingerprint, reference,
                    deadline_at, state, reason, finished_at)
                SELECT gen_random_uuid(), tenant_id, id, 'add_note', '', uuid_send(gen_random_uuid()), 'r' || n, now(),
                    'failed', 'invalid', now()
                FROM pms_connections, generate_series(1, 4) AS n";
    stack.sql(some).await.unwrap();
    let open = "SELECT happened FROM alerts
                WHERE code = 'writebacks_failing' AND tenant_id IS NULL AND cleared_at IS NULL";
    let told = until(SOON, "the alert", || async { stack.sql(open).await.unwrap().concat().pop() }).await;
    assert!(told.starts_with("12 of the 12 writes"), "{told}");
    stack.sql("UPDATE pms_writebacks SET finished_at = now() - interval '2 h'").await.unwrap();
    until(SOON, "its end", || async { stack.sql(open).await.unwrap().is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_broken_audit_chain_is_told_of_until_a_person_closes_it_and_again_once_more_of_it_is_broken() {
    let stack = stack(1, false).await;
    let slot = free_times(&stack).await[0].clone();
    book(&stack, "book-1", &wish("101", &slot)).await;
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    stack.sql("UPDATE audit_log SET patient = '999' WHERE action = 'appointment.book'").await.unwrap();
    let alert = until(SOON, "the changed record to be told of", || async {
        a_day_passes(&stack).await;
        open(&stack, &stack.clinics[0].api_key, "audit_broken").await
    })
    .await;
    assert!(alert["happened"].as_str().unwrap().contains("was changed"), "{alert}");
    for private in ["Lopez", "Maria", "1988"] {
        assert!(!alert.to_string().contains(private), "{alert}");
    }
    let resolve = format!("/api/pms/alerts/{}/resolve", alert["id"].as_str().unwrap());
    let closed = ask(&stack, "POST", &resolve, None).await.json();
    assert_eq!((&closed["resolved"], &closed["before"]), (&json!(true), &json!(false)));
    assert_eq!(ask(&stack, "POST", &resolve, None).await.json()["before"], true);
    // What they have seen is not told of again; what somebody does after that is, whether or not they closed it.
    for (sequence, faults) in [(1, "2 faults"), (2, "3 faults")] {
        let edit = format!("UPDATE audit_log SET tool = 'another' WHERE sequence = {sequence}");
        stack.sql(&edit).await.unwrap();
        until(SOON, "the other changed record to be told of", || async {
            a_day_passes(&stack).await;
            let again = open(&stack, &stack.clinics[0].api_key, "audit_broken").await?;
            again["happened"].as_str().unwrap().starts_with(faults).then_some(())
        })
        .await;
    }
    let told = "SELECT count(*), count(DISTINCT happened) FROM alerts WHERE code = 'audit_broken'";
    assert_eq!(stack.sql(told).await.unwrap(), [["3", "3"]]);
    let on_record = "SELECT count(*) FROM audit_log WHERE action = 'alert.resolve'";
    assert_eq!(stack.sql(on_record).await.unwrap().concat(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_record_that_cannot_be_read_is_told_of_and_hides_no_other_tenants() {
    let stack = stack(1, false).await;
    for clinic in &stack.clinics {
        let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
        for _ in 0..3 {
            let record = store::NewAudit {
                actor: "test",
                action: "patient.read",
                patient: Some("101"),
                call_id: None,
                tool: None,
                outcome: "ok",
                ms: 1,
                detail: json!({}),
            };
            tx.audit(&record).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    // Whichever is looked at first, both have one: behind one that stops the look the other is not seen.
    stack.sql("UPDATE audit_log SET at = 'infinity' WHERE sequence = 2").await.unwrap();
    for clinic in &stack.clinics {
        let alert = until(SOON, "both chains to be told of", || async {
            a_day_passes(&stack).await;
            open(&stack, &clinic.api_key, "audit_broken").await
        })
        .await;
        let happened = alert["happened"].as_str().unwrap();
        assert!(happened.contains("record 2 cannot be read"), "{happened}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_whose_look_cannot_be_noted_keeps_nobody_from_another_tenants() {
    let stack = stack(1, false).await;
    // Its turn comes before the other's.
    let [first, second] = &stack.clinics[..] else { panic!("two clinics") };
    for clinic in [first, second] {
        let search = ("GET", "/api/pms/patients/search?phone=5550100010");
        until(SOON, "a record of the search", || async {
            let told = stack.rest(&clinic.api_key, search, &[], None).await.unwrap();
            (told.status == 200).then_some(())
        })
        .await;
    }
    let spoil = format!(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER no BEFORE INSERT OR UPDATE ON audit_looks FOR EACH ROW
             WHEN (NEW.tenant_id = '{}') EXECUTE FUNCTION no();
         UPDATE audit_log SET patient = '999' WHERE tenant_id = '{}'",
        first.tenant.uuid(),
        second.tenant.uuid()
    );
    stack.sql(&spoil).await.unwrap();
    let told = "SELECT tenant_id FROM alerts WHERE code = 'audit_broken'";
    let told = until(SOON, "the broken chain to be told of", || async {
        a_day_passes(&stack).await;
        let told = stack.sql(told).await.unwrap().concat();
        (!told.is_empty()).then_some(told)
    })
    .await;
    assert_eq!(told, [second.tenant.uuid().to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_chain_that_cannot_be_read_just_now_is_not_called_broken() {
    let stack = stack(1, false).await;
    stack.sql("REVOKE SELECT ON audit_heads FROM switchboard_app").await.unwrap();
    until(SOON, "the look to fail", || async {
        stack.logs().contains("an audit chain cannot be looked at").then_some(())
    })
    .await;
    let raised = "SELECT count(*) FROM alerts WHERE code = 'audit_broken'";
    assert_eq!(stack.sql(raised).await.unwrap().concat(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_webhooks_that_were_accepted_and_are_nowhere_raise_an_alert_until_they_are_found() {
    let stack = stack(1, false).await;
    let tell = async |gateway: uuid::Uuid, accepted| {
        let mut tx = stack.store.machinery().await.unwrap();
        tx.tell_accepted(gateway, "vapi", accepted).await.unwrap();
        tx.commit().await.unwrap();
    };
    let gateway = uuid::Uuid::now_v7();
    tell(gateway, 5).await;
    let all =
        "SELECT happened, cleared_by FROM alerts WHERE code = 'webhooks_unbalanced' AND tenant_id IS NULL";
    let rows = until(SOON, "the alert", || async {
        let rows = stack.sql(all).await.unwrap();
        (!rows.is_empty()).then_some(rows)
    })
    .await;
    assert!(rows[0][0].starts_with("5 webhooks were accepted"), "{rows:?}");
    tell(gateway, 0).await;
    until(SOON, "its end", || async { (stack.sql(all).await.unwrap()[0][1] == "switchboard").then_some(()) })
        .await;
}

/// Tells how many webhooks one gateway took.
async fn accepted(stack: &Stack, count: i64) {
    let mut tx = stack.store.machinery().await.unwrap();
    tx.tell_accepted(uuid::Uuid::now_v7(), "vapi", count).await.unwrap();
    tx.commit().await.unwrap();
}

const UNBALANCED: &str = "SELECT happened FROM alerts WHERE code = 'webhooks_unbalanced'";

#[tokio::test(flavor = "multi_thread")]
async fn p1_webhooks_that_wait_in_the_outbox_are_not_called_missing() {
    let stack = stack(1, false).await;
    // Letters of a key that nobody here has stay where they are.
    let letters = "INSERT INTO outbox (message_id, exchange, routing_key, kind, body)
         SELECT gen_random_uuid(), 'webhooks', 'vapi.x', 'webhook.received.v1', '\\x036f6e6500'::bytea
         FROM generate_series(1, 5)";
    stack.sql(letters).await.unwrap();
    accepted(&stack, 7).await;
    let told =
        until(SOON, "the alert", || async { stack.sql(UNBALANCED).await.unwrap().concat().pop() }).await;
    assert!(told.starts_with("2 webhooks were accepted"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_while_the_broker_is_away_nobody_says_that_webhooks_are_missing() {
    let mut stack = stack(1, false).await;
    let wire = Proxy::to(&stack.amqp_url).await.unwrap();
    wire.cut();
    stack.set("broker.url", wire.in_front_of(&stack.amqp_url).unwrap());
    stack.apis[0].process.kill9();
    accepted(&stack, 5).await;
    stack.apis[0] = stack.member("pms-api", None).unwrap();
    let looks = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'webhook_acceptances'";
    let looks = async || stack.sql(looks).await.unwrap().concat()[0].parse::<u32>().unwrap();
    let before = looks().await;
    until(SOON, "more looks than miss what is lost", || async {
        (looks().await >= before + 6).then_some(())
    })
    .await;
    assert!(stack.sql(UNBALANCED).await.unwrap().is_empty(), "nobody knows what its queues hold");
    wire.heal();
    until(SOON, "the alert", || async { stack.sql(UNBALANCED).await.unwrap().concat().pop() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_end_what_they_raise_and_nothing_else() {
    let stack = stack(1, false).await;
    let clinic = &stack.clinics[0];
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    for connection in [None, Some(clinic.connection)] {
        let kind = domain::AlertKind::LocationOff;
        let new = store::NewAlert { connection, kind, happened: "It was switched off." };
        assert!(tx.raise(&new).await.unwrap());
    }
    tx.commit().await.unwrap();
    set(&stack, FAILING).await;
    let alert = raised(&stack, "refresh_failing").await;
    set(&stack, WELL).await;
    let path = format!("/api/pms/alerts/{}", alert["id"].as_str().unwrap());
    until(SOON, "its end", || async {
        ask(&stack, "GET", &path, None).await.json()["resolvedAt"].is_string().then_some(())
    })
    .await;
    let open = "SELECT code FROM alerts WHERE cleared_at IS NULL";
    assert_eq!(stack.sql(open).await.unwrap().concat(), ["location_off", "location_off"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_ten_places_for_its_alerts_and_room_for_another_once_one_is_removed() {
    let stack = stack(1, true).await;
    let add = async || {
        let wanted = json!({ "name": "Front desk", "url": stack.hook("desk") });
        ask(&stack, "POST", "/api/pms/alert-destinations", Some(&wanted)).await
    };
    for _ in 0..10 {
        assert_eq!(add().await.status, 201);
    }
    let eleventh = add().await;
    assert_eq!((eleventh.status, error(&eleventh)["code"].as_str()), (409, Some("conflict")), "{eleventh:?}");
    let known = ask(&stack, "GET", "/api/pms/alert-destinations", None).await.json();
    let path = format!("/api/pms/alert-destinations/{}", known["destinations"][0]["id"].as_str().unwrap());
    assert_eq!(ask(&stack, "DELETE", &path, None).await.status, 200);
    assert_eq!(add().await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_raised_while_the_rules_look_is_not_ended_by_that_look() {
    let stack = stack(1, false).await;
    let connection = stack.clinics[0].connection.uuid();
    let owner = stack.owner().await.unwrap();
    owner.batch_execute("BEGIN; LOCK TABLE practices IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // The rules' list of open alerts waits for this, and what they find does not.
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                 WHERE l.relation = 'practices'::regclass AND NOT l.granted AND a.query LIKE '%FROM alerts a%'";
    until(SOON, "a look that waits", || async {
        (stack.sql(waits).await.unwrap().concat() != ["0"]).then_some(())
    })
    .await;
    let meanwhile = format!(
        "UPDATE pms_connections SET status = 'reauthorise' WHERE id = '{connection}';
         INSERT INTO alerts (id, tenant_id, connection_id, code, happened, what_to_do)
             SELECT gen_random_uuid(), tenant_id, id, 'reauthorise', 'It ended.', 'Connect it again.'
             FROM pms_connections WHERE id = '{connection}';
         COMMIT"
    );
    owner.batch_execute(&meanwhile).await.unwrap();
    until(SOON, "a look that has seen it", || async {
        let url = format!("{}/metrics", stack.apis[0].url);
        let page = stack.http.send("GET", &url, &[], None).await.unwrap();
        page.text.contains("alerts_open{code=\"reauthorise\"} 1").then_some(())
    })
    .await;
    let told = "SELECT count(*), count(cleared_at) FROM alerts WHERE code = 'reauthorise'";
    assert_eq!(stack.sql(told).await.unwrap().concat(), ["1", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_set_aside_is_told_of_though_a_crash_kept_it_from_being_told() {
    let stack = stack(1, false).await;
    let slot = free_times(&stack).await[0].clone();
    book(&stack, "book-1", &wish("101", &slot)).await;
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    stack.sql("UPDATE pms_writebacks SET state = 'parked'").await.unwrap();
    let alert = raised(&stack, "writeback_parked").await;
    assert!(alert["happened"].as_str().unwrap().starts_with("One write was set aside"), "{alert}");
    stack.sql("UPDATE pms_writebacks SET state = 'succeeded'").await.unwrap();
    until(SOON, "its end", || async {
        let path = format!("/api/pms/alerts/{}", alert["id"].as_str().unwrap());
        ask(&stack, "GET", &path, None).await.json()["resolvedAt"].is_string().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_one_tenants_slow_webhooks_hold_up_nobody_elses_alert() {
    let stack = stack(1, true).await;
    let [slow, well] = &stack.clinics[..] else { panic!("two clinics") };
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/never", silent.local_addr().unwrap());
    for number in 0..10 {
        let wanted = json!({ "name": format!("slow {number}"), "url": format!("{url}/{number}") });
        let made = ask(&stack, "POST", "/api/pms/alert-destinations", Some(&wanted)).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let wanted = json!({ "name": "Front desk", "url": stack.hook("desk") });
    stack.rest(&well.api_key, ("POST", "/api/pms/alert-destinations"), &[], Some(&wanted)).await.unwrap();
    let fail = async |clinic: &testbed::Clinic| {
        stack.sql(&format!("{FAILING}'{}'", clinic.connection.uuid())).await.unwrap();
    };
    fail(slow).await;
    // Taken, and never answered.
    let mut held = vec![silent.accept().await.unwrap()];
    fail(well).await;
    let three = arrived(&stack, 3);
    tokio::pin!(three);
    let all = loop {
        tokio::select! {
            all = &mut three => break all,
            more = silent.accept() => held.push(more.unwrap()),
        }
    };
    let to = |to: &str| all.iter().filter(|one| one["to"] == to).count();
    assert_eq!((to("slack"), to("webhook")), (2, 1), "{all:?}");
    let given_up = "SELECT count(*) FROM alert_deliveries WHERE reason IS NOT NULL";
    assert_eq!(stack.sql(given_up).await.unwrap().concat(), ["0"], "they waited for the slow ones");
}
