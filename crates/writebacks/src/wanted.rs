use std::collections::BTreeMap;

use domain::{Sensitive, WritebackId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pms::Write;
use serde_json::{Map, Value};
use store::{StaffTask, StoreError, TenantTx, Writeback};

/// What somebody wants, by name. It is a patient's: whoever shows it audits it.
pub type Wanted = Map<String, Value>;

/// For each task, whom it is for and what they want: what the task holds, and what its write was to enter. Empty where
/// neither tells.
///
/// # Errors
/// [`StoreError`]. What cannot be opened hides nothing else.
pub async fn wanted(tx: &mut TenantTx, tasks: &[StaffTask]) -> Result<Vec<Wanted>, StoreError> {
    let about: Vec<WritebackId> = tasks.iter().filter_map(|task| task.writeback).collect();
    let writes = readable(tx, &about).await?;
    let mut all: Vec<Wanted> = tasks
        .iter()
        .map(|task| {
            let mut wanted = task.writeback.and_then(|id| writes.get(&id)).map(entry).unwrap_or_default();
            let said = task.wanted.as_ref().and_then(|json| serde_json::from_slice(json.expose()).ok());
            wanted.extend(said.unwrap_or_else(Map::new));
            wanted
        })
        .collect();
    name_the_new(tx, &mut all).await?;
    Ok(all)
}

/// What one write was to enter, and for whom.
///
/// # Errors
/// [`StoreError`].
pub async fn wanted_of(tx: &mut TenantTx, write: &Writeback) -> Result<Wanted, StoreError> {
    let mut one = [entry(write)];
    name_the_new(tx, &mut one).await?;
    Ok(std::mem::take(&mut one[0]))
}

/// Whose it is, by the vendor's ids with a space between, as audit records name them.
#[must_use]
pub fn whose<'a>(wanted: impl IntoIterator<Item = &'a Wanted>) -> Option<String> {
    let ids = wanted.into_iter().flat_map(|one| ["patientId", "similarTo"].map(|name| one.get(name)));
    let mut ids: Vec<&str> = ids.flatten().filter_map(Value::as_str).flat_map(|ids| ids.split(' ')).collect();
    ids.sort_unstable();
    ids.dedup();
    Some(ids.join(" ")).filter(|ids| !ids.is_empty())
}

async fn readable(
    tx: &mut TenantTx,
    ids: &[WritebackId],
) -> Result<BTreeMap<WritebackId, Writeback>, StoreError> {
    let mut rows = Vec::new();
    match tx.writebacks(ids).await {
        Ok(all) => rows = all,
        // Which of them it is, is seen one by one.
        Err(StoreError::Seal(_) | StoreError::Unreadable(_)) => {
            for id in ids {
                match tx.writebacks(&[*id]).await {
                    Ok(row) => rows.extend(row),
                    Err(error @ (StoreError::Seal(_) | StoreError::Unreadable(_))) => {
                        tracing::error!(writeback.id = %id, error = %error, "what a write enters cannot be opened");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Err(error) => return Err(error),
    }
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// A patient who is still being made is known by the write that makes them, which says nothing to a person.
async fn name_the_new(tx: &mut TenantTx, all: &mut [Wanted]) -> Result<(), StoreError> {
    let pending = |wanted: &Wanted| wanted.get("patientId")?.as_str()?.parse::<WritebackId>().ok();
    let ids: Vec<WritebackId> = all.iter().filter_map(pending).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let made = readable(tx, &ids).await?;
    for wanted in all {
        let Some(write) = pending(wanted).and_then(|id| made.get(&id)) else { continue };
        if let Some(id) = &write.created_vendor_id {
            wanted.insert("patientId".to_owned(), id.as_str().into());
        }
        for (name, value) in entry(write) {
            wanted.entry(name).or_insert(value);
        }
    }
    Ok(())
}

fn entry(row: &Writeback) -> Wanted {
    let Ok(write) = serde_json::from_slice::<Write>(row.payload.expose()) else { return Map::new() };
    let mut wanted = Map::new();
    let mut put = |name: &str, value: Value| wanted.insert(name.to_owned(), value);
    let text = |text: &Sensitive<String>| Value::from(text.expose().as_str());
    if let Some(patient) = write.patient() {
        put("patientId", patient.into());
    }
    if let Some(appointment) = write.changes() {
        put("appointmentId", appointment.into());
    }
    let mut zone = "UTC";
    match &write {
        Write::CreatePatient(new) => {
            put("firstName", text(&new.name.first));
            put("lastName", text(&new.name.last));
            put("dateOfBirth", new.born.expose().to_string().into());
            put("phone", text(&new.phone.e164));
            new.email.as_ref().map(|email| put("email", text(email)));
        }
        Write::BookAppointment(new) => {
            put("reason", text(&new.reason));
            zone = &new.time_zone;
        }
        Write::RescheduleAppointment(moved) => {
            put("appointmentStart", moment(moved.from.start, &moved.time_zone));
            zone = &moved.time_zone;
        }
        Write::CancelAppointment(gone) => drop(put("appointmentStart", moment(gone.from.start, zone))),
        Write::AddNote(note) => drop(put("note", text(&note.text))),
        Write::RecordPayment(payment) => {
            put("amount", payment.amount.expose().minor.into());
            put("currency", payment.amount.expose().currency.code().into());
            put("method", payment.method.word().into());
            put("reference", payment.taken_as.as_str().into());
        }
    }
    if let Some(place) = write.takes() {
        put("start", moment(place.window.start, zone));
        put("durationMinutes", place.window.minutes().into());
        put("providerId", place.clinician.into());
    }
    wanted
}

/// By the practice's clock.
fn moment(at: Timestamp, zone: &str) -> Value {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string().into()
}
