//! Settings: read once at start, checked, and handed on as structs.
//!
//! A later source wins over an earlier one:
//!
//! 1. the defaults in the section's struct;
//! 2. the TOML file of `--config`;
//! 3. the field's well-known names, as in `DATABASE_URL` ([`ALIASES`]);
//! 4. `SWITCHBOARD__SECTION__KEY`, as in `SWITCHBOARD__DATABASE__POOL_SIZE`.
//!
//! Our own names are more exact than the well-known ones, so they come last: a `DATABASE_URL` that a platform puts into
//! every process does not undo a service's own choice.
//!
//! One file serves every service. A service reads the sections it has and ignores those of the others; a section or a
//! key that nobody has is refused. Within each source, `[pms_api.http]` (or `SWITCHBOARD__PMS_API__HTTP__PORT`) is for
//! `pms-api` alone and wins over `[http]`. A variable that is set but empty counts as not set.

mod describe;
mod load;
mod names;
mod refusal;
mod sections;

pub use describe::{Described, describe};
pub use load::{Loaded, Origin, Sources, load};
pub use names::{ALIASES, SECTIONS, SERVICES};
pub use refusal::SettingsError;
pub use sections::{
    BrokerSettings, DatabaseSettings, EncryptionSettings, Filled, Hide, HttpSettings, SikkaSettings,
    SlackSettings, VapiSettings, filled, hidden,
};
pub use telemetry::{LogFormat, LogSettings, OtlpSettings, SentrySettings};

pub(crate) use refusal::plain_rule;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One service's settings: a struct of sections, each a field, with `#[serde(deny_unknown_fields)]`.
///
/// `Serialize` is there for [`describe`]; a [`seal::Secret`] does not serialise, so a field that holds one says
/// `#[serde(serialize_with = "service::settings::hidden")]` or does not compile.
pub trait Settings: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The sections that the chassis itself needs.
    fn chassis(&self) -> Chassis<'_>;

    /// Rules over more than one value. A rule over one value belongs to its type.
    ///
    /// # Errors
    /// [`SettingsError::rule`] with the path that is wrong.
    fn check(&self) -> Result<(), SettingsError> {
        Ok(())
    }
}

/// What every service has.
#[derive(Debug, Clone, Copy)]
pub struct Chassis<'a> {
    /// Where it listens.
    pub http: &'a HttpSettings,
    /// What it logs.
    pub log: &'a LogSettings,
    /// Where its traces go.
    pub otlp: &'a OtlpSettings,
    /// Where its errors are reported.
    pub sentry: &'a SentrySettings,
}
