use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use bb8::QueueStrategy;
use diesel::QueryResult;
use diesel::connection::{TransactionDepthChange, TransactionManagerStatus};
use diesel::sql_types::Bool;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _, TransactionManager,
};
use domain::TenantId;
use seal::{HmacKey, KeyRing, SealError, Secret};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::StoreError;
use crate::connect::manager;
use crate::fit::Fitted;

/// How long whoever needs a connection waits for one.
const PATIENCE: Duration = Duration::from_secs(8);

/// A connection of the pool, and the turn that came with it.
pub(crate) struct Connection {
    // In this order: whoever has the next turn finds the connection in the pool.
    conn: PooledConnection<'static, AsyncPgConnection>,
    _turn: OwnedSemaphorePermit,
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &Self::Target {
        &self.conn
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.conn
    }
}

/// The role that sees one tenant.
pub(crate) const APP: &str = "switchboard_app";
/// The role of queues, leases and look-ups.
pub(crate) const MACHINERY: &str = "switchboard_machinery";

/// The database, with the keys that its sealed columns need. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool<AsyncPgConnection>,
    /// One for each connection, given in the order they are asked for. The pool alone gives a free connection to whoever
    /// asks at that moment: few that come again and again would keep the others waiting until they give up.
    turns: Arc<Semaphore>,
    pub(crate) keys: Arc<KeyRing>,
    /// Signs the audit chains of a database that keeps no key for it yet.
    pub(crate) first_audit_key: HmacKey,
    pub(crate) fitted: Arc<OnceCell<Fitted>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Makes a pool of at most `size` connections. Nothing is connected yet: a service may start
    /// before its database does, and says so in `/ready`.
    ///
    /// # Errors
    /// [`StoreError::Seal`] when the ring has no key, [`StoreError::Unavailable`] for a URL that is none.
    pub async fn open(url: &Secret, size: u32, keys: Arc<KeyRing>) -> Result<Self, StoreError> {
        let first_audit_key = keys.derive_hmac("audit").ok_or(SealError::Empty)?;
        let manager = manager(url.expose());
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            // What was used last has its plans, and the server's memory for it is warm.
            .queue_strategy(QueueStrategy::Lifo)
            .test_on_check_out(false)
            .error_sink(Box::new(bb8_sink::Quiet))
            .build_unchecked(manager);
        let turns = Arc::new(Semaphore::new(size as usize));
        Ok(Self { pool, turns, keys, first_audit_key, fitted: Arc::default() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.connection().await?;
        diesel::select(diesel::dsl::sql::<Bool>("true")).get_result::<bool>(&mut conn).await?;
        Ok(())
    }

    /// A transaction that sees and touches `tenant`'s rows only: the database itself enforces it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        let conn = self.begin(APP, Some(tenant), "").await?;
        Ok(TenantTx { conn, tenant, store: self.clone() })
    }

    /// A transaction to read with: all that it reads is of one moment, however many queries that takes. For what is
    /// told together and must agree, such as a connection beside the set-up that made it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tenant_at_one_moment(&self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        let conn = self.begin(APP, Some(tenant), ONE_MOMENT).await?;
        Ok(TenantTx { conn, tenant, store: self.clone() })
    }

    /// A transaction for queues, leases and look-ups that come before a tenant is known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn machinery(&self) -> Result<MachineryTx, StoreError> {
        let conn = self.begin(MACHINERY, None, "").await?;
        Ok(MachineryTx { conn, store: self.clone() })
    }

    async fn begin(
        &self,
        role: &str,
        tenant: Option<TenantId>,
        mode: &str,
    ) -> Result<Connection, StoreError> {
        self.check_keys().await?;
        self.enter_role(role, tenant, mode).await
    }

    pub(crate) async fn enter_role(
        &self,
        role: &str,
        tenant: Option<TenantId>,
        mode: &str,
    ) -> Result<Connection, StoreError> {
        let mut retries = self.retries();
        loop {
            let mut conn = self.connection().await?;
            match enter(&mut conn, role, tenant, mode).await.map_err(StoreError::from) {
                Err(error) if retries.may_help(&error) => {}
                entered => return entered.map(|()| conn),
            }
        }
    }

    /// For what comes first on a connection. A pooled one may have died with a restarted server: the first statement
    /// tells, and the pool drops it. There are never more dead ones than the pool is large, and a dead one says so at
    /// once: what took long failed for another reason.
    pub(crate) fn retries(&self) -> Retries {
        Retries { left: self.pool.state().connections, until: Instant::now() + PATIENCE }
    }

    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        let taking = async {
            let turn = self.turns.clone().acquire_owned().await.ok()?;
            let conn = self.pool.get_owned().await.ok()?;
            Some(Connection { conn, _turn: turn })
        };
        timeout(PATIENCE, taking).await.ok().flatten().ok_or(StoreError::Unavailable)
    }
}

/// How often what comes first on a connection is tried on another one.
pub(crate) struct Retries {
    left: u32,
    until: Instant,
}

impl Retries {
    /// Whether this failure may be the connection's, and there may be a better one.
    pub(crate) fn may_help(&mut self, error: &StoreError) -> bool {
        let left = self.left;
        self.left = left.saturating_sub(1);
        left > 0 && matches!(error, StoreError::Unavailable) && Instant::now() < self.until
    }
}

/// Every query of the transaction is shown what was committed when the first of them began.
const ONE_MOMENT: &str = " ISOLATION LEVEL REPEATABLE READ, READ ONLY";

async fn enter(
    conn: &mut AsyncPgConnection,
    role: &str,
    tenant: Option<TenantId>,
    mode: &str,
) -> QueryResult<()> {
    let tenant = tenant.map(|one| one.uuid().to_string()).unwrap_or_default();
    // In one round trip: there is a transaction in all that is done.
    let begin = format!("BEGIN{mode}; {}", becoming(role, &tenant));
    let begun = AnsiTransactionManager::begin_transaction_sql(conn, &begin).await;
    if begun.is_err() {
        // What failed may have failed after BEGIN, and the pool would not know.
        conn.batch_execute("ROLLBACK").await.ok();
    }
    begun
}

/// For the rest of a transaction. Neither is planned, as a SELECT that sets them would be.
fn becoming(role: &str, tenant: &str) -> String {
    format!("SET LOCAL ROLE {role}; SET LOCAL app.tenant_id = '{tenant}'")
}

/// Commits. PostgreSQL answers the plain COMMIT of a transaction in which a statement failed with a
/// rollback and no error; the statement in front of it, which does what COMMIT would, brings the error, and costs no
/// round trip.
async fn leave(conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
    conn.batch_execute("SET CONSTRAINTS ALL IMMEDIATE; COMMIT").await?;
    // Only now: a connection that is dropped on the way, or that failed, is not used again.
    if let TransactionManagerStatus::Valid(status) =
        AnsiTransactionManager::transaction_manager_status_mut(conn)
    {
        status.change_transaction_depth(TransactionDepthChange::DecreaseDepth)?;
    }
    Ok(())
}

/// A transaction as one tenant. Dropped without [`TenantTx::commit`], it never happened.
pub struct TenantTx {
    pub(crate) conn: Connection,
    pub(crate) tenant: TenantId,
    pub(crate) store: Store,
}

/// A transaction of the machinery. Dropped without [`MachineryTx::commit`], it never happened.
pub struct MachineryTx {
    pub(crate) conn: Connection,
    pub(crate) store: Store,
}

/// Lets what follows in this transaction take longer than a process that does not hang ever would.
pub(crate) async fn allow_an_hour(conn: &mut AsyncPgConnection) -> Result<(), StoreError> {
    Ok(conn.batch_execute("SET LOCAL statement_timeout = '1h'").await?)
}

impl TenantTx {
    /// Changes the role for the statements that follow: a tenant's transaction has the machinery do what a tenant
    /// may have done and must not be able to do. Whoever calls this takes the first role on again, whatever came of
    /// it; after a statement that failed the transaction is over.
    pub(crate) async fn take_on(&mut self, role: &'static str) -> Result<(), StoreError> {
        Ok(self.conn.batch_execute(&format!("SET LOCAL ROLE {role}")).await?)
    }

    /// Whose transaction this is.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Makes it happen.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Unavailable`] it may or may not have happened.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        leave(&mut self.conn).await
    }

    /// Undoes it and gives the connection back whole.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn roll_back(mut self) -> Result<(), StoreError> {
        Ok(AnsiTransactionManager::rollback_transaction(&mut *self.conn).await?)
    }
}

impl MachineryTx {
    /// Goes on as `tenant`, who was not known when this transaction began: one and the same transaction from first to
    /// last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn as_tenant(mut self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        self.conn.batch_execute(&becoming(APP, &tenant.uuid().to_string())).await?;
        Ok(TenantTx { conn: self.conn, tenant, store: self.store })
    }

    /// Makes it happen.
    ///
    /// # Errors
    /// [`StoreError`]; after [`StoreError::Unavailable`] it may or may not have happened.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        leave(&mut self.conn).await
    }
}

mod bb8_sink {
    use bb8::ErrorSink;
    use diesel_async::pooled_connection::PoolError;

    /// Says that connecting failed, once a try, without the URL.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Quiet;

    impl ErrorSink<PoolError> for Quiet {
        fn sink(&self, _error: PoolError) {
            tracing::debug!("a database connection could not be made or was found broken");
        }

        fn boxed_clone(&self) -> Box<dyn ErrorSink<PoolError>> {
            Box::new(*self)
        }
    }
}
