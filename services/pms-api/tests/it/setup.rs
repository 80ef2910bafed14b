//! A clinic's system connected by hand, over REST.

use serde_json::{Value, json};
use testbed::{Answer, Newcomer, Plan, Stack, until};

use crate::rest::{SOON, day, error};

pub(crate) const OFFICE: &str = "D10002";

pub(crate) async fn ask(
    stack: &Stack,
    who: &Newcomer,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    until(SOON, "an answer other than 503", || async {
        let answer = stack.rest(&who.api_key, (method, path), &[], body).await.unwrap();
        (answer.status != 503).then_some(answer)
    })
    .await
}

pub(crate) fn wish(office: &str, secret: &str) -> Value {
    json!({ "vendor": "sikka", "officeId": office, "secretKey": secret })
}

pub(crate) async fn connect(stack: &Stack, who: &Newcomer, office: &str) -> Value {
    let wish = wish(office, &format!("sandbox-secret-{office}"));
    let answer = ask(stack, who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

pub(crate) async fn started() -> (Stack, Newcomer) {
    let stack = Stack::start(Plan { spare_offices: 2, ..Plan::default() }).await.unwrap();
    let who = stack.newcomer("fernhill").await.unwrap();
    (stack, who)
}

pub(crate) fn path(connection: &Value, rest: &str) -> String {
    format!("/api/pms/connections/{}{rest}", connection["connectionId"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_with_a_wrong_key_or_a_bad_field_names_it_and_saves_nothing() {
    let (stack, who) = started().await;
    let before = stack.sql("SELECT count(*) FROM pms_connections").await.unwrap();
    for (body, field) in [
        (wish(OFFICE, "wrong"), "secretKey"),
        (wish(OFFICE, ""), "secretKey"),
        (wish("D99999", "wrong"), "officeId"),
        (wish("../x", "wrong"), "officeId"),
        (json!({ "officeId": OFFICE }), "secretKey"),
        (json!({ "vendor": "other", "officeId": OFFICE, "secretKey": "x" }), "vendor"),
        (json!({ "officeId": OFFICE, "secretKey": "x", "locationId": "7" }), "locationId"),
    ] {
        let answer = ask(&stack, &who, "POST", "/api/pms/setup", Some(&body)).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(error(&answer)["fields"][0]["path"], field, "{answer:?}");
        assert!(!answer.text.contains("wrong"), "a secret comes back: {answer:?}");
    }
    let own = json!({
        "officeId": OFFICE, "secretKey": format!("sandbox-secret-{OFFICE}"),
        "practiceId": stack.clinics[0].practice.to_string(),
    });
    let answer = ask(&stack, &who, "POST", "/api/pms/setup", Some(&own)).await;
    assert_eq!(error(&answer)["fields"][0]["path"], "practiceId", "{answer:?}");
    assert_eq!(stack.sql("SELECT count(*) FROM pms_connections").await.unwrap(), before);
    assert_eq!(stack.sql("SELECT count(*) FROM pms_setups").await.unwrap().concat(), ["0"]);
    assert!(!stack.logs().contains("sandbox-secret"), "a secret is in the logs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_tells_its_features_and_books_and_its_words_are_chosen_by_staff() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    assert_eq!(
        (made["status"].as_str(), made["system"].as_str()),
        (Some("active"), Some("Open Dental")),
        "{made}"
    );
    let choices = made["words"]["cancel"]["choices"].as_array().unwrap();
    assert!(choices.contains(&json!("broken")) && choices.len() == 3, "{made}");
    assert!(!made.to_string().contains("sandbox-secret"), "{made}");
    // The same once more changes nothing.
    let wish = wish(OFFICE, &format!("sandbox-secret-{OFFICE}"));
    let again = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!(
        (again.status, again.json()["connectionId"].clone()),
        (200, made["connectionId"].clone()),
        "{again:?}"
    );
    // A word that the practice does not have is refused, and its own list is told.
    let refused = ask(&stack, &who, "PATCH", &path(&made, ""), Some(&json!({ "cancelWord": "gone" }))).await;
    assert_eq!(error(&refused)["fields"][0]["path"], "cancelWord", "{refused:?}");
    assert!(refused.text.contains("broken"), "{refused:?}");
    let chosen = json!({
        "cancelWord": "Complete", "noteKind": "clinical note", "paymentTypes": { "card": "CC" }, "defaultClinician": "DR1",
    });
    let changed = ask(&stack, &who, "PATCH", &path(&made, ""), Some(&chosen)).await.json();
    assert_eq!(changed["words"]["cancel"]["chosen"], "complete", "{changed}");
    assert_eq!(changed["words"]["note"]["chosen"], "Clinical Note", "{changed}");
    assert_eq!(
        (&changed["defaultClinician"], &changed["paymentTypes"]["card"]),
        (&json!("DR1"), &json!("CC"))
    );
    // What the practice's own lists do not have is refused; null takes a choice back.
    for (body, field) in [
        (json!({ "defaultClinician": "DMD99" }), "defaultClinician"),
        (json!({ "paymentTypes": { "card": "XX" } }), "paymentTypes.card"),
        (json!({ "paymentTypes": { "shells": "CC" } }), "paymentTypes.shells"),
    ] {
        let refused = ask(&stack, &who, "PATCH", &path(&made, ""), Some(&body)).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(error(&refused)["fields"][0]["path"], field, "{refused:?}");
    }
    let none = json!({ "defaultClinician": null, "paymentTypes": { "card": null }, "noteKind": null });
    let cleared = ask(&stack, &who, "PATCH", &path(&made, ""), Some(&none)).await.json();
    assert_eq!(
        (&cleared["defaultClinician"], &cleared["paymentTypes"]),
        (&Value::Null, &json!({})),
        "{cleared}"
    );
    assert_eq!(cleared["words"]["note"]["chosen"], made["words"]["note"]["chosen"], "{cleared}");
    assert_eq!(cleared["words"]["cancel"]["chosen"], "complete", "what is left out stays: {cleared}");
    ask(&stack, &who, "PATCH", &path(&made, ""), Some(&chosen)).await;
    // What staff chose outlives a test, which reads everything anew.
    let tested = ask(&stack, &who, "POST", &path(&made, "/test"), None).await.json();
    assert_eq!((tested["ok"].as_bool(), tested["status"].as_str()), (Some(true), Some("active")), "{tested}");
    assert_eq!(tested["connection"]["words"]["cancel"]["chosen"], "complete", "{tested}");
    assert_eq!(tested["connection"]["defaultClinician"], "DR1", "{tested}");
    assert_eq!(tested["connection"]["paymentTypes"]["card"], "CC", "{tested}");
    // Off, and nothing is asked there any more; on again.
    let off = ask(&stack, &who, "POST", &path(&made, "/disable"), None).await.json();
    assert_eq!(off["status"], "disabled", "{off}");
    let search = "/api/pms/patients/search?phone=5550100010";
    until(SOON, "no connection to ask", || async {
        (ask(&stack, &who, "GET", search, None).await.status == 404).then_some(())
    })
    .await;
    let on = ask(&stack, &who, "POST", &path(&made, "/enable"), None).await.json();
    assert_eq!(on["status"], "active", "{on}");
    until(SOON, "the practice to be asked again", || async {
        (ask(&stack, &who, "GET", search, None).await.status == 200).then_some(())
    })
    .await;
    let done = "SELECT action FROM audit_log WHERE action LIKE 'connection.%' ORDER BY sequence";
    let done = stack.sql(done).await.unwrap().concat();
    for action in [
        "connection.connect",
        "connection.choose",
        "connection.test",
        "connection.disable",
        "connection.enable",
    ] {
        assert!(done.iter().any(|one| one == action), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_while_the_data_is_on_its_way_is_onboarding_and_becomes_active_by_itself() {
    let (stack, who) = started().await;
    let empty = json!({ "loaded": false, "access_on": false });
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&empty)).await.unwrap();
    let wish = wish(OFFICE, &format!("sandbox-secret-{OFFICE}"));
    let made = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!((made.status, made.json()["status"].as_str()), (202, Some("onboarding")), "{made:?}");
    assert!(made.json()["sentence"].as_str().unwrap().contains("no error"), "{made:?}");
    stack.sandbox.office("POST", OFFICE, "/refresh", None).await.unwrap();
    until(SOON, "the connection to become active", || async {
        let shown = ask(&stack, &who, "GET", &path(&made.json(), ""), None).await.json();
        (shown["status"] == "active").then_some(())
    })
    .await;
    assert_eq!(stack.sql("SELECT count(*) FROM alerts").await.unwrap().concat(), ["0"], "it was no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_locations_are_connected_and_what_staff_call_things_is_what_callers_hear() {
    let (stack, who) = started().await;
    let (first, second) = (connect(&stack, &who, OFFICE).await, connect(&stack, &who, "D10003").await);
    assert_ne!(first["practiceId"], second["practiceId"]);
    let listed = ask(&stack, &who, "GET", "/api/pms/connections", None).await.json();
    assert_eq!(listed["connections"].as_array().unwrap().len(), 2, "{listed}");
    let people = json!({ "clinicians": [
        { "vendorId": "DR1", "name": "Dr Helena" }, { "vendorId": "DR2", "name": "Dr Ortiz", "offered": false },
    ] });
    let put = ask(&stack, &who, "PUT", &path(&first, "/clinicians"), Some(&people)).await;
    assert_eq!(put.status, 200, "{put:?}");
    let kinds = json!({ "appointmentTypes": [{ "name": "Long visit", "minutes": 90, "vendorId": "Recall",
            "clinicianKind": "provider" }] });
    let put = ask(&stack, &who, "PUT", &path(&first, "/appointment-types"), Some(&kinds)).await;
    assert_eq!(put.status, 200, "{put:?}");
    let told = ask(&stack, &who, "GET", &path(&first, "/appointment-types"), None).await.json();
    assert_eq!(told, kinds);
    for (rest, body, field) in [
        ("/clinicians", json!({ "clinicians": [{ "vendorId": "", "name": "x" }] }), "clinicians[0].vendorId"),
        (
            "/appointment-types",
            json!({ "appointmentTypes": [{ "name": "x", "minutes": 3 }] }),
            "appointmentTypes[0].minutes",
        ),
    ] {
        let refused = ask(&stack, &who, "PUT", &path(&first, rest), Some(&body)).await;
        assert_eq!(error(&refused)["fields"][0]["path"], field, "{refused:?}");
    }
    let practice = first["practiceId"].as_str().unwrap();
    let types = ask(&stack, &who, "GET", &format!("/api/pms/appointment-types?practiceId={practice}"), None)
        .await
        .json();
    assert_eq!(
        types["appointmentTypes"],
        json!([{ "appointmentTypeId": "Recall", "name": "Long visit", "minutes": 90 }])
    );
    let free = format!(
        "/api/pms/appointments/availability?from={}&to={}&practiceId={practice}&appointmentType=long%20visit",
        day(1),
        day(7)
    );
    let free = until(SOON, "the staff's names", || async {
        let free = ask(&stack, &who, "GET", &free, None).await.json();
        free["slots"].as_array().unwrap().iter().all(|slot| slot["provider"] == "Dr Helena").then_some(free)
    })
    .await;
    let patient = stack.sandbox.patients(OFFICE).await.unwrap()[0].clone();
    let wish = json!({
        "practiceId": practice, "patientId": patient, "slotId": free["slots"][0]["slotId"], "reason": "checkup",
        "appointmentType": "Long visit",
    });
    let booked = ask(&stack, &who, "POST", "/api/pms/appointments", Some(&wish)).await;
    assert!([200, 202].contains(&booked.status), "{booked:?}");
    let made = until(SOON, "the appointment in the practice's own records", || async {
        stack.sandbox.booked(OFFICE).await.unwrap().first().cloned()
    })
    .await;
    assert_eq!((made["length"].as_i64(), made["type"].as_str()), (Some(90), Some("Recall")), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_what_staff_change_of_a_connection_is_on_record_and_is_known_at_once() {
    // Remembered is everything for half a minute.
    let at_once = std::time::Duration::from_secs(20);
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    let people = async || ask(&stack, &who, "GET", "/api/pms/providers", None).await;
    let told = people().await;
    assert_eq!(told.status, 200, "{told:?}");
    let named = json!({ "clinicians": [{ "vendorId": "DR1", "name": "Dr Helena" }] });
    let put = ask(&stack, &who, "PUT", &path(&made, "/clinicians"), Some(&named)).await;
    assert_eq!(put.status, 200, "{put:?}");
    until(at_once, "the staff's name", || async { people().await.text.contains("Dr Helena").then_some(()) })
        .await;
    let kinds = json!({ "appointmentTypes": [{ "name": "Long visit", "minutes": 90 }] });
    let put = ask(&stack, &who, "PUT", &path(&made, "/appointment-types"), Some(&kinds)).await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(ask(&stack, &who, "POST", &path(&made, "/disable"), None).await.status, 200);
    until(at_once, "nobody to be asked", || async { (people().await.status == 404).then_some(()) }).await;
    let done = "SELECT action FROM audit_log WHERE action LIKE 'connection.%' ORDER BY sequence";
    assert_eq!(
        stack.sql(done).await.unwrap().concat(),
        ["connection.connect", "connection.clinicians", "connection.appointment_types", "connection.disable"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_tenant_sees_and_touches_none_of_another_tenants_connections() {
    let (stack, who) = started().await;
    let theirs = stack.clinics[0].connection;
    let other = format!("/api/pms/connections/{theirs}");
    for (method, rest, body) in [
        ("GET", "", None),
        ("PATCH", "", Some(json!({ "cancelWord": "broken" }))),
        ("POST", "/test", None),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("GET", "/clinicians", None),
        ("PUT", "/clinicians", Some(json!({ "clinicians": [] }))),
        ("GET", "/appointment-types", None),
        ("PUT", "/appointment-types", Some(json!({ "appointmentTypes": [] }))),
    ] {
        let answer = ask(&stack, &who, method, &format!("{other}{rest}"), body.as_ref()).await;
        assert_eq!(
            (answer.status, error(&answer)["code"].as_str()),
            (404, Some("not_found")),
            "{method} {rest}"
        );
    }
    let listed = ask(&stack, &who, "GET", "/api/pms/connections", None).await.json();
    assert_eq!(listed["connections"], json!([]));
    let status = ask(&stack, &who, "GET", "/api/pms/status", None).await.json();
    assert_eq!((&status["connections"], &status["setups"]), (&json!([]), &json!([])));
    // Who knows an office's secret still does not take it from whoever has it.
    let office = stack.clinics[0].office.clone();
    let wish = wish(&office, &format!("sandbox-secret-{office}"));
    let taken = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!((taken.status, error(&taken)["code"].as_str()), (409, Some("conflict")), "{taken:?}");
    let standing = stack.sql("SELECT status FROM pms_connections").await.unwrap().concat();
    assert_eq!(standing, ["active"]);
}

/// How the second of two offices is refused that cannot have the first one's location.
async fn refused_as_connected(stack: &Stack, who: &Newcomer, path: &str, body: Option<&Value>) {
    let refused = ask(stack, who, "POST", path, body).await;
    let field = &error(&refused)["fields"][0];
    assert_eq!(
        (field["path"].as_str(), field["rule"].as_str()),
        (Some("practiceId"), Some("is connected already")),
        "{refused:?}"
    );
}

async fn active(stack: &Stack) -> Vec<String> {
    stack
        .sql("SELECT config ->> 'office_id' FROM pms_connections WHERE status = 'active' ORDER BY 1")
        .await
        .unwrap()
        .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_is_connected_is_not_connected_twice_by_whichever_way() {
    let (stack, who) = started().await;
    let first = connect(&stack, &who, OFFICE).await;
    let taken = first["practiceId"].clone();
    // By its id: the location at the vendor stays off, and is not billed.
    stack.sandbox.office("PUT", "D10003", "/install", Some(&json!({ "access_on": false }))).await.unwrap();
    let mut second = wish("D10003", "sandbox-secret-D10003");
    second["practiceId"] = taken.clone();
    refused_as_connected(&stack, &who, "/api/pms/setup", Some(&second)).await;
    let office = stack.sandbox.office("GET", "D10003", "", None).await.unwrap();
    assert_eq!(office["access_on"], false, "{office}");
    // While it is off another office may have it: then it does not come back.
    ask(&stack, &who, "POST", &path(&first, "/disable"), None).await;
    let moved = ask(&stack, &who, "POST", "/api/pms/setup", Some(&second)).await;
    assert_eq!((moved.status, moved.json()["practiceId"].clone()), (201, taken), "{moved:?}");
    refused_as_connected(&stack, &who, &path(&first, "/enable"), None).await;
    let own = stack.clinics[0].office.clone();
    assert_eq!(active(&stack).await, [own.as_str(), "D10003"]);
    // Connected anew it becomes a location of its own.
    let again = connect(&stack, &who, OFFICE).await;
    assert_ne!(again["practiceId"], first["practiceId"], "{again}");
    assert_eq!(active(&stack).await, [own.as_str(), OFFICE, "D10003"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p2_a_set_up_that_is_asked_for_twice_at_once_makes_one_connection() {
    let (stack, who) = started().await;
    let wish = wish(OFFICE, &format!("sandbox-secret-{OFFICE}"));
    stack.sandbox.faults(&json!({ "latency_ms": 200 })).await.unwrap();
    let twice = [(); 3].map(|()| ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)));
    let answers = futures_util::future::join_all(twice).await;
    assert!(answers.iter().all(|answer| [200, 201].contains(&answer.status)), "{answers:?}");
    assert_eq!(active(&stack).await.iter().filter(|office| *office == OFFICE).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_in_flight_undoes_neither_a_disable_nor_a_choice() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    stack.sandbox.faults(&json!({ "latency_ms": 700 })).await.unwrap();
    let test = path(&made, "/test");
    let (tested, ()) = tokio::join!(ask(&stack, &who, "POST", &test, None), async {
        let asked = "SELECT count(*) FROM pms_request_budgets WHERE day_used > 0 AND connection_id IN
            (SELECT id FROM pms_connections WHERE config ->> 'office_id' = 'D10002')";
        // The test has begun: its calls are its practice's (P9).
        until(SOON, "the first call of the test", || async {
            (stack.sql(asked).await.unwrap().concat() == ["1"]).then_some(())
        })
        .await;
        let chosen =
            ask(&stack, &who, "PATCH", &path(&made, ""), Some(&json!({ "cancelWord": "complete" }))).await;
        assert_eq!(chosen.status, 200, "{chosen:?}");
        let off = ask(&stack, &who, "POST", &path(&made, "/disable"), None).await;
        assert_eq!(off.json()["status"], "disabled", "{off:?}");
    });
    assert_eq!(tested.json()["status"], "disabled", "{tested:?}");
    stack.sandbox.faults(&json!({ "latency_ms": 0 })).await.unwrap();
    let on = ask(&stack, &who, "POST", &path(&made, "/enable"), None).await.json();
    assert_eq!(
        (&on["status"], &on["words"]["cancel"]["chosen"]),
        (&json!("active"), &json!("complete")),
        "{on}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_what_a_test_asks_is_counted_in_the_budget_of_its_practice() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    let used = async || -> i64 {
        let sql = "SELECT coalesce(sum(day_used), 0) FROM pms_request_budgets b JOIN pms_connections c
            ON c.id = b.connection_id WHERE c.config ->> 'office_id' = 'D10002'";
        stack.sql(sql).await.unwrap()[0][0].parse().unwrap()
    };
    let before = used().await;
    assert_eq!(ask(&stack, &who, "POST", &path(&made, "/test"), None).await.json()["ok"], true);
    assert!(used().await >= before + 5, "its log-in and four lists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_that_is_done_says_how_its_connection_stands_now() {
    let (stack, who) = started().await;
    let empty = json!({ "loaded": false, "access_on": false });
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&empty)).await.unwrap();
    let own = wish(OFFICE, &format!("sandbox-secret-{OFFICE}"));
    let made = ask(&stack, &who, "POST", "/api/pms/setup", Some(&own)).await.json();
    // A notice without a location, given up long ago, is about the same office.
    stack
        .sql(&format!(
            "INSERT INTO pms_setups (id, tenant_id, vendor, office, location, state, reason)
             VALUES (gen_random_uuid(), '{}', 'sikka', '{OFFICE}', '', 'gave_up', 'not_listed')",
            who.tenant.uuid()
        ))
        .await
        .unwrap();
    stack.sandbox.office("POST", OFFICE, "/refresh", None).await.unwrap();
    let done = until(SOON, "everything to be done", || async {
        let status = ask(&stack, &who, "GET", "/api/pms/status", None).await.json();
        let setups = status["setups"].as_array().unwrap().clone();
        (setups.len() == 2 && setups.iter().all(|one| one["state"] == "done")).then_some(setups)
    })
    .await;
    assert!(done.iter().all(|one| one["sentence"] == "It works."), "{done:?}");
    ask(&stack, &who, "POST", &path(&made, "/disable"), None).await;
    let status = ask(&stack, &who, "GET", "/api/pms/status", None).await.json();
    for one in status["setups"].as_array().unwrap() {
        assert_eq!(one["sentence"], "It is switched off.", "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_switches_the_location_on_at_the_vendor() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    ask(&stack, &who, "POST", &path(&made, "/disable"), None).await;
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&json!({ "access_on": false }))).await.unwrap();
    let on = ask(&stack, &who, "POST", &path(&made, "/enable"), None).await;
    assert_eq!((on.status, on.json()["status"].as_str()), (200, Some("active")), "{on:?}");
    let office = stack.sandbox.office("GET", OFFICE, "", None).await.unwrap();
    assert_eq!(office["access_on"], true, "{office}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_was_bound_to_the_wrong_location_is_bound_anew_by_who_switches_it_off() {
    let (stack, who) = started().await;
    let first = connect(&stack, &who, OFFICE).await;
    let other = connect(&stack, &who, "D10003").await;
    ask(&stack, &who, "POST", &path(&other, "/disable"), None).await;
    let mut wish = wish(OFFICE, &format!("sandbox-secret-{OFFICE}"));
    wish["practiceId"] = other["practiceId"].clone();
    let refused = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!(error(&refused)["fields"][0]["path"], "practiceId", "it is in use: {refused:?}");
    ask(&stack, &who, "POST", &path(&first, "/disable"), None).await;
    let moved = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!(
        (moved.status, moved.json()["practiceId"].clone()),
        (201, other["practiceId"].clone()),
        "{moved:?}"
    );
    // From now on it is that one.
    let back = ask(&stack, &who, "POST", &path(&first, "/enable"), None).await;
    assert_eq!(back.status, 422, "an office is one location: {back:?}");
    let again = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!(
        (again.status, &again.json()["connectionId"]),
        (200, &moved.json()["connectionId"]),
        "{again:?}"
    );
}
