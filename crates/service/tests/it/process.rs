use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::probe::{get, send};

/// The example, which cargo builds beside the tests.
fn greeter() -> Command {
    let test = std::env::current_exe().expect("this test's path");
    let target: PathBuf = test.ancestors().nth(2).expect("the profile's directory").join("examples/greeter");
    let mut command = Command::new(target);
    command.env_clear().env("SWITCHBOARD__HTTP__PORT", "0").kill_on_drop(true);
    command
}

struct Greeter {
    process: Child,
    log: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

async fn started() -> Greeter {
    let mut command = greeter();
    command.env("DATABASE_URL", "postgres://app:hunter2@db/app").stdout(Stdio::piped());
    let mut process = command.spawn().expect("the example is built");
    let mut log = BufReader::new(process.stdout.take().expect("piped")).lines();
    let listening = line(&mut log, "listening").await;
    let address = listening["http.address"].as_str().and_then(|at| at.parse().ok()).expect("an address");
    Greeter { process, log, address }
}

/// Reads on to the line with this message.
async fn line(log: &mut Lines<BufReader<ChildStdout>>, message: &str) -> Value {
    while let Some(text) = log.next_line().await.expect("readable") {
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
        if line["message"] == message {
            return line;
        }
    }
    panic!("the log ended without: {message}");
}

async fn signal(process: &Child, name: &str) {
    let id = process.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status().await.expect("kill is there");
    assert!(sent.success());
}

#[tokio::test]
async fn sigterm_and_sigint_drain_the_service_and_it_exits_0() {
    for name in ["TERM", "INT"] {
        let mut greeter = started().await;
        signal(&greeter.process, name).await;
        line(&mut greeter.log, "drained").await;
        assert_eq!(greeter.process.wait().await.expect("it ends").code(), Some(0), "{name}");
    }
}

#[tokio::test]
async fn a_request_s_line_has_its_ids_and_the_caller_s_trace_and_nothing_it_sent() {
    let mut greeter = started().await;
    let headers = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                   x-request-id: r7\r\nauthorization: Bearer hunter2\r\n";
    let path = "/greeting?name=hunter2";
    assert_eq!(send(greeter.address, "GET", path, headers, "hunter2").await.body, "good morning");
    let line = line(&mut greeter.log, "a request was answered").await;
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((&line["request.id"], &line["http.route"]), (&"r7".into(), &"/greeting".into()));
    assert_eq!((&line["http.status"], &line["http.method"]), (&200.into(), &"GET".into()));
    assert_eq!(line["service"], "greeter");
    assert!(!line.to_string().contains("hunter2"), "{line}");
}

#[tokio::test]
async fn a_service_at_rest_stays_small() {
    let greeter = started().await;
    assert_eq!(get(greeter.address, "/ready").await.status, 200);
    let id = greeter.process.id().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("this is Linux");
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    };
    assert!(field("VmRSS:") < 60 * 1024, "{status}");
    assert!(field("Threads:") <= 8, "{status}");
}

#[tokio::test]
async fn refused_settings_are_one_sentence_and_exit_2() {
    let output = greeter().output().await.expect("the example is built");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    let sentence =
        "greeter: database is missing: set DATABASE_URL, or put database into the file of --config\n";
    assert_eq!(said, sentence);
    assert_eq!(output.stdout, b"");
}
