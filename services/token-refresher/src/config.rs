use serde::{Deserialize, Serialize};
use service::settings::{
    self, BrokerSettings, Chassis, DatabaseSettings, EncryptionSettings, HttpSettings, LogSettings,
    OtlpSettings, SentrySettings, SettingsError, SikkaSettings,
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

    fn check(&self) -> Result<(), SettingsError> {
        self.token_refresher
            .broken_rule()
            .map_or(Ok(()), |(field, rule)| Err(SettingsError::rule(field, rule)))
    }
}

impl Own {
    /// The first setting with which no key would ever be refreshed.
    fn broken_rule(&self) -> Option<(&'static str, &'static str)> {
        let rules = [
            (
                (1..=600).contains(&self.vendor_seconds),
                "token_refresher.vendor_seconds",
                "must be from 1 to 600",
            ),
            (self.logins_per_minute >= 1, "token_refresher.logins_per_minute", "must be at least 1"),
            ((1..=1_000).contains(&self.at_once), "token_refresher.at_once", "must be from 1 to 1000"),
        ];
        rules.into_iter().find(|(holds, ..)| !holds).map(|(_, field, rule)| (field, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_with_which_no_key_is_ever_refreshed_are_refused() {
        assert_eq!(Own::default().broken_rule(), None);
        let field = |own: Own| own.broken_rule().map(|(field, _)| field);
        assert_eq!(field(Own { at_once: 0, ..Own::default() }), Some("token_refresher.at_once"));
        assert_eq!(
            field(Own { logins_per_minute: 0, ..Own::default() }),
            Some("token_refresher.logins_per_minute")
        );
    }
}
