//! Telemetry installed for real, once for this process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use telemetry::{LogSettings, OtlpSettings, SentryDsn, SentrySettings};

/// A server that answers 200, and what it is sent: head and body of each request.
fn sink() -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (sent, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("somebody connects");
            let mut reader = BufReader::new(&stream);
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let from = head.len();
                reader.read_line(&mut head).expect("a line");
                let line = head[from..].to_ascii_lowercase();
                length = line
                    .strip_prefix("content-length: ")
                    .map_or(length, |n| n.trim().parse().expect("a number"));
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            (&stream)
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                .expect("written");
            if sent.send((head, body)).is_err() {
                break;
            }
        }
    });
    (address, received)
}

#[test]
fn a_flush_sends_the_last_span_to_the_collector_and_p8_the_last_error_to_sentry_without_what_it_was_about() {
    let (collector, spans) = sink();
    let (reports, errors) = sink();
    let endpoint = format!("http://{collector}/");
    let dsn = SentryDsn::try_from(format!("http://examplekey@{reports}/7")).expect("a DSN");
    let sentry = SentrySettings { dsn: Some(dsn), environment: Some("test".into()) };
    let log = LogSettings::default();
    let guard = telemetry::init("probe", &log, &OtlpSettings { endpoint: Some(endpoint) }, &sentry)
        .expect("installs once");
    tracing::info_span!("a-span-to-find", practice.id = "prac_7", caller = "+15550100010").in_scope(|| {
        assert!(telemetry::trace::current_traceparent().is_some());
        tracing::warn!(target: "telemetry", "a warning is no error");
        tracing::error!(
            target: "telemetry::probe", { writeback.id = "wb_9", patient = "Quill", error = "born 1990-02-03" },
            "a write could not be read"
        );
        tracing::error!(target: "somebodys_library", "it quoted Quill");
    });
    guard.flush();

    for (sentence, is_ours) in [("a write could not be read", true), ("a library logged an error", false)] {
        let (head, body) = errors.recv_timeout(Duration::from_secs(10)).expect("it was sent");
        let body = String::from_utf8(body).expect("text");
        assert!(head.starts_with("POST /api/7/envelope/ "), "{head}");
        assert!(body.contains(sentence) && body.contains("prac_7") && body.contains("probe"), "{body}");
        assert_eq!(body.contains("wb_9"), is_ours, "{body}");
        for private in ["Quill", "1990", "5550100010", "a warning", "server_name"] {
            assert!(!body.contains(private), "{private} in {body}");
        }
    }
    let (head, body) = spans.recv_timeout(Duration::from_secs(10)).expect("it was sent");
    assert!(head.starts_with("POST /v1/traces "), "{head}");
    let holds = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("a-span-to-find") && holds("probe"));
    assert!(
        telemetry::init("probe", &log, &OtlpSettings::default(), &SentrySettings::default()).is_err(),
        "a second time is refused"
    );
}
