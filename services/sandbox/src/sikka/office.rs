//! One office: its PMS, the cloud's copy of it, the utility between them, and the writes on their way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::cloud::{self, Cloud};
use super::execute;
use super::pms::Pms;
use super::profile::{Profile, Rules};
use super::schedule;
use super::writeback::{Finished, Operation, Writeback};
use super::zone;

/// Everything the simulator knows of one customer of the vendor.
#[derive(Debug)]
pub struct Office {
    /// Office id, e.g. `D10001`.
    pub id: String,
    /// The secret `authorized_practices` hands out.
    pub secret: String,
    /// The practice that everything is about.
    pub practice_id: String,
    /// Whether the office has a second location, with its people, in its database.
    pub second_location: bool,
    /// The database id `operatories` insists on.
    pub cust_id: String,
    /// Name of the practice.
    pub practice_name: String,
    /// Its country, as the vendor writes it.
    pub country: String,
    /// Number of the practice.
    pub phone: String,
    /// Windows name of the zone.
    pub windows_zone: String,
    /// The same zone, usable.
    pub zone: TimeZone,
    /// Which PMS is installed.
    pub profile: Profile,
    /// The truth.
    pub pms: Pms,
    /// What GETs see.
    pub cloud: Cloud,
    /// Whether the utility at the practice is running.
    pub spu_online: bool,
    /// Whether the location is switched on, which is also what is billed.
    pub access_on: bool,
    /// Whether `authorized_practices` shows the office yet.
    pub listed: bool,
    /// Whether any data has arrived in the cloud yet.
    pub loaded: bool,
    /// When `authorized_practices` shows it, where it does not yet.
    pub appears_at: Option<Timestamp>,
    /// When it bought the application last.
    pub bought_at: Option<Timestamp>,
    /// When a change was told last.
    pub told_at: Option<Timestamp>,
    /// Copies that nobody was told of yet.
    pub untold: Vec<Timestamp>,
    /// Seconds between two refreshes.
    pub refresh_seconds: i64,
    /// When the next refresh is due; overdue while the utility is off.
    pub next_refresh: Timestamp,
    /// Whether `Data-Insert` says "in progress" until it is switched off.
    pub data_insert_in_progress: bool,
    /// How long writes take and how they end.
    pub plan: Plan,
    /// Every writeback ever taken, by id.
    pub writebacks: BTreeMap<u64, Writeback>,
    /// Ids of those that are not finished.
    pub pending: BTreeSet<u64>,
    /// Source of writeback durations.
    pub rng: StdRng,
}

/// How an office carries out writebacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What happens to writes.
    pub mode: Mode,
    /// Shortest duration, in milliseconds of the simulated clock.
    pub min_ms: u64,
    /// Longest duration, in milliseconds of the simulated clock.
    pub max_ms: u64,
    /// Result text of [`Mode::Fail`].
    pub fail_text: String,
}

/// What happens to the writes of an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Carried out after a time drawn between the two bounds.
    Normal,
    /// Never carried out while this mode lasts.
    Never,
    /// Refused by the PMS with the given text, whatever they ask for.
    Fail,
    /// Carried out, after twenty times the normal bounds.
    Slow,
}

const SLOWNESS: u64 = 20;

const FAIL_TEXT: &str = "Unable to write the record to the practice management system";

/// A change of [`Plan`] (`PUT …/writeback`); what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanChange {
    /// What happens to writes.
    pub mode: Option<Mode>,
    /// Shortest duration, in milliseconds of the simulated clock.
    pub min_ms: Option<u64>,
    /// Longest duration, in milliseconds of the simulated clock.
    pub max_ms: Option<u64>,
    /// Result text of [`Mode::Fail`].
    pub fail_text: Option<String>,
}

impl Plan {
    /// The normal plan with the given bounds.
    pub fn normal(min_ms: u64, max_ms: u64) -> Self {
        Self { mode: Mode::Normal, min_ms, max_ms, fail_text: FAIL_TEXT.to_owned() }
    }

    /// This plan with a change laid over it.
    ///
    /// # Errors
    /// When the shortest duration would be longer than the longest.
    pub fn changed(&self, change: PlanChange) -> Result<Self, String> {
        let plan = Self {
            mode: change.mode.unwrap_or(self.mode),
            min_ms: change.min_ms.unwrap_or(self.min_ms),
            max_ms: change.max_ms.unwrap_or(self.max_ms),
            fail_text: change.fail_text.unwrap_or_else(|| self.fail_text.clone()),
        };
        if plan.min_ms > plan.max_ms {
            return Err("min_ms is greater than max_ms".to_owned());
        }
        Ok(plan)
    }

    fn draw(&self, rng: &mut StdRng) -> Option<SignedDuration> {
        let factor = match self.mode {
            Mode::Never => return None,
            Mode::Normal | Mode::Fail => 1,
            Mode::Slow => SLOWNESS,
        };
        let ms = rng.random_range(self.min_ms..=self.max_ms.max(self.min_ms)).saturating_mul(factor);
        Some(SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)))
    }
}

impl Office {
    /// The PMS's name as this office's rows spell it; spellings differ between offices (contract 2.2).
    pub fn pms_name(&self) -> &'static str {
        match self.profile {
            Profile::OpenDental if self.id.ends_with(['2', '4', '6', '8', '0']) => "OpenDental",
            profile => profile.rules().name,
        }
    }

    /// Rules of the installed PMS.
    pub fn rules(&self) -> &'static Rules {
        self.profile.rules()
    }

    /// The practice's wall clock at `at`.
    pub fn local(&self, at: Timestamp) -> DateTime {
        zone::local(at, &self.zone)
    }

    /// Carries out everything due by `now`, in the order it became due.
    pub fn catch_up(&mut self, now: Timestamp) {
        if self.appears_at.is_some_and(|at| at <= now) {
            self.appears_at = None;
            self.listed = true;
        }
        loop {
            let write = self
                .pending
                .iter()
                .filter_map(|id| Some((self.writebacks.get(id)?.due?, *id)))
                .min()
                .filter(|(due, _)| *due <= now);
            let refresh = (self.spu_online && self.next_refresh <= now).then_some(self.next_refresh);
            match (write, refresh) {
                (Some((due, id)), refresh) if refresh.is_none_or(|at| due < at) => self.carry_out(id, due),
                (_, Some(at)) => {
                    self.refresh(at);
                    let every = SignedDuration::from_secs(self.refresh_seconds.max(1));
                    self.next_refresh = at.saturating_add(every).unwrap_or(Timestamp::MAX);
                }
                _ => return,
            }
        }
    }

    /// Copies the PMS to the cloud as of `at`.
    pub fn refresh(&mut self, at: Timestamp) {
        let local = self.local(at);
        let office = cloud::Office {
            practice_id: &self.practice_id,
            cust_id: &self.cust_id,
            rules: self.profile.rules(),
        };
        self.cloud.copy(&self.pms, office, at, local);
        let week = schedule::monday(local.date());
        if self.cloud.schedule_week != Some(week) {
            self.cloud.schedule = schedule::rows(self, week);
            self.cloud.schedule_week = Some(week);
        }
        self.loaded = true;
        self.untold.push(at);
    }

    /// Begins anew as an office that bought the application: not listed, switched off, and without data, until then.
    pub fn buy(&mut self, now: Timestamp, appears_at: Timestamp, loads_at: Timestamp) {
        self.bought_at = Some(now);
        self.appears_at = Some(appears_at);
        self.next_refresh = loads_at;
        (self.listed, self.access_on, self.loaded) = (false, false, false);
    }

    /// Takes the application's access away.
    pub fn cancel(&mut self) {
        self.appears_at = None;
        (self.listed, self.access_on) = (false, false);
    }

    /// Switches the utility on or off. While it is off nothing is written and nothing refreshed; what waited
    /// starts anew when it returns.
    pub fn set_spu(&mut self, online: bool, now: Timestamp) {
        self.spu_online = online;
        if online {
            self.next_refresh = self.next_refresh.max(now);
        }
        self.reschedule(now);
    }

    /// Changes how writes are carried out, those on their way included.
    pub fn set_plan(&mut self, plan: Plan, now: Timestamp) {
        self.plan = plan;
        for id in &self.pending {
            if let Some(write) = self.writebacks.get_mut(id) {
                write.due = None;
            }
        }
        self.reschedule(now);
    }

    fn reschedule(&mut self, now: Timestamp) {
        for id in &self.pending {
            let Some(write) = self.writebacks.get_mut(id) else { continue };
            if !self.spu_online {
                write.due = None;
            } else if write.due.is_none() {
                write.due = self.plan.draw(&mut self.rng).and_then(|wait| now.checked_add(wait).ok());
            }
        }
    }

    /// Takes a write for later.
    pub fn submit(&mut self, mut write: Writeback, now: Timestamp) {
        if self.spu_online {
            write.due = self.plan.draw(&mut self.rng).and_then(|wait| now.checked_add(wait).ok());
        }
        write.bulk = Arc::new(write.bulk_row(&self.zone));
        self.pending.insert(write.id);
        self.writebacks.insert(write.id, write);
    }

    /// Forgets a write that is still pending; `false` when there is none of that id.
    pub fn withdraw(&mut self, id: u64) -> bool {
        self.pending.remove(&id) && self.writebacks.remove(&id).is_some()
    }

    /// Does to the PMS what somebody at the practice would do by hand, at once.
    ///
    /// # Errors
    /// The text the PMS refuses with.
    pub fn by_hand(&mut self, operation: &Operation, at: Timestamp) -> Result<execute::Done, String> {
        let local = self.local(at);
        execute::run(&mut self.pms, self.profile.rules(), operation, local)
    }

    fn carry_out(&mut self, id: u64, at: Timestamp) {
        self.pending.remove(&id);
        let local = self.local(at);
        let rules = self.profile.rules();
        let Some(write) = self.writebacks.get_mut(&id) else { return };
        let outcome = match self.plan.mode {
            Mode::Fail => Err(self.plan.fail_text.clone()),
            Mode::Normal | Mode::Never | Mode::Slow => {
                execute::run(&mut self.pms, rules, &write.operation, local)
            }
        };
        write.finished = Some(Finished { at, wall: Timestamp::now(), outcome });
        write.bulk = Arc::new(write.bulk_row(&self.zone));
    }
}
