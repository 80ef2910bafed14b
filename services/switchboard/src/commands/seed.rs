use std::path::Path;
use std::process::ExitCode;

use domain::{ApiKeyId, ConnectionId, PracticeId, Role, TenantId};
use pms::{Capabilities, Operation};
use seal::Secret;
use serde_json::{Value, json};
use store::{ApiKeyOwner, MachineryTx, NewConnection, NumberOwner, Practice, Store, Tenant};

use super::api_keys::audit;
use crate::out::Out;
use crate::place;

/// The clinic's number and the voice vendor's id of it, as the sandbox's calls use them.
pub(crate) const CALLED: &str = "+15550100002";
const CALLED_ID: &str = "5b0c2f0e-7a51-4c7e-9d55-000000000002";

/// How the slugs of demo tenants begin.
pub(crate) const DEMO: &str = "demo-";

/// A demo tenant, as made.
#[derive(Debug, Clone)]
pub(crate) struct Seeded {
    pub(crate) tenant: TenantId,
    pub(crate) connection: ConnectionId,
    pub(crate) office: String,
    /// Shown once: the database keeps its hash.
    pub(crate) api_key: String,
}

/// `switchboard seed`.
pub(crate) async fn run(state: &Path, out: Out) -> anyhow::Result<ExitCode> {
    let store = place::store(state).await?;
    let seeded = seed_called(&store).await?;
    out.say(format!("Tenant {} with one practice on the sandbox's office {}.", seeded.tenant, seeded.office));
    out.say(format!("API key, shown this once: {}", seeded.api_key));
    out.object(&json!({
        "tenant": seeded.tenant.to_string(), "connection": seeded.connection.to_string(),
        "office": seeded.office, "api_key": seeded.api_key,
    }));
    Ok(ExitCode::SUCCESS)
}

/// The demo tenant whose number callers dial, in place of those of earlier runs.
pub(crate) async fn seed_called(store: &Store) -> anyhow::Result<Seeded> {
    retire_demos(store).await?;
    add_demo(store, "D10001", "America/New_York", Some((CALLED, CALLED_ID))).await
}

/// Disables the demo tenants of earlier runs, and gives back the time they hold: their sandbox is gone, and the next one
/// knows nothing of it.
pub(crate) async fn retire_demos(store: &Store) -> anyhow::Result<()> {
    let mut tx = store.machinery().await?;
    tx.retire_demo_connections().await?;
    tx.commit().await?;
    Ok(())
}

/// A demo tenant with a key and nothing else, as an operator makes one for a clinic that installs the application
/// itself.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) tenant: TenantId,
    /// Shown once: the database keeps its hash.
    pub(crate) api_key: String,
}

/// Makes a [`Newcomer`], beside the demo tenants there are.
pub(crate) async fn add_newcomer(store: &Store) -> anyhow::Result<Newcomer> {
    let mut tx = store.machinery().await?;
    let newcomer = put_newcomer(&mut tx).await?;
    tx.commit().await?;
    Ok(newcomer)
}

async fn put_newcomer(tx: &mut MachineryTx) -> anyhow::Result<Newcomer> {
    let tenant = TenantId::new();
    let api_key = format!("swb_{}", seal::sha256_hex(&seal::random::<32>()?));
    tx.put_tenant(&Tenant {
        id: tenant,
        slug: format!("{DEMO}{}", tenant.uuid().simple()),
        name: "Fernhill Dental Group".to_owned(),
        language: "en".to_owned(),
    })
    .await?;
    let owner = ApiKeyOwner { key: ApiKeyId::new(), tenant };
    tx.add_api_key(owner, "demo", &seal::sha256(api_key.as_bytes())).await?;
    Ok(Newcomer { tenant, api_key })
}

/// A new tenant with one practice, connected to one of the sandbox's offices, beside the demo tenants there are.
pub(crate) async fn add_demo(
    store: &Store,
    office: &str,
    zone: &str,
    number: Option<(&str, &str)>,
) -> anyhow::Result<Seeded> {
    let (practice, connection) = (PracticeId::new(), ConnectionId::new());
    let credentials = Secret::new(
        json!({ "office_id": office, "secret_key": format!("sandbox-secret-{office}") }).to_string(),
    );
    let mut tx = store.machinery().await?;
    let Newcomer { tenant, api_key } = put_newcomer(&mut tx).await?;
    tx.put_practice(
        tenant,
        &Practice {
            id: practice,
            name: "Fernhill Dental".to_owned(),
            time_zone: zone.to_owned(),
            country: "US".to_owned(),
        },
    )
    .await?;
    tx.put_connection(
        tenant,
        NewConnection {
            id: connection,
            practice,
            vendor: "sikka",
            status: "active",
            config: profile(office, zone)?,
            capabilities: Some(serde_json::to_value(capabilities())?),
            credentials: &credentials,
        },
    )
    .await?;
    if let Some((number, vendor_id)) = number {
        let owner = NumberOwner { tenant, practice, assistant_id: None };
        tx.put_phone_number(&owner, number, Some(vendor_id)).await?;
    }
    tx.commit().await?;
    Ok(Seeded { tenant, connection, office: office.to_owned(), api_key })
}

/// The sandbox's invented people, and what each is in the demo tenant.
pub(crate) const PEOPLE: [(&str, &str, Role); 5] = [
    ("olivia-owner", "Olivia Thornquist", Role::Owner),
    ("marcus-manager", "Marcus Fenwright", Role::Manager),
    ("rita-receptionist", "Rita Larkspur", Role::Receptionist),
    ("carl-clinician", "Carl Dunmarrow", Role::Clinician),
    ("ada-auditor", "Ada Quillerby", Role::Auditor),
];

/// Takes them in: `issuer` is the sandbox's. An earlier demo of the same sandbox loses them, so that none of them
/// has to say which demo they mean.
pub(crate) async fn add_people(store: &Store, tenant: TenantId, issuer: &str) -> anyhow::Result<()> {
    for (subject, name, role) in PEOPLE {
        let mut tx = store.machinery().await?;
        let known = tx.signed_in(issuer, subject).await?;
        tx.commit().await?;
        for (user, earlier) in
            known.iter().flat_map(|known| known.memberships.iter().map(|one| (known.user, one)))
        {
            let mut tx = store.tenant(earlier.tenant).await?;
            if tx.remove_member(user).await? {
                audit(&mut tx, "member.remove", json!({ "user": user.to_string() })).await?;
            }
            tx.commit().await?;
        }
        let mut tx = store.tenant(tenant).await?;
        let user = tx.put_member((issuer, subject), name, role, "seed").await?;
        audit(&mut tx, "member.put", json!({ "user": user.to_string(), "role": role.as_str() })).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What a practice on Open Dental without a slot feed can do through Sikka.
fn capabilities() -> Capabilities {
    Capabilities {
        system: "Open Dental".to_owned(),
        operations: [
            Operation::SearchPatients,
            Operation::ReadPatient,
            Operation::ReadDayBook,
            Operation::CreatePatient,
            Operation::BookAppointment,
            Operation::ReadAppointments,
            Operation::RescheduleAppointment,
            Operation::CancelAppointment,
            Operation::AddNote,
            Operation::RecordPayment,
            Operation::ListClinicians,
            Operation::ListAppointmentTypes,
            Operation::ReadBalance,
            Operation::ReadInsurance,
            Operation::BulkOutcomes,
        ]
        .into(),
    }
}

fn profile(office: &str, zone: &str) -> anyhow::Result<Value> {
    Ok(json!({
        "office_id": office,
        "practice_id": "1",
        "cust_id": "1",
        "time_zone": zone,
        "capabilities": serde_json::to_value(capabilities())?,
        "words": { "cancelled": "broken", "note": "Patient Note" },
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use seal::KeyRing;
    use testbed::Database;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn p7_who_is_taken_in_by_a_demo_and_who_leaves_an_earlier_one_is_on_record() {
        let fresh = Database::fresh(store::template_key(), |url| async move {
            store::migrate(&Secret::new(url)).await?;
            Ok(())
        });
        let database = fresh.await.unwrap();
        let keys = KeyRing::parse("test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let store = Store::open(&Secret::new(database.url()), 2, Arc::new(keys)).await.unwrap();
        let first = add_newcomer(&store).await.unwrap().tenant;
        add_people(&store, first, "https://issuer").await.unwrap();
        let second = add_newcomer(&store).await.unwrap().tenant;
        add_people(&store, second, "https://issuer").await.unwrap();
        let all = PEOPLE.len();
        for (tenant, expected) in [
            (first, [("member.put", all), ("member.remove", all)]),
            (second, [("member.put", all), ("member.remove", 0)]),
        ] {
            let mut tx = store.tenant(tenant).await.unwrap();
            let records = tx.audit_records(0, 100).await.unwrap();
            tx.commit().await.unwrap();
            for (action, count) in expected {
                let of = records.iter().filter(|one| one.action == action && one.actor == "operator");
                assert_eq!(of.count(), count, "{action}");
            }
        }
    }
}
