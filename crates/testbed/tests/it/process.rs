use std::time::Duration;

use testbed::{Process, free_port, until};

const SOON: Duration = Duration::from_secs(10);

/// A program that says when it starts, and when it is asked to end.
#[cfg(test)]
fn polite() -> Process {
    let script = "trap 'echo bye; exit 7' TERM; echo \"hello $NAME, home is ${HOME:-unset}\"; \
                  while :; do sleep 0.05; done";
    Process::at("/bin/sh").unwrap().arg("-c").arg(script).env("NAME", "tester")
}

#[cfg(test)]
async fn until_logged(process: &Process, text: &str, times: usize) {
    until(SOON, text, || async { (process.log().matches(text).count() == times).then_some(()) }).await;
}

#[test]
fn a_binary_that_is_not_built_is_named_with_the_remedy() {
    let error = Process::new("no-such-service").unwrap_err().to_string();
    assert!(error.ends_with("no-such-service is not built: run cargo build -p no-such-service"), "{error}");
}

#[test]
fn a_free_port_can_be_bound() {
    let port = free_port().unwrap();
    std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
}

#[tokio::test]
async fn a_process_sees_only_the_environment_it_was_given() {
    let mut process = polite();
    process.start().unwrap();
    until_logged(&process, "hello tester, home is unset", 1).await;
    assert!(process.start().is_err(), "it runs already");
}

#[tokio::test]
async fn a_terminated_process_ends_by_itself_and_a_killed_one_does_not() {
    let mut process = polite();
    process.start().unwrap();
    until_logged(&process, "hello", 1).await;
    let status = process.terminate(SOON).await.unwrap();
    assert_eq!(status.code(), Some(7));
    until_logged(&process, "bye", 1).await;

    process.restart().unwrap();
    until_logged(&process, "hello", 2).await;
    process.kill9();
    assert!(process.id().is_none());
    assert_eq!(process.log().matches("bye").count(), 1);
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_shows_its_log() {
    let mut process = Process::at("/bin/sh").unwrap().arg("-c").arg("echo no database; exit 3");
    process.start().unwrap();
    let url = format!("http://127.0.0.1:{}/ready", free_port().unwrap());
    let error = process.ready(&url, SOON).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("no database"), "{error}");
}
