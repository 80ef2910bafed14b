use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use serde::de::DeserializeOwned;

use super::{ApiError, Code};
use crate::settings::plain_rule;

/// A JSON body. What does not fit is 422 with the field's path and its rule.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// The path's parameters. One that does not fit is a resource that does not exist: 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

/// The query's parameters. One that does not fit is 422 with its name.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.content_type().split(';').next().is_some_and(|kind| {
            kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
        });
        let body = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            if !is_json {
                return Err(ApiError::new(Code::BadRequest, "the body must be application/json"));
            }
            let bytes = body.await.map_err(|error| foreign(&error))?;
            let mut reader = serde_json::Deserializer::from_slice(&bytes);
            let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
                let (path, json) = (error.path().to_string(), error.into_inner());
                if json.is_data() { broken(&path, &json.to_string()) } else { not_json(&json) }
            })?;
            reader.end().map_err(|error| not_json(&error))?;
            Ok(Self(value))
        })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Path<T> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = web::Path::<T>::extract(request).into_inner();
        std::future::ready(
            read.map(|value| Self(value.into_inner())).map_err(|_| of_status(StatusCode::NOT_FOUND)),
        )
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = web::Query::<T>::from_query(request.query_string());
        std::future::ready(read.map(|value| Self(value.into_inner())).map_err(|error| query(&error)))
    }
}

fn not_json(error: &serde_json::Error) -> ApiError {
    let place = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
    ApiError::new(Code::BadRequest, place)
}

/// `path` is that of the value that was being read; a message about a field of it speaks of one deeper.
fn broken(path: &str, message: &str) -> ApiError {
    let (field, rule) = plain_rule(message);
    let outer = Some(path).filter(|path| !path.is_empty() && *path != ".");
    let path = match (outer, field) {
        // A field that is not known is already in the path.
        (Some(outer), Some(field)) if outer == field || outer.ends_with(&format!(".{field}")) => {
            outer.to_owned()
        }
        (Some(outer), Some(field)) => format!("{outer}.{field}"),
        (outer, field) => outer.map(str::to_owned).or(field).unwrap_or_default(),
    };
    ApiError::invalid([(path, rule)])
}

/// Our error for one that actix made.
pub(crate) fn foreign(error: &actix_web::Error) -> ApiError {
    let status = error.as_response_error().status_code();
    if let Some(PayloadError::Overflow) = error.as_error::<PayloadError>() {
        return ApiError::new(Code::TooLarge, "the body is over the limit");
    }
    let ours = of_status(status);
    // Actix's words about a caller's mistake quote what the caller sent.
    if status.is_server_error() { ours.because(anyhow::anyhow!("{error}")) } else { ours }
}

/// Our error for a bare status.
pub(crate) fn of_status(status: StatusCode) -> ApiError {
    match status {
        StatusCode::UNAUTHORIZED => ApiError::new(Code::Unauthenticated, "credentials are missing or wrong"),
        StatusCode::FORBIDDEN => ApiError::new(Code::Forbidden, "this is not yours to reach"),
        StatusCode::NOT_FOUND => ApiError::not_found("nothing is here"),
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(Code::MethodNotAllowed, "this path has other methods")
        }
        StatusCode::CONFLICT => ApiError::new(Code::Conflict, "it contradicts what is there"),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(Code::TooLarge, "the body is over the limit"),
        StatusCode::UNPROCESSABLE_ENTITY => ApiError::new(Code::Invalid, "some fields break a rule"),
        StatusCode::TOO_MANY_REQUESTS => ApiError::rate_limited(std::time::Duration::from_secs(1)),
        StatusCode::SERVICE_UNAVAILABLE => ApiError::unavailable(std::time::Duration::from_secs(1)),
        other if other.is_client_error() => ApiError::new(Code::BadRequest, "the request cannot be read"),
        _ => ApiError::new(Code::Internal, "something went wrong on our side"),
    }
}

/// Sets the limit on bodies, and our error object for actix's own extractors.
pub(crate) fn with_limits(config: &mut web::ServiceConfig, body_limit: usize) {
    config
        .app_data(web::PayloadConfig::new(body_limit))
        .app_data(web::JsonConfig::default().limit(body_limit).error_handler(|error, _| match &error {
            JsonPayloadError::Deserialize(inner) if inner.is_data() => broken("", &inner.to_string()).into(),
            JsonPayloadError::Deserialize(inner) => not_json(inner).into(),
            other => of_status(other.status_code()).into(),
        }))
        .app_data(web::QueryConfig::default().error_handler(|error, _| query(&error).into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| of_status(StatusCode::NOT_FOUND).into()))
        .app_data(
            web::FormConfig::default()
                .limit(body_limit)
                .error_handler(|error, _| of_status(error.status_code()).into()),
        );
}

fn query(error: &QueryPayloadError) -> ApiError {
    match error {
        QueryPayloadError::Deserialize(inner) => broken("", &inner.to_string()),
        _ => ApiError::new(Code::BadRequest, "the query cannot be read"),
    }
}
