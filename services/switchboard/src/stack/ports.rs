use std::net::TcpListener;

use anyhow::Context as _;

/// `wanted` where it is free, otherwise one the system gives.
pub(crate) fn free_port(wanted: u16) -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wanted))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .context("no port of 127.0.0.1 can be listened on")?;
    Ok(listener.local_addr()?.port())
}
