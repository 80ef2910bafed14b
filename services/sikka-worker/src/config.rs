use std::time::Duration;

use pms_sikka::OLDEST_LIST;
use serde::{Deserialize, Serialize};
use service::settings::{
    self, BrokerSettings, Chassis, DatabaseSettings, EncryptionSettings, HttpSettings, LogSettings,
    OtlpSettings, SentrySettings, SettingsError, SikkaSettings,
};
use writebacks::Pace;

/// What sikka-worker is told at start.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) http: HttpSettings,
    #[serde(default)]
    pub(crate) log: LogSettings,
    #[serde(default)]
    pub(crate) otlp: OtlpSettings,
    #[serde(default)]
    pub(crate) sentry: SentrySettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) broker: BrokerSettings,
    pub(crate) encryption: EncryptionSettings,
    pub(crate) sikka: SikkaSettings,
    #[serde(default)]
    pub(crate) sikka_worker: Own,
}

/// sikka-worker's own section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Own {
    /// Questions answered at once.
    pub(crate) questions_at_once: u16,
    /// Seconds one read of the vendor may take; a write gets twice as long.
    pub(crate) vendor_seconds: u64,
    /// Requests a minute to one practice until the vendor tells its limit.
    pub(crate) first_budget: i32,
    /// The share of the vendor's limit that is used, in percent.
    pub(crate) budget_percent: i32,
    /// Seconds a worker may hold a write without a word: more than four times `vendor_seconds`.
    pub(crate) lease_seconds: u64,
    /// Seconds until "found nowhere" is believed: more than `lease_seconds`.
    pub(crate) grace_seconds: u64,
    /// Milliseconds between two looks at an outcome while a caller may still be on the line.
    pub(crate) look_ms: u64,
    /// Seconds between two readings of the days of bookings that are done and still held.
    pub(crate) settle_seconds: u64,
    /// Milliseconds a reading of a practice's calendar is kept.
    pub(crate) calendar_ms: u64,
    /// Minutes before its deadline at which staff get a task about a write that is not done; never more than
    /// half of the time that the write had.
    pub(crate) task_margin_minutes: u64,
    /// Seconds until an office that is being connected is looked for a second time; then twice as long each time.
    pub(crate) setup_wait_seconds: f64,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            questions_at_once: 64,
            vendor_seconds: 8,
            first_budget: 60,
            budget_percent: 80,
            lease_seconds: 45,
            grace_seconds: 60,
            look_ms: 2_000,
            settle_seconds: 300,
            calendar_ms: 5_000,
            task_margin_minutes: 24 * 60,
            setup_wait_seconds: 30.0,
        }
    }
}

impl Own {
    pub(crate) fn pace(&self) -> Pace {
        Pace {
            lease: Duration::from_secs(self.lease_seconds),
            grace: Duration::from_secs(self.grace_seconds),
            first_look: Duration::from_millis(self.look_ms),
            look_again: Duration::from_secs((self.grace_seconds / 4).clamp(1, 5)),
            task_margin: Duration::from_mins(self.task_margin_minutes),
            ..Pace::default()
        }
    }
}

impl settings::Settings for Settings {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }

    fn check(&self) -> Result<(), SettingsError> {
        match self.sikka_worker.broken_rule() {
            None => Ok(()),
            Some((field, rule)) => Err(SettingsError::rule(field, rule)),
        }
    }
}

impl Own {
    /// The first setting that would break a promise: a write sent twice (P3), a vendor asked too often (P9).
    fn broken_rule(&self) -> Option<(&'static str, &'static str)> {
        let rules = [
            (
                (0.1..=3_600.0).contains(&self.setup_wait_seconds),
                "sikka_worker.setup_wait_seconds",
                "must be from 0.1 to 3600",
            ),
            (
                (1..=600).contains(&self.vendor_seconds),
                "sikka_worker.vendor_seconds",
                "must be from 1 to 600",
            ),
            (self.first_budget >= 1, "sikka_worker.first_budget", "must be at least 1"),
            (
                (1..=100).contains(&self.budget_percent),
                "sikka_worker.budget_percent",
                "must be from 1 to 100",
            ),
            (
                self.lease_seconds > self.vendor_seconds.saturating_mul(4),
                "sikka_worker.lease_seconds",
                "must be more than four times sikka_worker.vendor_seconds",
            ),
            (
                self.grace_seconds > self.lease_seconds.saturating_add(OLDEST_LIST.as_secs()),
                "sikka_worker.grace_seconds",
                "must be more than sikka_worker.lease_seconds and the ten seconds a list may be old",
            ),
            (self.look_ms >= 100, "sikka_worker.look_ms", "must be at least 100"),
            (self.settle_seconds >= 1, "sikka_worker.settle_seconds", "must be at least 1"),
        ];
        rules.into_iter().find(|(holds, ..)| !holds).map(|(_, field, rule)| (field, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_p9_settings_that_would_break_a_promise_are_refused_by_name() {
        assert_eq!(Own::default().broken_rule(), None);
        let broken: [(Own, &str); 10] = [
            (Own { lease_seconds: 32, ..Own::default() }, "lease_seconds"),
            (Own { vendor_seconds: u64::MAX, ..Own::default() }, "vendor_seconds"),
            (Own { vendor_seconds: 0, ..Own::default() }, "vendor_seconds"),
            (Own { grace_seconds: 55, ..Own::default() }, "grace_seconds"),
            (Own { budget_percent: 0, ..Own::default() }, "budget_percent"),
            (Own { budget_percent: 400, ..Own::default() }, "budget_percent"),
            (Own { first_budget: 0, ..Own::default() }, "first_budget"),
            (Own { look_ms: 0, ..Own::default() }, "look_ms"),
            (Own { settle_seconds: 0, ..Own::default() }, "settle_seconds"),
            (Own { setup_wait_seconds: 0.0, ..Own::default() }, "setup_wait_seconds"),
        ];
        for (own, field) in broken {
            let (named, rule) = own.broken_rule().expect(field);
            assert_eq!(named, format!("sikka_worker.{field}"));
            assert!(rule.starts_with("must be "), "{rule}");
        }
    }
}
