use clap::Subcommand;
use domain::{ApiKeyId, Permission, Role, TenantId, UserId};
use jiff::Timestamp;

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeysAction {
    /// Make a key and show it, this once.
    Create {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What it may do: `patients.read`, … Given again for each.
        #[arg(long = "scope", value_name = "PERMISSION", required_unless_present = "all_scopes")]
        scopes: Vec<Permission>,
        /// It may do everything, also what is added later.
        #[arg(long, conflicts_with = "scopes")]
        all_scopes: bool,
        /// When it stops working: `2027-01-31T00:00:00Z`.
        #[arg(long)]
        expires_at: Option<Timestamp>,
        #[command(flatten)]
        target: Target,
    },
    /// List a tenant's keys; the keys themselves are kept nowhere.
    List {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// Also those that were revoked or have expired.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Revoke a key: it opens nothing any more.
    Revoke {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// The key: `key_…`.
        key: ApiKeyId,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum MembersAction {
    /// List a tenant's people.
    List {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        #[command(flatten)]
        target: Target,
    },
    /// Take somebody in, or change what they are.
    Put {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// Who says who they are: the `issuer` of the services' settings.
        #[arg(long)]
        issuer: String,
        /// What the issuer calls them: the `sub` of their tokens.
        #[arg(long)]
        subject: String,
        /// What colleagues call them.
        #[arg(long)]
        name: String,
        /// owner, manager, receptionist, clinician or auditor.
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        target: Target,
    },
    /// End somebody's membership.
    Remove {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// The person: `user_…`.
        user: UserId,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Count what is sealed under which key of ENCRYPTION_KEY.
    Status {
        #[command(flatten)]
        target: Target,
    },
    /// Seal everything anew under the newest key, while the services run. May be stopped and begun again.
    Rotate {
        #[command(flatten)]
        target: Target,
    },
}
