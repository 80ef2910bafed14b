//! Alerts, usage and reports, from the operator's program.

use serde_json::Value;
use testbed::{Plan, Stack, until};

use crate::desk::{SOON, free_times, lines, run};

async fn json(stack: &Stack, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
    let (well, printed) = run(stack, &arguments).await;
    assert!(well, "{arguments:?}: {printed}");
    lines(&printed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_sends_and_closes_alerts_and_reads_usage_and_reports() {
    let plan = Plan::default().set("pms_api.alert_seconds", 1).set("pms_api.allow_local_urls", true);
    let stack = Stack::start(plan).await.unwrap();
    let clinic = &stack.clinics[0];
    let tenant = clinic.tenant.to_string();
    let (well, refused) =
        run(&stack, &["alerts", "destinations", "add", &tenant, "https://10.0.0.1/x"]).await;
    assert!(!well && refused.contains("must not lead to a private"), "{refused}");
    let hook = stack.hook("operator");
    let made =
        json(&stack, &["alerts", "destinations", "add", &tenant, &hook, "--local", "--name", "desk"]).await;
    assert!(made[0]["secret"].as_str().unwrap().starts_with("whsec_"), "{made:?}");
    let known = json(&stack, &["alerts", "destinations", "list", &tenant]).await;
    assert_eq!((known.len(), known[0]["name"].as_str()), (1, Some("desk")));

    free_times(&stack, clinic, "call-1").await;
    stack
        .sql("UPDATE pms_connections SET status = 'reauthorise', refresh_due_at = now() + interval '9 h'")
        .await
        .unwrap();
    let alert = until(SOON, "the alert", || async {
        json(&stack, &["alerts", "list"]).await.into_iter().find(|alert| alert["code"] == "reauthorise")
    })
    .await;
    assert!(alert["what_to_do"].as_str().unwrap().contains("connect it again"), "{alert}");
    let id = alert["id"].as_str().unwrap().to_owned();
    let shown = until(SOON, "both places to have it", || async {
        let shown = json(&stack, &["alerts", "show", &id]).await.remove(0);
        let deliveries = shown["deliveries"].as_array().unwrap().clone();
        (deliveries.len() == 2 && deliveries.iter().all(|one| one["state"] == "sent")).then_some(shown)
    })
    .await;
    assert!(shown["deliveries"].to_string().contains("slack"), "{shown}");
    let (well, doctor) = run(&stack, &["doctor"]).await;
    assert!(!well && doctor.contains("reauthorise"), "{doctor}");
    let again = json(&stack, &["alerts", "retry", &id]).await;
    assert_eq!(again[0]["deliveries"], 0, "nothing was given up on");
    let kept = "SELECT actor, detail->>'alert' FROM audit_log WHERE action = 'alert.retry'";
    assert_eq!(stack.sql(kept).await.unwrap(), [["operator", id.as_str()]], "whose hand it was is on record");
    stack.sql("UPDATE pms_connections SET status = 'active'").await.unwrap();
    until(SOON, "its end", || async {
        let all = json(&stack, &["alerts", "list", "--all"]).await;
        all.iter().find(|alert| alert["id"] == id.as_str())?["resolved_at"].is_string().then_some(())
    })
    .await;
    let closed = json(&stack, &["alerts", "resolve", &id]).await;
    assert_eq!(closed[0]["before"], true);
    stack.sql("UPDATE alerts SET cleared_at = NULL, cleared_by = NULL, code = 'audit_broken' WHERE code = 'reauthorise'").await.unwrap();
    assert_eq!(json(&stack, &["alerts", "resolve", &id]).await[0]["before"], false);
    let kept = "SELECT actor, detail->>'alert' FROM audit_log WHERE action = 'alert.resolve'";
    assert_eq!(stack.sql(kept).await.unwrap(), [["operator", id.as_str()]], "whose hand it was is on record");
    let (well, printed) = run(&stack, &["alerts", "resolve", "alert_00000000000000000000000000000000"]).await;
    assert!(!well && printed.contains("no such alert"), "{printed}");
    let place = known[0]["id"].as_str().unwrap();
    json(&stack, &["alerts", "destinations", "remove", &tenant, place]).await;
    assert!(json(&stack, &["alerts", "destinations", "list", &tenant]).await.is_empty());

    let used = json(&stack, &["usage", "--tenant", &tenant]).await.remove(0);
    assert!(used["day"]["requests_used"].as_i64().unwrap() > 0, "{used}");
    let connection = clinic.connection.to_string();
    let used = json(&stack, &["usage", "--quota", &connection, "--per-day", "100000"]).await.remove(0);
    assert_eq!(used["day"]["limit"], 100_000, "{used}");
    assert!(used["day"]["percent"].as_f64().unwrap() < 5.0, "{used}");
    let used = json(&stack, &["usage", "--quota", &connection, "--per-day", "0"]).await.remove(0);
    assert!(used["day"]["limit"].is_null(), "{used}");
    let kept = "SELECT actor, detail->>'connection', detail->>'per_day' FROM audit_log
                WHERE action = 'day_quota.set' ORDER BY sequence";
    let expected = [["operator", connection.as_str(), "100000"], ["operator", connection.as_str(), ""]];
    assert_eq!(stack.sql(kept).await.unwrap(), expected, "whose hand it was is on record");
    let (well, printed) = run(&stack, &["usage"]).await;
    assert!(well && printed.contains("clinic-0") && printed.contains("this minute"), "{printed}");

    for name in [
        "success-rate",
        "error-rate",
        "patient-access",
        "tokens-expiring",
        "stuck-writebacks",
        "failed-writebacks",
    ] {
        let (well, printed) = run(&stack, &["report", name]).await;
        assert!(well && printed.lines().count() > 1, "{name}: {printed}");
    }
    let rates =
        json(&stack, &["report", "success-rate", "--tenant", &tenant, "--since", "2026-01-01T00:00:00Z"])
            .await;
    assert!(rates.iter().any(|line| line["succeeded"].as_i64() > Some(0)), "{rates:?}");
}
