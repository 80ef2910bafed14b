use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use domain::TenantId;
use serde_json::{Value, json};
use store::Store;
use tokio::time::{Instant, sleep};

use super::OFFICE;
use super::clinic::Clinic;
use crate::commands::connections;
use crate::commands::demo::caller::Caller;
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::DEMO;
use crate::place::Place;

const SOON: Duration = Duration::from_secs(120);
/// Until the vendor lists an office that bought: long enough for the notice to be early.
const LAG_S: u64 = 5;
/// Until the vendor would copy its data by itself; the demo has it copied as soon as the office is seen waiting.
const LOAD_S: u64 = 120;
const WEBHOOKS: &str = "/admin/sikka/webhooks";
const STATUS: &str = "/api/pms/status";

/// Takes the office from the demo that had it before: an office is one tenant's.
pub(super) async fn free_the_office(store: &Store) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let (holders, tenants) = (tx.connections_of_office("sikka", OFFICE).await?, tx.tenants().await?);
    tx.commit().await?;
    for holder in holders.iter().filter(|one| one.status != "disabled") {
        let is_demo = tenants.iter().any(|one| one.id == holder.due.tenant && one.slug.starts_with(DEMO));
        ensure!(is_demo, "the office {OFFICE} is connected to {}, which is no demo", holder.due.tenant);
        connections::disable(store, holder.due.connection).await?;
    }
    Ok(())
}

/// The clinic buys the application at the vendor, and is connected by the vendor's notice alone.
pub(super) async fn play(
    place: &Place,
    store: &Store,
    sandbox: &Sandbox,
    (tenant, clinic): (TenantId, &Clinic),
    caller: &Caller,
) -> anyhow::Result<Value> {
    caller.scene("A clinic buys the application at the vendor.");
    let before = sandbox.get(WEBHOOKS).await?;
    let (secret, _) = connections::make_link(store, tenant, false).await?;
    let gateway = place.gateway.first().context("no gateway runs")?;
    // A setting of webhooks replaces all of them: what tells of changes stays.
    let told = json!({
        "install_url": format!("{gateway}/api/sikka/install/{secret}"),
        "change_url": format!("{gateway}/api/sikka/webhook"), "callback_key": place.callback_key,
    });
    sandbox.put(WEBHOOKS, &told).await?;
    let installed = buys(sandbox, clinic, caller).await;
    let has_key = !before["callback_key"].is_null();
    let as_before = json!({
        "install_url": before["install_url"], "change_url": before["change_url"],
        "callback_key": has_key.then_some(&place.callback_key),
    });
    sandbox.put(WEBHOOKS, &as_before).await?;
    installed
}

async fn buys(sandbox: &Sandbox, clinic: &Clinic, caller: &Caller) -> anyhow::Result<Value> {
    let nothing = clinic.get(STATUS).await?;
    ensure!(nothing["connections"] == json!([]), "a clinic that has bought nothing is connected: {nothing}");
    let purchase = json!({ "lag_seconds": LAG_S, "load_seconds": LOAD_S, "copies": 2 });
    let sent = sandbox.post(&format!("/admin/sikka/offices/{OFFICE}/purchase"), &purchase).await?;
    ensure!(sent["sent"] == json!(true), "the vendor sent no notice: {sent}");

    let early = until(clinic, "confirming").await?;
    ensure!(
        early["connections"] == json!([]),
        "a notice was believed that the vendor did not confirm: {early}"
    );
    caller.held(
        "confirming: the notice came twice and early; nothing is connected that the vendor does not list",
    );

    let waits = until(clinic, "onboarding").await?;
    let connection = &waits["connections"][0];
    ensure!(connection["status"] == "onboarding", "an office without data is {}", connection["status"]);
    ensure!(connection["lastError"].is_null(), "an office without data is an error: {connection}");
    caller.held("onboarding: the location is switched on, its data is on the way, and that is no error");

    sandbox.post(&format!("/admin/sikka/offices/{OFFICE}/refresh"), &json!({})).await?;
    let done = until(clinic, "done").await?;
    let connection = done["connections"][0].clone();
    ensure!(connection["status"] == "active", "an installed office is {}", connection["status"]);
    ensure!(done["ready"] == json!(true), "an installed clinic is not ready: {done}");
    let features = connection["features"].as_array().cloned().unwrap_or_default();
    for feature in ["book_appointment", "cancel_appointment", "add_note", "record_payment", "read_balance"] {
        ensure!(features.contains(&json!(feature)), "{feature} was not found: {connection}");
    }
    let office = sandbox.get(&format!("/admin/sikka/offices/{OFFICE}")).await?;
    ensure!(office["access_on"] == json!(true), "the location is not switched on at the vendor");
    caller.held(format!(
        "done: the connection is active on {}, and {} things it can do were found",
        connection["system"].as_str().unwrap_or("?"),
        features.len()
    ));
    Ok(connection)
}

/// Waits until the install has come to `state`.
async fn until(clinic: &Clinic, state: &str) -> anyhow::Result<Value> {
    let until = Instant::now() + SOON;
    loop {
        let status = clinic.get(STATUS).await?;
        let now = status["setups"][0]["state"].as_str().unwrap_or("not told of yet").to_owned();
        if now == state {
            return Ok(status);
        }
        if ["refused", "gave_up", "cancelled", "done"].contains(&now.as_str()) || Instant::now() >= until {
            bail!("the install is {now} and should come to be {state}: {}", status["setups"]);
        }
        sleep(Duration::from_millis(50)).await;
    }
}
