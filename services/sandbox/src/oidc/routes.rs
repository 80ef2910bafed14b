use actix_web::web::{Data, Form, ServiceConfig, get, post, resource};
use actix_web::{HttpResponse, Responder};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{USERS, Use, Wish, public_key};
use crate::Sandbox;

/// How long a token of the token endpoint is good, in seconds.
const LIFE: i64 = 3_600;

/// Mounts `/oidc/…` on the vendors' port.
pub fn configure(cfg: &mut ServiceConfig) {
    cfg.service(resource("/oidc/.well-known/openid-configuration").route(get().to(discovery)))
        .service(resource("/oidc/.well-known/jwks.json").route(get().to(keys)))
        .service(resource("/oidc/token").route(post().to(token)));
}

async fn discovery(sandbox: Data<Sandbox>) -> impl Responder {
    let state = sandbox.oidc.lock();
    if state.away {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let issuer = &state.issuer;
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/token"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn keys(sandbox: Data<Sandbox>) -> impl Responder {
    let mut state = sandbox.oidc.lock();
    state.key_requests += 1;
    if state.away {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let shown = state.published.iter().filter_map(|key| {
        let public = public_key(key.number).ok()?;
        Some(json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus()), "e": URL_SAFE_NO_PAD.encode(public.exponent()),
        }))
    });
    let mut shown: Vec<Value> = shown.collect();
    // Real sets hold keys for other uses as well.
    shown
        .push(json!({ "kty": "EC", "use": "enc", "crv": "P-256", "kid": "local-enc", "x": "AA", "y": "AA" }));
    HttpResponse::Ok().json(json!({ "keys": shown }))
}

#[derive(Deserialize)]
struct Asked {
    grant_type: String,
    username: String,
    client_id: Option<String>,
}

async fn token(sandbox: Data<Sandbox>, Form(asked): Form<Asked>) -> impl Responder {
    let refuse = |error: &str| HttpResponse::BadRequest().json(json!({ "error": error }));
    if asked.grant_type != "password" {
        return refuse("unsupported_grant_type");
    }
    if !USERS.iter().any(|(subject, _)| *subject == asked.username) {
        return refuse("invalid_grant");
    }
    let state = sandbox.oidc.lock();
    if state.away {
        return HttpResponse::ServiceUnavailable().finish();
    }
    let mint = |purpose| {
        state.mint(&Wish {
            user: asked.username.clone(),
            purpose,
            audience: asked.client_id.clone(),
            seconds: Some(LIFE),
            spoil: None,
        })
    };
    match (mint(Use::Access), mint(Use::Id)) {
        (Ok(access), Ok(id)) => HttpResponse::Ok().json(json!({
            "access_token": access, "id_token": id, "token_type": "Bearer", "expires_in": LIFE,
        })),
        _ => HttpResponse::InternalServerError().finish(),
    }
}
