//! Keys and people by the operator's hand.

use domain::TenantId;
use serde_json::json;
use testbed::{Plan, Stack};

use crate::desk::{lines, run};

#[tokio::test(flavor = "multi_thread")]
async fn p8_the_operator_makes_a_key_that_is_shown_once_and_takes_it_back() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let tenant = stack.clinics[0].tenant.to_string();
    let create = ["--json", "api-keys", "create", &tenant, "--name", "till", "--scope", "patients.read"];
    let (well, printed) = run(&stack, &create).await;
    assert!(well, "{printed}");
    let made = lines(&printed).remove(0);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let search = ("GET", "/api/pms/patients/search?phone=5550100010");
    let status = async |what: (&str, &str)| stack.rest(key, what, &[], None).await.unwrap().status;
    assert_eq!(status(search).await, 200);
    assert_eq!(status(("GET", "/api/pms/tasks")).await, 403);
    let (_, listed) = run(&stack, &["--json", "api-keys", "list", &tenant]).await;
    let ours = lines(&listed).into_iter().find(|line| line["id"] == id).unwrap();
    assert_eq!((&ours["scopes"], &ours["created_by"]), (&json!(["patients.read"]), &json!("operator")));
    assert!(!listed.contains(key), "the key is shown once");
    let (well, _) = run(&stack, &["api-keys", "revoke", &tenant, id]).await;
    assert!(well);
    assert_eq!(status(search).await, 401);
    let everything = ["--json", "api-keys", "create", &tenant, "--name", "all", "--all-scopes"];
    assert!(lines(&run(&stack, &everything).await.1)[0]["scopes"].is_null());
    let stranger = TenantId::new().to_string();
    for wrong in [
        vec!["api-keys", "create", &tenant, "--name", "x"],
        vec!["api-keys", "create", &tenant, "--name", "x", "--scope", "patients.*"],
        vec!["api-keys", "create", &stranger, "--name", "x", "--all-scopes"],
        vec!["api-keys", "revoke", &stranger, id],
    ] {
        let (well, printed) = run(&stack, &wrong).await;
        assert!(!well, "{wrong:?}: {printed}");
    }
    let kept = "SELECT action FROM audit_log WHERE action LIKE 'api_key.%' ORDER BY sequence";
    assert_eq!(
        stack.sql(kept).await.unwrap().concat(),
        ["api_key.create", "api_key.revoke", "api_key.create"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_the_operator_makes_a_tenant_and_gives_it_a_number_that_is_nobody_elses() {
    let stack = Stack::start(Plan { clinics: 2, ..Plan::default() }).await.unwrap();
    let add =
        ["--json", "tenants", "add", "--slug", "larkmoor", "--name", "Larkmoor Dental", "--language", "fr"];
    let (well, printed) = run(&stack, &add).await;
    assert!(well, "{printed}");
    let made = lines(&printed).remove(0);
    let id = made["id"].as_str().unwrap();
    let (_, listed) = run(&stack, &["--json", "tenants", "list"]).await;
    assert!(lines(&listed).contains(&made), "{listed}");
    let (well, key) = run(&stack, &["--json", "api-keys", "create", id, "--name", "x", "--all-scopes"]).await;
    assert!(well, "{key}");
    let key = lines(&key)[0]["key"].as_str().unwrap().to_owned();
    assert_eq!(stack.rest(&key, ("GET", "/api/pms/status"), &[], None).await.unwrap().status, 200);

    let (ours, theirs) = (&stack.clinics[0], &stack.clinics[1]);
    let (tenant, practice) = (ours.tenant.to_string(), ours.practice.to_string());
    let number = async |number: &str, more: &[&str]| {
        let arguments = [&["tenants", "number", &tenant, &practice, number], more].concat();
        run(&stack, &arguments).await
    };
    let (well, printed) = number("+15550100099", &["--vendor-id", "vendor-99"]).await;
    assert!(well, "{printed}");
    let owner = "SELECT practice_id FROM voice_phone_numbers WHERE number = '+15550100099'";
    assert_eq!(stack.sql(owner).await.unwrap().concat(), [ours.practice.uuid().to_string()]);
    for (wrong, more, why) in [
        (theirs.number.as_str(), &[][..], "another tenant's"),
        ("+15550100098", &["--vendor-id", "vendor-99"][..], "the vendor's id is another number's"),
        ("5550100098", &[][..], "must be in the form"),
    ] {
        let (well, printed) = number(wrong, more).await;
        assert!(!well && printed.contains(why), "{wrong}: {printed}");
    }
    for (wrong, why) in
        [("demo-x", "the next demo"), ("Lark Moor", "--slug must be"), ("larkmoor", "there is a tenant")]
    {
        let (well, printed) = run(&stack, &["tenants", "add", "--slug", wrong, "--name", "x"]).await;
        assert!(!well && printed.contains(why), "{wrong}: {printed}");
    }
    let kept = "SELECT action FROM audit_log WHERE action IN ('tenant.add', 'number.put')";
    assert_eq!(stack.sql(kept).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_takes_the_first_owner_in() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let (tenant, issuer) = (stack.clinics[0].tenant.to_string(), stack.issuer());
    let token = stack.token(&json!({ "user": "olivia-owner" })).await.unwrap();
    let me = async || stack.rest(&token, ("GET", "/api/pms/me"), &[], None).await.unwrap();
    assert_eq!(me().await.status, 403);
    let put = [
        "--json",
        "members",
        "put",
        &tenant,
        "--issuer",
        &issuer,
        "--subject",
        "olivia-owner",
        "--name",
        "Olivia",
        "--role",
        "owner",
    ];
    let (well, printed) = run(&stack, &put).await;
    assert!(well, "{printed}");
    assert_eq!(me().await.json()["role"], "owner");
    let user = lines(&printed)[0]["id"].as_str().unwrap().to_owned();
    let (_, listed) = run(&stack, &["--json", "members", "list", &tenant]).await;
    assert_eq!(lines(&listed)[0]["id"], user.as_str());
    assert!(run(&stack, &["members", "remove", &tenant, &user]).await.0);
    assert!(!run(&stack, &["members", "remove", &tenant, &user]).await.0);
    assert_eq!(me().await.status, 403);
    let kept = "SELECT actor, action FROM audit_log WHERE action LIKE 'member.%' ORDER BY sequence";
    assert_eq!(stack.sql(kept).await.unwrap(), [["operator", "member.put"], ["operator", "member.remove"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_whose_hand_set_a_practices_hours_is_on_record() {
    let stack = Stack::start(Plan { replicas: 0, ..Plan::default() }).await.unwrap();
    let connection = stack.clinics[0].connection.to_string();
    let hours =
        ["writebacks", "hours", &connection, "--night", "03:30", "--up-from", "07:00", "--up-until", "19:00"];
    let (well, printed) = run(&stack, &hours).await;
    assert!(well, "{printed}");
    let kept =
        "SELECT actor, detail->>'connection', detail->>'night', detail->>'up_from', detail->>'up_until'
                FROM audit_log WHERE action = 'write_hours.set'";
    let expected = [["operator", connection.as_str(), "03:30:00", "07:00:00", "19:00:00"]];
    assert_eq!(stack.sql(kept).await.unwrap(), expected);
}
