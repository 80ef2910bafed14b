//! People, kinds of appointment, accounts and insurances over REST and by voice.

use domain::PracticeId;
use serde_json::{Value, json};
use testbed::{Answer, Plan, Stack, until};

use crate::rest::{SOON, ask, ended, error};

#[tokio::test(flavor = "multi_thread")]
async fn a_practices_system_reads_its_people_accounts_and_insurances() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let read = async |path: &str| -> Value {
        let answer = ask(&stack, "GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    let people = read("/api/pms/providers").await;
    let names: Vec<&str> =
        people["providers"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["Dr Park", "Dr Ortiz", "Nadia Frost"], "{people}");
    let types = read("/api/pms/appointment-types").await;
    assert_eq!(types["appointmentTypes"][0]["name"], "New Patient", "{types}");
    let account = read("/api/pms/patients/101/balance").await;
    assert_eq!(account["balance"], json!({ "minor": 14_070, "currency": "USD" }), "{account}");
    assert_eq!(account["fromInsurance"]["minor"], 10_000);
    let insured = read("/api/pms/patients/101/insurance").await;
    assert_eq!(insured["insurances"][0]["carrier"], "Larkmoor Mutual", "{insured}");
    assert_eq!(insured["insurances"][0]["memberId"], "LM-1001");
    for path in ["/api/pms/patients/999999/balance", "/api/pms/patients/999999/insurance"] {
        assert_eq!(ask(&stack, "GET", path, None).await.status, 422, "{path}");
    }
    let audited = "SELECT DISTINCT action FROM audit_log ORDER BY action";
    assert_eq!(
        stack.sql(audited).await.unwrap().concat(),
        ["appointment_type.list", "patient.balance.read", "patient.insurance.read", "provider.list"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_of_an_account_only_once_they_said_whose_it_is() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    let bare = json!({ "patientId": "101" });
    let hear = async |call: &str, id: &str, tool: &str, arguments: &Value| {
        until(SOON, "an answer other than \"not now\"", || async {
            let told = stack.tool(clinic, (call, id), tool, arguments).await.unwrap();
            (told["status"] != "unknown" && told["status"] != "unavailable").then_some(told)
        })
        .await
    };
    let early = hear("call-1", "early", "getPatientBalance", &bare).await;
    assert_eq!(early["status"], "refused", "{early}");
    assert!(early.get("balance").is_none() && early.get("firstName").is_none(), "{early}");
    let found = hear("call-1", "who", "searchPatients", &maria).await;
    assert_eq!(found["patientId"], "101", "{found}");
    let account = hear("call-1", "balance", "getPatientBalance", &bare).await;
    assert_eq!(account["balance"]["minor"], 14_070, "{account}");
    let insured = hear("call-1", "insurance", "getPatientInsurance", &bare).await;
    assert_eq!(insured["insurances"][0]["carrier"], "Larkmoor Mutual", "{insured}");
    assert!(!insured.to_string().contains("LM-1001"), "{insured}");
    let elsewhere = hear("call-2", "balance", "getPatientBalance", &bare).await;
    assert_eq!(elsewhere["status"], "refused", "what was shown in one call counts in no other: {elsewhere}");
    let kept = "SELECT call_id, patient, proof FROM call_identities";
    assert_eq!(stack.sql(kept).await.unwrap(), [["call-1", "101", "name_and_birth"]]);
}

fn payment(reference: &str) -> Value {
    json!({ "patientId": "101", "reference": reference, "amount": 4_070, "currency": "USD", "method": "card" })
}

async fn pay(stack: &Stack, key: &str, body: &Value) -> Answer {
    until(SOON, "an answer other than 503", || async {
        let what = ("POST", "/api/pms/payments");
        let clinic = &stack.clinics[0];
        let answer =
            stack.rest(&clinic.api_key, what, &[("idempotency-key", key)], Some(body)).await.unwrap();
        (answer.status != 503).then_some(answer)
    })
    .await
}

/// The lines of the practice's own ledger that came from us.
async fn posted(stack: &Stack) -> Vec<Value> {
    let pms = stack.sandbox.office("GET", &stack.clinics[0].office, "/pms", None).await.unwrap();
    let ours = |line: &&Value| line["note"].as_str().is_some_and(|note| note.starts_with("Phone payment"));
    pms["transactions"].as_array().unwrap().iter().filter(ours).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_payment_is_posted_once_though_its_reply_is_lost_and_it_is_asked_for_again() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    stack.sandbox.faults(&json!({ "lose_reply_after_write": 1 })).await.unwrap();
    let first = pay(&stack, "pay-1", &payment("pi_3QabCD")).await;
    assert!([200, 202].contains(&first.status), "{first:?}");
    // Another request, with a key of its own, for the same payment.
    let again = pay(&stack, "pay-2", &payment("pi_3QabCD")).await;
    assert_eq!(again.json()["writebackId"], first.json()["writebackId"]);
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let lines = posted(&stack).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["amount"], &lines[0]["patient_id"]), (&json!(-4_070), &json!(101)));
    assert_eq!(stack.sandbox.writes(&stack.clinics[0].office).await.unwrap().len(), 1);
    let later = pay(&stack, "pay-3", &payment("pi_3QabCD")).await;
    assert_eq!((later.status, later.json()["code"].as_str()), (200, Some("payment_posted")), "{later:?}");
    let mut other = payment("pi_3QabCD");
    other["amount"] = json!(9_999);
    assert_eq!(pay(&stack, "pay-4", &other).await.json()["code"], "payment_reference_used");
    assert_eq!(posted(&stack).await.len(), 1);
    let landed = "SELECT DISTINCT action FROM audit_log WHERE action LIKE 'payment%' ORDER BY action";
    assert_eq!(stack.sql(landed).await.unwrap().concat(), ["payment.record", "payment.record.landed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_one_reference_is_posted_at_one_location_of_a_tenant_also_when_two_ask_at_once() {
    let stack = Stack::start(Plan { spare_offices: 1, replicas: 2, ..Plan::default() }).await.unwrap();
    let here = &stack.clinics[0];
    let there = stack.another_location(here, "D10002").await.unwrap();
    let body = |practice: &PracticeId, reference: &str| {
        let mut body = payment(reference);
        body["practiceId"] = json!(practice.to_string());
        body
    };
    // Until the workers know both.
    for (key, practice) in [("warm-1", here.practice), ("warm-2", there.practice)] {
        let warm = pay(&stack, key, &body(&practice, &format!("pi_{key}"))).await;
        assert!([200, 202].contains(&warm.status), "{warm:?}");
    }
    let (one, other) = (body(&here.practice, "pi_3QabCD"), body(&there.practice, "pi_3QabCD"));
    let (first, second) = tokio::join!(pay(&stack, "pay-1", &one), pay(&stack, "pay-2", &other));
    let mut codes = [&first, &second].map(|told| told.json()["code"].as_str().unwrap().to_owned());
    codes.sort_by_key(|code| code == "payment_reference_used");
    assert_ne!(codes[0], "payment_reference_used", "{first:?} {second:?}");
    assert_eq!(codes[1], "payment_reference_used", "{first:?} {second:?}");
    let refused = if second.json()["code"] == codes[1] { &second } else { &first }.json();
    assert_eq!(refused["status"], "refused", "{refused}");
    assert!(refused.get("writebackId").is_none(), "of another location nothing is shown: {refused}");
    assert_eq!(ended(&stack, 3).await, ["succeeded"; 3]);
    // And when it is long over.
    let again = if second.json()["code"] == codes[1] { &other } else { &one };
    assert_eq!(pay(&stack, "pay-3", again).await.json()["code"], "payment_reference_used");
    assert_eq!(stack.sql("SELECT count(*) FROM pms_writebacks").await.unwrap().concat(), ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_payment_is_the_same_one_after_its_location_was_connected_anew() {
    let stack = Stack::start(Plan { spare_offices: 1, ..Plan::default() }).await.unwrap();
    let clinic = &stack.clinics[0];
    let first = pay(&stack, "pay-1", &payment("pi_3QabCD")).await;
    assert!([200, 202].contains(&first.status), "{first:?}");
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    // The location has another connection in the place of the one that it had.
    let anew = stack.another_location(clinic, "D10002").await.unwrap();
    let (old, new) = (clinic.connection.uuid(), anew.connection.uuid());
    for change in [
        format!("UPDATE pms_connections SET status = 'disabled' WHERE id = '{old}'"),
        format!("UPDATE pms_connections SET practice_id = '{}' WHERE id = '{new}'", clinic.practice.uuid()),
    ] {
        stack.sql(&change).await.unwrap();
    }
    // Named, so that nobody remembers the desk as it was.
    let mut body = payment("pi_3QabCD");
    body["practiceId"] = json!(clinic.practice.to_string());
    let again = pay(&stack, "pay-2", &body).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (200, Some("payment_posted")), "{again:?}");
    assert_eq!(again.json()["writebackId"], first.json()["writebackId"]);
    body["amount"] = json!(9_999);
    assert_eq!(pay(&stack, "pay-3", &body).await.json()["code"], "payment_reference_used");
    assert_eq!(stack.sql("SELECT count(*) FROM pms_writebacks").await.unwrap().concat(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_card_number_reaches_neither_the_practice_nor_a_write_nor_a_log() {
    const CARD: &str = "4111111111111111";
    let stack = Stack::start(Plan::default()).await.unwrap();
    for field in ["reference", "note", "method"] {
        let mut body = payment("pi_1");
        body[field] = json!(CARD);
        let refused = pay(&stack, &format!("card-{field}"), &body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(error(&refused)["fields"][0]["path"], field);
        assert!(!refused.text.contains(CARD), "{refused:?}");
        let told = stack.tool(&stack.clinics[0], ("call-1", field), "processPayment", &body).await.unwrap();
        assert_eq!(
            (told["status"].as_str(), told["field"].as_str()),
            (Some("refused"), Some(field)),
            "{told}"
        );
    }
    assert!(posted(&stack).await.is_empty());
    assert_eq!(stack.sql("SELECT count(*) FROM pms_writebacks").await.unwrap().concat(), ["0"]);
    assert!(!stack.logs().contains(CARD), "a card number is in a log");
    // What is kept of the call, sealed, is without it too.
    let clinic = &stack.clinics[0];
    let said = format!("It is {CARD}, or 4111 1111 1111 1111, thank you.");
    let ended = json!({ "type": "end-of-call-report", "artifact": { "transcript": said } });
    assert_eq!(stack.webhook(clinic, "call-1", ended).await.unwrap().status, 200);
    let report = until(SOON, "the report", || async {
        let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
        let report = tx.call_report("call-1").await.ok().flatten();
        tx.commit().await.unwrap();
        report
    })
    .await;
    let report = String::from_utf8(report).unwrap();
    assert!(report.contains("It is [card number]") && report.contains("thank you."), "{report}");
    assert!(!report.contains("1111"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_on_a_call_only_what_the_payment_service_announced_is_put_on_an_account() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let clinic = &stack.clinics[0];
    let mut wish = payment("pi_3QabCD");
    for (field, value) in [("firstName", "Maria"), ("lastName", "Lopez"), ("dateOfBirth", "1988-03-14")] {
        wish[field] = json!(value);
    }
    let say = async |id: &str, wish: &Value| {
        until(SOON, "an answer other than \"not now\"", || async {
            let told = stack.tool(clinic, ("call-1", id), "processPayment", wish).await.unwrap();
            let not_now = matches!(told["status"].as_str(), Some("unknown" | "unavailable"));
            (!not_now || told["writebackId"].is_string()).then_some(told)
        })
        .await
    };
    let tell = async |key: &str, body: &Value| {
        stack.rest(key, ("POST", "/api/pms/payments/taken"), &[], Some(body)).await.unwrap()
    };
    // On the caller's word alone, and on another tenant's word.
    let taken = json!({ "reference": "pi_3QabCD", "amount": 4_070, "currency": "USD", "patientId": "101" });
    assert_eq!(tell(&stack.clinics[1].api_key, &taken).await.status, 201);
    let told = say("early", &wish).await;
    assert_eq!(told["status"], "needs_staff", "{told}");
    let tasks = ask(&stack, "GET", "/api/pms/tasks", None).await.json();
    assert_eq!(tasks["tasks"][0]["code"], "payment_not_announced", "{tasks}");
    assert_eq!(
        tasks["tasks"][0]["wanted"],
        json!({
            "patientId": "101", "patientName": "Maria Lopez", "reference": "pi_3QabCD", "method": "card",
            "amount": 4_070, "currency": "USD", "callerPhone": "+15550100099",
        })
    );
    // The payment service tells of it, twice; another amount under its reference is another payment.
    assert_eq!(tell(&clinic.api_key, &taken).await.status, 201);
    assert_eq!(tell(&clinic.api_key, &taken).await.status, 200);
    let mut other = taken.clone();
    other["amount"] = json!(50_000);
    assert_eq!(tell(&clinic.api_key, &other).await.status, 409);
    for (field, value) in [
        ("reference", json!("4111 1111 1111 1111")),
        ("reference", json!("ab")),
        ("amount", json!(0)),
        ("currency", json!("usd")),
        ("method", json!("barter")),
        ("patientId", json!("")),
    ] {
        let mut wrong = taken.clone();
        wrong[field] = value;
        let refused = tell(&clinic.api_key, &wrong).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(error(&refused)["fields"][0]["path"], field);
        assert!(!refused.text.contains("1111"), "{refused:?}");
    }
    let mut more = wish.clone();
    more["amount"] = json!(50_000);
    assert_eq!(say("more", &more).await["status"], "needs_staff");
    assert!(posted(&stack).await.is_empty(), "nothing was posted so far");
    for id in ["now", "once more"] {
        let told = say(id, &wish).await;
        assert!(["confirmed", "accepted"].contains(&told["status"].as_str().unwrap()), "{told}");
    }
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let lines = posted(&stack).await;
    assert_eq!((lines.len(), &lines[0]["amount"]), (1, &json!(-4_070)), "{lines:?}");
    let audited = "SELECT outcome FROM audit_log WHERE action = 'payment.announce' ORDER BY at";
    let mut outcomes = stack.sql(audited).await.unwrap().concat();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["ok", "ok", "ok", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_whose_system_counts_in_canadian_dollars_takes_payments_in_them() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    stack.sql("UPDATE pms_connections SET config = config || '{\"currency\": \"CAD\"}'").await.unwrap();
    let paid = |currency: &str| {
        json!({ "patientId": "101", "reference": format!("pi_{currency}"), "amount": 4_070, "currency": currency,
            "method": "card" })
    };
    let other = pay(&stack, "usd", &paid("USD")).await;
    assert_eq!(
        (other.status, error(&other)["fields"][0]["path"].as_str()),
        (422, Some("currency")),
        "{other:?}"
    );
    let taken = pay(&stack, "cad", &paid("CAD")).await;
    assert!([200, 202].contains(&taken.status), "{taken:?}");
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
}
