use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;
use tokio::time::sleep;

use crate::out::Out;
use crate::place::write_private;

/// The database and the broker: the ones the environment names, or private ones.
pub(crate) struct Servers {
    scripts: PathBuf,
    postgres: Option<PathBuf>,
    rabbitmq: Option<PathBuf>,
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    _alone: File,
}

fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Two commands in one place would stop each other's servers.
fn alone(state: &Path) -> anyhow::Result<File> {
    let file = state.join("up.lock");
    let lock = File::create(&file).with_context(|| format!("cannot write {}", file.display()))?;
    lock.try_lock().ok().with_context(|| {
        format!(
            "another `switchboard` runs in {}: stop it, or name another place with --state",
            state.display()
        )
    })?;
    Ok(lock)
}

impl Servers {
    /// Starts what the environment does not name, under `state`; refused where another command has servers already.
    pub(crate) async fn start(state: &Path, out: Out) -> anyhow::Result<Self> {
        let (database, broker) = (given("DATABASE_URL"), given("AMQP_URL"));
        let mut servers = Self {
            _alone: alone(state)?,
            scripts: scripts()?,
            postgres: database.is_none().then(|| state.join("postgres")),
            rabbitmq: broker.is_none().then(|| state.join("rabbitmq")),
            database_url: database.unwrap_or_default(),
            amqp_url: broker.unwrap_or_default(),
        };
        if let Err(error) = servers.bring_up(out).await {
            servers.stop().await;
            return Err(error);
        }
        Ok(servers)
    }

    /// Private ones under `state`, whatever the environment names: they are not started yet.
    pub(crate) fn private(state: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            _alone: alone(state)?,
            scripts: scripts()?,
            postgres: Some(state.join("postgres")),
            rabbitmq: Some(state.join("rabbitmq")),
            database_url: String::new(),
            amqp_url: String::new(),
        })
    }

    /// Starts the private ones.
    pub(crate) async fn bring_up(&mut self, out: Out) -> anyhow::Result<()> {
        if self.postgres.is_some() || self.rabbitmq.is_some() {
            out.say("Starting a private PostgreSQL and RabbitMQ.");
        }
        let start = async |script: &str, dir: &Option<PathBuf>, url: &str| match dir {
            Some(dir) => self.tell(script, "start", dir).await,
            None => Ok(url.to_owned()),
        };
        let (database, broker) = tokio::join!(
            start("private-postgres", &self.postgres, &self.database_url),
            start("private-rabbitmq", &self.rabbitmq, &self.amqp_url),
        );
        (self.database_url, self.amqp_url) = (database?, broker?);
        Ok(())
    }

    /// Runs one verb of a server's script, and returns what it printed.
    async fn tell(&self, script: &str, verb: &str, dir: &Path) -> anyhow::Result<String> {
        let output = Command::new(self.scripts.join(script))
            .arg(verb)
            .arg(dir)
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("{script} cannot be run"))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("{}", words.lines().last().unwrap_or("a server could not be started"));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Stops what was started here, and nothing else.
    pub(crate) async fn stop(&self) {
        self.tell_both("stop").await;
    }

    /// Kills what was started here, and deletes everything it kept.
    pub(crate) async fn remove(&self) {
        self.tell_both("remove").await;
    }

    async fn tell_both(&self, verb: &str) {
        let tell = async |script: &str, dir: &Option<PathBuf>| {
            if let Some(dir) = dir {
                // It says itself what went wrong; there is nothing more to do about it here.
                let _ = self.tell(script, verb, dir).await;
            }
        };
        tokio::join!(tell("private-postgres", &self.postgres), tell("private-rabbitmq", &self.rabbitmq));
    }

    /// Kills a private server as a crash would, and starts it again after a while.
    pub(crate) async fn crash(&self, which: Server, down: Duration) -> anyhow::Result<()> {
        let (script, dir) = match which {
            Server::Database => ("private-postgres", &self.postgres),
            Server::Broker => ("private-rabbitmq", &self.rabbitmq),
        };
        let dir = dir.as_deref().context("only a private server may be killed")?;
        self.tell(script, "kill", dir).await?;
        sleep(down).await;
        self.tell(script, "start", dir).await?;
        Ok(())
    }
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Database,
    Broker,
}

impl Server {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Broker => "broker",
        }
    }
}

/// `scripts/lib` of the checkout: above the program, or where we stand.
fn scripts() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let here = std::env::current_dir()?;
    program
        .ancestors()
        .chain(here.ancestors())
        .map(|folder| folder.join("scripts/lib"))
        .find(|folder| folder.join("private-postgres").exists())
        .context("scripts/lib is not here: run this from a checkout, or set DATABASE_URL and AMQP_URL")
}

/// The stack's own encryption key: made once, kept with the data it seals.
pub(crate) fn encryption_key(state: &Path) -> anyhow::Result<String> {
    let file = state.join("encryption.key");
    if let Ok(text) = std::fs::read_to_string(&file) {
        return Ok(text.trim().to_owned());
    }
    let key = format!("k1:{}", STANDARD.encode(seal::random::<32>()?));
    write_private(&file, &key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_command_in_the_same_place_is_refused_until_the_first_has_ended() {
        let place = std::env::temp_dir().join(format!("switchboard-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&place).unwrap();
        let first = alone(&place).unwrap();
        let refused = alone(&place).unwrap_err().to_string();
        assert!(refused.starts_with("another `switchboard` runs in "), "{refused}");
        drop(first);
        assert!(alone(&place).is_ok());
        std::fs::remove_dir_all(&place).unwrap();
    }
}
