//! The line to the broker: one connection at a time, dialled again for as long as the bus lives.
//!
//! A connection that broke is thrown away with its channels, and everyone who used it starts anew on the next one. The
//! client library could repair connections in place, but it gives up after a number of attempts, and does not repair a
//! channel that the broker closed or a consumer that the broker cancelled; starting anew covers all of it with one path.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::BusConfig;
use crate::error::BusError;

/// The connection in use, or none while the broker is away.
pub(crate) type Link = Option<Arc<Connection>>;

const FIRST_PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn address(config: &BusConfig) -> Result<AMQPUri, BusError> {
    let mut uri: AMQPUri = config.url.parse().map_err(|_| BusError::Address)?;
    let heartbeat = u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX);
    uri.query.heartbeat.get_or_insert(heartbeat);
    Ok(uri)
}

pub(crate) async fn dial(uri: &AMQPUri, config: &BusConfig) -> Result<Connection, BusError> {
    let properties = ConnectionProperties::default().with_connection_name(config.app_id.as_bytes().into());
    match timeout(config.connect_timeout, Connection::connect_uri(uri.clone(), properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) if error.is_amqp_error() => {
            Err(BusError::Refused { what: "the connection".into(), why: error.to_string() })
        }
        Ok(Err(error)) => Err(BusError::Unavailable(error.to_string())),
        Err(_) => Err(BusError::Unavailable("no answer in time".into())),
    }
}

/// Keeps a connection in `link` until `hang_up`.
pub(crate) async fn keep(
    uri: AMQPUri,
    config: BusConfig,
    mut first: Option<Connection>,
    link: watch::Sender<Link>,
    hang_up: CancellationToken,
) {
    let up = metrics::gauge!("bus_connected");
    let mut pause = FIRST_PAUSE;
    while !hang_up.is_cancelled() {
        let dialled = match first.take() {
            Some(connection) => Ok(connection),
            None => tokio::select! {
                () = hang_up.cancelled() => break,
                dialled = dial(&uri, &config) => dialled,
            },
        };
        match dialled {
            Ok(connection) => {
                info!("connected to the broker");
                up.set(1.0);
                let connection = Arc::new(connection);
                link.send_replace(Some(connection.clone()));
                attend(&connection, &hang_up).await;
                link.send_replace(None);
                up.set(0.0);
                if hang_up.is_cancelled() {
                    let _ = timeout(config.connect_timeout, connection.close(200, "bye".into())).await;
                    break;
                }
                warn!("lost the connection to the broker, dialling again");
                pause = FIRST_PAUSE;
            }
            Err(error) if pause == FIRST_PAUSE => warn!(%error, "could not reach the broker, trying on"),
            Err(error) => debug!(%error, "could not reach the broker"),
        }
        tokio::select! {
            () = hang_up.cancelled() => break,
            () = sleep(pause) => pause = (pause * 2).min(config.reconnect_pause),
        }
    }
}

/// Returns once the connection is of no more use.
async fn attend(connection: &Connection, hang_up: &CancellationToken) {
    let mut events = pin!(connection.events_listener());
    // The listener hears only what happens after it was made, so the state is looked at as well.
    let mut look = interval(Duration::from_millis(500));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while connection.status().connected() {
        tokio::select! {
            () = hang_up.cancelled() => return,
            _ = events.next() => {}
            _ = look.tick() => {}
        }
    }
}

/// The connection in use, as soon as there is one; never, once the bus is closed.
pub(crate) async fn connected(link: &mut watch::Receiver<Link>) -> Arc<Connection> {
    let found = match link.wait_for(Option::is_some).await {
        Ok(found) => found.clone(),
        Err(_) => None,
    };
    match found {
        Some(connection) => connection,
        None => std::future::pending().await,
    }
}
