use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};

use crate::out::Out;

const SERVICES: [&str; 4] = ["webhook-gateway", "pms-api", "sikka-worker", "token-refresher"];

/// Asks the service itself what it would start with: only it knows all of its settings.
pub(crate) fn run(service: &str, file: Option<PathBuf>, out: Out) -> anyhow::Result<ExitCode> {
    if !SERVICES.contains(&service) {
        bail!("there is no service `{service}`; there are {}", SERVICES.join(", "));
    }
    let program = std::env::current_exe()?.with_file_name(service);
    let mut command = Command::new(&program);
    command.arg("--describe-settings");
    if let Some(file) = file {
        command.arg("--config").arg(file);
    }
    let output = command.output().with_context(|| format!("{} cannot be run", program.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let setting: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| setting[name].as_str().unwrap_or_default().to_owned();
        out.say(format!("{:40} {:40} {}", field("path"), field("value"), field("origin")));
        out.object(&setting);
    }
    Ok(ExitCode::SUCCESS)
}
