use reqwest::Method;
use sandbox::sikka::seed::Seed;
use serde_json::{Value, json};

use crate::desk::{Desk, OFFICE};

#[tokio::test]
async fn the_same_seed_on_the_same_day_gives_the_same_offices() {
    let desk = Desk::open().await;
    desk.admin(Method::PUT, "clock", json!({"frozen": true, "now": "2026-03-02T15:00:00Z"})).await;
    let path = format!("sikka/offices/{OFFICE}/pms");
    desk.admin(Method::POST, "seed", json!({"seed": 7})).await;
    let first = desk.look(&path).await;
    desk.admin(Method::POST, "seed", json!({"seed": 7})).await;
    assert_eq!(first, desk.look(&path).await);
    desk.admin(Method::POST, "seed", json!({"seed": 8})).await;
    assert_ne!(first, desk.look(&path).await);
    desk.close().await;
}

#[tokio::test]
async fn a_seed_that_makes_no_sense_is_refused_with_the_fields_name() {
    let desk = Desk::open().await;
    for (body, field) in [
        (json!({"zones": ["Middle Earth"]}), "zones"),
        (json!({"pms": []}), "pms"),
        (json!({"fill": 2.0}), "fill"),
        (json!({"offices": 5001}), "offices"),
        (json!({"colour": 1}), "colour"),
    ] {
        let told = desk.told(desk.http.post(format!("{}/seed", desk.admin)).json(&body)).await;
        assert_eq!(told.status, 400);
        assert!(told.json()["error"].as_str().is_some_and(|text| text.contains(field)), "{field}");
    }
    desk.close().await;
}

#[tokio::test]
async fn maria_lopez_is_found_by_birth_date_by_name_and_by_number() {
    let desk = Desk::open().await;
    for path in [
        "patients?find=birthdate=eq_1988-03-14::AND::lastname=eq_Lopez",
        "patients?firstname=maria&lastname=LOPEZ",
        "patients?cell=5550100010",
        "patients?search=555-010-0010",
        "patients?search=maria",
    ] {
        let rows = desk.get(path).await.items();
        assert_eq!(rows.len(), 1, "{path}");
        assert_eq!(
            (&rows[0]["patient_id"], &rows[0]["cell"]),
            (&json!("101"), &json!("(555) 010-0010")),
            "{path}"
        );
    }
    assert_eq!(desk.get("patients?cell=15550100010").await.status, 204, "digits are compared as they stand");
    assert_eq!(
        desk.get("patients?birthdate=1988-03-14").await.items().len(),
        40,
        "no such filter is documented"
    );
    assert_eq!(desk.get("patients?find=shoe=eq_9").await.code(), (400, "API1026".to_owned()));
    desk.dial(json!({"phone_match_raw": true})).await;
    assert_eq!(desk.get("patients?cell=5550100010").await.status, 204);
    desk.close().await;
}

#[tokio::test]
async fn a_family_shares_a_number_and_one_number_is_only_at_home() {
    let desk = Desk::open().await;
    let family = desk.get("patients?cell=5550100020").await.items();
    assert_eq!(family.len(), 3);
    assert!(family.iter().all(|row| row["guarantor_id"] == family[0]["patient_id"]));
    assert_eq!(desk.get("patients?cell=5550100030").await.status, 204);
    let found = desk.get("patients?search=5550100030&fields=homephone").await.items();
    assert_eq!((found.len(), &found[0]["homephone"]), (1, &json!("555.010.0030")));
    desk.close().await;
}

#[tokio::test]
async fn the_schedule_has_weekly_hours_for_practice_chairs_and_providers() {
    let desk = Desk::open().await;
    let bare = desk.get("practice_schedule?limit=1").await.items()[0].clone();
    assert!(bare.get("monday_start_1").is_none());
    let day = desk.open_day().await;
    let date: jiff::civil::Date = day.parse().expect("a day");
    let monday =
        date.saturating_sub(jiff::Span::new().days(i64::from(date.weekday().to_monday_zero_offset())));
    let rows = desk.get(&format!("practice_schedule?date={monday}&fields=get_all")).await.items();
    assert_eq!(rows.len(), 1 + 4 + 4);
    let of = |kind: &str, id: &str| -> Value {
        let row = rows.iter().find(|row| row["resource_type"] == kind && row["resource_id"] == id);
        row.cloned().unwrap_or_default()
    };
    let practice = of("practice", "1");
    assert_eq!((&practice["monday_start_1"], &practice["monday_end_1"]), (&json!("08:00"), &json!("12:00")));
    assert_eq!((&practice["monday_start_2"], &practice["monday_end_2"]), (&json!("13:00"), &json!("17:00")));
    assert_eq!((&practice["sunday_start_1"], &practice["monday_start_3"]), (&json!(""), &json!("")));
    assert_eq!(of("provider", "DR2")["friday_start_1"], "");
    assert_eq!(of("operatory", "OP1")["friday_end_2"], "17:00");
    let all = desk.get("practice_schedule?resource_type=practice&fields=get_all").await.items();
    assert_eq!(
        all.iter().filter(|row| row["friday_holiday"] == "True" && row["friday_start_1"] == "").count(),
        1
    );
    desk.close().await;
}

#[tokio::test]
async fn appointments_are_filtered_by_day_provider_chair_and_patient() {
    let desk = Desk::with(Seed { fill: 0.7, ..Seed::default() }).await;
    let day = desk.open_day().await;
    let path = format!("appointments?startdate={day}&enddate={day}&limit=500&fields=get_all");
    let all = desk.get(&path).await.items();
    assert!(!all.is_empty() && all.iter().all(|row| row["date"] == format!("{day}T00:00:00")));
    let with_provider = desk.get(&format!("{path}&provider_id=DR1")).await.items();
    let in_chair = desk.get(&format!("{path}&operatory=OP1")).await.items();
    assert!(!with_provider.is_empty() && with_provider.len() < all.len());
    assert_eq!(with_provider, in_chair, "the seed keeps each provider to one chair");
    let one = desk
        .get(&format!("{path}&patient_id={}", all[0]["patient_id"].as_str().unwrap_or("?")))
        .await
        .items();
    assert!(one.iter().all(|row| row["patient_id"] == all[0]["patient_id"]) && !one.is_empty());
    let told = desk.get("appointments?startdate=tomorrow").await;
    assert_eq!(told.code(), (400, "API1026".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn only_rows_that_changed_are_in_a_change_range() {
    let desk = Desk::open().await;
    desk.finished(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await;
    desk.advance(900).await;
    let rows = desk.get("appointments?limit=5000").await.items();
    let now: jiff::Timestamp =
        desk.look("clock").await["now"].as_str().and_then(|t| t.parse().ok()).expect("a time");
    let zone = jiff::tz::TimeZone::get("America/New_York").expect("the zone is bundled");
    let recent = zone.to_datetime(now).saturating_sub(jiff::Span::new().minutes(16));
    let since = recent.strftime("%Y-%m-%dT%H:%M:%S");
    let changed = desk.get(&format!("appointments?limit=5000&loaded_startdate={since}")).await.items();
    assert_eq!((changed.len(), rows.len() > 100), (1, true));
    assert_eq!(changed[0]["patient_id"], "101");
    desk.close().await;
}

#[tokio::test]
async fn the_ledger_counts_calls_by_office_and_path() {
    let desk = Desk::with(Seed { offices: 2, ..Seed::default() }).await;
    desk.grant("D10002").await;
    desk.get("providers").await;
    desk.get("appointments?limit=1").await;
    desk.app(Method::GET, "authorized_practices").await;
    let counts = desk.look("sikka/requests").await;
    assert_eq!((&counts[OFFICE]["total"], &counts["D10002"]["total"]), (&json!(3), &json!(1)));
    assert_eq!(counts[OFFICE]["by_path"]["GET /v4/appointments"], 1);
    assert_eq!(counts["application"]["total"], 1);
    desk.admin(Method::DELETE, "sikka/requests", json!({})).await;
    assert_eq!(desk.look("sikka/requests").await, json!({}));
    desk.close().await;
}

#[tokio::test]
async fn reset_brings_back_the_seed_and_the_clock() {
    let desk = Desk::open().await;
    desk.finished(Method::POST, "appointment", desk.booking(&desk.open_day().await).await).await;
    desk.admin(Method::POST, "reset", json!({})).await;
    assert_eq!(desk.held_in_pms("Phone booking ref ABCD2345").await, 0);
    assert!(desk.look("clock").await["offset_ms"].as_i64().is_some_and(|offset| offset.abs() < 50));
    assert_eq!(desk.get("providers").await.code(), (400, "API1004".to_owned()), "keys are forgotten too");
    desk.close().await;
}

#[tokio::test]
async fn the_banner_tells_what_is_documented_and_what_is_assumed() {
    let desk = Desk::open().await;
    let banner = desk.look("banner").await;
    for vendor in ["sikka", "vapi"] {
        for part in ["documented", "assumed"] {
            assert!(
                banner[vendor][part].as_array().is_some_and(|lines| !lines.is_empty()),
                "{vendor} {part}"
            );
        }
    }
    desk.close().await;
}
