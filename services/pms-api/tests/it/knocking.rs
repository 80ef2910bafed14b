//! Those who are refused, and what is left of it on record.

use std::time::Instant;

use domain::Role;
use serde_json::json;
use testbed::{Plan, Stack, until};

use crate::access::{SEARCH, member, new_key, refusals, with_key};
use crate::rest::{SOON, ask, error};

#[tokio::test(flavor = "multi_thread")]
async fn p7_somebody_who_knocks_all_the_time_is_recorded_once_and_then_counted() {
    let stack = Stack::start(Plan::default().set("pms_api.refusals_seconds", 2)).await.unwrap();
    let clinic = &stack.clinics[0];
    let (id, key) = new_key(&stack, &["patients.read"]).await;
    ask(&stack, "DELETE", &format!("/api/pms/api-keys/{id}"), None).await;
    let (_, small) = new_key(&stack, &["tasks.read"]).await;
    let began = Instant::now();
    for _ in 0..30 {
        assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 401);
        assert_eq!(with_key(&stack, &small, "GET", SEARCH, None).await.status, 403);
    }
    for action in ["sign_in.refused", "access.refused"] {
        let sum = format!(
            "SELECT count(*), sum(coalesce((detail->>'more')::int, 1)) FROM audit_log
             WHERE tenant_id = '{}' AND action = '{action}'",
            clinic.tenant.uuid()
        );
        let told = until(SOON, "every one of them to be on record", || async {
            let told = stack.sql(&sum).await.unwrap().concat();
            (told[1] == "30").then_some(told)
        })
        .await;
        // However long it took: the first, and another for every two seconds since.
        let most = 1 + began.elapsed().as_secs() / 2;
        assert!(told[0].parse::<u64>().unwrap() <= most, "{told:?}, and {most} at most");
    }
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    assert!(tx.verify_audit(None).await.unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_members_token_that_is_not_for_now_or_for_us_is_on_record_and_a_strangers_is_not() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let [clinic, other] = &stack.clinics[..] else { panic!("two clinics") };
    let olivia = member(&stack, clinic, "olivia-owner", Role::Owner).await;
    let late = async |user: &str, tenant: Option<&str>| {
        let token = stack.token(&json!({ "user": user, "spoil": "expired" })).await.unwrap();
        let header: Vec<(&str, &str)> =
            tenant.iter().map(|tenant| ("x-switchboard-tenant", *tenant)).collect();
        stack.rest(&token, ("GET", "/api/pms/me"), &header, None).await.unwrap().status
    };
    assert_eq!(late("olivia-owner", None).await, 401);
    assert_eq!(late("olivia-owner", Some(&other.tenant.to_string())).await, 401);
    assert_eq!(late("rita-receptionist", None).await, 401);
    for spoil in ["audience", "not_yet", "other_key"] {
        let token = stack.token(&json!({ "user": "olivia-owner", "spoil": spoil })).await.unwrap();
        assert_eq!(with_key(&stack, &token, "GET", "/api/pms/me", None).await.status, 401, "{spoil}");
    }
    let written =
        ["expired", "audience", "not_yet"].map(|why| vec![format!("user {olivia}"), why.to_owned()]);
    assert_eq!(refusals(&stack, clinic, "sign_in.refused").await, written);
    assert!(refusals(&stack, other, "sign_in.refused").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_who_was_dismissed_and_knocks_without_naming_a_tenant_is_on_the_record_of_the_one_they_left() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let [clinic, other] = &stack.clinics[..] else { panic!("two clinics") };
    let rita = member(&stack, clinic, "rita-receptionist", Role::Receptionist).await;
    let path = format!("/api/pms/members/{rita}");
    assert_eq!(ask(&stack, "DELETE", &path, None).await.status, 200);
    let token = stack.token(&json!({ "user": "rita-receptionist" })).await.unwrap();
    let late = stack.token(&json!({ "user": "rita-receptionist", "spoil": "expired" })).await.unwrap();
    for _ in 0..3 {
        assert_eq!(with_key(&stack, &token, "GET", SEARCH, None).await.status, 403);
        assert_eq!(with_key(&stack, &late, "GET", SEARCH, None).await.status, 401);
    }
    let written = ["nobody_here", "expired"].map(|why| vec![format!("user {rita}"), why.to_owned()]);
    assert_eq!(refusals(&stack, clinic, "sign_in.refused").await, written);
    assert!(refusals(&stack, other, "sign_in.refused").await.is_empty());
    // Who belongs to another tenant by now is at home there.
    member(&stack, other, "rita-receptionist", Role::Receptionist).await;
    assert_eq!(with_key(&stack, &token, "GET", "/api/pms/me", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_refusal_that_cannot_be_written_down_is_not_given_and_is_the_first_once_it_can() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (id, key) = new_key(&stack, &["patients.read"]).await;
    ask(&stack, "DELETE", &format!("/api/pms/api-keys/{id}"), None).await;
    let (_, small) = new_key(&stack, &["tasks.read"]).await;
    stack.sql("REVOKE INSERT ON audit_log FROM switchboard_app").await.unwrap();
    for _ in 0..2 {
        assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 500);
        assert_eq!(with_key(&stack, &small, "GET", SEARCH, None).await.status, 503);
    }
    stack.sql("GRANT INSERT ON audit_log TO switchboard_app").await.unwrap();
    assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 401);
    assert_eq!(with_key(&stack, &small, "GET", SEARCH, None).await.status, 403);
    assert_eq!(refusals(&stack, &stack.clinics[0], "access.refused").await.len(), 1);
    let kept = "SELECT detail FROM audit_log WHERE action = 'sign_in.refused'";
    assert_eq!(stack.sql(kept).await.unwrap(), [[r#"{"why": "revoked"}"#]]);
}

/// One record, and `knocks` less one that were counted to it, of a key that was taken back.
async fn knock(stack: &Stack, knocks: u32) {
    let (id, key) = new_key(stack, &["patients.read"]).await;
    ask(stack, "DELETE", &format!("/api/pms/api-keys/{id}"), None).await;
    for _ in 0..knocks {
        assert_eq!(with_key(stack, &key, "GET", SEARCH, None).await.status, 401);
    }
}

/// How many refused sign-ins are on record, those that were counted among them.
async fn on_record(stack: &Stack) -> u32 {
    let sum = "SELECT coalesce(sum(coalesce((detail->>'more')::int, 1)), 0) FROM audit_log
               WHERE action = 'sign_in.refused'";
    stack.sql(sum).await.unwrap().concat()[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_what_a_process_has_counted_is_on_record_once_it_has_ended() {
    let mut stack = Stack::start(Plan::default().set("pms_api.refusals_seconds", 3_600)).await.unwrap();
    knock(&stack, 5).await;
    assert_eq!(on_record(&stack).await, 1);
    assert!(stack.apis[0].process.terminate(SOON).await.unwrap().success());
    assert_eq!(on_record(&stack).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_counts_that_cannot_be_written_down_now_are_written_down_later() {
    let stack = Stack::start(Plan::default().set("pms_api.refusals_seconds", 10)).await.unwrap();
    knock(&stack, 5).await;
    stack.sql("REVOKE INSERT ON audit_log FROM switchboard_app").await.unwrap();
    assert_eq!(on_record(&stack).await, 1, "their time has not come");
    until(SOON, "the counts to be in the way", || async {
        stack.logs().contains("how often callers were refused cannot be recorded now").then_some(())
    })
    .await;
    stack.sql("GRANT INSERT ON audit_log TO switchboard_app").await.unwrap();
    until(SOON, "all of them", || async { (on_record(&stack).await == 5).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_spelt_with_percent_signs_needs_what_the_plain_one_needs() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (_, key) = new_key(&stack, &["tasks.read"]).await;
    for (path, status) in [
        ("/api/pms/t%61sks", 200),
        ("/api/pms/pat%69ents/search?phone=5550100010", 403),
        ("/api/pms/patients/%73earch?phone=5550100010", 403),
        ("/api/pms/patients%2Fsearch?phone=5550100010", 404),
    ] {
        let told = with_key(&stack, &key, "GET", path, None).await;
        assert_eq!(told.status, status, "{path}: {told:?}");
    }
    let written = refusals(&stack, &stack.clinics[0], "access.refused").await;
    assert_eq!(written.len(), 1, "both are the same: {written:?}");
    let told = with_key(&stack, "", "GET", "/api/pms/t%61sks", None).await;
    assert_eq!((told.status, error(&told)["code"].as_str()), (401, Some("unauthenticated")));
}
