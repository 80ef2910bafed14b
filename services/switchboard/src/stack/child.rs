use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

/// One process of the stack, in a process group of its own so that a Ctrl-C reaches us first.
pub(crate) struct Child {
    pub(crate) name: String,
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    log: PathBuf,
    process: Option<tokio::process::Child>,
}

impl Child {
    pub(crate) fn new(
        name: impl Into<String>,
        program: PathBuf,
        arguments: Vec<String>,
        variables: Vec<(String, String)>,
        logs: &Path,
    ) -> Self {
        let name = name.into();
        let log = logs.join(format!("{name}.log"));
        Self { name, program, arguments, variables, log, process: None }
    }

    /// Starts it, or starts it again; its output is added to its log.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let process = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| kept(name)))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        self.process = Some(process);
        Ok(())
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(tokio::process::Child::id)
    }

    /// Whether it has ended by itself since it was started.
    pub(crate) fn has_died(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| !matches!(process.try_wait(), Ok(None)))
    }

    /// SIGKILL: no goodbye.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // One that is gone already is as dead.
            let _ = process.kill().await;
        }
    }

    /// SIGTERM and a while to drain, then SIGKILL.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        let Some(mut process) = self.process.take() else { return };
        if let Some(pid) = process.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        if timeout(patience, process.wait()).await.is_err() {
            let _ = process.kill().await;
        }
    }

    /// The last lines of its log, for a person who asks why it did not start.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

/// What of our environment a service gets: what programs need to run, and nothing that would set a
/// service otherwise than the stack means to.
fn kept(name: &str) -> bool {
    matches!(
        name,
        "PATH" | "HOME" | "LANG" | "LC_ALL" | "TZ" | "TMPDIR" | "RUST_LOG" | "RUST_BACKTRACE" | "FAILPOINTS"
    ) || name.starts_with("OTEL_")
}
