//! A PostgreSQL database of one's own.

use anyhow::{Context, Result};
use reqwest::Url;
use tokio_postgres::{Client, NoTls};

use crate::{aside, names, settings};

const PREFIX: &str = "sb_test_";
const TEMPLATE: &str = "sb_template_";

/// A fresh database, dropped when this value is dropped.
///
/// Cloning a prepared template takes about 50 ms, which is why each test may have its own.
#[derive(Debug)]
pub struct Database {
    server: Url,
    name: String,
}

impl Database {
    /// A database cloned from the template `template`, which is built with `prepare` if it does not exist yet.
    ///
    /// `template` must change whenever what `prepare` does changes: put a hash of the migrations into it. `prepare` gets
    /// the URL of an empty database; parallel test binaries wait for the first one to finish.
    ///
    /// # Errors
    /// When the server cannot be reached, `SWITCHBOARD_TEST_DATABASE_URL` is missing, or `prepare` fails.
    pub async fn fresh<P, F>(template: &str, prepare: P) -> Result<Self>
    where
        P: FnOnce(String) -> F,
        F: Future<Output = Result<()>>,
    {
        let server = settings::address(settings::DATABASE)?;
        let client = connect(&server).await?;
        let template = format!("{TEMPLATE}{}", identifier(template));
        // The lock belongs to this connection, so a killed test binary releases it.
        client.execute("SELECT pg_advisory_lock(hashtext($1))", &[&template]).await?;
        if !exists(&client, &template).await? {
            // Other test binaries sweep the same left-overs; what fails here is theirs or the next run's.
            let _ = sweep(&client).await;
            build(&client, &server, &template, prepare).await?;
        }
        client.execute("SELECT pg_advisory_unlock(hashtext($1))", &[&template]).await?;
        Self::cloned(&client, server, &template).await
    }

    /// An empty database.
    ///
    /// # Errors
    /// When the server cannot be reached or `SWITCHBOARD_TEST_DATABASE_URL` is missing.
    pub async fn empty() -> Result<Self> {
        let server = settings::address(settings::DATABASE)?;
        let client = connect(&server).await?;
        Self::cloned(&client, server, "template1").await
    }

    async fn cloned(client: &Client, server: Url, template: &str) -> Result<Self> {
        let name = names::fresh(PREFIX);
        client
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .with_context(|| format!("could not clone {template}"))?;
        Ok(Self { server, name })
    }

    /// A connection as the database's owner, for what no service may do: edits, look-ups behind the policies.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn owner(&self) -> Result<Client> {
        let url: Url = self.url().parse()?;
        connect(&url).await
    }

    /// The URL to hand to what is tested.
    #[must_use]
    pub fn url(&self) -> String {
        at(&self.server, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        aside::run(async move {
            if let Ok(client) = connect(&server).await {
                let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            }
        });
    }
}

fn at(server: &Url, database: &str) -> String {
    let mut url = server.clone();
    url.set_path(database);
    url.into()
}

/// A name that needs no quoting in SQL.
fn identifier(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .take(40)
        .collect()
}

async fn connect(server: &Url) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(server.as_str(), NoTls)
        .await
        .with_context(|| format!("could not reach the server of {}", settings::DATABASE))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn exists(client: &Client, name: &str) -> Result<bool> {
    Ok(client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await?.is_some())
}

async fn build<P, F>(client: &Client, server: &Url, template: &str, prepare: P) -> Result<()>
where
    P: FnOnce(String) -> F,
    F: Future<Output = Result<()>>,
{
    // Built under another name: a run killed half way must not leave a template that looks whole.
    let building = format!("{template}_new");
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)")).await?;
    client.batch_execute(&format!("CREATE DATABASE {building}")).await?;
    prepare(at(server, &building)).await.context("preparing the template database failed")?;
    // A pool that `prepare` used may close its connections a little later; cloning wants nobody connected.
    client.batch_execute(&format!("ALTER DATABASE {building} WITH ALLOW_CONNECTIONS false")).await?;
    client
        .execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
            &[&building],
        )
        .await?;
    client.batch_execute(&format!("ALTER DATABASE {building} RENAME TO {template}")).await?;
    Ok(())
}

/// Drops what crashed runs left, and templates nobody has built for a day.
async fn sweep(client: &Client) -> Result<()> {
    for row in client.query("SELECT datname FROM pg_database", &[]).await? {
        let name: String = row.get(0);
        if names::is_stale(PREFIX, &name) {
            client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        }
    }
    let old = "SELECT datname FROM pg_database WHERE datname LIKE $1 \
               AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - interval '1 day'";
    for row in client.query(old, &[&format!("{}%", TEMPLATE.replace('_', "\\_"))]).await? {
        let name: String = row.get(0);
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_name_becomes_an_identifier() {
        assert_eq!(identifier("Store-9f3A; DROP"), "store_9f3a__drop");
    }
}
