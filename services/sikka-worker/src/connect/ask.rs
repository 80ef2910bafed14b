//! What people ask for by hand. Everything is tried at the vendor before it is written down.

use std::sync::Arc;

use domain::{ConnectionId, PracticeId, TenantId};
use messages::v1;
use pms::{Advice, ErrorKind, KeySource as _, PmsError};
use pms_sikka::{AuthorizedPractice, OfficeProfile, office_credentials};
use seal::{Sealed, Secret};
use serde_json::Value;
use store::{Connection, StoreError};
use vendor_http::{Budget, MemoryBudget};

use super::activate::{Activated, By};
use super::admit::{Asks, NotAdmitted, Place};
use super::trial::TrialKeys;
use super::{Connector, Found, changed, heed, is_on_its_way};

pub(super) type Asked = Result<v1::ConnectionReport, v1::SetupProblem>;

/// A part of the question that breaks a rule.
pub(super) fn broken(field: &str, rule: &str) -> v1::SetupProblem {
    v1::SetupProblem {
        kind: "invalid".to_owned(),
        field: field.to_owned(),
        rule: rule.to_owned(),
        ..v1::SetupProblem::default()
    }
}

fn taken() -> v1::SetupProblem {
    v1::SetupProblem { kind: "taken".to_owned(), ..v1::SetupProblem::default() }
}

pub(super) fn of_vendor(error: &PmsError) -> v1::SetupProblem {
    tracing::info!(error = %error, "a connection was tried in vain");
    let wait = match error.advice {
        Advice::RetryAfter(wait) => u32::try_from(wait.as_secs()).unwrap_or(u32::MAX),
        _ => 0,
    };
    // Of a location that is off nobody withdrew anything.
    let kind = if error.code.as_deref() == Some(heed::OFF) { heed::LAST_ERROR } else { error.kind.word() };
    v1::SetupProblem {
        kind: kind.to_owned(),
        code: error.code.clone().unwrap_or_default(),
        retry_after_s: wait,
        ..v1::SetupProblem::default()
    }
}

pub(super) fn of_store(error: StoreError) -> v1::SetupProblem {
    match error {
        StoreError::NotFound => v1::SetupProblem { kind: "not_found".into(), ..v1::SetupProblem::default() },
        other => {
            tracing::error!(error = %other, "a connection could not be written down");
            v1::SetupProblem {
                kind: "vendor_down".into(),
                code: "database".into(),
                ..v1::SetupProblem::default()
            }
        }
    }
}

fn not_admitted(refused: NotAdmitted) -> v1::SetupProblem {
    match refused {
        NotAdmitted::Taken => taken(),
        NotAdmitted::WrongPractice => broken("practiceId", "must be one of yours, and the office's own"),
        NotAdmitted::Unclear => broken("practiceId", "must be said: the office has another name"),
        NotAdmitted::Occupied => broken("practiceId", "is connected already"),
        NotAdmitted::Over(_) => of_store(StoreError::NotFound),
        NotAdmitted::Store(error) => of_store(error),
    }
}

pub(super) fn report(id: ConnectionId, is_new: bool, status: &str) -> v1::ConnectionReport {
    v1::ConnectionReport { connection_id: id.to_string(), is_new, status: status.to_owned() }
}

impl Connector {
    /// Connects an office whose secret key somebody gave.
    pub(crate) async fn connect(&self, tenant: TenantId, actor: &str, ask: &v1::OfficeConnect) -> Asked {
        let identity = format!("pms.setup/{tenant}/{}", ask.office);
        let secret = self.keys.open(&identity, &Sealed::from_bytes(ask.sealed_secret.clone()));
        let secret = secret.ok().and_then(|plain| String::from_utf8(plain).ok()).map(Secret::new);
        let Some(secret) = secret else { return Err(broken("secretKey", "must be text")) };
        let wanted = match ask.practice_id.as_str() {
            "" => None,
            id => Some(id.parse::<PracticeId>().map_err(|_| broken("practiceId", "must be one of yours"))?),
        };
        let found = self.find(&ask.office, &ask.location).await.map_err(|error| of_vendor(&error))?;
        let Some(found) = found else {
            let what = if ask.location.is_empty() { "officeId" } else { "locationId" };
            return Err(broken(
                what,
                "must be one that let this application in; a new one may take a while to show",
            ));
        };
        let credentials = office_credentials(&found.practice.office_id, &secret);
        let stranger = self.stranger(&found.practice.office_id).await;
        let keys = Arc::new(TrialKeys::new(self.login.within(stranger.clone()), credentials.clone()));
        keys.key().await.map_err(|error| match error.kind {
            ErrorKind::AccessWithdrawn => broken("secretKey", "must be the office's own secret key"),
            _ => of_vendor(&error),
        })?;
        let found = Found { practice: AuthorizedPractice { credentials, ..found.practice }, ..found };
        let listed = &found.practice;
        // Only who knows the secret learns that somebody has it. A location that is on is billed: what cannot be used
        // is not switched on.
        let place = self.foresee(tenant, listed, wanted).await.map_err(not_admitted)?;
        let (budget, is_used, known) = match place {
            Place::Known(one) => (self.budget_of(tenant, one.id), one.status == "active", Some(one.id)),
            Place::Free(_) | Place::New => (stranger, false, None),
        };
        let profile = match self.open(listed, keys, budget).await {
            Ok(profile) => Ok(Some(profile)),
            Err(error) if is_on_its_way(&error, is_used) => Ok(None),
            Err(error) => Err(of_vendor(&error)),
        };
        let answer = match profile {
            Ok(profile) => Box::pin(self.connected((tenant, actor), &found, wanted, profile)).await,
            Err(problem) => Err(problem),
        };
        if answer.is_err()
            && let Some(id) = known
        {
            // Where it is disabled, what was switched on for it goes off again.
            self.leave_off(tenant, id).await.map_err(of_store)?;
        }
        answer
    }

    /// Writes an office down that somebody connects; without its profile its data is waited for.
    async fn connected(
        &self,
        (tenant, actor): (TenantId, &str),
        found: &Found,
        wanted: Option<PracticeId>,
        profile: Option<OfficeProfile>,
    ) -> Asked {
        let asks = if profile.is_none() { Asks::Wait } else { Asks::Hand };
        let admitted = self.admit(tenant, &found.practice, wanted, asks).await.map_err(not_admitted)?;
        let id = admitted.connection;
        let status = match profile {
            Some(profile) => {
                self.activate((tenant, id), found, profile, By::Wish).await.map_err(not_admitted)?;
                "active"
            }
            None => "pending",
        };
        self.record(tenant, actor, "connection.connect", id).await.map_err(of_store)?;
        tracing::info!(connection.id = %id, tenant.id = %tenant, status, "an office was connected by hand");
        Ok(report(id, admitted.is_new, status))
    }

    /// The budget of an office that has no connection yet.
    async fn stranger(&self, office: &str) -> Arc<dyn Budget> {
        let first = u32::try_from(self.own.first_budget).unwrap_or(60);
        let fresh = async move { Arc::new(MemoryBudget::per_minute(first)) as Arc<dyn Budget> };
        self.strangers.get_with(office.to_ascii_uppercase(), fresh).await
    }

    /// Tries a connection, and reads anew what it can do.
    pub(crate) async fn test(&self, tenant: TenantId, actor: &str, ask: &v1::ConnectionTest) -> Asked {
        let id = ask.connection_id.parse().map_err(|_| of_store(StoreError::NotFound))?;
        let answer = Box::pin(self.tried(tenant, actor, id, ask)).await;
        if ask.enable {
            // Where it is disabled all the same, what was switched on for it goes off again.
            self.leave_off(tenant, id).await.map_err(of_store)?;
        }
        answer
    }

    async fn tried(
        &self,
        tenant: TenantId,
        actor: &str,
        id: ConnectionId,
        ask: &v1::ConnectionTest,
    ) -> Asked {
        let known = self.row(tenant, id).await.map_err(of_store)?;
        // Whoever tests while somebody does waits for it: what calls it costs are its practice's.
        let turn = self.trials.get_with(id, async { Arc::default() }).await;
        let _turn = turn.lock().await;
        let text = |name: &str| known.config.get(name).and_then(Value::as_str).unwrap_or_default();
        let (office, location) = (text("office_id"), text("practice_id"));
        let found = self.find(office, location).await.map_err(|error| of_vendor(&error))?;
        let gone = || PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).code("not_listed");
        let found = found.ok_or_else(|| of_vendor(&gone()))?;
        if ask.enable {
            self.foresee(tenant, &found.practice, Some(known.practice)).await.map_err(not_admitted)?;
        }
        let budget = self.budget_of(tenant, id);
        let login = self.login.within(budget.clone());
        let keys = Arc::new(TrialKeys::new(login, found.practice.credentials.clone()));
        let read = if ask.enable {
            self.open(&found.practice, keys, budget).await
        } else {
            self.sikka.inspect(&found.practice, keys, budget).await
        };
        let status = match read {
            Ok(profile) => {
                let by = if ask.enable { By::Wish } else { By::Test };
                match self.activate((tenant, id), &found, profile, by).await.map_err(not_admitted)? {
                    Activated::Yes => "active",
                    Activated::StillOff | Activated::Over(_) => "disabled",
                }
            }
            Err(error) if is_on_its_way(&error, known.status == "active") => {
                self.await_first_data(tenant, &known, &found, ask.enable).await?
            }
            Err(error) => return Err(of_vendor(&error)),
        };
        self.record(tenant, actor, if ask.enable { "connection.enable" } else { "connection.test" }, id)
            .await
            .map_err(of_store)?;
        Ok(report(id, false, status))
    }

    /// Has a connection waited for whose data is on its way for the first time: that is no error. How it stands then.
    async fn await_first_data(
        &self,
        tenant: TenantId,
        known: &Connection,
        found: &Found,
        enable: bool,
    ) -> Result<&'static str, v1::SetupProblem> {
        if !enable && known.status == "disabled" {
            return Ok("disabled");
        }
        let asks = if enable { Asks::Wait } else { Asks::Look };
        match self.admit(tenant, &found.practice, Some(known.practice), asks).await {
            Ok(_) => Ok("pending"),
            Err(NotAdmitted::Over(_)) => Ok("disabled"),
            Err(refused) => Err(not_admitted(refused)),
        }
    }

    pub(super) async fn tell(&self, tenant: TenantId, id: ConnectionId) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        changed(&mut tx, tenant, id, "connection.changed").await?;
        tx.commit().await?;
        self.relay.poke();
        Ok(())
    }

    pub(super) async fn row(&self, tenant: TenantId, id: ConnectionId) -> Result<Connection, StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        let known = tx.connection(id).await?;
        tx.commit().await?;
        Ok(known)
    }
}
