//! `switchboard bench NAME`: what this machine does, beside what it could do at most, taken in the same run.
//!
//! Every result is one line of JSON. The servers are private ones, and so is everything in them.

mod at_size;
mod ceiling;
mod clinics;
mod gateway;
mod load;
mod numbers;
mod refresher;
mod tool_call;
mod twin;
mod writeback;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use seal::{KeyRing, Secret};
use store::{KeyLife, Store};

use crate::cli::{BenchArgs, BenchName};
use crate::out::Out;
use crate::stack::{Servers, encryption_key};

/// What every measurement starts from: servers that run, a database at this version.
struct Bench<'a> {
    state: &'a Path,
    servers: &'a Servers,
    encryption_key: String,
    store: Store,
    seconds: Option<u64>,
    connections: Option<usize>,
    practices: Option<usize>,
    writes: Option<usize>,
    out: Out,
}

impl<'a> Bench<'a> {
    async fn prepare(
        state: &'a Path,
        servers: &'a Servers,
        args: &BenchArgs,
        out: Out,
    ) -> anyhow::Result<Self> {
        let database_url = Secret::new(servers.database_url.clone());
        store::migrate(&database_url).await.context("the database cannot be brought to this version")?;
        let encryption_key = encryption_key(state)?;
        let keys = Arc::new(KeyRing::parse(&encryption_key)?);
        let store = Store::open(&database_url, 4, keys).await?;
        let BenchArgs { seconds, connections, practices, writes, .. } = *args;
        Ok(Self { state, servers, encryption_key, store, seconds, connections, practices, writes, out })
    }

    /// How the keys of all connections stand.
    async fn key_lives(&self) -> anyhow::Result<Vec<KeyLife>> {
        let mut tx = self.store.machinery().await?;
        let lives = tx.key_lives().await?;
        tx.commit().await?;
        Ok(lives)
    }

    /// How long to measure, unless the caller said otherwise.
    fn lasting(&self, seconds: u64) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(seconds).max(1))
    }
}

/// `switchboard bench NAME`.
pub(crate) async fn run(args: &BenchArgs, out: Out) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(&args.state)
        .with_context(|| format!("cannot make the directory {}", args.state.display()))?;
    let state = args.state.canonicalize()?;
    let servers = Servers::start(&state, out).await?;
    let outcome = async { measure(&Bench::prepare(&state, &servers, args, out).await?, args.name).await };
    let outcome = outcome.await;
    servers.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn measure(bench: &Bench<'_>, name: BenchName) -> anyhow::Result<()> {
    bench.out.result(&numbers::machine());
    let all = name == BenchName::All;
    if all || name == BenchName::Gateway {
        gateway::run(bench).await?;
    }
    if all || name == BenchName::ToolCall {
        tool_call::run(bench).await?;
    }
    if all || name == BenchName::Writeback {
        writeback::run(bench).await?;
    }
    if all || name == BenchName::Refresher {
        refresher::run(bench).await?;
    }
    if all || name == BenchName::WritebacksAtSize {
        at_size::run(bench).await?;
    }
    Ok(())
}
