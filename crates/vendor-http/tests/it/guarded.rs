//! URLs that somebody else chose, against local servers and resolvers that lie.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use seal::Secret;
use vendor_http::{Answered, Forbidden, GuardedClient, Lookup, OutgoingError, Reach, UrlGuard};
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const DEADLINE: Duration = Duration::from_secs(2);

/// Answers the same name differently each time, the last answer for ever.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Scripted {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[nth.min(self.answers.len() - 1)].clone())
    }
}

fn client(reach: Reach, answers: &[&[&str]]) -> (GuardedClient, Arc<Scripted>) {
    let answers = answers.iter().map(|one| one.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
    let lookup = Arc::new(Scripted { answers, asked: AtomicUsize::new(0) });
    (GuardedClient::with_lookup(UrlGuard::new(reach), DEADLINE, lookup.clone()).unwrap(), lookup)
}

async fn post(client: &GuardedClient, url: &str) -> Result<Answered, OutgoingError> {
    client.post(&Secret::from(url), &[("webhook-id", "evt_1")], Bytes::from_static(b"{}")).await
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_before_anything_is_sent() {
    for address in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00:ec2::254"] {
        let (client, lookup) = client(Reach::Public, &[&[address]]);
        let error = post(&client, "https://hooks.example.com/in").await.unwrap_err();
        assert!(matches!(error, OutgoingError::Forbidden(Forbidden::Address)), "{address}: {error:?}");
        assert_eq!(lookup.asked.load(Ordering::SeqCst), 1);
    }
    let (client, _) = client(Reach::Public, &[&["93.184.216.34", "127.0.0.1"]]);
    let error = post(&client, "https://hooks.example.com/in").await.unwrap_err();
    assert!(matches!(error, OutgoingError::Forbidden(Forbidden::Address)), "one of two: {error:?}");
}

#[tokio::test]
async fn an_address_in_the_url_itself_is_checked_at_the_call_as_well() {
    let server = MockServer::start().await;
    let (client, lookup) = client(Reach::Public, &[&["93.184.216.34"]]);
    let port = server.address().port();
    for url in [
        format!("https://127.0.0.1:{port}/in"),
        format!("https://[::1]:{port}/in"),
        format!("http://127.0.0.1:{port}/in"),
    ] {
        let error = post(&client, &url).await.unwrap_err();
        assert!(matches!(error, OutgoingError::Forbidden(_)), "{url}: {error:?}");
    }
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 0, "no resolver is asked for an address");
    assert!(server.received_requests().await.unwrap().is_empty());
}

/// Calls by itself when it is told where, in a process whose environment names a proxy.
#[tokio::test]
async fn no_proxy_of_the_environment_stands_between_the_check_and_the_connection() {
    const CALL: &str = "GUARDED_CALL";
    if let Ok(url) = std::env::var(CALL) {
        let (client, _) = client(Reach::Anywhere, &[&["127.0.0.1"]]);
        assert_eq!(post(&client, &url).await.unwrap().status, 204);
        return;
    }
    let (server, proxy) = (MockServer::start().await, MockServer::start().await);
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(502)).mount(&proxy).await;
    let myself = "guarded::no_proxy_of_the_environment_stands_between_the_check_and_the_connection";
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", myself]);
    again.env(CALL, format!("http://hooks.example.com:{}/in", server.address().port()));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        again.env(name, proxy.uri());
    }
    let ended = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(proxy.received_requests().await.unwrap().is_empty());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_after_the_check_is_refused_as_well() {
    // A public address that belongs to nobody: it may be called, and nobody answers.
    let (client, lookup) = client(Reach::Public, &[&["2000::1"], &["127.0.0.1"]]);
    let error = post(&client, "https://hooks.example.com/in").await.unwrap_err();
    assert!(matches!(error, OutgoingError::NoAnswer(_)), "the first may be called: {error:?}");
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 1, "one look a call");
    for nth in 2..4 {
        let error = post(&client, "https://hooks.example.com/in").await.unwrap_err();
        assert!(matches!(error, OutgoingError::Forbidden(Forbidden::Address)), "{error:?}");
        assert_eq!(
            lookup.asked.load(Ordering::SeqCst),
            nth,
            "it is looked up and checked for each connection"
        );
    }
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_connected_to() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/in"))
        .and(header("webhook-id", "evt_1"))
        .and(header("content-type", "application/json"))
        .and(body_string("{}"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let (client, lookup) = client(Reach::Anywhere, &[&["127.0.0.1"], &["192.0.2.1"]]);
    let url = format!("http://nowhere.invalid:{}/in", server.address().port());
    let answered = post(&client, &url).await.unwrap();
    assert!(answered.is_success());
    assert_eq!(lookup.asked.load(Ordering::SeqCst), 1, "one look, and that is where it went");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = MockServer::start().await;
    Mock::given(path("/in")).respond_with(ResponseTemplate::new(200)).expect(0).mount(&elsewhere).await;
    let to = format!("{}/in", elsewhere.uri());
    Mock::given(path("/in"))
        .respond_with(ResponseTemplate::new(307).insert_header("location", to.as_str()))
        .mount(&server)
        .await;
    let (client, _) = client(Reach::Anywhere, &[&["127.0.0.1"]]);
    let answered = post(&client, &format!("{}/in", server.uri())).await.unwrap();
    assert_eq!(answered, Answered { status: 307, retry_after: None });
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_is_believed_up_to_an_hour() {
    let server = MockServer::start().await;
    for (asked, believed) in [("7", 7), ("999999", 3600)] {
        server.reset().await;
        Mock::given(path("/in"))
            .respond_with(ResponseTemplate::new(429).insert_header("retry-after", asked))
            .mount(&server)
            .await;
        let (client, _) = client(Reach::Anywhere, &[&["127.0.0.1"]]);
        let answered = post(&client, &format!("{}/in", server.uri())).await.unwrap();
        assert_eq!((answered.status, answered.retry_after), (429, Some(Duration::from_secs(believed))));
    }
}

#[tokio::test]
async fn p8_no_error_of_a_call_shows_where_it_went() {
    let (client, _) = client(Reach::Anywhere, &[&["127.0.0.1"]]);
    let error = post(&client, "http://hooks.example.com:1/secret-path").await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(matches!(error, OutgoingError::NoAnswer(_)), "{shown}");
    assert!(!shown.contains("secret-path"), "{shown}");
}
