//! How much of the budgets is used, and how things went.

use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::rest::{SOON, ask, book, ended, error, free_times, wish};

async fn usage(stack: &Stack) -> Value {
    ask(stack, "GET", "/api/pms/usage", None).await.json()["practices"][0].clone()
}

/// What the vendor counted for the office, its log-ins left out: they belong to the application, as what is asked in its
/// name does.
async fn counted(stack: &Stack) -> i64 {
    let counts = stack.sandbox.call("GET", "/sikka/requests", None).await.unwrap();
    let paths = counts[&stack.clinics[0].office]["by_path"].as_object().into_iter().flatten();
    paths.filter(|(path, _)| !path.contains("request_key")).map(|(_, n)| n.as_i64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_usage_counts_exactly_what_the_vendor_counted_and_a_day_that_is_used_up_stops_the_practice() {
    let plan = Plan { replicas: 2, ..Plan::default() };
    let stack = Stack::start(plan.set("pms_api.alert_seconds", 1)).await.unwrap();
    free_times(&stack).await;
    for phone in ["5550100010", "5550100011", "5550100012"] {
        ask(&stack, "GET", &format!("/api/pms/patients/search?phone={phone}"), None).await;
    }
    let (used, counted_now) = until(SOON, "one moment in which both stand still", || async {
        let (before, used, after) = (counted(&stack).await, usage(&stack).await, counted(&stack).await);
        (before == after).then_some((used, before))
    })
    .await;
    assert_eq!(used["day"]["requests_used"], counted_now, "{used}");
    assert_eq!((&used["advertised"], &used["minute"]["limit"]), (&json!(250), &json!(200)), "{used}");
    for field in ["requests_used", "remaining", "percent", "window_start"] {
        assert!(!used["minute"][field].is_null(), "{field} in {used}");
    }
    assert_eq!(used["day"]["percent"], Value::Null, "no quota of the day is known: {used}");

    stack.sandbox.faults(&json!({ "daily_quota": 1 })).await.unwrap();
    let key = &stack.clinics[0].api_key;
    let search = ("GET", "/api/pms/patients/search?phone=5550100019");
    until(SOON, "the vendor to say so", || async {
        stack.rest(key, search, &[], None).await.unwrap();
        let day = usage(&stack).await["day"].clone();
        day["stopped_until"].is_string().then_some(())
    })
    .await;
    let before = counted(&stack).await;
    for _ in 0..3 {
        assert_eq!(stack.rest(key, search, &[], None).await.unwrap().status, 503);
    }
    assert_eq!(counted(&stack).await, before, "nothing leaves any more");
    let now = usage(&stack).await;
    assert_eq!((&now["day"]["remaining"], &now["day"]["percent"]), (&json!(0), &json!(100.0)), "{now}");
    let alert = until(SOON, "the alert", || async {
        let listed = ask(&stack, "GET", "/api/pms/alerts", None).await.json();
        listed["alerts"].as_array().unwrap().iter().find(|alert| alert["code"] == "budget_100").cloned()
    })
    .await;
    assert!(alert["happened"].as_str().unwrap().contains("requests of the day are used up"), "{alert}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_tell_a_tenant_how_its_own_things_went_and_name_no_patient() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let slot = free_times(&stack).await[0].clone();
    ask(&stack, "GET", "/api/pms/patients/search?phone=5550100010", None).await;
    book(&stack, "book-1", &wish("101", &slot)).await;
    assert_eq!(ended(&stack, 1).await, ["succeeded"]);
    let known = ask(&stack, "GET", "/api/pms/reports", None).await.json();
    assert_eq!(known["reports"].as_array().unwrap().len(), 6, "{known}");
    let report =
        async |name: &str| ask(&stack, "GET", &format!("/api/pms/reports/{name}"), None).await.json();
    let rates = report("success-rate").await;
    let of = |action: &str, side: &str| {
        let lines = rates["lines"].as_array().unwrap();
        lines
            .iter()
            .find(|line| line["action"] == action && line["side"] == side)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(of("appointment.book", "write")["success_percent"].as_f64(), Some(100.0), "{rates}");
    assert_eq!(of("appointment.book", "answer")["total"], 1, "{rates}");
    let errors = report("error-rate").await;
    assert!(errors["lines"][0]["total"].as_i64().unwrap() >= 3, "{errors}");
    assert_eq!(errors["lines"][0]["failed"], 0, "{errors}");
    let access = report("patient-access").await;
    assert!(access["lines"].as_array().unwrap().iter().any(|line| line["patients"] == 1), "{access}");
    stack.sql("UPDATE pms_writebacks SET state = 'failed', reason = 'slot_taken'").await.unwrap();
    let failed = report("failed-writebacks").await;
    assert_eq!(
        (&failed["lines"][0]["reason"], &failed["lines"][0]["writes"]),
        (&json!("slot_taken"), &json!(1))
    );
    stack
        .sql("UPDATE pms_writebacks SET state = 'submitted', finished_at = NULL, created_at = now() - interval '40 min', last_sent_at = NULL, next_check_at = now() + interval '1 h'")
        .await
        .unwrap();
    assert_eq!(report("stuck-writebacks").await["lines"][0]["minutes"], 40);
    stack.sql("UPDATE pms_connections SET token_expires_at = now() + interval '1 h', refresh_due_at = now() + interval '1 h'").await.unwrap();
    let expiring = report("tokens-expiring").await;
    assert_eq!(expiring["lines"].as_array().unwrap().len(), 1, "{expiring}");
    for told in [&rates, &errors, &access, &failed, &expiring] {
        assert!(!told.to_string().contains("Lopez") && !told.to_string().contains("\"101\""), "{told}");
    }
    let theirs = &stack.clinics[1].api_key;
    for name in ["success-rate", "error-rate", "patient-access", "stuck-writebacks", "failed-writebacks"] {
        let path = format!("/api/pms/reports/{name}");
        let told = stack.rest(theirs, ("GET", path.as_str()), &[], None).await.unwrap();
        assert!(told.json()["lines"].as_array().unwrap().is_empty(), "p6: {name}: {told:?}");
    }
    assert_eq!(ask(&stack, "GET", "/api/pms/reports/weather", None).await.status, 404);
    let bad = ask(&stack, "GET", "/api/pms/reports/error-rate?since=yesterday", None).await;
    assert_eq!((bad.status, error(&bad)["code"].as_str()), (422, Some("invalid")), "{bad:?}");
    let later =
        ask(&stack, "GET", "/api/pms/reports/error-rate?since=2999-01-01T00:00:00Z", None).await.json();
    assert!(later["lines"].as_array().unwrap().is_empty(), "{later}");
    // What the reports say is on the metrics page as well.
    until(SOON, "the figures on the metrics page", || async {
        let page =
            stack.http.send("GET", &format!("{}/metrics", stack.apis[0].url), &[], None).await.unwrap();
        page.text.contains("report_tokens_expiring").then_some(())
    })
    .await;
}
