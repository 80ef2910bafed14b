use serde::{Deserialize, Serialize};
use service::settings::{
    self, BrokerSettings, Chassis, DatabaseSettings, EncryptionSettings, HttpSettings, LogSettings,
    OtlpSettings, SentrySettings, SikkaSettings,
};

/// What token-refresher is told at start.
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
    pub(crate) token_refresher: Own,
}

/// token-refresher's own section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Own {
    /// Seconds one log-in may take.
    pub(crate) vendor_seconds: u64,
    /// Log-ins a minute, all connections together.
    pub(crate) logins_per_minute: u32,
    /// Connections refreshed at once.
    pub(crate) at_once: usize,
}

impl Default for Own {
    fn default() -> Self {
        Self { vendor_seconds: 10, logins_per_minute: 600, at_once: 16 }
    }
}

impl settings::Settings for Settings {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }
}
