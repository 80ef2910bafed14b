use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Serialize;

/// A check that says nothing for this long has failed.
const LIMIT: Duration = Duration::from_secs(2);

type Answer = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

struct Check {
    name: &'static str,
    ask: Box<dyn Fn() -> Answer + Send + Sync>,
    failing: AtomicBool,
}

/// What must be there before a service is sent work: its broker, its database, its migrations.
#[derive(Default)]
pub struct Readiness {
    checks: Vec<Check>,
}

/// How one check went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    status: CheckStatus,
    ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum CheckStatus {
    Ok,
    Failed,
    TimedOut,
}

impl CheckReport {
    pub(crate) fn passed(&self) -> bool {
        self.status == CheckStatus::Ok
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|check| check.name)).finish()
    }
}

impl Readiness {
    /// No checks: ready as soon as it listens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check, asked afresh each time `/ready` is.
    ///
    /// The error's text goes to the log when the check begins to fail; `/ready` says only that it fails.
    #[must_use]
    pub fn check<A, F, E>(mut self, name: &'static str, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let ask = move || -> Answer {
            let answer = ask();
            Box::pin(async move { answer.await.map_err(|error| format!("{error:#}")) })
        };
        self.checks.push(Check { name, ask: Box::new(ask), failing: AtomicBool::new(false) });
        self
    }

    pub(crate) async fn ask(&self) -> BTreeMap<&'static str, CheckReport> {
        let reports = self.checks.iter().map(|check| async { (check.name, check.ask().await) });
        join_all(reports).await.into_iter().collect()
    }
}

impl Check {
    async fn ask(&self) -> CheckReport {
        let started = Instant::now();
        let (status, reason) = match tokio::time::timeout(LIMIT, (self.ask)()).await {
            Ok(Ok(())) => (CheckStatus::Ok, None),
            Ok(Err(reason)) => (CheckStatus::Failed, Some(reason)),
            Err(_) => (CheckStatus::TimedOut, Some("no answer in time".to_owned())),
        };
        let was_failing = self.failing.swap(reason.is_some(), Ordering::Relaxed);
        match reason {
            Some(reason) if !was_failing => {
                tracing::warn!(check.name = self.name, reason, "a readiness check began to fail");
            }
            None if was_failing => tracing::info!(check.name = self.name, "a readiness check passes again"),
            _ => {}
        }
        metrics::gauge!("ready_check", "check" => self.name).set(if status == CheckStatus::Ok {
            1.0
        } else {
            0.0
        });
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        CheckReport { status, ms }
    }
}
