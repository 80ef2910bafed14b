//! The three sources that a run is judged by, as they are read at its end.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use domain::{WritebackId, WritebackState};
use pms::Write;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Ledger, Store};

use super::notices::Sent;
use crate::commands::audit;
use crate::commands::sandbox::Sandbox;
use crate::commands::seed::Seeded;

/// An appointment as the practice's own system holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Appointment {
    pub(super) appointment_sr_no: u64,
    pub(super) patient_id: u64,
    pub(super) provider_id: String,
    pub(super) operatory: String,
    pub(super) date: String,
    pub(super) time: String,
    pub(super) length: i64,
    pub(super) status: String,
    pub(super) description: String,
}

impl Appointment {
    /// The reference we gave it, if it is ours.
    pub(super) fn reference(&self) -> Option<&str> {
        let (_, after) = self.description.rsplit_once("ref ")?;
        after.get(..8)
    }

    fn minutes(&self) -> Option<(i64, i64)> {
        let mut parts = self.time.split(':');
        let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let start = hour * 60 + minute;
        Some((start, start + self.length))
    }

    /// Whether both want one chair or one clinician at one time.
    pub(super) fn collides(&self, other: &Self) -> bool {
        let (Some((start, end)), Some((from, to))) = (self.minutes(), other.minutes()) else { return false };
        self.date == other.date
            && (self.operatory == other.operatory || self.provider_id == other.provider_id)
            && start < to
            && from < end
    }
}

/// A patient as the practice's own system holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Patient {
    pub(super) patient_id: u64,
    pub(super) firstname: String,
    pub(super) lastname: String,
    pub(super) birthdate: Option<String>,
}

impl Patient {
    /// Who it is, whatever their number.
    pub(super) fn person(&self) -> String {
        let born = self.birthdate.as_deref().unwrap_or_default();
        format!("{} {} {born}", self.firstname, self.lastname).to_lowercase()
    }
}

/// One practice's own system.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) appointments: Vec<Appointment>,
    pub(super) patients: Vec<Patient>,
}

impl Records {
    pub(super) async fn read(sandbox: &Sandbox, office: &str) -> anyhow::Result<Self> {
        let mut pms = sandbox.get(&format!("/admin/sikka/offices/{office}/pms")).await?;
        Ok(Self { appointments: list(&mut pms, "appointments")?, patients: list(&mut pms, "patients")? })
    }

    /// What was there before the run.
    pub(super) fn numbers(&self) -> (BTreeSet<u64>, BTreeSet<u64>) {
        (
            self.appointments.iter().map(|one| one.appointment_sr_no).collect(),
            self.patients.iter().map(|one| one.patient_id).collect(),
        )
    }
}

fn list<T: DeserializeOwned>(pms: &mut Value, name: &str) -> anyhow::Result<Vec<T>> {
    serde_json::from_value(pms[name].take()).with_context(|| format!("the sandbox's {name} cannot be read"))
}

/// What was to be written, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The start in seconds since 1970, and the clinician.
    Appointment { start: i64, clinician: String },
    /// As [`Patient::person`].
    Patient { person: String },
    /// A change of what is there: the chaos run wishes for none.
    Change,
}

/// One row of ours.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: WritebackId,
    pub(super) reference: String,
    pub(super) state: WritebackState,
    pub(super) reason: String,
    pub(super) created: Option<String>,
    pub(super) wanted: Option<Wanted>,
}

/// One practice from every side.
#[derive(Debug, Default)]
pub(super) struct Office {
    pub(super) tenant: String,
    pub(super) office: String,
    /// Numbers of the appointments and of the patients there were before.
    pub(super) before: (BTreeSet<u64>, BTreeSet<u64>),
    pub(super) after: Records,
    pub(super) rows: Vec<Row>,
}

/// So many writes of one tenant are read.
const MOST: i64 = 100_000;

/// Reads a practice's rows and its own records.
pub(super) async fn office(
    store: &Store,
    sandbox: &Sandbox,
    seeded: &Seeded,
    before: &Records,
) -> anyhow::Result<Office> {
    let mut tx = store.tenant(seeded.tenant).await?;
    let writes = tx.latest_writebacks(MOST).await?;
    tx.commit().await?;
    let rows = writes
        .into_iter()
        .map(|write| Row {
            id: write.id,
            reference: write.reference,
            state: write.state,
            reason: write.reason.unwrap_or_default(),
            created: write.created_vendor_id,
            wanted: serde_json::from_slice(write.payload.expose()).ok().and_then(wanted),
        })
        .collect();
    Ok(Office {
        tenant: seeded.tenant.to_string(),
        office: seeded.office.clone(),
        before: before.numbers(),
        after: Records::read(sandbox, &seeded.office).await?,
        rows,
    })
}

fn wanted(write: Write) -> Option<Wanted> {
    Some(match write {
        Write::BookAppointment(new) => {
            Wanted::Appointment { start: new.window.start.as_second(), clinician: new.clinician }
        }
        Write::CreatePatient(new) => Wanted::Patient {
            person: Patient {
                firstname: new.name.first.into_inner(),
                lastname: new.name.last.into_inner(),
                birthdate: Some(new.born.expose().to_string()),
                ..Patient::default()
            }
            .person(),
        },
        Write::RescheduleAppointment(_) | Write::CancelAppointment(_) | Write::AddNote(_) => Wanted::Change,
        // No caller of the load pays.
        Write::RecordPayment(_) => return None,
    })
}

/// What the machinery's tables say.
#[derive(Debug, Default)]
pub(super) struct Machinery {
    pub(super) ledger: Ledger,
    /// Deliveries of the remembered events, by their name.
    pub(super) deliveries: BTreeMap<String, u64>,
    pub(super) parked: i64,
    pub(super) outbox: i64,
    pub(super) broken_chains: Vec<String>,
}

/// Reads the machinery's tables.
pub(super) async fn machinery(store: &Store, sent: &Sent) -> anyhow::Result<Machinery> {
    let mut tx = store.machinery().await?;
    let mut deliveries = BTreeMap::new();
    let names: Vec<String> = sent.accepted.keys().cloned().collect();
    for some in names.chunks(5_000) {
        for (name, count) in tx.event_deliveries("vapi", some).await? {
            deliveries.insert(name, u64::try_from(count).unwrap_or_default());
        }
    }
    let (ledger, parked) = (tx.ledger().await?, tx.parked_count().await?);
    let outbox = tx.outbox_depth().await?;
    tx.commit().await?;
    let broken_chains = audit::verify_all(store)
        .await?
        .into_iter()
        .filter(|(_, report)| !report.faults.is_empty())
        .map(|(tenant, report)| format!("the audit chain of {tenant} is broken: {:?}", report.faults))
        .collect();
    Ok(Machinery { ledger, deliveries, parked, outbox, broken_chains })
}
