use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::auth::Auth;
use super::player::{CallRequest, PlayError, Player, ScriptSource};
use super::timeline::{Timeline, What, milliseconds};

/// Calls at a steady rate, whatever becomes of them: what is late is not held back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadRequest {
    /// The scripts, in turn.
    pub scripts: Vec<ScriptSource>,
    /// Calls begun each second.
    pub per_second: f64,
    /// For so long.
    pub seconds: f64,
    /// The first call's seed; the n-th call has this plus n.
    #[serde(default)]
    pub seed: u64,
    /// A call that would be one more than this under way is skipped and counted.
    #[serde(default = "a_thousand")]
    pub max_in_flight: usize,
    /// Variables of each call in turn, such as `{"accountId": …, "called": …}` for several practices.
    #[serde(default)]
    pub rotate: Vec<Map<String, Value>>,
    /// The tools whose every call is reported one by one.
    #[serde(default = "writes")]
    pub tell: Vec<String>,
    /// As in [`CallRequest`].
    #[serde(default)]
    pub gateway_url: Option<String>,
    /// As in [`CallRequest`].
    #[serde(default)]
    pub auth: Option<Auth>,
    /// As in [`CallRequest`].
    #[serde(default)]
    pub options: Map<String, Value>,
    /// As in [`CallRequest`].
    #[serde(default)]
    pub variables: Map<String, Value>,
}

fn a_thousand() -> usize {
    1000
}
fn writes() -> Vec<String> {
    vec!["bookAppointment".to_owned(), "createPatient".to_owned()]
}

/// How a load goes, or went.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LoadReport {
    /// Its id.
    pub id: String,
    /// Whether every call is over.
    pub finished: bool,
    /// Calls begun.
    pub started: usize,
    /// Calls over.
    pub ended: usize,
    /// Calls over without a violation.
    pub ok: usize,
    /// Calls left out because too many were under way.
    pub skipped: usize,
    /// Violations by rule.
    pub violations: BTreeMap<&'static str, usize>,
    /// Warnings by rule.
    pub warnings: BTreeMap<&'static str, usize>,
    /// The messages that are no tool calls.
    pub messages: Latency,
    /// Each tool's answers.
    pub tools: BTreeMap<String, ToolStatistics>,
    /// What callers were told about the tools in `tell`, one entry each call of one.
    pub told: Vec<Told>,
    /// The first calls that went wrong, by id; their timelines are under `calls/{id}`.
    pub failed_calls: Vec<String>,
    /// Milliseconds since it began.
    pub took_ms: f64,
}

/// How long answers took, in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Latency {
    /// Requests.
    pub count: usize,
    /// Requests without an answer.
    pub unanswered: usize,
    /// The median.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    #[serde(skip)]
    samples: Vec<f64>,
}

impl Latency {
    fn add(&mut self, http_status: Option<u16>, took_ms: f64) {
        self.count += 1;
        if http_status.is_none() {
            self.unanswered += 1;
        } else {
            self.samples.push(took_ms);
        }
    }

    fn settle(&mut self) {
        self.samples.sort_by(f64::total_cmp);
        let at = |share: usize| {
            let index = (self.samples.len() * share).div_ceil(100).saturating_sub(1);
            self.samples.get(index).copied().unwrap_or_default()
        };
        (self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms) = (at(50), at(95), at(99), at(100));
    }
}

/// One tool's answers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ToolStatistics {
    /// How long they took.
    #[serde(flatten)]
    pub latency: Latency,
    /// Answers by their `status`; those of no use under `none`.
    pub by_status: BTreeMap<String, usize>,
}

/// What one caller was told.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// The call.
    pub call_id: String,
    /// Who called.
    pub caller: String,
    /// The account, where the call named one.
    pub account_id: Option<String>,
    /// The tool.
    pub tool: String,
    /// The call of it.
    pub tool_call_id: String,
    /// What it was asked.
    pub arguments: Value,
    /// Every answer, in order; `null` for one that never came or was of no use.
    pub answers: Vec<Value>,
}

/// A load while it goes.
#[derive(Debug, Clone)]
pub(super) struct Load {
    report: Arc<Mutex<LoadReport>>,
    stopped: Arc<AtomicBool>,
    began: Instant,
}

impl Load {
    fn lock(&self) -> MutexGuard<'_, LoadReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> LoadReport {
        let mut report = self.lock().clone();
        report.messages.settle();
        report.tools.values_mut().for_each(|tool| tool.latency.settle());
        if !report.finished {
            report.took_ms = milliseconds(self.began.elapsed());
        }
        report
    }
}

impl Player {
    /// Begins a load and answers its id.
    ///
    /// # Errors
    /// [`PlayError`] when the rate makes no sense or a call cannot begin.
    pub fn start_load(&self, request: LoadRequest) -> Result<String, PlayError> {
        let sensible = request.per_second > 0.0 && request.per_second <= 10_000.0 && request.seconds >= 0.0;
        if request.scripts.is_empty() || !sensible {
            let text = "a load needs scripts, per_second between 0 and 10000, and seconds";
            return Err(PlayError::Options(text.to_owned()));
        }
        for index in 0..request.scripts.len() {
            self.prepare(request.call(index))?;
        }
        let id = uuid::Uuid::now_v7().to_string();
        let load = Load {
            report: Arc::new(Mutex::new(LoadReport { id: id.clone(), ..LoadReport::default() })),
            stopped: Arc::default(),
            began: Instant::now(),
        };
        self.loads().insert(id.clone(), load.clone());
        tokio::spawn(self.clone().carry_out(request, load));
        Ok(id)
    }

    /// How a load goes, or `None` when there is none of that id.
    #[must_use]
    pub fn load(&self, id: &str) -> Option<LoadReport> {
        let load = self.loads().get(id).cloned();
        load.map(|load| load.snapshot())
    }

    /// Begins no further calls of a load; those under way go on.
    #[must_use]
    pub fn stop_load(&self, id: &str) -> Option<LoadReport> {
        let load = self.loads().get(id).cloned();
        load.map(|load| {
            load.stopped.store(true, Ordering::Relaxed);
            load.snapshot()
        })
    }

    async fn carry_out(self, request: LoadRequest, load: Load) {
        let request = Arc::new(request);
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / request.per_second));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let until = load.began + Duration::from_secs_f64(request.seconds.min(86_400.0));
        let mut calls = JoinSet::new();
        for index in 0.. {
            ticks.tick().await;
            if Instant::now() >= until || load.stopped.load(Ordering::Relaxed) {
                break;
            }
            while calls.try_join_next().is_some() {}
            if calls.len() >= request.max_in_flight {
                load.lock().skipped += 1;
                continue;
            }
            let Ok((recorder, playing)) = self.begin(request.call(index)) else {
                load.lock().skipped += 1;
                continue;
            };
            load.lock().started += 1;
            let (load, request) = (load.clone(), Arc::clone(&request));
            calls.spawn(async move {
                let _ = playing.await;
                load.lock().take_in(&recorder.snapshot(), &request.tell);
            });
        }
        while calls.join_next().await.is_some() {}
        let mut report = load.lock();
        report.finished = true;
        report.took_ms = milliseconds(load.began.elapsed());
    }
}

impl LoadRequest {
    fn call(&self, index: usize) -> CallRequest {
        let mut variables = self.variables.clone();
        if !self.rotate.is_empty() {
            variables.extend(self.rotate[index % self.rotate.len()].clone());
        }
        let mut options = self.options.clone();
        let seed = self.seed.wrapping_add(u64::try_from(index).unwrap_or_default());
        options.insert("seed".to_owned(), seed.into());
        CallRequest {
            script: self.scripts[index % self.scripts.len()].clone(),
            gateway_url: self.gateway_url.clone(),
            auth: self.auth.clone(),
            options,
            variables,
        }
    }
}

impl LoadReport {
    fn take_in(&mut self, call: &Timeline, tell: &[String]) {
        self.ended += 1;
        self.ok += usize::from(call.ok);
        if !call.ok && self.failed_calls.len() < 100 {
            self.failed_calls.push(call.id.clone());
        }
        for finding in &call.violations {
            *self.violations.entry(finding.rule).or_default() += 1;
        }
        for finding in &call.warnings {
            *self.warnings.entry(finding.rule).or_default() += 1;
        }
        for entry in &call.entries {
            match &entry.what {
                What::Message { http_status, took_ms, .. } => self.messages.add(*http_status, *took_ms),
                What::Answer { tool, status, http_status, took_ms, .. } => {
                    let statistics = self.tools.entry(tool.clone()).or_default();
                    statistics.latency.add(*http_status, *took_ms);
                    let status = status.as_deref().unwrap_or("none").to_owned();
                    *statistics.by_status.entry(status).or_default() += 1;
                }
                What::Tool { tool, tool_call_id, arguments } if tell.contains(tool) => {
                    self.told.push(told(call, tool, tool_call_id, arguments));
                }
                _ => {}
            }
        }
    }
}

fn told(call: &Timeline, tool: &str, id: &str, arguments: &Value) -> Told {
    let answers = call.entries.iter().filter_map(|entry| match &entry.what {
        What::Answer { tool_call_id, result, .. } if tool_call_id == id => Some(result.clone()),
        _ => None,
    });
    Told {
        call_id: call.id.clone(),
        caller: call.caller.clone(),
        account_id: call.account_id.clone(),
        tool: tool.to_owned(),
        tool_call_id: id.to_owned(),
        arguments: arguments.clone(),
        answers: answers.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_answers_and_the_unanswered_are_counted_apart() {
        let mut latency = Latency::default();
        (1..=100).for_each(|took| latency.add(Some(200), f64::from(took)));
        latency.add(None, 20_000.0);
        latency.settle();
        assert_eq!((latency.count, latency.unanswered), (101, 1));
        assert_eq!(
            (latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms),
            (50.0, 95.0, 99.0, 100.0)
        );
    }

    #[test]
    fn nothing_measured_is_zero() {
        let mut latency = Latency::default();
        latency.settle();
        assert!(latency.p99_ms.abs() < f64::EPSILON);
    }
}
