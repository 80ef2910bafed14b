use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use domain::{PracticeId, TenantId};

use super::Target;

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsAction {
    /// Make a tenant: a clinic or a group of them, with its people, keys and locations to itself.
    Add {
        /// A short name that no other tenant has: lower-case letters, digits and hyphens.
        #[arg(long)]
        slug: String,
        /// What it calls itself.
        #[arg(long)]
        name: String,
        /// The language of its callers, where a call does not say.
        #[arg(long, default_value = "en", value_parser = PossibleValuesParser::new(["en", "es", "fr"]))]
        language: String,
        #[command(flatten)]
        target: Target,
    },
    /// List the tenants.
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Give a phone number to a location: who calls it is its caller.
    Number {
        /// The tenant: `ten_…`.
        tenant: TenantId,
        /// The location: `prac_…`, as `connections list --json` shows it.
        practice: PracticeId,
        /// The number callers dial: `+15550100002`.
        number: String,
        /// The voice vendor's own id of it.
        #[arg(long)]
        vendor_id: Option<String>,
        /// The assistant that answers, where the vendor asks for it at each call.
        #[arg(long)]
        assistant_id: Option<String>,
        #[command(flatten)]
        target: Target,
    },
}
