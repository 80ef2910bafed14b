use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{ConnectionId, TenantId};
use store::{BudgetUse, Store, StoreError};
use vendor_http::{Budget, BudgetSpent, RateSeen};

/// One practice's budget, counted in the database: exact whatever the number of workers (P9).
pub(crate) struct StoreBudget {
    store: Store,
    tenant: TenantId,
    connection: ConnectionId,
    first: i32,
    percent: i32,
    /// The vendor's limit as last written down.
    known: AtomicU32,
}

impl StoreBudget {
    pub(crate) const fn new(
        store: Store,
        tenant: TenantId,
        connection: ConnectionId,
        first: i32,
        percent: i32,
    ) -> Self {
        Self { store, tenant, connection, first, percent, known: AtomicU32::new(0) }
    }

    async fn take(&self) -> Result<BudgetUse, StoreError> {
        let mut tx = self.store.tenant(self.tenant).await?;
        let used = tx.take_request(self.connection, self.first).await?;
        tx.commit().await?;
        Ok(used)
    }

    async fn close(&self, rest: Duration) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(self.tenant).await?;
        tx.budget_day_spent(self.connection, rest.as_secs_f64()).await?;
        tx.commit().await
    }

    async fn note(&self, seen: RateSeen) -> Result<(), StoreError> {
        let limit = i32::try_from(seen.limit).unwrap_or(i32::MAX);
        let most = (i64::from(limit) * i64::from(self.percent) / 100).clamp(1, i64::from(i32::MAX));
        let most = i32::try_from(most).unwrap_or(i32::MAX);
        let closed = (seen.remaining == 0).then_some(seen.reset.as_secs_f64());
        let mut tx = self.store.tenant(self.tenant).await?;
        tx.budget_advertised(self.connection, limit, most, closed).await?;
        tx.commit().await
    }
}

#[async_trait]
impl Budget for StoreBudget {
    async fn admit(&self) -> Result<(), BudgetSpent> {
        match self.take().await {
            Ok(used) if used.admitted => Ok(()),
            Ok(used) => {
                let retry_after = Duration::try_from_secs_f64(used.wait_s).unwrap_or(Duration::from_secs(1));
                Err(BudgetSpent { retry_after })
            }
            Err(error) => {
                // What cannot be counted is not spent.
                tracing::warn!(connection.id = %self.connection, error = %error, "a budget cannot be read");
                Err(BudgetSpent { retry_after: Duration::from_secs(1) })
            }
        }
    }

    async fn observe(&self, seen: RateSeen) {
        if seen.remaining > 0 && self.known.swap(seen.limit, Ordering::Relaxed) == seen.limit {
            return;
        }
        if let Err(error) = self.note(seen).await {
            self.known.store(0, Ordering::Relaxed);
            tracing::warn!(connection.id = %self.connection, error = %error, "a limit cannot be noted");
        }
    }

    async fn day_spent(&self, rest: Duration) {
        tracing::warn!(connection.id = %self.connection, "a practice's requests of the day are used up");
        if let Err(error) = self.close(rest).await {
            tracing::warn!(connection.id = %self.connection, error = %error, "a day's end cannot be noted");
        }
    }
}
