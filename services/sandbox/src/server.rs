//! The two HTTP ports of the process and their life.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::sikka::webhooks::Outgoing;
use crate::vapi::{self, Player};
use crate::{Sandbox, admin, hooks, oidc, sikka};

const TICK: Duration = Duration::from_millis(20);
/// How long whoever is told may take.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 8 * 1024 * 1024;

/// The ports that were taken, as written to the ports file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Port of the vendors' own paths.
    pub port: u16,
    /// Port of the admin API.
    pub admin_port: u16,
}

/// A listening sandbox. Dropping it leaves the servers running; call [`Running::stop`].
pub struct Running {
    ports: Ports,
    handles: [ServerHandle; 2],
    tasks: [JoinHandle<()>; 4],
}

impl Running {
    /// The ports that were taken.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Closes both ports and every connection at once: a simulator owes nobody a farewell.
    pub async fn stop(self) {
        let [vendor, admin] = &self.handles;
        tokio::join!(vendor.stop(false), admin.stop(false));
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The other end of a vendor connection, kept so that a fault can cut it in the middle of an answer.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) fn cut(&self) {
        // It fails only when the peer has gone first, which is what was wanted.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Binds both ports (0 takes a free one) and serves `sandbox` and the Vapi `player` on them until [`Running::stop`].
///
/// # Errors
/// When a port cannot be bound; the text names it.
pub fn start(
    host: &str,
    port: u16,
    admin_port: u16,
    sandbox: Arc<Sandbox>,
    player: Player,
) -> anyhow::Result<Running> {
    let player = web::Data::new(player);
    let (vendor_listener, port) = bind(host, port)?;
    let (admin_listener, admin_port) = bind(host, admin_port)?;
    sandbox.oidc.set_issuer(format!("http://{host}:{port}/oidc"));
    let data = web::Data::from(Arc::clone(&sandbox));

    let vendor_data = data.clone();
    let vendor = HttpServer::new(move || {
        App::new()
            .app_data(vendor_data.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .configure(oidc::configure)
            .configure(hooks::configure)
            // Last: it answers every other path as Sikka does.
            .configure(sikka::configure)
    })
    .on_connect(|connection, extensions| {
        if let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
            && let Ok(fd) = stream.as_fd().try_clone_to_owned()
        {
            extensions.insert(Wire(TcpStream::from(fd)));
        }
    })
    .workers(2)
    .disable_signals()
    .listen(vendor_listener)?
    .run();

    let admin = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(player.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .configure(admin::configure)
            .configure(oidc::configure_admin)
            .configure(hooks::configure_admin)
            .configure(vapi::configure)
    })
    .workers(1)
    .disable_signals()
    .listen(admin_listener)?
    .run();

    let handles = [vendor.handle(), admin.handle()];
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let teller = Arc::clone(&sandbox);
    let tasks = [
        tokio::spawn(async move {
            if let Err(error) = vendor.await {
                tracing::error!(%error, "the vendor port stopped serving");
            }
        }),
        tokio::spawn(async move {
            if let Err(error) = admin.await {
                tracing::error!(%error, "the admin port stopped serving");
            }
        }),
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                sandbox.catch_up();
            }
        }),
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                let due = teller.sikka.lock().webhooks.take_due();
                for outgoing in due {
                    let (teller, client) = (Arc::clone(&teller), client.clone());
                    tokio::spawn(async move { post(&teller, &client, outgoing).await });
                }
            }
        }),
    ];
    Ok(Running { ports: Ports { port, admin_port }, handles, tasks })
}

/// One try of a webhook.
async fn post(sandbox: &Sandbox, client: &reqwest::Client, outgoing: Outgoing) {
    let mut request = client
        .post(&outgoing.url)
        .header("content-type", "application/json")
        .timeout(WEBHOOK_PATIENCE)
        .body(outgoing.body.clone());
    if let Some(key) = &outgoing.callback_key {
        request = request.header("callback-key", key);
    }
    let status = request.send().await.ok().map(|answer| answer.status().as_u16());
    sandbox.sikka.lock().webhooks.ended(outgoing, status);
}

/// Writes the ports as JSON, whole or not at all, so that a reader never sees half a file.
///
/// # Errors
/// When the file cannot be written or renamed.
pub fn write_ports(path: &Path, ports: Ports) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, serde_json::to_string(&ports)?)?;
    std::fs::rename(&partial, path)?;
    Ok(())
}

fn bind(host: &str, port: u16) -> anyhow::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((host, port))
        .map_err(|error| anyhow::anyhow!("port {port} on {host} cannot be bound: {error}"))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}
