use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use seal::Secret;

use crate::StoreError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations");

async fn harness(url: &Secret) -> Result<AsyncMigrationHarness<AsyncPgConnection>, StoreError> {
    let conn = AsyncPgConnection::establish(url.expose()).await.map_err(|_| StoreError::Unavailable)?;
    Ok(AsyncMigrationHarness::new(conn))
}

/// Runs the migrations that are missing, and returns their names. Needs the database's owner, and a
/// multi-thread runtime.
///
/// # Errors
/// [`StoreError::Unavailable`], or [`StoreError::Failed`] with the database's own words: a migration
/// handles no patient's data.
pub async fn migrate(url: &Secret) -> Result<Vec<String>, StoreError> {
    let mut harness = harness(url).await?;
    let run = harness
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| StoreError::Failed(format!("a migration failed: {error}")))?;
    Ok(run.iter().map(ToString::to_string).collect())
}

/// The migrations that are missing.
///
/// # Errors
/// As [`migrate`].
pub async fn pending_migrations(url: &Secret) -> Result<Vec<String>, StoreError> {
    let mut harness = harness(url).await?;
    let pending = harness
        .pending_migrations(MIGRATIONS)
        .map_err(|error| StoreError::Failed(format!("the migrations cannot be read: {error}")))?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

/// A short name for this set of migrations: databases made from the same set may share a template.
#[must_use]
pub const fn template_key() -> &'static str {
    env!("MIGRATIONS_KEY")
}
