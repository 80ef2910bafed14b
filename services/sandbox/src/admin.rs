//! The admin API of the sandbox, on its own port: JSON in, JSON out, never part of what a vendor offers.

pub mod banner;
mod clock;
mod faults;
mod office;
mod sikka;
mod webhooks;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use serde::Serialize;
use thiserror::Error;

/// Mounts `/admin/...`, the call player's routes excepted.
pub fn configure(cfg: &mut web::ServiceConfig) {
    let refuse_json = web::JsonConfig::default()
        .limit(8 * 1024 * 1024)
        .error_handler(|error, _| Refusal::Invalid(error.to_string()).into());
    cfg.app_data(refuse_json)
        .route("/admin/banner", web::get().to(banner::show))
        .route("/admin/clock", web::get().to(clock::read))
        .route("/admin/clock", web::put().to(clock::set))
        .route("/admin/clock/advance", web::post().to(clock::advance))
        .route("/admin/seed", web::post().to(sikka::seed))
        .route("/admin/reset", web::post().to(sikka::reset))
        .route("/admin/sikka/offices", web::get().to(sikka::offices))
        .route("/admin/sikka/requests", web::get().to(sikka::requests))
        .route("/admin/sikka/requests", web::delete().to(sikka::clear_requests))
        .route("/admin/sikka/faults", web::get().to(faults::read))
        .route("/admin/sikka/faults", web::put().to(faults::replace))
        .route("/admin/sikka/faults", web::post().to(faults::change))
        .route("/admin/sikka/quirks", web::get().to(faults::quirks))
        .route("/admin/sikka/quirks", web::post().to(faults::every_quirk))
        // Before the scope of one office, which would answer 404 for paths that are not its own.
        .configure(webhooks::configure)
        .configure(office::configure);
}

/// Why the admin API refused; the body is `{"error": …}`.
#[derive(Debug, Error)]
pub enum Refusal {
    /// 400: the body or a parameter is wrong.
    #[error("{0}")]
    Invalid(String),
    /// 404: no office of that id.
    #[error("no office {0}")]
    NoOffice(String),
    /// 409: the PMS refused what was to be done by hand.
    #[error("{0}")]
    Refused(String),
}

#[derive(Serialize)]
struct Body {
    error: String,
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::NoOffice(_) => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::CONFLICT,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(Body { error: self.to_string() })
    }
}
