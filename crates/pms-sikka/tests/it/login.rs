//! Getting in, and learning about a practice.

use std::sync::Arc;

use jiff::Timestamp;
use pms::{Advice, ErrorKind, Operation, PmsLogin};
use pms_sikka::{AuthorizedPractice, SikkaLogin, office_credentials};
use seal::Secret;
use serde_json::json;
use vendor_http::MemoryBudget;
use wiremock::matchers::{body_partial_json, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::desk::{Keys, list, message, sikka};

async fn grants(server: &MockServer, grant_type: &str, template: ResponseTemplate) {
    Mock::given(path("/v4/request_key"))
        .and(body_partial_json(json!({ "grant_type": grant_type, "app_id": "sandbox-app" })))
        .respond_with(template)
        .mount(server)
        .await;
}

fn granted() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(include_str!("../answers/request_key.json"))
}

fn login(server: &MockServer) -> SikkaLogin {
    SikkaLogin::new(sikka(format!("{}/v4", server.uri())), Arc::new(MemoryBudget::per_minute(6_000)))
}

fn credentials() -> Secret {
    office_credentials("D10001", &"sandbox-secret".into())
}

#[tokio::test]
async fn a_key_lives_from_the_asking_for_as_long_as_the_vendor_says() {
    let server = MockServer::start().await;
    grants(&server, "request_key", granted()).await;
    let before = Timestamp::now();
    let grant = login(&server).log_in(&credentials(), None).await.unwrap();
    assert_eq!(grant.key.0.expose(), "sandbox-request-key");
    assert_eq!(grant.refresh.unwrap().expose(), "sandbox-refresh-key");
    let life = grant.expires_at.duration_since(before).as_secs();
    assert!((85_603..85_606).contains(&life), "{life}");
}

#[tokio::test]
async fn a_refresh_key_is_used_first() {
    let server = MockServer::start().await;
    grants(&server, "refresh_key", granted()).await;
    assert!(login(&server).log_in(&credentials(), Some(&"sandbox-refresh-key".into())).await.is_ok());
}

#[tokio::test]
async fn a_refused_refresh_key_falls_back_to_the_offices_secret() {
    let server = MockServer::start().await;
    grants(&server, "refresh_key", message(401, "API2003", "why")).await;
    grants(&server, "request_key", granted()).await;
    assert!(login(&server).log_in(&credentials(), Some(&"old".into())).await.is_ok());
}

#[tokio::test]
async fn a_vendor_that_is_down_is_not_a_refused_refresh_key() {
    let server = MockServer::start().await;
    grants(&server, "refresh_key", message(503, "API2002", "why")).await;
    let error = login(&server).log_in(&credentials(), Some(&"good".into())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::VendorDown);
}

#[tokio::test]
async fn wrong_or_unreadable_credentials_are_access_withdrawn() {
    let server = MockServer::start().await;
    grants(&server, "request_key", message(401, "API2003", "why")).await;
    for credentials in [credentials(), "not json".into()] {
        let error = login(&server).log_in(&credentials, None).await.unwrap_err();
        assert_eq!((error.kind, error.advice), (ErrorKind::AccessWithdrawn, Advice::Permanent));
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_something_between_is_no_withdrawal() {
    let server = MockServer::start().await;
    grants(&server, "request_key", ResponseTemplate::new(403).set_body_string("<html>blocked</html>")).await;
    let error = login(&server).log_in(&credentials(), None).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::VendorDown, Advice::Retry));
}

#[tokio::test]
async fn what_the_vendor_lists_for_an_office_is_what_it_is_logged_in_to_with_next() {
    let server = MockServer::start().await;
    let row = json!({ "office_id": "D10001", "practice_id": "1", "secret_key": "the-new-one", "practice_name": "Elm" });
    Mock::given(path("/v4/authorized_practices"))
        .respond_with(list(&json!([row])))
        .expect(1)
        .mount(&server)
        .await;
    let door = login(&server);
    let current = door.current(&office_credentials("d10001", &"old".into())).await.unwrap();
    assert_eq!(current, Some(office_credentials("D10001", &"the-new-one".into())));
    let gone = door.current(&office_credentials("D10009", &"old".into())).await.unwrap();
    assert_eq!(gone, None, "and the list was read once");
}

#[tokio::test]
async fn a_list_that_is_refused_says_that_our_own_keys_are_wrong() {
    let server = MockServer::start().await;
    Mock::given(path("/v4/authorized_practices"))
        .respond_with(message(401, "API2003", "why"))
        .mount(&server)
        .await;
    let error = login(&server).current(&credentials()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::AccessWithdrawn);
}

#[tokio::test]
async fn a_grant_without_a_readable_life_is_not_used() {
    let server = MockServer::start().await;
    let endless = json!({ "request_key": "sandbox-request-key", "expires_in": "soon" });
    grants(&server, "request_key", ResponseTemplate::new(200).set_body_json(endless)).await;
    let error = login(&server).log_in(&credentials(), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreadable);
}

#[tokio::test]
async fn a_practice_is_listed_and_inspected_with_its_zone_its_database_and_what_it_can_do() {
    let server = MockServer::start().await;
    let app = |name: &str| Mock::given(path(format!("/v4/{name}"))).and(header("app-id", "sandbox-app"));
    let office = |name: &str| Mock::given(path(format!("/v4/{name}"))).and(header("request-key", "key-0"));
    let practices = list(&json!([
        { "office_id": "D10001", "practice_id": "1", "secret_key": "sandbox-secret", "practice_name": "Fernhill Dental",
          "practice_management_system": "Opendental", "practice_management_system_version": "24.1",
          "practice_management_system_refresh_date_time_zone": "Central Standard Time" },
        { "office_id": "D10002", "practice_id": "1", "secret_key": "other-secret", "practice_name": "Oakmere Dental",
          "practice_management_system": "Eaglesoft", "practice_management_system_refresh_date_time_zone": "Local Time" }
    ]));
    app("authorized_practices").respond_with(practices).mount(&server).await;
    let rows: serde_json::Value =
        serde_json::from_str(include_str!("../answers/supported_pmses_rows.json")).unwrap();
    app("supported_pmses").respond_with(list(&rows)).mount(&server).await;
    let practice =
        json!([{ "practice_id": "1", "cust_id": "7", "name": "Fernhill Dental", "country": "Canada" }]);
    office("practices").respond_with(list(&practice)).mount(&server).await;
    office("request_key_info").respond_with(granted()).mount(&server).await;
    let (sikka, budget) = (sikka(format!("{}/v4", server.uri())), Arc::new(MemoryBudget::per_minute(6_000)));

    let found = sikka.authorized_practices().await.unwrap();
    // Quirk 9: both are practice 1, of different offices.
    assert_eq!([&found[0].office_id, &found[1].office_id], ["D10001", "D10002"]);
    assert_eq!(found[0].credentials, credentials());
    let profile = sikka.inspect(&found[0], Arc::new(Keys::default()), budget.clone()).await.unwrap();
    assert_eq!((profile.cust_id.as_str(), profile.time_zone.as_str()), ("7", "America/Chicago"));
    assert_eq!(
        profile.currency,
        Some(domain::Currency::Cad),
        "its zone alone would say dollars of the United States"
    );
    assert_eq!(profile.capabilities.system, "Open Dental");
    assert!(profile.capabilities.allows(Operation::BookAppointment));
    assert!(!profile.capabilities.allows(Operation::SlotFeed));

    let keys = || Arc::new(Keys::default());
    let unknown = sikka.inspect(&found[1], keys(), budget.clone()).await.unwrap_err();
    assert_eq!((unknown.kind, unknown.code.as_deref()), (ErrorKind::Unsupported, Some("time_zone")));
    // One that is not told yet comes with the first data.
    let early = AuthorizedPractice { zone_name: " ".into(), ..found[1].clone() };
    let early = sikka.inspect(&early, keys(), budget).await.unwrap_err();
    assert_eq!((early.kind, early.code.as_deref()), (ErrorKind::NotReady, Some("time_zone")));
}
