use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;
use tokio_postgres::NoTls;

/// A server that vanished without a word is given up after this, not after the system's quarter of
/// an hour.
const SILENCE: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(3);

/// A process that hangs must not keep its locks from everybody else.
const LIMITS: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

/// Connects the way every connection of the pool is made.
pub(crate) fn manager(url: &str) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    let mut config = ManagerConfig::<AsyncPgConnection>::default();
    config.custom_setup = Box::new(|url| connect(url.to_owned()).boxed());
    AsyncDieselConnectionManager::new_with_config(url, config)
}

async fn connect(url: String) -> ConnectionResult<AsyncPgConnection> {
    // Neither text may carry the URL, which holds a password.
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|_| ConnectionError::InvalidConnectionUrl("not a PostgreSQL URL".to_owned()))?;
    config
        .connect_timeout(KEEPALIVE)
        .keepalives_idle(SILENCE)
        .keepalives_interval(KEEPALIVE)
        .keepalives_retries(3)
        .tcp_user_timeout(SILENCE);
    let (client, connection) = config
        .connect(NoTls)
        .await
        .map_err(|_| ConnectionError::BadConnection("the server does not answer".to_owned()))?;
    let mut conn = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
    conn.batch_execute(LIMITS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}
