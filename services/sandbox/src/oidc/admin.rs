use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig, get, post, put, resource};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AUDIENCE, USERS, Wish};
use crate::Sandbox;
use crate::admin::Refusal;

/// Mounts `/admin/oidc…`.
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/admin/oidc").route(get().to(show)))
        .service(resource("/admin/oidc/tokens").route(post().to(mint)))
        .service(resource("/admin/oidc/rotate").route(post().to(rotate)))
        .service(resource("/admin/oidc/away").route(put().to(away)));
}

async fn show(sandbox: Data<Sandbox>) -> HttpResponse {
    let state = sandbox.oidc.lock();
    let users: Vec<Value> =
        USERS.iter().map(|(subject, name)| json!({ "subject": subject, "name": name })).collect();
    let keys: Vec<&str> = state.published.iter().map(|key| key.kid.as_str()).collect();
    HttpResponse::Ok().json(json!({
        "issuer": state.issuer, "audience": AUDIENCE, "users": users, "keys": keys, "away": state.away,
        "key_requests": state.key_requests,
    }))
}

async fn mint(sandbox: Data<Sandbox>, Json(wish): Json<Wish>) -> Result<HttpResponse, Refusal> {
    let token = sandbox.oidc.lock().mint(&wish).map_err(|error| Refusal::Refused(error.to_string()))?;
    Ok(HttpResponse::Ok().json(json!({ "token": token })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// The keys before stay in the set beside the new one.
    #[serde(default)]
    keep_old: bool,
}

async fn rotate(sandbox: Data<Sandbox>, Json(wish): Json<Rotation>) -> HttpResponse {
    let kid = sandbox.oidc.lock().rotate(wish.keep_old);
    HttpResponse::Ok().json(json!({ "kid": kid }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Away {
    away: bool,
}

async fn away(sandbox: Data<Sandbox>, Json(wish): Json<Away>) -> HttpResponse {
    sandbox.oidc.lock().away = wish.away;
    HttpResponse::Ok().json(json!({ "away": wish.away }))
}
