//! Compiles `proto/` without protoc.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let file = root.join("switchboard/v1/switchboard.proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let set = protox::compile([file], [root])?;
    prost_build::Config::new().bytes(["WebhookReceived.body"]).compile_fds(set)?;
    Ok(())
}
