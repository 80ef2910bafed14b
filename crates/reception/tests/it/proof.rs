//! Nobody acts for a patient whom they have not shown to be, or to speak for. Each test tries to.

use std::sync::Arc;

use domain::WritebackId;
use jiff::civil::date;
use pms::Write;
use reception::{Claim, Handled, Held, IdentityRules, PendingPatient, Proof, Stage, Status, WriteNews};
use serde_json::{Value, json};

use crate::clinic::{Clinic, MARIAS_PHONE, ana, clinic, held, taken, window};

const DAY: &str = "2026-11-24";
const DANIELS_PHONE: &str = "+15550100020";

fn daniel() -> Value {
    json!({ "firstName": "Daniel", "lastName": "Okafor", "dateOfBirth": "1990-01-31" })
}

async fn book(clinic: &Arc<Clinic>, patient: &str) -> Handled {
    let slot = clinic.first_slot(DAY).await;
    clinic.run("bookAppointment", json!({ "patientId": patient, "slotId": slot, "reason": "pain" })).await
}

async fn refused(clinic: &Arc<Clinic>, patient: &str) {
    let handled = book(clinic, patient).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Refused, "identity_needed"));
    assert!(handled.answer.data.is_empty() && clinic.writes().is_empty(), "{:?}", handled.answer.data);
    assert_eq!(handled.audit.unwrap().code, "identity_needed");
}

fn in_call(clinic: &Clinic, call: &str) {
    clinic.desk(|desk| desk.caller.call = Some(call.to_owned()));
}

fn rules(clinic: &Clinic, rules: &Value) {
    clinic.desk(|desk| desk.settings.identity = IdentityRules::read(rules).unwrap());
}

#[tokio::test]
async fn an_id_alone_books_nothing_whatever_else_is_written_beside_it() {
    let clinic = clinic();
    refused(&clinic, "104").await;
    let slot = clinic.first_slot(DAY).await;
    let forged = json!({
        "patientId": "104", "slotId": slot, "reason": "pain", "vouched": true, "callId": "call-9",
        "proof": "name_and_birth", "phone": DANIELS_PHONE, "dateOfBirth": "1990-01-31",
    });
    assert_eq!(clinic.run("bookAppointment", forged).await.answer.code, "identity_needed");
    clinic.desk(|desk| desk.caller.call = None);
    assert_eq!(book(&clinic, "104").await.answer.code, "identity_without_call");
    assert!(clinic.writes().is_empty());
}

#[tokio::test]
async fn a_name_and_a_date_of_birth_prove_it_in_their_own_call_and_for_that_patient_only() {
    let clinic = clinic();
    assert_eq!(clinic.run("searchPatients", daniel()).await.answer.data["patientId"], "104");
    refused(&clinic, "101").await;
    in_call(&clinic, "call-2");
    refused(&clinic, "104").await;
    in_call(&clinic, "call-1");
    assert_eq!(book(&clinic, "104").await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn guesses_that_find_nobody_prove_nothing() {
    let clinic = clinic();
    for guess in [
        json!({ "firstName": "Daniel", "lastName": "Okafor", "dateOfBirth": "1990-02-01" }),
        json!({ "firstName": "Denise", "lastName": "Okafor", "dateOfBirth": "1990-01-31" }),
        json!({ "lastName": "Okafor", "dateOfBirth": "1990-01-31" }),
        json!({ "phone": DANIELS_PHONE, "lastName": "Okafor" }),
        json!({ "phone": DANIELS_PHONE, "dateOfBirth": "1990-01-31" }),
        json!({ "phone": DANIELS_PHONE }),
    ] {
        let handled = clinic.run("searchPatients", guess.clone()).await;
        assert!(handled.answer.data.is_empty() && !handled.answer.say.contains("Daniel"), "{guess}");
    }
    refused(&clinic, "104").await;
}

#[tokio::test]
async fn the_phone_of_one_patient_proves_that_patient_with_or_without_a_search() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    refused(&clinic, "101").await;
    assert_eq!(book(&clinic, "104").await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn a_familys_phone_proves_only_whom_the_caller_named() {
    let clinic = clinic();
    clinic.calls_from(MARIAS_PHONE);
    for patient in ["101", "102", "103", "104"] {
        refused(&clinic, patient).await;
    }
    // The list of the family is for the question, not for an answer.
    assert_eq!(clinic.run("searchPatients", json!({})).await.answer.status, Status::Several);
    refused(&clinic, "102").await;
    let leo = clinic.run("searchPatients", json!({ "firstName": "Leo" })).await;
    assert_eq!(leo.answer.data["patientId"], "102");
    refused(&clinic, "103").await;
    assert_eq!(book(&clinic, "102").await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn a_twin_whose_name_begins_the_others_does_not_open_the_others_record() {
    let clinic = clinic();
    clinic.system(|system| {
        let mut leandra = system.patients[2].clone();
        leandra.vendor_id = "105".to_owned();
        leandra.name.first = "Leandra".into();
        system.patients.push(leandra);
    });
    let mut lea = json!({ "firstName": "Lea", "lastName": "Núñez", "dateOfBirth": "2015-06-01" });
    assert_eq!(clinic.run("searchPatients", lea.clone()).await.answer.data["patientId"], "103");
    lea["patientId"] = json!("105");
    assert_eq!(clinic.run("getPatientInfo", lea).await.answer.code, "identity_needed");
    refused(&clinic, "105").await;
}

#[tokio::test]
async fn a_patient_being_made_is_booked_for_in_the_call_that_makes_them_and_in_no_other() {
    let clinic = clinic();
    let ana = json!({
        "firstName": "Ana", "lastName": "Silva", "dateOfBirth": "1992-05-06", "phone": "+15550100033"
    });
    let made = clinic.run("createPatient", ana).await.answer.data["patientId"].as_str().unwrap().to_owned();
    let id: WritebackId = made.parse().unwrap();
    clinic.rows(|rows| rows.pending = Some((id, PendingPatient::Pending)));
    in_call(&clinic, "call-2");
    assert_eq!(book(&clinic, &made).await.answer.code, "identity_needed");
    in_call(&clinic, "call-1");
    assert_eq!(book(&clinic, &made).await.answer.status, Status::Accepted);

    // Made since, and not shown by the practice's copy: neither by its own id in another call.
    clinic.rows(|rows| {
        rows.made.push(("777".to_owned(), crate::clinic::ana()));
        rows.pending = Some((id, PendingPatient::Created { vendor_id: "777".into() }));
    });
    in_call(&clinic, "call-2");
    assert_eq!(book(&clinic, "777").await.answer.code, "identity_needed");
    assert_eq!(clinic.writes().len(), 2);
}

#[tokio::test]
async fn a_patient_who_was_there_already_is_proven_by_the_registration_that_found_them() {
    let clinic = clinic();
    let mut again = daniel();
    again["phone"] = json!("+15550100099");
    clinic.rows(|rows| rows.news = Some(WriteNews::Waiting));
    assert_eq!(clinic.run("createPatient", again).await.answer.code, "patient_exists");
    assert_eq!(book(&clinic, "104").await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn a_practices_own_system_needs_no_proof_and_leaves_none_behind() {
    let clinic = clinic();
    clinic.desk(|desk| desk.caller.vouched = true);
    clinic.run("searchPatients", daniel()).await;
    assert_eq!(book(&clinic, "104").await.answer.status, Status::Accepted);
    clinic.rows(|rows| assert!(rows.proofs.is_empty()));
    // What it says must be right all the same.
    let wrong = json!({ "patientId": "104", "dateOfBirth": "1990-02-01" });
    assert_eq!(clinic.run("getPatientInfo", wrong).await.answer.code, "identity_needed");
}

#[tokio::test]
async fn a_tenant_may_ask_for_more_than_a_phone() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    rules(&clinic, &json!({ "otherwise": "name_and_birth" }));
    clinic.run("searchPatients", json!({})).await;
    refused(&clinic, "104").await;
    clinic.run("searchPatients", daniel()).await;
    assert_eq!(book(&clinic, "104").await.answer.status, Status::Accepted);
}

#[tokio::test]
async fn a_tenant_may_let_anybody_book_and_still_nobody_hears_anything() {
    let clinic = clinic();
    rules(&clinic, &json!({ "otherwise": "none" }));
    let handled = book(&clinic, "104").await;
    assert_eq!(handled.answer.status, Status::Accepted);
    assert!(!handled.answer.line().contains("Daniel"));
    // Every other tool asks whoever comes with an id.
    clinic.system(|system| {
        system.appointments.push(taken(Some("DR1"), Some("OP1"), window(date(2026, 11, 25), 9, 0, 30)));
    });
    let slot = clinic.first_slot("2026-11-26").await;
    for tool in reception::tools().iter().filter(|tool| tool.name != "bookAppointment") {
        if tool.arguments["properties"]["patientId"].is_null() {
            continue;
        }
        for appointment in ["a1", "no such thing"] {
            let arguments = json!({
                "patientId": "104", "appointmentId": appointment, "slotId": slot, "note": "late",
                "phone": "+15550100077", "reference": "pi_3QabCD", "amount": 4_070, "currency": "USD",
                "method": "card",
            });
            let handled = clinic.run(tool.name, arguments).await;
            assert_eq!(handled.answer.code, "identity_needed", "{}", tool.name);
            assert!(handled.answer.data.is_empty(), "{}", tool.name);
        }
    }
    assert_eq!(clinic.writes().len(), 1);
}

#[tokio::test]
async fn whoever_books_without_showing_who_they_are_does_not_hear_what_the_patient_has() {
    let at_nine = || taken(Some("DR1"), Some("OP1"), window(date(2026, 11, 24), 9, 0, 30));
    for (proven, with, code) in [
        (false, "DR1", "booked"),
        (false, "DR2", "slot_taken"),
        (true, "DR1", "already_booked"),
        (true, "DR2", "patient_busy"),
    ] {
        let clinic = clinic();
        rules(&clinic, &json!({ "otherwise": "none" }));
        let ask = json!({ "from": DAY, "provider": if with == "DR1" { "Dr Lee" } else { "Dr Osei" } });
        let slots = clinic.run("checkAvailability", ask).await.answer.data["slots"].clone();
        clinic.system(|system| system.appointments.push(at_nine()));
        if proven {
            clinic.run("searchPatients", daniel()).await;
        }
        let booking = json!({ "patientId": "104", "slotId": slots[0]["slotId"], "reason": "pain" });
        let handled = clinic.run("bookAppointment", booking).await;
        assert_eq!(handled.answer.code, code, "{proven} {with}");
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn whoever_books_without_showing_who_they_are_does_not_hear_what_staff_entered_by_hand() {
    for (proven, code) in [(false, "slot_taken"), (true, "booking_entered_by_hand")] {
        let clinic = clinic();
        rules(&clinic, &json!({ "otherwise": "none" }));
        let slot = clinic.first_slot(DAY).await;
        let nine = window(date(2026, 11, 24), 9, 0, 30);
        let claim = Claim { window: nine, clinician: "DR1".into(), chair: "OP1".into() };
        let request = held(&claim, Some(WritebackId::new()), &["104"]);
        clinic.rows(|rows| rows.held.push(Held { stage: Stage::ByHand, ..request }));
        if proven {
            clinic.run("searchPatients", daniel()).await;
        }
        let booking = json!({ "patientId": "104", "slotId": slot, "reason": "pain" });
        assert_eq!(clinic.run("bookAppointment", booking).await.answer.code, code);
        assert!(clinic.writes().is_empty());
    }
}

#[tokio::test]
async fn a_rule_for_the_search_is_kept_and_one_for_a_tool_without_a_patient_is_refused() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    rules(&clinic, &json!({ "tools": { "searchPatients": "name_and_birth" } }));
    for said in [
        json!({}),
        json!({ "phone": DANIELS_PHONE }),
        json!({ "firstName": "Daniel" }),
        json!({ "lastName": "Okafor", "dateOfBirth": "1990-01-31" }),
    ] {
        let handled = clinic.run("searchPatients", said.clone()).await;
        assert_eq!((handled.answer.code, handled.answer.data.is_empty()), ("ask_who", true), "{said}");
    }
    assert_eq!(clinic.run("searchPatients", daniel()).await.answer.code, "patient_found");
    for tool in ["createPatient", "checkAvailability", "listProviders"] {
        assert!(IdentityRules::read(&json!({ "tools": { tool: "name_and_birth" } })).is_err(), "{tool}");
    }
}

#[tokio::test]
async fn who_says_no_first_name_has_not_said_the_name() {
    let clinic = clinic();
    clinic.calls_from(MARIAS_PHONE);
    let mother = json!({ "lastName": "Núñez", "dateOfBirth": "1985-02-28" });
    assert_eq!(clinic.run("searchPatients", mother).await.answer.data["patientId"], "101");
    let asked = json!({ "patientId": "101" });
    assert_eq!(clinic.run("getPatientBalance", asked.clone()).await.answer.code, "identity_needed");
    assert_eq!(clinic.run("getPatientInfo", asked).await.answer.code, "patient_info");
}

#[tokio::test]
async fn a_family_name_that_begins_anothers_does_not_open_the_others_record() {
    let clinic = clinic();
    clinic.system(|system| {
        let mut other = system.patients[3].clone();
        other.vendor_id = "106".to_owned();
        other.name.last = "Okaforson".into();
        system.patients.push(other);
    });
    let mut said = daniel();
    said["patientId"] = json!("106");
    assert_eq!(clinic.run("getPatientInfo", said).await.answer.code, "identity_needed");
}

#[tokio::test]
async fn a_former_patient_of_the_same_name_is_nobody_to_choose_from() {
    let clinic = clinic();
    clinic.system(|system| {
        let mut former = system.patients[3].clone();
        (former.vendor_id, former.active) = ("90".to_owned(), false);
        system.patients.insert(0, former);
    });
    assert_eq!(clinic.run("searchPatients", daniel()).await.answer.data["patientId"], "104");
    clinic.system(|system| system.patients.retain(|one| one.vendor_id != "104"));
    assert_eq!(clinic.run("searchPatients", daniel()).await.answer.data["patientId"], "90");
}

#[tokio::test]
async fn a_patient_we_made_is_known_to_every_tool_before_the_copy_shows_them() {
    let clinic = clinic();
    clinic.rows(|rows| rows.made.push(("777".to_owned(), ana())));
    let asked = |more: Value| {
        let mut asked = json!({ "patientId": "777", "firstName": "Ana", "lastName": "Silva" });
        asked["dateOfBirth"] = json!("1992-05-06");
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked
    };
    for (tool, more, code) in [
        ("addPatientNote", json!({ "note": "Allergic to latex" }), "note_on_its_way"),
        ("getAppointments", json!({}), "appointments_none"),
        ("getPatientInfo", json!({}), "patient_info"),
        ("getPatientBalance", json!({}), "balance_unknown"),
        ("getPatientInsurance", json!({}), "insurance_none"),
        ("updatePatient", json!({ "email": "ana@clinic.test" }), "cannot_here"),
    ] {
        assert_eq!(clinic.run(tool, asked(more)).await.answer.code, code, "{tool}");
    }
    let Write::AddNote(note) = &clinic.writes()[0].1.write else { panic!("not a note") };
    assert_eq!((note.patient.as_str(), note.clinician.as_str()), ("777", "DR2"));
    in_call(&clinic, "call-2");
    let wrong = json!({ "patientId": "777", "firstName": "Ana", "lastName": "Silva", "note": "x" });
    assert_eq!(clinic.run("addPatientNote", wrong).await.answer.code, "identity_needed");
}

#[tokio::test]
async fn money_and_insurance_are_not_told_to_whoever_holds_the_phone() {
    let clinic = clinic();
    clinic.calls_from(DANIELS_PHONE);
    for tool in ["getPatientBalance", "getPatientInsurance"] {
        let bare = json!({ "patientId": "104" });
        let mut named = daniel();
        named["patientId"] = json!("104");
        in_call(&clinic, "call-1");
        assert_eq!(clinic.run(tool, bare.clone()).await.answer.code, "identity_needed", "{tool}");
        in_call(&clinic, tool);
        assert_ne!(clinic.run(tool, named).await.answer.code, "identity_needed", "{tool}");
        assert_ne!(clinic.run(tool, bare).await.answer.code, "identity_needed", "{tool}: said once");
    }
}

#[tokio::test]
async fn proofs_that_cannot_be_read_or_kept_count_for_nothing() {
    let clinic = clinic();
    clinic.rows(|rows| rows.fails = true);
    let found = clinic.run("searchPatients", daniel()).await;
    assert_eq!(found.answer.code, "records_unreachable", "guesses cannot be counted");
    let handled = clinic.run("getPatientInfo", json!({ "patientId": "104" })).await;
    assert_eq!((handled.answer.status, handled.answer.code), (Status::Unknown, "records_unreachable"));
    clinic.rows(|rows| rows.fails = false);
    refused(&clinic, "104").await;
    clinic.rows(|rows| rows.proofs.push(("call-2".into(), "104".into(), Proof::NameAndBirth)));
    refused(&clinic, "104").await;
}
