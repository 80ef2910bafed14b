//! People, kinds of appointment, accounts and insurances over REST and by voice.

use serde_json::{Value, json};
use testbed::{Plan, Stack};

use crate::rest::ask;

#[tokio::test(flavor = "multi_thread")]
async fn a_practices_system_reads_its_people_accounts_and_insurances() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let read = async |path: &str| -> Value {
        let answer = ask(&stack, "GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    let people = read("/api/pms/providers").await;
    let names: Vec<&str> =
        people["providers"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["Dr Park", "Dr Ortiz", "Nadia Frost"], "{people}");
    let types = read("/api/pms/appointment-types").await;
    assert_eq!(types["appointmentTypes"][0]["name"], "New Patient", "{types}");
    let account = read("/api/pms/patients/101/balance").await;
    assert_eq!(account["balance"], json!({ "minor": 14_070, "currency": "USD" }), "{account}");
    assert_eq!(account["fromInsurance"]["minor"], 10_000);
    let insured = read("/api/pms/patients/101/insurance").await;
    assert_eq!(insured["insurances"][0]["carrier"], "Larkmoor Mutual", "{insured}");
    assert_eq!(insured["insurances"][0]["memberId"], "LM-1001");
    for path in ["/api/pms/patients/999999/balance", "/api/pms/patients/999999/insurance"] {
        assert_eq!(ask(&stack, "GET", path, None).await.status, 422, "{path}");
    }
    let audited = "SELECT DISTINCT action FROM audit_log ORDER BY action";
    assert_eq!(
        stack.sql(audited).await.unwrap().concat(),
        ["appointment_type.list", "patient.balance.read", "patient.insurance.read", "provider.list"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_hears_of_an_account_only_once_they_said_whose_it_is() {
    let stack = Stack::start(Plan::default()).await.unwrap();
    let clinic = &stack.clinics[0];
    let maria = json!({ "firstName": "Maria", "lastName": "Lopez", "dateOfBirth": "1988-03-14" });
    let bare = json!({ "patientId": "101" });
    let hear = async |call: &str, id: &str, tool: &str, arguments: &Value| {
        testbed::until(crate::rest::SOON, "an answer other than \"not now\"", || async {
            let told = stack.tool(clinic, (call, id), tool, arguments).await.unwrap();
            (told["status"] != "unknown" && told["status"] != "unavailable").then_some(told)
        })
        .await
    };
    let early = hear("call-1", "early", "getPatientBalance", &bare).await;
    assert_eq!(early["status"], "refused", "{early}");
    assert!(early.get("balance").is_none() && early.get("firstName").is_none(), "{early}");
    let found = hear("call-1", "who", "searchPatients", &maria).await;
    assert_eq!(found["patientId"], "101", "{found}");
    let account = hear("call-1", "balance", "getPatientBalance", &bare).await;
    assert_eq!(account["balance"]["minor"], 14_070, "{account}");
    let insured = hear("call-1", "insurance", "getPatientInsurance", &bare).await;
    assert_eq!(insured["insurances"][0]["carrier"], "Larkmoor Mutual", "{insured}");
    assert!(!insured.to_string().contains("LM-1001"), "{insured}");
    let elsewhere = hear("call-2", "balance", "getPatientBalance", &bare).await;
    assert_eq!(elsewhere["status"], "refused", "what was shown in one call counts in no other: {elsewhere}");
    let kept = "SELECT call_id, patient, proof FROM call_identities";
    assert_eq!(stack.sql(kept).await.unwrap(), [["call-1", "101", "name_and_birth"]]);
}
