use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sandbox::server::Ports;

const PATIENCE: Duration = Duration::from_secs(20);

/// Kills the process if the test ends before it does.
struct Spawned(Child);

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_process_writes_its_ports_serves_and_stops_on_sigterm() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let file = std::env::temp_dir().join(format!("sandbox-ports-{}.json", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["--port", "0", "--admin-port", "0", "--offices", "2", "--ports-file"])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary should start");
    let mut child = Spawned(child);
    let deadline = Instant::now() + PATIENCE;
    let ports: Ports = loop {
        if let Ok(text) = std::fs::read_to_string(&file) {
            break serde_json::from_str(&text).expect("the ports file should be whole");
        }
        assert!(Instant::now() < deadline, "no ports file");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    std::fs::remove_file(&file).expect("the ports file should be there");
    let offices = reqwest::get(format!("http://127.0.0.1:{}/admin/sikka/offices", ports.admin_port)).await;
    let offices: serde_json::Value =
        offices.expect("the admin port should answer").json().await.expect("the answer should be JSON");
    assert_eq!(offices.as_array().map(Vec::len), Some(2));
    let told = reqwest::get(format!("http://127.0.0.1:{}/v4/patients", ports.port)).await;
    assert_eq!(told.expect("the vendor port should answer").status(), 400);

    Command::new("kill").arg(child.0.id().to_string()).status().expect("kill should run");
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.0.try_wait().expect("the process should be ours") {
            break status;
        }
        assert!(Instant::now() < deadline, "the process does not stop");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(status.success());
}

#[test]
fn a_taken_port_or_a_wrong_zone_is_one_clear_sentence_and_a_non_zero_exit() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port should be free");
    let port = holder.local_addr().map(|address| address.port()).expect("it has a port");
    for (arguments, sentence) in [
        (["--port", &port.to_string()], format!("port {port} on 127.0.0.1 cannot be bound")),
        (["--zones", "Atlantis Standard Time"], "is not a Windows zone name".to_owned()),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args(["--admin-port", "0"])
            .args(arguments)
            .output()
            .expect("the binary should start");
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&sentence), "{said}");
    }
}
