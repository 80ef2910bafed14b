//! What the staff are left with says for whom it is, and what is wanted.

use domain::Sensitive;
use pms::{ErrorKind, Operation};
use reception::{BookError, Handled, Status};
use serde_json::{Map, Value, json};

use crate::own_appointments::{DANIELS_PHONE, with_an_appointment};

fn wanted(handled: &Handled) -> Map<String, Value> {
    handled.wanted.as_ref().map(Sensitive::expose).cloned().unwrap()
}

/// What a caller may say to any tool.
fn said(slot: &str) -> Value {
    json!({
        "patientId": "104", "appointmentId": "a1", "slotId": slot, "note": "Will be late.", "reason": "pain",
        "firstName": "Daniel", "lastName": "Okafor", "dateOfBirth": "1990-01-31", "phone": "+15550100077",
        "reference": "pi_3QabCD", "amount": 4_070, "currency": "USD", "method": "card", "from": "2026-11-24",
        "notes": "no argument of ours",
    })
}

#[tokio::test]
async fn whatever_a_system_cannot_do_is_left_with_whom_it_is_for_and_what_is_wanted() {
    let clinic = with_an_appointment();
    let slot = clinic.first_slot("2026-11-25").await;
    let nothing = |fails| {
        clinic.system(|system| system.fails = fails);
        clinic.desk(|desk| desk.capabilities.operations.clear());
    };
    let every = clinic.desk.lock().unwrap().capabilities.clone();
    let mut seen = 0;
    for offline in [false, true] {
        for tool in reception::tools().iter().filter(|tool| !tool.name.starts_with("list")) {
            nothing(offline.then(|| BookError::new(ErrorKind::PracticeOffline)));
            if offline {
                clinic.desk(|desk| desk.capabilities = every.clone());
            }
            let handled = clinic.run(tool.name, said(&slot)).await;
            assert_eq!(handled.answer.status, Status::NeedsStaff, "{}", tool.name);
            assert!(handled.answer.data.is_empty(), "{}", tool.name);
            let wanted = wanted(&handled);
            let known = tool.arguments["properties"].as_object().unwrap();
            for (name, value) in said(&slot).as_object().unwrap() {
                let kept = known.contains_key(name) && name != "slotId";
                assert_eq!(wanted.get(name), Some(value).filter(|_| kept), "{} {name}", tool.name);
            }
            assert_eq!(wanted["callerPhone"], DANIELS_PHONE, "{}", tool.name);
            if known.contains_key("slotId") {
                assert_eq!(wanted["start"], "2026-11-25T09:00:00-05:00", "{}", tool.name);
                assert_eq!(wanted["providerId"], "DR1", "{}", tool.name);
            }
            assert!(!format!("{handled:?}").contains("Okafor"), "{}", tool.name);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * 13);
}

#[tokio::test]
async fn whose_appointment_it_is_and_when_is_found_out_before_it_is_left_to_the_staff() {
    for (operation, tool) in [
        (Operation::CancelAppointment, "cancelAppointment"),
        (Operation::RescheduleAppointment, "rescheduleAppointment"),
    ] {
        let clinic = with_an_appointment();
        let slot = clinic.first_slot("2026-11-25").await;
        clinic.desk(|desk| {
            desk.capabilities.operations.remove(&operation);
        });
        let arguments = json!({ "patientId": "104", "appointmentId": "a1", "slotId": slot });
        let handled = clinic.run(tool, arguments.clone()).await;
        assert_eq!((handled.answer.status, handled.answer.code), (Status::NeedsStaff, "cannot_here"));
        let mut expected = json!({
            "patientId": "104", "patientName": "Daniel Okafor", "callerPhone": DANIELS_PHONE,
            "appointmentId": "a1", "appointmentStart": "2026-11-24T09:00:00-05:00",
            "appointmentProvider": "Dr Lee",
        });
        if tool == "rescheduleAppointment" {
            expected["start"] = json!("2026-11-25T09:00:00-05:00");
            expected["providerId"] = json!("DR1");
        }
        assert_eq!(Value::from(wanted(&handled)), expected);
        // A stranger leaves no wish about somebody else's.
        clinic.calls_from("+15550100099");
        clinic.desk(|desk| desk.caller.call = Some("call-2".to_owned()));
        let handled = clinic.run(tool, arguments).await;
        assert_eq!((handled.answer.code, handled.wanted.is_none()), ("identity_needed", true));
    }
}

#[tokio::test]
async fn a_newcomer_who_is_nearly_somebody_is_left_with_everything_they_said() {
    let clinic = with_an_appointment();
    let dan = json!({
        "firstName": "Dan", "lastName": "Okafor", "dateOfBirth": "1990-01-31", "phone": "+15550100044",
        "email": "dan@clinic.test",
    });
    let handled = clinic.run("createPatient", dan.clone()).await;
    assert_eq!(handled.answer.code, "patient_similar");
    let mut expected = dan;
    expected["similarTo"] = json!("104");
    expected["callerPhone"] = json!(DANIELS_PHONE);
    assert_eq!(Value::from(wanted(&handled)), expected);
    assert!(handled.answer.data.is_empty(), "the caller hears nothing of it");
}

#[tokio::test]
async fn p8_a_card_number_is_in_no_wish() {
    let phone = domain::Phone::read(DANIELS_PHONE, "US").unwrap();
    let said = json!({ "patientId": "104", "note": "my card is 4111 1111 1111 1111" });
    let left = reception::wish("addPatientNote", &said, Some(&phone));
    assert_eq!(Value::from(left), json!({ "callerPhone": DANIELS_PHONE }));
}
