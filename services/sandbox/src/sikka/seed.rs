//! Invented offices, the same for the same seed and day.

mod books;
mod diary;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Time, time};
use jiff::{SignedDuration, Timestamp, ToSpan};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use diary::Diary;

use super::cloud::Cloud;
use super::office::{Office, Plan};
use super::pms::{Operatory, Pms, Provider, Week};
use super::profile::Profile;
use super::zone;

/// Most offices one process invents.
const MAX_OFFICES: u32 = 5_000;

/// What to invent (`POST /admin/seed`). Every field may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// Number the data is drawn from.
    pub seed: u64,
    /// How many offices: `D10001`, `D10002` and so on.
    pub offices: u32,
    /// PMS of the offices, in turn.
    pub pms: Vec<Profile>,
    /// Windows zone names of the offices, in turn.
    pub zones: Vec<String>,
    /// Patients of an office, those with a story included.
    pub patients: u32,
    /// Share of the working time that is already booked, 0 to 0.9.
    pub fill: f64,
    /// Weeks of diary ahead of today.
    pub weeks: u32,
    /// Simulated seconds between two refreshes of the cloud copy.
    pub refresh_seconds: i64,
    /// Shortest writeback, in simulated milliseconds.
    pub writeback_min_ms: u64,
    /// Longest writeback, in simulated milliseconds.
    pub writeback_max_ms: u64,
    /// Whether each office has a second location, whose chairs and hours stand in the same lists.
    pub second_location: bool,
    /// Country of every office, as the vendor writes it.
    pub country: String,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            seed: 1,
            offices: 1,
            pms: vec![Profile::OpenDental],
            zones: vec!["Eastern Standard Time".to_owned()],
            patients: 40,
            fill: 0.4,
            weeks: 5,
            refresh_seconds: 900,
            writeback_min_ms: 20_000,
            writeback_max_ms: 160_000,
            second_location: false,
            country: "US".to_owned(),
        }
    }
}

impl Seed {
    /// Says what is wrong with the seed, if anything.
    ///
    /// # Errors
    /// One sentence naming the field.
    pub fn check(&self) -> Result<(), String> {
        if self.pms.is_empty() || self.zones.is_empty() {
            return Err("pms and zones must name at least one each".to_owned());
        }
        if let Some(zone) = self.zones.iter().find(|name| zone::from_windows(name).is_none()) {
            return Err(format!("zones: {zone:?} is not a Windows zone name this sandbox knows"));
        }
        if self.offices > MAX_OFFICES {
            return Err(format!("offices: at most {MAX_OFFICES}"));
        }
        if !(0.0..=0.9).contains(&self.fill) {
            return Err("fill: a share from 0 to 0.9".to_owned());
        }
        if self.refresh_seconds < 1 {
            return Err("refresh_seconds: at least 1".to_owned());
        }
        if self.writeback_min_ms > self.writeback_max_ms {
            return Err("writeback_min_ms is greater than writeback_max_ms".to_owned());
        }
        Ok(())
    }

    /// Invents the offices as of `now`.
    pub fn grow(&self, now: Timestamp) -> BTreeMap<String, Office> {
        (0..self.offices)
            .map(|index| self.office(index, now))
            .map(|office| (office.id.clone(), office))
            .collect()
    }

    fn office(&self, index: u32, now: Timestamp) -> Office {
        let turn = usize::try_from(index).unwrap_or(0);
        let id = format!("D{}", 10_001 + index);
        let windows_zone = self.zones.get(turn % self.zones.len().max(1)).cloned().unwrap_or_default();
        let zone = zone::from_windows(&windows_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let profile = self.pms.get(turn % self.pms.len().max(1)).copied().unwrap_or(Profile::OpenDental);
        let today = zone::local(now, &zone).date();
        let mut rng = StdRng::seed_from_u64(self.seed.wrapping_mul(1_000_003).wrapping_add(u64::from(index)));

        let mut pms = Pms {
            providers: providers(),
            operatories: operatories(),
            hours: week(5, &full_day()),
            ..Pms::default()
        };
        pms.holidays = vec![diary::friday_after_next(today)];
        let rules = profile.rules();
        people::fill(&mut pms, index == 0, self.patients, rules, today, &mut rng);
        let stories = people::known(index == 0, rules).len();
        let diary = Diary { weeks: self.weeks, share: self.fill, stories };
        diary::fill(&mut pms, rules, today, diary, &mut rng);
        if let (0, Some(maria)) = (index, pms.patients.keys().next().copied()) {
            diary::give_two_later(&mut pms, maria, rules, today);
        }
        books::fill(&mut pms, today);
        pms.version = 1;

        let mut office = Office {
            secret: format!("sandbox-secret-{id}"),
            practice_id: "1".to_owned(),
            second_location: self.second_location,
            country: self.country.clone(),
            cust_id: "1".to_owned(),
            practice_name: format!("{} Dental", people::TOWNS[turn % people::TOWNS.len()]),
            phone: format!("(555) 010-{:04}", 9000 + index),
            windows_zone,
            zone,
            profile,
            pms,
            cloud: Cloud::default(),
            spu_online: true,
            access_on: true,
            listed: true,
            loaded: true,
            appears_at: None,
            bought_at: None,
            told_at: None,
            untold: Vec::new(),
            refresh_seconds: self.refresh_seconds,
            next_refresh: now.saturating_add(SignedDuration::from_secs(self.refresh_seconds)).unwrap_or(now),
            data_insert_in_progress: false,
            plan: Plan::normal(self.writeback_min_ms, self.writeback_max_ms),
            writebacks: BTreeMap::new(),
            pending: BTreeSet::new(),
            rng,
            id,
        };
        office.refresh(now);
        // Nobody is told of what was there from the beginning.
        office.untold.clear();
        office
    }
}

fn full_day() -> Vec<(Time, Time)> {
    vec![(time(8, 0, 0, 0), time(12, 0, 0, 0)), (time(13, 0, 0, 0), time(17, 0, 0, 0))]
}

/// The same spans on the first `days` days of the week.
fn week(days: usize, spans: &[(Time, Time)]) -> Week {
    let mut week = Week::default();
    week.0.iter_mut().take(days).for_each(|day| *day = spans.to_vec());
    week
}

fn providers() -> Vec<Provider> {
    let provider = |id: &str, firstname: &str, lastname: &str, specialty: &str, hours: Week| Provider {
        provider_id: id.to_owned(),
        firstname: firstname.to_owned(),
        lastname: lastname.to_owned(),
        provider_type: "Provider".to_owned(),
        specialty: specialty.to_owned(),
        active: true,
        hidden: false,
        hours,
    };
    let short = vec![(time(9, 0, 0, 0), time(12, 0, 0, 0)), (time(13, 0, 0, 0), time(16, 0, 0, 0))];
    let early = vec![(time(8, 0, 0, 0), time(12, 0, 0, 0)), (time(13, 0, 0, 0), time(15, 0, 0, 0))];
    let gone = Provider {
        active: false,
        hidden: true,
        ..provider("DR0", "Edith", "Marlow", "General Practice", week(5, &full_day()))
    };
    vec![
        provider("DR1", "Helen", "Park", "General Practice", week(5, &full_day())),
        gone,
        provider("DR2", "Samuel", "Ortiz", "General Practice", week(4, &short)),
        provider("HYG1", "Nadia", "Frost", "Hygiene", week(5, &early)),
    ]
}

fn operatories() -> Vec<Operatory> {
    let chair = |operatory: &str, abbreviation: &str, hidden: bool| Operatory {
        operatory: operatory.to_owned(),
        abbreviation: abbreviation.to_owned(),
        hidden,
    };
    vec![
        chair("OP1", "O1", false),
        chair("OP2", "O2", false),
        chair("OPX", "Old", true),
        chair("OP3", "H1", false),
    ]
}

/// Days from `from` on, as many as asked.
fn days(from: jiff::civil::Date, count: u32) -> impl Iterator<Item = jiff::civil::Date> {
    (0..i64::from(count)).map(move |offset| from.saturating_add(offset.days()))
}
