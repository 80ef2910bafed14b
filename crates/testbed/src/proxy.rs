//! A wire that a test can cut.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Whole,
    Cut,
    Stalled,
}

#[derive(Clone, Copy, Debug)]
struct State {
    wire: Wire,
    delay: Duration,
}

/// A TCP proxy on a local port in front of one server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy in front of the server that `url` names. [`Proxy::in_front_of`] gives the URL that goes through it.
    ///
    /// # Errors
    /// When `url` names no host and port, or no local port can be bound.
    pub async fn to(url: &str) -> Result<Self> {
        let parsed = Url::parse(url).context("the proxied address is not a URL")?;
        let host = parsed.host_str().context("the proxied URL names no host")?.to_owned();
        let port = parsed.port_or_known_default().context("the proxied URL names no port")?;
        let server = lookup_host((host, port)).await?.next().context("the proxied host has no address")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, watching) = watch::channel(State { wire: Wire::Whole, delay: Duration::ZERO });
        let accepting = tokio::spawn(accept(listener, server, watching));
        Ok(Self { address, state, accepting })
    }

    /// `url` with its host and port replaced by the proxy's.
    ///
    /// # Errors
    /// When `url` is not a URL with a host.
    pub fn in_front_of(&self, url: &str) -> Result<String> {
        let mut url = Url::parse(url)?;
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(self.address.port())).ok().context("the URL cannot carry a port")?;
        Ok(url.into())
    }

    /// The address the proxy listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection at once, and every new one, until [`Proxy::heal`].
    pub fn cut(&self) {
        self.state.send_modify(|state| state.wire = Wire::Cut);
    }

    /// Keeps connections open and passes nothing on, as a dead network does, until [`Proxy::heal`].
    pub fn stall(&self) {
        self.state.send_modify(|state| state.wire = Wire::Stalled);
    }

    /// Holds every piece of data back for this long, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Ends a cut, a stall or a delay.
    pub fn heal(&self) {
        self.state.send_replace(State { wire: Wire::Whole, delay: Duration::ZERO });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, state: watch::Receiver<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if state.borrow().wire == Wire::Cut {
            continue;
        }
        let state = state.clone();
        tokio::spawn(async move {
            let Ok(upstream) = TcpStream::connect(server).await else { return };
            let _ = client.set_nodelay(true);
            let _ = upstream.set_nodelay(true);
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = upstream.into_split();
            tokio::select! {
                () = pump(from_client, to_server, state.clone()) => {}
                () = pump(from_server, to_client, state) => {}
            }
        });
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let now = *state.borrow_and_update();
        let read = tokio::select! {
            changed = state.changed() => {
                if changed.is_err() { return }
                continue;
            }
            read = from.read(&mut buffer), if now.wire == Wire::Whole => read,
            () = std::future::ready(()), if now.wire == Wire::Cut => return,
        };
        let Ok(length @ 1..) = read else { return };
        if !now.delay.is_zero() {
            tokio::time::sleep(now.delay).await;
        }
        // Data read before a cut or a stall stays here, as it would in a network.
        if state.wait_for(|state| state.wire != Wire::Stalled).await.is_err()
            || state.borrow().wire == Wire::Cut
            || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}
