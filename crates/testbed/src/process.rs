//! A real process of this workspace, to be killed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use uuid::Uuid;

/// A port that nothing listens on at the moment of asking, and that the system hands to nobody by itself: the ports of
/// outgoing connections begin above. Within one test binary it is given once.
///
/// # Errors
/// When no local port can be bound.
pub fn free_port() -> Result<u16> {
    const FIRST: u32 = 24_100;
    const COUNT: u32 = 8_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test binaries that run at the same time begin at different places.
    let place = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let port = FIRST + place.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(port)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no local port is free")
}

/// Where the test binary's siblings are built to.
fn target_directory() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let directory =
        test.parent().and_then(Path::parent).context("the test binary has no target directory")?;
    Ok(directory.to_owned())
}

/// A built binary, started with nothing in its environment but what the test gives it. Dropping it kills it; if the
/// test is failing, the end of its log is shown.
#[derive(Debug)]
pub struct Process {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// The workspace's binary `name`, not yet started.
    ///
    /// # Errors
    /// When it has not been built into the directory this test was built into.
    pub fn new(name: &str) -> Result<Self> {
        let test = std::env::current_exe()?;
        let directory =
            test.parent().and_then(Path::parent).context("the test binary has no target directory")?;
        let binary = directory.join(name);
        ensure!(binary.is_file(), "{} is not built: run cargo build -p {name}", binary.display());
        Self::at(binary)
    }

    /// Any program, not yet started.
    ///
    /// # Errors
    /// When its log cannot be put next to the test binary.
    pub fn at(binary: impl Into<PathBuf>) -> Result<Self> {
        let binary = binary.into();
        let name = binary.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let logs = target_directory()?.join("test-logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join(format!("{name}-{}.log", Uuid::new_v4().simple()));
        Ok(Self { name, binary, arguments: Vec::new(), environment: BTreeMap::new(), log, child: None })
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Starts it. Output goes to [`Process::log`].
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn start(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "{} is already running", self.name);
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let child = Command::new(&self.binary)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", path)
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("could not start {}", self.binary.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until `url` answers with a success, which is what `/ready` does.
    ///
    /// # Errors
    /// When the process ends first or `deadline` passes.
    pub async fn ready(&mut self, url: &str, deadline: Duration) -> Result<()> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        let started = Instant::now();
        loop {
            if let Some(status) = self.exited()? {
                bail!("{} ended with {status} before it was ready:\n{}", self.name, self.tail());
            }
            if client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(
                started.elapsed() < deadline,
                "{} was not ready in {deadline:?}:\n{}",
                self.name,
                self.tail()
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its exit status once it has ended by itself.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        match self.child.as_mut() {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    /// Ends it without warning, as a crash or a lost machine would, and waits for the end.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end (SIGTERM) and waits for the end.
    ///
    /// # Errors
    /// When it is still there after `deadline`; it is killed then.
    pub async fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let mut child = self.child.take().with_context(|| format!("{} is not running", self.name))?;
        // The standard library can only kill; the shell's own `kill` exists wherever there is a shell.
        Command::new("sh").arg("-c").arg(format!("kill -TERM {}", child.id())).status()?;
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                bail!("{} did not end within {deadline:?} of SIGTERM:\n{}", self.name, self.tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it if it runs, and starts it again with the same arguments, environment and log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self) -> Result<()> {
        self.kill9();
        self.start()
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- end of the log of {} ---\n{}", self.name, self.tail());
        } else {
            let _ = fs::remove_file(&self.log);
        }
    }
}
