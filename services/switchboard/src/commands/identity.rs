use std::process::ExitCode;

use anyhow::Context as _;
use reception::{Access, IdentityRules, tools};
use serde_json::{Value, json};

use super::api_keys::audit;
use crate::cli::IdentityArgs;
use crate::out::Out;
use crate::place;

/// `switchboard identity TENANT [RULES]`: which tool asks a tenant's callers for which proof.
pub(crate) async fn run(args: IdentityArgs, out: Out) -> anyhow::Result<ExitCode> {
    let store = place::store(&args.target.state).await?;
    if let Some(text) = &args.rules {
        let rules: Value = serde_json::from_str(text).context("the rules are not JSON")?;
        // Nothing is stored that would be taken as something else later.
        IdentityRules::read(&rules)?;
        let mut tx = store.machinery().await?;
        tx.put_identity_rules(args.tenant, &rules).await?;
        tx.commit().await?;
        let mut tx = store.tenant(args.tenant).await?;
        audit(&mut tx, "identity_rules.set", rules).await?;
        tx.commit().await?;
        out.say("Set. Running services ask by it within half a minute.");
    }
    let mut tx = store.tenant(args.tenant).await?;
    tx.tenant_row().await.context("there is no such tenant")?;
    let rules = IdentityRules::read(&tx.identity_rules().await?)?;
    tx.commit().await?;
    for tool in tools() {
        let needed = serde_json::to_value(rules.needed(tool.name))?;
        let kind = if matches!(tool.access, Access::Reads) { "reads" } else { "writes" };
        out.say(format!("{:22} {kind:7} {}", tool.name, needed.as_str().unwrap_or_default()));
        out.object(&json!({ "tool": tool.name, "needed": needed }));
    }
    Ok(ExitCode::SUCCESS)
}
