use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError};
use tracing::field::Empty;
use tracing::{Span, error, info};
use tracing_actix_web::{Level, RootSpanBuilder};

use super::request_id::{REQUEST_ID, RequestId};
use crate::error::{ApiError, foreign, of_status};

/// The span of one request: method, route, id and status. Never the path, the query, a header or a body.
pub(super) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = RequestId::of_service(request);
        let route = route(request);
        let span = tracing::span!(
            Level::INFO,
            "request",
            otel.kind = "server",
            otel.name = %format_args!("{} {route}", method(request)),
            http.method = method(request),
            http.route = %route,
            http.status = Empty,
            request.id = id.as_str(),
        );
        if let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
            telemetry::trace::follow(&span, parent);
        }
        span
    }

    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {
        // `observe` runs inside the span and knows the outcome with its error.
    }
}

/// Inside the span: one line and one set of metrics a request, and the error with its id and its cause.
pub(super) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of_service(&request);
    let (method, route) = (method(&request), route(&request));
    let outcome = match next.call(request).await {
        Ok(response) => Ok(in_our_shape(response.map_into_boxed_body())),
        Err(error) => Err(ours(error)),
    };
    let (status, api_error) = match &outcome {
        Ok(response) => (response.status(), response.response().error()),
        Err(error) => (error.as_response_error().status_code(), Some(error)),
    };
    let api_error = api_error.and_then(Error::as_error::<ApiError>);
    if let Some(api_error) = api_error {
        api_error.belongs_to(id.clone());
    }
    let took = started.elapsed();
    record(method, &route, status, took);
    Span::current().record("http.status", status.as_u16());
    report(status, api_error, took.as_millis());
    outcome.map(|mut response| {
        response.headers_mut().insert(REQUEST_ID, id.header());
        response
    })
}

fn record(method: &'static str, route: &str, status: StatusCode, took: std::time::Duration) {
    let labels =
        [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(took.as_secs_f64());
}

fn report(status: StatusCode, api_error: Option<&ApiError>, duration_ms: u128) {
    let code = api_error.map(|error| error.code().as_str());
    let inside = api_error.and_then(ApiError::inside);
    if status.is_server_error() {
        error!(duration_ms, error.code = code, error.cause = inside, "a request failed");
    } else {
        info!(duration_ms, error.code = code, error.cause = inside, "a request was answered");
    }
}

/// For every answer of the process, also of routes without a span: an error that is not our object becomes it.
pub(super) fn dress(
    outcome: Result<ServiceResponse<BoxBody>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match outcome {
        Ok(response) if response.status().as_u16() < 400 => Ok(response),
        Ok(response) => Ok(identified(in_our_shape(response))),
        Err(error) => {
            let error = ours(error);
            if let Some(api_error) = error.as_error::<ApiError>()
                && !api_error.is_identified()
            {
                // The request is gone with the middleware that refused it.
                api_error.belongs_to(RequestId::fresh());
            }
            Err(error)
        }
    }
}

fn ours(error: Error) -> Error {
    if error.as_error::<ApiError>().is_some() { error } else { foreign(&error).into() }
}

/// Puts our object in place of actix's own words, and of its bare 404 and 405.
fn in_our_shape(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let replacement = match response.response().error() {
        Some(error) if error.as_error::<ApiError>().is_some() => None,
        Some(error) => Some(foreign(error)),
        None if status.as_u16() >= 400 && !response.headers().contains_key(CONTENT_TYPE) => {
            Some(of_status(status))
        }
        None => None,
    };
    match replacement {
        Some(error) => response.error_response(error).map_into_boxed_body(),
        None => response,
    }
}

/// Writes the body again, now that the request's id is known.
fn identified(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error().and_then(Error::as_error::<ApiError>) else {
        return response;
    };
    error.belongs_to(RequestId::of(response.request()));
    let written = error.error_response();
    response.into_response(written)
}

fn method(request: &ServiceRequest) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        // A caller may invent methods, and each would be a new time series.
        _ => "OTHER",
    }
}

fn route(request: &ServiceRequest) -> String {
    request.match_pattern().filter(|route| !route.is_empty()).unwrap_or_else(|| "unmatched".to_owned())
}
