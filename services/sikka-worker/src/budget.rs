use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{ConnectionId, TenantId};
use store::{BudgetUse, Store, StoreError};
use tracing::field::{DisplayValue, display};
use vendor_http::{Budget, BudgetSpent, RateSeen};

use crate::connect::VENDOR;

/// Whose requests a budget counts.
#[derive(Clone, Copy)]
enum Whose {
    /// One practice's.
    Practice(TenantId, ConnectionId),
    /// What is asked in the application's own name, for whichever practice.
    Application,
}

/// A budget counted in the database: exact whatever the number of workers (P9).
pub(crate) struct StoreBudget {
    store: Store,
    whose: Whose,
    first: i32,
    percent: i32,
    /// The vendor's limit as last written down.
    known: AtomicU32,
}

impl StoreBudget {
    /// One practice's.
    pub(crate) const fn practice(
        store: Store,
        (tenant, connection): (TenantId, ConnectionId),
        first: i32,
        percent: i32,
    ) -> Self {
        let whose = Whose::Practice(tenant, connection);
        Self { store, whose, first, percent, known: AtomicU32::new(0) }
    }

    /// The application's own: one for all its practices and workers.
    pub(crate) const fn application(store: Store, first: i32, percent: i32) -> Self {
        Self { store, whose: Whose::Application, first, percent, known: AtomicU32::new(0) }
    }

    async fn take(&self) -> Result<BudgetUse, StoreError> {
        match self.whose {
            Whose::Practice(tenant, connection) => {
                self.store.take_request(tenant, connection, self.first).await
            }
            Whose::Application => {
                let mut tx = self.store.machinery().await?;
                let used = tx.take_application_request(VENDOR, self.first).await?;
                tx.commit().await?;
                Ok(used)
            }
        }
    }

    async fn note(&self, seen: RateSeen) -> Result<(), StoreError> {
        let (limit, most, closed) = told(seen, self.percent);
        match self.whose {
            Whose::Practice(tenant, connection) => {
                let mut tx = self.store.tenant(tenant).await?;
                tx.budget_advertised(connection, limit, most, closed).await?;
                tx.commit().await
            }
            Whose::Application => {
                let mut tx = self.store.machinery().await?;
                tx.application_limit(VENDOR, most, closed).await?;
                tx.commit().await
            }
        }
    }

    /// What a log line says of whose it is; nothing: the application's.
    fn connection(&self) -> Option<DisplayValue<ConnectionId>> {
        match self.whose {
            Whose::Practice(_, connection) => Some(display(connection)),
            Whose::Application => None,
        }
    }
}

/// The vendor's limit, our share of it, and for how long its own window is used up.
fn told(seen: RateSeen, percent: i32) -> (i32, i32, Option<f64>) {
    let limit = i32::try_from(seen.limit).unwrap_or(i32::MAX);
    let most = (i64::from(limit) * i64::from(percent) / 100).clamp(1, i64::from(i32::MAX));
    let closed = (seen.remaining == 0).then_some(seen.reset.as_secs_f64());
    (limit, i32::try_from(most).unwrap_or(i32::MAX), closed)
}

/// Whether an answer tells more than is written down.
fn is_news(known: &AtomicU32, seen: RateSeen) -> bool {
    seen.remaining == 0 || known.swap(seen.limit, Ordering::Relaxed) != seen.limit
}

fn admitted(taken: Result<BudgetUse, StoreError>) -> Result<(), BudgetSpent> {
    match taken {
        Ok(used) if used.admitted => Ok(()),
        Ok(used) => {
            let retry_after = Duration::try_from_secs_f64(used.wait_s).unwrap_or(Duration::from_secs(1));
            Err(BudgetSpent { retry_after })
        }
        Err(error) => {
            // What cannot be counted is not spent.
            tracing::warn!(error = %error, "a budget cannot be read");
            Err(BudgetSpent { retry_after: Duration::from_secs(1) })
        }
    }
}

#[async_trait]
impl Budget for StoreBudget {
    async fn admit(&self) -> Result<(), BudgetSpent> {
        admitted(self.take().await)
    }

    async fn observe(&self, seen: RateSeen) {
        if !is_news(&self.known, seen) {
            return;
        }
        if let Err(error) = self.note(seen).await {
            self.known.store(0, Ordering::Relaxed);
            tracing::warn!(connection.id = self.connection(), error = %error, "a limit cannot be noted");
        }
    }

    async fn day_spent(&self, rest: Duration) {
        // In the application's own name it may be one practice's day, which must not stop the others.
        let Whose::Practice(tenant, connection) = self.whose else { return };
        tracing::warn!(connection.id = %connection, "a practice's requests of the day are used up");
        let close = async {
            let mut tx = self.store.tenant(tenant).await?;
            tx.budget_day_spent(connection, rest.as_secs_f64()).await?;
            tx.commit().await
        };
        let closed: Result<(), StoreError> = close.await;
        if let Err(error) = closed {
            tracing::warn!(connection.id = %connection, error = %error, "a day's end cannot be noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_a_limit_is_written_down_once_and_a_window_that_is_used_up_each_time() {
        let known = AtomicU32::new(0);
        let seen = |limit, remaining| RateSeen { limit, remaining, reset: Duration::from_secs(30) };
        let news = [(250, 9, true), (250, 8, false), (250, 0, true), (250, 0, true), (100, 9, true)];
        for (limit, remaining, expected) in news {
            assert_eq!(is_news(&known, seen(limit, remaining)), expected, "{limit} {remaining}");
        }
        assert_eq!(told(seen(250, 0), 80), (250, 200, Some(30.0)));
        assert_eq!(told(seen(1, 1), 80), (1, 1, None));
    }

    #[test]
    fn p9_what_cannot_be_counted_is_not_spent() {
        let used = |admitted| BudgetUse { admitted, most: 60, wait_s: 2.5 };
        assert!(admitted(Ok(used(true))).is_ok());
        let wait = |taken| admitted(taken).map_err(|spent| spent.retry_after);
        assert_eq!(wait(Ok(used(false))), Err(Duration::from_millis(2_500)));
        assert_eq!(wait(Err(StoreError::NotFound)), Err(Duration::from_secs(1)));
    }
}
