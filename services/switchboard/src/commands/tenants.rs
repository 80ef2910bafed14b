use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use domain::TenantId;
use serde_json::json;
use store::{NumberOwner, Store, StoreError, Tenant};

use super::api_keys::{audit, of_tenant};
use super::seed::DEMO;
use crate::cli::TenantsAction;
use crate::out::Out;
use crate::place;

/// `switchboard tenants …`.
pub(crate) async fn run(action: TenantsAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        TenantsAction::Add { slug, name, language, target } => {
            add(&place::store(&target.state).await?, slug, name, language, out).await?;
        }
        TenantsAction::List { target } => {
            let store = place::store(&target.state).await?;
            let mut tx = store.machinery().await?;
            let tenants = tx.tenants().await?;
            tx.commit().await?;
            if tenants.is_empty() {
                out.say("There are no tenants.");
            }
            for one in tenants {
                out.say(format!("{}  {:24} {}  {}", one.id, one.slug, one.language, one.name));
                out.object(&json!({
                    "id": one.id.to_string(), "slug": one.slug, "name": one.name, "language": one.language,
                }));
            }
        }
        TenantsAction::Number { tenant, practice, number, vendor_id, assistant_id, target } => {
            let store = place::store(&target.state).await?;
            let owner = NumberOwner { tenant, practice, assistant_id };
            give(&store, &owner, &number, vendor_id.as_deref()).await?;
            out.say(format!("{number} is answered for {practice}."));
            out.object(&json!({
                "tenant": tenant.to_string(), "practice": practice.to_string(), "number": number,
                "vendor_id": vendor_id, "assistant_id": owner.assistant_id,
            }));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(store: &Store, slug: String, name: String, language: String, out: Out) -> anyhow::Result<()> {
    ensure!(is_slug(&slug), "--slug must be 1 to 63 lower-case letters, digits and hyphens");
    ensure!(
        !slug.starts_with(DEMO),
        "--slug must not begin with {DEMO}: what does is switched off by the next demo"
    );
    ensure!((1..=200).contains(&name.trim().chars().count()), "--name must have 1 to 200 characters");
    let tenant = Tenant { id: TenantId::new(), slug, name: name.trim().to_owned(), language };
    let mut tx = store.machinery().await?;
    match tx.put_tenant(&tenant).await {
        Err(StoreError::Refused { .. }) => anyhow::bail!("there is a tenant with the slug {}", tenant.slug),
        other => other?,
    }
    tx.commit().await?;
    let mut tx = store.tenant(tenant.id).await?;
    audit(&mut tx, "tenant.add", json!({ "slug": tenant.slug })).await?;
    tx.commit().await?;
    out.say(format!("{} is {}.", tenant.name, tenant.id));
    out.object(&json!({
        "id": tenant.id.to_string(), "slug": tenant.slug, "name": tenant.name, "language": tenant.language,
    }));
    Ok(())
}

/// Gives a number to a location. One of another tenant's stays theirs: their callers would be told of our patients.
async fn give(
    store: &Store,
    owner: &NumberOwner,
    number: &str,
    vendor_id: Option<&str>,
) -> anyhow::Result<()> {
    ensure!(is_e164(number), "the number must be in the form +15550100002");
    let tx = of_tenant(store, owner.tenant).await?;
    tx.commit().await?;
    let mut tx = store.machinery().await?;
    for (number, vendor_id) in [(Some(number), None), (None, vendor_id)] {
        let is_theirs =
            tx.number_owner(number, vendor_id).await?.is_some_and(|known| known.tenant != owner.tenant);
        ensure!(!is_theirs, "the number is another tenant's");
    }
    match tx.put_phone_number(owner, number, vendor_id).await {
        Err(StoreError::Refused { .. }) => {
            anyhow::bail!("the tenant has no such practice, or the vendor's id is another number's")
        }
        other => other?,
    }
    tx.commit().await?;
    let mut tx = store.tenant(owner.tenant).await?;
    audit(&mut tx, "number.put", json!({ "number": number, "practice": owner.practice.to_string() })).await?;
    tx.commit().await.context("the number is given, and that is not on record")
}

fn is_slug(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(is_fit)
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_fit_for_an_address_and_a_number_is_whole() {
        assert!(is_slug("larkmoor-2") && !is_slug("") && !is_slug("Larkmoor") && !is_slug("a_b"));
        assert!(is_e164("+15550100002"));
        for wrong in ["15550100002", "+0155501000", "+1 555 0100", "+155", "+1555010000212345"] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }
}
