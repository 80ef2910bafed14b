//! Whose an office is, and which of a tenant's locations it becomes.

use domain::{ConnectionId, PracticeId, TenantId};
use pms_sikka::AuthorizedPractice;
use seal::Secret;
use serde_json::{Value, json};
use store::{Connection, NewConnection, Practice, StoreError};

use super::{Connector, VENDOR};

/// A connection that is there, used or not.
pub(super) struct Admitted {
    pub(super) connection: ConnectionId,
    pub(super) practice: PracticeId,
    pub(super) is_active: bool,
    pub(super) is_new: bool,
    /// What is kept with it.
    pub(super) config: Value,
}

impl Admitted {
    pub(super) fn row<'a>(
        &self,
        status: &'a str,
        config: Value,
        capabilities: Option<Value>,
        credentials: &'a Secret,
    ) -> NewConnection<'a> {
        NewConnection {
            id: self.connection,
            practice: self.practice,
            vendor: VENDOR,
            status,
            config,
            capabilities,
            credentials,
        }
    }
}

/// Why an office does not become a tenant's.
pub(super) enum NotAdmitted {
    /// Another tenant is connected to it. A notice proves nothing about whose it is: who was first keeps it.
    Taken,
    /// The location that was asked for is none of the tenant's, or the office is another one's already.
    WrongPractice,
    Store(StoreError),
}

impl From<StoreError> for NotAdmitted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Connector {
    /// Writes an office down as the tenant's, with what its keys are got with. It is not used yet.
    pub(super) async fn admit(
        &self,
        tenant: TenantId,
        listed: &AuthorizedPractice,
        wanted: Option<PracticeId>,
    ) -> Result<Admitted, NotAdmitted> {
        let mut tx = self.store.tenant(tenant).await?;
        let (practices, connections) = (tx.practices().await?, tx.connections().await?);
        tx.commit().await?;
        let mut tx = self.store.machinery().await?;
        tx.lock_office(VENDOR, &listed.office_id).await?;
        let everybodys = tx.connections_of_office(VENDOR, &listed.office_id).await?;
        if everybodys.iter().any(|one| one.due.tenant != tenant && one.status != "disabled") {
            return Err(NotAdmitted::Taken);
        }
        let known = everybodys
            .iter()
            .find(|one| one.due.tenant == tenant && one.location == listed.practice_id)
            .and_then(|one| connections.iter().find(|own| own.id == one.due.connection));
        if let Some(known) = known {
            if wanted.is_some_and(|wanted| wanted != known.practice) {
                return Err(NotAdmitted::WrongPractice);
            }
            if known.status == "active" {
                return Ok(of(known));
            }
            let admitted = of(known);
            let capabilities = known.capabilities.clone();
            let row = admitted.row("pending", known.config.clone(), capabilities, &listed.credentials);
            tx.put_connection(tenant, row).await?;
            tx.commit().await?;
            if known.status != "pending" {
                // Whatever was wrong with its keys is over: it is connected anew.
                let mut tx = self.store.tenant(tenant).await?;
                tx.forget_keys(known.id).await?;
                tx.commit().await?;
            }
            return Ok(admitted);
        }
        let place = place(&practices, &connections, listed, wanted).ok_or(NotAdmitted::WrongPractice)?;
        let practice = match place {
            Place::Known(id) => id,
            Place::New(practice) => {
                tx.put_practice(tenant, &practice).await?;
                practice.id
            }
        };
        let config = json!({
            "office_id": listed.office_id, "practice_id": listed.practice_id, "system": listed.system,
            "time_zone": listed.time_zone,
        });
        let admitted =
            Admitted { connection: ConnectionId::new(), practice, is_active: false, is_new: true, config };
        let row = admitted.row("pending", admitted.config.clone(), None, &listed.credentials);
        tx.put_connection(tenant, row).await?;
        tx.commit().await?;
        Ok(admitted)
    }

    /// Whether another tenant is connected to an office.
    pub(super) async fn belongs_elsewhere(&self, tenant: TenantId, office: &str) -> Result<bool, StoreError> {
        let mut tx = self.store.machinery().await?;
        let everybodys = tx.connections_of_office(VENDOR, office).await?;
        tx.commit().await?;
        Ok(everybodys.iter().any(|one| one.due.tenant != tenant && one.status != "disabled"))
    }
}

fn of(known: &Connection) -> Admitted {
    Admitted {
        connection: known.id,
        practice: known.practice,
        is_active: known.status == "active",
        is_new: false,
        config: known.config.clone(),
    }
}

enum Place {
    Known(PracticeId),
    New(Practice),
}

/// Which of the tenant's locations an office becomes: the one that was asked for; of those without a connection the one
/// of its name, or the only one; otherwise a new one. `None`: the one that was asked for is none of the tenant's.
fn place(
    practices: &[Practice],
    connections: &[Connection],
    listed: &AuthorizedPractice,
    wanted: Option<PracticeId>,
) -> Option<Place> {
    if let Some(wanted) = wanted {
        return practices.iter().find(|one| one.id == wanted).map(|one| Place::Known(one.id));
    }
    let is_free = |one: &&Practice| {
        !connections.iter().any(|other| other.practice == one.id && other.status != "disabled")
    };
    let free: Vec<&Practice> = practices.iter().filter(is_free).collect();
    let named = free.iter().find(|one| one.name.trim().eq_ignore_ascii_case(listed.name.trim()));
    let only = if let [only] = free.as_slice() { Some(only) } else { None };
    Some(match named.or(only) {
        Some(practice) => Place::Known(practice.id),
        None => Place::New(Practice {
            id: PracticeId::new(),
            name: listed.name.clone(),
            time_zone: listed.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
            country: listed.country.to_owned(),
        }),
    })
}
