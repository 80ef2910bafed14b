//! Command line and environment of the process.

use std::path::PathBuf;

use clap::Parser;

use crate::sikka::profile::Profile;
use crate::sikka::seed::Seed;
use crate::vapi::PlayerSettings;

/// Imitates the vendors Switchboard talks to, on one machine and without an account anywhere.
#[derive(Debug, Clone, Parser)]
#[command(name = "sandbox", version)]
pub struct Config {
    /// Address both ports bind to.
    #[arg(long, env = "SANDBOX_HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port of the vendors' own paths (`/v4/...`); 0 takes a free one.
    #[arg(long, env = "SANDBOX_PORT", default_value_t = 7700)]
    pub port: u16,
    /// Port of the admin API (`/admin/...`); 0 takes a free one.
    #[arg(long, env = "SANDBOX_ADMIN_PORT", default_value_t = 7701)]
    pub admin_port: u16,
    /// Number the invented data is drawn from; the same number and day give the same offices.
    #[arg(long, env = "SANDBOX_SEED", default_value_t = 1)]
    pub seed: u64,
    /// How many Sikka offices to invent.
    #[arg(long, env = "SANDBOX_OFFICES", default_value_t = 1)]
    pub offices: u32,
    /// Practice-management systems of the offices, in turn, comma-separated.
    #[arg(long, env = "SANDBOX_PMS", value_enum, value_delimiter = ',', default_value = "open_dental")]
    pub pms: Vec<Profile>,
    /// Windows time-zone names of the offices, in turn, comma-separated.
    #[arg(long, env = "SANDBOX_ZONES", value_delimiter = ',', default_value = "Eastern Standard Time")]
    pub zones: Vec<String>,
    /// Shortest time a writeback takes, in milliseconds of the simulated clock.
    #[arg(long, env = "SANDBOX_WRITEBACK_MIN_MS", default_value_t = 20_000)]
    pub writeback_min_ms: u64,
    /// Longest time a writeback takes, in milliseconds of the simulated clock.
    #[arg(long, env = "SANDBOX_WRITEBACK_MAX_MS", default_value_t = 160_000)]
    pub writeback_max_ms: u64,
    /// Directory of further call scripts for the Vapi player.
    #[arg(long, env = "SANDBOX_CALLS_DIR")]
    pub calls_dir: Option<PathBuf>,
    /// Where the gateway is that the Vapi player calls, e.g. `http://127.0.0.1:8080`.
    #[arg(long, env = "SANDBOX_GATEWAY_URL")]
    pub gateway_url: Option<String>,
    /// What is logged: a level, or `target=level` separated by commas.
    #[arg(long, env = "SANDBOX_LOG", default_value = "info,actix_server=warn")]
    pub log: String,
    /// File that receives `{"port":…,"admin_port":…}` once both ports listen.
    #[arg(long, env = "SANDBOX_PORTS_FILE")]
    pub ports_file: Option<PathBuf>,
}

impl Config {
    /// The seed these settings describe.
    ///
    /// # Errors
    /// When a zone is not a Windows name this sandbox knows, or the writeback times are the wrong way round.
    pub fn seed(&self) -> anyhow::Result<Seed> {
        let seed = Seed {
            seed: self.seed,
            offices: self.offices,
            pms: self.pms.clone(),
            zones: self.zones.clone(),
            writeback_min_ms: self.writeback_min_ms,
            writeback_max_ms: self.writeback_max_ms,
            ..Seed::default()
        };
        seed.check().map_err(anyhow::Error::msg)?;
        Ok(seed)
    }

    /// What the Vapi player starts with; each call may say otherwise.
    pub fn player(&self) -> PlayerSettings {
        PlayerSettings {
            calls_dir: self.calls_dir.clone(),
            gateway_url: self.gateway_url.clone(),
            ..PlayerSettings::default()
        }
    }
}
