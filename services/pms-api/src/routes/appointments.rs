use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};
use service::{ApiError, Json, Query};

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
