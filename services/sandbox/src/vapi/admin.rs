use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::load::LoadRequest;
use super::player::{CallRequest, PlayError, Player};

/// Puts the player's routes under `/admin/vapi`. The application's data must hold a `web::Data<Player>`.
///
/// | route | |
/// | --- | --- |
/// | `GET scripts` | every script with what it is about |
/// | `GET scripts/{name}` | the text of one |
/// | `POST calls` | plays a [`CallRequest`]; the timeline, or with `?wait=false` 202 and the id |
/// | `GET calls` | the newest timelines without their entries (`?limit=`) |
/// | `GET calls/{id}` | one timeline, also while it grows; `?as=text` as a person reads it |
/// | `POST load` | plays calls at a rate, see [`LoadRequest`]; 202 and the id |
/// | `GET load/{id}` | how it goes |
/// | `DELETE load/{id}` | begins no further calls |
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::scope("/admin/vapi")
            .route("/scripts", web::get().to(scripts))
            .route("/scripts/{name}", web::get().to(script))
            .route("/calls", web::post().to(play))
            .route("/calls", web::get().to(calls))
            .route("/calls/{id}", web::get().to(call))
            .route("/load", web::post().to(start_load))
            .route("/load/{id}", web::get().to(load))
            .route("/load/{id}", web::delete().to(stop_load)),
    );
}

#[derive(Debug, Deserialize)]
struct PlayQuery {
    #[serde(default = "yes")]
    wait: bool,
    #[serde(default, rename = "as")]
    form: Form,
}

#[derive(Debug, Deserialize)]
struct ReadQuery {
    #[serde(default, rename = "as")]
    form: Form,
    #[serde(default = "twenty")]
    limit: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Json,
    Text,
}

fn yes() -> bool {
    true
}
fn twenty() -> usize {
    20
}

async fn scripts(player: web::Data<Player>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "scripts": player.shelf().list() }))
}

async fn script(player: web::Data<Player>, name: web::Path<String>) -> HttpResponse {
    match player.shelf().text(&name) {
        Some(text) => HttpResponse::Ok().content_type("application/toml").body(text),
        None => missing("script"),
    }
}

async fn play(player: web::Data<Player>, query: web::Query<PlayQuery>, body: web::Bytes) -> HttpResponse {
    let request: CallRequest = match read(&body) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    if !query.wait {
        return match player.start(request) {
            Ok(id) => HttpResponse::Accepted().json(json!({ "id": id })),
            Err(error) => refused(&error),
        };
    }
    match player.play(request).await {
        Ok(timeline) if query.form == Form::Text => text(&timeline),
        Ok(timeline) => HttpResponse::Ok().json(timeline),
        Err(error) => refused(&error),
    }
}

async fn calls(player: web::Data<Player>, query: web::Query<ReadQuery>) -> HttpResponse {
    let mut calls = player.newest(query.limit);
    for call in &mut calls {
        call.entries.clear();
    }
    HttpResponse::Ok().json(json!({ "calls": calls }))
}

async fn call(
    player: web::Data<Player>,
    query: web::Query<ReadQuery>,
    id: web::Path<String>,
) -> HttpResponse {
    match player.timeline(&id) {
        Some(timeline) if query.form == Form::Text => text(&timeline),
        Some(timeline) => HttpResponse::Ok().json(timeline),
        None => missing("call"),
    }
}

async fn start_load(player: web::Data<Player>, body: web::Bytes) -> HttpResponse {
    let request: LoadRequest = match read(&body) {
        Ok(request) => request,
        Err(error) => return refused(&error),
    };
    match player.start_load(request) {
        Ok(id) => HttpResponse::Accepted().json(json!({ "id": id })),
        Err(error) => refused(&error),
    }
}

async fn load(player: web::Data<Player>, id: web::Path<String>) -> HttpResponse {
    player.load(&id).map_or_else(|| missing("load"), |report| HttpResponse::Ok().json(report))
}

async fn stop_load(player: web::Data<Player>, id: web::Path<String>) -> HttpResponse {
    player.stop_load(&id).map_or_else(|| missing("load"), |report| HttpResponse::Ok().json(report))
}

fn text(timeline: &super::timeline::Timeline) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(timeline.to_string())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, PlayError> {
    serde_json::from_slice(body).map_err(|error| PlayError::Request(error.to_string()))
}

fn refused(error: &PlayError) -> HttpResponse {
    let (status, code) = match error {
        PlayError::UnknownScript { .. } => (StatusCode::NOT_FOUND, "unknown_script"),
        PlayError::Client(_) => (StatusCode::INTERNAL_SERVER_ERROR, "no_client"),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "bad_call"),
    };
    problem(status, code, &error.to_string())
}

fn missing(what: &str) -> HttpResponse {
    problem(StatusCode::NOT_FOUND, "not_found", &format!("no such {what}"))
}

fn problem(status: StatusCode, code: &str, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "code": code, "message": message }))
}
