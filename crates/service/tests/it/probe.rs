use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::settings::{Chassis, HttpSettings, LogSettings, OtlpSettings, SentrySettings, Settings};
use service::{App, Running, Start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The smallest settings a service can have.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    #[serde(default)]
    pub(crate) http: HttpSettings,
    #[serde(default)]
    pub(crate) log: LogSettings,
    #[serde(default)]
    pub(crate) otlp: OtlpSettings,
    #[serde(default)]
    pub(crate) sentry: SentrySettings,
}

impl Settings for Probe {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }
}

/// A service on a free port that gives up a drain after `drain_seconds`.
pub(crate) async fn boot<B, F>(drain_seconds: u32, build: B) -> Running
where
    B: FnOnce(Start<Probe>) -> F,
    F: Future<Output = anyhow::Result<App>>,
{
    let http = HttpSettings { port: 0, workers: 1, drain_seconds, ..HttpSettings::default() };
    let settings = Probe { http, ..Probe::default() };
    service::start("probe", settings, build).await.expect("the probe starts")
}

/// What came back over a connection of its own.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Reply {
    send(address, "GET", path, "", "").await
}

/// Speaks HTTP by hand: what is tested here is what goes over the wire.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// Asks until `holds`, or fails after ten seconds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
