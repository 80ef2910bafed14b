use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use credentials::{KeeperSettings, KeyKeeper};
use pms_sikka::{Sikka, SikkaApp, SikkaLogin};
use seal::Secret;
use service::settings::SikkaSettings;
use service::{Base, Relay};
use store::{DueRefresh, Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vendor_http::MemoryBudget;

use crate::config::Own;

const EVERY: Duration = Duration::from_secs(1);
const LEASE_SECONDS: f64 = 60.0;

/// Refreshes every connection's key near half its life. Rows are claimed with a lease: any number of
/// refreshers may run, and one that dies is made up for when its lease ends.
pub(crate) struct Refresher {
    store: Store,
    keeper: Arc<KeyKeeper>,
    relay: Relay,
    settings: Own,
}

impl Refresher {
    pub(crate) fn new(sikka: &SikkaSettings, own: Own, base: &Base) -> anyhow::Result<Self> {
        let (store, relay) = (base.store.clone(), base.relay.clone());
        let budget = Arc::new(MemoryBudget::per_minute(own.logins_per_minute));
        let app = SikkaApp {
            base_url: sikka.base_url.clone(),
            app_id: Secret::new(sikka.app_id.clone()),
            app_key: sikka.app_key.clone(),
            deadline: Duration::from_secs(own.vendor_seconds),
        };
        let login = SikkaLogin::new(Sikka::new(app, budget.clone())?, budget);
        let keeper = Arc::new(KeyKeeper::new(store.clone(), Arc::new(login), KeeperSettings::default()));
        Ok(Self { store, keeper, relay, settings: own })
    }

    pub(crate) async fn run(&self, stop: CancellationToken) -> Result<(), Infallible> {
        while !stop.is_cancelled() {
            let busy = match self.round().await {
                Ok(refreshed) => refreshed == self.settings.at_once,
                Err(error) => {
                    tracing::warn!(error = %error, "the connections due for a refresh cannot be read");
                    false
                }
            };
            if busy {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        Ok(())
    }

    async fn round(&self) -> Result<usize, StoreError> {
        let most = i64::try_from(self.settings.at_once).unwrap_or(1);
        let mut tx = self.store.machinery().await?;
        let due = tx.claim_due_refreshes("sikka", most, LEASE_SECONDS).await?;
        tx.commit().await?;
        let claimed = due.len();
        let mut at_work = JoinSet::new();
        for DueRefresh { tenant, connection } in due {
            let keeper = self.keeper.clone();
            // The keeper logs what went wrong and writes down when to try again.
            at_work.spawn(async move { drop(keeper.refresh_leased(tenant, connection).await) });
        }
        while at_work.join_next().await.is_some() {}
        if claimed > 0 {
            self.relay.poke();
        }
        Ok(claimed)
    }
}
