//! How an office becomes a connection: confirmed by the vendor's own list, switched on, logged in to, tried, used.

mod admit;
mod ask;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use credentials::{ConnectionKeys, KeyKeeper};
use domain::{AlertKind, ConnectionId, TenantId};
use messages::{Named as _, v1};
use moka::future::Cache;
use pms::{ErrorKind, PmsError};
use pms_sikka::{AuthorizedPractice, OfficeProfile, Sikka, SikkaLogin};
use seal::KeyRing;
use serde_json::{Value, json};
use service::{Base, Relay};
use store::{MachineryTx, NewAlert, NewAudit, OutgoingLetter, Setup, SetupMove, Store, StoreError};
use uuid::Uuid;
use vendor_http::{Budget, MemoryBudget};

use crate::budget::StoreBudget;
use crate::config::Own;
use admit::{Admitted, NotAdmitted};

pub(crate) const VENDOR: &str = "sikka";

/// However many offices wait to be listed, the list is read once in this time.
const LIST_FRESH: Duration = Duration::from_secs(2);
/// The longest wait between two looks for an office that is not listed yet.
const LONGEST_WAIT_S: f64 = 3_600.0;
/// The same for the first data of an office, which takes hours.
const ONBOARDING_WAIT_S: f64 = 600.0;

type Listed = Arc<Vec<AuthorizedPractice>>;

/// Makes connections, and tries them.
pub(crate) struct Connector {
    store: Store,
    relay: Relay,
    sikka: Sikka,
    login: SikkaLogin,
    keeper: Arc<KeyKeeper>,
    keys: Arc<KeyRing>,
    own: Own,
    /// Calls that belong to the application and to no practice.
    budget: Arc<dyn Budget>,
    listed: Cache<(), Listed>,
}

/// Where one step of a setup led.
enum Step {
    Done,
    /// The vendor has not copied the practice's data yet.
    Onboarding(ConnectionId),
    Waits(&'static str, Option<ConnectionId>),
    Refused(&'static str),
}

impl Connector {
    pub(crate) fn new(
        sikka: Sikka,
        login: SikkaLogin,
        keeper: Arc<KeyKeeper>,
        own: Own,
        base: &Base,
    ) -> Self {
        Self {
            store: base.store.clone(),
            relay: base.relay.clone(),
            sikka,
            login,
            keeper,
            keys: base.keys.clone(),
            own,
            budget: Arc::new(MemoryBudget::per_minute(120)),
            listed: Cache::builder().max_capacity(1).time_to_live(LIST_FRESH).build(),
        }
    }

    /// Claims the setups that are due.
    pub(crate) async fn due(&self, most: i64, lease_s: f64) -> Result<Vec<Setup>, StoreError> {
        let mut tx = self.store.machinery().await?;
        let due = tx.claim_setups(VENDOR, most, lease_s).await?;
        tx.commit().await?;
        Ok(due)
    }

    /// Takes the next step of a setup, and writes down where it led.
    pub(crate) async fn advance(&self, setup: &Setup) -> Result<(), StoreError> {
        let step = match self.step(setup).await {
            Ok(step) => step,
            Err(StepError::Store(error)) => return Err(error),
            Err(StepError::Vendor(error, connection)) => {
                tracing::info!(setup.id = %setup.id, error = %error, "an office cannot be connected yet");
                match (error.kind, connection) {
                    (ErrorKind::NotReady, Some(id)) => Step::Onboarding(id),
                    (kind, connection) => Step::Waits(kind.word(), connection),
                }
            }
        };
        match step {
            // The connection and the end of its setup were written down together.
            Step::Done => {}
            Step::Refused(why) => self.end(setup, "refused", why).await?,
            Step::Onboarding(_) | Step::Waits(..) if setup.give_up_at <= jiff::Timestamp::now() => {
                self.end(setup, "gave_up", setup.reason.as_deref().unwrap_or("not_listed")).await?;
            }
            Step::Onboarding(id) => {
                let wait_s = self.wait(setup, "onboarding").min(ONBOARDING_WAIT_S);
                self.wait_for(setup, "onboarding", Some("not_ready"), Some(id), wait_s).await?;
            }
            Step::Waits(why, id) => {
                let wait_s = self.wait(setup, "confirming").min(LONGEST_WAIT_S);
                self.wait_for(setup, "confirming", Some(why), id, wait_s).await?;
            }
        }
        Ok(())
    }

    /// Twice as long each time.
    fn wait(&self, setup: &Setup, state: &str) -> f64 {
        let tried = if setup.state == state { setup.attempts.clamp(0, 20) } else { 0 };
        self.own.setup_wait_seconds * 2f64.powi(tried)
    }

    async fn wait_for(
        &self,
        setup: &Setup,
        state: &str,
        reason: Option<&str>,
        connection: Option<ConnectionId>,
        wait_s: f64,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        let moved = tx.move_setup(setup.id, &SetupMove { state, reason, connection, wait_s }).await?;
        tx.commit().await?;
        if !moved && let Some(id) = connection {
            self.cancelled_meanwhile(setup.tenant, id).await?;
        }
        Ok(())
    }

    /// A cancellation came while the connection was being made, and did not see it yet.
    async fn cancelled_meanwhile(&self, tenant: TenantId, id: ConnectionId) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        tx.disable_connection(id).await?;
        tx.commit().await
    }

    /// Somebody has to look: nothing more happens by itself.
    async fn end(&self, setup: &Setup, state: &str, why: &str) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        let to = SetupMove { state, reason: Some(why), ..SetupMove::default() };
        let moved = tx.move_setup(setup.id, &to).await?;
        tx.commit().await?;
        if !moved {
            return Ok(());
        }
        tracing::warn!(setup.id = %setup.id, setup.state = state, reason = why, "an office was not connected");
        let mut tx = self.store.tenant(setup.tenant).await?;
        if let Some(id) = setup.connection {
            tx.set_status(id, "error", Some("The vendor never had the practice's data.")).await?;
        }
        tx.raise(&NewAlert {
            connection: setup.connection,
            kind: AlertKind::SetupFailed,
            happened: "An office that was installed could not be connected. Nothing more is tried.",
        })
        .await?;
        tx.commit().await
    }

    async fn step(&self, setup: &Setup) -> Result<Step, StepError> {
        let Some(practice) = self.find(&setup.office, &setup.location).await? else {
            return Ok(Step::Waits("not_listed", setup.connection));
        };
        let admitted = match self.admit(setup.tenant, &practice, None).await {
            Ok(admitted) => admitted,
            Err(NotAdmitted::Taken) => return Ok(Step::Refused("office_of_another_tenant")),
            Err(NotAdmitted::WrongPractice) => return Ok(Step::Refused("practice")),
            Err(NotAdmitted::Store(error)) => return Err(error.into()),
        };
        let id = admitted.connection;
        if !admitted.is_active {
            let of = |error| StepError::Vendor(error, Some(id));
            let budget = self.budget.clone();
            self.sikka.switch_on(&practice.office_id, &practice.practice_id, budget).await.map_err(of)?;
            let keys = Arc::new(ConnectionKeys::new(self.keeper.clone(), setup.tenant, id));
            let budget = self.budget_of(setup.tenant, id);
            let profile = self.sikka.inspect(&practice, keys, budget).await.map_err(of)?;
            if !self.activate(setup.tenant, &practice, &admitted, profile, Some(setup.id)).await? {
                self.cancelled_meanwhile(setup.tenant, id).await?;
                return Ok(Step::Done);
            }
            tracing::info!(connection.id = %id, tenant.id = %setup.tenant, "an installed office is connected");
            self.record(setup.tenant, "install notice", "connection.connect", id).await?;
            return Ok(Step::Done);
        }
        self.wait_for(setup, "done", None, Some(id), 0.0).await?;
        Ok(Step::Done)
    }

    /// One location of an office, as the vendor lists those that let the application in.
    async fn find(&self, office: &str, location: &str) -> Result<Option<AuthorizedPractice>, PmsError> {
        let reading = async { self.sikka.authorized_practices(self.budget.clone()).await.map(Arc::new) };
        let listed = self.listed.try_get_with((), reading).await.map_err(|error| {
            let told = PmsError::new(error.kind, error.advice).caused_by(error.clone());
            error.code.iter().fold(told, |told, code| told.code(code))
        })?;
        let of_office = || listed.iter().filter(|one| one.office_id.eq_ignore_ascii_case(office));
        let found = if location.is_empty() {
            main_of(of_office())
        } else {
            of_office().find(|one| one.practice_id == location)
        };
        Ok(found.cloned())
    }

    fn budget_of(&self, tenant: TenantId, id: ConnectionId) -> Arc<dyn Budget> {
        let (first, percent) = (self.own.first_budget, self.own.budget_percent);
        Arc::new(StoreBudget::new(self.store.clone(), tenant, id, first, percent))
    }

    /// Has the connection used from now on, and ends its setup in the same moment. False: it was cancelled meanwhile.
    async fn activate(
        &self,
        tenant: TenantId,
        practice: &AuthorizedPractice,
        admitted: &Admitted,
        mut profile: OfficeProfile,
        setup: Option<Uuid>,
    ) -> Result<bool, StoreError> {
        if let Ok(before) = serde_json::from_value::<OfficeProfile>(admitted.config.clone()) {
            profile.keep_choices(&before);
        }
        let id = admitted.connection;
        let capabilities = serde_json::to_value(&profile.capabilities).ok();
        let config = merged(&admitted.config, &profile);
        let mut tx = self.store.machinery().await?;
        if let Some(setup) = setup {
            let to = SetupMove { state: "done", connection: Some(id), ..SetupMove::default() };
            if !tx.move_setup(setup, &to).await? {
                return Ok(false);
            }
        }
        tx.put_connection(tenant, admitted.row("active", config, capabilities, &practice.credentials))
            .await?;
        changed(&mut tx, tenant, id, "connection.changed").await?;
        tx.commit().await?;
        self.relay.poke();
        let mut tx = self.store.tenant(tenant).await?;
        for cause in [AlertKind::Reauthorise, AlertKind::SetupFailed, AlertKind::InstallCancelled] {
            tx.clear(Some(id), cause).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Who connected, tried or changed what.
    async fn record(
        &self,
        tenant: TenantId,
        actor: &str,
        action: &str,
        id: ConnectionId,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        tx.audit(&NewAudit {
            actor,
            action,
            patient: None,
            call_id: None,
            tool: None,
            outcome: "ok",
            ms: 0,
            detail: json!({ "connection": id.to_string() }),
        })
        .await?;
        tx.commit().await
    }
}

/// Why a step could not be taken.
enum StepError {
    Vendor(PmsError, Option<ConnectionId>),
    Store(StoreError),
}

impl From<PmsError> for StepError {
    fn from(error: PmsError) -> Self {
        Self::Vendor(error, None)
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The location that an office's own id stands for: its only one, or the one the vendor numbers first.
fn main_of<'a>(of_office: impl Iterator<Item = &'a AuthorizedPractice>) -> Option<&'a AuthorizedPractice> {
    of_office.min_by_key(|one| (one.practice_id != "1", one.practice_id.len(), one.practice_id.clone()))
}

/// What the adapter wrote down, beside what others keep with the connection.
fn merged(before: &Value, profile: &OfficeProfile) -> Value {
    let mut config = before.as_object().cloned().unwrap_or_default();
    if let Ok(Value::Object(fields)) = serde_json::to_value(profile) {
        config.extend(fields);
    }
    Value::Object(config)
}

/// Tells every process that what it remembers of a connection is old.
pub(crate) async fn changed(
    tx: &mut MachineryTx,
    tenant: TenantId,
    connection: ConnectionId,
    routing_key: &str,
) -> Result<(), StoreError> {
    let body = v1::ConnectionChanged { tenant_id: tenant.to_string(), connection_id: connection.to_string() };
    tx.send(&OutgoingLetter {
        message_id: Uuid::now_v7(),
        exchange: "events",
        routing_key,
        kind: v1::ConnectionChanged::NAME,
        hash_key: None,
        traceparent: None,
        body: &body.to_bytes(),
    })
    .await
}
