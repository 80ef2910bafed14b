//! Keys, people and what each may do.

use std::collections::BTreeMap;

use domain::{Permission, Role};
use serde_json::{Value, json};
use testbed::{Answer, Clinic, Plan, Stack};

use crate::doors::CHECKED_IN;
use crate::rest::{ask, error};

pub(crate) async fn with_key(
    stack: &Stack,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    stack.rest(key, (method, path), &[], body).await.unwrap()
}

/// A new key of the first clinic's, with these scopes: its id and the key.
pub(crate) async fn new_key(stack: &Stack, scopes: &[&str]) -> (String, String) {
    let wish = json!({ "name": "a program", "scopes": scopes });
    let made = ask(stack, "POST", "/api/pms/api-keys", Some(&wish)).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers["cache-control"], "no-store", "nobody on the way keeps the key");
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// Takes somebody of the sandbox's issuer in.
pub(crate) async fn member(stack: &Stack, clinic: &Clinic, subject: &str, role: Role) -> String {
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    let issuer = stack.issuer();
    let user = tx.put_member((&issuer, subject), subject, role, "test").await.unwrap();
    tx.commit().await.unwrap();
    user.to_string()
}

/// What was refused in a tenant, and why, oldest first.
pub(crate) async fn refusals(stack: &Stack, clinic: &Clinic, action: &str) -> Vec<Vec<String>> {
    let sql = format!(
        "SELECT actor, coalesce(detail->>'permission', detail->>'why') FROM audit_log
         WHERE tenant_id = '{}' AND action = '{action}' ORDER BY sequence",
        clinic.tenant.uuid()
    );
    stack.sql(&sql).await.unwrap()
}

pub(crate) const SEARCH: &str = "/api/pms/patients/search?phone=5550100010";

#[tokio::test(flavor = "multi_thread")]
async fn p8_an_api_key_is_shown_once_kept_as_a_hash_and_opens_what_it_was_made_for() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let (id, key) = new_key(&stack, &["patients.read", "tasks.read"]).await;
    assert!(key.starts_with("swb_") && key.len() == 68, "{key}");
    assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 200);
    assert_eq!(with_key(&stack, &key, "GET", "/api/pms/tasks", None).await.status, 200);
    let refused = with_key(&stack, &key, "GET", "/api/pms/writebacks", None).await;
    assert_eq!((refused.status, error(&refused)["code"].as_str()), (403, Some("forbidden")), "{refused:?}");
    assert!(error(&refused)["message"].as_str().unwrap().contains("`writebacks.read`"), "{refused:?}");
    let written = [vec![format!("api key {id}"), "writebacks.read".to_owned()]];
    assert_eq!(refusals(&stack, clinic, "access.refused").await, written);

    let listed = ask(&stack, "GET", "/api/pms/api-keys", None).await;
    let ours =
        listed.json()["apiKeys"].as_array().unwrap().iter().find(|one| one["id"] == id.as_str()).cloned();
    let ours = ours.unwrap();
    assert_eq!(ours["scopes"], json!(["patients.read", "tasks.read"]));
    assert!(ours["lastUsedAt"].is_string() && ours["expiresAt"].is_null(), "{ours}");
    assert!(key.starts_with(ours["beginsWith"].as_str().unwrap()));
    assert!(!listed.text.contains(&key), "the key is shown once");
    let kept = format!("SELECT count(*) FROM api_keys k WHERE k::text LIKE '%{}%'", &key[12..]);
    assert_eq!(stack.sql(&kept).await.unwrap().concat(), ["0"], "only its hash is kept");

    let path = format!("/api/pms/api-keys/{id}");
    assert_eq!(ask(&stack, "DELETE", &path, None).await.json()["before"], false);
    assert_eq!(ask(&stack, "DELETE", &path, None).await.json()["before"], true);
    assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 401);
    let written = [vec![format!("api key {id}"), "revoked".to_owned()]];
    assert_eq!(refusals(&stack, clinic, "sign_in.refused").await, written);
    let logs = stack.logs();
    assert!(!logs.contains(&key) && !logs.contains(&key[12..]), "a key is in a log");
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_a_key_that_is_made_or_taken_back_is_on_record_and_a_scope_that_nobody_knows_opens_nothing() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (id, key) = new_key(&stack, &["tasks.read"]).await;
    // As a later version may have made it.
    let later = "UPDATE api_keys SET scopes = '{moon.read,tasks.read}' WHERE scopes IS NOT NULL";
    stack.sql(later).await.unwrap();
    assert_eq!(with_key(&stack, &key, "GET", "/api/pms/tasks", None).await.status, 200);
    assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 403);
    for _ in 0..2 {
        assert_eq!(ask(&stack, "DELETE", &format!("/api/pms/api-keys/{id}"), None).await.status, 200);
    }
    let kept =
        "SELECT action, detail ->> 'key' FROM audit_log WHERE action LIKE 'api_key.%' ORDER BY sequence";
    let once = ["api_key.create", "api_key.revoke"].map(|action| vec![action.to_owned(), id.clone()]);
    assert_eq!(stack.sql(kept).await.unwrap(), once);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_expires_and_a_wish_for_one_that_makes_no_sense_is_refused_with_its_field() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (id, key) = new_key(&stack, &["patients.read"]).await;
    assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 200);
    let (_, maker) = new_key(&stack, &["api_keys.manage", "patients.read"]).await;
    let a_day = "UPDATE api_keys SET expires_at = now() + interval '1 day' WHERE scopes IS NOT NULL";
    stack.sql(a_day).await.unwrap();
    for end in [None, Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48))] {
        let wish =
            json!({ "name": "x", "scopes": ["patients.read"], "expiresAt": end.map(|at| at.to_string()) });
        let told = with_key(&stack, &maker, "POST", "/api/pms/api-keys", Some(&wish)).await;
        assert_eq!(
            (told.status, error(&told)["fields"][0]["path"].as_str()),
            (422, Some("expiresAt")),
            "{told:?}"
        );
    }
    stack.sql("DELETE FROM api_keys WHERE 'api_keys.manage' = ANY (scopes)").await.unwrap();
    let over = "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE scopes IS NOT NULL";
    stack.sql(over).await.unwrap();
    assert_eq!(with_key(&stack, &key, "GET", SEARCH, None).await.status, 401);
    let written = [vec![format!("api key {id}"), "expired".to_owned()]];
    assert_eq!(refusals(&stack, &stack.clinics[0], "sign_in.refused").await, written);
    let listed =
        async |path: &str| ask(&stack, "GET", path, None).await.json()["apiKeys"].as_array().unwrap().len();
    assert_eq!(listed("/api/pms/api-keys").await, 1);
    assert_eq!(listed("/api/pms/api-keys?all=true").await, 2);
    for (wish, field) in [
        (json!({ "name": " ", "scopes": ["patients.read"] }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["patients.read", "patients.*"] }), "scopes[1]"),
        (
            json!({ "name": "x", "scopes": ["patients.read"], "expiresAt": "2020-01-01T00:00:00Z" }),
            "expiresAt",
        ),
        (json!({ "name": "x", "scopes": ["patients.read"], "key": "mine" }), "key"),
    ] {
        let told = ask(&stack, "POST", "/api/pms/api-keys", Some(&wish)).await;
        assert_eq!(told.status, 422, "{wish} {told:?}");
        assert_eq!(error(&told)["fields"][0]["path"], field, "{wish}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_keys_are_a_tenants_own_and_nobody_hands_out_what_they_have_not_got() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let theirs = &stack.clinics[1];
    let (id, _) = new_key(&stack, &["patients.read"]).await;
    let path = format!("/api/pms/api-keys/{id}");
    assert_eq!(with_key(&stack, &theirs.api_key, "DELETE", &path, None).await.status, 404);
    let listed = with_key(&stack, &theirs.api_key, "GET", "/api/pms/api-keys?all=true", None).await;
    assert!(!listed.text.contains(&id), "{listed:?}");
    let (maker_id, maker) = new_key(&stack, &["api_keys.manage", "tasks.read"]).await;
    let wish = |scopes: Value| json!({ "name": "more", "scopes": scopes });
    let more = wish(json!(["tasks.read", "patients.read"]));
    let refused = with_key(&stack, &maker, "POST", "/api/pms/api-keys", Some(&more)).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let written = [vec![format!("api key {maker_id}"), "patients.read".to_owned()]];
    assert_eq!(refusals(&stack, &stack.clinics[0], "access.refused").await, written);
    let same = wish(json!(["tasks.read"]));
    assert_eq!(with_key(&stack, &maker, "POST", "/api/pms/api-keys", Some(&same)).await.status, 201);
}

/// Every operation of the REST API: method, a path to call it by, and the permission it says it needs.
fn operations() -> Vec<(String, String, Option<Permission>)> {
    let document: Value = serde_json::from_str(CHECKED_IN).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let parts: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        for (method, operation) in methods.as_object().unwrap() {
            let permission = operation["x-permission"].as_str().map(|word| word.parse().unwrap());
            all.push((method.to_uppercase(), parts.join("/"), permission));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_reaches_what_the_table_says_and_every_refusal_is_written_down() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let mut expected = BTreeMap::new();
    for role in Role::ALL {
        let subject = format!("one-{role}");
        let user = member(&stack, clinic, &subject, role).await;
        let token = stack.token(&json!({ "user": subject, "use": "id" })).await.unwrap();
        let me = with_key(&stack, &token, "GET", "/api/pms/me", None).await.json();
        assert_eq!((me["role"].as_str(), me["id"].as_str()), (Some(role.as_str()), Some(user.as_str())));
        assert_eq!(me["permissions"].as_array().unwrap().len(), role.permissions().iter().count());
        for (method, path, permission) in operations() {
            let may = permission.is_none_or(|wanted| role.may(wanted));
            let answer = with_key(&stack, &token, &method, &path, None).await;
            assert_eq!(answer.status != 403, may, "{role} {method} {path}: {answer:?}");
            assert_ne!(answer.status, 401, "{role} {method} {path}");
            if let (false, Some(permission)) = (may, permission) {
                let message = error(&answer)["message"].as_str().unwrap().to_owned();
                assert!(message.contains(permission.as_str()), "{message}");
                *expected.entry(vec![format!("user {user}"), permission.to_string()]).or_insert(0) += 1;
            }
        }
    }
    let mut written = BTreeMap::new();
    for refusal in refusals(&stack, clinic, "access.refused").await {
        *written.entry(refusal).or_insert(0) += 1;
    }
    assert_eq!(written, expected);
    let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
    assert!(tx.verify_audit(None).await.unwrap().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_a_person_of_several_tenants_names_one_and_reaches_no_other() {
    let stack = Stack::start(Plan { clinics: 3, ..Plan::default() }).await.unwrap();
    let [first, second, foreign] = &stack.clinics[..] else { panic!("three clinics") };
    member(&stack, first, "ann", Role::Receptionist).await;
    let ann = member(&stack, second, "ann", Role::Auditor).await;
    let token = stack.token(&json!({ "user": "ann" })).await.unwrap();
    let me = async |tenant: Option<&str>| {
        let header: Vec<(&str, &str)> =
            tenant.iter().map(|tenant| ("x-switchboard-tenant", *tenant)).collect();
        stack.rest(&token, ("GET", "/api/pms/me"), &header, None).await.unwrap()
    };
    assert_eq!(me(None).await.status, 422);
    assert_eq!(me(Some("anything")).await.status, 422);
    for (clinic, role) in [(first, "receptionist"), (second, "auditor")] {
        let tenant = clinic.tenant.to_string();
        let told = me(Some(&tenant)).await.json();
        assert_eq!((told["role"].as_str(), told["tenantId"].as_str()), (Some(role), Some(tenant.as_str())));
    }
    let refused = me(Some(&foreign.tenant.to_string())).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let written = refusals(&stack, foreign, "sign_in.refused").await;
    assert!(written.is_empty(), "what strangers try fills nobody's chain: {written:?}");
    assert_eq!(
        me(Some(&domain::TenantId::new().to_string())).await.status,
        403,
        "a tenant that there is not"
    );
    let nobody = stack.token(&json!({ "user": "nobody-knows" })).await.unwrap();
    assert_eq!(with_key(&stack, &nobody, "GET", "/api/pms/me", None).await.status, 403);
    // A membership that ends, ends at once.
    let mut tx = stack.store.tenant(second.tenant).await.unwrap();
    assert!(tx.remove_member(ann.parse().unwrap()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(me(Some(&second.tenant.to_string())).await.status, 403);
    let written = [vec![format!("user {ann}"), "not_a_member".to_owned()]];
    assert_eq!(refusals(&stack, second, "sign_in.refused").await, written, "of who belonged there it is");
    assert_eq!(me(None).await.json()["role"], "receptionist");
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_a_token_that_is_wrong_in_any_way_opens_nothing_and_is_in_no_log() {
    let stack = Stack::start(Plan::default().set("oidc.keys_again_seconds", 0)).await.unwrap();
    member(&stack, &stack.clinics[0], "olivia-owner", Role::Owner).await;
    let status = async |token: &str| with_key(&stack, token, "GET", "/api/pms/me", None).await.status;
    let mut seen = Vec::new();
    for purpose in ["id", "access"] {
        let good = stack.token(&json!({ "user": "olivia-owner", "use": purpose })).await.unwrap();
        assert_eq!(status(&good).await, 200, "{purpose}");
        seen.push(good);
    }
    for spoil in [
        "no_algorithm",
        "shared_secret",
        "other_key",
        "unknown_key",
        "issuer",
        "audience",
        "expired",
        "not_yet",
        "subject",
        "use",
    ] {
        let bad = stack.token(&json!({ "user": "olivia-owner", "spoil": spoil })).await.unwrap();
        assert_eq!(status(&bad).await, 401, "{spoil}");
        seen.push(bad);
    }
    let metrics = format!("{}/metrics", stack.apis[0].url);
    let metrics = stack.http.send("GET", &metrics, &[], None).await.unwrap().text;
    for why in
        ["malformed", "algorithm", "signature", "unknown_key", "issuer", "audience", "expired", "not_yet"]
    {
        assert!(metrics.contains(&format!("why=\"{why}\"")), "{why} is not counted");
    }
    // The issuer changes its key: new tokens serve at once, old ones no more.
    stack.sandbox.call("POST", "/oidc/rotate", Some(&json!({}))).await.unwrap();
    let fresh = stack.token(&json!({ "user": "olivia-owner" })).await.unwrap();
    assert_eq!(status(&fresh).await, 200);
    assert_eq!(status(&seen[0]).await, 401);
    // The issuer is away: who signed in before goes on, and of a strange key nobody says yes.
    stack.sandbox.call("PUT", "/oidc/away", Some(&json!({ "away": true }))).await.unwrap();
    assert_eq!(status(&fresh).await, 200);
    stack.sandbox.call("POST", "/oidc/rotate", Some(&json!({}))).await.unwrap();
    let strange = stack.token(&json!({ "user": "olivia-owner" })).await.unwrap();
    assert_eq!(status(&strange).await, 503);
    stack.sandbox.call("PUT", "/oidc/away", Some(&json!({ "away": false }))).await.unwrap();
    assert_eq!(status(&strange).await, 200);
    let logs = stack.logs();
    for token in seen.iter().chain([&fresh, &strange]) {
        let signature = token.rsplit('.').next().filter(|part| !part.is_empty());
        assert!(!logs.contains(token.as_str()) && !signature.is_some_and(|part| logs.contains(part)));
    }
    assert!(!logs.contains("olivia"), "a subject is in a log");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_takes_people_in_and_cannot_leave_the_tenant_without_an_owner() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let olivia = member(&stack, &stack.clinics[0], "olivia-owner", Role::Owner).await;
    let token = stack.token(&json!({ "user": "olivia-owner" })).await.unwrap();
    let send = async |method: &str, path: &str, body: Option<&Value>| {
        with_key(&stack, &token, method, path, body).await
    };
    let rita = json!({ "subject": "rita-receptionist", "name": "Rita Larkspur", "role": "receptionist" });
    let taken_in = send("PUT", "/api/pms/members", Some(&rita)).await;
    assert_eq!(taken_in.status, 200, "{taken_in:?}");
    let ritas = stack.token(&json!({ "user": "rita-receptionist" })).await.unwrap();
    assert_eq!(with_key(&stack, &ritas, "GET", SEARCH, None).await.status, 200);
    let listed = send("GET", "/api/pms/members", None).await.json();
    assert_eq!(listed["members"].as_array().unwrap().len(), 2, "{listed}");
    let path = format!("/api/pms/members/{olivia}");
    assert_eq!(send("DELETE", &path, None).await.status, 409);
    let less = json!({ "subject": "olivia-owner", "name": "Olivia", "role": "manager" });
    assert_eq!(send("PUT", "/api/pms/members", Some(&less)).await.status, 409);
    let nonsense = json!({ "subject": "x", "name": "X", "role": "boss" });
    let told = send("PUT", "/api/pms/members", Some(&nonsense)).await;
    assert_eq!((told.status, error(&told)["fields"][0]["path"].as_str()), (422, Some("role")));
    let path = format!("/api/pms/members/{}", taken_in.json()["id"].as_str().unwrap());
    assert_eq!(send("DELETE", &path, None).await.status, 200);
    assert_eq!(with_key(&stack, &ritas, "GET", SEARCH, None).await.status, 403);
    let audit = send("GET", "/api/pms/audit?limit=1000", None).await.json();
    let actions: Vec<&str> =
        audit["records"].as_array().unwrap().iter().filter_map(|one| one["action"].as_str()).collect();
    for action in ["member.put", "member.remove", "patient.search"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
}
