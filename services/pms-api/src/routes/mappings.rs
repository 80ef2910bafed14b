use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::ConnectionId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service::{ApiError, Json, Path};
use store::{ClinicianMapping, StaffAppointmentType};

use super::account::Account;
use super::connections::{no_such, note, tell};
use crate::context::Context;

/// Lines of one list.
const MOST: usize = 500;

/// What staff call somebody of the vendor's list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Clinician {
    vendor_id: String,
    name: String,
    #[serde(default = "yes")]
    offered: bool,
}

/// A kind of appointment that staff offer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AppointmentKind {
    name: String,
    minutes: i32,
    vendor_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clinician_kind: Option<ClinicianKind>,
}

/// With whom a kind of appointment is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClinicianKind {
    Provider,
    Hygienist,
}

impl ClinicianKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Hygienist => "hygienist",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Provider, Self::Hygienist].into_iter().find(|one| one.word() == word)
    }
}

/// All of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clinicians {
    clinicians: Vec<Clinician>,
}

/// All of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AppointmentKinds {
    appointment_types: Vec<AppointmentKind>,
}

fn yes() -> bool {
    true
}

/// `GET /api/pms/connections/{id}/clinicians`.
pub(crate) async fn clinicians(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    tx.connection(id).await.map_err(no_such)?;
    let known = tx.clinician_mappings(id).await?;
    tx.commit().await?;
    let clinicians = known
        .into_iter()
        .map(|one| Clinician { vendor_id: one.vendor_id, name: one.name, offered: one.offered })
        .collect();
    Ok(HttpResponse::Ok().json(Clinicians { clinicians }))
}

/// `PUT /api/pms/connections/{id}/clinicians`: in the place of all there were.
pub(crate) async fn put_clinicians(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
    Json(new): Json<Clinicians>,
) -> Result<HttpResponse, ApiError> {
    let list = "clinicians";
    few(list, new.clinicians.len())?;
    let mut seen = BTreeSet::new();
    for (place, one) in new.clinicians.iter().enumerate() {
        text(&format!("{list}[{place}].vendorId"), &one.vendor_id)?;
        text(&format!("{list}[{place}].name"), &one.name)?;
        once(&format!("{list}[{place}].vendorId"), seen.insert(&one.vendor_id))?;
    }
    let mappings: Vec<ClinicianMapping> = new
        .clinicians
        .iter()
        .map(|one| ClinicianMapping {
            vendor_id: one.vendor_id.clone(),
            name: one.name.trim().to_owned(),
            offered: one.offered,
        })
        .collect();
    let mut tx = context.store.tenant(owner.tenant).await?;
    tx.connection_to_change(id).await.map_err(no_such)?;
    tx.put_clinician_mappings(id, &mappings).await?;
    note(&mut tx, &owner.actor(), "connection.clinicians", id).await?;
    tell(&mut tx, owner.tenant, id).await?;
    tx.commit().await?;
    context.relay.poke();
    Ok(HttpResponse::Ok().json(new))
}

/// `GET /api/pms/connections/{id}/appointment-types`.
pub(crate) async fn kinds(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
) -> Result<HttpResponse, ApiError> {
    let mut tx = context.store.tenant(owner.tenant).await?;
    tx.connection(id).await.map_err(no_such)?;
    let known = tx.staff_appointment_types(id).await?;
    tx.commit().await?;
    let appointment_types = known
        .into_iter()
        .map(|one| AppointmentKind {
            clinician_kind: one.clinician_kind.as_deref().and_then(ClinicianKind::from_word),
            name: one.name,
            minutes: one.minutes,
            vendor_id: one.vendor_id,
        })
        .collect();
    Ok(HttpResponse::Ok().json(AppointmentKinds { appointment_types }))
}

/// `PUT /api/pms/connections/{id}/appointment-types`: in the place of all there were.
pub(crate) async fn put_kinds(
    context: Data<Context>,
    Account(owner): Account,
    Path(id): Path<ConnectionId>,
    Json(new): Json<AppointmentKinds>,
) -> Result<HttpResponse, ApiError> {
    let list = "appointmentTypes";
    few(list, new.appointment_types.len())?;
    let mut seen = BTreeSet::new();
    for (place, one) in new.appointment_types.iter().enumerate() {
        text(&format!("{list}[{place}].name"), &one.name)?;
        once(&format!("{list}[{place}].name"), seen.insert(one.name.trim().to_lowercase()))?;
        if let Some(vendor_id) = &one.vendor_id {
            text(&format!("{list}[{place}].vendorId"), vendor_id)?;
        }
        if !(5..=480).contains(&one.minutes) {
            return Err(ApiError::invalid([(format!("{list}[{place}].minutes"), "must be from 5 to 480")]));
        }
    }
    let types: Vec<StaffAppointmentType> = new
        .appointment_types
        .iter()
        .map(|one| StaffAppointmentType {
            name: one.name.trim().to_owned(),
            minutes: one.minutes,
            vendor_id: one.vendor_id.clone(),
            clinician_kind: one.clinician_kind.map(|kind| kind.word().to_owned()),
        })
        .collect();
    let mut tx = context.store.tenant(owner.tenant).await?;
    tx.connection_to_change(id).await.map_err(no_such)?;
    tx.put_staff_appointment_types(id, &types).await?;
    note(&mut tx, &owner.actor(), "connection.appointment_types", id).await?;
    tell(&mut tx, owner.tenant, id).await?;
    tx.commit().await?;
    context.relay.poke();
    Ok(HttpResponse::Ok().json(json!(new)))
}

fn few(path: &str, count: usize) -> Result<(), ApiError> {
    if count <= MOST { Ok(()) } else { Err(ApiError::invalid([(path, "must have at most 500 entries")])) }
}

fn text(path: &str, text: &str) -> Result<(), ApiError> {
    if (1..=80).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(ApiError::invalid([(path, "must have 1 to 80 characters")]))
    }
}

fn once(path: &str, is_first: bool) -> Result<(), ApiError> {
    if is_first { Ok(()) } else { Err(ApiError::invalid([(path, "must be there once")])) }
}
