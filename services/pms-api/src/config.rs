mod oidc;

use serde::{Deserialize, Serialize};
use service::settings::{
    self, BrokerSettings, Chassis, DatabaseSettings, EncryptionSettings, HttpSettings, LogSettings,
    OtlpSettings, SentrySettings, SettingsError, SlackSettings,
};

pub(crate) use oidc::Oidc;

/// What pms-api is told at start.
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
    /// Not set: nobody signs in but programs, with their API keys.
    #[serde(default)]
    pub(crate) oidc: Option<Oidc>,
    #[serde(default)]
    pub(crate) slack: SlackSettings,
    #[serde(default)]
    pub(crate) pms_api: Own,
}

/// pms-api's own section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Own {
    /// Tool calls run at once.
    pub(crate) tool_calls_at_once: u16,
    /// Seconds a caller waits for the practice's system to confirm a write.
    pub(crate) write_wait_seconds: u64,
    /// Seconds a question to the practice's system may take.
    pub(crate) question_seconds: u64,
    /// Days an answered tool call and a taken message are remembered; bodies of events three times as long.
    pub(crate) keep_days: i32,
    /// Seconds between two looks at what is worth an alert.
    pub(crate) alert_seconds: u64,
    /// Seconds between two looks at what is new in every tenant's audit chain.
    pub(crate) audit_look_seconds: u64,
    /// Seconds between two counts of the ledger of webhooks.
    pub(crate) ledger_seconds: u64,
    /// Seconds between two audit records of the same refusal of the same caller; those between are counted.
    pub(crate) refusals_seconds: u64,
    /// Lets the URLs that tenants set be `http` and lead to this machine and its network. For local use only.
    pub(crate) allow_local_urls: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            tool_calls_at_once: 64,
            write_wait_seconds: 8,
            question_seconds: 8,
            keep_days: 30,
            alert_seconds: 30,
            audit_look_seconds: 900,
            ledger_seconds: 300,
            refusals_seconds: 60,
            allow_local_urls: false,
        }
    }
}

impl settings::Settings for Settings {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }

    fn check(&self) -> Result<(), SettingsError> {
        self.pms_api.broken_rule().map_or(Ok(()), |(field, rule)| Err(SettingsError::rule(field, rule)))
    }
}

impl Own {
    /// The first setting that would break a promise or keep a loop from ever pausing. What was handled is forgotten
    /// after `keep_days`: with none, what comes again has its effect again (P2).
    fn broken_rule(&self) -> Option<(&'static str, &'static str)> {
        let seconds = [
            (self.write_wait_seconds, "pms_api.write_wait_seconds"),
            (self.question_seconds, "pms_api.question_seconds"),
            (self.alert_seconds, "pms_api.alert_seconds"),
            (self.audit_look_seconds, "pms_api.audit_look_seconds"),
            (self.ledger_seconds, "pms_api.ledger_seconds"),
            (self.refusals_seconds, "pms_api.refusals_seconds"),
        ];
        if self.tool_calls_at_once < 1 {
            return Some(("pms_api.tool_calls_at_once", "must be at least 1"));
        }
        if !(1..=3_650).contains(&self.keep_days) {
            return Some(("pms_api.keep_days", "must be from 1 to 3650"));
        }
        let broken = seconds.into_iter().find(|(value, _)| *value < 1);
        broken.map(|(_, field)| (field, "must be at least 1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p2_settings_that_forget_at_once_or_never_pause_are_refused() {
        assert_eq!(Own::default().broken_rule(), None);
        let broken = [
            Own { keep_days: 0, ..Own::default() },
            Own { keep_days: -1, ..Own::default() },
            Own { tool_calls_at_once: 0, ..Own::default() },
            Own { alert_seconds: 0, ..Own::default() },
            Own { ledger_seconds: 0, ..Own::default() },
        ];
        let fields: Vec<_> = broken.iter().filter_map(Own::broken_rule).map(|(field, _)| field).collect();
        assert_eq!(
            fields,
            [
                "pms_api.keep_days",
                "pms_api.keep_days",
                "pms_api.tool_calls_at_once",
                "pms_api.alert_seconds",
                "pms_api.ledger_seconds",
            ]
        );
    }
}
