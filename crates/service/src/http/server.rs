use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Server, Service as _};
use actix_web::http::StatusCode;
use actix_web::middleware::{Compat, from_fn};
use actix_web::{HttpRequest, HttpResponse, HttpServer, web};
use tracing_actix_web::TracingLogger;

use super::observe::{RequestSpan, dress, observe};
use super::status::{self, Status};
use crate::app::Routes;
use crate::error::{ApiError, of_status, with_limits};
use crate::settings::HttpSettings;

/// How long a caller's connection is kept without a request: longer than the idle limits of the usual load balancers,
/// so that they close first and never send into a connection that is just closing.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What a worker thread builds its application from.
#[derive(Clone)]
pub(crate) struct Doors {
    pub(crate) hot_routes: Routes,
    pub(crate) routes: Routes,
    pub(crate) body_limit: usize,
    pub(crate) status: Status,
}

/// Listens and begins to serve; the server runs when it is awaited or spawned.
pub(crate) fn serve(settings: &HttpSettings, doors: Doors) -> io::Result<(SocketAddr, Server)> {
    let server = HttpServer::new(move || {
        let Doors { hot_routes, routes, body_limit, status } = doors.clone();
        actix_web::App::new()
            .configure(|config| with_limits(config, body_limit))
            .wrap_fn(|request, service| {
                let answer = service.call(request);
                async move { dress(answer.await) }
            })
            .configure(|config| status::routes(config, &status))
            .configure(|config| hot_routes(config))
            .service(
                web::scope("")
                    .configure(|config| routes(config))
                    .default_service(web::to(nothing_here))
                    .wrap(from_fn(observe))
                    .wrap(Compat::new(TracingLogger::<RequestSpan>::new())),
            )
    })
    .workers(settings.workers as usize)
    .worker_max_blocking_threads(2)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(u64::from(settings.drain_seconds))
    .disable_signals()
    .bind((settings.host.as_str(), settings.port))?;
    let address = server.addrs().first().copied().ok_or_else(|| io::Error::other("no address was bound"))?;
    Ok((address, server.run()))
}

async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    // A route's guards (its methods) do not matter for its pattern.
    let known = request.match_pattern().is_some_and(|pattern| !pattern.is_empty());
    Err(of_status(if known { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::NOT_FOUND }))
}
