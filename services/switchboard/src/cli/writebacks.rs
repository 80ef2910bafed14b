use clap::{Args, Subcommand};
use domain::{ConnectionId, PracticeId, WritebackId, WritebackState};
use jiff::Timestamp;
use writebacks::DropOutcome;

use super::Target;

/// How a write that may be tried again has ended.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Over {
    Failed,
    Parked,
}

/// Which writes a command is about.
#[derive(Debug, Args, Clone)]
pub(crate) struct WhichWrites {
    /// Only of this location: `prac_…`.
    #[arg(long)]
    pub(crate) practice: Option<PracticeId>,
    /// Only those that are where they are for this reason: `outcome_unknown`.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Only those asked for at this time or later: `2026-11-01T00:00:00Z`.
    #[arg(long)]
    pub(crate) since: Option<Timestamp>,
    /// Only those asked for before this time.
    #[arg(long)]
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WritebacksAction {
    /// List the writes in a state, oldest first, with the reason and what to do.
    List {
        /// queued, sending, unknown, submitted, succeeded, failed or parked.
        #[arg(id = "in", value_name = "STATE", default_value = "parked")]
        state: WritebackState,
        /// Also those that were replayed or dropped since.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        which: WhichWrites,
        #[command(flatten)]
        target: Target,
    },
    /// Show one write: why it is where it is, what to do, and every try. Its content stays sealed.
    Show {
        /// Its id: `wb_…`.
        id: WritebackId,
        #[command(flatten)]
        target: Target,
    },
    /// Sort failed and parked writes by what would become of a replay: safe, already applied, stale,
    /// conflicting. The practices' systems are asked; nothing is changed.
    Plan {
        /// Their ids; none: all that fit the filter.
        ids: Vec<WritebackId>,
        /// Only those that failed, or only those that are parked.
        #[arg(id = "in", long = "in", value_name = "STATE", conflicts_with = "ids")]
        over: Option<Over>,
        #[command(flatten)]
        which: WhichWrites,
        #[command(flatten)]
        target: Target,
    },
    /// Try failed and parked writes again, and wait until every one was taken up.
    Replay {
        /// Their ids.
        #[arg(required_unless_present = "all")]
        ids: Vec<WritebackId>,
        /// All that fit the filter.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// How many a minute.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i32).range(1..))]
        per_minute: i32,
        /// Stop once so many were refused, failed or were parked again; no more than that are under way at once.
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
        stop_after: Option<i32>,
        /// Do not wait.
        #[arg(long)]
        no_wait: bool,
        /// Only those that failed, or only those that are parked.
        #[arg(id = "in", long = "in", value_name = "STATE", conflicts_with = "ids")]
        over: Option<Over>,
        #[command(flatten)]
        which: WhichWrites,
        #[command(flatten)]
        target: Target,
    },
    /// End a run of replays: what had its turn goes its own way, the rest stays as it was.
    Stop {
        /// Its id, as `replay` printed it.
        run: uuid::Uuid,
        #[command(flatten)]
        target: Target,
    },
    /// Give a queued, failed or parked write up: it is entered by hand, or no longer wanted.
    Drop {
        /// Its id: `wb_…`.
        id: WritebackId,
        /// `entered_by_hand`: its time stays busy until a newer copy of the calendar was read. `not_wanted`: its
        /// time is free at once.
        #[arg(long)]
        outcome: DropOutcome,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// End a parked write by what staff found in the practice's own system.
    Settle {
        /// Its id: `wb_…`.
        id: WritebackId,
        /// The practice's system holds it, under this id.
        #[arg(
            long,
            value_name = "VENDOR_ID",
            required_unless_present = "not_there",
            conflicts_with = "not_there"
        )]
        landed: Option<String>,
        /// The practice's system does not hold it: its time is given back.
        #[arg(long)]
        not_there: bool,
        #[command(flatten)]
        target: Target,
    },
    /// List what staff have to do, the most pressing first.
    Tasks {
        /// Also say for whom and what: it is patients' data, and reading it is audited.
        #[arg(long)]
        wanted: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Set a practice's night, and the hours its server is on, by its own clock.
    Hours {
        /// The connection: `conn_…`.
        connection: ConnectionId,
        /// When what failed is tried again.
        #[arg(long, value_name = "HH:MM", default_value = "02:00")]
        night: jiff::civil::Time,
        /// From when its server is on; without it that is learnt.
        #[arg(long, value_name = "HH:MM", requires = "up_until")]
        up_from: Option<jiff::civil::Time>,
        /// Until when its server is on.
        #[arg(long, value_name = "HH:MM", requires = "up_from")]
        up_until: Option<jiff::civil::Time>,
        #[command(flatten)]
        target: Target,
    },
}
