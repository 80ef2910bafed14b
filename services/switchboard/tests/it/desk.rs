use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use testbed::{Clinic, Plan, Stack, until};

/// Longer than anything here takes on a slow machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// For what a script says on a call: a caller waits longer than anybody would, but not longer than the voice vendor.
/// Whole seconds are lost where many tests start their processes at once.
pub(crate) fn unhurried() -> Plan {
    Plan::default().set("webhook_gateway.tool_ms", 18_000).set("pms_api.question_seconds", 15)
}

/// A patient of every first office: Maria Lopez.
pub(crate) const MARIA: &str = "101";

/// A day of the practice's, so many days from now.
pub(crate) fn day(ahead: i64) -> String {
    let now = Timestamp::now().in_tz("America/New_York").unwrap();
    now.checked_add(ahead.days()).unwrap().date().to_string()
}

/// The times an agent may offer on a call, from tomorrow on.
pub(crate) async fn free_times(stack: &Stack, clinic: &Clinic, call: &str) -> Vec<Value> {
    let days = json!({ "from": day(1), "to": day(7) });
    let told = use_tool(stack, clinic, (call, &format!("{call}-times")), "checkAvailability", &days).await;
    assert_eq!(told["status"], "ok", "{told}");
    told["slots"].as_array().unwrap().clone()
}

/// Lets whoever calls book for anybody, for tests that are about something else. Before the first question: what a
/// tenant chose is remembered for a while.
pub(crate) async fn let_anybody_book(stack: &Stack) {
    let rules = r#"UPDATE tenants SET identity_rules = '{"tools": {"bookAppointment": "none"}}'"#;
    stack.sql(rules).await.unwrap();
}

/// What the agent is told when it books, the caller having said who they are where it is for Maria.
pub(crate) async fn book(
    stack: &Stack,
    clinic: &Clinic,
    ids: (&str, &str),
    patient: &str,
    slot: &Value,
) -> Value {
    if patient == MARIA {
        let who = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
        use_tool(stack, clinic, (ids.0, &format!("{}-who", ids.0)), "searchPatients", &who).await;
    }
    use_tool(stack, clinic, ids, "bookAppointment", &wish(patient, slot)).await
}

/// The arguments of a booking.
pub(crate) fn wish(patient: &str, slot: &Value) -> Value {
    json!({ "patientId": patient, "slotId": slot["slotId"], "reason": "checkup" })
}

/// Uses a tool, and again for as long as the answer is "not now", as an agent does: the same call has its effect once.
pub(crate) async fn use_tool(
    stack: &Stack,
    clinic: &Clinic,
    ids: (&str, &str),
    tool: &str,
    arguments: &Value,
) -> Value {
    until(SOON, "an answer other than \"not now\"", || async {
        let told = stack.tool(clinic, ids, tool, arguments).await.unwrap();
        let recorded = told["writebackId"].is_string();
        let not_now = matches!(told["status"].as_str(), Some("unknown" | "unavailable")) && !recorded;
        (!not_now).then_some(told)
    })
    .await
}

/// `[id, state, reference, leased]` of every write, oldest first.
pub(crate) async fn writebacks(stack: &Stack) -> Vec<Vec<String>> {
    let rows = "SELECT id, state, reference, lease_until IS NOT NULL FROM pms_writebacks ORDER BY id";
    stack.sql(rows).await.unwrap()
}

/// Waits until every write has come to its end, and returns their states.
pub(crate) async fn ended(stack: &Stack) -> Vec<String> {
    until(SOON, "the end of every write", || async {
        let states: Vec<String> = writebacks(stack).await.into_iter().map(|row| row[1].clone()).collect();
        let over = |state: &String| ["succeeded", "failed", "parked"].contains(&state.as_str());
        (!states.is_empty() && states.iter().all(over)).then_some(states)
    })
    .await
}

/// Runs a command of the `switchboard` program to its end: whether it exited 0, and what it printed.
pub(crate) async fn run(stack: &Stack, arguments: &[&str]) -> (bool, String) {
    run_within(stack, arguments, SOON).await
}

/// As [`run`], for a command that takes its time.
pub(crate) async fn run_within(stack: &Stack, arguments: &[&str], limit: Duration) -> (bool, String) {
    let mut process = arguments.iter().fold(stack.program().unwrap(), |process, one| process.arg(*one));
    process.start().unwrap();
    let started = std::time::Instant::now();
    loop {
        if let Some(status) = process.exited().unwrap() {
            return (status.success(), process.log());
        }
        assert!(started.elapsed() < limit, "switchboard {arguments:?} did not end: {}", process.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The JSON lines of a command that was run with `--json`.
pub(crate) fn lines(printed: &str) -> Vec<Value> {
    printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}
