use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::{REQUEST_ID, RequestId};

mod extract;

pub use extract::{Json, Path, Query};
pub(crate) use extract::{foreign, of_status, with_limits};

/// Everything that can be wrong, as callers see it. The table to HTTP is [`Code::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the request cannot be read.
    BadRequest,
    /// 401: no credentials, or wrong ones.
    Unauthenticated,
    /// 403: the credentials do not reach this.
    Forbidden,
    /// 404: nothing is there, or nothing that this caller may know of.
    NotFound,
    /// 405: the path exists, with other methods.
    MethodNotAllowed,
    /// 409: it contradicts what is there.
    Conflict,
    /// 413: the body is over the limit.
    TooLarge,
    /// 422: it was read, and breaks a rule; `fields` says which.
    Invalid,
    /// 429: too many; `Retry-After` says when.
    RateLimited,
    /// 503: something we need is away; `Retry-After` says when.
    Unavailable,
    /// 500: our fault.
    Internal,
}

impl Code {
    /// The one table from code to HTTP.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code as callers and logs read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// One field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as in `patient.phones[0]`.
    pub path: String,
    /// The rule, as in "must be a date". Never the value.
    pub rule: String,
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The one error.
    pub error: ErrorObject,
}

/// What went wrong, for a program and for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErrorObject {
    /// For a program.
    pub code: Code,
    /// For a person: one sentence without anything inside.
    pub message: String,
    /// Joins the answer with our log.
    pub request_id: String,
    /// With `invalid`: the fields and their rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
}

/// The one error of every handler.
///
/// It has two texts: the message, which the caller reads, and the cause, which only the log reads. Any
/// `std::error::Error` becomes `internal` through `?`, with itself as the cause; name another code where another is
/// meant.
pub struct ApiError {
    code: Code,
    message: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    cause: Option<anyhow::Error>,
    request_id: OnceCell<RequestId>,
}

impl ApiError {
    /// An error with a message that the caller may read.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            cause: None,
            request_id: OnceCell::new(),
        }
    }

    /// 422 for fields that break rules.
    pub fn invalid<P: Into<String>, R: Into<String>>(fields: impl IntoIterator<Item = (P, R)>) -> Self {
        let fields =
            fields.into_iter().map(|(path, rule)| FieldError { path: path.into(), rule: rule.into() });
        Self { fields: fields.collect(), ..Self::new(Code::Invalid, "some fields break a rule") }
    }

    /// 404 for `what`, as in "no such connection".
    pub fn not_found(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotFound, what)
    }

    /// 429, to be tried again `after` that time.
    #[must_use]
    pub fn rate_limited(after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(Code::RateLimited, "too many requests") }
    }

    /// 503, to be tried again `after` that time.
    #[must_use]
    pub fn unavailable(after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(Code::Unavailable, "not available right now") }
    }

    /// 500 with a cause for the log.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(Code::Internal, "something went wrong on our side").because(cause)
    }

    /// Adds the cause, which only the log reads. It must not hold secrets or patient data.
    #[must_use]
    pub fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The fields that break a rule; empty unless the code is `invalid`.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// The cause with everything below it, for the log.
    pub(crate) fn inside(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| format!("{cause:#}"))
    }

    /// Gives the error its request id, unless it has one.
    pub(crate) fn belongs_to(&self, id: RequestId) {
        drop(self.request_id.set(id));
    }

    pub(crate) fn is_identified(&self) -> bool {
        self.request_id.get().is_some()
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.as_str())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for ApiError {
    fn from(cause: E) -> Self {
        Self::internal(cause)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let request_id = self.request_id.get();
        let mut response = HttpResponse::build(self.status_code()).json(ErrorBody {
            error: ErrorObject {
                code: self.code,
                message: self.message.clone().into_owned(),
                request_id: request_id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
                fields: self.fields.clone(),
            },
        });
        if let Some(id) = request_id {
            response.headers_mut().insert(REQUEST_ID, id.header());
        }
        if let Some(after) = self.retry_after {
            // Whole seconds, and never 0: that would be an invitation to come back at once.
            let seconds = after.as_secs_f64().ceil().max(1.0);
            if let Ok(value) = HeaderValue::from_str(&format!("{seconds:.0}")) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_the_cause_is_for_the_log_and_never_for_the_caller() {
        let error = ApiError::internal(std::io::Error::other("the pool at 10.0.0.7 is gone"));
        assert_eq!(format!("{error} {error:?}"), "something went wrong on our side internal");
        assert_eq!(error.inside().as_deref(), Some("the pool at 10.0.0.7 is gone"));
    }

    #[test]
    fn a_wait_of_less_than_a_second_is_said_as_one() {
        let response = ApiError::unavailable(Duration::from_millis(20)).error_response();
        assert_eq!(response.headers().get(RETRY_AFTER).map(HeaderValue::as_bytes), Some(b"1".as_slice()));
    }

    #[test]
    fn every_code_is_written_as_its_name() {
        for code in [Code::BadRequest, Code::MethodNotAllowed, Code::TooLarge, Code::RateLimited] {
            assert_eq!(serde_json::to_value(code).expect("a word"), code.as_str());
        }
    }
}
