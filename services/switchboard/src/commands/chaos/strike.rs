//! The three hands that carry out a plan: one kills processes, one kills servers, one turns the
//! sandbox's dials.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::plan::{At, Dial, Processes, Servers as Strike};
use crate::commands::sandbox::Sandbox;
use crate::out::Out;
use crate::stack::{Fleet, Server, Servers};

/// How often each thing was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Kills by what was killed.
    pub(super) kills: BTreeMap<String, u64>,
    /// Processes that ended though nobody killed them.
    pub(super) died: Vec<String>,
}

fn tell(out: Out, began: Instant, what: &str) {
    out.say(format!("{:7.1} s  {what}", began.elapsed().as_secs_f64()));
}

/// Kills services, and starts them again.
pub(super) async fn processes(
    fleet: &mut Fleet,
    strikes: &[At<Processes>],
    began: Instant,
    out: Out,
) -> anyhow::Result<Done> {
    let mut done = Done::default();
    for strike in strikes {
        sleep_until(began + strike.at).await;
        for name in fleet.revive()? {
            if name == "sandbox" {
                bail!("the sandbox ended by itself, and the practices' records with it");
            }
            tell(out, began, &format!("{name} had died by itself"));
            done.died.push(name);
        }
        tell(out, began, &format!("kill -9 {}", strike.what.names.join(" ")));
        for name in &strike.what.names {
            if let Some(child) = fleet.child(name) {
                child.kill().await;
                *done.kills.entry(name.trim_end_matches("-2").to_owned()).or_default() += 1;
            }
        }
        sleep(strike.what.down).await;
        for name in &strike.what.names {
            if let Some(child) = fleet.child(name) {
                child.start()?;
            }
        }
    }
    Ok(done)
}

/// However slowly a server comes back, everything else gets so long to find it again.
const REST: Duration = Duration::from_secs(8);

/// Kills the broker and the database, and starts them again.
pub(super) async fn servers(
    servers: &Servers,
    strikes: &[At<Strike>],
    began: Instant,
    out: Out,
) -> anyhow::Result<Done> {
    let mut done = Done::default();
    let mut rested = began;
    for strike in strikes {
        sleep_until(rested.max(began + strike.at)).await;
        let names: Vec<&str> = strike.what.which.iter().map(|server| server.name()).collect();
        tell(out, began, &format!("kill -9 {}", names.join(" and ")));
        let crash = async |server: Server| {
            if strike.what.which.contains(&server) {
                servers.crash(server, strike.what.down).await?;
                tell(out, began, &format!("the {} is back", server.name()));
            }
            anyhow::Ok(())
        };
        tokio::try_join!(crash(Server::Broker), crash(Server::Database))?;
        for name in names {
            *done.kills.entry(name.to_owned()).or_default() += 1;
        }
        rested = Instant::now() + REST;
    }
    Ok(done)
}

/// Turns the sandbox's dials. Returns what was booked at the desks meanwhile, each with its office.
pub(super) async fn dials(
    sandbox: &Sandbox,
    offices: &[String],
    turns: &[At<Dial>],
    began: Instant,
    out: Out,
) -> Vec<(String, u64)> {
    let mut by_hand = Vec::new();
    for turn in turns {
        sleep_until(began + turn.at).await;
        match dial(sandbox, offices, &turn.what).await {
            Ok(taken) => by_hand.extend(taken),
            // One fault less; on a machine this busy there are enough of them.
            Err(error) => tell(out, began, &format!("a dial was not turned: {error:#}")),
        }
    }
    by_hand
}

async fn dial(sandbox: &Sandbox, offices: &[String], dial: &Dial) -> anyhow::Result<Option<(String, u64)>> {
    match dial {
        Dial::Faults(faults) => {
            sandbox.post("/admin/sikka/faults", faults).await?;
        }
        Dial::Offline { office, lasts } => {
            let Some(office) = offices.get(*office) else { return Ok(None) };
            online(sandbox, office, false).await?;
            sleep(*lasts).await;
            online(sandbox, office, true).await?;
        }
        Dial::KeysExpire { office } => {
            let Some(office) = offices.get(*office) else { return Ok(None) };
            let path = format!("/admin/sikka/offices/{office}/expire_key");
            sandbox.ask(Method::POST, &path, None).await?;
        }
        Dial::DeskIsFaster => return take_a_time(sandbox, offices).await,
    }
    Ok(None)
}

/// So often is looked for a booking that is on its way.
const LOOKS: usize = 8;

/// Books by hand what one of our bookings has asked for and does not have yet.
async fn take_a_time(sandbox: &Sandbox, offices: &[String]) -> anyhow::Result<Option<(String, u64)>> {
    for _ in 0..LOOKS {
        for office in offices {
            let writes = sandbox.get(&format!("/admin/sikka/offices/{office}/writebacks")).await?;
            let booking = writes
                .as_array()
                .into_iter()
                .flatten()
                .find(|write| write["state"] == "pending" && write["body"]["operatory"].is_string());
            let Some(booking) = booking else { continue };
            let mut body = json!({ "description": "Booked at the desk" });
            for name in ["patient_id", "provider_id", "operatory", "date", "time", "length"] {
                body[name] = booking["body"][name].clone();
            }
            let path = format!("/admin/sikka/offices/{office}/pms/appointments");
            // It may have arrived in this very moment: then the desk is told that the time is taken.
            let (_, made) = sandbox.ask(Method::POST, &path, Some(&body)).await?;
            return Ok(made["appointment_sr_no"].as_u64().map(|number| (office.clone(), number)));
        }
        sleep(Duration::from_millis(250)).await;
    }
    Ok(None)
}

async fn online(sandbox: &Sandbox, office: &str, online: bool) -> anyhow::Result<()> {
    let path = format!("/admin/sikka/offices/{office}/spu");
    sandbox.put(&path, &json!({ "online": online })).await?;
    Ok(())
}

/// Puts every dial back and brings every process up.
pub(super) async fn heal(sandbox: &Sandbox, offices: &[String], fleet: &mut Fleet) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    while let Err(error) = put_back(sandbox, offices).await {
        if Instant::now() >= until {
            return Err(error);
        }
        sleep(Duration::from_secs(1)).await;
    }
    fleet.revive()?;
    fleet.ready(Duration::from_secs(90)).await
}

async fn put_back(sandbox: &Sandbox, offices: &[String]) -> anyhow::Result<()> {
    sandbox.put("/admin/sikka/faults", &json!({})).await?;
    for office in offices {
        online(sandbox, office, true).await?;
    }
    Ok(())
}
