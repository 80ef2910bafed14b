//! Those who are refused, and what is left of it on record.

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
        assert!(told[0].parse::<u32>().unwrap() <= 6, "{told:?}");
    }
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    assert!(tx.verify_audit(None).await.unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_sign_in_of_a_member_is_on_record_and_a_strangers_is_not() {
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
    let written = [vec![format!("user {olivia}"), "expired".to_owned()]];
    assert_eq!(refusals(&stack, clinic, "sign_in.refused").await, written);
    assert!(refusals(&stack, other, "sign_in.refused").await.is_empty());
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
