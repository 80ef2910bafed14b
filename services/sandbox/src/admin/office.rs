//! `/admin/sikka/offices/{office}/...`: both stores, the writes between them, and the office's own dials.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::{self, Bytes, Data, Json, Path};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Refusal;
use super::sikka::OfficeView;
use crate::Sandbox;
use crate::sikka::books::{Books, Plan, Transaction};
use crate::sikka::call::Body;
use crate::sikka::columns;
use crate::sikka::notes::Note;
use crate::sikka::office::{Office, PlanChange};
use crate::sikka::pms::{Appointment, Operatory, Patient, Provider};
use crate::sikka::record::{Record, Table};
use crate::sikka::state::State;
use crate::sikka::writeback::{Operation, Writeback};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope("/admin/sikka/offices/{office}")
            .route("", web::get().to(show))
            .route("/pms", web::get().to(pms))
            .route("/pms/appointments", web::post().to(book_by_hand))
            .route("/pms/appointments/{id}", web::patch().to(edit_by_hand))
            .route("/pms/patients", web::post().to(patient_by_hand))
            .route("/cloud", web::get().to(cloud))
            .route("/writebacks", web::get().to(writebacks))
            .route("/refresh", web::post().to(refresh))
            .route("/spu", web::put().to(spu))
            .route("/writeback", web::put().to(plan))
            .route("/install", web::put().to(install))
            .route("/data_insert", web::put().to(data_insert))
            .route("/revoke_key", web::post().to(revoke_key))
            .route("/expire_key", web::post().to(expire_key)),
    );
}

/// The truth (`GET …/pms`).
#[derive(Debug, Serialize)]
struct PmsView {
    patients: Vec<Patient>,
    appointments: Vec<Appointment>,
    providers: Vec<Provider>,
    operatories: Vec<Operatory>,
    notes: Vec<Note>,
    transactions: Vec<Transaction>,
    insurance_plans: Vec<PlanView>,
}

/// Who insures a patient.
#[derive(Debug, Serialize)]
struct PlanView {
    patient_id: u64,
    company_id: &'static str,
    company_name: &'static str,
    subscriber_id: String,
}

impl PlanView {
    fn all(books: &Books) -> Vec<Self> {
        let name = |id: &str| books.companies.iter().find(|one| one.id == id).map_or("", |one| one.name);
        let view = |plan: &Plan| Self {
            patient_id: plan.patient_id,
            company_id: plan.company,
            company_name: name(plan.company),
            subscriber_id: plan.subscriber_id.clone(),
        };
        books.plans.iter().map(view).collect()
    }
}

/// What GETs see (`GET …/cloud`), every column of every row.
#[derive(Debug, Serialize)]
struct CloudView {
    copied_at: Timestamp,
    patients: Vec<BTreeMap<&'static str, String>>,
    appointments: Vec<BTreeMap<&'static str, String>>,
}

/// One writeback (`GET …/writebacks`). `wall` times are the machine's, in milliseconds since 1970.
#[derive(Debug, Serialize)]
struct WritebackView {
    id: u64,
    method: &'static str,
    api: &'static str,
    body: Value,
    state: &'static str,
    result: String,
    submitted_at: Timestamp,
    submitted_wall_ms: i64,
    due_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    finished_wall_ms: Option<i64>,
    appointment_sr_no: Option<u64>,
    patient_id: Option<u64>,
    created_id: Option<u64>,
}

/// `PUT …/spu`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spu {
    online: bool,
}

/// `PUT …/install`: whether `authorized_practices` lists the office, whether its first load has arrived.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Install {
    listed: Option<bool>,
    loaded: Option<bool>,
    access_on: Option<bool>,
}

/// `PUT …/data_insert`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataInsert {
    in_progress: bool,
}

/// `POST …/revoke_key`; the body may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Revoke {
    refresh_key: bool,
    new_secret: Option<String>,
}

/// How many keys a revocation or expiry hit.
#[derive(Debug, Serialize)]
struct Hit {
    keys: usize,
}

/// What was done by hand.
#[derive(Debug, Serialize)]
struct ByHand {
    appointment_sr_no: Option<u64>,
    patient_id: Option<u64>,
}

type Answer<T> = Result<Json<T>, Refusal>;

fn office<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Office, Refusal> {
    state.offices.get_mut(id).ok_or_else(|| Refusal::NoOffice(id.to_owned()))
}

/// Runs `act` on the office as it is at this instant.
fn with<T>(sandbox: &Sandbox, id: &str, act: impl FnOnce(&mut Office, Timestamp) -> T) -> Result<T, Refusal> {
    let now = sandbox.clock.now();
    let mut state = sandbox.sikka.lock();
    let office = office(&mut state, id)?;
    office.catch_up(now);
    Ok(act(office, now))
}

async fn show(sandbox: Data<Sandbox>, path: Path<String>) -> Answer<OfficeView> {
    with(&sandbox, &path, |office, _| OfficeView::of(office)).map(Json)
}

async fn pms(sandbox: Data<Sandbox>, path: Path<String>) -> Answer<PmsView> {
    let view = with(&sandbox, &path, |office, _| PmsView {
        patients: office.pms.patients.values().cloned().collect(),
        appointments: office.pms.appointments.values().cloned().collect(),
        providers: office.pms.providers.clone(),
        operatories: office.pms.operatories.clone(),
        notes: office.pms.notes.values().cloned().collect(),
        transactions: office.pms.books.transactions.values().cloned().collect(),
        insurance_plans: PlanView::all(&office.pms.books),
    });
    view.map(Json)
}

async fn cloud(sandbox: Data<Sandbox>, path: Path<String>) -> Answer<CloudView> {
    let view = with(&sandbox, &path, |office, _| CloudView {
        copied_at: office.cloud.copied_at,
        patients: whole(&office.cloud.patients, &columns::PATIENTS),
        appointments: whole(&office.cloud.appointments, &columns::APPOINTMENTS),
    });
    view.map(Json)
}

fn whole(rows: &[Arc<Record>], table: &Table) -> Vec<BTreeMap<&'static str, String>> {
    let columns = table.columns(Some("get_all"), false);
    let row =
        |row: &Arc<Record>| columns.iter().map(|column| (*column, row.get(column).to_owned())).collect();
    rows.iter().map(row).collect()
}

async fn writebacks(sandbox: Data<Sandbox>, path: Path<String>) -> Answer<Vec<WritebackView>> {
    with(&sandbox, &path, |office, _| office.writebacks.values().map(view).collect()).map(Json)
}

fn view(write: &Writeback) -> WritebackView {
    let end = write.finished.as_ref();
    let done = end.and_then(|end| end.outcome.as_ref().ok());
    WritebackView {
        id: write.id,
        method: write.method,
        api: write.api,
        body: serde_json::from_str(&write.body).unwrap_or_else(|_| Value::String(write.body.clone())),
        state: write.state(),
        result: write.result_text().to_owned(),
        submitted_at: write.submitted_at,
        submitted_wall_ms: write.submitted_wall.as_millisecond(),
        due_at: write.due,
        finished_at: end.map(|end| end.at),
        finished_wall_ms: end.map(|end| end.wall.as_millisecond()),
        appointment_sr_no: done.and_then(|done| done.appointment_sr_no),
        patient_id: done.and_then(|done| done.patient_id),
        created_id: done.and_then(|done| done.created_id),
    }
}

async fn refresh(sandbox: Data<Sandbox>, path: Path<String>) -> Answer<OfficeView> {
    let view = with(&sandbox, &path, |office, now| {
        office.refresh(now);
        OfficeView::of(office)
    });
    view.map(Json)
}

async fn spu(sandbox: Data<Sandbox>, path: Path<String>, body: Json<Spu>) -> Answer<OfficeView> {
    let view = with(&sandbox, &path, |office, now| {
        office.set_spu(body.online, now);
        OfficeView::of(office)
    });
    view.map(Json)
}

async fn plan(sandbox: Data<Sandbox>, path: Path<String>, body: Json<PlanChange>) -> Answer<OfficeView> {
    let view = with(&sandbox, &path, |office, now| {
        let plan = office.plan.changed(body.into_inner())?;
        office.set_plan(plan, now);
        Ok(OfficeView::of(office))
    })?;
    view.map(Json).map_err(Refusal::Invalid)
}

async fn install(sandbox: Data<Sandbox>, path: Path<String>, body: Json<Install>) -> Answer<OfficeView> {
    let view = with(&sandbox, &path, |office, _| {
        office.listed = body.listed.unwrap_or(office.listed);
        office.loaded = body.loaded.unwrap_or(office.loaded);
        office.access_on = body.access_on.unwrap_or(office.access_on);
        OfficeView::of(office)
    });
    view.map(Json)
}

async fn data_insert(
    sandbox: Data<Sandbox>,
    path: Path<String>,
    body: Json<DataInsert>,
) -> Answer<OfficeView> {
    let view = with(&sandbox, &path, |office, _| {
        office.data_insert_in_progress = body.in_progress;
        OfficeView::of(office)
    });
    view.map(Json)
}

async fn revoke_key(sandbox: Data<Sandbox>, path: Path<String>, body: Bytes) -> Answer<Hit> {
    let revoke: Revoke = if body.is_empty() {
        Revoke::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Refusal::Invalid(error.to_string()))?
    };
    let mut state = sandbox.sikka.lock();
    let office = office(&mut state, &path)?;
    if let Some(secret) = revoke.new_secret {
        office.secret = secret;
    }
    Ok(Json(Hit { keys: state.keys.revoke(&path, revoke.refresh_key) }))
}

async fn expire_key(sandbox: Data<Sandbox>, path: Path<String>) -> Answer<Hit> {
    let now = sandbox.clock.now();
    let mut state = sandbox.sikka.lock();
    office(&mut state, &path)?;
    Ok(Json(Hit { keys: state.keys.expire(&path, now) }))
}

async fn book_by_hand(
    sandbox: Data<Sandbox>,
    path: Path<String>,
    body: Json<Map<String, Value>>,
) -> Answer<ByHand> {
    by_hand(&sandbox, &path, &Operation::Book(Body(body.into_inner())))
}

async fn patient_by_hand(
    sandbox: Data<Sandbox>,
    path: Path<String>,
    body: Json<Map<String, Value>>,
) -> Answer<ByHand> {
    by_hand(&sandbox, &path, &Operation::NewPatient(Body(body.into_inner())))
}

async fn edit_by_hand(
    sandbox: Data<Sandbox>,
    path: Path<(String, String)>,
    body: Json<Map<String, Value>>,
) -> Answer<ByHand> {
    let (office, id) = path.into_inner();
    by_hand(&sandbox, &office, &Operation::Edit { id, body: Body(body.into_inner()) })
}

fn by_hand(sandbox: &Sandbox, id: &str, operation: &Operation) -> Answer<ByHand> {
    let done = with(sandbox, id, |office, now| office.by_hand(operation, now))?;
    let done = done.map_err(Refusal::Refused)?;
    Ok(Json(ByHand { appointment_sr_no: done.appointment_sr_no, patient_id: done.patient_id }))
}
