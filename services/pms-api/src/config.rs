mod oidc;

use serde::{Deserialize, Serialize};
use service::settings::{
    self, BrokerSettings, Chassis, DatabaseSettings, EncryptionSettings, HttpSettings, LogSettings,
    OtlpSettings, SentrySettings, SlackSettings,
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
}
