//! The process: settings, then [`webhook_gateway::build`], until SIGTERM.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A webhook is made of many small pieces that one thread makes and another drops: with the system's allocator it costs a
/// quarter more processor, 34 instead of 27 µs by `scripts/bench gateway`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    service::main("webhook-gateway", webhook_gateway::build)
}
