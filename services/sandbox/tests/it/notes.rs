use reqwest::Method;
use sandbox::sikka::profile::Profile;
use serde_json::{Value, json};

use crate::desk::{Desk, OFFICE};

fn note() -> Value {
    json!({ "patient_id": "101", "provider_id": "DR1", "practice_id": "1", "type": "Patient Note",
        "date": "2026-06-01", "text": "Allergic to latex" })
}

#[tokio::test]
async fn a_note_is_written_with_a_receipt_and_shown_after_the_next_refresh() {
    let desk = Desk::open().await;
    let told = desk.send(Method::POST, "medical_notes", note()).await;
    assert_eq!(told.code(), (201, "API2016".to_owned()));
    desk.wait_for_writebacks().await;
    let row = desk.writeback(told.receipt()).await;
    assert_eq!((&row["status"], &row["patient_id"]), (&json!("Success"), &json!("101")));
    let pms = desk.look(&format!("sikka/offices/{OFFICE}/pms")).await;
    assert_eq!(pms["notes"][0]["text"], "Allergic to latex");
    assert_eq!(desk.get("medical_notes?patient_id=101").await.status, 204);
    desk.advance(900).await;
    let shown = desk.get("medical_notes?patient_id=101").await.items();
    assert_eq!((&shown[0]["type"], shown[0].get("note_id")), (&json!("Patient Note"), None));
    let whole = desk.get("medical_notes?patient_id=101&fields=get_all").await.items();
    assert_eq!(whole[0]["note_id"], row["created_id"]);
    assert_eq!(desk.get("medical_notes?patient_id=102").await.status, 204);
    desk.close().await;
}

#[tokio::test]
async fn a_note_of_a_kind_the_practice_does_not_have_is_refused_by_the_pms_and_one_without_a_field_at_once() {
    let desk = Desk::open().await;
    let kinds = desk.get("note_types").await.items();
    let kinds: Vec<&str> = kinds.iter().filter_map(|kind| kind["type"].as_str()).collect();
    assert_eq!(kinds, ["Clinical Note", "Patient Note"]);
    for (field, value, said) in [
        ("type", json!("Diary"), "note type"),
        ("patient_id", json!("99999"), "patient not found"),
        ("provider_id", json!("DR0"), "provider not found"),
        ("text", json!("a <b> c"), "special characters"),
    ] {
        let mut body = note();
        body[field] = value;
        let row = desk.finished(Method::POST, "medical_notes", body).await;
        assert_eq!(row["status"], "Failed", "{field}");
        assert!(row["result"].as_str().is_some_and(|text| text.contains(said)), "{row}");
    }
    for field in ["patient_id", "type", "date", "text", "provider_id", "practice_id"] {
        let mut body = note();
        body[field] = json!("");
        let told = desk.send(Method::POST, "medical_notes", body).await;
        assert_eq!(told.code(), (400, "API1020".to_owned()), "{field}");
    }
    desk.close().await;
}

#[tokio::test]
async fn planet_dds_has_two_kinds_of_notes() {
    let desk = Desk::of(Profile::PlanetDds).await;
    let kinds = desk.get("note_types").await.items();
    assert_eq!((&kinds[0]["type"], &kinds[1]["type"]), (&json!("Patient Note"), &json!("Appointment Note")));
    desk.close().await;
}
