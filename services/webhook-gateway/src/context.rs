use std::time::Duration;

use bus::Bus;
use seal::Secret;
use service::Base;
use store::Store;
use voice_vapi::{Authenticator, CredentialError};

use crate::config::GatewaySettings;
use crate::counts::Counts;
use crate::directory::Directory;
use crate::keeper::Keeper;

/// What the routes may use.
pub(crate) struct Context {
    pub(crate) authenticator: Authenticator,
    pub(crate) public_url: String,
    /// What Sikka proves itself with when it tells of changes.
    pub(crate) callback_key: Option<Secret>,
    pub(crate) tool_budget: Duration,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) directory: Directory,
    pub(crate) keeper: Keeper,
    pub(crate) counts: Counts,
}

impl Context {
    pub(crate) fn new(settings: &GatewaySettings, base: &Base) -> Result<Self, CredentialError> {
        let own = &settings.webhook_gateway;
        let credentials = settings.credentials();
        Ok(Self {
            authenticator: Authenticator::new(&credentials)?,
            public_url: own.public_url.trim_end_matches('/').to_owned(),
            callback_key: settings.sikka.callback_key.clone(),
            tool_budget: Duration::from_millis(own.tool_ms),
            bus: base.bus.clone(),
            store: base.store.clone(),
            directory: Directory::new(base.store.clone()),
            keeper: Keeper::new(base.clone()),
            counts: Counts::new(credentials.len()),
        })
    }
}
