//! Where a running stack is: the file that `switchboard up` leaves for the other commands.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use seal::{KeyRing, Secret};
use serde::{Deserialize, Serialize};
use store::Store;

/// What `up.json` says. It holds secrets: only its owner can read it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    pub(crate) gateway: Vec<String>,
    pub(crate) pms_api: Vec<String>,
    pub(crate) sandbox: String,
    pub(crate) sandbox_admin: String,
    pub(crate) webhook_secret: String,
    /// What the sandbox proves itself with when it tells of changes.
    #[serde(default)]
    pub(crate) callback_key: String,
    pub(crate) tenant: String,
    pub(crate) office: String,
    pub(crate) called: String,
    pub(crate) api_key: String,
}

impl Place {
    pub(crate) fn save(&self, state: &Path) -> anyhow::Result<()> {
        write_private(&state.join("up.json"), &serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn read(state: &Path) -> anyhow::Result<Self> {
        let file = state.join("up.json");
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("no stack runs here ({} is not there); start one with scripts/up", file.display())
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} cannot be read", file.display()))
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut handle = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    handle.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

/// The database a command is about: `DATABASE_URL`, or the running stack's.
pub(crate) fn database_url(state: &Path) -> anyhow::Result<Secret> {
    match std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
        Some(url) => Ok(Secret::new(url)),
        None => Ok(Secret::new(Place::read(state)?.database_url)),
    }
}

/// The broker a command is about: `AMQP_URL`, or the running stack's.
pub(crate) fn amqp_url(state: &Path) -> anyhow::Result<Secret> {
    match std::env::var("AMQP_URL").ok().filter(|url| !url.is_empty()) {
        Some(url) => Ok(Secret::new(url)),
        None => Ok(Secret::new(Place::read(state)?.amqp_url)),
    }
}

/// The keys: `ENCRYPTION_KEY`, or the running stack's own.
pub(crate) fn keys(state: &Path) -> anyhow::Result<Arc<KeyRing>> {
    let text = match std::env::var("ENCRYPTION_KEY").ok().filter(|text| !text.is_empty()) {
        Some(text) => text,
        None => std::fs::read_to_string(state.join("encryption.key"))
            .context("ENCRYPTION_KEY is not set, and no stack here has made one")?,
    };
    Ok(Arc::new(KeyRing::parse(text.trim())?))
}

/// The database, opened and known to be there.
pub(crate) async fn store(state: &Path) -> anyhow::Result<Store> {
    let store = Store::open(&database_url(state)?, 4, keys(state)?).await?;
    if store.ping().await.is_err() {
        bail!("the database cannot be reached; is PostgreSQL running, and is DATABASE_URL right?");
    }
    Ok(store)
}
