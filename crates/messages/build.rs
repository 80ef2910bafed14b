//! Compiles `proto/` without protoc.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&here).join("../../proto");
    let file = root.join("switchboard/v1/switchboard.proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let set = protox::compile([file], [root])?;
    let mut config = prost_build::Config::new();
    config.bytes(["WebhookReceived.body"]);
    // What says something about a patient prints one fixed word: src/shown.rs.
    config.skip_debug([
        "WebhookReceived",
        "ToolQuestion",
        "ToolReply",
        "PatientSearch",
        "Phone",
        "Patient",
        "Balance",
        "Insurance",
    ]);
    config.compile_fds(set)?;
    Ok(())
}
