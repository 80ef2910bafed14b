//! One test for each class of answer (contract 7.1).

use std::time::Duration;

use pms::{Advice, ErrorKind, PMSAdapter, PmsError};
use wiremock::ResponseTemplate;

use crate::desk::{Desk, booking, list, message, nothing};

async fn read(template: ResponseTemplate) -> Result<bool, PmsError> {
    let desk = Desk::open().await;
    desk.answer("GET", "patients", template).await;
    desk.office.patient("201").await.map(|found| found.is_some())
}

async fn refused(status: u16, code: &str) -> (ErrorKind, Advice) {
    let error = read(message(status, code, "why")).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some(code));
    (error.kind, error.advice)
}

async fn written(template: ResponseTemplate) -> PmsError {
    written_at(&Desk::open().await, template).await
}

async fn written_at(desk: &Desk, template: ResponseTemplate) -> PmsError {
    desk.answer("POST", "appointment", template).await;
    let error = desk.submit(&booking()).await.unwrap_err();
    assert_eq!(desk.asked("appointment").await.len(), 1, "a write is sent once");
    error
}

#[tokio::test]
async fn a_200_is_read() {
    assert!(read(list(&serde_json::json!([{ "patient_id": "201", "firstname": "Elena" }]))).await.unwrap());
}

#[tokio::test]
async fn quirk_2_a_204_without_a_body_is_nobody() {
    assert!(!read(nothing()).await.unwrap());
    assert!(!read(message(404, "API2005", "nothing found")).await.unwrap());
}

#[tokio::test]
async fn a_400_about_a_parameter_is_permanent() {
    for code in ["API1020", "API1026", "API1027"] {
        assert_eq!(refused(400, code).await, (ErrorKind::Invalid, Advice::Permanent), "{code}");
    }
}

#[tokio::test]
async fn a_400_about_the_application_or_its_secret_wants_somebody_to_connect_again() {
    for code in ["API1001", "API1002", "API1003", "API1005"] {
        assert_eq!(refused(400, code).await, (ErrorKind::AccessWithdrawn, Advice::Permanent), "{code}");
    }
}

#[tokio::test]
async fn a_401_for_wrong_credentials_is_access_withdrawn() {
    assert_eq!(refused(401, "API2003").await, (ErrorKind::AccessWithdrawn, Advice::Permanent));
}

#[tokio::test]
async fn quirk_17_a_401_for_a_location_that_is_off_is_access_withdrawn() {
    assert_eq!(refused(401, "API2007").await, (ErrorKind::AccessWithdrawn, Advice::Permanent));
}

#[tokio::test]
async fn a_401_for_an_api_outside_the_plan_is_unsupported() {
    assert_eq!(refused(401, "API2004").await, (ErrorKind::Unsupported, Advice::Permanent));
}

#[tokio::test]
async fn a_404_405_409_410_415_and_422_are_permanent() {
    for (status, code, kind) in [
        (404, "API2009", ErrorKind::NotFound),
        (405, "API2014", ErrorKind::Unsupported),
        (409, "API2013", ErrorKind::Invalid),
        (409, "API2015", ErrorKind::Invalid),
        (410, "API2018", ErrorKind::NotFound),
        (415, "API1006", ErrorKind::Unsupported),
        (422, "API2019", ErrorKind::Invalid),
    ] {
        assert_eq!(refused(status, code).await, (kind, Advice::Permanent), "{code}");
    }
}

#[tokio::test]
async fn quirk_13_a_412_with_its_own_field_is_a_practice_offline_that_took_nothing() {
    let body = r#"{"http_code":"412","error_code":"API2017","log_message":"The utility is offline"}"#;
    let error = written(ResponseTemplate::new(412).set_body_string(body)).await;
    assert_eq!(
        (error.kind, error.advice),
        (ErrorKind::PracticeOffline, Advice::RetryAfter(Duration::from_secs(60)))
    );
}

#[tokio::test]
async fn p9_a_plain_429_says_when_the_window_ends() {
    let plain = ResponseTemplate::new(429)
        .set_body_string("Too Many Requests")
        .insert_header("x-rate-limit-limit", "250")
        .insert_header("x-rate-limit-remaining", "0")
        .insert_header("x-rate-limit-reset", "17");
    let error = read(plain).await.unwrap_err();
    assert_eq!(
        (error.kind, error.advice),
        (ErrorKind::RateLimited, Advice::RetryAfter(Duration::from_secs(17)))
    );
}

#[tokio::test]
async fn p9_a_429_for_the_day_stops_for_longer_than_a_window() {
    for code in ["API2011", "API2012"] {
        let hour = Advice::RetryAfter(Duration::from_secs(3600));
        assert_eq!(refused(429, code).await, (ErrorKind::RateLimited, hour), "{code}");
    }
}

#[tokio::test]
async fn a_500_is_tried_again_and_then_told() {
    let desk = Desk::open().await;
    desk.answer("GET", "patients", message(500, "API2001", "why")).await;
    let error = desk.office.patient("201").await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::VendorDown, Advice::Retry));
    assert_eq!(desk.asked("patients").await.len(), 3);
}

#[tokio::test]
async fn quirk_18_a_new_install_without_data_is_not_ready_and_not_asked_again_at_once() {
    let desk = Desk::open().await;
    desk.answer("GET", "patients", message(500, "API2010", "why")).await;
    let error = desk.office.patient("201").await.unwrap_err();
    let later = Advice::RetryAfter(Duration::from_secs(600));
    assert_eq!((error.kind, error.advice), (ErrorKind::NotReady, later));
    assert_eq!(desk.asked("patients").await.len(), 1);
}

#[tokio::test]
async fn a_503_and_a_504_say_that_the_vendor_is_down() {
    let later = Advice::RetryAfter(Duration::from_secs(5));
    assert_eq!(refused(503, "API2002").await, (ErrorKind::VendorDown, later));
    assert_eq!(refused(504, "API2022").await, (ErrorKind::VendorDown, Advice::Retry));
}

#[tokio::test]
async fn p3_a_write_that_met_a_broken_vendor_may_have_been_taken() {
    for (status, code) in [(500, "API2001"), (500, "API2010"), (503, "API2002"), (504, "API2022"), (502, "")]
    {
        let error = written(message(status, code, "why")).await;
        assert_eq!(error.advice, Advice::OutcomeUnknown, "{status} {code}");
    }
}

#[tokio::test]
async fn p3_a_write_whose_answer_does_not_come_may_have_been_taken() {
    let late = message(201, "API2016", "Id:4102").set_delay(Duration::from_secs(5));
    let error = written_at(&Desk::impatient().await, late).await;
    assert_eq!((error.kind, error.advice), (ErrorKind::VendorDown, Advice::OutcomeUnknown));
}

#[tokio::test]
async fn p3_a_receipt_without_a_number_or_half_a_receipt_may_have_been_taken() {
    for template in [
        message(201, "API2016", "Thank you"),
        ResponseTemplate::new(201).set_body_string("{\"http_code\":\"201\",\"error_"),
        ResponseTemplate::new(201),
    ] {
        let error = written(template).await;
        assert_eq!((error.kind, error.advice), (ErrorKind::Unreadable, Advice::OutcomeUnknown));
    }
}

#[tokio::test]
async fn quirk_24_a_200_with_a_failure_code_is_a_failure() {
    let error = written(message(200, "API0008", "Id:4102")).await;
    assert_eq!((error.kind, error.advice), (ErrorKind::Invalid, Advice::Permanent));
    let error = read(message(200, "API2004", "why")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported, "an error in a list's place is no empty list");
}

#[tokio::test]
async fn half_a_body_is_unreadable_and_its_text_stays_out_of_the_error() {
    let half = ResponseTemplate::new(200).set_body_string(r#"{"items":[{"firstname":["Elena"#);
    let error = read(half).await.unwrap_err();
    assert_eq!((error.kind, error.advice), (ErrorKind::Unreadable, Advice::Retry));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(!source.contains("Elena") && source.contains("line 1"), "{source}");
}

#[tokio::test]
async fn quirk_23_json_that_calls_itself_html_is_read() {
    let body = r#"{"total_count":"1","items":[{"patient_id":"201"}]}"#;
    let html = ResponseTemplate::new(200).set_body_raw(body, "text/html");
    assert!(read(html).await.unwrap());
    let receipt = r#"{"error_code":"API2016","long_message":"Id:4102"}"#;
    let desk = Desk::open().await;
    let html = ResponseTemplate::new(201).set_body_raw(receipt, "text/html");
    desk.answer("POST", "appointment", html).await;
    assert_eq!(desk.submit(&booking()).await.unwrap().0, "4102");
}

#[tokio::test]
async fn a_page_that_is_no_json_at_all_is_unreadable() {
    let gateway = ResponseTemplate::new(200).set_body_raw("<html>busy</html>", "text/html");
    assert_eq!(read(gateway).await.unwrap_err().kind, ErrorKind::Unreadable);
}
