use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::Uuid;

/// The header that carries a request's id, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id: the caller's own where it is sane, else a fresh UUIDv7.
///
/// Take it as a handler's argument. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id's text: 1 to 64 of `A-Z a-z 0-9 . _ -`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> HeaderValue {
        // Both ways to make an id give visible ASCII.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static(""))
    }

    /// Of this request, for as long as it lives.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        if let Some(id) = request.extensions().get::<Self>() {
            return id.clone();
        }
        let id = Self::choose(request.headers());
        request.extensions_mut().insert(id.clone());
        id
    }

    pub(crate) fn of_service(request: &ServiceRequest) -> Self {
        Self::of(request.request())
    }

    fn choose(headers: &HeaderMap) -> Self {
        let given =
            headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|text| is_sane(text));
        Self(given.map_or_else(|| Uuid::now_v7().to_string().into(), Into::into))
    }

    pub(crate) fn fresh() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }
}

/// An id goes into logs and headers, so a caller does not get to write just anything there.
fn is_sane(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

impl FromRequest for RequestId {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        assert!(is_sane("0198c1f2-aaaa.b_C"));
        for text in ["", "a b", "a\"b", "é", &"x".repeat(65)] {
            assert!(!is_sane(text), "{text}");
        }
    }
}
