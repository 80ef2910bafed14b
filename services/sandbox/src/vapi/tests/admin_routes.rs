use std::time::{Duration, Instant};

use actix_web::{App, test, web};

use super::fake_gateway::{FakeGateway, right};
use super::*;

async fn call(request: test::TestRequest, player: &Player) -> (u16, Value) {
    let app = App::new().app_data(web::Data::new(player.clone())).configure(configure);
    let response = test::call_service(&test::init_service(app).await, request.to_request()).await;
    let status = response.status().as_u16();
    let body = test::read_body(response).await;
    (
        status,
        serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()),
    )
}

fn post(path: &str, body: &Value) -> test::TestRequest {
    test::TestRequest::post().uri(path).set_payload(body.to_string())
}

fn get(path: &str) -> test::TestRequest {
    test::TestRequest::get().uri(path)
}

/// Asks until `done` holds, for ten seconds at most.
async fn until(player: &Player, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (_, body) = call(get(path), player).await;
        if done(&body) {
            return body;
        }
        assert!(Instant::now() < deadline, "{path} did not come true: {body}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn body(gateway: &FakeGateway) -> Value {
    json!({
        "script": "maria-books", "gateway_url": gateway.url, "auth": { "type": "secret", "secret": "s" },
        "options": { "report_delay_ms": 0 }, "variables": { "accountId": "acct" },
    })
}

#[actix_web::test]
async fn a_call_is_answered_with_its_whole_timeline() {
    let (gateway, player) = (FakeGateway::start(right), player());
    let (status, timeline) = call(post("/admin/vapi/calls", &body(&gateway)), &player).await;
    assert_eq!(status, 200);
    assert_eq!(timeline["ok"], true);
    assert_eq!(timeline["violations"], json!([]));
    assert_eq!(timeline["entries"][0]["kind"], "message");
    let answer =
        timeline["entries"].as_array().unwrap().iter().find(|entry| entry["kind"] == "answer").unwrap();
    assert_eq!(answer["tool"], "searchPatients");
    assert!(answer["took_ms"].as_f64().unwrap() > 0.0 && answer["at_ms"].is_u64());
    let (_, list) = call(get("/admin/vapi/calls"), &player).await;
    assert_eq!(list["calls"][0]["id"], timeline["id"]);
    let text = call(get(&format!("/admin/vapi/calls/{}?as=text", timeline["id"].as_str().unwrap())), &player);
    assert!(text.await.1.as_str().unwrap().contains("agent    I found Maria Lopez."));
}

#[actix_web::test]
async fn a_call_nobody_waits_for_is_followed_by_its_id() {
    let (gateway, player) = (FakeGateway::start(right), player());
    let (status, started) = call(post("/admin/vapi/calls?wait=false", &body(&gateway)), &player).await;
    assert_eq!(status, 202);
    let path = format!("/admin/vapi/calls/{}", started["id"].as_str().unwrap());
    let timeline = until(&player, &path, |timeline| timeline["finished"] == true).await;
    assert_eq!(timeline["ok"], true);
}

#[actix_web::test]
async fn what_cannot_be_played_is_refused_with_the_reason() {
    let (gateway, player) = (FakeGateway::start(right), player());
    let with = |key: &str, value: Value| {
        let mut body = body(&gateway);
        body[key] = value;
        body
    };
    let cases = [
        (with("script", json!("nobody-wrote-this")), 404, "maria-books"),
        (with("script", json!({"caller": "+15550100010", "steps": [{"shout": "x"}]})), 422, "shout"),
        (with("script", json!({"toml": "caller = 1"})), 422, "caller"),
        (with("options", json!({"shape": "round"})), 422, "round"),
        (with("options", json!({"zone": "Mars/Olympus"})), 422, "Mars/Olympus"),
        (with("gateway_url", Value::Null), 422, "gateway_url"),
        (with("colour", json!("blue")), 422, "colour"),
        (with("auth", json!({"type": "handshake"})), 422, "handshake"),
    ];
    for (body, expected, part) in cases {
        let (status, problem) = call(post("/admin/vapi/calls", &body), &player).await;
        assert_eq!(status, expected, "{problem}");
        assert!(problem["message"].as_str().unwrap().contains(part), "{problem}");
    }
    assert_eq!(call(get("/admin/vapi/calls/none"), &player).await.0, 404);
}

#[actix_web::test]
async fn scripts_are_listed_and_read() {
    let player = player();
    let (_, list) = call(get("/admin/vapi/scripts"), &player).await;
    assert_eq!(list["scripts"].as_array().unwrap().len(), Shelf::default().names().len());
    let (status, text) = call(get("/admin/vapi/scripts/maria-books"), &player).await;
    assert!(status == 200 && text.as_str().unwrap().contains("[[steps]]"));
    assert_eq!(call(get("/admin/vapi/scripts/nothing"), &player).await.0, 404);
}

#[actix_web::test]
async fn a_load_counts_every_call_and_tells_what_each_caller_was_told() {
    let (gateway, player) = (FakeGateway::start(right), player());
    let request = json!({
        "scripts": ["maria-books", "new-patient-books"], "per_second": 40.0, "seconds": 0.5, "seed": 5,
        "gateway_url": gateway.url, "options": { "report_delay_ms": 0 },
        "rotate": [{ "accountId": "acct_1" }, { "accountId": "acct_2" }],
    });
    let (status, started) = call(post("/admin/vapi/load", &request), &player).await;
    assert_eq!(status, 202);
    let path = format!("/admin/vapi/load/{}", started["id"].as_str().unwrap());
    let report = until(&player, &path, |report| report["finished"] == true).await;
    let calls = report["started"].as_u64().unwrap();
    assert!(calls > 1 && report["ended"] == calls && report["ok"] == calls, "{report}");
    let told = report["told"].as_array().unwrap();
    assert_eq!(told.iter().filter(|one| one["tool"] == "bookAppointment").count() as u64, calls);
    assert!(told.iter().any(|one| one["account_id"] == "acct_2"));
    assert_eq!(told[0]["answers"][0]["status"], "accepted");
    assert_eq!(report["tools"]["bookAppointment"]["by_status"]["accepted"], calls);
    assert!(report["tools"]["searchPatients"]["p99_ms"].as_f64().unwrap() > 0.0);
}

#[actix_web::test]
async fn a_load_that_is_stopped_begins_no_more_calls() {
    let (gateway, player) = (FakeGateway::start(right), player());
    let request = json!({
        "scripts": ["nobody-found"], "per_second": 50.0, "seconds": 3600.0, "gateway_url": gateway.url,
        "options": { "report_delay_ms": 0 },
    });
    let (_, started) = call(post("/admin/vapi/load", &request), &player).await;
    let path = format!("/admin/vapi/load/{}", started["id"].as_str().unwrap());
    until(&player, &path, |report| report["started"].as_u64().unwrap() > 0).await;
    assert_eq!(call(test::TestRequest::delete().uri(&path), &player).await.0, 200);
    until(&player, &path, |report| report["finished"] == true).await;
    let nonsense = json!({ "scripts": [], "per_second": 1.0, "seconds": 1.0 });
    assert_eq!(call(post("/admin/vapi/load", &nonsense), &player).await.0, 422);
}
