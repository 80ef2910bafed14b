use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// The wait before the first restart; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// A task that ran this long was well, and its next failure starts from the shortest wait.
const WELL: Duration = Duration::from_secs(60);

/// A service's named loops. One that panics, fails or ends before it was asked to is started again after a wait, and
/// `/ready` says 503 while it waits.
///
/// Cloning gives the same set.
#[derive(Clone, Default)]
pub struct Background(Arc<Set>);

#[derive(Default)]
struct Set {
    stop: CancellationToken,
    tasks: TaskTracker,
    reports: Mutex<BTreeMap<&'static str, TaskReport>>,
    gives_up: CancellationToken,
    reason: OnceLock<String>,
    held: Mutex<Vec<AbortOnDropHandle<()>>>,
}

/// How one task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TaskReport {
    state: TaskState,
    restarts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum TaskState {
    Running,
    Waiting,
    Stopped,
}

impl TaskReport {
    pub(crate) fn is_running(self) -> bool {
        self.state != TaskState::Waiting
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.report()).finish()
    }
}

impl Background {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the tasks are to stop: after the last request in flight was answered.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// Ends the service, drained and with exit code 1: it has learnt that it may not go on. The first reason counts.
    pub fn give_up(&self, reason: impl Into<String>) {
        // One that comes second is as good as none.
        drop(self.0.reason.set(reason.into()));
        self.0.gives_up.cancel();
    }

    /// Waits until somebody gives up, and says why.
    pub(crate) async fn given_up(&self) -> String {
        self.0.gives_up.cancelled().await;
        self.0.reason.get().cloned().unwrap_or_default()
    }

    /// Starts `work` and keeps it running until the token it is given is cancelled.
    ///
    /// It should finish what it holds and return soon after that. What it does must survive being stopped anywhere: it
    /// is dropped when it takes longer than the drain allows.
    pub fn run<W, F, E>(&self, name: &'static str, work: W)
    where
        W: Fn(CancellationToken) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        self.set(name, TaskReport { state: TaskState::Running, restarts: 0 });
        let set = self.clone();
        let task = self.0.tasks.spawn(async move { set.keep_running(name, work).await });
        lock(&self.0.held).push(AbortOnDropHandle::new(task));
    }

    async fn keep_running<W, F, E>(&self, name: &'static str, work: W)
    where
        W: Fn(CancellationToken) -> F,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let (mut wait, mut restarts) = (SHORTEST, 0);
        loop {
            let started = Instant::now();
            let outcome = AbortOnDropHandle::new(tokio::spawn(work(self.stop_token()))).await;
            if self.0.stop.is_cancelled() {
                break;
            }
            if started.elapsed() > WELL {
                wait = SHORTEST;
            }
            restarts += 1;
            let reason = match outcome {
                Ok(Ok(())) => "it ended by itself".to_owned(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "it panicked".to_owned(),
            };
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::error!(
                task.name = name,
                reason,
                restarts,
                wait_ms,
                "a background task will be restarted"
            );
            metrics::counter!("background_restarts_total", "task" => name).increment(1);
            self.set(name, TaskReport { state: TaskState::Waiting, restarts });
            if self.0.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
            wait = (wait * 2).min(LONGEST);
            self.set(name, TaskReport { state: TaskState::Running, restarts });
        }
        lock(&self.0.reports).entry(name).and_modify(|report| report.state = TaskState::Stopped);
    }

    fn set(&self, name: &'static str, report: TaskReport) {
        let running = if report.is_running() { 1.0 } else { 0.0 };
        metrics::gauge!("background_running", "task" => name).set(running);
        lock(&self.0.reports).insert(name, report);
    }

    pub(crate) fn report(&self) -> BTreeMap<&'static str, TaskReport> {
        lock(&self.0.reports).clone()
    }

    /// Asks all to stop and waits; those that do not in `limit` are dropped, and named.
    pub(crate) async fn stop(&self, limit: Duration) -> Vec<&'static str> {
        self.0.stop.cancel();
        self.0.tasks.close();
        let in_time = tokio::time::timeout(limit, self.0.tasks.wait()).await.is_ok();
        lock(&self.0.held).clear();
        if in_time {
            return Vec::new();
        }
        let reports = self.report();
        reports
            .into_iter()
            .filter(|(_, task)| task.state != TaskState::Stopped)
            .map(|(name, _)| name)
            .collect()
    }
}

/// The maps stay whole whatever panics: each change is one insert.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
