use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use credentials::{KeeperSettings, KeyKeeper, RefreshError};
use domain::AlertKind;
use pms::{Advice, ErrorKind};
use pms_sikka::{Sikka, SikkaApp, SikkaLogin};
use seal::Secret;
use service::settings::SikkaSettings;
use service::{Base, Relay};
use store::{NewAlert, Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vendor_http::MemoryBudget;

use crate::config::Own;

const EVERY: Duration = Duration::from_secs(1);
const LEASE_SECONDS: f64 = 60.0;
/// The longest that a round waits for room, whatever the vendor says.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// So many connections that fail so many times in a row are no matter of theirs: it is the vendor.
const VENDOR_DOWN: (i64, i32) = (5, 3);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What came of one round.
enum Round {
    /// There may be more to do at once.
    Full,
    Done,
    /// There is no room for more log-ins for so long.
    NoRoom(Duration),
}

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
        let mut looked = None::<Instant>;
        while !stop.is_cancelled() {
            if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                looked = Some(Instant::now());
                if let Err(error) = self.tell_of_the_vendor().await {
                    tracing::warn!(error = %error, "whether the vendor is down cannot be told");
                }
            }
            let rest = match self.round().await {
                Ok(Round::Full) => continue,
                Ok(Round::Done) => EVERY,
                Ok(Round::NoRoom(wait)) => wait.clamp(EVERY, LONGEST_REST),
                Err(error) => {
                    tracing::warn!(error = %error, "the connections due for a refresh cannot be read");
                    EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        Ok(())
    }

    /// One alert, and not one a practice.
    async fn tell_of_the_vendor(&self) -> Result<(), StoreError> {
        let (many, times) = VENDOR_DOWN;
        let mut tx = self.store.machinery().await?;
        if tx.refreshes_failing("sikka", times).await? >= many {
            let happened = "The keys of several practices cannot be refreshed, for the same reason at once.";
            tx.raise(None, &NewAlert { connection: None, kind: AlertKind::VendorDown, happened }).await?;
        } else {
            tx.clear(None, None, AlertKind::VendorDown).await?;
        }
        tx.commit().await?;
        self.relay.poke();
        Ok(())
    }

    async fn round(&self) -> Result<Round, StoreError> {
        let most = i64::try_from(self.settings.at_once).unwrap_or(1);
        let mut tx = self.store.machinery().await?;
        let due = tx.claim_due_refreshes("sikka", most, LEASE_SECONDS).await?;
        tx.commit().await?;
        let claimed = due.len();
        let mut at_work = JoinSet::new();
        for due in due {
            let keeper = self.keeper.clone();
            // The keeper logs what went wrong and writes down when to try again.
            at_work.spawn(async move { keeper.refresh_leased(due).await });
        }
        let mut no_room = None;
        while let Some(done) = at_work.join_next().await {
            let Ok(Err(RefreshError::Vendor(error))) = done else { continue };
            if error.kind == ErrorKind::RateLimited {
                let wait = if let Advice::RetryAfter(wait) = error.advice { wait } else { EVERY };
                no_room = no_room.max(Some(wait));
            }
        }
        if claimed > 0 {
            self.relay.poke();
        }
        Ok(match no_room {
            Some(wait) => Round::NoRoom(wait),
            None if claimed == self.settings.at_once => Round::Full,
            None => Round::Done,
        })
    }
}
