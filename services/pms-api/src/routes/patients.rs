use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use service::{ApiError, Json, Path, Query};

use super::account::Account;
use super::door::through_rest;
use crate::context::Context;

/// `GET /api/pms/patients/search`: the tool `searchPatients`.
pub(crate) async fn search(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Query(arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "searchPatients", arguments).await
}

/// `GET /api/pms/patients/{patient}`: the tool `getPatientInfo`.
pub(crate) async fn read(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(patient): Path<String>,
    Query(mut arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("patientId".to_owned(), Value::String(patient));
    through_rest(&context, account, &request, "getPatientInfo", arguments).await
}

/// `POST /api/pms/patients`: the tool `createPatient`.
pub(crate) async fn create(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Json(arguments): Json<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "createPatient", arguments).await
}

/// `PATCH /api/pms/patients/{patient}`: the tool `updatePatient`.
pub(crate) async fn update(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(patient): Path<String>,
    Json(mut arguments): Json<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("patientId".to_owned(), Value::String(patient));
    through_rest(&context, account, &request, "updatePatient", arguments).await
}

/// `POST /api/pms/patients/{patient}/notes`: the tool `addPatientNote`.
pub(crate) async fn note(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(patient): Path<String>,
    Json(mut arguments): Json<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("patientId".to_owned(), Value::String(patient));
    through_rest(&context, account, &request, "addPatientNote", arguments).await
}
