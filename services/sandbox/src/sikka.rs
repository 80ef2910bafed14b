//! The Sikka simulator: `/v4/...` as `contracts/sikka` of the design describes it, quirks included.

pub mod account;
pub mod auth;
pub mod books;
pub mod call;
pub mod cloud;
pub mod columns;
pub mod elsewhere;
pub mod envelope;
pub mod errors;
pub mod execute;
pub mod faults;
pub mod ledger;
pub mod lists;
pub mod notes;
pub mod office;
pub mod pms;
pub mod profile;
pub mod quirks;
pub mod rate;
pub mod record;
pub mod route;
pub mod rql;
pub mod schedule;
pub mod seed;
pub mod state;
pub mod webhooks;
pub mod writeback;
pub mod writes;
pub mod zone;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;

use self::call::{Answer, Call, Loss, Query, ReplyBody};
use self::envelope::Looks;
use self::errors::Problem;
use self::seed::Seed;
use self::state::State;
use crate::Sandbox;
use crate::server::Wire;

/// The longest an unanswered call is kept open.
const HANG: Duration = Duration::from_secs(600);
const SERVER_VERSION: &str = "4.0.sandbox";

/// The simulator behind its lock. The lock is held for one call's work on memory and never across an await.
#[derive(Debug)]
pub struct Sikka {
    state: Mutex<State>,
}

impl Sikka {
    /// Grows the offices of `seed` as of `now`.
    pub fn new(seed: Seed, now: Timestamp) -> Self {
        Self { state: Mutex::new(State::new(seed, now)) }
    }

    /// The state, locked.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Mounts `/v4/...`; every path outside it is 405 as well.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/v4/{tail:.*}").route(web::to(serve)));
}

async fn serve(request: HttpRequest, body: web::Bytes, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let answer = match read(&request, body.to_vec()) {
        Some(call) => sandbox.sikka.lock().answer(&call, sandbox.clock.now()),
        None => refuse(),
    };
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    match answer.loss {
        Some(Loss::Drop) => cut(&request),
        Some(Loss::Hang) => {
            tokio::time::sleep(HANG).await;
            cut(&request);
        }
        Some(Loss::Truncate) | None => {}
    }
    respond(answer)
}

fn refuse() -> Answer {
    let reply = Problem::invalid("the query cannot be read").reply();
    Answer { reply, delay: Duration::ZERO, loss: None, html: false, looks: Looks::default() }
}

fn cut(request: &HttpRequest) {
    if let Some(wire) = request.conn_data::<Wire>() {
        wire.cut();
    }
}

fn read(request: &HttpRequest, body: Vec<u8>) -> Option<Call> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    let query = Query(query.into_inner());
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let tail = request.match_info().query("tail");
    let segments = tail.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let connection = request.connection_info();
    Some(Call {
        method: request.method().as_str().to_owned(),
        segments,
        request_key: header("Request-Key").or_else(|| query.get("request_key").map(str::to_owned)),
        app_id: header("App-Id"),
        app_key: header("App-Key"),
        base: format!("http://{}/v4", connection.host()),
        query,
        body,
    })
}

fn respond(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header(("X-Api-Server-Version", SERVER_VERSION));
    for (name, value) in answer.reply.headers {
        response.insert_header((name, value));
    }
    let text = match answer.reply.body {
        ReplyBody::Empty => return response.finish(),
        ReplyBody::Plain(text) => return response.content_type("text/plain").body(text),
        ReplyBody::Json(text) => text,
        ReplyBody::Page(page) => page.render(answer.looks),
    };
    let kind = if answer.html { "text/html; charset=utf-8" } else { "application/json; charset=utf-8" };
    response.insert_header((CONTENT_TYPE, kind));
    if matches!(answer.loss, Some(Loss::Truncate)) {
        let half: String = text.chars().take(text.chars().count() / 2).collect();
        return response.body(half);
    }
    response.body(text)
}
