//! Whether the vendor serves a location: who switches it on and off there, and what is told of it.

use serde_json::{Value, json};
use testbed::{Newcomer, Stack, until};

use crate::rest::SOON;
use crate::setup::{OFFICE, ask, connect, path, started, wish};

/// The call by which a location is switched on and off.
const SWITCH: &str = "/v4/practice_location";

/// Has the vendor take no switch of a location until it is told otherwise.
async fn switches_fail(stack: &Stack, fail: bool) {
    let dial = json!({ "count": 10_000, "status": 503, "path_prefix": SWITCH, "method": "POST" });
    stack.sandbox.faults(&json!({ "fail_next": fail.then_some(dial) })).await.unwrap();
}

async fn install(stack: &Stack, wish: Value) {
    stack.sandbox.office("PUT", OFFICE, "/install", Some(&wish)).await.unwrap();
}

async fn is_on(stack: &Stack) -> bool {
    stack.sandbox.office("GET", OFFICE, "", None).await.unwrap()["access_on"] == true
}

async fn until_off(stack: &Stack) {
    until(SOON, "the location to be off", || async { (!is_on(stack).await).then_some(()) }).await;
}

/// Until a switch that is owed was tried, which the vendor does not take.
async fn until_tried_in_vain(stack: &Stack) {
    until(SOON, "a try in vain", || async {
        let tried = "SELECT count(*) FROM pms_connections WHERE config #>> '{switch_off,tries}' >= '1'";
        (stack.sql(tried).await.unwrap().concat() == ["1"]).then_some(())
    })
    .await;
}

/// Until nothing is left to be switched off.
async fn until_settled(stack: &Stack) {
    let owed = "SELECT count(*) FROM pms_connections WHERE jsonb_exists(config, 'switch_off')";
    until(SOON, "every switch to be made or dropped", || async {
        (stack.sql(owed).await.unwrap().concat() == ["0"]).then_some(())
    })
    .await;
}

/// The codes of a newcomer's alerts in a state.
async fn alerts(stack: &Stack, who: &Newcomer, state: &str) -> Vec<String> {
    let listed = ask(stack, who, "GET", &format!("/api/pms/alerts?state={state}"), None).await.json();
    let code = |one: &Value| one["code"].as_str().unwrap_or_default().to_owned();
    listed["alerts"].as_array().unwrap().iter().map(code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn enabling_while_the_data_is_on_its_way_is_accepted_and_it_becomes_active_by_itself() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    ask(&stack, &who, "POST", &path(&made, "/disable"), None).await;
    install(&stack, json!({ "loaded": false, "access_on": false })).await;
    let enable = path(&made, "/enable");
    for _ in 0..2 {
        let on = ask(&stack, &who, "POST", &enable, None).await;
        assert_eq!((on.status, on.json()["status"].as_str()), (202, Some("onboarding")), "{on:?}");
        assert!(on.json()["sentence"].as_str().unwrap().contains("no error"), "{on:?}");
    }
    assert!(is_on(&stack).await, "the vendor copies nothing of a location that is off");
    stack.sandbox.office("POST", OFFICE, "/refresh", None).await.unwrap();
    until(SOON, "the connection to become active", || async {
        let shown = ask(&stack, &who, "GET", &path(&made, ""), None).await.json();
        (shown["status"] == "active").then_some(())
    })
    .await;
    assert_eq!(stack.sql("SELECT count(*) FROM alerts").await.unwrap().concat(), ["0"], "it was no error");
    let again = ask(&stack, &who, "POST", &enable, None).await;
    assert_eq!((again.status, again.json()["status"].as_str()), (200, Some("active")), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_the_vendor_switches_off_is_told_of_until_it_comes_back() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    let search = "/api/pms/patients/search?phone=5550100010";
    let shown = async || ask(&stack, &who, "GET", &path(&made, ""), None).await.json();
    install(&stack, json!({ "access_on": false })).await;
    until(SOON, "the alert", || async {
        stack.rest(&who.api_key, ("GET", search), &[], None).await.unwrap();
        (alerts(&stack, &who, "open").await == ["location_off"]).then_some(())
    })
    .await;
    let told = shown().await;
    assert_eq!((&told["status"], &told["lastError"]), (&json!("active"), &json!("location_off")), "{told}");
    assert!(told["sentence"].as_str().unwrap().contains("switched off there"), "{told}");
    // Log-ins go on working: nobody says that access was withdrawn.
    assert!(!alerts(&stack, &who, "all").await.contains(&"reauthorise".to_owned()));
    install(&stack, json!({ "access_on": true })).await;
    until(SOON, "the alert to be resolved", || async {
        stack.rest(&who.api_key, ("GET", search), &[], None).await.unwrap();
        alerts(&stack, &who, "open").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(alerts(&stack, &who, "resolved").await, ["location_off"]);
    let told = shown().await;
    assert_eq!((&told["sentence"], &told["lastError"]), (&json!("It works."), &Value::Null), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_disabled_is_switched_off_at_the_vendor_and_enabled_on_again() {
    let (stack, who) = started().await;
    let made = connect(&stack, &who, OFFICE).await;
    // The vendor is away for a while.
    switches_fail(&stack, true).await;
    let off = ask(&stack, &who, "POST", &path(&made, "/disable"), None).await;
    assert_eq!((off.status, off.json()["status"].as_str()), (200, Some("disabled")), "{off:?}");
    until_tried_in_vain(&stack).await;
    assert!(is_on(&stack).await);
    switches_fail(&stack, false).await;
    until_off(&stack).await;
    until_settled(&stack).await;
    let tested = ask(&stack, &who, "POST", &path(&made, "/test"), None).await.json();
    assert_eq!((&tested["ok"], &tested["status"]), (&json!(false), &json!("disabled")), "{tested}");
    let why = tested["problem"]["sentence"].as_str().unwrap();
    assert!(why.contains("switched off there"), "nobody withdrew access: {tested}");
    let on = ask(&stack, &who, "POST", &path(&made, "/enable"), None).await;
    assert_eq!((on.status, on.json()["status"].as_str()), (200, Some("active")), "{on:?}");
    assert!(is_on(&stack).await);
    // Enabled while that is still owed, and long before the vendor takes it, it stays on.
    switches_fail(&stack, true).await;
    ask(&stack, &who, "POST", &path(&made, "/disable"), None).await;
    until_tried_in_vain(&stack).await;
    let on = ask(&stack, &who, "POST", &path(&made, "/enable"), None).await;
    assert_eq!((on.status, on.json()["status"].as_str()), (200, Some("active")), "{on:?}");
    switches_fail(&stack, false).await;
    until_settled(&stack).await;
    assert!(is_on(&stack).await, "it is in use");
    let done = ask(&stack, &who, "GET", "/api/pms/audit", None).await.json();
    let records = done["records"].as_array().unwrap();
    assert!(records.iter().any(|one| one["action"] == "location.switch_off"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_another_connection_uses_is_not_switched_off() {
    let (stack, who) = started().await;
    let first = connect(&stack, &who, OFFICE).await;
    let other = connect(&stack, &who, "D10003").await;
    ask(&stack, &who, "POST", &path(&other, "/disable"), None).await;
    switches_fail(&stack, true).await;
    ask(&stack, &who, "POST", &path(&first, "/disable"), None).await;
    // The same office goes to the location where it belongs, while the vendor takes no switch.
    let mut wish = wish(OFFICE, &format!("sandbox-secret-{OFFICE}"));
    wish["practiceId"] = other["practiceId"].clone();
    let moved = ask(&stack, &who, "POST", "/api/pms/setup", Some(&wish)).await;
    assert_eq!((moved.status, moved.json()["status"].as_str()), (201, Some("active")), "{moved:?}");
    switches_fail(&stack, false).await;
    until_settled(&stack).await;
    assert!(is_on(&stack).await, "it is in use");
    let tested = ask(&stack, &who, "POST", &path(&moved.json(), "/test"), None).await.json();
    assert_eq!(tested["ok"], true, "{tested}");
}
