use clap::{Args, Subcommand, ValueEnum};
use domain::{AlertDestinationId, AlertId, ConnectionId, TenantId};
use jiff::Timestamp;
use seal::Secret;

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsAction {
    /// List what somebody should look at, newest first: what happened, and what to do.
    List {
        /// Also alerts that are over.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Show one alert, and where it was sent.
    Show {
        /// Its id: `alert_…`.
        id: AlertId,
        #[command(flatten)]
        target: Target,
    },
    /// Close alerts by hand. Where the cause is still there, they come again.
    Resolve {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<AlertId>,
        #[command(flatten)]
        target: Target,
    },
    /// Send an alert once more to the places where it was given up on.
    Retry {
        /// Its id: `alert_…`.
        id: AlertId,
        #[command(flatten)]
        target: Target,
    },
    /// Where a tenant's alerts are sent to. The operator's own Slack is SLACK_WEBHOOK_URL of pms-api.
    Destinations {
        #[command(subcommand)]
        action: DestinationsAction,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DestinationsAction {
    /// List a tenant's.
    List {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        #[command(flatten)]
        target: Target,
    },
    /// Send a tenant's alerts to a URL from now on. Prints the secret that deliveries are signed with, once.
    Add {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// `https`, to a public address.
        #[arg(value_parser = secret)]
        url: Secret,
        /// As staff call it.
        #[arg(long, default_value = "webhook")]
        name: String,
        /// Let it be `http` and lead to this machine or its network; pms-api needs `allow_local_urls` for it, too.
        #[arg(long)]
        local: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Send no more alerts to a place.
    Remove {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// The place: `dest_…`.
        id: AlertDestinationId,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Args, Clone)]
pub(crate) struct UsageArgs {
    /// Only of this tenant: `ten_…`.
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
    /// Set how many requests the plan of this connection allows a day: `conn_…`.
    #[arg(long, value_name = "CONNECTION", requires = "per_day")]
    pub(crate) quota: Option<ConnectionId>,
    /// With `--quota`: so many; 0 takes the quota back.
    #[arg(long, requires = "quota", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) per_day: Option<i32>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args, Clone)]
pub(crate) struct ReportArgs {
    /// What to report on.
    pub(crate) name: ReportName,
    /// From this time on: `2026-11-01T00:00:00Z`. A day ago unless said.
    #[arg(long)]
    pub(crate) since: Option<Timestamp>,
    /// Only on this tenant: `ten_…`.
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// What can be reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportName {
    /// How often each action went well.
    SuccessRate,
    /// How many actions of each hour went wrong.
    ErrorRate,
    /// Who read or wrote how many patients' data.
    PatientAccess,
    /// Keys that end within two hours.
    TokensExpiring,
    /// Writes that have been under way for more than half an hour.
    StuckWritebacks,
    /// Writes that failed or were set aside, by what and why.
    FailedWritebacks,
}

impl From<ReportName> for store::Report {
    fn from(name: ReportName) -> Self {
        match name {
            ReportName::SuccessRate => Self::SuccessRate,
            ReportName::ErrorRate => Self::ErrorRate,
            ReportName::PatientAccess => Self::PatientAccess,
            ReportName::TokensExpiring => Self::TokensExpiring,
            ReportName::StuckWritebacks => Self::StuckWritebacks,
            ReportName::FailedWritebacks => Self::FailedWritebacks,
        }
    }
}

/// A URL may be a secret: it must not be printed with the arguments.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::from(text))
}
