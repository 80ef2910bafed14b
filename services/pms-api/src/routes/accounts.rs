use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use service::{ApiError, Json, Path, Query};

use super::account::Account;
use super::door::through_rest;
use crate::context::Context;

/// `GET /api/pms/providers`: the tool `listProviders`.
pub(crate) async fn providers(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Query(arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "listProviders", arguments).await
}

/// `GET /api/pms/appointment-types`: the tool `listAppointmentTypes`.
pub(crate) async fn appointment_types(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Query(arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "listAppointmentTypes", arguments).await
}

/// `GET /api/pms/patients/{patient}/balance`: the tool `getPatientBalance`.
pub(crate) async fn balance(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(patient): Path<String>,
    Query(mut arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("patientId".to_owned(), Value::String(patient));
    through_rest(&context, account, &request, "getPatientBalance", arguments).await
}

/// `GET /api/pms/patients/{patient}/insurance`: the tool `getPatientInsurance`.
pub(crate) async fn insurance(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(patient): Path<String>,
    Query(mut arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("patientId".to_owned(), Value::String(patient));
    through_rest(&context, account, &request, "getPatientInsurance", arguments).await
}

/// `POST /api/pms/payments`: the tool `processPayment`.
pub(crate) async fn pay(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Json(arguments): Json<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "processPayment", arguments).await
}
