//! How requests leave and what is told of those that do not come back, against a local server.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use seal::Secret;
use vendor_http::{
    Budget, BudgetSpent, CallError, MemoryBudget, RateSeen, Request, SetupError, VendorClient, VendorConfig,
};
use wiremock::matchers::{body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Lets everything pass and counts.
#[derive(Default)]
struct Counting {
    admitted: AtomicU32,
    observed: AtomicU32,
    rest: AtomicU64,
}

#[async_trait]
impl Budget for Counting {
    async fn admit(&self) -> Result<(), BudgetSpent> {
        self.admitted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn observe(&self, seen: RateSeen) {
        self.observed.fetch_add(seen.remaining, Ordering::SeqCst);
    }

    async fn day_spent(&self, rest: Duration) {
        self.rest.fetch_add(rest.as_secs(), Ordering::SeqCst);
    }
}

fn config(server: &str) -> VendorConfig {
    VendorConfig {
        read_deadline: Duration::from_secs(3),
        write_deadline: Duration::from_millis(400),
        attempt_timeout: Duration::from_millis(2_000),
        ..VendorConfig::new("test", server)
    }
}

fn client(server: &MockServer) -> VendorClient {
    VendorClient::new(config(&server.uri())).unwrap()
}

async fn serve(server: &MockServer, template: ResponseTemplate, times: u64) {
    Mock::given(path("/things")).respond_with(template).up_to_n_times(times).mount(server).await;
}

fn get() -> Request {
    Request::get("things", "/things")
}

fn post() -> Request {
    Request::post("post_thing", "/things", "{}")
}

#[tokio::test]
async fn a_request_carries_its_query_its_keys_and_its_body() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/things"))
        .and(query_param("name", "a&b=c d"))
        .and(header("app-key", "sandbox-key"))
        .and(header("content-type", "application/json"))
        .and(body_string("{\"a\":1}"))
        .respond_with(ResponseTemplate::new(201).set_body_string("ok").insert_header("x-left", "7"))
        .mount(&server)
        .await;
    let request = Request::post("post_thing", "/things", "{\"a\":1}").query("name", "a&b=c d");
    let key = Secret::from("sandbox-key");
    let reply = client(&server).write(&Counting::default(), &request, &[("app-key", &key)]).await.unwrap();
    assert_eq!((reply.status, &reply.body[..], reply.number("x-left")), (201, &b"ok"[..], Some(7)));
    assert_eq!(format!("{reply:?}"), "Reply { status: 201, 2 bytes }");
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure_that_passes_and_each_try_costs_budget() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(503), 2).await;
    serve(&server, ResponseTemplate::new(200), 9).await;
    let budget = Counting::default();
    let reply = client(&server).read(&budget, &get(), &[]).await.unwrap();
    assert_eq!((reply.status, budget.admitted.load(Ordering::SeqCst)), (200, 3));
}

#[tokio::test]
async fn a_read_gives_its_last_answer_when_the_tries_are_used_up() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(500), 9).await;
    let budget = Counting::default();
    let reply = client(&server).read(&budget, &get(), &[]).await.unwrap();
    assert_eq!((reply.status, budget.admitted.load(Ordering::SeqCst)), (500, 3));
}

#[tokio::test]
async fn p3_a_write_is_sent_once_whatever_comes_back() {
    for template in [ResponseTemplate::new(500), ResponseTemplate::new(200).set_delay(Duration::from_secs(2))]
    {
        let server = MockServer::start().await;
        serve(&server, template, 9).await;
        let budget = Counting::default();
        let maybe_taken = match client(&server).write(&budget, &post(), &[]).await {
            Ok(reply) => reply.maybe_taken(),
            Err(error) => error.maybe_taken(),
        };
        assert!(maybe_taken);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn p3_a_write_that_found_nobody_was_not_taken() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = VendorClient::new(config(&format!("http://127.0.0.1:{port}"))).unwrap();
    let error = nobody.write(&Counting::default(), &post(), &[]).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)) && !error.maybe_taken(), "{error:?}");
}

#[tokio::test]
async fn p3_a_write_whose_time_to_leave_is_over_does_not_leave_even_if_the_budget_admits_it() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(200), 9).await;
    let (budget, late) = (Counting::default(), post().leaving_by(Instant::now()));
    let error = client(&server).write(&budget, &late, &[]).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)) && !error.maybe_taken(), "{error:?}");
    assert_eq!(budget.admitted.load(Ordering::SeqCst), 1);
    assert!(server.received_requests().await.unwrap().is_empty());
    let in_time = post().leaving_by(Instant::now() + Duration::from_secs(20));
    assert!(client(&server).write(&budget, &in_time, &[]).await.is_ok());
}

#[tokio::test]
async fn p3_a_write_does_not_wait_for_a_budget_that_opens_after_its_time_to_leave() {
    let server = MockServer::start().await;
    let budget = MemoryBudget::per_minute(60);
    budget.observe(RateSeen { limit: 60, remaining: 0, reset: Duration::from_secs(30) }).await;
    let patient = VendorConfig { write_deadline: Duration::from_secs(120), ..config(&server.uri()) };
    let request = post().leaving_by(Instant::now() + Duration::from_secs(10));
    let error = VendorClient::new(patient).unwrap().write(&budget, &request, &[]).await.unwrap_err();
    assert!(matches!(error, CallError::Budget(_)), "{error:?}");
}

#[tokio::test]
async fn p3_a_reply_that_is_cut_off_leaves_the_outcome_open() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 1024];
        tokio::io::AsyncReadExt::read(&mut stream, &mut seen).await.unwrap();
    });
    let cut = VendorClient::new(config(&format!("http://{address}"))).unwrap();
    let error = cut.write(&Counting::default(), &post(), &[]).await.unwrap_err();
    assert!(matches!(error, CallError::Lost(_)) && error.maybe_taken(), "{error:?}");
}

#[tokio::test]
async fn p8_an_error_names_no_query_and_no_key() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = VendorClient::new(config(&format!("http://127.0.0.1:{port}"))).unwrap();
    let (request, key) = (get().query("lastname", "Rivera"), Secret::from("sandbox-key"));
    let error = nobody.read(&Counting::default(), &request, &[("app-key", &key)]).await.unwrap_err();
    let mut printed = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        printed.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!printed.contains("Rivera") && !printed.contains("sandbox-key"), "{printed}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_keys_in_hand() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(302).insert_header("location", "/elsewhere"), 9).await;
    let reply = client(&server).write(&Counting::default(), &post(), &[]).await.unwrap();
    assert_eq!(reply.status, 302);
    assert!(reply.maybe_taken());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_unread() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(200).set_body_string("x".repeat(2_000)), 9).await;
    let small = VendorClient::new(VendorConfig { max_body: 1_000, ..config(&server.uri()) }).unwrap();
    let error = small.read(&Counting::default(), &get(), &[]).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge(1_000)), "{error:?}");
}

#[tokio::test]
async fn p9_a_spent_budget_lets_nothing_leave_and_says_when_to_come_back() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(200), 9).await;
    let budget = MemoryBudget::per_minute(60);
    budget.observe(RateSeen { limit: 60, remaining: 0, reset: Duration::from_secs(30) }).await;
    let error = client(&server).read(&budget, &get(), &[]).await.unwrap_err();
    assert!(matches!(error, CallError::Budget(spent) if spent.retry_after > Duration::from_secs(28)));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn p9_a_budget_hears_what_the_vendor_advertises() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(200).insert_header("x-left", "41"), 9).await;
    let config = VendorConfig {
        rate_seen: |reply| {
            Some(RateSeen { limit: 60, remaining: reply.number("x-left")?, reset: Duration::from_secs(1) })
        },
        ..config(&server.uri())
    };
    let budget = Counting::default();
    VendorClient::new(config).unwrap().read(&budget, &get(), &[]).await.unwrap();
    assert_eq!(budget.observed.load(Ordering::SeqCst), 41);
}

#[tokio::test]
async fn p9_a_budget_hears_that_the_day_is_used_up() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(429), 1).await;
    serve(&server, ResponseTemplate::new(200), 1).await;
    let config = VendorConfig {
        day_spent: |reply| (reply.status == 429).then_some(Duration::from_secs(3600)),
        ..config(&server.uri())
    };
    let budget = Counting::default();
    let client = VendorClient::new(config).unwrap();
    for _ in 0..2 {
        client.write(&budget, &post(), &[]).await.unwrap();
    }
    assert_eq!(budget.rest.load(Ordering::SeqCst), 3600, "once: the second answer says nothing of it");
}

#[tokio::test]
async fn the_time_at_the_vendor_counts_requests_side_by_side_once() {
    let server = MockServer::start().await;
    serve(&server, ResponseTemplate::new(200).set_delay(Duration::from_millis(100)), 9).await;
    let (client, budget) = (client(&server), Counting::default());
    let asked = get();
    let began = Instant::now();
    let ((), spent) = vendor_http::timed(async {
        let (one, two) = tokio::join!(client.read(&budget, &asked, &[]), client.read(&budget, &asked, &[]));
        assert!(one.is_ok() && two.is_ok());
    })
    .await;
    // Counted twice they would have taken longer than the clock says, however slow the machine is.
    let took = began.elapsed();
    assert!(spent >= Duration::from_millis(100) && spent <= took, "{spent:?} of {took:?}");
}

#[test]
fn a_base_url_that_is_none_is_refused_by_the_vendors_name() {
    for url in ["", "sikka", "ftp://sikka.example/v4", "http://"] {
        let error = VendorClient::new(VendorConfig::new("sikka", url)).unwrap_err();
        assert!(matches!(error, SetupError::BaseUrl { vendor: "sikka" }), "{url}");
    }
}
