use std::collections::BTreeMap;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::SOON;

/// What came back over a connection of its own.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Speaks HTTP by hand to `address`, `host:port`. An error is a server that went away.
pub(crate) async fn send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n"
    );
    let talking = async {
        let (mut from, mut to) = TcpStream::connect(address).await?.into_split();
        let writing = async {
            // A server may answer and hang up before it has read all of a body it refuses.
            drop(to.write_all(head.as_bytes()).await.and(to.write_all(body).await));
        };
        let mut bytes = Vec::new();
        let reading = from.read_to_end(&mut bytes);
        let ((), read) = tokio::join!(writing, reading);
        if bytes.is_empty() { read.map(|_| bytes) } else { Ok(bytes) }
    };
    let bytes =
        timeout(SOON, talking).await.unwrap_or_else(|_| panic!("{method} {path} was never answered"))?;
    read(&bytes).ok_or_else(|| std::io::Error::other("not a whole answer"))
}

fn read(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let headers: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let body = bytes[end + 4..].to_vec();
    let whole = headers.get("content-length").is_none_or(|length| length.parse() == Ok(body.len()));
    whole.then_some(Answer { status, headers, body })
}
