use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use service::{ApiError, Json, Path, Query};

use super::account::Account;
use super::door::through_rest;
use crate::context::Context;

/// `GET /api/pms/appointments/availability`: the tool `checkAvailability`.
pub(crate) async fn availability(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Query(arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "checkAvailability", arguments).await
}

/// `POST /api/pms/appointments`: the tool `bookAppointment`.
pub(crate) async fn book(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Json(arguments): Json<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    through_rest(&context, account, &request, "bookAppointment", arguments).await
}

/// `GET /api/pms/patients/{patient}/appointments`: the tool `getAppointments`.
pub(crate) async fn of_patient(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(patient): Path<String>,
    Query(mut arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("patientId".to_owned(), Value::String(patient));
    through_rest(&context, account, &request, "getAppointments", arguments).await
}

/// `PATCH /api/pms/appointments/{appointment}`: the tool `rescheduleAppointment`.
pub(crate) async fn reschedule(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(appointment): Path<String>,
    Json(mut arguments): Json<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("appointmentId".to_owned(), Value::String(appointment));
    through_rest(&context, account, &request, "rescheduleAppointment", arguments).await
}

/// `DELETE /api/pms/appointments/{appointment}`: the tool `cancelAppointment`.
pub(crate) async fn cancel(
    context: Data<Context>,
    account: Account,
    request: HttpRequest,
    Path(appointment): Path<String>,
    Query(mut arguments): Query<Map<String, Value>>,
) -> Result<HttpResponse, ApiError> {
    arguments.insert("appointmentId".to_owned(), Value::String(appointment));
    through_rest(&context, account, &request, "cancelAppointment", arguments).await
}
