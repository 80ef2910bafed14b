use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bus::{Bus, BusConfig, Letter, topology};
use domain::{ConnectionId, TenantId};
use messages::{Named as _, v1};
use serde_json::{Value, json};
use store::{Connection, OutgoingLetter, Setup, SetupRef, Store};
use uuid::Uuid;

use super::api_keys::audit;
use crate::cli::{ConnectionsAction, WordsArgs};
use crate::out::Out;
use crate::place;

/// Who it was, in the record.
const OPERATOR: &str = "operator";
/// A vendor may take its time for a test.
const PATIENCE: Duration = Duration::from_secs(45);

/// `switchboard connections …`.
pub(crate) async fn run(action: ConnectionsAction, out: Out) -> anyhow::Result<ExitCode> {
    match action {
        ConnectionsAction::List { tenant, target } => {
            list(&place::store(&target.state).await?, tenant, out).await?;
        }
        ConnectionsAction::Show { id, target } => {
            let store = place::store(&target.state).await?;
            let (tenant, one) = row(&store, id).await?;
            show(&object(tenant, &one, &setups(&store, tenant).await?), out)?;
        }
        ConnectionsAction::Test { id, target } => {
            let test = v1::ConnectionTest { connection_id: id.to_string(), enable: false };
            return asked(&target.state, id, v1::setup_question::Ask::Test(test), "It works.", out).await;
        }
        ConnectionsAction::Enable { id, target } => {
            let test = v1::ConnectionTest { connection_id: id.to_string(), enable: true };
            return asked(&target.state, id, v1::setup_question::Ask::Test(test), "It is used again.", out)
                .await;
        }
        ConnectionsAction::Disable { id, target } => {
            let store = place::store(&target.state).await?;
            disable(&store, id).await?;
            out.say(format!("{id} is used no more."));
            out.object(&json!({ "disabled": id.to_string() }));
        }
        ConnectionsAction::Retry { setup, target } => {
            retry(&place::store(&target.state).await?, setup, out).await?;
        }
        ConnectionsAction::Words(args) => return words(args, out).await,
        ConnectionsAction::Link { tenant, revoke, target } => {
            link(&place::store(&target.state).await?, tenant, revoke, out).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(store: &Store, tenant: Option<TenantId>, out: Out) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let tenants = tx.tenants().await?;
    tx.commit().await?;
    let mut none = true;
    for tenant in tenants.iter().filter(|one| tenant.is_none_or(|wanted| wanted == one.id)) {
        let mut tx = store.tenant_at_one_moment(tenant.id).await?;
        let (connections, setups) = (tx.connections().await?, tx.setups(100).await?);
        tx.commit().await?;
        for one in connections {
            none = false;
            let object = object(tenant.id, &one, &setups);
            out.say(format!(
                "{}  {:11} {} {} of {} ({})",
                one.id,
                object["status"].as_str().unwrap_or_default(),
                one.vendor,
                object["office"].as_str().unwrap_or("?"),
                tenant.name,
                object["system"].as_str().unwrap_or("system not known yet"),
            ));
            out.object(&object);
        }
        for one in setups.iter().filter(|one| one.state != "done" && one.state != "cancelled") {
            none = false;
            let why = one.reason.as_deref().unwrap_or("just told");
            let what = match one.state.as_str() {
                "gave_up" | "refused" => format!("not connected, {}", one.id),
                _ => "on its way".to_owned(),
            };
            out.say(format!("  {what}: {} of {}: {} ({why})", one.office, tenant.name, one.state));
            out.object(&setup(tenant.id, one));
        }
    }
    if none {
        out.say("There is no connection.");
    }
    Ok(())
}

fn setup(tenant: TenantId, one: &Setup) -> Value {
    json!({
        "setup": one.id, "tenant": tenant.to_string(), "vendor": one.vendor, "office": one.office, "state": one.state,
        "reason": one.reason, "connection": one.connection.map(|id| id.to_string()), "attempts": one.attempts,
        "next_try_at": one.due_at.to_string(),
    })
}

fn object(tenant: TenantId, one: &Connection, setups: &[Setup]) -> Value {
    let waits_for = setups
        .iter()
        .find(|setup| {
            setup.connection == Some(one.id) && matches!(setup.state.as_str(), "confirming" | "onboarding")
        })
        .and_then(|setup| setup.reason.as_deref());
    let (config, can) = (&one.config, one.capabilities.as_ref());
    let status = if one.status == "pending" { "onboarding" } else { one.status.as_str() };
    json!({
        "id": one.id.to_string(), "tenant": tenant.to_string(), "practice": one.practice.to_string(),
        "vendor": one.vendor, "status": status, "waits_for": waits_for, "office": config["office_id"], "location": config["practice_id"],
        "system": can.map_or(&config["system"], |can| &can["system"]),
        "features": can.map(|can| &can["operations"]),
        "cancel_word": config["words"]["cancelled"], "statuses": config["words"]["statuses"],
        "note_kind": config["words"]["note"], "note_kinds": config["words"]["notes"],
        "default_clinician": config["default_clinician"], "payment_types": config["payment_types"],
        "key_expires_at": one.token_expires_at.map(|at| at.to_string()), "last_error": one.last_error,
    })
}

fn show(object: &Value, out: Out) -> anyhow::Result<()> {
    if out.is_json() {
        out.object(object);
    } else {
        out.say(serde_json::to_string_pretty(object)?);
    }
    Ok(())
}

async fn row(store: &Store, id: ConnectionId) -> anyhow::Result<(TenantId, Connection)> {
    let mut tx = store.machinery().await?;
    let tenant = tx.tenant_of(id).await.context("there is no such connection")?;
    tx.commit().await?;
    let mut tx = store.tenant(tenant).await?;
    let one = tx.connection(id).await?;
    tx.commit().await?;
    Ok((tenant, one))
}

const ON_ITS_WAY: &str = "The practice's data is on its way to the vendor for the first time. That takes hours and is no \
     error: it becomes active by itself.";

/// Asks the worker that owns the connection, and tells what came of it.
async fn asked(
    state: &Path,
    id: ConnectionId,
    ask: v1::setup_question::Ask,
    well: &str,
    out: Out,
) -> anyhow::Result<ExitCode> {
    let store = place::store(state).await?;
    let (tenant, one) = row(&store, id).await?;
    let question =
        v1::SetupQuestion { tenant_id: tenant.to_string(), actor: OPERATOR.to_owned(), ask: Some(ask) };
    let bus = Bus::connect(BusConfig::new(place::amqp_url(state)?.expose(), "switchboard"))
        .await
        .context("the broker cannot be reached; is RabbitMQ running, and is AMQP_URL right?")?;
    let letter = Letter::new(v1::SetupQuestion::NAME, question.to_bytes()).tenant(tenant.to_string());
    let reply = bus.ask(&topology::pms_setup(&one.vendor), letter, PATIENCE).await;
    bus.close().await;
    let reply = reply.context("no worker answered; does sikka-worker run?")?;
    match v1::SetupReply::from_bytes(&reply.body)?.answer.context("the worker's answer is empty")? {
        v1::setup_reply::Answer::Connection(report) => {
            let (tenant, one) = row(&store, id).await?;
            out.say(if report.status == "pending" { ON_ITS_WAY } else { well });
            show(&object(tenant, &one, &setups(&store, tenant).await?), out)?;
            Ok(ExitCode::SUCCESS)
        }
        v1::setup_reply::Answer::Problem(problem) => {
            let what = if problem.field.is_empty() {
                format!("{} {}", problem.kind, problem.code)
            } else {
                format!("{} {}", problem.field, problem.rule)
            };
            out.say(format!("It does not work: {}", what.trim()));
            out.object(&json!({
                "ok": false, "kind": problem.kind, "code": problem.code, "field": problem.field, "rule": problem.rule,
            }));
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn setups(store: &Store, tenant: TenantId) -> anyhow::Result<Vec<Setup>> {
    let mut tx = store.tenant(tenant).await?;
    let setups = tx.setups(100).await?;
    tx.commit().await?;
    Ok(setups)
}

/// Has an office tried again that was given up or refused.
async fn retry(store: &Store, id: Uuid, out: Out) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    let Some(tenant) = tx.reopen_setup(SetupRef::Id(id)).await? else {
        bail!("there is no such office that was given up or refused; see `switchboard connections list`");
    };
    tx.commit().await?;
    let mut tx = store.tenant(tenant).await?;
    audit(&mut tx, "connection.retry", json!({ "setup": id.to_string() })).await?;
    tx.commit().await?;
    out.say("It is tried again.");
    out.object(&json!({ "retried": id.to_string() }));
    Ok(())
}

/// Uses a connection no more, and says so to every process.
pub(crate) async fn disable(store: &Store, id: ConnectionId) -> anyhow::Result<()> {
    let (tenant, _) = row(store, id).await?;
    let body = v1::ConnectionChanged { tenant_id: tenant.to_string(), connection_id: id.to_string() };
    let mut tx = store.tenant(tenant).await?;
    tx.disable_connection(id).await?;
    audit(&mut tx, "connection.disable", json!({ "connection": id.to_string() })).await?;
    tx.send(&OutgoingLetter::event("connection.changed", v1::ConnectionChanged::NAME, &body.to_bytes()))
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn words(args: WordsArgs, out: Out) -> anyhow::Result<ExitCode> {
    if args.cancel.is_none() && args.note.is_none() && args.clinician.is_none() {
        let store = place::store(&args.target.state).await?;
        let (_, one) = row(&store, args.id).await?;
        let words = &one.config["words"];
        show(
            &json!({
                "cancel_word": words["cancelled"], "statuses": words["statuses"],
                "note_kind": words["note"], "note_kinds": words["notes"],
                "default_clinician": one.config["default_clinician"],
            }),
            out,
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let choose = v1::ConnectionChoices {
        connection_id: args.id.to_string(),
        cancel_word: args.cancel.unwrap_or_default(),
        note_kind: args.note.unwrap_or_default(),
        default_clinician: args.clinician.unwrap_or_default(),
        ..v1::ConnectionChoices::default()
    };
    asked(&args.target.state, args.id, v1::setup_question::Ask::Choose(choose), "Chosen.", out).await
}

/// The secret of a new install address of a tenant's, and how many earlier ones it ended.
pub(crate) async fn make_link(
    store: &Store,
    tenant: TenantId,
    revoke: bool,
) -> anyhow::Result<(String, usize)> {
    let secret = seal::sha256_hex(&seal::random::<32>()?);
    let mut tx = store.machinery().await?;
    if !tx.tenant_exists(tenant).await? {
        bail!("there is no such tenant");
    }
    let ended = if revoke { tx.revoke_install_links(tenant, "sikka").await? } else { 0 };
    tx.add_install_link(tenant, "sikka", &seal::sha256(secret.as_bytes())).await?;
    tx.commit().await?;
    let mut tx = store.tenant(tenant).await?;
    audit(&mut tx, "install_link.make", json!({ "ended": ended })).await?;
    tx.commit().await?;
    Ok((secret, ended))
}

async fn link(store: &Store, tenant: TenantId, revoke: bool, out: Out) -> anyhow::Result<()> {
    let (secret, ended) = make_link(store, tenant, revoke).await?;
    let path = format!("/api/sikka/install/{secret}");
    out.say("Give this address to the vendor's portal, for purchases and for cancellations. It is shown this once:");
    out.say(format!("    https://your-gateway{path}"));
    out.object(&json!({ "tenant": tenant.to_string(), "path": path, "secret": secret, "ended": ended }));
    Ok(())
}
