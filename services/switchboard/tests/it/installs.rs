//! Clinics that install the application by themselves.

use domain::PracticeId;
use serde_json::{Value, json};
use store::Practice;
use testbed::{Newcomer, Plan, Stack, until};

use crate::desk::{SOON, day, lines, run};

/// The sandbox's office that nobody is connected to.
const OFFICE: &str = "D10002";

/// The path of a new install address of the tenant's.
async fn link(stack: &Stack, who: &Newcomer) -> String {
    let (well, printed) = run(stack, &["--json", "connections", "link", &who.tenant.to_string()]).await;
    assert!(well, "{printed}");
    lines(&printed)[0]["path"].as_str().unwrap().to_owned()
}

async fn ask(stack: &Stack, who: &Newcomer, method: &str, path: &str, body: Option<&Value>) -> Value {
    until(SOON, "an answer other than 503", || async {
        let answer = stack.rest(&who.api_key, (method, path), &[], body).await.unwrap();
        (answer.status != 503).then(|| answer.json())
    })
    .await
}

async fn status(stack: &Stack, who: &Newcomer) -> Value {
    ask(stack, who, "GET", "/api/pms/status", None).await
}

/// Waits until the status is as `is` wants it.
async fn until_status(stack: &Stack, who: &Newcomer, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(SOON, what, || async {
        let status = status(stack, who).await;
        is(&status).then_some(status)
    })
    .await
}

async fn advance(stack: &Stack, seconds: u64) {
    stack.sandbox.call("POST", "/clock/advance", Some(&json!({ "seconds": seconds }))).await.unwrap();
}

/// Puts the vendor's clock back on ours, with a copy of now: what was simulated to pass is over.
async fn back_to_now(stack: &Stack) {
    let now = jiff::Timestamp::now().to_string();
    stack.sandbox.call("PUT", "/clock", Some(&json!({ "now": now }))).await.unwrap();
    stack.sandbox.office("POST", OFFICE, "/refresh", None).await.unwrap();
}

async fn books(stack: &Stack, who: &Newcomer) {
    let patient = stack.sandbox.patients(OFFICE).await.unwrap()[0].clone();
    let path = format!("/api/pms/appointments/availability?from={}&to={}", day(1), day(7));
    let slots = ask(stack, who, "GET", &path, None).await;
    assert_eq!(slots["status"], "ok", "{slots}");
    let wish = json!({ "patientId": patient, "slotId": slots["slots"][0]["slotId"], "reason": "checkup" });
    let booked = ask(stack, who, "POST", "/api/pms/appointments", Some(&wish)).await;
    assert!(["confirmed", "accepted"].contains(&booked["status"].as_str().unwrap()), "{booked}");
    until(SOON, "the appointment in the practice's own records", || async {
        (stack.sandbox.booked(OFFICE).await.unwrap().len() == 1).then_some(())
    })
    .await;
}

/// `[state, deliveries]` of every install that was told.
async fn events(stack: &Stack) -> Vec<Vec<String>> {
    stack
        .sql("SELECT state, deliveries FROM webhook_events WHERE kind = 'install' ORDER BY id")
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_an_install_that_is_early_repeated_and_onboarding_for_a_while_ends_active_books_and_is_cancelled()
{
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = link(&stack, &who).await;
    stack.tell_by_webhook(Some(&path)).await.unwrap();
    // The notice comes three times, before the vendor itself lists the office.
    let purchase = json!({ "lag_seconds": 3_600, "load_seconds": 14_400, "copies": 3 });
    let told = stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    let early =
        until_status(&stack, &who, "the notice", |status| status["setups"][0]["reason"] == "not_listed")
            .await;
    assert_eq!(early["connections"], json!([]), "nothing is believed that the vendor does not confirm");
    assert_eq!(
        (early["ready"].as_bool(), early["setups"].as_array().unwrap().len()),
        (Some(false), 1),
        "{early}"
    );
    until(SOON, "all three deliveries in the ledger", || async {
        (events(&stack).await == [["handled", "3"]]).then_some(())
    })
    .await;
    // It is listed; its data is on the way.
    advance(&stack, 3_600).await;
    let onboarding = until_status(&stack, &who, "onboarding", |status| {
        status["setups"][0]["state"] == "onboarding" && status["connections"][0]["status"] == "onboarding"
    })
    .await;
    assert_eq!(onboarding["connections"][0]["lastError"], Value::Null, "{onboarding}");
    assert!(onboarding["connections"][0]["sentence"].as_str().unwrap().contains("no error"), "{onboarding}");
    let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
    assert_eq!(office["access_on"], true, "the location was switched on: {office}");
    let (well, doctor) = run(&stack, &["doctor"]).await;
    assert!(well, "an office that is onboarding is nothing to look at: {doctor}");
    // Its data is there.
    advance(&stack, 14_400).await;
    let active =
        until_status(&stack, &who, "active", |status| status["connections"][0]["status"] == "active").await;
    let connection = &active["connections"][0];
    assert!(connection["features"].as_array().unwrap().contains(&json!("book_appointment")), "{connection}");
    assert_eq!(connection["words"]["cancel"]["chosen"], "broken", "{connection}");
    assert_eq!((connection["officeId"].as_str(), active["ready"].as_bool()), (Some(OFFICE), Some(true)));
    assert!(!active.to_string().contains("sandbox-secret"), "{active}");
    back_to_now(&stack).await;
    books(&stack, &who).await;
    // The first notice once more: it had its effect.
    let gateway = stack.gateways[0].url.clone();
    let again = stack.http.send("POST", &format!("{gateway}{path}"), &[], Some(&told["body"])).await.unwrap();
    assert_eq!(again.status, 200);
    stack.sandbox.office("POST", OFFICE, "/cancel", Some(&json!({ "copies": 2 }))).await.unwrap();
    until_status(&stack, &who, "disabled", |status| status["connections"][0]["status"] == "disabled").await;
    let again = stack.http.send("POST", &format!("{gateway}{path}"), &[], Some(&told["body"])).await.unwrap();
    assert_eq!(again.status, 200);
    until(SOON, "every delivery in the ledger", || async {
        (events(&stack).await == [["handled", "5"], ["handled", "2"]]).then_some(())
    })
    .await;
    let over = status(&stack, &who).await;
    assert_eq!(
        (over["connections"][0]["status"].as_str(), over["ready"].as_bool()),
        (Some("disabled"), Some(false))
    );
    let alerts = stack.sql("SELECT code FROM alerts WHERE cleared_at IS NULL").await.unwrap().concat();
    assert_eq!(alerts, ["install_cancelled"], "told once");
    let secrets = stack.secrets();
    let logs = stack.logs();
    for secret in
        secrets.iter().map(String::as_str).chain(["sandbox-secret-D10002", path.rsplit('/').next().unwrap()])
    {
        assert!(!logs.contains(secret), "a secret is in the logs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_install_of_another_tenants_office_is_refused_and_reaches_nothing() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let theirs = stack.clinics[0].office.clone();
    let who = stack.newcomer("mallory").await.unwrap();
    let path = link(&stack, &who).await;
    let forged = json!({ "MasterCustomerID": theirs, "Status": "Active", "PartnerRegistrationID": "x" });
    let gateway = stack.gateways[0].url.clone();
    let answer = stack.http.send("POST", &format!("{gateway}{path}"), &[], Some(&forged)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let refused =
        until_status(&stack, &who, "the refusal", |status| status["setups"][0]["state"] == "refused").await;
    assert_eq!(refused["setups"][0]["reason"], "office_of_another_tenant", "{refused}");
    assert_eq!(refused["connections"], json!([]));
    let cancelled =
        json!({ "MasterCustomerID": theirs, "Status": "Cancelled", "PartnerRegistrationID": "x" });
    let answer = stack.http.send("POST", &format!("{gateway}{path}"), &[], Some(&cancelled)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    until(SOON, "both events", || async {
        (events(&stack).await == [["handled", "1"], ["handled", "1"]]).then_some(())
    })
    .await;
    let standing = stack.sql("SELECT status FROM pms_connections").await.unwrap().concat();
    assert_eq!(standing, ["active"], "nobody ends another tenant's connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_an_install_goes_on_where_it_was_when_its_worker_is_killed() {
    let mut stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = link(&stack, &who).await;
    stack.tell_by_webhook(Some(&path)).await.unwrap();
    let purchase = json!({ "lag_seconds": 3_600, "load_seconds": 0 });
    stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    until_status(&stack, &who, "the notice", |status| status["setups"][0]["reason"] == "not_listed").await;
    stack.workers[0].process.kill9();
    advance(&stack, 3_600).await;
    // Whatever it held in the moment of its death is free again when its lease ends.
    stack.sql("UPDATE pms_setups SET lease_until = now()").await.unwrap();
    stack.workers[0].process.restart().unwrap();
    stack.workers[0].ready().await.unwrap();
    until_status(&stack, &who, "active", |status| status["connections"][0]["status"] == "active").await;
    back_to_now(&stack).await;
    books(&stack, &who).await;
}

/// Has an office's setup given up at its next step, and waits for that.
async fn given_up(stack: &Stack, who: &Newcomer) -> Value {
    stack.sql("UPDATE pms_setups SET give_up_at = now(), due_at = now()").await.unwrap();
    until_status(stack, who, "it to be given up", |status| status["setups"][0]["state"] == "gave_up").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_was_given_up_is_told_of_by_its_name_and_tried_again_when_somebody_asks_once_more() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = link(&stack, &who).await;
    stack.tell_by_webhook(Some(&path)).await.unwrap();
    let purchase = json!({ "lag_seconds": 3_600, "load_seconds": 0 });
    let told = stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    until_status(&stack, &who, "the notice", |status| status["setups"][0]["reason"] == "not_listed").await;
    let open =
        async || stack.sql("SELECT happened FROM alerts WHERE cleared_at IS NULL").await.unwrap().concat();
    let failed = given_up(&stack, &who).await;
    assert!(open().await.concat().contains(OFFICE), "{:?}", open().await);
    // The vendor sends the purchase once more.
    let gateway = stack.gateways[0].url.clone();
    let again = stack.http.send("POST", &format!("{gateway}{path}"), &[], Some(&told["body"])).await.unwrap();
    assert_eq!(again.status, 200);
    let tried_again = |status: &Value| {
        let setup = &status["setups"][0];
        setup["state"] != "gave_up" && setup["reason"] == "not_listed"
    };
    until_status(&stack, &who, "another try", tried_again).await;
    assert!(open().await.is_empty(), "{:?}", open().await);
    // An operator has it tried once more.
    given_up(&stack, &who).await;
    let setup = failed["setups"][0]["id"].as_str().unwrap();
    let (well, printed) = run(&stack, &["connections", "retry", setup]).await;
    assert!(well, "{printed}");
    until_status(&stack, &who, "another try", |status| status["setups"][0]["reason"] == "not_listed").await;
    let (well, printed) = run(&stack, &["connections", "retry", setup]).await;
    assert!(!well, "it is on its way: {printed}");
    assert!(open().await.is_empty(), "{:?}", open().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_the_first_data_is_there_is_acted_on_at_once() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = link(&stack, &who).await;
    stack.tell_by_webhook(Some(&path)).await.unwrap();
    let purchase = json!({ "lag_seconds": 0, "load_seconds": 14_400 });
    stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    until_status(&stack, &who, "onboarding", |status| status["setups"][0]["state"] == "onboarding").await;
    stack.sql("UPDATE pms_setups SET due_at = now() + interval '1 h'").await.unwrap();
    stack.sandbox.office("POST", OFFICE, "/refresh", None).await.unwrap();
    until_status(&stack, &who, "active", |status| status["connections"][0]["status"] == "active").await;
}

async fn post(stack: &Stack, path: &str, body: &Value) {
    let answer = stack.http.send("POST", &format!("{}{path}", stack.gateways[0].url), &[], Some(body)).await;
    assert_eq!(answer.unwrap().status, 200);
}

/// A clinic that bought the application and whose connection is in use.
async fn bought(stack: &Stack, who: &Newcomer) -> String {
    let path = link(stack, who).await;
    stack.tell_by_webhook(Some(&path)).await.unwrap();
    let purchase = json!({ "lag_seconds": 0, "load_seconds": 0 });
    stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    until_status(stack, who, "active", |status| status["connections"][0]["status"] == "active").await;
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_that_buys_again_while_it_is_connected_is_switched_on_and_tested_like_a_new_one() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    bought(&stack, &who).await;
    // Its server moved: the cancellation is lost, and the vendor begins anew with it.
    advance(&stack, 60).await;
    let purchase = json!({ "lag_seconds": 0, "load_seconds": 3_600 });
    stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    let onboarding = until_status(&stack, &who, "onboarding", |status| {
        status["setups"][0]["state"] == "onboarding" && status["connections"][0]["status"] == "onboarding"
    })
    .await;
    assert!(onboarding["connections"][0]["sentence"].as_str().unwrap().contains("no error"), "{onboarding}");
    let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
    assert_eq!(office["access_on"], true, "the location was switched on: {office}");
    // Asked while it waits, the operator's tool calls it no error either.
    let connection = onboarding["connections"][0]["connectionId"].as_str().unwrap().to_owned();
    let (well, printed) = run(&stack, &["connections", "test", &connection]).await;
    assert!(well && printed.contains("no error"), "{printed}");
    stack.sandbox.office("POST", OFFICE, "/refresh", None).await.unwrap();
    until_status(&stack, &who, "active", |status| status["connections"][0]["status"] == "active").await;
    assert_eq!(stack.sql("SELECT count(*) FROM alerts").await.unwrap().concat(), ["0"], "it was no error");
    back_to_now(&stack).await;
    books(&stack, &who).await;
    // Cancelled it is off, at the vendor too where that did not see to it, and bought once more it is on.
    advance(&stack, 60).await;
    let away =
        json!({ "count": 1_000, "status": 503, "path_prefix": "/v4/practice_location", "method": "POST" });
    stack.sandbox.faults(&json!({ "fail_next": away })).await.unwrap();
    stack.sandbox.office("POST", OFFICE, "/cancel", Some(&json!({}))).await.unwrap();
    until_status(&stack, &who, "disabled", |status| status["connections"][0]["status"] == "disabled").await;
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&json!({ "access_on": true }))).await.unwrap();
    stack.sandbox.faults(&json!({ "fail_next": null })).await.unwrap();
    until_off(&stack).await;
    let open = async || stack.sql("SELECT code FROM alerts WHERE cleared_at IS NULL").await.unwrap().concat();
    assert_eq!(open().await, ["install_cancelled"]);
    let purchase = json!({ "lag_seconds": 0, "load_seconds": 0 });
    stack.sandbox.office("POST", OFFICE, "/purchase", Some(&purchase)).await.unwrap();
    until_status(&stack, &who, "active", |status| status["connections"][0]["status"] == "active").await;
    assert!(open().await.is_empty(), "it is connected again");
}

/// Until the vendor serves the office's location no more.
async fn until_off(stack: &Stack) {
    until(SOON, "the location to be off", || async {
        let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
        (office["access_on"] == false).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_disables_is_switched_off_at_the_vendor() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    bought(&stack, &who).await;
    let shown = status(&stack, &who).await;
    let connection = shown["connections"][0]["connectionId"].as_str().unwrap();
    let (well, printed) = run(&stack, &["connections", "disable", connection]).await;
    assert!(well, "{printed}");
    until_off(&stack).await;
}

/// Disables a newcomer's connection, and says which it is.
async fn disabled(stack: &Stack, who: &Newcomer) -> String {
    let shown = status(stack, who).await;
    let connection = shown["connections"][0]["connectionId"].as_str().unwrap().to_owned();
    let path = format!("/api/pms/connections/{connection}");
    let off = ask(stack, who, "POST", &format!("{path}/disable"), None).await;
    assert_eq!(off["status"], "disabled", "{off}");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_location_that_is_switched_on_for_a_set_up_in_vain_goes_off_again_with_nobody_left_to_see_to_it()
 {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    bought(&stack, &who).await;
    disabled(&stack, &who).await;
    until_off(&stack).await;
    // The vendor switches it on, and then shows nothing of it.
    let away = json!({ "count": 1_000, "status": 503, "path_prefix": "/v4/practices" });
    stack.sandbox.faults(&json!({ "fail_next": away })).await.unwrap();
    let wish = json!({ "officeId": OFFICE, "secretKey": format!("sandbox-secret-{OFFICE}") });
    let refused = stack.rest(&who.api_key, ("POST", "/api/pms/setup"), &[], Some(&wish)).await.unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
    assert_eq!(office["access_on"], true, "{office}");
    let pass = "UPDATE pms_connections SET config = jsonb_set(config, '{switch_off,due_at}', to_jsonb(now()))
        WHERE jsonb_exists(config, 'switch_off')";
    stack.sql(pass).await.unwrap();
    until_off(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_location_that_the_vendor_does_not_switch_off_is_told_of_beside_its_connection() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    bought(&stack, &who).await;
    stack.sandbox.faults(&json!({ "scopes_removed": ["practice_location"] })).await.unwrap();
    let path = disabled(&stack, &who).await;
    let told = until_status(&stack, &who, "what to do about it", |status| {
        status["connections"][0]["lastError"] == "location_still_on"
    })
    .await;
    let told = &told["connections"][0];
    assert_eq!(told["status"], "disabled", "{told}");
    assert!(told["nextAction"].as_str().unwrap().contains("vendor's portal"), "{told}");
    let owed = "SELECT count(*) FROM pms_connections WHERE jsonb_exists(config, 'switch_off')";
    assert_eq!(stack.sql(owed).await.unwrap().concat(), ["0"], "nothing more is asked for");
    stack.sandbox.faults(&json!({ "scopes_removed": [] })).await.unwrap();
    let on = ask(&stack, &who, "POST", &format!("{path}/enable"), None).await;
    assert_eq!((&on["status"], &on["lastError"]), (&json!("active"), &Value::Null), "{on}");
}

/// A location of a newcomer's that nothing is connected to.
async fn located(stack: &Stack, who: &Newcomer, name: &str) -> PracticeId {
    let practice = Practice {
        id: PracticeId::new(),
        name: name.into(),
        time_zone: "America/New_York".into(),
        country: "US".into(),
    };
    let mut tx = stack.store.machinery().await.unwrap();
    tx.put_practice(who.tenant, &practice).await.unwrap();
    tx.commit().await.unwrap();
    practice.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_of_an_office_with_another_name_than_the_only_location_waits_for_somebody_to_say_which_it_is()
 {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("brindale").await.unwrap();
    let practice = located(&stack, &who, "Brindale Dental").await;
    let path = link(&stack, &who).await;
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&json!({ "access_on": false }))).await.unwrap();
    post(
        &stack,
        &path,
        &json!({ "MasterCustomerID": OFFICE, "Status": "Active", "PartnerRegistrationID": "x" }),
    )
    .await;
    let waits =
        until_status(&stack, &who, "an end", |status| status["setups"][0]["state"] == "refused").await;
    assert_eq!(waits["setups"][0]["reason"], "practice_unclear", "{waits}");
    assert!(waits["setups"][0]["nextAction"].as_str().unwrap().contains("practiceId"), "{waits}");
    assert_eq!(waits["connections"], json!([]), "nothing is bound");
    let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
    assert_eq!(office["access_on"], false, "nor billed: {office}");
    let open = async || stack.sql("SELECT code FROM alerts WHERE cleared_at IS NULL").await.unwrap().concat();
    assert_eq!(open().await, ["setup_failed"]);
    // Somebody says which it is.
    let wish = json!({
        "officeId": OFFICE, "secretKey": format!("sandbox-secret-{OFFICE}"), "practiceId": practice.to_string(),
    });
    let made = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!(
        (made["status"].as_str(), made["practiceId"].as_str()),
        (Some("active"), Some(practice.to_string().as_str())),
        "{made}"
    );
    let after = status(&stack, &who).await;
    assert!(after["setups"].as_array().unwrap().iter().all(|one| one["state"] == "done"), "{after}");
    assert!(open().await.is_empty(), "it is connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_becomes_the_only_location_where_its_name_is_much_the_same() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("larkmoor").await.unwrap();
    let practice = located(&stack, &who, "The Larkmoor Family Practice").await;
    bought(&stack, &who).await;
    let shown = status(&stack, &who).await;
    assert_eq!(shown["connections"][0]["practiceId"], practice.to_string(), "{shown}");
}

/// Neither has its effect before the other was looked at as well.
async fn both_at_once(stack: &Stack, path: &str, body: &Value) {
    let other = stack.owner().await.unwrap();
    let lock =
        format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('pms office sikka {OFFICE}', 0))");
    other.batch_execute(&lock).await.unwrap();
    tokio::join!(post(stack, path, body), post(stack, path, body));
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                   GROUP BY objid HAVING count(*) = 2";
    until(SOON, "both to wait for the office", || async {
        (!stack.sql(waiting).await.unwrap().is_empty()).then_some(())
    })
    .await;
    other.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_notices_without_a_date_are_told_apart_by_what_became_of_the_last_one() {
    // One worker takes copies of a message one after the other.
    let stack = Stack::start(Plan { spare_offices: 1, replicas: 2, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = link(&stack, &who).await;
    let body =
        |status: &str| json!({ "MasterCustomerID": OFFICE, "Status": status, "PartnerRegistrationID": "x" });
    let is = async |what: &str| {
        until_status(&stack, &who, what, |status| status["connections"][0]["status"] == what).await
    };
    let told = async |what: &str| {
        let sql = format!("SELECT count(*) FROM audit_log WHERE action = '{what}'");
        stack.sql(&sql).await.unwrap().concat()[0].clone()
    };
    let noted = async |deliveries: usize| {
        let sql = "SELECT sum(deliveries) FROM webhook_events WHERE state = 'handled'";
        until(SOON, "every delivery in the ledger", || async {
            (stack.sql(sql).await.unwrap().concat() == [deliveries.to_string()]).then_some(())
        })
        .await;
    };
    post(&stack, &path, &body("Active")).await;
    post(&stack, &path, &body("Active")).await;
    is("active").await;
    post(&stack, &path, &body("Active")).await;
    noted(3).await;
    assert_eq!(told("install.told").await, "1");
    for round in 1..=2 {
        // A repeat comes later in the first round, and at the same time in the second. One of a cancellation is none of a
        // purchase that came between.
        let twice = async |status: &str, what: &str| {
            let one = body(status);
            if round == 2 {
                both_at_once(&stack, &path, &one).await;
                is(what).await;
            } else {
                post(&stack, &path, &one).await;
                is(what).await;
                post(&stack, &path, &one).await;
            }
        };
        twice("Cancelled", "disabled").await;
        noted(4 * round + 1).await;
        assert_eq!(told("install.cancelled").await, round.to_string());
        twice("Active", "active").await;
        noted(4 * round + 3).await;
        assert_eq!(told("install.told").await, (round + 1).to_string());
    }
    // A crash brings the first cancellation here again, which has had its effect.
    let first = "SELECT id FROM webhook_events WHERE kind = 'install' ORDER BY id LIMIT 1 OFFSET 1";
    stack.sql(&format!("UPDATE webhook_events SET state = 'received' WHERE id = ({first})")).await.unwrap();
    post(&stack, &path, &body("Cancelled")).await;
    noted(12).await;
    assert_eq!(told("install.cancelled").await, "2");
    assert_eq!(
        status(&stack, &who).await["connections"][0]["status"],
        "active",
        "what was bought since is used"
    );
    let (well, doctor) = run(&stack, &["doctor"]).await;
    assert!(well, "the ledger balances: {doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_in_words_that_nobody_knows_switches_nothing_on_and_is_told_of() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = bought(&stack, &who).await;
    let shown = status(&stack, &who).await;
    let connection = shown["connections"][0]["connectionId"].as_str().unwrap().to_owned();
    ask(&stack, &who, "POST", &format!("/api/pms/connections/{connection}/disable"), None).await;
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&json!({ "access_on": false }))).await.unwrap();
    let body = |status: &str, date: &str| json!({ "MasterCustomerID": OFFICE, "Status": status, "PurchaseDate": date, "PartnerRegistrationID": "x" });
    let dated = "SELECT told_at - interval '1 s' FROM pms_setups WHERE location = ''";
    let before = stack.sql(&format!("SELECT to_char(({dated}), 'YYYY-MM-DD\"T\"HH24:MI:SS')")).await.unwrap();
    // Another word, and the same purchase in other words: neither is a new purchase.
    post(&stack, &path, &body("Suspended", "2026-01-01T00:00:00")).await;
    post(&stack, &path, &body("Purchased", &before.concat()[0])).await;
    until(SOON, "all three notices in the ledger", || async {
        let rows = events(&stack).await;
        (rows.len() == 3 && rows.iter().all(|row| row[0] == "handled")).then_some(())
    })
    .await;
    let after = status(&stack, &who).await;
    assert_eq!(after["connections"][0]["status"], "disabled", "{after}");
    assert_eq!(after["setups"][0]["state"], "done", "nothing is on its way: {after}");
    let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
    assert_eq!(office["access_on"], false, "{office}");
    let alerts = stack.sql("SELECT code, happened FROM alerts WHERE cleared_at IS NULL").await.unwrap();
    assert_eq!((alerts.len(), alerts[0][0].as_str()), (1, "notice_unclear"), "{alerts:?}");
    assert!(alerts[0][1].contains(OFFICE), "{alerts:?}");
    // A second office's is not lost behind the first's.
    let other = json!({ "MasterCustomerID": "D10077", "Status": "Suspended", "PartnerRegistrationID": "x" });
    post(&stack, &path, &other).await;
    until(SOON, "both offices in the open alert", || async {
        let open = stack.sql("SELECT happened FROM alerts WHERE cleared_at IS NULL").await.unwrap().concat();
        (open.len() == 1 && open[0].contains(OFFICE) && open[0].contains("D10077")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_wrong_keys_are_the_operators_matter_and_not_a_clinics() {
    let settings = vec![("SIKKA_APP_KEY".to_owned(), "mistyped".to_owned())];
    let stack = Stack::start(Plan { spare_offices: 1, settings, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    let path = link(&stack, &who).await;
    let office = json!({ "MasterCustomerID": OFFICE, "Status": "Active", "PartnerRegistrationID": "x" });
    post(&stack, &path, &office).await;
    let waits = until_status(&stack, &who, "the reason", |status| {
        status["setups"][0]["reason"] == "application_refused"
    })
    .await;
    assert!(waits["setups"][0]["nextAction"].as_str().unwrap().contains("operator"), "{waits}");
    let alerts = stack.sql("SELECT tenant_id, code FROM alerts WHERE cleared_at IS NULL").await.unwrap();
    assert_eq!((alerts.len(), alerts[0][1].as_str()), (1, "application_refused"), "{alerts:?}");
    let wish = json!({ "officeId": OFFICE, "secretKey": format!("sandbox-secret-{OFFICE}") });
    let refused = stack.rest(&who.api_key, ("POST", "/api/pms/setup"), &[], Some(&wish)).await.unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
}
