//! A tenant with one practice, connected to one of the sandbox's offices.

use anyhow::Result;
use domain::{ApiKeyId, ConnectionId, PracticeId, TenantId};
use pms::{Capabilities, Operation};
use seal::Secret;
use serde_json::json;
use store::{ApiKeyOwner, MachineryTx, NewConnection, NumberOwner, Practice, Store, Tenant};

const ZONE: &str = "America/New_York";

/// A tenant as it was made, and what its callers and its programs use.
#[derive(Debug, Clone)]
pub struct Clinic {
    /// The tenant.
    pub tenant: TenantId,
    /// Its only location.
    pub practice: PracticeId,
    /// The location's way to its practice-management system.
    pub connection: ConnectionId,
    /// The sandbox's office behind it: `D10001`.
    pub office: String,
    /// The number its patients call.
    pub number: String,
    /// Its key to the REST API.
    pub api_key: String,
}

impl Clinic {
    /// Makes the `index`-th clinic, on the sandbox's office of that index.
    ///
    /// # Errors
    /// When the database does not take it.
    pub(crate) async fn make(store: &Store, index: u32) -> Result<Self> {
        let clinic = Self {
            tenant: TenantId::new(),
            practice: PracticeId::new(),
            connection: ConnectionId::new(),
            office: format!("D{}", 10_001 + index),
            number: format!("+155501{:05}", 50_000 + index),
            api_key: format!("swb_test_{}", TenantId::new().uuid().simple()),
        };
        let mut tx = store.machinery().await?;
        let slug = format!("clinic-{index}");
        tx.put_tenant(&Tenant {
            id: clinic.tenant,
            name: slug.clone(),
            slug: slug.clone(),
            language: "en".into(),
        })
        .await?;
        clinic.connect(&mut tx, slug).await?;
        let number = NumberOwner { tenant: clinic.tenant, practice: clinic.practice, assistant_id: None };
        tx.put_phone_number(&number, &clinic.number, None).await?;
        let owner = ApiKeyOwner { key: ApiKeyId::new(), tenant: clinic.tenant };
        tx.add_api_key(owner, "test", &seal::sha256(clinic.api_key.as_bytes())).await?;
        tx.commit().await?;
        Ok(clinic)
    }

    /// Another location of the same tenant, on an office of its own.
    pub(crate) async fn another_location(&self, store: &Store, office: &str) -> Result<Self> {
        let other = Self {
            practice: PracticeId::new(),
            connection: ConnectionId::new(),
            office: office.to_owned(),
            ..self.clone()
        };
        let mut tx = store.machinery().await?;
        other.connect(&mut tx, format!("at {office}")).await?;
        tx.commit().await?;
        Ok(other)
    }

    async fn connect(&self, tx: &mut MachineryTx, name: String) -> Result<()> {
        let practice = Practice { id: self.practice, name, time_zone: ZONE.into(), country: "US".into() };
        tx.put_practice(self.tenant, &practice).await?;
        let secret =
            json!({ "office_id": self.office, "secret_key": format!("sandbox-secret-{}", self.office) });
        let capabilities = serde_json::to_value(capabilities())?;
        let connection = NewConnection {
            id: self.connection,
            practice: self.practice,
            vendor: "sikka",
            status: "active",
            config: json!({
                "office_id": self.office, "practice_id": "1", "cust_id": "1", "time_zone": ZONE,
                "capabilities": capabilities,
                "words": { "cancelled": "broken", "note": "Patient Note" },
            }),
            capabilities: Some(capabilities),
            credentials: &Secret::new(secret.to_string()),
        };
        tx.put_connection(self.tenant, connection).await?;
        Ok(())
    }
}

/// A tenant that is not connected to anything yet.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// The tenant.
    pub tenant: TenantId,
    /// Its key to the REST API.
    pub api_key: String,
}

impl Newcomer {
    pub(crate) async fn make(store: &Store, slug: &str) -> Result<Self> {
        let newcomer = Self {
            tenant: TenantId::new(),
            api_key: format!("swb_test_{}", TenantId::new().uuid().simple()),
        };
        let mut tx = store.machinery().await?;
        let row = Tenant { id: newcomer.tenant, name: slug.into(), slug: slug.into(), language: "en".into() };
        tx.put_tenant(&row).await?;
        let owner = ApiKeyOwner { key: ApiKeyId::new(), tenant: newcomer.tenant };
        tx.add_api_key(owner, "test", &seal::sha256(newcomer.api_key.as_bytes())).await?;
        tx.commit().await?;
        Ok(newcomer)
    }
}

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
