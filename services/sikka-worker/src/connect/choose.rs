//! What staff choose about a connection, as far as the practice's own lists have it.

use std::sync::Arc;

use credentials::ConnectionKeys;
use domain::{PaymentMethod, TenantId};
use messages::v1;
use pms::{Advice, ErrorKind, PmsError};
use pms_sikka::{OfficeProfile, PracticeLists};
use serde_json::Value;
use store::StoreError;

use super::Connector;
use super::activate::merged;
use super::ask::{Asked, broken, of_store, of_vendor, report};

type Refusal = v1::SetupProblem;

impl Connector {
    /// Writes down what staff chose, and takes back what they no longer want.
    pub(crate) async fn choose(&self, tenant: TenantId, actor: &str, ask: &v1::ConnectionChoices) -> Asked {
        let id = ask.connection_id.parse().map_err(|_| of_store(StoreError::NotFound))?;
        let known = self.row(tenant, id).await.map_err(of_store)?;
        let mut lists = None;
        if !ask.default_clinician.is_empty() || !ask.payment_types.is_empty() {
            let profile = read(&known.config)?;
            let keys = Arc::new(ConnectionKeys::new(self.keeper.clone(), tenant, id));
            let budget = self.budget_of(tenant, id);
            let read = self.sikka.lists(&profile.practice_id, keys, budget).await;
            lists = Some(read.map_err(|error| of_vendor(&error))?);
        }
        let mut tx = self.store.tenant(tenant).await.map_err(of_store)?;
        let known = tx.connection_to_change(id).await.map_err(of_store)?;
        let mut profile = read(&known.config)?;
        words(&mut profile, ask)?;
        if let Some(lists) = &lists {
            codes(&mut profile, ask, lists)?;
        }
        for cleared in &ask.cleared {
            match cleared.as_str() {
                "cancelWord" => profile.cancel_as_told(),
                "noteKind" => profile.note_as_told(),
                other => {
                    other.strip_prefix("paymentTypes.").map(|method| profile.payment_types.remove(method));
                }
            }
        }
        let mut config = merged(&known.config, &profile);
        if !ask.default_clinician.is_empty() {
            config["default_clinician"] = Value::String(ask.default_clinician.clone());
        } else if ask.cleared.iter().any(|one| one == "defaultClinician") {
            config["default_clinician"] = Value::Null;
        }
        let capabilities = serde_json::to_value(&profile.capabilities).ok();
        tx.configure(id, &config, capabilities.as_ref()).await.map_err(of_store)?;
        tx.commit().await.map_err(of_store)?;
        self.tell(tenant, id).await.map_err(of_store)?;
        self.record(tenant, actor, "connection.choose", id).await.map_err(of_store)?;
        Ok(report(id, false, &known.status))
    }
}

fn read(config: &Value) -> Result<OfficeProfile, Refusal> {
    serde_json::from_value(config.clone()).map_err(|_| {
        of_vendor(&PmsError::new(ErrorKind::NotReady, Advice::Permanent).code("not_connected_yet"))
    })
}

fn one_of(list: &[String], what: &str) -> String {
    match list.join(", ") {
        none if none.is_empty() => format!("the practice's system lists no such {what}"),
        list => format!("must be one of {list}"),
    }
}

fn words(profile: &mut OfficeProfile, ask: &v1::ConnectionChoices) -> Result<(), Refusal> {
    if !ask.cancel_word.is_empty() {
        if !profile.words.may_cancel {
            return Err(broken("cancelWord", "the practice's system takes no cancellations"));
        }
        profile
            .cancel_with(&ask.cancel_word)
            .map_err(|_| broken("cancelWord", &one_of(&profile.words.statuses, "words")))?;
    }
    if !ask.note_kind.is_empty() {
        profile
            .note_as(&ask.note_kind)
            .map_err(|_| broken("noteKind", &one_of(&profile.words.notes, "words")))?;
    }
    Ok(())
}

fn codes(
    profile: &mut OfficeProfile,
    ask: &v1::ConnectionChoices,
    lists: &PracticeLists,
) -> Result<(), Refusal> {
    for (method, code) in &ask.payment_types {
        let field = format!("paymentTypes.{method}");
        let Some(known) = PaymentMethod::ALL.iter().find(|known| known.word() == method) else {
            return Err(broken(&field, "must be card, cash, cheque or transfer"));
        };
        if !lists.payment_types.contains(code) {
            return Err(broken(&field, &one_of(&lists.payment_types, "codes")));
        }
        profile.payment_types.insert(known.word().to_owned(), code.clone());
    }
    if !ask.default_clinician.is_empty() && !lists.clinicians.contains(&ask.default_clinician) {
        return Err(broken("defaultClinician", &one_of(&lists.clinicians, "people")));
    }
    Ok(())
}
