use serde_json::{Value, json};
use testbed::{Plan, Stack, until};

use crate::desk::{MARIA, SOON, book, ended, free_times, lines, run, use_tool};

/// The faults that `audit verify` names, and whether it found none.
async fn verify(stack: &Stack, more: &[&str]) -> (bool, String) {
    let arguments = [&["--json", "audit", "verify"], more].concat();
    let (well, printed) = run(stack, &arguments).await;
    let reports = lines(&printed);
    (well, reports[0]["faults"].to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_every_tool_use_is_in_the_chain_and_whoever_tampers_with_it_is_found_out() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let phone = json!({ "phone": "5550100010" });
    use_tool(&stack, clinic, ("call-1", "search"), "searchPatients", &phone).await;
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    book(&stack, clinic, ("call-1", "book"), MARIA, slot).await;
    let read = json!({ "patientId": MARIA, "dateOfBirth": "1988-03-14" });
    use_tool(&stack, clinic, ("call-1", "read"), "getPatientInfo", &read).await;
    until(SOON, "the same over REST", || async {
        let rest = stack.rest(&clinic.api_key, ("GET", "/api/pms/patients/101"), &[], None).await.unwrap();
        (rest.status == 200).then_some(())
    })
    .await;
    assert_eq!(ended(&stack).await, ["succeeded"]);
    let by_call = "SELECT tool FROM audit_log WHERE call_id = 'call-1' GROUP BY tool ORDER BY min(sequence)";
    let used = stack.sql(by_call).await.unwrap().concat();
    assert_eq!(used, ["searchPatients", "checkAvailability", "bookAppointment", "getPatientInfo"]);
    let others = "SELECT DISTINCT action FROM audit_log WHERE call_id IS NULL ORDER BY action";
    assert_eq!(stack.sql(others).await.unwrap().concat(), ["appointment.book.landed", "patient.read"]);
    let about = "SELECT DISTINCT action FROM audit_log WHERE patient = '101' AND ms >= 0 ORDER BY action";
    let about = stack.sql(about).await.unwrap().concat();
    assert_eq!(about, ["appointment.book", "appointment.book.landed", "patient.read", "patient.search"]);

    assert_eq!(verify(&stack, &[]).await, (true, "[]".to_owned()));
    let (well, anchors) = run(&stack, &["audit", "anchor"]).await;
    assert!(well, "{anchors}");
    let ends_at = lines(&anchors)[0]["ends_at"].as_i64().unwrap();
    assert!(ends_at >= 6, "{ends_at}");
    let cut = format!(r#""ended_at":{ends_at},"ends_at":4,"fault":"truncated""#);
    stack
        .sql("CREATE TABLE log_before AS TABLE audit_log; CREATE TABLE heads_before AS TABLE audit_heads")
        .await
        .unwrap();
    let tampering = [
        ("UPDATE audit_log SET patient = '102' WHERE sequence = 2", r#""fault":"edited","sequence":2"#),
        ("UPDATE audit_log SET outcome = 'none' WHERE sequence = 3", r#""fault":"edited","sequence":3"#),
        ("UPDATE audit_log SET at = 'infinity' WHERE sequence = 3", r#""fault":"unreadable","sequence":3"#),
        ("DELETE FROM audit_log WHERE sequence = 4", r#""fault":"removed","sequence":4"#),
        ("DELETE FROM audit_log WHERE sequence > 4", cut.as_str()),
        (
            "DELETE FROM audit_log WHERE sequence > 4; UPDATE audit_heads SET sequence = 4, hash =
          (SELECT hash FROM audit_log WHERE sequence = 4)",
            r#""fault":"head_forged""#,
        ),
        ("DELETE FROM audit_log; DELETE FROM audit_heads", "truncated"),
    ];
    let file = tempfile(&anchors);
    for (sql, fault) in tampering {
        stack.sql(sql).await.unwrap();
        let (well, faults) = verify(&stack, &["--anchors", file.to_str().unwrap()]).await;
        assert!(!well && faults.contains(fault), "{sql}: {faults}");
        let back = "DELETE FROM audit_log; DELETE FROM audit_heads;
             INSERT INTO audit_log TABLE log_before; INSERT INTO audit_heads TABLE heads_before";
        stack.sql(back).await.unwrap();
        assert_eq!(verify(&stack, &[]).await, (true, "[]".to_owned()), "after {sql}");
    }
    std::fs::remove_file(file).unwrap();
    ends_kept_outside(&stack, &anchors).await;
    stack
        .sql("DELETE FROM audit_anchors; TRUNCATE audit_log; INSERT INTO audit_log TABLE log_before")
        .await
        .unwrap();
    stack.sql("TRUNCATE audit_heads; INSERT INTO audit_heads TABLE heads_before").await.unwrap();
    let listed = run(&stack, &["--json", "audit", "list", &clinic.tenant.to_string()]).await.1;
    let actions: Vec<Value> = lines(&listed).into_iter().map(|line| line["action"].clone()).collect();
    assert_eq!(i64::try_from(actions.len()).unwrap(), ends_at, "{actions:?}");
}

/// The database is put back to an earlier state of its own, and the chain grows past the end that was kept.
async fn ends_kept_outside(stack: &Stack, anchors: &str) {
    let clinic = &stack.clinics[0];
    stack.sql("UPDATE audit_log SET outcome = 'none' WHERE sequence = 3").await.unwrap();
    let (well, printed) = run(stack, &["audit", "anchor"]).await;
    assert!(!well && !printed.contains("ends_at"), "a broken chain has no end to keep: {printed}");
    stack.sql("TRUNCATE audit_log; TRUNCATE audit_heads").await.unwrap();
    let grow = async |times: i64| {
        for _ in 0..times {
            let mut tx = stack.store.tenant(clinic.tenant).await.unwrap();
            let record = store::NewAudit {
                actor: "test",
                action: "patient.read",
                patient: Some("101"),
                call_id: None,
                tool: None,
                outcome: "ok",
                ms: 1,
                detail: json!({}),
            };
            tx.audit(&record).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    grow(4).await;
    let smaller = run(stack, &["audit", "anchor"]).await.1;
    grow(40).await;
    assert_eq!(verify(stack, &[]).await, (true, "[]".to_owned()), "the database has no note of it");
    for text in [anchors.to_owned(), format!("{anchors}{smaller}"), format!("{smaller}{anchors}")] {
        let file = tempfile(&text);
        let (well, faults) = verify(stack, &["--anchors", file.to_str().unwrap()]).await;
        assert!(!well && faults.contains(r#""fault":"edited""#), "{text}: {faults}");
        std::fs::remove_file(file).unwrap();
    }
    let gone = format!(r#"{{"tenant":"{}","ends_at":7}}"#, domain::TenantId::new());
    let file = tempfile(&format!("{smaller}{gone}\n"));
    let (well, printed) = run(stack, &["audit", "verify", "--anchors", file.to_str().unwrap()]).await;
    assert!(!well && printed.contains("there is no such tenant"), "{printed}");
    std::fs::remove_file(file).unwrap();
}

fn tempfile(text: &str) -> std::path::PathBuf {
    let file = std::env::temp_dir().join(format!("switchboard-anchors-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, text).unwrap();
    file
}
