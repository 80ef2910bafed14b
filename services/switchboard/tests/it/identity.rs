use testbed::{Plan, Stack};

use crate::desk::{book, free_times, lines, run};

/// What a tool asks for, as `switchboard identity` tells it.
fn needed(printed: &str, tool: &str) -> String {
    let line = lines(printed).into_iter().find(|line| line["tool"] == tool);
    line.map(|line| line["needed"].as_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_chooses_which_proof_a_booking_needs_and_nonsense_is_refused() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let tenant = clinic.tenant.to_string();
    let (well, strict) = run(&stack, &["--json", "identity", &tenant]).await;
    assert!(well, "{strict}");
    assert_eq!(needed(&strict, "bookAppointment"), "phone");
    assert_eq!(needed(&strict, "getPatientBalance"), "name_and_birth");
    for nonsense in ["{", "[]", r#"{"tools":{"bookApointment":"none"}}"#, r#"{"otherwise":"shoe_size"}"#] {
        let (well, printed) = run(&stack, &["identity", &tenant, nonsense]).await;
        assert!(!well, "{nonsense}: {printed}");
    }
    let rules = r#"{"tools":{"bookAppointment":"none","getPatientInfo":"none"}}"#;
    let (well, set) = run(&stack, &["--json", "identity", &tenant, rules]).await;
    assert!(well && needed(&set, "bookAppointment") == "none", "{set}");
    assert_eq!(needed(&set, "getPatientInfo"), "phone", "a tool that tells something is never open");
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    let told = book(&stack, clinic, ("call-1", "book"), "102", slot).await;
    assert!(["confirmed", "accepted"].contains(&told["status"].as_str().unwrap()), "{told}");
    let kept =
        "SELECT detail->'tools'->>'bookAppointment' FROM audit_log WHERE action = 'identity_rules.set'";
    assert_eq!(stack.sql(kept).await.unwrap().concat(), ["none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_showed_nothing_books_for_nobody() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let slot = &free_times(&stack, clinic, "call-1").await[0];
    for patient in ["102", "103"] {
        let told = book(&stack, clinic, ("call-1", &format!("book-{patient}")), patient, slot).await;
        assert_eq!(told["status"], "refused", "{told}");
        assert!(told.get("writebackId").is_none() && told.get("start").is_none(), "{told}");
    }
    assert_eq!(stack.sql("SELECT count(*) FROM pms_writebacks").await.unwrap().concat(), ["0"]);
    let refused = "SELECT DISTINCT detail->>'code' FROM audit_log WHERE action = 'appointment.book'";
    assert_eq!(stack.sql(refused).await.unwrap().concat(), ["identity_needed"]);
}
