use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::background::Background;
use crate::readiness::Readiness;

/// What `/ready` looks at.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    readiness: Arc<Readiness>,
    background: Background,
    draining: Arc<AtomicBool>,
}

impl Status {
    pub(crate) fn new(readiness: Readiness, background: Background) -> Self {
        Self { readiness: Arc::new(readiness), background, draining: Arc::default() }
    }

    /// From now on nothing new should be sent here.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

pub(super) fn routes(config: &mut web::ServiceConfig, status: &Status) {
    config
        .app_data(web::Data::new(status.clone()))
        .service(web::resource("/health").get(health))
        .service(web::resource("/ready").get(ready))
        .service(web::resource("/metrics").get(metrics));
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

async fn ready(status: web::Data<Status>) -> HttpResponse {
    let draining = status.draining.load(Ordering::Relaxed);
    let checks = status.readiness.ask().await;
    let tasks = status.background.report();
    let good = checks.values().all(|check| check.passed()) && tasks.values().all(|task| task.is_running());
    let word = match (draining, good) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "not_ready",
    };
    let mut answer = if word == "ready" { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(json!({ "status": word, "checks": checks, "tasks": tasks }))
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(telemetry::prometheus::render())
}
