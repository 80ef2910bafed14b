mod alerts;
mod api_keys;
mod audit;
mod bench;
mod chaos;
mod config;
mod connections;
mod demo;
mod doctor;
mod identity;
mod insight;
mod keys;
mod members;
mod parked;
mod sandbox;
mod seed;
mod tenants;
mod timeline;
mod up;
mod writebacks;

use std::process::ExitCode;

use clap::CommandFactory as _;
use serde_json::json;

use crate::cli::{Cli, Command};
use crate::out::Out;
use crate::place;

/// Runs one command to its end.
pub(crate) async fn run(command: Command, out: &Out) -> anyhow::Result<ExitCode> {
    let out = *out;
    match command {
        Command::Up(args) => up::run(args, out).await,
        Command::Demo(args) => demo::run(&args, out).await,
        Command::Migrate(target) => {
            let run = store::migrate(&place::database_url(&target.state)?).await?;
            out.say(match run.len() {
                0 => "The database is up to date.".to_owned(),
                n => format!("{n} migrations run: {}.", run.join(", ")),
            });
            out.object(&json!({ "migrations": run }));
            Ok(ExitCode::SUCCESS)
        }
        Command::Seed(target) => seed::run(&target.state, out).await,
        Command::Tenants { action } => tenants::run(action, out).await,
        Command::Doctor(target) => doctor::run(&target.state, out).await,
        Command::Config { service, config } => config::run(&service, config, out),
        Command::Parked { action } => parked::run(action, out).await,
        Command::Connections { action } => connections::run(action, out).await,
        Command::Writebacks { action } => writebacks::run(action, out).await,
        Command::Alerts { action } => alerts::run(action, out).await,
        Command::Usage(args) => insight::usage(args, out).await,
        Command::Report(args) => insight::report(args, out).await,
        Command::Identity(args) => identity::run(args, out).await,
        Command::ApiKeys { action } => api_keys::run(action, out).await,
        Command::Members { action } => members::run(action, out).await,
        Command::Keys { action } => keys::run(action, out).await,
        Command::Audit { action } => audit::run(action, out).await,
        Command::Sandbox { action, target } => sandbox::run(action, &target.state, out).await,
        Command::Bench(args) => bench::run(&args, out).await,
        Command::Chaos(args) => chaos::run(args, out).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "switchboard", &mut script);
            out.raw(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}
