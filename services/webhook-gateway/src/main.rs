//! The process: settings, then [`webhook_gateway::build`], until SIGTERM.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::main("webhook-gateway", webhook_gateway::build)
}
