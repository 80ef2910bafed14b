use std::sync::Arc;
use std::time::Duration;

use domain::{ConnectionId, PersonName, Phone, PracticeId, TenantId, Window, WritebackId, WritebackState};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, NewAppointment, NewPatient, Write};
use seal::{KeyRing, Secret};
use serde_json::json;
use store::{DueConnection, MachineryTx, NewConnection, Practice, StaffTask, Store, Tenant, Writeback};
use testbed::{Client, Database};
use writebacks::{Carrier, Pace, ReplayError, RequestError, Requested, Wish, replay, request};

use crate::vendor::{Fate, OneVendor, Vendor};

/// Looks that find nothing before a write may be sent again: one, and as many as fit in the grace.
pub(crate) const LOOKS: u32 = 4;

/// A database, a connection, a vendor, and its carriers.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) owner: Arc<Client>,
    pub(crate) vendor: Arc<Vendor>,
    pub(crate) carrier: Arc<Carrier>,
    pub(crate) other: Arc<Carrier>,
    pub(crate) due: DueConnection,
    _ground: Arc<Ground>,
}

/// A database with connections to it: for one rig, or for many one after the other.
pub(crate) struct Ground {
    store: Store,
    owner: Arc<Client>,
    _database: Database,
}

impl Ground {
    pub(crate) async fn new() -> Arc<Self> {
        let database = database().await;
        let owner = Arc::new(database.owner().await.unwrap());
        let keys = KeyRing::parse("test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let store = Store::open(&Secret::new(database.url()), 8, Arc::new(keys)).await.unwrap();
        Arc::new(Self { store, owner, _database: database })
    }
}

async fn database() -> Database {
    let fresh = Database::fresh(store::template_key(), |url| async move {
        store::migrate(&Secret::new(url)).await?;
        Ok(())
    });
    fresh.await.unwrap()
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::on(Ground::new().await).await
    }

    /// A clinic and a vendor of its own on `ground`.
    pub(crate) async fn on(ground: Arc<Ground>) -> Self {
        Self::with_lease(ground, Duration::from_secs(60)).await
    }

    /// As [`Rig::on`], with carriers that hold what they claim for so long.
    pub(crate) async fn with_lease(ground: Arc<Ground>, lease: Duration) -> Self {
        let (store, owner) = (ground.store.clone(), ground.owner.clone());
        let due = clinic(&store).await;
        let vendor = Vendor::new();
        let pace = Pace {
            lease,
            first_look: Duration::ZERO,
            grace: Duration::from_secs(30),
            look_again: Duration::from_secs(10),
            seen_for: Duration::ZERO,
            most_blind_attempts: 3,
            most_attempts: 5,
            ..Pace::default()
        };
        let carrier = || {
            let offices = Arc::new(OneVendor(vendor.clone()));
            Arc::new(Carrier::new(store.clone(), offices, "scripted", pace.clone()))
        };
        let (carrier, other) = (carrier(), carrier());
        Self { store, owner, vendor, carrier, other, due, _ground: ground }
    }

    pub(crate) async fn wish(&self, write: &Write, intent: &str) -> Result<Requested, RequestError> {
        self.wish_after(write, intent, None, SignedDuration::from_hours(1)).await
    }

    pub(crate) async fn wish_after(
        &self,
        write: &Write,
        intent: &str,
        depends_on: Option<WritebackId>,
        time: SignedDuration,
    ) -> Result<Requested, RequestError> {
        let wish = Wish {
            connection: self.due.connection,
            vendor: "scripted",
            write,
            intent,
            once_for_all: &[],
            depends_on,
            deadline_at: Timestamp::now() + time,
            traceparent: None,
        };
        self.take(&wish).await
    }

    /// Takes a wish, of whichever connection of the rig's tenant.
    pub(crate) async fn take(&self, wish: &Wish<'_>) -> Result<Requested, RequestError> {
        let mut tx = self.store.tenant(self.due.tenant).await?;
        match request(&mut tx, wish).await {
            Ok(requested) => {
                tx.commit().await?;
                Ok(requested)
            }
            Err(error) => {
                tx.roll_back().await?;
                Err(error)
            }
        }
    }

    /// A connection to another location of the rig's tenant.
    pub(crate) async fn another_location(&self) -> ConnectionId {
        let connection = ConnectionId::new();
        let mut tx = self.store.machinery().await.unwrap();
        connect(&mut tx, (self.due.tenant, PracticeId::new(), connection)).await;
        tx.commit().await.unwrap();
        connection
    }

    /// A new wish for a booking at `minute`.
    pub(crate) async fn booked(&self, minute: i64) -> WritebackId {
        new(self.wish(&booking(minute), &format!("booking {minute}")).await)
    }

    pub(crate) async fn row(&self, id: WritebackId) -> Writeback {
        let mut tx = self.store.tenant(self.due.tenant).await.unwrap();
        let row = tx.writeback(id).await.unwrap();
        tx.commit().await.unwrap();
        row
    }

    /// The try that repeats `id`.
    pub(crate) async fn replay_of(&self, id: WritebackId) -> WritebackId {
        let mut tx = self.store.tenant(self.due.tenant).await.unwrap();
        let replay = tx.replay_of(id).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        replay
    }

    pub(crate) async fn replay(&self, id: WritebackId) -> Result<WritebackId, ReplayError> {
        replay(&self.store, self.due.tenant, id, "a test").await
    }

    /// A booking that was refused for good: certainly nowhere, and its time is free.
    pub(crate) async fn failed(&self, minute: i64) -> WritebackId {
        self.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
        let id = self.booked(minute).await;
        self.carrier.send_next(self.due).await.unwrap();
        assert_eq!(self.state(id).await, WritebackState::Failed);
        id
    }

    /// A booking that was set aside; nobody knows whether it was taken.
    pub(crate) async fn parked(&self, minute: i64, fate: Fate) -> WritebackId {
        self.vendor.next(&[fate]);
        let id = self.booked(minute).await;
        self.carrier.send_next(self.due).await.unwrap();
        self.expire_deadlines().await;
        self.carrier.reap().await.unwrap();
        assert_eq!(self.state(id).await, WritebackState::Parked);
        id
    }

    /// Everything that is under way goes on until it is over.
    pub(crate) async fn carry_on(&self) {
        for _ in 0..LOOKS + 2 {
            self.pass().await;
            self.carrier.look_for_lost(self.due).await.unwrap();
            while self.carrier.send_next(self.due).await.unwrap() {}
            self.vendor.settle(None);
            self.pass().await;
            self.carrier.look(self.due).await.unwrap();
        }
    }

    pub(crate) async fn tasks(&self) -> Vec<StaffTask> {
        let mut tx = self.store.tenant(self.due.tenant).await.unwrap();
        let tasks = tx.tasks(100, None).await.unwrap();
        tx.commit().await.unwrap();
        tasks
    }

    pub(crate) async fn task_codes(&self) -> Vec<String> {
        self.tasks().await.into_iter().map(|task| task.code).collect()
    }

    pub(crate) async fn state(&self, id: WritebackId) -> WritebackState {
        self.row(id).await.state
    }

    pub(crate) async fn is_held(&self, minute: i64) -> bool {
        let mut tx = self.store.tenant(self.due.tenant).await.unwrap();
        let held = tx.holds(self.due.connection, slot(minute)).await.unwrap();
        tx.commit().await.unwrap();
        !held.is_empty()
    }

    pub(crate) async fn is_due(&self, state: WritebackState) -> bool {
        self.carrier.due(state).await.unwrap().contains(&self.due)
    }

    /// Time passes for everything that waits.
    pub(crate) async fn pass(&self) {
        self.sql(
            "UPDATE pms_writebacks SET next_check_at = least(next_check_at, now()) WHERE connection_id = ",
        )
        .await;
    }

    /// What waits was wished for an hour ago.
    pub(crate) async fn age(&self) {
        self.sql(
            "UPDATE pms_writebacks SET created_at = created_at - interval '1 hour' WHERE connection_id = ",
        )
        .await;
    }

    /// So many hours pass for every write, whatever became of it.
    pub(crate) async fn hours_pass(&self, hours: u32) {
        self.sql(&format!(
            "UPDATE pms_writebacks SET created_at = created_at - interval '{hours} h',
                 deadline_at = deadline_at - interval '{hours} h', finished_at = finished_at - interval '{hours} h',
                 next_check_at = next_check_at - interval '{hours} h' WHERE connection_id = "
        ))
        .await;
    }

    /// Whoever holds a lease is taken for dead.
    pub(crate) async fn expire_leases(&self) {
        self.sql(
            "UPDATE pms_writebacks SET lease_until = now() - interval '1 second'
             WHERE lease_until IS NOT NULL AND connection_id = ",
        )
        .await;
    }

    /// Nobody waits any longer.
    pub(crate) async fn expire_deadlines(&self) {
        self.sql(
            "UPDATE pms_writebacks SET deadline_at = now() - interval '1 second' WHERE connection_id = ",
        )
        .await;
    }

    pub(crate) async fn sql(&self, sql: &str) {
        let sql = format!("{sql} '{}'", self.due.connection.uuid());
        self.owner.batch_execute(&sql).await.unwrap();
    }

    /// The routing keys of everything that waits to be published, in order.
    pub(crate) async fn letters(&self) -> Vec<String> {
        let sql = format!(
            "SELECT routing_key FROM outbox WHERE tenant_id = '{}' ORDER BY id",
            self.due.tenant.uuid()
        );
        self.owner.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    pub(crate) async fn alerts(&self) -> Vec<String> {
        let mut tx = self.store.machinery().await.unwrap();
        let alerts = tx.open_alerts().await.unwrap();
        tx.commit().await.unwrap();
        alerts.into_iter().map(|alert| alert.code).collect()
    }

    /// Looks for a lost write until it may be sent again.
    pub(crate) async fn look_until_nowhere(&self) {
        for _ in 0..LOOKS {
            self.pass().await;
            self.carrier.look_for_lost(self.due).await.unwrap();
        }
        self.pass().await;
    }
}

async fn clinic(store: &Store) -> DueConnection {
    let (tenant, practice, connection) = (TenantId::new(), PracticeId::new(), ConnectionId::new());
    let mut tx = store.machinery().await.unwrap();
    let slug = tenant.to_string();
    tx.put_tenant(&Tenant { id: tenant, slug, name: "Cedar".into(), language: "en".into() }).await.unwrap();
    connect(&mut tx, (tenant, practice, connection)).await;
    tx.commit().await.unwrap();
    DueConnection { tenant, connection }
}

async fn connect(tx: &mut MachineryTx, (tenant, practice, connection): (TenantId, PracticeId, ConnectionId)) {
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
}

/// The id of a wish that was new.
pub(crate) fn new(requested: Result<Requested, RequestError>) -> WritebackId {
    match requested.unwrap() {
        Requested::New(id) => id,
        Requested::Same(row) => panic!("the wish was made before: {}", row.id),
    }
}

pub(crate) fn slot(minute: i64) -> Window {
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 60);
    Window::of_minutes(start + SignedDuration::from_mins(minute), 30).unwrap()
}

pub(crate) fn booking(minute: i64) -> Write {
    Write::BookAppointment(NewAppointment {
        patient: "201".into(),
        clinician: "7".into(),
        chair: "2".into(),
        window: slot(minute),
        time_zone: "America/Chicago".into(),
        reason: "a check-up".into(),
        kind: None,
    })
}

pub(crate) fn patient() -> Write {
    Write::CreatePatient(NewPatient {
        name: PersonName { first: "Nora".into(), last: "Quill".into() },
        born: "1990-02-03".parse::<jiff::civil::Date>().unwrap().into(),
        phone: Phone::read("+15550100011", "US").unwrap(),
        email: None,
        clinician: "7".into(),
    })
}
