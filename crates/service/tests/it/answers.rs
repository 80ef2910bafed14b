use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use service::{ApiError, App, Code, Json, Path, Query, RequestId, Running};

use crate::probe::{Reply, boot, get, send};

const JSON: &str = "content-type: application/json\r\n";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Booking {
    patient: Patient,
    minutes: u16,
}

#[derive(Debug, Deserialize)]
struct Patient {
    names: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    limit: u16,
}

async fn probe() -> Running {
    let app = App::new().body_limit(1000).hot_routes(hot).routes(routes);
    boot(5, |_| async { Ok(app) }).await
}

fn hot(config: &mut web::ServiceConfig) {
    config.service(web::resource("/hot").post(async |body: web::Bytes| body.len().to_string())).service(
        web::resource("/hot/fails").get(async || -> Result<HttpResponse, ApiError> {
            Err(ApiError::unavailable(Duration::from_millis(1500)))
        }),
    );
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/id").get(async |id: RequestId| id.as_str().to_owned()))
        .service(web::resource("/bookings").post(async |Json(booking): Json<Booking>| {
            format!("{} {}", booking.patient.names.len(), booking.minutes)
        }))
        .service(web::resource("/plain-json").post(async |page: web::Json<Page>| page.limit.to_string()))
        .service(web::resource("/pages").get(async |Query(page): Query<Page>| page.limit.to_string()))
        .service(web::resource("/rooms/{number}").get(async |Path(number): Path<u16>| number.to_string()))
        .service(web::resource("/fails").get(async || -> Result<HttpResponse, ApiError> {
            Err(std::io::Error::other("the pool at 10.0.0.7 is gone"))?
        }))
        .service(web::scope("/guarded").route("", web::get().to(HttpResponse::Ok)).wrap(from_fn(
            async |_: ServiceRequest, _: actix_web::middleware::Next<_>| {
                Err::<actix_web::dev::ServiceResponse, _>(
                    ApiError::new(Code::Unauthenticated, "an API key is needed").into(),
                )
            },
        )));
}

/// One error object, and its id on the header too.
fn assert_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    let body = reply.json();
    assert_eq!(body["error"]["code"], code, "{reply:?}");
    assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{reply:?}");
    let id = body["error"]["request_id"].as_str().expect("an id");
    assert!(!id.is_empty(), "{reply:?}");
    assert_eq!(reply.header("x-request-id"), Some(id), "{reply:?}");
}

#[tokio::test]
async fn every_kind_of_failure_is_the_same_object() {
    let mut running = probe().await;
    let at = running.address;
    assert_error(&get(at, "/nowhere").await, 404, "not_found");
    assert_error(&get(at, "/rooms/blue").await, 404, "not_found");
    assert_error(&get(at, "/bookings").await, 405, "method_not_allowed");
    assert_error(&get(at, "/hot").await, 405, "method_not_allowed");
    assert_error(&send(at, "POST", "/health", "", "").await, 405, "method_not_allowed");
    assert_error(&send(at, "POST", "/bookings", JSON, "{").await, 400, "bad_request");
    assert_error(&send(at, "POST", "/bookings", "", "{}").await, 400, "bad_request");
    assert_error(&send(at, "POST", "/plain-json", JSON, "{\"limit\":\"x\"}").await, 422, "invalid");
    assert_error(&get(at, "/guarded").await, 401, "unauthenticated");
    assert_error(&get(at, "/pages?limit=many").await, 422, "invalid");
    let long = "x".repeat(1001);
    assert_error(&send(at, "POST", "/hot", "", &long).await, 413, "too_large");
    assert_error(&send(at, "POST", "/bookings", JSON, &long).await, 413, "too_large");
    assert_error(&send(at, "POST", "/plain-json", JSON, &long).await, 413, "too_large");
    let away = get(at, "/hot/fails").await;
    assert_error(&away, 503, "unavailable");
    assert_eq!(away.header("retry-after"), Some("2"));
    running.drain().await;
}

#[tokio::test]
async fn a_field_that_breaks_a_rule_is_named_with_its_path_and_without_its_value() {
    let mut running = probe().await;
    let cases = [
        (r#"{"patient":{"names":["Ada",7]},"minutes":30}"#, "patient.names[1]", "must be a string"),
        (r#"{"patient":{},"minutes":30}"#, "patient.names", "is missing"),
        (r#"{"patient":{"names":[]}}"#, "minutes", "is missing"),
        (r#"{"patient":{"names":[]},"minutes":"Ada"}"#, "minutes", "must be a number from 0 to 65535"),
        (r#"{"patient":{"names":[]},"minutes":70000}"#, "minutes", "must be a number from 0 to 65535"),
        (
            r#"{"patient":{"names":[]},"minutes":1,"more":2}"#,
            "more",
            "is not known here: expected `patient` or `minutes`",
        ),
    ];
    for (body, path, rule) in cases {
        let reply = send(running.address, "POST", "/bookings", JSON, body).await;
        assert_error(&reply, 422, "invalid");
        let field = &reply.json()["error"]["fields"][0];
        assert_eq!((&field["path"], &field["rule"]), (&path.into(), &rule.into()), "{body}");
        assert!(!reply.body.contains("Ada"), "{reply:?}");
    }
    let good = r#"{"patient":{"names":["Ada"]},"minutes":30}"#;
    assert_eq!(send(running.address, "POST", "/bookings", JSON, good).await.body, "1 30");
    running.drain().await;
}

#[tokio::test]
async fn p8_a_cause_stays_inside() {
    let mut running = probe().await;
    let reply = get(running.address, "/fails").await;
    assert_error(&reply, 500, "internal");
    assert!(!reply.body.contains("10.0.0.7"), "{reply:?}");
    running.drain().await;
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_replaced() {
    let mut running = probe().await;
    let at = running.address;
    let kept = send(at, "GET", "/id", "x-request-id: caller-7\r\n", "").await;
    assert_eq!((kept.body.as_str(), kept.header("x-request-id")), ("caller-7", Some("caller-7")));
    let replaced = send(at, "GET", "/id", "x-request-id: a b\r\n", "").await;
    assert_ne!(replaced.body, "a b");
    assert_eq!(replaced.header("x-request-id"), Some(replaced.body.as_str()));
    let failed = send(at, "GET", "/hot/fails", "x-request-id: caller-8\r\n", "").await;
    assert_eq!(failed.json()["error"]["request_id"], "caller-8");
    running.drain().await;
}

#[tokio::test]
async fn a_hot_route_answers_without_the_chassis_and_others_are_counted_by_route() {
    telemetry::prometheus::install().expect("no other recorder");
    let mut running = probe().await;
    let at = running.address;
    let hot = send(at, "POST", "/hot", "", "body").await;
    assert_eq!((hot.status, hot.body.as_str(), hot.header("x-request-id")), (200, "4", None));
    assert_eq!(get(at, "/rooms/7").await.body, "7");
    let page = get(at, "/metrics").await.body;
    assert!(
        page.contains(r#"http_requests_total{method="GET",route="/rooms/{number}",status="200"}"#),
        "{page}"
    );
    assert!(page.contains("http_request_duration_seconds_bucket"), "{page}");
    assert!(!page.contains("/hot\""), "{page}");
    running.drain().await;
}
