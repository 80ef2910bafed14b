//! `/admin/seed`, `/admin/reset`, the list of offices and the ledger of requests.

use std::collections::BTreeMap;

use actix_web::web::{Bytes, Data, Json};
use jiff::Timestamp;
use serde::Serialize;

use super::Refusal;
use crate::Sandbox;
use crate::sikka::ledger::Counts;
use crate::sikka::office::{Office, Plan};
use crate::sikka::profile::Profile;
use crate::sikka::seed::Seed;
use crate::sikka::state::{APP_ID, APP_KEY, State};

/// One office as the admin API shows it.
#[derive(Debug, Serialize)]
pub(super) struct OfficeView {
    office_id: String,
    secret_key: String,
    app_id: &'static str,
    app_key: &'static str,
    practice_id: String,
    cust_id: String,
    practice_name: String,
    windows_zone: String,
    iana_zone: String,
    pms: Profile,
    patients: usize,
    appointments: usize,
    writebacks: usize,
    pending_writebacks: usize,
    spu_online: bool,
    access_on: bool,
    listed: bool,
    loaded: bool,
    data_insert_in_progress: bool,
    copied_at: Timestamp,
    next_refresh: Timestamp,
    writeback: Plan,
}

impl OfficeView {
    pub(super) fn of(office: &Office) -> Self {
        Self {
            office_id: office.id.clone(),
            secret_key: office.secret.clone(),
            app_id: APP_ID,
            app_key: APP_KEY,
            practice_id: office.practice_id.clone(),
            cust_id: office.cust_id.clone(),
            practice_name: office.practice_name.clone(),
            windows_zone: office.windows_zone.clone(),
            iana_zone: office.zone.iana_name().unwrap_or("UTC").to_owned(),
            pms: office.profile,
            patients: office.pms.patients.len(),
            appointments: office.pms.appointments.len(),
            writebacks: office.writebacks.len(),
            pending_writebacks: office.pending.len(),
            spu_online: office.spu_online,
            access_on: office.access_on,
            listed: office.listed,
            loaded: office.loaded,
            data_insert_in_progress: office.data_insert_in_progress,
            copied_at: office.cloud.copied_at,
            next_refresh: office.next_refresh,
            writeback: office.plan.clone(),
        }
    }
}

pub(super) async fn offices(sandbox: Data<Sandbox>) -> Json<Vec<OfficeView>> {
    sandbox.catch_up();
    Json(sandbox.sikka.lock().offices.values().map(OfficeView::of).collect())
}

/// Forgets every office, key and dial and grows new offices; the clock stays as it is.
pub(super) async fn seed(sandbox: Data<Sandbox>, body: Bytes) -> Result<Json<Vec<OfficeView>>, Refusal> {
    let seed: Seed = if body.is_empty() {
        Seed::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Refusal::Invalid(error.to_string()))?
    };
    seed.check().map_err(Refusal::Invalid)?;
    Ok(Json(grow(&sandbox, seed)))
}

/// As `seed` with the seed last used, and the clock back on the machine's time.
pub(super) async fn reset(sandbox: Data<Sandbox>) -> Json<Vec<OfficeView>> {
    sandbox.clock.reset();
    let seed = sandbox.sikka.lock().seed.clone();
    Json(grow(&sandbox, seed))
}

fn grow(sandbox: &Sandbox, seed: Seed) -> Vec<OfficeView> {
    let fresh = State::new(seed, sandbox.clock.now());
    let mut state = sandbox.sikka.lock();
    *state = fresh;
    state.offices.values().map(OfficeView::of).collect()
}

pub(super) async fn requests(sandbox: Data<Sandbox>) -> Json<BTreeMap<String, Counts>> {
    Json(sandbox.sikka.lock().ledger.read())
}

pub(super) async fn clear_requests(sandbox: Data<Sandbox>) -> Json<BTreeMap<String, Counts>> {
    let mut state = sandbox.sikka.lock();
    state.ledger.clear();
    Json(state.ledger.read())
}
