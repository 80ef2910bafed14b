//! How a payment is said, and where one is whose reply was lost.

use domain::{Currency, Money, PaymentMethod};
use jiff::Timestamp;
use pms::{
    Advice, ErrorKind, NewPayment, Operation, PMSAdapter, Receipt, Sighting, Write, WriteOrder, WriteOutcome,
};
use serde_json::{Value, json};

use crate::desk::{Desk, list, message, nothing, profile};

async fn open() -> Desk {
    let mut profile = profile();
    profile.capabilities.operations.insert(Operation::RecordPayment);
    Desk::with(profile).await
}

fn payment() -> WriteOrder {
    WriteOrder {
        write: Write::RecordPayment(NewPayment {
            patient: "201".into(),
            clinician: "DR1".into(),
            amount: Money::new(4_070, Currency::Usd).into(),
            method: PaymentMethod::Card,
            taken_as: "pi_1".into(),
            on: jiff::civil::date(2026, 6, 1),
        }),
        reference: "7KQ2M4XA".into(),
        first_sent_at: Timestamp::now(),
    }
}

fn patient(guarantor: &str) -> Value {
    json!([{ "patient_id": "201", "practice_id": "1", "guarantor_id": guarantor, "status": "Active" }])
}

fn types() -> Value {
    json!([{ "code": "CA", "description": "Cash Payment" }, { "code": "CC", "description": "Credit Card Payment" }])
}

async fn sent(desk: &Desk) -> Vec<Value> {
    let requests = desk.server.received_requests().await.unwrap();
    let posts = requests.iter().filter(|request| request.url.path() == "/v4/transaction");
    posts.map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

#[tokio::test]
async fn a_payment_is_posted_to_whoever_pays_for_the_patient_with_the_practices_own_type() {
    for (guarantor, pays) in [("200", "200"), ("", "201")] {
        let desk = open().await;
        // Another location has somebody under the same number.
        let mut rows =
            json!([{ "patient_id": "201", "practice_id": "2", "guarantor_id": "999", "status": "Active" }]);
        rows.as_array_mut().unwrap().extend(patient(guarantor).as_array().unwrap().clone());
        desk.answer("GET", "patients", list(&rows)).await;
        desk.answer("GET", "payment_types", list(&types())).await;
        desk.answer("POST", "transaction", message(201, "API2016", "Id:275495")).await;
        assert_eq!(desk.submit(&payment()).await.unwrap(), Receipt("275495".into()));
        let body = &sent(&desk).await[0];
        assert_eq!((&body["guarantor_id"], &body["procedure_code"]), (&json!(pays), &json!("CC")));
        assert_eq!(
            (&body["amount"], &body["note"]),
            (&json!("-40.70"), &json!("Phone payment pi-1 ref 7KQ2M4XA"))
        );
        assert_eq!(body["check_spu"], "true");
        assert!(body.as_object().unwrap().keys().all(|name| !name.contains("card")), "{body}");
    }
}

#[tokio::test]
async fn nothing_is_sent_where_the_payer_or_the_type_is_not_known() {
    let two =
        json!([{ "code": "V", "description": "Visa Card" }, { "code": "M", "description": "Master Card" }]);
    for (patients, types, code) in [
        (nothing(), list(&types()), "patient"),
        (list(&patient("200")), list(&two), "payment_type"),
        (list(&patient("200")), nothing(), "payment_type"),
    ] {
        let desk = open().await;
        desk.answer("GET", "patients", patients).await;
        desk.answer("GET", "payment_types", types).await;
        let error = desk.submit(&payment()).await.unwrap_err();
        assert_eq!((error.advice, error.code.as_deref()), (Advice::Permanent, Some(code)));
        assert!(sent(&desk).await.is_empty());
    }
    let desk = open().await;
    desk.answer("GET", "patients", message(503, "API2002", "busy")).await;
    desk.answer("GET", "payment_types", list(&types())).await;
    let error = desk.submit(&payment()).await.unwrap_err();
    assert_ne!(error.advice, Advice::OutcomeUnknown, "nothing was sent: {error:?}");
    assert!(sent(&desk).await.is_empty());
}

#[tokio::test]
async fn a_payment_in_another_currency_is_not_sent() {
    let mut order = payment();
    let Write::RecordPayment(new) = &mut order.write else { panic!("not a payment") };
    new.amount = Money::new(4_070, Currency::Cad).into();
    let desk = open().await;
    let error = desk.submit(&order).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Invalid, Some("currency")));
    assert!(desk.server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn p3_a_payment_after_a_breakdown_may_have_been_taken_and_is_not_sent_again() {
    let desk = open().await;
    desk.answer("GET", "patients", list(&patient("200"))).await;
    desk.answer("GET", "payment_types", list(&types())).await;
    desk.answer("POST", "transaction", message(504, "API2022", "timeout")).await;
    assert_eq!(desk.submit(&payment()).await.unwrap_err().advice, Advice::OutcomeUnknown);
    assert_eq!(sent(&desk).await.len(), 1);
}

#[tokio::test]
async fn p3_a_lost_payment_is_found_among_the_accepted_writes_or_in_the_ledger() {
    let echo = json!({ "practice_id": "1", "patient_id": "201", "note": "Phone payment pi-1 ref 7KQ2M4XA" });
    let accepted = json!([{ "id": "4105", "office_id": "D10001", "method": "POST", "result": "pending",
        "api_request_body": echo.to_string() }]);
    let desk = open().await;
    desk.answer("GET", "writebacks", list(&accepted)).await;
    assert_eq!(desk.look_for(&payment()).await.unwrap(), Sighting::Accepted(Receipt("4105".into())));

    let line = |patient: &str, note: &str| json!({ "transaction_sr_no": "9100", "patient_id": patient, "note": note });
    for (lines, sighting) in [
        (
            json!([line("201", "Phone payment pi-1 ref 7KQ2M4XA")]),
            Sighting::InRecords { created: "9100".into() },
        ),
        (json!([line("202", "Phone payment pi-1 ref 7KQ2M4XA")]), Sighting::Nowhere),
        (
            json!([{ "transaction_sr_no": "9100", "practice_id": "2", "patient_id": "201", "note": "ref 7KQ2M4XA" }]),
            Sighting::Nowhere,
        ),
        (json!([line("201", "Phone payment pi-1 ref ZZZZZZZZ")]), Sighting::Nowhere),
    ] {
        let desk = open().await;
        desk.answer("GET", "writebacks", nothing()).await;
        desk.answer("GET", "transactions", list(&lines)).await;
        assert_eq!(desk.look_for(&payment()).await.unwrap(), sighting);
        // The list may count its days otherwise than the practice does.
        let asked = &desk.asked("transactions").await[0];
        assert!(asked.contains("startdate=2026-05-30"), "{asked}");
    }
    let desk = open().await;
    desk.answer("GET", "writebacks", nothing()).await;
    desk.answer("GET", "transactions", message(503, "API2002", "busy")).await;
    assert!(
        desk.office.look_for(&[payment()]).await.is_err(),
        "a ledger that cannot be read is not an empty one"
    );
}

#[tokio::test]
async fn quirk_14_without_writeback_status_a_payment_counts_once_the_ledger_shows_it() {
    let echo = json!({ "practice_id": "1", "patient_id": "201", "transaction_date": "2026-06-01",
        "note": "Phone payment pi-1 ref 7KQ2M4XA" });
    let done = json!([{ "id": "4105", "office_id": "D10001", "method": "POST", "result": "completed",
        "api_request_body": echo.to_string() }]);
    let line = json!([{ "transaction_sr_no": "9100", "patient_id": "201", "note": "Phone payment pi-1 ref 7KQ2M4XA" }]);
    let receipt = Receipt("4105".into());
    for (lines, outcome) in [
        (nothing(), WriteOutcome::Unshown),
        (list(&line), WriteOutcome::Succeeded { created: Some("9100".into()) }),
    ] {
        let desk = open().await;
        desk.answer("GET", "writeback_status", message(401, "API2004", "not in the plan")).await;
        desk.answer("GET", "writebacks", list(&done)).await;
        desk.answer("GET", "transactions", lines).await;
        let known = desk.office.outcomes(std::slice::from_ref(&receipt)).await.unwrap();
        assert_eq!(known.get(&receipt), Some(&outcome));
    }
}
