//! A date of birth cannot be tried out: a few wrong ones, and nobody shows who they are any more in that call.

use std::sync::Arc;

use reception::{Language, Status};
use serde_json::{Value, json};

use crate::clinic::{Clinic, clinic};

fn daniel(born: &str) -> Value {
    json!({ "firstName": "Daniel", "lastName": "Okafor", "dateOfBirth": born })
}

async fn code(clinic: &Arc<Clinic>, tool: &str, arguments: &Value) -> &'static str {
    clinic.run(tool, arguments.clone()).await.answer.code
}

#[tokio::test]
async fn p6_after_three_wrong_dates_of_birth_the_right_one_opens_nothing_in_that_call() {
    let clinic = clinic();
    for wrong in ["1990-01-01", "1990-01-02"] {
        assert_eq!(code(&clinic, "searchPatients", &daniel(wrong)).await, "patient_not_found");
    }
    let third = clinic.run("searchPatients", daniel("1990-01-03")).await;
    assert_eq!((third.answer.status, third.answer.code), (Status::NeedsStaff, "identity_locked"));
    assert_eq!(third.audit.unwrap().code, "identity_locked");
    for language in Language::ALL {
        clinic.desk(|desk| desk.language = language);
        let told = clinic.run("searchPatients", daniel("1990-01-31")).await;
        assert_eq!(told.answer.code, "identity_locked");
        assert!(told.answer.data.is_empty() && !told.answer.say.contains("Daniel"), "{}", told.answer.say);
    }
    let mut by_id = daniel("1990-01-31");
    by_id["patientId"] = json!("104");
    assert_eq!(code(&clinic, "getPatientInfo", &by_id).await, "identity_locked");
    let mut new = daniel("1990-01-31");
    new["phone"] = json!("+15550100029");
    assert_eq!(code(&clinic, "createPatient", &new).await, "identity_locked");
    assert!(clinic.writes().is_empty());
    // Another call, and somebody whom the door vouches for, begin anew.
    clinic.desk(|desk| desk.caller.vouched = true);
    assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-31")).await, "patient_found");
    clinic.desk(|desk| {
        desk.caller.vouched = false;
        desk.caller.call = Some("call-2".to_owned());
    });
    assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-31")).await, "patient_found");
}

#[tokio::test]
async fn p6_guesses_at_any_tool_and_of_any_record_count_together() {
    let clinic = clinic();
    let guess = |id: &str, born: &str| json!({ "patientId": id, "dateOfBirth": born });
    assert_eq!(code(&clinic, "getPatientInfo", &guess("101", "1990-01-31")).await, "identity_needed");
    assert_eq!(code(&clinic, "getPatientBalance", &guess("102", "1990-01-31")).await, "identity_needed");
    assert_eq!(code(&clinic, "getAppointments", &guess("103", "1990-01-31")).await, "identity_locked");
    clinic.calls_from("+15550100020");
    // Not even from the patient's own phone, whose holder has just shown not to know whom they ask for.
    assert_eq!(code(&clinic, "getPatientInfo", &json!({ "patientId": "104" })).await, "identity_locked");
}

#[tokio::test]
async fn the_same_slip_told_thrice_is_one_and_what_was_shown_before_stays_shown() {
    let clinic = clinic();
    assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-31")).await, "patient_found");
    let maria = |born: &str| json!({ "firstName": "María", "lastName": "Núñez", "dateOfBirth": born });
    for _ in 0..3 {
        assert_eq!(code(&clinic, "searchPatients", &maria("1985-02-27")).await, "patient_not_found");
    }
    for (born, expected) in [("1985-02-26", "patient_not_found"), ("1985-02-25", "identity_locked")] {
        assert_eq!(code(&clinic, "searchPatients", &maria(born)).await, expected);
    }
    let own = clinic.run("getPatientInfo", json!({ "patientId": "104" })).await;
    assert_eq!(own.answer.code, "patient_info", "{:?}", own.answer);
    let other = clinic.run("getPatientInfo", json!({ "patientId": "101" })).await;
    assert_eq!(other.answer.code, "identity_locked");
}

#[tokio::test]
async fn p6_days_are_not_tried_out_under_a_name_that_the_practice_writes_otherwise() {
    let clinic = clinic();
    let maria = |born: &str| json!({ "firstName": "Maria", "lastName": "Nunez", "dateOfBirth": born });
    for wrong in ["1985-02-25", "1985-02-26", "1985-02-27"] {
        assert_eq!(code(&clinic, "searchPatients", &maria(wrong)).await, "patient_not_found");
    }
    // The practice is not asked for another day alone: nobody is found who was not found before either.
    clinic.system(|system| system.asked.clear());
    assert_eq!(code(&clinic, "searchPatients", &maria("1985-02-28")).await, "patient_not_found");
    let mut new = maria("1985-02-28");
    new["phone"] = json!("+15550100099");
    assert_ne!(code(&clinic, "createPatient", &new).await, "patient_exists");
    assert!(!clinic.asked().contains(&"search by day"));
    clinic.desk(|desk| desk.caller.call = Some("call-2".to_owned()));
    // Whoever says it rightly has guessed nothing, however often.
    for _ in 0..4 {
        assert_eq!(code(&clinic, "searchPatients", &maria("1985-02-28")).await, "patient_found");
    }
}

#[tokio::test]
async fn whoever_is_nobodys_patient_guesses_nothing() {
    let clinic = clinic();
    for first in ["Ada", "Ben", "Cleo", "Dora", "Emil"] {
        let child = json!({ "firstName": first, "lastName": "Winter", "dateOfBirth": "2018-04-05" });
        assert_eq!(code(&clinic, "searchPatients", &child).await, "patient_not_found", "{first}");
    }
}

#[tokio::test]
async fn p6_guesses_that_cannot_be_counted_are_not_answered() {
    let clinic = clinic();
    clinic.rows(|rows| rows.fails = true);
    assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-01")).await, "records_unreachable");
    assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-31")).await, "records_unreachable");
}

#[tokio::test]
async fn p6_of_twelve_guesses_at_the_same_time_no_more_than_three_are_judged() {
    let clinic = clinic();
    let days = [25, 26, 27, 28, 29, 30, 1, 2, 3, 4, 5, 31];
    let told = futures_util::future::join_all(days.map(|day| {
        let guess = daniel(&format!("1990-01-{day:02}"));
        let clinic = clinic.clone();
        async move { clinic.run("searchPatients", guess).await.answer.code }
    }))
    .await;
    assert!(!told.contains(&"patient_found"), "{told:?}");
    assert!(told.iter().filter(|code| **code == "patient_not_found").count() < 3, "{told:?}");
    clinic.rows(|rows| assert_eq!(rows.guesses.iter().filter(|(call, _)| call == "call-1").count(), 3));
    let by_id =
        clinic.run("getPatientInfo", json!({ "patientId": "104", "dateOfBirth": "1990-01-31" })).await;
    assert_eq!(by_id.answer.code, "identity_locked");
}

#[tokio::test]
async fn p6_what_was_said_rightly_or_could_not_be_looked_up_is_no_guess() {
    let clinic = clinic();
    for _ in 0..2 {
        assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-31")).await, "patient_found");
    }
    clinic.system(|system| system.fails = Some(reception::BookError::new(pms::ErrorKind::VendorDown)));
    for day in 1..9 {
        let wrong = daniel(&format!("1990-01-{day:02}"));
        assert_eq!(code(&clinic, "searchPatients", &wrong).await, "records_unreachable");
    }
    clinic.rows(|rows| assert_eq!(rows.guesses.len(), 0));
}

#[tokio::test]
async fn p6_without_a_call_to_count_in_nobody_shows_who_they_are() {
    for call in [None, Some(""), Some(" ")] {
        let clinic = clinic();
        clinic.calls_from("+15550100020");
        clinic.desk(|desk| desk.caller.call = call.map(str::to_owned));
        let mut new = daniel("1990-01-31");
        new["phone"] = json!("+15550100029");
        let mut by_id = daniel("1990-01-31");
        by_id["patientId"] = json!("104");
        for (tool, arguments) in [
            ("searchPatients", daniel("1990-01-31")),
            ("searchPatients", json!({})),
            ("createPatient", new),
            ("getPatientInfo", by_id),
            ("getPatientInfo", json!({ "patientId": "104" })),
        ] {
            let handled = clinic.run(tool, arguments).await;
            assert_eq!(
                (handled.answer.status, handled.answer.code),
                (Status::NeedsStaff, "identity_without_call"),
                "{tool} {call:?}"
            );
            assert!(handled.answer.data.is_empty() && clinic.writes().is_empty());
        }
        clinic.desk(|desk| desk.caller.vouched = true);
        assert_eq!(code(&clinic, "searchPatients", &daniel("1990-01-31")).await, "patient_found");
    }
}
