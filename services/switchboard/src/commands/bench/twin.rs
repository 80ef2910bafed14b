use std::net::SocketAddr;

use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use seal::Secret;
use serde::{Deserialize, Serialize};
use service::settings::{Chassis, HttpSettings, LogSettings, OtlpSettings, SentrySettings, Settings};
use service::{App, Running};
use voice_vapi::{Authenticator, Credential, Unverified, answer};

use super::gateway::PATH;

/// The gateway without its work: the same chassis and the same check of the same signature, and then the
/// answer. It is no switch in the gateway itself, because a gateway that answers and keeps nothing must
/// not exist.
pub(super) struct Twin(Running);

#[derive(Debug, Default, Serialize, Deserialize)]
struct TwinSettings {
    http: HttpSettings,
    log: LogSettings,
    otlp: OtlpSettings,
    sentry: SentrySettings,
}

impl Settings for TwinSettings {
    fn chassis(&self) -> Chassis<'_> {
        Chassis { http: &self.http, log: &self.log, otlp: &self.otlp, sentry: &self.sentry }
    }
}

impl Twin {
    pub(super) async fn start(secret_key: &Secret) -> anyhow::Result<Self> {
        let http = HttpSettings { port: 0, drain_seconds: 1, ..HttpSettings::default() };
        let authenticator =
            Authenticator::new(&[Credential::HmacDefault { secret_key: secret_key.clone() }])?;
        let shared = Data::new(authenticator);
        let settings = TwinSettings { http, ..TwinSettings::default() };
        let running = service::start("twin", settings, |_| async move {
            Ok(App::new().hot_routes(move |config| {
                config.app_data(shared.clone()).service(web::resource(PATH).route(web::post().to(post)));
            }))
        })
        .await?;
        Ok(Self(running))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(super) async fn stop(mut self) {
        self.0.drain().await;
    }
}

async fn post(request: HttpRequest, body: Bytes, authenticator: Data<Authenticator>) -> HttpResponse {
    let unverified = Unverified { body: &body, method: request.method().as_str(), url: "" };
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    match authenticator.verify(unverified, header, Timestamp::now()) {
        Ok(_) => HttpResponse::Ok().content_type("application/json").body(answer::RECEIVED),
        Err(_) => HttpResponse::Unauthorized().finish(),
    }
}
