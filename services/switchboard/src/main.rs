#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod out;
mod place;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // A provider that was installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let out = out::Out::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.failed(&error.into()),
    };
    match runtime.block_on(commands::run(cli.command, &out)) {
        Ok(code) => code,
        Err(error) => out.failed(&error),
    }
}
