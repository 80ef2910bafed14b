//! Who takes people in, and what that does to them elsewhere.

use domain::Role;
use serde_json::{Value, json};
use testbed::{Plan, Stack};

use crate::access::{member, new_key, refusals, with_key};
use crate::rest::error;

fn wish(subject: &str, role: &str) -> Value {
    json!({ "subject": subject, "name": "Somebody", "role": role })
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_who_may_manage_members_makes_nobody_more_than_they_are_themselves() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let olivia = member(&stack, clinic, "olivia-owner", Role::Owner).await;
    member(&stack, clinic, "another-owner", Role::Owner).await;
    let (id, key) = new_key(&stack, &["members.manage"]).await;
    let put =
        async |key: &str, wish: Value| with_key(&stack, key, "PUT", "/api/pms/members", Some(&wish)).await;
    let refused = put(&key, wish("the-holder", "owner")).await;
    assert_eq!((refused.status, error(&refused)["code"].as_str()), (403, Some("forbidden")), "{refused:?}");
    let written = [vec![format!("api key {id}"), "patients.read".to_owned()]];
    assert_eq!(refusals(&stack, clinic, "access.refused").await, written);
    let holder = stack.token(&json!({ "user": "the-holder" })).await.unwrap();
    assert_eq!(with_key(&stack, &holder, "GET", "/api/pms/me", None).await.status, 403);

    let scopes =
        ["practice.read", "tasks.read", "writebacks.read", "connections.read", "reports.read", "audit.read"];
    let (_, key) = new_key(&stack, &[&["members.manage"][..], &scopes].concat()).await;
    let ada = put(&key, wish("ada", "auditor")).await;
    assert_eq!(ada.status, 200, "what it has itself it may hand out: {ada:?}");
    assert_eq!(put(&key, wish("ada", "receptionist")).await.status, 403);
    assert_eq!(put(&key, wish("olivia-owner", "auditor")).await.status, 403, "nor take from who has more");
    let path = format!("/api/pms/members/{olivia}");
    assert_eq!(with_key(&stack, &key, "DELETE", &path, None).await.status, 403);
    let path = format!("/api/pms/members/{}", ada.json()["id"].as_str().unwrap());
    assert_eq!(with_key(&stack, &key, "DELETE", &path, None).await.status, 200);
    let roles = "SELECT role FROM memberships ORDER BY role";
    assert_eq!(stack.sql(roles).await.unwrap().concat(), ["owner", "owner"]);
    let spaced = put(&clinic.api_key, wish("  ada ", "auditor")).await;
    assert_eq!(spaced.status, 200, "{spaced:?}");
    let told =
        with_key(&stack, &stack.token(&json!({ "user": "ada" })).await.unwrap(), "GET", "/api/pms/me", None)
            .await;
    assert_eq!(told.json()["role"], "auditor", "she can sign in: {told:?}");
    // A role that only a later version knows may do nothing here, and may be anything to whoever would end it.
    stack.sql("UPDATE memberships SET role = 'archivist' WHERE role = 'auditor'").await.unwrap();
    let adas = stack.token(&json!({ "user": "ada" })).await.unwrap();
    for path in ["/api/pms/patients/search?phone=5550100010", "/api/pms/audit", "/api/pms/tasks"] {
        assert_eq!(with_key(&stack, &adas, "GET", path, None).await.status, 403, "{path}");
    }
    let me = with_key(&stack, &adas, "GET", "/api/pms/me", None).await.json();
    assert_eq!(me["permissions"], json!([]), "{me}");
    let path = format!("/api/pms/members/{}", spaced.json()["id"].as_str().unwrap());
    assert_eq!(with_key(&stack, &key, "DELETE", &path, None).await.status, 403);
    assert_eq!(with_key(&stack, &clinic.api_key, "DELETE", &path, None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_to_be_taken_in_by_another_tenant_locks_nobody_out_of_their_own() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let [mine, other] = &stack.clinics[..] else { panic!("two clinics") };
    member(&stack, mine, "rita-receptionist", Role::Receptionist).await;
    let token = stack.token(&json!({ "user": "rita-receptionist" })).await.unwrap();
    let me = async |tenant: Option<&str>| {
        let header: Vec<(&str, &str)> =
            tenant.iter().map(|tenant| ("x-switchboard-tenant", *tenant)).collect();
        stack.rest(&token, ("GET", "/api/pms/me"), &header, None).await.unwrap()
    };
    let ours = mine.tenant.to_string();
    assert_eq!(me(None).await.json()["tenantId"], ours.as_str());
    let by_them = wish("rita-receptionist", "auditor");
    let taken = with_key(&stack, &other.api_key, "PUT", "/api/pms/members", Some(&by_them)).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    let now = me(None).await;
    assert_eq!((now.status, now.json()["tenantId"].as_str()), (200, Some(ours.as_str())), "{now:?}");
    assert_eq!(me(Some(&other.tenant.to_string())).await.json()["role"], "auditor");
    assert_eq!(me(None).await.json()["tenantId"], ours.as_str(), "also after she has been there");
    let listed = with_key(&stack, &mine.api_key, "GET", "/api/pms/members", None).await.json();
    assert_eq!(listed["members"][0]["name"], "rita-receptionist", "her colleagues call her what they did");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_owners_who_leave_at_once_one_stays_and_only_who_can_sign_in_is_an_owner() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    let elsewhere = ("https://another.example", "olivia-owner");
    tx.put_member(elsewhere, "Another's", Role::Owner, "test").await.unwrap();
    tx.commit().await.unwrap();
    for round in 0..8 {
        let one = member(&stack, clinic, "olivia-owner", Role::Owner).await;
        let other = member(&stack, clinic, "marcus-manager", Role::Owner).await;
        let paths = [one, other].map(|user| format!("/api/pms/members/{user}"));
        let [first, second] = &paths;
        let (first, second) = tokio::join!(
            with_key(&stack, &clinic.api_key, "DELETE", first, None),
            with_key(&stack, &clinic.api_key, "DELETE", second, None),
        );
        let mut told = [first.status, second.status];
        told.sort_unstable();
        assert_eq!(told, [200, 409], "round {round}");
        let less = if first.status == 200 { "marcus-manager" } else { "olivia-owner" };
        let told =
            with_key(&stack, &clinic.api_key, "PUT", "/api/pms/members", Some(&wish(less, "manager"))).await;
        assert_eq!(told.status, 409, "{told:?}");
    }
    let kept = "SELECT count(*) FROM audit_log WHERE action = 'member.remove'";
    assert_eq!(stack.sql(kept).await.unwrap().concat(), ["8"]);
}
