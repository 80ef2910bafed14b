//! Whose an office is, and which of a tenant's locations it becomes.

use domain::{ConnectionId, PracticeId, TenantId};
use pms_sikka::AuthorizedPractice;
use seal::Secret;
use serde_json::{Value, json};
use store::{Connection, MachineryTx, Moved, NewConnection, Practice, Setup, SetupKey, StoreError};

use super::{Connector, VENDOR, changed, names};

/// The rule of the schema: a location has one connection that is not switched off.
const ONE_OF_PRACTICE: &str = "pms_connections_one_of_practice";

/// A connection that is there, used or not.
pub(super) struct Admitted {
    pub(super) connection: ConnectionId,
    pub(super) is_active: bool,
    pub(super) is_new: bool,
}

/// Why an office does not become a tenant's.
pub(super) enum NotAdmitted {
    /// Another tenant is connected to it. A notice proves nothing about whose it is: who was first keeps it.
    Taken,
    /// The location that was asked for is none of the tenant's, or the office is another one's already.
    WrongPractice,
    /// The location has another connection.
    Occupied,
    /// A notice about an office that would become the only location there is, which has another name.
    Unclear,
    /// The setup that asks is no longer the caller's to go on with.
    Over(Moved),
    Store(StoreError),
}

impl From<StoreError> for NotAdmitted {
    fn from(error: StoreError) -> Self {
        if error.is_rule(ONE_OF_PRACTICE) { Self::Occupied } else { Self::Store(error) }
    }
}

/// Who asks.
pub(super) enum Asks<'a> {
    /// A setup that is under way: what it becomes is written into it.
    Setup(&'a Setup),
    /// A person, about an office that works.
    Hand,
    /// A person, about an office whose data is on its way: it is waited for.
    Wait,
    /// The same, of somebody who only asked whether it works: what is switched off stays so.
    Look,
}

/// What an office is to a tenant.
pub(super) enum Place {
    /// It was connected before, or is.
    Known(Connection),
    /// It becomes this location.
    Free(PracticeId),
    /// It becomes a location of its own.
    New,
}

impl Connector {
    /// What an office would become, as things stand: nothing is written down.
    pub(super) async fn foresee(
        &self,
        tenant: TenantId,
        listed: &AuthorizedPractice,
        wanted: Option<PracticeId>,
    ) -> Result<Place, NotAdmitted> {
        let mut tx = self.store.machinery().await?;
        let place = decide(&mut tx, tenant, listed, wanted, false).await?;
        tx.commit().await?;
        Ok(place)
    }

    /// Writes an office down as the tenant's, with what its keys are got with. It is not used yet.
    pub(super) async fn admit(
        &self,
        tenant: TenantId,
        listed: &AuthorizedPractice,
        wanted: Option<PracticeId>,
        asks: Asks<'_>,
    ) -> Result<Admitted, NotAdmitted> {
        let mut tx = self.store.machinery().await?;
        let is_told = matches!(asks, Asks::Setup(_));
        let admitted = match decide(&mut tx, tenant, listed, wanted, is_told).await? {
            Place::Known(known) => {
                // As it stands now: a switch of its location that begins meanwhile is noted in the same row.
                let known = tx.connection_to_change(tenant, known.id).await?;
                if matches!(asks, Asks::Look) && known.status == "disabled" {
                    return Err(NotAdmitted::Over(Moved::Lost));
                }
                let was_active = known.status == "active";
                let is_active = was_active && !matches!(asks, Asks::Wait | Asks::Look);
                if !is_active {
                    let row = row((known.id, known.practice), known.config, known.capabilities, listed);
                    tx.put_connection(tenant, row).await?;
                }
                if was_active && !is_active {
                    changed(&mut tx, tenant, known.id, "connection.changed").await?;
                }
                if !was_active && known.status != "pending" {
                    // Whatever was wrong with its keys is over: it is connected anew.
                    tx.forget_keys(known.id).await?;
                }
                Admitted { connection: known.id, is_active, is_new: false }
            }
            place => {
                let practice = practice(&mut tx, tenant, place, listed).await?;
                let config = json!({
                    "office_id": listed.office_id, "practice_id": listed.practice_id, "system": listed.system,
                    "time_zone": listed.time_zone,
                });
                let connection = ConnectionId::new();
                tx.put_connection(tenant, row((connection, practice), config, None, listed)).await?;
                Admitted { connection, is_active: false, is_new: true }
            }
        };
        match asks {
            Asks::Setup(setup) => match tx.attach_setup(setup, admitted.connection).await? {
                Moved::Yes => {}
                other => return Err(NotAdmitted::Over(other)),
            },
            Asks::Wait | Asks::Look => {
                let (office, location) = (listed.office_id.as_str(), listed.practice_id.as_str());
                let key = SetupKey { tenant, vendor: VENDOR, office, location };
                tx.take_up_setup(key, admitted.connection).await?;
            }
            Asks::Hand => {}
        }
        tx.commit().await?;
        self.relay.poke();
        Ok(admitted)
    }
}

fn row<'a>(
    (id, practice): (ConnectionId, PracticeId),
    config: Value,
    capabilities: Option<Value>,
    listed: &'a AuthorizedPractice,
) -> NewConnection<'a> {
    let credentials: &'a Secret = &listed.credentials;
    NewConnection { id, practice, vendor: VENDOR, status: "pending", config, capabilities, credentials }
}

async fn practice(
    tx: &mut MachineryTx,
    tenant: TenantId,
    place: Place,
    listed: &AuthorizedPractice,
) -> Result<PracticeId, StoreError> {
    if let Place::Free(known) = place {
        return Ok(known);
    }
    let practice = Practice {
        id: PracticeId::new(),
        name: listed.name.clone(),
        // Where the vendor does not tell it yet it is learnt before the connection is used.
        time_zone: listed.time_zone.clone().unwrap_or_else(|| Practice::NO_ZONE.to_owned()),
        country: listed.country.to_owned(),
    };
    tx.put_practice(tenant, &practice).await?;
    Ok(practice.id)
}

/// Nobody else decides about this office, or about the tenant's locations, until the transaction ends. `is_told`: it was
/// told by a notice, and by nobody who knows the clinic.
async fn decide(
    tx: &mut MachineryTx,
    tenant: TenantId,
    listed: &AuthorizedPractice,
    wanted: Option<PracticeId>,
    is_told: bool,
) -> Result<Place, NotAdmitted> {
    if is_elsewhere(tx, tenant, &listed.office_id).await? {
        return Err(NotAdmitted::Taken);
    }
    tx.lock_places(tenant).await?;
    let everybodys = tx.connections_of_office(VENDOR, &listed.office_id).await?;
    let (practices, connections) = (tx.practices_of(tenant).await?, tx.connections_of(tenant).await?);
    // While it was switched off another office may have got its location: then it begins anew.
    let known = everybodys
        .iter()
        .filter(|one| one.due.tenant == tenant && one.location == listed.practice_id)
        .filter_map(|one| connections.iter().find(|own| own.id == one.due.connection))
        .filter(|own| !is_occupied(&connections, own.practice, Some(own.id)))
        .min_by_key(|own| (own.status == "disabled", wanted != Some(own.practice)));
    match known {
        Some(known) if wanted.is_none_or(|wanted| wanted == known.practice) => {
            Ok(Place::Known(known.clone()))
        }
        Some(known) if known.status != "disabled" => Err(NotAdmitted::WrongPractice),
        // What it was bound to by mistake keeps its past, and the office goes where it belongs.
        _ => place(&practices, &connections, listed, wanted, is_told),
    }
}

/// Whether another tenant is connected to an office. Nobody else decides about it until the transaction ends.
pub(super) async fn is_elsewhere(
    tx: &mut MachineryTx,
    tenant: TenantId,
    office: &str,
) -> Result<bool, StoreError> {
    tx.lock_office(VENDOR, office).await?;
    let everybodys = tx.connections_of_office(VENDOR, office).await?;
    // One that never came about holds nothing.
    Ok(everybodys
        .iter()
        .any(|one| one.due.tenant != tenant && !matches!(one.status.as_str(), "disabled" | "error")))
}

/// Whether a location has a connection other than `own` that is not switched off.
pub(super) fn is_occupied(
    connections: &[Connection],
    practice: PracticeId,
    own: Option<ConnectionId>,
) -> bool {
    connections.iter().any(|one| one.practice == practice && one.status != "disabled" && Some(one.id) != own)
}

/// Which of the tenant's locations an office becomes: the one that was asked for; of those that never had a connection
/// the one of its name, or the tenant's only location; otherwise a new one. One whose connection is switched off may be
/// switched on again: it is nobody else's. By a notice no office becomes the only location where their names plainly
/// differ: it may be another clinic's.
fn place(
    practices: &[Practice],
    connections: &[Connection],
    listed: &AuthorizedPractice,
    wanted: Option<PracticeId>,
    is_told: bool,
) -> Result<Place, NotAdmitted> {
    if let Some(wanted) = wanted {
        let known = practices.iter().find(|one| one.id == wanted).ok_or(NotAdmitted::WrongPractice)?;
        if is_occupied(connections, known.id, None) {
            return Err(NotAdmitted::Occupied);
        }
        return Ok(Place::Free(known.id));
    }
    let is_fresh = |one: &&Practice| !connections.iter().any(|other| other.practice == one.id);
    let mut named = practices
        .iter()
        .filter(is_fresh)
        .filter(|one| one.name.trim().eq_ignore_ascii_case(listed.name.trim()));
    // Between two of one name nothing is guessed.
    let named = named.next().filter(|_| named.next().is_none());
    let only = if let [only] = practices { Some(only).filter(is_fresh) } else { None };
    if let (None, Some(only)) = (named, only)
        && is_told
        && names::plainly_differ(&only.name, &listed.name)
    {
        return Err(NotAdmitted::Unclear);
    }
    Ok(named.or(only).map_or(Place::New, |practice| Place::Free(practice.id)))
}

#[cfg(test)]
pub(super) fn listed(name: &str, practice_id: &str) -> AuthorizedPractice {
    AuthorizedPractice {
        office_id: "D10001".into(),
        practice_id: practice_id.into(),
        credentials: "open sesame".into(),
        name: name.into(),
        system: String::new(),
        system_version: String::new(),
        time_zone: None,
        zone_name: String::new(),
        country: "US",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn practice(name: &str) -> Practice {
        Practice {
            id: PracticeId::new(),
            name: name.into(),
            time_zone: "America/Chicago".into(),
            country: "US".into(),
        }
    }

    fn connection(practice: &Practice, status: &str) -> Connection {
        Connection {
            id: ConnectionId::new(),
            practice: practice.id,
            vendor: VENDOR.into(),
            status: status.into(),
            config: json!({}),
            capabilities: None,
            token_expires_at: None,
            last_error: None,
        }
    }

    fn office(name: &str) -> AuthorizedPractice {
        listed(name, "1")
    }

    fn place_of(practices: &[Practice], connections: &[Connection], wanted: Option<PracticeId>) -> Place {
        place(practices, connections, &office("Elm Street"), wanted, false).ok().unwrap()
    }

    #[test]
    fn an_office_becomes_the_only_location_there_is_or_the_one_of_its_name_and_else_a_new_one() {
        let (cedar, elm) = (practice("Cedar"), practice("elm street "));
        let alone = std::slice::from_ref(&cedar);
        assert!(matches!(place_of(alone, &[], None), Place::Free(id) if id == cedar.id));
        let both = [cedar.clone(), elm.clone()];
        assert!(matches!(place_of(&both, &[], None), Place::Free(id) if id == elm.id));
        // Of two locations one is connected. The other is not this office for being left.
        let two = [cedar.clone(), practice("Oak")];
        assert!(matches!(place_of(&two, &[connection(&cedar, "active")], None), Place::New));
        assert!(matches!(place_of(&two, &[], None), Place::New));
    }

    #[test]
    fn a_location_whose_connection_is_switched_off_is_taken_only_where_somebody_says_so() {
        let elm = practice("Elm Street");
        let (alone, off) = (std::slice::from_ref(&elm), [connection(&elm, "disabled")]);
        assert!(matches!(place_of(alone, &off, None), Place::New));
        assert!(matches!(place_of(alone, &off, Some(elm.id)), Place::Free(id) if id == elm.id));
    }

    #[test]
    fn a_location_that_is_connected_is_refused_and_so_is_one_of_somebody_else() {
        let elm = practice("Elm Street");
        let alone = std::slice::from_ref(&elm);
        for status in ["active", "pending", "error", "reauthorise"] {
            let refused = place(alone, &[connection(&elm, status)], &office("x"), Some(elm.id), false).err();
            assert!(matches!(refused, Some(NotAdmitted::Occupied)), "{status}");
        }
        let refused = place(alone, &[], &office("x"), Some(PracticeId::new()), false).err();
        assert!(matches!(refused, Some(NotAdmitted::WrongPractice)));
    }

    #[test]
    fn a_notice_makes_an_office_the_only_location_unless_their_names_plainly_differ() {
        let told = |name: &str| {
            let one = practice(name);
            place(std::slice::from_ref(&one), &[], &office("Elm Street Dental"), None, true)
        };
        assert!(matches!(told("The Elm Street Practice"), Ok(Place::Free(_))));
        assert!(matches!(told("Cedar"), Err(NotAdmitted::Unclear)));
        // One that had a connection is nobody else's whatever its name, and the office begins anew.
        let cedar = practice("Cedar");
        let off = [connection(&cedar, "disabled")];
        let anew = place(std::slice::from_ref(&cedar), &off, &office("Elm Street"), None, true);
        assert!(matches!(anew, Ok(Place::New)));
    }
}
