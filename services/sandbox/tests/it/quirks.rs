use reqwest::Method;
use sandbox::sikka::profile::Profile;
use sandbox::sikka::seed::Seed;
use serde_json::{Value, json};

use crate::desk::{Desk, OFFICE};

#[tokio::test]
async fn q01_an_expired_key_is_400_api1025_and_a_refresh_helps() {
    let mut desk = Desk::open().await;
    assert_eq!(desk.get("providers").await.status, 200);
    desk.advance(86_401).await;
    assert_eq!(desk.get("providers").await.code(), (400, "API1025".to_owned()));
    let told = desk.refresh_grant(&desk.refresh_key).await;
    assert_eq!(told.json()["expires_in"], "86400 second(s)");
    assert_eq!(told.json()["refresh_key"], desk.refresh_key, "the refresh key does not rotate by itself");
    desk.take(&told);
    assert_eq!(desk.get("providers").await.status, 200);
    desk.close().await;
}

#[tokio::test]
async fn q01_a_key_can_be_expired_or_revoked_from_outside_and_lives_as_long_as_dialled() {
    let mut desk = Desk::open().await;
    desk.admin(Method::POST, &format!("sikka/offices/{OFFICE}/expire_key"), json!({})).await;
    assert_eq!(desk.get("providers").await.code(), (400, "API1025".to_owned()));
    desk.admin(Method::POST, &format!("sikka/offices/{OFFICE}/revoke_key"), json!({"refresh_key": true}))
        .await;
    assert_eq!(desk.get("providers").await.code(), (400, "API1004".to_owned()));
    assert_eq!(desk.refresh_grant(&desk.refresh_key).await.code(), (401, "API2003".to_owned()));
    desk.dial(json!({"key_life_seconds": 30})).await;
    let told = desk.grant(OFFICE).await;
    assert_eq!(told.json()["expires_in"], "30 second(s)");
    desk.take(&told);
    desk.advance(31).await;
    assert_eq!(desk.get("providers").await.code(), (400, "API1025".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn q02_nothing_found_is_204_without_a_body_unless_dialled_otherwise() {
    let desk = Desk::open().await;
    let told = desk.get("patients?lastname=Nobody").await;
    assert_eq!((told.status.as_u16(), told.text.as_str()), (204, ""));
    desk.dial(json!({"empty_as_200": true})).await;
    let told = desk.get("patients?lastname=Nobody").await;
    assert_eq!((told.status.as_u16(), told.items().len()), (200, 0));
    desk.close().await;
}

#[tokio::test]
async fn q03_every_scalar_of_every_list_is_a_string() {
    fn only_strings(value: &Value) -> bool {
        match value {
            Value::String(_) => true,
            Value::Array(items) => items.iter().all(only_strings),
            Value::Object(fields) => fields.values().all(only_strings),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    let desk = Desk::open().await;
    for path in [
        "patients?fields=get_all",
        "appointments?fields=get_all",
        "providers?fields=get_all",
        "operatories?cust_id=1",
        "practice_schedule?fields=get_all",
        "practices?fields=get_all",
        "practice_variables",
        "appointment_statuses",
        "writeback_details?writeback_type=new_appointment",
        "request_key_info",
    ] {
        let told = desk.get(path).await;
        assert_eq!(told.status, 200, "{path}");
        assert!(only_strings(&told.json()), "{path}");
    }
    for path in
        ["authorized_practices", "supported_pmses", "data_sync_status", "practice_location?office_id=D10001"]
    {
        let told = desk.app(Method::GET, path).await;
        assert_eq!(told.status, 200, "{path}");
        assert!(only_strings(&told.json()), "{path}");
    }
    desk.close().await;
}

#[tokio::test]
async fn q04_a_list_can_come_wrapped_in_an_array() {
    let desk = Desk::open().await;
    desk.dial(json!({"array_wrapped": true})).await;
    let told = desk.get("providers").await.json();
    assert_eq!(told.as_array().map(Vec::len), Some(1));
    assert!(told[0]["items"].is_array());
    desk.close().await;
}

#[tokio::test]
async fn q05_q06_offset_is_a_page_index_and_next_is_empty_at_the_end() {
    let desk = Desk::open().await;
    let mut seen = Vec::new();
    for page in 0.. {
        let told = desk.get(&format!("patients?limit=7&offset={page}")).await.json();
        assert_eq!(told["total_count"], "40");
        assert_eq!(told["pagination"]["last"].as_str().map(|last| last.contains("offset=5&")), Some(true));
        let ids = told["items"].as_array().cloned().unwrap_or_default();
        seen.extend(ids.iter().map(|row| row["patient_id"].clone()));
        assert_eq!(told["pagination"]["previous"] == "", page == 0);
        if told["pagination"]["next"] == "" {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 40);
    assert_eq!(desk.get("patients?limit=7&offset=6").await.status, 204);
    assert_eq!(desk.get("patients?offset=first").await.code(), (400, "API1026".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn q07_operatory_is_absent_unless_asked_for() {
    let desk = Desk::open().await;
    let row = |told: Vec<Value>| told.into_iter().next().unwrap_or_default();
    let standard = row(desk.get("appointments?limit=1").await.items());
    assert!(standard.get("operatory").is_none() && standard.get("time").is_some());
    let named = row(desk.get("appointments?limit=1&fields=operatory").await.items());
    assert!(named["operatory"].as_str().is_some_and(|chair| chair.starts_with("OP")));
    assert!(named.get("time").is_some() && named.get("rowhash").is_none());
    let all = row(desk.get("appointments?limit=1&fields=get_all").await.items());
    assert!(all.get("operatory").is_some() && all.get("rowhash").is_some());
    let light = row(desk.get("appointments?limit=1&lightweight=true&fields=operatory,time").await.items());
    assert_eq!(light.as_object().map(serde_json::Map::len), Some(2));
    desk.close().await;
}

#[tokio::test]
async fn q08_operatories_fails_without_cust_id() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("operatories").await.code(), (400, "API1020".to_owned()));
    assert_eq!(desk.get("operatories?cust_id=1").await.items().len(), 4);
    assert_eq!(desk.get("operatories?cust_id=2").await.status, 204);
    desk.close().await;
}

#[tokio::test]
async fn q09_practice_id_repeats_across_offices_and_the_zone_is_a_windows_name() {
    let seed = Seed {
        offices: 3,
        zones: vec!["Eastern Standard Time".to_owned(), "Pacific Standard Time".to_owned()],
        ..Seed::default()
    };
    let desk = Desk::with(seed).await;
    let rows = desk.app(Method::GET, "authorized_practices").await.items();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["practice_id"] == "1"));
    assert_eq!(rows[1]["practice_management_system_refresh_date_time_zone"], "Pacific Standard Time");
    assert_ne!(
        rows[0]["practice_management_system"], rows[1]["practice_management_system"],
        "spellings vary"
    );
    let mine = desk.get("authorized_practices").await.items();
    assert_eq!(mine.len(), 1, "a request key sees its own office");
    desk.close().await;
}

#[tokio::test]
async fn q09_the_rows_of_an_office_can_name_their_practice_by_a_composite() {
    let desk = Desk::open().await;
    desk.dial(json!({"composite_practice_ids": true})).await;
    let rows = desk.get("patients?practice_id=1").await.items();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["practice_id"] == "1-1"));
    let listed = desk.app(Method::GET, "authorized_practices").await.items();
    assert_eq!(listed[0]["practice_id"], "1", "the application's own list has the plain one");
    desk.close().await;
}

#[tokio::test]
async fn q01_a_key_can_be_made_to_expire_after_some_calls() {
    let mut desk = Desk::open().await;
    desk.dial(json!({"key_calls": 3})).await;
    let told = desk.grant(OFFICE).await;
    desk.take(&told);
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(desk.get("providers").await.status.as_u16());
    }
    assert_eq!(codes, [200, 200, 400, 400]);
    assert_eq!(desk.get("providers").await.code(), (400, "API1025".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn every_quirk_that_may_stay_on_is_switched_on_at_once() {
    let desk = Desk::open().await;
    let quirks = desk.admin(Method::GET, "sikka/quirks", json!(null)).await;
    assert_eq!(quirks.as_array().map(Vec::len), Some(24));
    let dials = desk.admin(Method::POST, "sikka/quirks", json!({})).await;
    for dial in ["array_wrapped", "html_content_type", "composite_practice_ids"] {
        assert_eq!(dials[dial], true, "{dial}");
    }
    desk.close().await;
}

#[tokio::test]
async fn q10_status_words_are_the_systems_own_in_mixed_case() {
    let desk = Desk::with(Seed { fill: 0.9, ..Seed::default() }).await;
    let rows = desk.get("appointments?limit=5000").await.items();
    let has = |word: &str| rows.iter().any(|row| row["status"] == word);
    assert!(has("scheduled") && has("complete") && has("broken") && has("BROKEN"));
    desk.close().await;
}

#[tokio::test]
async fn q13_check_spu_with_the_utility_off_is_412_with_log_message() {
    let desk = Desk::open().await;
    desk.admin(Method::PUT, &format!("sikka/offices/{OFFICE}/spu"), json!({"online": false})).await;
    let mut body = desk.booking(&desk.open_day().await).await;
    body["check_spu"] = json!("true");
    let told = desk.send(Method::POST, "appointment", body).await;
    assert_eq!(told.code(), (412, "API2017".to_owned()));
    assert!(told.json()["log_message"].as_str().is_some_and(|text| text.contains("offline")));
    assert!(told.json().get("long_message").is_none());
    desk.close().await;
}

#[tokio::test]
async fn q14_writeback_status_can_be_outside_the_plan_while_the_write_is_accepted() {
    let desk = Desk::open().await;
    desk.dial(json!({"scopes_removed": ["writeback_status"]})).await;
    let body = desk.booking(&desk.open_day().await).await;
    let id = desk.send(Method::POST, "appointment", body).await.receipt();
    let told = desk.get(&format!("writeback_status?id={id}")).await;
    assert_eq!(told.code(), (401, "API2004".to_owned()));
    let scope = desk.grant(OFFICE).await.json()["scope"].as_str().unwrap_or_default().to_owned();
    assert!(!scope.split(',').any(|name| name == "writeback_status"));
    desk.close().await;
}

#[tokio::test]
async fn q17_a_location_that_is_off_is_not_served() {
    let desk = Desk::open().await;
    let body = json!({"office_id": OFFICE, "practice_id": "1", "access": "OFF"});
    let switch = |body: &Value| {
        let request = desk.http.post(format!("{}/practice_location", desk.vendor)).json(body);
        request.header("App-Id", "sandbox-app").header("App-Key", "sandbox-app-key")
    };
    assert_eq!(desk.told(switch(&body)).await.code(), (200, "API4006".to_owned()));
    assert_eq!(desk.get("patients").await.code(), (401, "API2007".to_owned()));
    let body = json!({"office_id": OFFICE, "practice_id": "1", "access": "ON"});
    assert_eq!(desk.told(switch(&body)).await.status, 200);
    assert_eq!(desk.get("patients").await.status, 200);
    desk.close().await;
}

#[tokio::test]
async fn q18_a_new_install_is_missing_from_the_list_and_answers_api2010_until_its_first_load() {
    let desk = Desk::open().await;
    let install = format!("sikka/offices/{OFFICE}/install");
    desk.admin(Method::PUT, &install, json!({"listed": false, "loaded": false})).await;
    assert_eq!(desk.app(Method::GET, "authorized_practices").await.status, 204);
    assert_eq!(desk.get("patients").await.code(), (500, "API2010".to_owned()));
    desk.admin(Method::PUT, &install, json!({"listed": true})).await;
    desk.advance(900).await;
    assert_eq!(desk.app(Method::GET, "authorized_practices").await.items().len(), 1);
    assert_eq!(desk.get("patients").await.status, 200);
    desk.close().await;
}

#[tokio::test]
async fn q19_the_slots_feed_is_empty_for_most_systems() {
    for profile in Profile::ALL {
        let desk = Desk::of(profile).await;
        let status = desk.get("appointments_available_slots").await.status.as_u16();
        let fed = matches!(profile, Profile::Orthotrac | Profile::Dolphin | Profile::PlanetDds);
        assert_eq!(status, if fed { 200 } else { 204 }, "{profile:?}");
        desk.close().await;
    }
}

#[tokio::test]
async fn q20_inactive_providers_and_hidden_operatories_are_mixed_in() {
    let desk = Desk::open().await;
    let providers = desk.get("providers").await.items();
    assert!(providers.iter().any(|row| row["status"] == "Inactive" && row["is_hidden"] == "True"));
    assert_eq!(providers.iter().filter(|row| row["status"] == "Active").count(), 3);
    assert_eq!(desk.get("operatories?cust_id=1&is_hidden=T").await.items().len(), 1);
    assert_eq!(desk.get("operatories?cust_id=1&is_hidden=F").await.items().len(), 3);
    desk.close().await;
}

#[tokio::test]
async fn q23_json_can_come_as_html() {
    let desk = Desk::open().await;
    desk.dial(json!({"html_content_type": true})).await;
    let told = desk.get("providers").await;
    assert_eq!(told.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(told.items().len(), 4);
    desk.close().await;
}

#[tokio::test]
async fn made_up_paths_and_plurals_are_405_api2014() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("token").await.code(), (405, "API2014".to_owned()));
    assert_eq!(desk.get("patients/101").await.code(), (405, "API2014".to_owned()));
    assert_eq!(desk.send(Method::POST, "appointments", json!({})).await.code(), (405, "API2014".to_owned()));
    assert_eq!(
        desk.send(Method::DELETE, "appointments/5001", json!({})).await.code(),
        (405, "API2014".to_owned())
    );
    desk.close().await;
}

#[tokio::test]
async fn wrong_credentials_have_the_codes_of_the_contract() {
    let desk = Desk::open().await;
    let with = |field: &str, value: Value| {
        let mut body = json!({
            "grant_type": "request_key", "app_id": "sandbox-app", "app_key": "sandbox-app-key",
            "office_id": OFFICE, "secret_key": format!("sandbox-secret-{OFFICE}"),
        });
        body[field] = value;
        body
    };
    for (field, value, status, code) in [
        ("app_id", json!(""), 400, "API1001"),
        ("app_key", json!(""), 400, "API1002"),
        ("office_id", json!(null), 400, "API1003"),
        ("secret_key", json!(""), 400, "API1005"),
        ("app_key", json!("wrong"), 401, "API2003"),
        ("secret_key", json!("wrong"), 401, "API2003"),
        ("office_id", json!("D99999"), 401, "API2003"),
        ("grant_type", json!("refresh_token"), 400, "API1026"),
    ] {
        assert_eq!(desk.request_key(with(field, value)).await.code(), (status, code.to_owned()), "{field}");
    }
    let told = desk.told(desk.http.get(format!("{}/patients", desk.vendor))).await;
    assert_eq!(told.code(), (400, "API1004".to_owned()));
    let told =
        desk.told(desk.http.get(format!("{}/writebacks", desk.vendor)).header("App-Id", "sandbox-app")).await;
    assert_eq!(told.code(), (400, "API1002".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn a_call_with_a_key_tells_when_the_key_and_the_window_end() {
    let desk = Desk::open().await;
    let told = desk.get("patients?limit=1").await;
    assert!(told.header("Request-Key-Expires").is_some_and(|date| date.ends_with(" GMT")));
    assert_eq!(told.header("Data-Insert"), Some("completed"));
    assert_eq!(told.header("X-Rate-Limit-Limit"), Some("250"));
    assert!(
        told.header("X-Rate-Limit-Reset").and_then(|text| text.parse::<u64>().ok()).is_some_and(|s| s <= 60)
    );
    let switch = format!("sikka/offices/{OFFICE}/data_insert");
    desk.admin(Method::PUT, &switch, json!({"in_progress": true})).await;
    assert_eq!(desk.get("appointments?limit=1").await.header("Data-Insert"), Some("in progress"));
    desk.close().await;
}

#[tokio::test]
async fn a_refresh_can_be_made_to_rotate_the_refresh_key() {
    let desk = Desk::open().await;
    desk.dial(json!({"rotate_refresh_key": true})).await;
    let told = desk.refresh_grant(&desk.refresh_key).await;
    let fresh = told.json()["refresh_key"].as_str().unwrap_or_default().to_owned();
    assert_ne!(fresh, desk.refresh_key);
    assert_eq!(desk.refresh_grant(&desk.refresh_key).await.code(), (401, "API2003".to_owned()));
    assert_eq!(desk.refresh_grant(&fresh).await.status, 200);
    assert_eq!(desk.get("providers").await.status, 200, "the old request key lives to its end");
    desk.close().await;
}
