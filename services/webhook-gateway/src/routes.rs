mod answers;
mod sikka;
mod tool;
mod tool_calls;
mod webhook;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use service::{ApiError, Code};
use voice_vapi::{Unverified, Verified};

use crate::context::Context;
use crate::counts;

pub(crate) fn register(config: &mut ServiceConfig) {
    config
        .service(web::resource("/api/vapi/webhook").route(web::post().to(webhook::post)))
        .service(web::resource("/api/sikka/install/{secret}").route(web::post().to(sikka::install)))
        .service(web::resource("/api/sikka/webhook").route(web::post().to(sikka::change)))
        .service(web::resource("/api/vapi/tools/{tool}").route(web::post().to(tool::post)));
}

/// Only what comes out of here is read at all.
fn admit<'a>(
    context: &Context,
    request: &HttpRequest,
    body: &'a [u8],
    now: Timestamp,
) -> Result<Verified<'a>, ApiError> {
    let url = match context.public_url.as_str() {
        "" => String::new(),
        public => format!("{public}{}", request.uri()),
    };
    let unverified = Unverified { body, method: request.method().as_str(), url: &url };
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match context.authenticator.verify(unverified, header, now) {
        Ok(verified) => {
            context.counts.verified(verified.credential());
            Ok(verified)
        }
        Err(refusal) => {
            counts::unverified("vapi", refusal.reason());
            tracing::warn!(reason = refusal.reason(), "a webhook was refused: nobody we know signed it");
            Err(ApiError::new(Code::Unauthenticated, "invalid signature"))
        }
    }
}

fn json(body: impl Into<web::Bytes>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body.into())
}
