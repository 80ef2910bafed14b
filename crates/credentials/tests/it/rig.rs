use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use credentials::{KeeperSettings, KeyKeeper, RefreshError};
use domain::{ConnectionId, PracticeId, TenantId};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, Grant, PmsError, PmsLogin, SessionKey};
use seal::{KeyRing, Secret};
use serde_json::json;
use store::{AlertRules, DueRefresh, NewConnection, Practice, Store, Tenant};
use testbed::{Client, Database};
use tokio::sync::Notify;

/// What becomes of a log-in.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// A key that lives so many seconds, and a refresh token where one is given.
    Give(i64, Option<&'static str>),
    Refuse(ErrorKind, Advice),
    /// Never answers.
    Hang,
    /// Answers as the other says, once it is let.
    Late(&'static Fate),
}

/// What the vendor's own list says of the practice.
#[derive(Debug, Clone, Default)]
pub(crate) enum Listed {
    /// The credentials that we have.
    #[default]
    AsKnown,
    /// Others.
    With(&'static str),
    /// The practice is gone from it.
    Gone,
    /// The list is refused.
    Refused,
}

/// A vendor whose n-th key is `key-n`.
#[derive(Default)]
pub(crate) struct Vendor {
    fates: Mutex<VecDeque<Fate>>,
    asked: Mutex<Vec<Option<String>>>,
    pub(crate) listed: Mutex<Listed>,
    pub(crate) hanging: Notify,
    pub(crate) let_go: Notify,
}

impl Vendor {
    pub(crate) fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().unwrap().extend(fates);
    }

    /// The refresh token each log-in came with.
    pub(crate) fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl PmsLogin for Vendor {
    async fn log_in(&self, credentials: &Secret, refresh: Option<&Secret>) -> Result<Grant, PmsError> {
        assert!(["open sesame", "the new word"].contains(&credentials.expose().as_str()));
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(refresh.map(|secret| secret.expose().clone()));
            asked.len()
        };
        // Time for others to come in between, if they may.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let mut fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Give(86_400, None));
        while let Fate::Late(then) = fate {
            self.hanging.notify_one();
            self.let_go.notified().await;
            fate = then.clone();
        }
        match fate {
            Fate::Late(_) => unreachable!("it was let go"),
            Fate::Give(seconds, refresh) => Ok(Grant {
                key: SessionKey(Secret::new(format!("key-{number}"))),
                refresh: refresh.map(Secret::from),
                expires_at: Timestamp::now() + SignedDuration::from_secs(seconds),
            }),
            Fate::Refuse(kind, advice) => Err(PmsError::new(kind, advice)),
            Fate::Hang => {
                self.hanging.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn current(&self, credentials: &Secret) -> Result<Option<Secret>, PmsError> {
        match self.listed.lock().unwrap().clone() {
            Listed::AsKnown => Ok(Some(credentials.clone())),
            Listed::With(other) => Ok(Some(Secret::from(other))),
            Listed::Gone => Ok(None),
            Listed::Refused => Err(PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent)),
        }
    }
}

pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) owner: Client,
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) tenant: TenantId,
    pub(crate) connection: ConnectionId,
    database: Database,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let database = Database::fresh(store::template_key(), |url| async move {
            store::migrate(&Secret::new(url)).await?;
            Ok(())
        })
        .await
        .unwrap();
        let store = open(&database).await;
        let owner = database.owner().await.unwrap();
        let (tenant, connection) = clinic(&store).await;
        Self { store, owner, vendor: Arc::default(), tenant, connection, database }
    }

    /// A keeper as another process has it: with a pool of its own.
    pub(crate) async fn keeper(&self) -> Arc<KeyKeeper> {
        self.keeper_that_waits(Duration::from_secs(10)).await
    }

    pub(crate) async fn keeper_that_waits(&self, wait: Duration) -> Arc<KeyKeeper> {
        let settings = KeeperSettings { lease: Duration::from_secs(60), wait, ..KeeperSettings::default() };
        Arc::new(KeyKeeper::new(open(&self.database).await, self.vendor.clone(), settings))
    }

    pub(crate) async fn key(&self, keeper: &KeyKeeper) -> String {
        shown(&keeper.key(self.tenant, self.connection, None).await.unwrap().0)
    }

    /// As the refresher does it, whatever was leased before.
    pub(crate) async fn refresh(&self, keeper: &KeyKeeper) -> Result<(), RefreshError> {
        let sql = "UPDATE pms_connections SET refresh_lease_until = NULL";
        self.owner.execute(sql, &[]).await.unwrap();
        let mut tx = self.store.tenant(self.tenant).await.unwrap();
        let lease = tx.lease_refresh(self.connection, 60.0).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let (tenant, connection) = (self.tenant, self.connection);
        keeper.refresh_leased(DueRefresh { tenant, connection, lease }).await
    }

    pub(crate) async fn status(&self) -> String {
        let mut tx = self.store.tenant(self.tenant).await.unwrap();
        let status = tx.connection(self.connection).await.unwrap().status;
        tx.commit().await.unwrap();
        status
    }

    /// Seconds until the refresher may try again.
    pub(crate) async fn due_in(&self) -> f64 {
        let sql = "SELECT extract(epoch FROM refresh_due_at - now())::float8 FROM pms_connections";
        self.owner.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Time passes for the back-off.
    pub(crate) async fn pass(&self, seconds: f64) {
        let sql = "UPDATE pms_connections SET refresh_due_at = refresh_due_at - make_interval(secs => $1),
                       updated_at = updated_at - make_interval(secs => $1)";
        self.owner.execute(sql, &[&seconds]).await.unwrap();
    }

    pub(crate) async fn alerts(&self) -> Vec<String> {
        let mut tx = self.store.machinery().await.unwrap();
        let alerts = tx.open_alerts().await.unwrap();
        tx.commit().await.unwrap();
        alerts.into_iter().map(|alert| alert.code).collect()
    }

    /// What is worth an alert now, by the rules.
    pub(crate) async fn findings(&self) -> Vec<&'static str> {
        let mut tx = self.store.machinery().await.unwrap();
        let found = tx.alert_findings(&AlertRules::default()).await.unwrap();
        tx.commit().await.unwrap();
        found.iter().map(|one| one.kind.code()).collect()
    }

    /// The routing keys like `pattern` of what waits to be published, in order.
    pub(crate) async fn news(&self, pattern: &str) -> Vec<String> {
        let sql = "SELECT routing_key FROM outbox WHERE routing_key LIKE $1 ORDER BY id";
        let rows = self.owner.query(sql, &[&pattern]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// How many connections the refresher would take up now; they stay nobody's.
    pub(crate) async fn due(&self) -> usize {
        let mut tx = self.store.machinery().await.unwrap();
        tx.claim_due_refreshes("scripted", 10, 60.0).await.unwrap().len()
    }
}

pub(crate) fn shown(key: &SessionKey) -> String {
    key.0.expose().clone()
}

async fn open(database: &Database) -> Store {
    let keys = KeyRing::parse("test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    Store::open(&Secret::new(database.url()), 8, Arc::new(keys)).await.unwrap()
}

async fn clinic(store: &Store) -> (TenantId, ConnectionId) {
    let (tenant, practice, connection) = (TenantId::new(), PracticeId::new(), ConnectionId::new());
    let mut tx = store.machinery().await.unwrap();
    let row = Tenant { id: tenant, slug: "cedar".into(), name: "Cedar".into(), language: "en".into() };
    tx.put_tenant(&row).await.unwrap();
    let location = Practice {
        id: practice,
        name: "Cedar".into(),
        time_zone: "America/Chicago".into(),
        country: "US".into(),
    };
    tx.put_practice(tenant, &location).await.unwrap();
    let new = NewConnection {
        id: connection,
        practice,
        vendor: "scripted",
        status: "active",
        config: json!({}),
        capabilities: None,
        credentials: &Secret::from("open sesame"),
    };
    tx.put_connection(tenant, new).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, connection)
}
