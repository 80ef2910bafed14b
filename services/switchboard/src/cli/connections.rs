use clap::{Args, Subcommand};
use domain::{ConnectionId, TenantId};
use uuid::Uuid;

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsAction {
    /// List every connection, and every office on its way to one.
    List {
        /// Only this tenant's: `ten_…`.
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        target: Target,
    },
    /// Show one connection: what it can do, in which words. Its secrets stay sealed.
    Show {
        /// Its id: `conn_…`.
        id: ConnectionId,
        #[command(flatten)]
        target: Target,
    },
    /// Try a connection at the vendor, and read anew what it can do.
    Test {
        /// Its id: `conn_…`.
        id: ConnectionId,
        #[command(flatten)]
        target: Target,
    },
    /// Use a connection again, if it works.
    Enable {
        /// Its id: `conn_…`.
        id: ConnectionId,
        #[command(flatten)]
        target: Target,
    },
    /// Use a connection no more, until it is enabled.
    Disable {
        /// Its id: `conn_…`.
        id: ConnectionId,
        #[command(flatten)]
        target: Target,
    },
    /// Try an office again that was given up or refused, for another seven days.
    Retry {
        /// The setup's id, as `list` shows it.
        setup: Uuid,
        #[command(flatten)]
        target: Target,
    },
    /// Choose the words of a practice's own system; without any, show what there is to choose from.
    Words(WordsArgs),
    /// Make the address at which the vendor tells of a tenant's installs. It is shown this once.
    Link {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// End every earlier address of the tenant's.
        #[arg(long)]
        revoke: bool,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Args, Clone)]
pub(crate) struct WordsArgs {
    /// The connection: `conn_…`.
    pub(crate) id: ConnectionId,
    /// The status that takes an appointment out of the calendar.
    #[arg(long, value_name = "WORD")]
    pub(crate) cancel: Option<String>,
    /// What a caller's note is filed as.
    #[arg(long, value_name = "KIND")]
    pub(crate) note: Option<String>,
    /// Whom new patients are filed under, by the vendor's id.
    #[arg(long, value_name = "VENDOR_ID")]
    pub(crate) clinician: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}
