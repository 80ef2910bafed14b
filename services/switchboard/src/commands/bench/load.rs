use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::numbers::{count, sorted};

/// Keep-alive connections that each send the same request again as soon as it is answered.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    /// One for each connection: head and body.
    pub(super) requests: Vec<Vec<u8>>,
    pub(super) lasting: Duration,
}

/// What came of it. Every request that was sent was also answered: nothing is cut off at the end.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Answered with 2xx.
    pub(super) accepted: u64,
    /// Answered with anything else.
    pub(super) refused: u64,
    /// Milliseconds from the first byte sent to the last one read, in order.
    pub(super) ms: Vec<f64>,
    pub(super) took: Duration,
}

impl Served {
    pub(super) fn per_second(&self) -> f64 {
        count(self.ms.len()) / self.took.as_secs_f64()
    }
}

/// Runs it on a thread of its own: one is enough to saturate what is measured, and more would take
/// processor away from it.
pub(super) async fn run(load: Load) -> anyhow::Result<Served> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(all(load))
    })
    .await?
}

async fn all(load: Load) -> anyhow::Result<Served> {
    let mut connections = JoinSet::new();
    let began = Instant::now();
    let until = began + load.lasting;
    for request in load.requests {
        let one = connection(load.address, request, until);
        let patience = load.lasting + Duration::from_secs(20);
        connections
            .spawn(async move { timeout(patience, one).await.context("a request was never answered")? });
    }
    let mut served = Served::default();
    while let Some(ended) = connections.join_next().await {
        let one = ended??;
        served.accepted += one.accepted;
        served.refused += one.refused;
        served.ms.extend(one.ms);
    }
    served.took = began.elapsed();
    served.ms = sorted(served.ms);
    Ok(served)
}

async fn connection(address: SocketAddr, request: Vec<u8>, until: Instant) -> anyhow::Result<Served> {
    let mut stream = TcpStream::connect(address).await.context("the server is not there")?;
    stream.set_nodelay(true)?;
    let mut served = Served::default();
    let mut answer = Vec::with_capacity(4096);
    loop {
        let sent = Instant::now();
        if sent >= until {
            return Ok(served);
        }
        stream.write_all(&request).await?;
        let status = read(&mut stream, &mut answer).await?;
        served.ms.push(sent.elapsed().as_secs_f64() * 1000.0);
        if (200..300).contains(&status) {
            served.accepted += 1;
        } else {
            served.refused += 1;
        }
    }
}

/// Reads one answer to its end and returns its status.
async fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<u16> {
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed a connection");
        }
        if let Some((status, length)) = head(answer)
            && answer.len() >= length
        {
            return Ok(status);
        }
    }
}

/// The status, and the bytes of head and body together, once the head is there.
fn head(answer: &[u8]) -> Option<(u16, usize)> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = text.get(9..12)?.parse().ok()?;
    let body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    Some((status, end + body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: x\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head(answer), Some((200, answer.len())));
        assert_eq!(head(&answer[..30]), None);
        assert_eq!(head(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), Some((503, 36)));
    }
}
