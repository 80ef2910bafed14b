use reception::{Status, tools};
use serde_json::{Value, json};

use crate::clinic::{NOW, proven_clinic as clinic};

fn with(mut arguments: Value, field: &str, value: Value) -> Value {
    arguments[field] = value;
    arguments
}

fn good(tool: &str) -> Value {
    match tool {
        "searchPatients" => json!({ "firstName": "Ana", "lastName": "Silva", "dateOfBirth": "1992-05-06" }),
        "getPatientInfo" => json!({ "patientId": "104", "dateOfBirth": "1990-01-31" }),
        "createPatient" => json!({
            "firstName": "Ana", "lastName": "Silva", "dateOfBirth": "1992-05-06", "phone": "+15550100033"
        }),
        "checkAvailability" => json!({ "from": "2026-11-24" }),
        _ => json!({ "patientId": "104", "slotId": "slot_x", "reason": "pain" }),
    }
}

#[tokio::test]
async fn each_bad_argument_is_refused_by_its_field_and_its_rule_with_a_sentence() {
    let cases: Vec<(&str, &str, Value, &str)> = vec![
        ("checkAvailability", "from", json!("2026-02-30"), "not_a_date"),
        ("checkAvailability", "from", json!("next Tuesday"), "not_a_date"),
        ("checkAvailability", "from", json!("2026-1-5"), "not_a_date"),
        ("checkAvailability", "from", json!("2026-11-22"), "date_in_past"),
        ("checkAvailability", "from", json!("9999-12-31"), "date_too_far"),
        ("checkAvailability", "from", json!(""), "empty"),
        ("checkAvailability", "from", Value::Null, "missing"),
        ("checkAvailability", "from", json!(20_261_124), "wrong_type"),
        ("checkAvailability", "to", json!("2026-11-23"), "range_reversed"),
        ("checkAvailability", "to", json!("2026-11-31"), "not_a_date"),
        ("checkAvailability", "partOfDay", json!("night"), "not_a_choice"),
        ("checkAvailability", "durationMinutes", json!(0), "out_of_range"),
        ("checkAvailability", "durationMinutes", json!("an hour"), "wrong_type"),
        ("checkAvailability", "durationMinutes", json!(1e300), "wrong_type"),
        ("checkAvailability", "reason", json!("x".repeat(10_000)), "too_long"),
        ("checkAvailability", "provider", json!("Dr\u{0}Lee"), "control_character"),
        ("searchPatients", "phone", json!("555-CALL-NOW"), "not_a_phone"),
        ("searchPatients", "phone", json!("123"), "not_a_phone"),
        ("searchPatients", "firstName", json!("   "), "empty"),
        ("searchPatients", "lastName", json!("<b>"), "not_a_name"),
        ("searchPatients", "dateOfBirth", json!("1985-02-29"), "not_a_date"),
        ("searchPatients", "dateOfBirth", json!("2027-01-01"), "date_in_future"),
        ("searchPatients", "dateOfBirth", json!("0001-01-01"), "not_a_date"),
        ("createPatient", "firstName", json!(""), "empty"),
        ("createPatient", "firstName", json!("12"), "not_a_name"),
        ("createPatient", "lastName", json!("x".repeat(10_000)), "too_long"),
        ("createPatient", "lastName", json!({ "a": 1 }), "wrong_type"),
        ("createPatient", "phone", Value::Null, "missing"),
        ("createPatient", "phone", json!(true), "wrong_type"),
        ("createPatient", "email", json!("ana at example"), "not_an_email"),
        ("getPatientInfo", "patientId", json!("999"), "patient_unknown"),
        ("getPatientInfo", "patientId", json!(104), "wrong_type"),
        ("getPatientInfo", "patientId", json!("wb_0190a0b0c0d0e0f000000000000000aa"), "patient_unknown"),
        ("bookAppointment", "slotId", json!("slot_garbled"), "slot_garbled"),
        ("bookAppointment", "slotId", json!("tomorrow at nine"), "slot_garbled"),
        ("bookAppointment", "reason", json!("a\u{0}b"), "control_character"),
        ("bookAppointment", "reason", json!(" "), "empty"),
    ];
    for (tool, field, value, code) in cases {
        let clinic = clinic();
        let shown = value.to_string().chars().take(40).collect::<String>();
        let handled = clinic.run(tool, with(good(tool), field, value)).await;
        let bad = handled.bad_input.unwrap_or_else(|| panic!("{tool} {field} {shown} was taken"));
        assert_eq!((bad.path.as_str(), bad.code), (field, code), "{tool} {field} {shown}");
        assert!(bad.rule.starts_with("must") || bad.rule == "is required", "{}", bad.rule);
        assert_eq!(handled.answer.status, Status::Refused);
        assert_eq!((handled.answer.say.as_str(), handled.answer.code), (bad.say.as_str(), code));
        assert!(bad.say.len() > 10 && !bad.say.contains(['{', '_']), "{}", bad.say);
        assert_eq!(handled.audit.unwrap().code, code);
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn an_unknown_patient_is_refused_when_booking() {
    let clinic = clinic();
    let slot = clinic.first_slot("2026-11-24").await;
    let arguments = json!({ "patientId": "999", "slotId": slot, "reason": "pain" });
    let handled = clinic.run("bookAppointment", arguments).await;
    assert_eq!(
        handled.bad_input.map(|bad| (bad.path, bad.code)),
        Some(("patientId".into(), "patient_unknown"))
    );
}

#[tokio::test]
async fn a_time_that_has_passed_is_refused() {
    let clinic = clinic();
    let slot = clinic.first_slot("2026-11-24").await;
    clinic.desk(|desk| desk.now = "2026-11-24T09:00:00-05:00".parse().unwrap());
    let arguments = json!({ "patientId": "104", "slotId": slot, "reason": "pain" });
    let handled = clinic.run("bookAppointment", arguments).await;
    assert_eq!(handled.bad_input.map(|bad| bad.code), Some("slot_passed"));
    assert!(NOW < "2026-11-24");
}

#[tokio::test]
async fn another_practices_slot_is_refused() {
    let clinic = clinic();
    let slot = clinic.first_slot("2026-11-24").await;
    clinic.desk(|desk| desk.practice = domain::PracticeId::new());
    let arguments = json!({ "patientId": "104", "slotId": slot, "reason": "pain" });
    let handled = clinic.run("bookAppointment", arguments).await;
    assert_eq!(handled.bad_input.map(|bad| bad.code), Some("slot_garbled"));
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_ignored_and_an_empty_extra_is_not_given() {
    let clinic = clinic();
    let arguments = json!({
        "from": "2026-11-24", "accountId": "ten_x", "to": "", "provider": " ", "partOfDay": "",
        "reason": null, "durationMinutes": "45"
    });
    let handled = clinic.run("checkAvailability", arguments).await;
    assert_eq!(handled.answer.status, Status::Ok, "{:?}", handled.bad_input);
}

#[tokio::test]
async fn arguments_that_are_no_object_and_tools_that_are_none_have_an_answer() {
    let clinic = clinic();
    for tool in tools() {
        for arguments in [json!([]), json!("{}"), json!(1), json!(true)] {
            let handled = clinic.run(tool.name, arguments).await;
            assert_eq!(handled.bad_input.map(|bad| bad.code), Some("not_understood"), "{}", tool.name);
        }
        assert!(!clinic.run(tool.name, Value::Null).await.answer.say.is_empty());
    }
    let handled = clinic.run("dropTables", json!({})).await;
    assert_eq!(handled.bad_input.map(|bad| bad.code), Some("tool_unknown"));
    assert_eq!(handled.audit, None);
}
