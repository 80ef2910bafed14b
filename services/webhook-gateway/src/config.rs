use std::time::Duration;

use bus::BusConfig;
use seal::Secret;
use serde::{Deserialize, Serialize, Serializer};
use service::settings::{
    BrokerSettings, Chassis, DatabaseSettings, EncryptionSettings, HttpSettings, LogSettings, OtlpSettings,
    SentrySettings, Settings, SettingsError, hidden,
};
use voice_vapi::{Authenticator, Credential};

/// Everything the gateway is told at start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Where it listens.
    #[serde(default)]
    pub http: HttpSettings,
    /// What it logs.
    #[serde(default)]
    pub log: LogSettings,
    /// Where its traces go.
    #[serde(default)]
    pub otlp: OtlpSettings,
    /// Where errors are reported.
    #[serde(default)]
    pub sentry: SentrySettings,
    /// Where messages go.
    pub broker: BrokerSettings,
    /// Where they go when the broker is away, and whose number is whose.
    pub database: DatabaseSettings,
    /// Seals what waits in the database.
    pub encryption: EncryptionSettings,
    /// Vapi's plain secret.
    #[serde(default)]
    pub vapi: VapiDoor,
    /// Sikka's callback key.
    #[serde(default)]
    pub sikka: SikkaDoor,
    /// The gateway's own.
    #[serde(default)]
    pub webhook_gateway: OwnSettings,
}

/// The `vapi` section as the gateway needs it: the secret may be left out where credentials are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VapiDoor {
    /// Not used here.
    pub base_url: Option<String>,
    /// Not used here.
    #[serde(serialize_with = "hidden")]
    pub api_key: Option<Secret>,
    /// What `X-Vapi-Secret` must carry.
    #[serde(serialize_with = "hidden")]
    pub webhook_secret: Option<Secret>,
}

/// The `sikka` section as the gateway needs it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SikkaDoor {
    /// Not used here.
    pub base_url: Option<String>,
    /// Not used here.
    pub app_id: Option<String>,
    /// Not used here.
    #[serde(serialize_with = "hidden")]
    pub app_key: Option<Secret>,
    /// What `callback-key` must carry. Without one every change webhook is refused.
    #[serde(serialize_with = "hidden")]
    pub callback_key: Option<Secret>,
}

/// The `webhook_gateway` section.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnSettings {
    /// Accepted beside `vapi.webhook_secret`; several let a secret be changed without a gap.
    #[serde(serialize_with = "counted")]
    pub credentials: Vec<Credential>,
    /// The address vendors were given, without a slash at the end; needed where a signature covers `{url}`.
    pub public_url: String,
    /// How long tool calls may take altogether, in milliseconds. Vapi waits 20 s unless told otherwise.
    pub tool_ms: u64,
    /// How long the broker may take to confirm, in milliseconds, before the database is used instead.
    pub confirm_ms: u64,
}

impl Default for OwnSettings {
    fn default() -> Self {
        Self { credentials: Vec::new(), public_url: String::new(), tool_ms: 12_000, confirm_ms: 3_000 }
    }
}

fn counted<S: Serializer>(credentials: &[Credential], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(credentials.iter().map(|_| "[secret]"))
}

impl Settings for GatewaySettings {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }

    fn check(&self) -> Result<(), SettingsError> {
        if !(1_000..=18_000).contains(&self.webhook_gateway.tool_ms) {
            return Err(SettingsError::rule("webhook_gateway.tool_ms", "must be from 1000 to 18000"));
        }
        if !(100..=5_000).contains(&self.webhook_gateway.confirm_ms) {
            return Err(SettingsError::rule("webhook_gateway.confirm_ms", "must be from 100 to 5000"));
        }
        if self.sikka.callback_key.as_ref().is_some_and(|key| key.expose().trim().len() < 16) {
            return Err(SettingsError::rule("sikka.callback_key", "must have 16 characters or more"));
        }
        let broken = |error: voice_vapi::CredentialError| {
            SettingsError::rule("vapi.webhook_secret", format!("({error})"))
        };
        Authenticator::new(&self.credentials()).map(drop).map_err(broken)
    }
}

impl GatewaySettings {
    /// Every accepted credential: the plain secret first.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credential> {
        let plain = self.vapi.webhook_secret.clone().map(|value| Credential::Secret { value });
        plain.into_iter().chain(self.webhook_gateway.credentials.iter().cloned()).collect()
    }

    pub(crate) fn bus(&self, name: &str) -> BusConfig {
        BusConfig {
            confirm_timeout: Duration::from_millis(self.webhook_gateway.confirm_ms),
            ..BusConfig::new(self.broker.url.expose(), name)
        }
    }
}
