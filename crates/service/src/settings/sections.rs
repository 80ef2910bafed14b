use seal::{KeyRing, SealError, Secret};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// The `database` section: PostgreSQL.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `postgres://user:password@host/name`.
    #[serde(serialize_with = "hidden", deserialize_with = "postgres_url")]
    pub url: Secret,
    /// Connections that this process may hold, 1 to 200.
    #[serde(default = "sixteen", deserialize_with = "one_to_200")]
    pub pool_size: u32,
}

/// The `broker` section: RabbitMQ.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// `amqp://user:password@host/vhost`.
    #[serde(serialize_with = "hidden", deserialize_with = "amqp_url")]
    pub url: Secret,
}

/// The `http` section: where the service listens, and how it stops.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// The address to listen on.
    pub host: String,
    /// The port; 0 takes a free one, which the log line "listening" names.
    pub port: u16,
    /// Threads that serve requests, 1 to 200.
    #[serde(deserialize_with = "one_to_200")]
    pub workers: u32,
    /// Seconds that requests in flight get to finish when the service stops; background tasks get as long again.
    pub drain_seconds: u32,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 8080, workers: 2, drain_seconds: 20 }
    }
}

/// The `encryption` section: the keys that seal secrets in the database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionSettings {
    /// `id:base64-of-32-bytes`, separated by commas, newest first. It is checked when it is read.
    #[serde(serialize_with = "hidden", deserialize_with = "key_ring")]
    pub key: Secret,
}

impl EncryptionSettings {
    /// The keys, ready to use.
    ///
    /// # Errors
    /// [`SealError`], for settings that were not loaded but made by hand.
    pub fn ring(&self) -> Result<KeyRing, SealError> {
        KeyRing::parse(self.key.expose())
    }
}

/// The `sikka` section: this installation's account at Sikka (contract section 1 of `sikka.md`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SikkaSettings {
    /// The API's base address, without a slash at the end.
    #[serde(default = "sikka_base")]
    pub base_url: String,
    /// The application's id.
    #[serde(deserialize_with = "filled")]
    pub app_id: String,
    /// The application's key.
    #[serde(serialize_with = "hidden", deserialize_with = "filled")]
    pub app_key: Secret,
    /// Not used here: the gateway holds against it what Sikka's webhooks carry.
    #[serde(default, serialize_with = "hidden")]
    pub callback_key: Option<Secret>,
}

/// The `vapi` section: this installation's account at Vapi.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VapiSettings {
    /// The API's base address, without a slash at the end.
    #[serde(default = "vapi_base")]
    pub base_url: String,
    /// The private key, for calls that we make to Vapi.
    #[serde(default, serialize_with = "hidden")]
    pub api_key: Option<Secret>,
    /// What Vapi proves itself with when it calls us.
    #[serde(serialize_with = "hidden", deserialize_with = "filled")]
    pub webhook_secret: Secret,
}

/// The `slack` section: the operator's own channel for alerts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackSettings {
    /// The URL of an incoming webhook. It is a secret: who has it can write there.
    #[serde(serialize_with = "hidden", deserialize_with = "http_url")]
    pub webhook_url: Option<Secret>,
}

fn sixteen() -> u32 {
    16
}

fn sikka_base() -> String {
    "https://api.sikkasoft.com/v4".to_owned()
}

fn vapi_base() -> String {
    "https://api.vapi.ai".to_owned()
}

fn one_to_200<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if (1..=200).contains(&number) { Ok(number) } else { Err(D::Error::custom("must be from 1 to 200")) }
}

fn secret_that<'de, D: Deserializer<'de>>(
    deserializer: D,
    rule: &'static str,
    holds: impl FnOnce(&str) -> bool,
) -> Result<Secret, D::Error> {
    let secret = Secret::<String>::deserialize(deserializer)?;
    if holds(secret.expose()) { Ok(secret) } else { Err(D::Error::custom(rule)) }
}

fn postgres_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    secret_that(deserializer, "must begin with postgres:// or postgresql://", |url| {
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    })
}

fn amqp_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    secret_that(deserializer, "must begin with amqp:// or amqps://", |url| {
        url.starts_with("amqp://") || url.starts_with("amqps://")
    })
}

fn http_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    secret_that(deserializer, "must begin with https:// or http://", |url| {
        url.starts_with("https://") || url.starts_with("http://")
    })
    .map(Some)
}

fn key_ring<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let secret = Secret::<String>::deserialize(deserializer)?;
    KeyRing::parse(secret.expose()).map_err(D::Error::custom)?;
    Ok(secret)
}

/// For `#[serde(deserialize_with = "service::settings::filled")]`: refuses text that is empty or only spaces.
///
/// # Errors
/// "must not be empty".
pub fn filled<'de, D: Deserializer<'de>, T: From<Filled>>(deserializer: D) -> Result<T, D::Error> {
    let text = Secret::<String>::deserialize(deserializer)?;
    if text.expose().trim().is_empty() {
        return Err(D::Error::custom("must not be empty"));
    }
    Ok(T::from(Filled(text)))
}

/// Text that is not empty, on its way into a `String` or a [`Secret`].
#[derive(Debug)]
pub struct Filled(Secret);

impl From<Filled> for String {
    fn from(text: Filled) -> Self {
        text.0.expose().clone()
    }
}

impl From<Filled> for Secret {
    fn from(text: Filled) -> Self {
        text.0
    }
}

/// What [`hidden`] can print: a secret, or one that may be absent.
pub trait Hide {
    /// Whether there is something to hide.
    fn is_set(&self) -> bool;
}

impl Hide for Secret {
    fn is_set(&self) -> bool {
        true
    }
}

impl Hide for Option<Secret> {
    fn is_set(&self) -> bool {
        self.is_some()
    }
}

/// For `#[serde(serialize_with = "service::settings::hidden")]`: one fixed word, or nothing where nothing is set.
///
/// # Errors
/// Those of the serializer.
pub fn hidden<T: Hide, S: Serializer>(secret: &T, serializer: S) -> Result<S::Ok, S::Error> {
    if secret.is_set() { serializer.serialize_str("[secret]") } else { serializer.serialize_none() }
}
