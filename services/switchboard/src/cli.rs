mod access;
mod connections;
mod insight;
mod tenants;
mod writebacks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use access::{ApiKeysAction, KeysAction, MembersAction};
pub(crate) use connections::{ConnectionsAction, WordsArgs};
pub(crate) use insight::{AlertsAction, DestinationsAction, ReportArgs, UsageArgs};
pub(crate) use tenants::TenantsAction;
pub(crate) use writebacks::{Over, WhichWrites, WritebacksAction};

/// The operator's hand: start Switchboard on one machine, look into it, and settle what is stuck.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version)]
pub(crate) struct Cli {
    /// Answer in JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine, play the demo call, and stay up until Ctrl-C.
    Up(UpArgs),
    /// Play a call through the running stack.
    Demo(DemoArgs),
    /// Bring the database to this version.
    Migrate(Target),
    /// Make a demo tenant with one practice, and switch off those of earlier demos.
    Seed(Target),
    /// Clinics: make one, list them, give one a phone number.
    Tenants {
        #[command(subcommand)]
        action: TenantsAction,
    },
    /// Check the broker, the database, the topology and the balances; say what to do.
    Doctor(Target),
    /// Print a service's settings in force, secrets hidden.
    Config {
        /// webhook-gateway, pms-api, sikka-worker or token-refresher.
        service: String,
        /// The TOML file the service is given.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Messages that were set aside.
    Parked {
        #[command(subcommand)]
        action: ParkedAction,
    },
    /// Links to the practices' systems: make, try, switch off, choose their words.
    Connections {
        #[command(subcommand)]
        action: ConnectionsAction,
    },
    /// Writes to the practices' systems, and those that were set aside for staff.
    Writebacks {
        #[command(subcommand)]
        action: WritebacksAction,
    },
    /// What somebody should look at, and where alerts are sent to.
    Alerts {
        #[command(subcommand)]
        action: AlertsAction,
    },
    /// What each practice has used of its requests, this minute and this day.
    Usage(UsageArgs),
    /// The questions an operator asks often: success, errors, access, keys, writes.
    Report(ReportArgs),
    /// Show, or set, which tool asks a tenant's callers for which proof of who they are.
    Identity(IdentityArgs),
    /// Keys for programs that use the REST API.
    ApiKeys {
        #[command(subcommand)]
        action: ApiKeysAction,
    },
    /// Who belongs to a tenant, and as what.
    Members {
        #[command(subcommand)]
        action: MembersAction,
    },
    /// The keys that everything secret is sealed with.
    Keys {
        #[command(subcommand)]
        action: KeysAction,
    },
    /// The record of who read or wrote what about which patient.
    Audit {
        #[command(subcommand)]
        action: AuditAction,
    },
    /// Set the sandbox's faults and clock, and look into its stores.
    Sandbox {
        #[command(subcommand)]
        action: SandboxAction,
        #[command(flatten)]
        target: Target,
    },
    /// Measure what this machine does, beside what it could do at most: one JSON object a line.
    Bench(BenchArgs),
    /// Kill services, broker and database under load, and compare what was said with what is so.
    Chaos(ChaosArgs),
    /// Print a completion script.
    Completion {
        /// bash, zsh, fish, …
        shell: Shell,
    },
}

#[derive(Debug, Args, Clone)]
pub(crate) struct UpArgs {
    /// Where the private servers, logs and keys of this stack live.
    #[arg(long, default_value = ".local")]
    pub(crate) state: PathBuf,
    /// Play the demo, check it, stop everything, and exit 0 or 1.
    #[arg(long)]
    pub(crate) once: bool,
    /// How many of each service.
    #[arg(long, default_value_t = 1)]
    pub(crate) replicas: u16,
    /// The first port: gateway, pms-api, sandbox and its admin API take this and the next ones where they are free.
    #[arg(long, default_value_t = 7700)]
    pub(crate) port: u16,
    /// The call to play.
    #[arg(long, default_value = "maria-books")]
    pub(crate) call: String,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct BenchArgs {
    /// What to measure.
    pub(crate) name: BenchName,
    /// How long to measure each thing; for `writeback`, the longest that a practice's system takes for a write; for
    /// `refresher`, how long a key lives.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// For `refresher`: how many connections, 2,000 otherwise.
    #[arg(long)]
    pub(crate) connections: Option<usize>,
    /// For `writebacks-at-size`: how many practices, 500 otherwise.
    #[arg(long)]
    pub(crate) practices: Option<usize>,
    /// For `writebacks-at-size`: how many writes over all practices, 20,000 otherwise.
    #[arg(long)]
    pub(crate) writes: Option<usize>,
    /// Where the private servers of the measurement live: not those of `switchboard up`.
    #[arg(long, default_value = ".local/bench")]
    pub(crate) state: PathBuf,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchName {
    /// Signed webhooks a second, each answered after the broker's confirm.
    Gateway,
    /// What a tool call takes beyond the time of the practice's own system; memory at rest.
    ToolCall,
    /// How soon a write that the practice's system has made is known.
    Writeback,
    /// Keys of thousands of connections on one refresher: none expired, when they are refreshed, what it costs.
    Refresher,
    /// Tens of thousands of writes over hundreds of practices in two workers: how long, within which budgets.
    WritebacksAtSize,
    /// All of these.
    All,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct ChaosArgs {
    /// How long things are broken; bringing everything up and to rest takes some minutes more.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) minutes: f64,
    /// The same seed breaks the same things at the same moments, and plays the same calls.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Where the run's own directory is made. It is removed at the end of a good run.
    #[arg(long, default_value = ".local")]
    pub(crate) state: PathBuf,
    /// Keep the run's directory, with its logs and its database, in any case.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct DemoArgs {
    /// The call to play: a name from `switchboard sandbox calls`; or `sikka`: a clinic from the day it connects to
    /// the night its server was down.
    #[arg(default_value = "maria-books")]
    pub(crate) call: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Which stack a command is about: the environment's `DATABASE_URL` and `AMQP_URL`, or the one that
/// `switchboard up` runs here.
#[derive(Debug, Args, Clone)]
pub(crate) struct Target {
    /// Where a running `switchboard up` keeps its files; `DATABASE_URL`, `AMQP_URL` and `ENCRYPTION_KEY`, where set, go
    /// before it.
    #[arg(long, default_value = ".local")]
    pub(crate) state: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedAction {
    /// List what is set aside.
    List {
        /// Also what was replayed since.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Show one message: where it was, why it is here, how large it is. Its content stays sealed.
    Show {
        /// Its id.
        id: uuid::Uuid,
        #[command(flatten)]
        target: Target,
    },
    /// Send messages to the queue they came from.
    Replay {
        /// Their ids.
        #[arg(required_unless_present = "all")]
        ids: Vec<uuid::Uuid>,
        /// All of them.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Args, Clone)]
pub(crate) struct IdentityArgs {
    /// The tenant: `ten_…`.
    pub(crate) tenant: domain::TenantId,
    /// `{"otherwise": "phone", "tools": {"getPatientBalance": "name_and_birth"}}`, each of none, phone and
    /// name_and_birth; what is left out is strict.
    pub(crate) rules: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditAction {
    /// Read every chain from end to end: finds an edited, a removed and a truncated record.
    Verify {
        /// Ends written down earlier by `audit anchor`, one JSON object a line.
        #[arg(long)]
        anchors: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// Print where every chain ends now, to be kept outside the database.
    Anchor {
        #[command(flatten)]
        target: Target,
    },
    /// Print a tenant's latest records.
    List {
        /// The tenant: `ten_…`.
        tenant: domain::TenantId,
        /// How many.
        #[arg(long, default_value_t = 50)]
        last: i64,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxAction {
    /// What it documents and what it assumes.
    Banner,
    /// The calls it can play.
    Calls,
    /// Any of its admin API: `get /admin/sikka/offices`, `put /admin/sikka/offices/D10001/spu '{"online":false}'`.
    Call {
        /// get, put, post, patch or delete.
        method: String,
        /// The path.
        path: String,
        /// A JSON body.
        body: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_two_arguments_of_a_command_have_one_name() {
        Cli::command().debug_assert();
    }
}
