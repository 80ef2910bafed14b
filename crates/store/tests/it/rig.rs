use std::sync::Arc;
use std::time::Duration;

use domain::{ConnectionId, PracticeId, TenantId, WritebackId};
use jiff::{SignedDuration, Timestamp};
use seal::{KeyRing, Secret};
use serde_json::json;
use store::{NewConnection, NewWriteback, Practice, Store, Tenant};
use testbed::Database;
use tokio_postgres::{Client, NoTls};

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A database of one's own, a store on it, and the database's owner.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) owner: Client,
    database: Database,
}

/// A tenant with one location and one connection.
#[derive(Clone, Copy)]
pub(crate) struct Clinic {
    pub(crate) tenant: TenantId,
    pub(crate) practice: PracticeId,
    pub(crate) connection: ConnectionId,
}

pub(crate) fn keys() -> Arc<KeyRing> {
    Arc::new(KeyRing::parse("test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap())
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let database = Database::fresh(store::template_key(), |url| async move {
            store::migrate(&Secret::new(url)).await?;
            Ok(())
        })
        .await
        .unwrap();
        let store = Store::open(&Secret::new(database.url()), 12, keys()).await.unwrap();
        let (owner, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { store, owner, database }
    }

    pub(crate) fn url(&self) -> String {
        self.database.url()
    }

    pub(crate) async fn clinic(&self, slug: &str) -> Clinic {
        let clinic =
            Clinic { tenant: TenantId::new(), practice: PracticeId::new(), connection: ConnectionId::new() };
        let mut tx = self.store.machinery().await.unwrap();
        let tenant =
            Tenant { id: clinic.tenant, slug: slug.into(), name: slug.into(), language: "en".into() };
        tx.put_tenant(&tenant).await.unwrap();
        let practice = Practice {
            id: clinic.practice,
            name: slug.into(),
            time_zone: "America/Chicago".into(),
            country: "US".into(),
        };
        tx.put_practice(clinic.tenant, &practice).await.unwrap();
        let new = NewConnection {
            id: clinic.connection,
            practice: clinic.practice,
            vendor: "sikka",
            status: "active",
            config: json!({}),
            capabilities: None,
            credentials: &Secret::from("open sesame"),
        };
        tx.put_connection(clinic.tenant, new).await.unwrap();
        tx.commit().await.unwrap();
        clinic
    }

    /// Another location of `clinic`'s tenant, in this database of this office; `clinic` is in it as well.
    pub(crate) async fn second_place(&self, clinic: Clinic, (office, database): (&str, &str)) -> Clinic {
        let other = Clinic { practice: PracticeId::new(), connection: ConnectionId::new(), ..clinic };
        let mut tx = self.store.machinery().await.unwrap();
        let practice = Practice {
            id: other.practice,
            name: "second".into(),
            time_zone: "America/Chicago".into(),
            country: "US".into(),
        };
        tx.put_practice(clinic.tenant, &practice).await.unwrap();
        for (place, location, office, database) in
            [(clinic, "1", "D10001", "7"), (other, "2", office, database)]
        {
            let new = NewConnection {
                id: place.connection,
                practice: place.practice,
                vendor: "sikka",
                status: "active",
                config: json!({ "office_id": office, "practice_id": location, "cust_id": database }),
                capabilities: None,
                credentials: &Secret::from("open sesame"),
            };
            tx.put_connection(clinic.tenant, new).await.unwrap();
        }
        tx.commit().await.unwrap();
        other
    }

    /// A queued booking.
    pub(crate) async fn writeback(&self, clinic: Clinic, payload: &[u8]) -> WritebackId {
        let id = WritebackId::new();
        let mut tx = self.store.tenant(clinic.tenant).await.unwrap();
        tx.add_writeback(&booking(clinic, id, payload)).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Ends every connection but this one's own. How many there were.
    pub(crate) async fn shoot_all(&self) -> i64 {
        let sql = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.number(sql).await
    }

    /// One number that the owner's query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.owner.query_one(sql, &[]).await.unwrap().get(0)
    }
}

pub(crate) fn booking<'a>(clinic: Clinic, id: WritebackId, payload: &'a [u8]) -> NewWriteback<'a> {
    NewWriteback {
        id,
        connection: clinic.connection,
        operation: "book_appointment",
        payload,
        fingerprint: payload,
        reference: "AAAAAAAA",
        depends_on: None,
        deadline_at: Timestamp::now() + SignedDuration::from_hours(1),
        about_at: None,
    }
}
