//! What people ask for by hand. Everything is tried at the vendor before it is written down.

use std::sync::Arc;

use domain::{ConnectionId, PaymentMethod, PracticeId, TenantId};
use messages::v1;
use pms::{Advice, ErrorKind, KeySource as _, PmsError};
use pms_sikka::{AuthorizedPractice, OfficeProfile, office_credentials};
use seal::{Sealed, Secret};
use serde_json::Value;
use store::{Connection, SetupKey, StoreError};
use vendor_http::MemoryBudget;

use super::admit::{Admitted, NotAdmitted};
use super::trial::TrialKeys;
use super::{Connector, VENDOR, changed, merged};

type Asked = Result<v1::ConnectionReport, v1::SetupProblem>;

/// A part of the question that breaks a rule.
fn broken(field: &str, rule: &str) -> v1::SetupProblem {
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

fn of_vendor(error: &PmsError) -> v1::SetupProblem {
    tracing::info!(error = %error, "a connection was tried in vain");
    let wait = match error.advice {
        Advice::RetryAfter(wait) => u32::try_from(wait.as_secs()).unwrap_or(u32::MAX),
        _ => 0,
    };
    v1::SetupProblem {
        kind: error.kind.word().to_owned(),
        code: error.code.clone().unwrap_or_default(),
        retry_after_s: wait,
        ..v1::SetupProblem::default()
    }
}

fn of_store(error: StoreError) -> v1::SetupProblem {
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

fn report(id: ConnectionId, is_new: bool, status: &str) -> v1::ConnectionReport {
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
        let listed = self.find(&ask.office, &ask.location).await.map_err(|error| of_vendor(&error))?;
        let Some(listed) = listed else {
            let what = if ask.location.is_empty() { "officeId" } else { "locationId" };
            return Err(broken(
                what,
                "must be one that let this application in; a new one may take a while to show",
            ));
        };
        let credentials = office_credentials(&listed.office_id, &secret);
        let keys = Arc::new(TrialKeys::new(self.login.clone(), credentials.clone()));
        keys.key().await.map_err(|error| match error.kind {
            ErrorKind::AccessWithdrawn => broken("secretKey", "must be the office's own secret key"),
            _ => of_vendor(&error),
        })?;
        // Only who knows the secret learns that somebody has it.
        if self.belongs_elsewhere(tenant, &listed.office_id).await.map_err(of_store)? {
            return Err(taken());
        }
        let listed = AuthorizedPractice { credentials, ..listed };
        self.sikka
            .switch_on(&listed.office_id, &listed.practice_id, self.budget.clone())
            .await
            .map_err(|error| of_vendor(&error))?;
        let profile = match self.try_out(&listed, keys).await {
            Ok(profile) => Some(profile),
            Err(error) if error.kind == ErrorKind::NotReady => None,
            Err(error) => return Err(of_vendor(&error)),
        };
        let admitted = self.admit(tenant, &listed, wanted).await.map_err(|error| match error {
            NotAdmitted::Taken => taken(),
            NotAdmitted::WrongPractice => broken("practiceId", "must be one of yours, and the office's own"),
            NotAdmitted::Store(error) => of_store(error),
        })?;
        self.settle(tenant, actor, &listed, &admitted, profile).await.map_err(of_store)
    }

    /// What was tried is written down.
    async fn settle(
        &self,
        tenant: TenantId,
        actor: &str,
        listed: &AuthorizedPractice,
        admitted: &Admitted,
        profile: Option<OfficeProfile>,
    ) -> Result<v1::ConnectionReport, StoreError> {
        let id = admitted.connection;
        let status = match profile {
            Some(profile) => {
                self.activate(tenant, listed, admitted, profile, None).await?;
                "active"
            }
            None if admitted.is_active => "active",
            None => {
                let (office, location) = (listed.office_id.as_str(), listed.practice_id.as_str());
                let mut tx = self.store.machinery().await?;
                tx.ask_setup(SetupKey { tenant, vendor: VENDOR, office, location }, None).await?;
                tx.commit().await?;
                "pending"
            }
        };
        self.record(tenant, actor, "connection.connect", id).await?;
        tracing::info!(connection.id = %id, tenant.id = %tenant, status, "an office was connected by hand");
        Ok(report(id, admitted.is_new, status))
    }

    async fn try_out(
        &self,
        listed: &AuthorizedPractice,
        keys: Arc<TrialKeys>,
    ) -> Result<OfficeProfile, PmsError> {
        let first = u32::try_from(self.own.first_budget).unwrap_or(60);
        self.sikka.inspect(listed, keys, Arc::new(MemoryBudget::per_minute(first))).await
    }

    /// Tries a connection, and reads anew what it can do.
    pub(crate) async fn test(&self, tenant: TenantId, actor: &str, ask: &v1::ConnectionTest) -> Asked {
        let id = ask.connection_id.parse().map_err(|_| of_store(StoreError::NotFound))?;
        let known = self.row(tenant, id).await.map_err(of_store)?;
        let text = |name: &str| known.config.get(name).and_then(Value::as_str).unwrap_or_default();
        let (office, location) = (text("office_id"), text("practice_id"));
        let listed = self.find(office, location).await.map_err(|error| of_vendor(&error))?;
        let gone = || PmsError::new(ErrorKind::AccessWithdrawn, Advice::Permanent).code("not_listed");
        let listed = listed.ok_or_else(|| of_vendor(&gone()))?;
        let is_used = known.status != "disabled" || ask.enable;
        if ask.enable && self.belongs_elsewhere(tenant, office).await.map_err(of_store)? {
            return Err(taken());
        }
        let keys = Arc::new(TrialKeys::new(self.login.clone(), listed.credentials.clone()));
        let profile = self.try_out(&listed, keys).await.map_err(|error| of_vendor(&error))?;
        self.record(tenant, actor, if ask.enable { "connection.enable" } else { "connection.test" }, id)
            .await
            .map_err(of_store)?;
        if !is_used {
            return Ok(report(id, false, &known.status));
        }
        self.take_up(tenant, &known, &listed, profile).await.map_err(of_store)?;
        Ok(report(id, false, "active"))
    }

    async fn take_up(
        &self,
        tenant: TenantId,
        known: &Connection,
        listed: &AuthorizedPractice,
        profile: OfficeProfile,
    ) -> Result<(), StoreError> {
        let admitted = Admitted {
            connection: known.id,
            practice: known.practice,
            is_active: true,
            is_new: false,
            config: known.config.clone(),
        };
        self.activate(tenant, listed, &admitted, profile, None).await?;
        if known.status != "active" {
            let mut tx = self.store.tenant(tenant).await?;
            tx.forget_keys(known.id).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Writes down what staff chose, as far as the practice's own lists have it.
    pub(crate) async fn choose(&self, tenant: TenantId, actor: &str, ask: &v1::ConnectionChoices) -> Asked {
        let id = ask.connection_id.parse().map_err(|_| of_store(StoreError::NotFound))?;
        let mut tx = self.store.tenant(tenant).await.map_err(of_store)?;
        let known = tx.connection_to_change(id).await.map_err(of_store)?;
        let mut profile: OfficeProfile = serde_json::from_value(known.config.clone()).map_err(|_| {
            of_vendor(&PmsError::new(ErrorKind::NotReady, Advice::Permanent).code("not_connected_yet"))
        })?;
        let in_words = |list: &[String]| match list.join(", ") {
            none if none.is_empty() => "the practice's system lists no such words".to_owned(),
            list => format!("must be one of {list}"),
        };
        if !ask.cancel_word.is_empty() {
            if !profile.words.may_cancel {
                return Err(broken("cancelWord", "the practice's system takes no cancellations"));
            }
            profile
                .cancel_with(&ask.cancel_word)
                .map_err(|_| broken("cancelWord", &in_words(&profile.words.statuses)))?;
        }
        if !ask.note_kind.is_empty() {
            profile
                .note_as(&ask.note_kind)
                .map_err(|_| broken("noteKind", &in_words(&profile.words.notes)))?;
        }
        for (method, code) in &ask.payment_types {
            let Some(known) = PaymentMethod::ALL.iter().find(|known| known.word() == method) else {
                return Err(broken(
                    &format!("paymentTypes.{method}"),
                    "must be card, cash, cheque or transfer",
                ));
            };
            profile.payment_types.insert(known.word().to_owned(), code.clone());
        }
        let mut config = merged(&known.config, &profile);
        if !ask.default_clinician.is_empty() {
            config["default_clinician"] = Value::String(ask.default_clinician.clone());
        }
        let capabilities = serde_json::to_value(&profile.capabilities).ok();
        tx.configure(id, &config, capabilities.as_ref()).await.map_err(of_store)?;
        tx.commit().await.map_err(of_store)?;
        self.tell(tenant, id).await.map_err(of_store)?;
        self.record(tenant, actor, "connection.choose", id).await.map_err(of_store)?;
        Ok(report(id, false, &known.status))
    }

    async fn tell(&self, tenant: TenantId, id: ConnectionId) -> Result<(), StoreError> {
        let mut tx = self.store.machinery().await?;
        changed(&mut tx, tenant, id, "connection.changed").await?;
        tx.commit().await?;
        self.relay.poke();
        Ok(())
    }

    async fn row(&self, tenant: TenantId, id: ConnectionId) -> Result<Connection, StoreError> {
        let mut tx = self.store.tenant(tenant).await?;
        let known = tx.connection(id).await?;
        tx.commit().await?;
        Ok(known)
    }
}
