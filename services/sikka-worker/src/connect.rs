//! How an office becomes a connection: confirmed by the vendor's own list, switched on, logged in to, tried, used.

mod access;
mod activate;
mod admit;
mod ask;
mod choose;
mod heed;
mod names;
mod reason;
mod trial;

use std::sync::Arc;
use std::time::Duration;

use credentials::{ConnectionKeys, KeyKeeper};
use domain::{ConnectionId, TenantId};
use messages::{Named as _, v1};
use moka::future::Cache;
use pms::{Advice, ErrorKind, PmsError};
use pms_sikka::{AuthorizedPractice, Sikka, SikkaLogin};
use seal::KeyRing;
use serde_json::json;
use service::{Base, Relay};
use store::{MachineryTx, Moved, NewAudit, OutgoingLetter, Setup, SetupMove, Store, StoreError};
use tokio::sync::Mutex;
use vendor_http::Budget;

use crate::budget::StoreBudget;
use crate::config::Own;
use activate::{Activated, By};
use admit::{Asks, NotAdmitted};
use reason::{reason_of, told};

pub(crate) use heed::Heard;

pub(crate) const VENDOR: &str = "sikka";

/// However many offices wait to be listed, the list is read once in this time.
const LIST_FRESH: Duration = Duration::from_secs(2);
/// A bucket that nobody has drawn from for so long is full.
const BUDGET_KEPT: Duration = Duration::from_mins(5);
/// The longest wait between two looks for an office that is not listed yet.
const LONGEST_WAIT_S: f64 = 3_600.0;
/// The same for the first data of an office, which takes hours.
const ONBOARDING_WAIT_S: f64 = 600.0;

/// Minutes after which a connection that is being made and that nobody makes is taken up again.
const ORPHANED_MINUTES: i32 = 10;

type Listed = Arc<Vec<AuthorizedPractice>>;

/// One location of an office, as the vendor lists it.
struct Found {
    practice: AuthorizedPractice,
    /// The office's own id stands for it.
    is_main: bool,
}

/// Makes connections, and tries them.
pub(crate) struct Connector {
    store: Store,
    relay: Relay,
    sikka: Sikka,
    login: SikkaLogin,
    keeper: Arc<KeyKeeper>,
    keys: Arc<KeyRing>,
    own: Own,
    listed: Cache<(), Listed>,
    /// Calls to offices that have no connection yet, however often somebody tries.
    strangers: Cache<String, Arc<dyn Budget>>,
    /// One test of a connection at a time.
    trials: Cache<ConnectionId, Arc<Mutex<()>>>,
    /// What callers' questions last told of a connection.
    heard: Cache<ConnectionId, Heard>,
}

/// Where one step of a setup led.
enum Step {
    Done,
    /// The vendor has not copied the practice's data yet.
    Onboarding(ConnectionId),
    Waits(String, Option<ConnectionId>),
    Refused(&'static str),
    /// No later try will go better.
    Impossible(String, Option<ConnectionId>),
    /// Somebody else goes on with it, or nobody.
    Over(Moved, Option<ConnectionId>),
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
            listed: Cache::builder().max_capacity(1).time_to_live(LIST_FRESH).build(),
            strangers: Cache::builder().max_capacity(10_000).time_to_idle(BUDGET_KEPT).build(),
            trials: Cache::builder().max_capacity(10_000).build(),
            heard: Cache::builder().max_capacity(10_000).time_to_live(heed::KEPT).build(),
        }
    }

    /// Claims the setups that are due.
    pub(crate) async fn due(&self, most: i64, lease_s: f64) -> Result<Vec<Setup>, StoreError> {
        let mut tx = self.store.machinery().await?;
        let due = tx.claim_setups(VENDOR, most, lease_s).await?;
        tx.commit().await?;
        Ok(due)
    }

    /// Takes up what a process that died left on its way.
    pub(crate) async fn adopt(&self) -> Result<usize, StoreError> {
        let mut tx = self.store.machinery().await?;
        let adopted = tx.adopt_pending(VENDOR, ORPHANED_MINUTES).await?;
        tx.commit().await?;
        Ok(adopted)
    }

    /// Takes the next step of a setup, and writes down where it led.
    pub(crate) async fn advance(&self, setup: &Setup) -> Result<(), StoreError> {
        let step = match self.step(setup).await {
            Ok(step) => step,
            Err(StepError::Store(error)) => return Err(error),
            Err(StepError::Vendor(error, connection)) => {
                tracing::info!(setup.id = %setup.id, error = %error, "an office cannot be connected yet");
                match (error.kind, error.advice, connection) {
                    (ErrorKind::NotReady, _, Some(id)) => Step::Onboarding(id),
                    (ErrorKind::Unsupported, Advice::Permanent, id) => {
                        Step::Impossible(reason_of(&error), id)
                    }
                    (_, _, id) => Step::Waits(reason_of(&error), id),
                }
            }
        };
        match step {
            // The connection and the end of its setup were written down together.
            Step::Done => {}
            Step::Refused(why) => self.end(setup, "refused", why, None).await?,
            Step::Impossible(why, id) => self.end(setup, "gave_up", &why, id).await?,
            Step::Over(moved, id) => self.over(setup.tenant, moved, id).await?,
            Step::Onboarding(id) if setup.give_up_at <= jiff::Timestamp::now() => {
                self.end(setup, "gave_up", "not_ready", Some(id)).await?;
            }
            Step::Waits(why, id) if setup.give_up_at <= jiff::Timestamp::now() => {
                self.end(setup, "gave_up", &why, id).await?;
            }
            Step::Onboarding(id) => {
                let wait_s = wait_s(self.own.setup_wait_seconds, setup, "onboarding");
                self.wait_for(setup, "onboarding", Some("not_ready"), Some(id), wait_s).await?;
            }
            Step::Waits(why, id) => {
                let wait_s = wait_s(self.own.setup_wait_seconds, setup, "confirming");
                self.wait_for(setup, "confirming", Some(&why), id, wait_s).await?;
            }
        }
        Ok(())
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
        let moved = tx.move_setup(setup, &SetupMove { state, reason, connection, wait_s }).await?;
        tx.commit().await?;
        self.over(setup.tenant, moved, connection.or(setup.connection)).await
    }

    /// A cancellation that came while the connection was being made may not have seen it. One that is somebody else's
    /// by now is left alone, but for its location where nobody uses it.
    async fn over(
        &self,
        tenant: TenantId,
        moved: Moved,
        connection: Option<ConnectionId>,
    ) -> Result<(), StoreError> {
        match (moved, connection) {
            (Moved::Yes, _) | (_, None) => Ok(()),
            (Moved::Cancelled, Some(id)) => {
                let mut tx = self.store.tenant(tenant).await?;
                tx.disable_connection(id).await?;
                tx.owe_switch_off(id, false).await?;
                tx.commit().await
            }
            (Moved::Lost, Some(id)) => self.leave_off(tenant, id).await,
        }
    }

    /// Somebody has to look: nothing more happens by itself. The setup, its connection and the alert say so at once.
    async fn end(
        &self,
        setup: &Setup,
        state: &str,
        why: &str,
        connection: Option<ConnectionId>,
    ) -> Result<(), StoreError> {
        let connection = connection.or(setup.connection);
        let mut tx = self.store.machinery().await?;
        if let Some(id) = connection {
            // As everybody does: the connection first, its setup then.
            tx.connection_to_change(setup.tenant, id).await?;
        }
        let to = SetupMove { state, reason: Some(why), connection, ..SetupMove::default() };
        let moved = tx.move_setup(setup, &to).await?;
        if moved != Moved::Yes {
            tx.commit().await?;
            return self.over(setup.tenant, moved, connection).await;
        }
        if let Some(id) = connection
            && tx.pending_failed(id, told(why)).await?
        {
            changed(&mut tx, setup.tenant, id, "connection.changed").await?;
        }
        let happened =
            format!("Office {} could not be connected. {} Nothing more is tried.", setup.office, told(why));
        let ended = Setup { connection, ..setup.clone() };
        tx.raise_about_setup(&ended, &happened).await?;
        tx.commit().await?;
        self.relay.poke();
        tracing::warn!(setup.id = %setup.id, setup.state = state, reason = why, "an office was not connected");
        Ok(())
    }

    async fn step(&self, setup: &Setup) -> Result<Step, StepError> {
        let Some(found) = self.find(&setup.office, &setup.location).await? else {
            return Ok(Step::Waits("not_listed".to_owned(), setup.connection));
        };
        let practice = &found.practice;
        let admitted = match self.admit(setup.tenant, practice, None, Asks::Setup(setup)).await {
            Ok(admitted) => admitted,
            Err(refused) => return after(refused, setup.connection),
        };
        let id = admitted.connection;
        // One that is in use may have been bought anew: then it is off, or has no data, like any new one.
        let keys = Arc::new(ConnectionKeys::new(self.keeper.clone(), setup.tenant, id));
        let profile = match self.open(practice, keys, self.budget_of(setup.tenant, id)).await {
            Ok(profile) => profile,
            Err(error) if admitted.is_active && !is_on_its_way(&error, true) => {
                return Ok(Step::Waits(reason_of(&error), Some(id)));
            }
            Err(error) => {
                if admitted.is_active && self.data_is_missing(setup.tenant, id).await? {
                    tracing::warn!(connection.id = %id, "a practice's data is on its way to the vendor anew");
                }
                return Err(StepError::Vendor(error, Some(id)));
            }
        };
        match self.activate((setup.tenant, id), &found, profile, By::Setup(setup)).await {
            Ok(Activated::Yes) => {}
            Ok(Activated::Over(moved)) => return Ok(Step::Over(moved, Some(id))),
            Ok(Activated::StillOff) => return Ok(Step::Over(Moved::Lost, Some(id))),
            Err(refused) => return after(refused, Some(id)),
        }
        tracing::info!(connection.id = %id, tenant.id = %setup.tenant, "an installed office is connected");
        self.record(setup.tenant, "install notice", "connection.connect", id).await?;
        Ok(Step::Done)
    }

    /// A connection that was in use waits for its first data, as a new one does. False: it was in use no more.
    async fn data_is_missing(&self, tenant: TenantId, id: ConnectionId) -> Result<bool, StoreError> {
        let mut tx = self.store.machinery().await?;
        let was_used = tx.await_data(id).await?;
        if was_used {
            changed(&mut tx, tenant, id, "connection.changed").await?;
        }
        tx.commit().await?;
        self.relay.poke();
        Ok(was_used)
    }

    /// One location of an office, as the vendor lists those that let the application in.
    async fn find(&self, office: &str, location: &str) -> Result<Option<Found>, PmsError> {
        let reading = async { self.sikka.authorized_practices().await.map(Arc::new) };
        let listed = match self.listed.try_get_with((), reading).await {
            Ok(listed) => listed,
            // The list is the application's: that it is refused says nothing of the office.
            Err(error) if error.kind == ErrorKind::AccessWithdrawn => {
                if let Err(error) = self.keeper.our_keys_are_refused().await {
                    tracing::error!(error = %error, "that our own keys are refused could not be told");
                }
                let down = PmsError::new(ErrorKind::VendorDown, Advice::Retry);
                return Err(down.code("application_refused").caused_by(error));
            }
            Err(error) => {
                let told = PmsError::new(error.kind, error.advice).caused_by(error.clone());
                return Err(error.code.iter().fold(told, |told, code| told.code(code)));
            }
        };
        let of_office = || listed.iter().filter(|one| one.office_id.eq_ignore_ascii_case(office));
        let main = main_of(of_office());
        let found =
            if location.is_empty() { main } else { of_office().find(|one| one.practice_id == location) };
        Ok(found.map(|found| Found {
            practice: found.clone(),
            is_main: main.is_some_and(|main| main.practice_id == found.practice_id),
        }))
    }

    fn budget_of(&self, tenant: TenantId, id: ConnectionId) -> Arc<dyn Budget> {
        let (first, percent) = (self.own.first_budget, self.own.budget_percent);
        Arc::new(StoreBudget::practice(self.store.clone(), (tenant, id), first, percent))
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

/// Twice as long each time, up to what is worth it.
fn wait_s(first_s: f64, setup: &Setup, state: &str) -> f64 {
    let tried = if setup.state == state { setup.attempts.clamp(0, 20) } else { 0 };
    let longest = if state == "onboarding" { ONBOARDING_WAIT_S } else { LONGEST_WAIT_S };
    (first_s * 2f64.powi(tried)).min(longest)
}

/// Whether the practice's data is on its way for the first time. Of one that is in use only the vendor's own word for
/// that is believed: something else that is missing for a moment takes nobody off the air.
fn is_on_its_way(error: &PmsError, is_used: bool) -> bool {
    error.kind == ErrorKind::NotReady && (!is_used || error.code.as_deref() == Some(heed::NO_DATA))
}

/// The location that an office's own id stands for: its only one, or the one the vendor numbers first.
fn main_of<'a>(of_office: impl Iterator<Item = &'a AuthorizedPractice>) -> Option<&'a AuthorizedPractice> {
    of_office.min_by_key(|one| (one.practice_id != "1", one.practice_id.len(), one.practice_id.clone()))
}

/// Why a setup ends, or is left to its next step.
fn after(refused: NotAdmitted, connection: Option<ConnectionId>) -> Result<Step, StepError> {
    Ok(match refused {
        NotAdmitted::Taken => Step::Refused("office_of_another_tenant"),
        NotAdmitted::WrongPractice => Step::Refused("practice"),
        NotAdmitted::Occupied => Step::Refused("practice_connected"),
        NotAdmitted::Unclear => Step::Refused("practice_unclear"),
        NotAdmitted::Over(moved) => Step::Over(moved, connection),
        NotAdmitted::Store(error) => return Err(error.into()),
    })
}

/// Tells every process that what it remembers of a connection is old.
pub(crate) async fn changed(
    tx: &mut MachineryTx,
    tenant: TenantId,
    connection: ConnectionId,
    routing_key: &str,
) -> Result<(), StoreError> {
    let body = v1::ConnectionChanged { tenant_id: tenant.to_string(), connection_id: connection.to_string() };
    tx.send(&OutgoingLetter::event(routing_key, v1::ConnectionChanged::NAME, &body.to_bytes())).await
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_offices_main_location_is_its_only_one_or_the_one_that_is_numbered_first() {
        let main = |ids: &[&str]| {
            let listed: Vec<AuthorizedPractice> = ids.iter().map(|id| admit::listed("Elm", id)).collect();
            main_of(listed.iter()).map(|one| one.practice_id.clone())
        };
        assert_eq!(main(&["7"]).as_deref(), Some("7"));
        assert_eq!(main(&["2", "1", "10"]).as_deref(), Some("1"));
        assert_eq!(main(&["10", "3", "2"]).as_deref(), Some("2"), "2 comes before 10");
        assert_eq!(main(&[]), None);
    }

    #[test]
    fn waits_double_up_to_an_hour_and_for_first_data_up_to_ten_minutes() {
        let waits = |was: &str, attempts: i32, state: &str| {
            let now = Timestamp::now();
            let setup = Setup {
                id: Uuid::nil(),
                tenant: TenantId::new(),
                vendor: VENDOR.into(),
                office: "D10001".into(),
                location: String::new(),
                connection: None,
                state: was.into(),
                reason: None,
                attempts,
                due_at: now,
                give_up_at: now,
                created_at: now,
                lease: Uuid::nil(),
            };
            wait_s(30.0, &setup, state)
        };
        let confirming: Vec<f64> = (0..9).map(|tried| waits("confirming", tried, "confirming")).collect();
        assert_eq!(confirming, [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_600.0, 3_600.0]);
        assert!((waits("onboarding", 9, "onboarding") - 600.0).abs() < 1e-9);
        assert!((waits("confirming", 9, "onboarding") - 30.0).abs() < 1e-9, "it has come a step on");
    }

    #[test]
    fn of_a_connection_in_use_only_the_vendors_own_word_says_that_its_data_is_on_its_way() {
        let not_ready = |code: &str| PmsError::new(ErrorKind::NotReady, Advice::Retry).code(code);
        assert!(
            is_on_its_way(&not_ready("time_zone"), false) && !is_on_its_way(&not_ready("time_zone"), true)
        );
        assert!(is_on_its_way(&not_ready("API2010"), false) && is_on_its_way(&not_ready("API2010"), true));
        let down = PmsError::new(ErrorKind::VendorDown, Advice::Retry);
        assert!(!is_on_its_way(&down, false));
    }
}
