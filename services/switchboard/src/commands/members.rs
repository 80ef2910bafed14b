use std::process::ExitCode;

use anyhow::ensure;
use serde_json::json;

use super::api_keys::{audit, of_tenant};
use crate::cli::MembersAction;
use crate::out::Out;
use crate::place;

/// `switchboard members …`.
pub(crate) async fn run(action: MembersAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        MembersAction::List { tenant, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = of_tenant(&store, tenant).await?;
            let members = tx.members().await?;
            tx.commit().await?;
            if members.is_empty() {
                out.say("The tenant has no people yet.");
            }
            for one in members {
                out.say(format!(
                    "{}  {:13} {:28} {} at {}",
                    one.user, one.role, one.name, one.subject, one.issuer
                ));
                out.object(&json!({
                    "id": one.user.to_string(), "role": one.role, "name": one.name, "subject": one.subject,
                    "issuer": one.issuer, "since": one.since.to_string(),
                }));
            }
        }
        MembersAction::Put { tenant, issuer, subject, name, role, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = of_tenant(&store, tenant).await?;
            tx.members_to_change().await?;
            let user = tx.put_member((&issuer, &subject), &name, role, "operator").await?;
            let detail = json!({ "user": user.to_string(), "role": role.as_str() });
            audit(&mut tx, "member.put", detail).await?;
            tx.commit().await?;
            out.say(format!("{user} is {role} of {tenant}."));
            out.object(&json!({ "id": user.to_string(), "role": role.as_str() }));
        }
        MembersAction::Remove { tenant, user, target } => {
            let store = place::store(&target.state).await?;
            let mut tx = of_tenant(&store, tenant).await?;
            tx.members_to_change().await?;
            ensure!(tx.remove_member(user).await?, "the tenant has no such member");
            audit(&mut tx, "member.remove", json!({ "user": user.to_string() })).await?;
            tx.commit().await?;
            out.say(format!("{user} no longer belongs to {tenant}."));
            out.object(&json!({ "id": user.to_string(), "removed": true }));
        }
    }
    Ok(ExitCode::SUCCESS)
}
