use reqwest::Method;
use serde_json::{Value, json};

use crate::desk::{Desk, OFFICE};

#[tokio::test]
async fn q3_an_account_is_all_text_with_four_places() {
    let desk = Desk::open().await;
    let rows = desk.get("patient_balance?patient_id=101").await.items();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0]["patient_balance"], &rows[0]["patient_due"]),
        (&json!("140.7000"), &json!("40.7000"))
    );
    assert_eq!(rows[0]["insurance_due"], "100.0000");
    assert!(rows[0].as_object().is_some_and(|row| row.values().all(Value::is_string)));
    let walter = desk.get("patients?search=5550100030").await.items()[0]["patient_id"].clone();
    let path = format!("patient_balance?patient_id={}", walter.as_str().unwrap_or_default());
    assert_eq!(desk.get(&path).await.items()[0]["patient_balance"], "-25.0000");
    assert_eq!(desk.get("patient_balance?patient_id=99999").await.status, 204);
    desk.close().await;
}

#[tokio::test]
async fn q7_an_insurance_company_has_its_name_only_when_asked_for() {
    let desk = Desk::open().await;
    let plan = desk.get("subscribers?patient_id=101").await.items();
    assert_eq!(
        (&plan[0]["type"], &plan[0]["insurance_company_id"]),
        (&json!("Dental Primary"), &json!("31"))
    );
    assert!(plan[0].get("family_deductible_reamining").is_some(), "the vendor spells it so");
    let bare = desk.get("insurance_companies?insurance_company_id=31").await.items();
    assert!(bare.len() == 1 && bare[0].get("insurance_company_name").is_none());
    let named = desk.get("insurance_companies?insurance_company_id=31&fields=get_all").await.items();
    assert_eq!(named[0]["insurance_company_name"], "Larkmoor Mutual");
    desk.close().await;
}

#[tokio::test]
async fn payment_types_are_filtered_by_what_no_row_shows() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("payment_types").await.items().len(), 6);
    let insurance = desk.get("payment_types?is_insurance_type=true&fields=get_all").await.items();
    assert_eq!((insurance.len(), &insurance[0]["code"]), (1, &json!("IN")));
    assert!(insurance[0].get("is_insurance_type").is_none());
    desk.close().await;
}

fn payment() -> Value {
    json!({
        "patient_id": "101", "guarantor_id": "101", "practice_id": "1", "provider_id": "DR1",
        "procedure_code": "CC", "procedure_description": "Credit Card Payment", "amount": "-40.70",
        "transaction_date": "2026-03-02", "note": "Phone payment GW-1 ref ABCD2345",
    })
}

async fn ledger(desk: &Desk) -> Vec<Value> {
    let pms = desk.look(&format!("sikka/offices/{OFFICE}/pms")).await;
    pms["transactions"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn q22_a_payment_is_in_the_ledger_when_it_is_carried_out_and_in_gets_after_the_next_refresh() {
    let desk = Desk::open().await;
    let before = ledger(&desk).await.len();
    let told = desk.send(Method::POST, "transaction", payment()).await;
    assert_eq!(told.code(), (201, "API2016".to_owned()));
    let id = told.receipt();
    assert_eq!(ledger(&desk).await.len(), before, "the receipt comes first");
    desk.wait_for_writebacks().await;
    let row = desk.writeback(id).await;
    assert_eq!((&row["status"], &row["patient_id"]), (&json!("Success"), &json!("101")));
    assert_eq!(ledger(&desk).await.len(), before + 1);
    let path = "transactions?patient_id=101&transaction_type=Payment";
    assert!(desk.get(path).await.items().iter().all(|line| line["note"] == ""));
    desk.advance(900).await;
    let lines = desk.get(path).await.items();
    let ours = lines.iter().find(|line| line["transaction_sr_no"] == row["created_id"]);
    assert_eq!(ours.map(|line| line["amount"].clone()), Some(json!("-40.7000")));
    assert_eq!(desk.get("patient_balance?patient_id=101").await.items()[0]["patient_balance"], "100.0000");
    desk.close().await;
}

#[tokio::test]
async fn a_payment_is_checked_by_form_at_once_and_by_the_pms_later() {
    let desk = Desk::open().await;
    for (field, value, code) in [
        ("guarantor_id", "", "API1020"),
        ("procedure_description", "", "API1020"),
        ("amount", "forty", "API1026"),
        ("amount", "1.234", "API1026"),
        ("transaction_date", "03/02/2026", "API1026"),
    ] {
        let mut body = payment();
        body[field] = json!(value);
        assert_eq!(
            desk.send(Method::POST, "transaction", body).await.code(),
            (400, code.to_owned()),
            "{field}"
        );
    }
    for (field, value, text) in [
        ("patient_id", "99999", "patient not found"),
        ("guarantor_id", "99999", "guarantor not found"),
        ("provider_id", "DR0", "provider not found"),
        ("procedure_code", "CA", "no payment type"),
        ("amount", "0", "amount is zero"),
        ("note", "a <b>", "special characters"),
    ] {
        let mut body = payment();
        body[field] = json!(value);
        let end = desk.finished(Method::POST, "transaction", body).await;
        assert_eq!(end["status"], "Failed", "{field}");
        assert!(end["result"].as_str().is_some_and(|result| result.contains(text)), "{field}: {end}");
    }
    desk.close().await;
}
