use reqwest::Method;
use sandbox::sikka::profile::Profile;
use serde_json::{Value, json};

use crate::desk::{Desk, OFFICE};

#[tokio::test]
async fn q11_q12_the_receipt_of_a_write_has_a_code_and_its_id_only_in_text() {
    let desk = Desk::open().await;
    let told = desk.send(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await;
    assert_eq!(told.code(), (201, "API2016".to_owned()));
    let body = told.json();
    assert!(body.get("id").is_none());
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(6));
    let id = told.receipt();
    assert_eq!(body["more_information"], format!("/v4/writeback_status?id={id}"));
    desk.close().await;
}

#[tokio::test]
async fn q15_q16_a_pending_write_has_empty_flags_and_the_two_lists_write_time_differently() {
    let desk = Desk::open().await;
    let id =
        desk.send(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await.receipt();
    let row = desk.writeback(id).await;
    assert_eq!(
        (&row["status"], &row["is_completed"], &row["has_error"]),
        (&json!("Pending"), &json!(""), &json!(""))
    );
    assert!(row["request_time"].as_str().is_some_and(|time| time.contains('T')));
    let bulk = bulk(&desk).await;
    assert_eq!(bulk[0]["result"], "pending");
    assert!(bulk[0]["command_time"].as_str().is_some_and(|time| time.contains(' ')));
    assert!(bulk[0]["api_request_body"].as_str().is_some_and(|echo| echo.contains("ABCD2345")));
    desk.wait_for_writebacks().await;
    let row = desk.writeback(id).await;
    assert_eq!((&row["status"], &row["is_completed"]), (&json!("Success"), &json!("True")));
    assert_eq!((&row["has_error"], &row["created_id"]), (&json!("False"), &row["appointment_sr_no"]));
    desk.close().await;
}

async fn bulk(desk: &Desk) -> Vec<Value> {
    let today: jiff::civil::Date = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date();
    let (from, to) = (today.yesterday().unwrap_or(today), today.tomorrow().unwrap_or(today));
    desk.app(Method::GET, &format!("writebacks?startdate={from}&enddate={to}")).await.items()
}

#[tokio::test]
async fn q22_a_write_is_seen_in_gets_only_after_the_next_refresh() {
    let desk = Desk::open().await;
    let id =
        desk.send(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await.receipt();
    desk.wait_for_writebacks().await;
    let number = desk.writeback(id).await["appointment_sr_no"].as_str().unwrap_or_default().to_owned();
    let path = format!("appointments?appointment_sr_no={number}&fields=operatory");
    assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 1);
    assert_eq!(desk.get(&path).await.status, 204);
    desk.advance(900).await;
    assert_eq!(desk.get(&path).await.items()[0]["operatory"], "OP1");
    desk.close().await;
}

#[tokio::test]
async fn a_write_and_a_refresh_due_in_one_jump_happen_in_their_order() {
    let desk = Desk::open().await;
    desk.send(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await.receipt();
    desk.advance(3600).await;
    let found = desk.get("appointments?patient_id=101&limit=5000").await.items();
    assert!(found.iter().any(|row| row["description"] == "Phone booking ref ABCD2345"));
    desk.close().await;
}

#[tokio::test]
async fn q24_status_not_logged_comes_with_http_200_and_writes_nothing() {
    let desk = Desk::open().await;
    desk.dial(json!({"status_not_logged": 1})).await;
    let body = json!({"op": "replace", "path": "/appointment_status", "value": "broken", "practice_id": "1"});
    let told = desk.send(Method::PATCH, "appointments/5001", body.clone()).await;
    assert_eq!(told.code(), (200, "API0008".to_owned()));
    assert!(bulk(&desk).await.is_empty());
    let told = desk.send(Method::PATCH, "appointments/5001", body).await;
    assert_eq!(told.code(), (200, "API0007".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn the_same_time_twice_is_taken_twice_and_fails_once() {
    let desk = Desk::open().await;
    let body = desk.booking(&desk.open_day().await).await;
    let first = desk.send(Method::POST, "appointment", body.clone()).await.receipt();
    let second = desk.send(Method::POST, "appointment", body).await.receipt();
    desk.wait_for_writebacks().await;
    let ends = [desk.writeback(first).await, desk.writeback(second).await];
    assert_eq!(ends.iter().filter(|end| end["status"] == "Success").count(), 1);
    let failed = ends.iter().find(|end| end["status"] == "Failed").expect("one should fail");
    assert_eq!((&failed["is_completed"], &failed["has_error"]), (&json!("True"), &json!("True")));
    assert!(failed["result"].as_str().is_some_and(|text| text.contains("appointment already scheduled")));
    assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn what_the_pms_does_not_know_fails_after_the_receipt() {
    let desk = Desk::open().await;
    let good = desk.booking(&desk.open_day().await).await;
    for (field, value, text) in [
        ("patient_id", "99999", "patient not found"),
        ("provider_id", "DR0", "provider not found or inactive"),
        ("operatory", "OPX", "operatory not found"),
        ("operatory", "O1", "operatory not found"),
        ("description", "", "description is required"),
        ("description", "a < b", "special characters"),
        ("type", "Whatever", "invalid appointment type"),
    ] {
        let mut body = good.clone();
        body[field] = json!(value);
        let end = desk.finished(Method::POST, "appointment", body).await;
        assert_eq!(end["status"], "Failed", "{field}={value}");
        assert!(end["result"].as_str().is_some_and(|result| result.contains(text)), "{field}={value}: {end}");
    }
    desk.close().await;
}

#[tokio::test]
async fn what_is_missing_or_malformed_is_refused_before_the_receipt() {
    let desk = Desk::open().await;
    let good = desk.booking(&desk.open_day().await).await;
    for (field, value, status, code) in [
        ("patient_id", json!(""), 400, "API1020"),
        ("operatory", json!(null), 400, "API1020"),
        ("date", json!("2027-02-30"), 400, "API1026"),
        ("date", json!("03/04/2027"), 400, "API1026"),
        ("time", json!("8:00"), 400, "API1026"),
        ("length", json!("half an hour"), 400, "API1026"),
        ("practice_id", json!("2"), 401, "API2007"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let told = desk.send(Method::POST, "appointment", body).await;
        assert_eq!(told.code(), (status, code.to_owned()), "{field}");
    }
    let told = desk.told(desk.writing(Method::POST, "patient", &json!([]))).await;
    assert_eq!(told.code(), (400, "API1026".to_owned()));
    assert!(bulk(&desk).await.is_empty());
    desk.close().await;
}

#[tokio::test]
async fn a_new_patient_can_be_booked_once_the_write_has_told_its_number() {
    let desk = Desk::open().await;
    let person = json!({
        "firstname": "Ada", "lastname": "Moss", "practice_id": "1", "provider_id": "DR1",
        "birthdate": "1990-02-03", "cell": "5550100990",
    });
    let end = desk.finished(Method::POST, "patient", person.clone()).await;
    let id = end["created_id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(end["patient_id"], id.as_str());
    let mut body = desk.booking(&desk.open_day().await).await;
    body["patient_id"] = json!(id);
    assert_eq!(desk.finished(Method::POST, "appointment", body).await["status"], "Success");
    // There is no duplicate check: the same person twice is two patients.
    assert_ne!(desk.finished(Method::POST, "patient", person).await["created_id"], id.as_str());
    desk.close().await;
}

#[tokio::test]
async fn a_visit_can_be_moved_and_cancelled_and_its_time_is_free_again() {
    let desk = Desk::open().await;
    let body = desk.booking(&desk.open_day().await).await;
    let end = desk.finished(Method::POST, "appointment", body.clone()).await;
    let path = format!("appointments/{}", end["appointment_sr_no"].as_str().unwrap_or_default());
    let change = json!({"practice_id": "1", "provider_id": "DR1", "length": "15"});
    let told = desk.send(Method::PUT, &path, change.clone()).await;
    assert_eq!(told.code(), (200, "API0007".to_owned()));
    desk.wait_for_writebacks().await;
    assert_eq!(desk.writeback(told.receipt()).await["status"], "Success");
    assert_eq!(desk.finished(Method::POST, "appointment", body.clone()).await["status"], "Failed");
    let cancel =
        json!({"op": "replace", "path": "/appointment_status", "value": "broken", "practice_id": "1"});
    assert_eq!(desk.finished(Method::PATCH, &path, cancel.clone()).await["status"], "Success");
    assert_eq!(desk.finished(Method::POST, "appointment", body).await["status"], "Success");
    let gone = desk.finished(Method::PATCH, "appointments/99999", cancel.clone()).await;
    assert_eq!(gone["status"], "Failed");
    let mut wrong = cancel;
    wrong["path"] = json!("/status");
    assert_eq!(desk.send(Method::PATCH, &path, wrong).await.code(), (400, "API1026".to_owned()));
    let nothing = json!({"practice_id": "1"});
    assert_eq!(desk.send(Method::PUT, &path, nothing).await.code(), (400, "API1020".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn without_check_spu_a_write_waits_for_the_utility_to_return() {
    let desk = Desk::open().await;
    let spu = format!("sikka/offices/{OFFICE}/spu");
    desk.admin(Method::PUT, &spu, json!({"online": false})).await;
    let id =
        desk.send(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await.receipt();
    desk.advance(72_000).await;
    assert_eq!(desk.writeback(id).await["status"], "Pending");
    assert_eq!(desk.app(Method::GET, "data_sync_status").await.items()[0]["status"], "refresh");
    desk.advance(18_000).await;
    assert_eq!(desk.app(Method::GET, "data_sync_status").await.items()[0]["status"], "not_refresh");
    desk.admin(Method::PUT, &spu, json!({"online": true})).await;
    assert_eq!(desk.app(Method::GET, "data_sync_status").await.items()[0]["status"], "refresh");
    desk.wait_for_writebacks().await;
    assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn a_pending_write_can_be_withdrawn_and_a_finished_one_cannot() {
    let desk = Desk::open().await;
    let body = desk.booking(&desk.open_day().await).await;
    let id = desk.send(Method::POST, "appointment", body.clone()).await.receipt();
    let told = desk.app(Method::DELETE, &format!("writebacks?id={id}")).await;
    assert_eq!(told.code(), (200, "API4006".to_owned()));
    desk.wait_for_writebacks().await;
    assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 0);
    assert_eq!(desk.get(&format!("writeback_status?id={id}")).await.status, 204);
    let id = desk.send(Method::POST, "appointment", body).await.receipt();
    desk.wait_for_writebacks().await;
    assert_eq!(
        desk.app(Method::DELETE, &format!("writebacks?id={id}")).await.code(),
        (404, "API2009".to_owned())
    );
    desk.close().await;
}

#[tokio::test]
async fn writebacks_want_a_range_of_at_most_seven_days() {
    let desk = Desk::open().await;
    for (path, code) in [
        ("writebacks", "API1020"),
        ("writebacks?startdate=2026-01-01", "API1020"),
        ("writebacks?startdate=2026-01-01&enddate=2026-01-09", "API1026"),
        ("writebacks?startdate=2026-01-09&enddate=2026-01-08", "API1026"),
        ("writeback_status", "API1020"),
    ] {
        let told =
            if path == "writeback_status" { desk.get(path).await } else { desk.app(Method::GET, path).await };
        assert_eq!(told.code(), (400, code.to_owned()), "{path}");
    }
    let told = desk.app(Method::GET, "writebacks?startdate=2026-01-01&enddate=2026-01-08").await;
    assert_eq!(told.status, 204);
    desk.close().await;
}

#[tokio::test]
async fn a_system_with_a_slots_feed_books_only_what_the_feed_offers() {
    let desk = Desk::of(Profile::Orthotrac).await;
    let slot = desk.get("appointments_available_slots?fields=operatory").await.items()[0].clone();
    let mut body = json!({
        "patient_id": "101", "practice_id": "1", "length": "30", "type": "Recall", "staff": "F1",
        "provider_id": slot["provider_id"], "operatory": slot["operatory"], "time": slot["time"],
        "date": slot["date"].as_str().and_then(|date| date.get(..10)), "description": "Retainer",
    });
    let taken = body.clone();
    assert_eq!(desk.finished(Method::POST, "appointment", body.clone()).await["status"], "Success");
    desk.advance(900).await;
    let left = desk.get("appointments_available_slots?fields=operatory&limit=5000").await.items();
    assert!(!left.iter().any(|row| {
        row["date"] == slot["date"]
            && row["time"] == slot["time"]
            && row["provider_id"] == slot["provider_id"]
    }));
    body["time"] = json!("06:30");
    let end = desk.finished(Method::POST, "appointment", body).await;
    assert!(end["result"].as_str().is_some_and(|text| text.contains("no available slot")), "{end}");
    let mut body = taken;
    body["staff"] = json!("");
    let end = desk.finished(Method::POST, "appointment", body).await;
    assert!(end["result"].as_str().is_some_and(|text| text.contains("staff is required")), "{end}");
    desk.close().await;
}

#[tokio::test]
async fn the_front_desk_can_take_a_time_by_hand_before_a_pending_write_gets_there() {
    let desk = Desk::open().await;
    let mut body = desk.booking(&desk.open_day().await).await;
    let id = desk.send(Method::POST, "appointment", body.clone()).await.receipt();
    body["description"] = json!("Walk in");
    let by_hand = format!("sikka/offices/{OFFICE}/pms/appointments");
    assert!(desk.admin(Method::POST, &by_hand, body).await["appointment_sr_no"].is_u64());
    desk.wait_for_writebacks().await;
    assert_eq!(desk.writeback(id).await["status"], "Failed");
    desk.close().await;
}
