use jiff::civil::date;
use reception::Status;
use serde_json::json;

use crate::clinic::{MARIAS_PHONE, clinic, patient};

#[tokio::test]
async fn a_name_and_a_date_of_birth_find_a_patient_however_the_name_is_written() {
    let clinic = clinic();
    let arguments = json!({ "firstName": "daniel", "lastName": "OKAFOR", "dateOfBirth": "1990-01-31" });
    let handled = clinic.run("searchPatients", arguments).await;
    assert_eq!(handled.answer.status, Status::Found);
    assert_eq!(handled.answer.data["patientId"], "104");
    assert_eq!(handled.answer.say, "Thank you, I found the record for Daniel.");
    assert_eq!(handled.vendor_ms, 7);
    let audit = handled.audit.unwrap();
    assert_eq!((audit.action, audit.patients), ("patient.search", vec!["104".to_owned()]));
}

#[tokio::test]
async fn a_name_without_its_accents_is_found_by_the_phone_the_call_comes_from() {
    let clinic = clinic();
    clinic.calls_from(MARIAS_PHONE);
    let arguments = json!({ "firstName": "Maria", "lastName": "Nunez", "dateOfBirth": "1985-02-28" });
    let handled = clinic.run("searchPatients", arguments).await;
    assert_eq!(handled.answer.data["patientId"], "101");
}

#[tokio::test]
async fn somebody_on_another_phone_is_found_by_the_day_however_the_family_name_is_said() {
    let clinic = clinic();
    clinic.calls_from("+15550100099");
    let garcia = patient("105", "Ana", "García", date(1979, 4, 5), "+15550100050");
    clinic.system(|system| system.patients.push(garcia));
    let said = |first: &str, last: &str, born: &str| json!({ "firstName": first, "lastName": last, "dateOfBirth": born });
    for (first, last, born, id) in [
        ("Maria", "Nunez", "1985-02-28", "101"),
        ("Lea", "nunez", "2015-06-01", "103"),
        ("Ana", "García López", "1979-04-05", "105"),
        ("Ana", "Garcia-Lopez", "1979-04-05", "105"),
    ] {
        let handled = clinic.run("searchPatients", said(first, last, born)).await;
        assert_eq!(handled.answer.code, "patient_found", "{first} {last}");
        assert_eq!(handled.answer.data["patientId"], id, "{first} {last}");
        assert_eq!(handled.audit.unwrap().patients, [id]);
    }
    // No more is said for less than was said before.
    let bare = json!({ "lastName": "Garcia Lopez", "dateOfBirth": "1979-04-05" });
    for (arguments, code) in [
        (bare, "ask_who"),
        (said("Eva", "García López", "1979-04-05"), "patient_not_found"),
        (said("Ana", "García López", "1979-04-06"), "patient_not_found"),
        (said("Ana", "López", "1979-04-05"), "patient_not_found"),
    ] {
        let handled = clinic.run("searchPatients", arguments.clone()).await;
        assert_eq!(handled.answer.code, code, "{arguments}");
        assert!(handled.answer.data.is_empty() && !handled.answer.say.contains("Ana"), "{arguments}");
    }
    clinic.desk(|desk| {
        desk.caller.vouched = true;
        desk.caller.call = None;
    });
    let handled = clinic.run("searchPatients", said("Maria", "Nunez", "1985-02-28")).await;
    assert_eq!(handled.answer.data["patientId"], "101");
}

#[tokio::test]
async fn nothing_is_said_before_name_and_date_of_birth_or_a_known_phone_match() {
    let clinic = clinic();
    for arguments in [
        json!({}),
        json!({ "lastName": "Okafor" }),
        json!({ "firstName": "Daniel", "lastName": "Okafor" }),
        json!({ "dateOfBirth": "1990-01-31" }),
        json!({ "phone": "+15550100020" }),
    ] {
        let handled = clinic.run("searchPatients", arguments.clone()).await;
        assert_eq!(handled.answer.code, "ask_who", "{arguments}");
        assert_eq!(handled.answer.line().matches("Daniel").count(), 0, "{arguments}");
        assert!(handled.answer.data.is_empty(), "{arguments}");
    }
    assert_eq!(clinic.asked(), Vec::<&str>::new(), "the practice's system need not be asked");
}

#[tokio::test]
async fn a_wrong_date_of_birth_finds_nobody_and_tells_nothing() {
    let clinic = clinic();
    let arguments = json!({ "firstName": "Daniel", "lastName": "Okafor", "dateOfBirth": "1990-02-01" });
    let handled = clinic.run("searchPatients", arguments).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::None, "patient_not_found"));
    assert!(handled.answer.data.is_empty());
}

#[tokio::test]
async fn a_caller_on_a_phone_of_one_patient_may_be_greeted_by_first_name() {
    let clinic = clinic();
    clinic.calls_from("(555) 010-0020");
    for arguments in [json!({}), json!({ "phone": "555 010 0020" })] {
        let handled = clinic.run("searchPatients", arguments).await;
        assert_eq!(handled.answer.say, "Am I speaking with Daniel?");
        assert_eq!(handled.answer.data["patientId"], "104");
    }
}

#[tokio::test]
async fn a_family_on_one_phone_stays_apart() {
    let clinic = clinic();
    clinic.calls_from(MARIAS_PHONE);
    let handled = clinic.run("searchPatients", json!({})).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Several, "several_on_phone"));
    assert!(!handled.answer.say.contains("Leo"));
    assert_eq!(
        handled.answer.data["patients"],
        json!([
            { "patientId": "101", "firstName": "María" },
            { "patientId": "102", "firstName": "Leo" },
            { "patientId": "103", "firstName": "Lea" },
        ])
    );
    let handled = clinic.run("searchPatients", json!({ "firstName": "Leo" })).await;
    assert_eq!(handled.answer.data["patientId"], "102");

    // Twins: one date of birth, one family name, and no guess between them.
    let twins = json!({ "lastName": "Núñez", "dateOfBirth": "2015-06-01" });
    let handled = clinic.run("searchPatients", twins).await;
    assert_eq!(handled.answer.code, "several_ask_first_name");
    assert!(handled.answer.data.is_empty());
    let lea = json!({ "firstName": "Lea", "lastName": "Núñez", "dateOfBirth": "2015-06-01" });
    assert_eq!(clinic.run("searchPatients", lea).await.answer.data["patientId"], "103");
}

#[tokio::test]
async fn a_number_that_was_only_spoken_lists_nobody_even_with_a_name_of_the_family() {
    let clinic = clinic();
    let spoken = json!({ "phone": MARIAS_PHONE, "lastName": "Núñez" });
    let handled = clinic.run("searchPatients", spoken).await;
    assert_eq!(handled.answer.code, "ask_who");
    assert!(handled.answer.data.is_empty());
    let spoken = json!({ "phone": MARIAS_PHONE, "firstName": "Leo", "dateOfBirth": "2015-06-01" });
    assert_eq!(clinic.run("searchPatients", spoken).await.answer.data["patientId"], "102");
}

#[tokio::test]
async fn a_new_member_of_a_known_family_is_not_taken_for_another() {
    let clinic = clinic();
    clinic.calls_from(MARIAS_PHONE);
    let arguments = json!({ "firstName": "Ana", "lastName": "Núñez", "dateOfBirth": "2020-03-04" });
    let handled = clinic.run("searchPatients", arguments).await;
    assert_eq!(handled.answer.code, "patient_not_found");
}

#[tokio::test]
async fn a_practices_own_system_may_search_by_phone_alone() {
    let clinic = clinic();
    clinic.desk(|desk| desk.caller.vouched = true);
    let handled = clinic.run("searchPatients", json!({ "phone": "+15550100020" })).await;
    assert_eq!(handled.answer.data["patientId"], "104");
}

#[tokio::test]
async fn a_record_opens_for_its_own_phone_or_its_name_and_date_of_birth_only() {
    let clinic = clinic();
    let named = |first: &str, born: &str| json!({ "patientId": "104", "firstName": first, "lastName": "Okafor", "dateOfBirth": born });
    let bare = json!({ "patientId": "104" });
    let born = json!({ "patientId": "104", "dateOfBirth": "1990-01-31" });
    let wrong = named("Daniel", "1990-02-01");
    for (arguments, code) in [
        (&bare, "identity_needed"),
        (&born, "identity_needed"),
        (&wrong, "identity_needed"),
        (&named("Denise", "1990-01-31"), "identity_needed"),
        (&named("Daniel", "1990-01-31"), "patient_info"),
    ] {
        let handled = clinic.run("getPatientInfo", arguments.clone()).await;
        assert_eq!(handled.answer.code, code, "{arguments}");
        assert_eq!(handled.answer.line().contains("Daniel"), code == "patient_info");
        assert_eq!(handled.audit.unwrap().patients, ["104"], "a refused look is a look");
    }
    clinic.desk(|desk| desk.caller.call = Some("call-2".to_owned()));
    assert_eq!(clinic.run("getPatientInfo", bare.clone()).await.answer.code, "identity_needed");
    clinic.calls_from("+15550100020");
    assert_eq!(clinic.run("getPatientInfo", bare).await.answer.code, "patient_info");
    let handled = clinic.run("getPatientInfo", wrong).await;
    assert_eq!(handled.answer.code, "identity_needed", "a wrong date is not healed by the phone");
}

#[tokio::test]
async fn a_record_that_is_open_does_not_give_away_the_date_of_birth() {
    let clinic = clinic();
    clinic.calls_from("+15550100020");
    let line = clinic.run("getPatientInfo", json!({ "patientId": "104" })).await.answer.line();
    assert!(line.contains("Okafor") && line.contains("+15550100020"), "{line}");
    assert!(!line.contains("1990"), "{line}");
}

#[tokio::test]
async fn p8_what_a_tool_hands_back_prints_no_patient() {
    let clinic = clinic();
    clinic.calls_from("+15550100020");
    let handled = clinic.run("getPatientInfo", json!({ "patientId": "104" })).await;
    let printed = format!("{handled:?}");
    assert!(!printed.contains("Daniel") && !printed.contains("555010"), "{printed}");
}

#[tokio::test]
async fn a_twin_whose_name_begins_the_others_is_found_by_the_whole_of_it() {
    let clinic = clinic();
    clinic.system(|system| {
        let mut leandra = system.patients[2].clone();
        leandra.vendor_id = "105".to_owned();
        leandra.name.first = "Leandra".into();
        system.patients.push(leandra);
    });
    for (first, code) in [("Lea", "patient_found"), ("Leandra", "patient_found"), ("Le", "patient_not_found")]
    {
        let arguments = json!({ "firstName": first, "lastName": "Núñez", "dateOfBirth": "2015-06-01" });
        assert_eq!(clinic.run("searchPatients", arguments).await.answer.code, code, "{first}");
    }
}
