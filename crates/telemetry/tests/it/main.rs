//! Telemetry installed for real, once for this process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use telemetry::{LogSettings, OtlpSettings};

#[test]
fn a_flush_sends_the_last_span_to_the_collector() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}/", listener.local_addr().expect("bound"));
    let (sent, received) = mpsc::channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("the exporter connects");
        let mut reader = BufReader::new(&stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let from = head.len();
            reader.read_line(&mut head).expect("a line");
            let line = head[from..].to_ascii_lowercase();
            length =
                line.strip_prefix("content-length: ").map_or(length, |n| n.trim().parse().expect("a number"));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("written");
        sent.send((head, body)).expect("the test waits");
    });

    let log = LogSettings::default();
    let guard =
        telemetry::init("probe", &log, &OtlpSettings { endpoint: Some(endpoint) }).expect("installs once");
    tracing::info_span!("a-span-to-find")
        .in_scope(|| assert!(telemetry::trace::current_traceparent().is_some()));
    guard.flush();

    let (head, body) = received.recv_timeout(Duration::from_secs(10)).expect("it was sent");
    assert!(head.starts_with("POST /v1/traces "), "{head}");
    let holds = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("a-span-to-find") && holds("probe"));
    assert!(telemetry::init("probe", &log, &OtlpSettings::default()).is_err(), "a second time is refused");
}
