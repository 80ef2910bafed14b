//! Receipts and errors: one body shape of six string fields (contract 6.1 and 7.1).

use serde::Serialize;

use super::call::{Reply, ReplyBody};

/// A refusal, with the code and status the contract lists.
#[derive(Debug, Clone)]
pub struct Problem {
    status: u16,
    code: &'static str,
    short: &'static str,
    long: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $short:literal;)+) => {
        impl Problem {
            $($(#[$doc])*
            pub fn $name(long: impl Into<String>) -> Self {
                Self { status: $status, code: $code, short: $short, long: long.into() }
            })+
        }
    };
}

problems! {
    /// 400 API1001.
    app_id_missing = 400 "API1001" "Application id missing";
    /// 400 API1002.
    app_key_missing = 400 "API1002" "Application key missing";
    /// 400 API1003: the office id, called MID there.
    office_missing = 400 "API1003" "MID missing";
    /// 400 API1005.
    secret_missing = 400 "API1005" "Secret key missing";
    /// 400 API1004: the request key is absent, unknown or revoked.
    key_invalid = 400 "API1004" "Request key missing or invalid";
    /// 400 API1025: expired, and not a 401.
    key_expired = 400 "API1025" "Request key expired";
    /// 400 API1020: a parameter is absent.
    missing = 400 "API1020" "Parameter missing";
    /// 400 API1026: a parameter is wrong.
    invalid = 400 "API1026" "Parameter invalid";
    /// 401 API2003.
    bad_credentials = 401 "API2003" "Id or key incorrect";
    /// 401 API2004: outside the application's plan.
    out_of_scope = 401 "API2004" "Application is not allowed to use this API";
    /// 401 API2007: the location is off, or another office's.
    practice_off = 401 "API2007" "Not allowed for this practice";
    /// 404 API2009.
    not_found = 404 "API2009" "Resource does not exist";
    /// 405 API2014, for made-up paths too.
    method_not_allowed = 405 "API2014" "Method not allowed";
    /// 412 API2017: the only body that uses `log_message`.
    spu_offline = 412 "API2017" "Precondition failed";
    /// 429 API2012: the practice's requests of the day are used up.
    day_quota = 429 "API2012" "Request count per day exceeded";
    /// 500 API2001.
    internal = 500 "API2001" "Internal server error";
    /// 500 API2010: a new install whose data has not arrived.
    not_uploaded = 500 "API2010" "Data not uploaded";
    /// 503 API2002.
    overloaded = 503 "API2002" "Service overloaded";
    /// 504 API2022.
    upstream_timeout = 504 "API2022" "Upstream timeout";
}

impl Problem {
    /// The refusal a fault dial asks for by status alone.
    pub fn by_status(status: u16) -> Self {
        let long = "this failure was asked for over the admin API";
        match status {
            400 => Self::key_invalid(long),
            401 => Self::bad_credentials(long),
            404 => Self::not_found(long),
            412 => Self::spu_offline(long),
            429 => Self::day_quota(long),
            503 => Self::overloaded(long),
            504 => Self::upstream_timeout(long),
            other => Self { status: other, ..Self::internal(long) },
        }
    }

    /// HTTP status of the refusal.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The answer that carries it.
    pub fn reply(&self) -> Reply {
        let body = Message::new(self.status, self.code, self.short, self.long.clone(), String::new());
        if self.code == "API2017" {
            return Reply::json(self.status, &LogMessage::from(body));
        }
        Reply::json(self.status, &body)
    }

    /// The answer to a window that is used up: no code and no JSON (the contract says "plain").
    pub fn window_full() -> Reply {
        Reply {
            status: 429,
            headers: Vec::new(),
            body: ReplyBody::Plain("Too Many Requests"),
            took_a_write: false,
        }
    }
}

/// The six fields of receipts and errors.
#[derive(Debug, Serialize)]
pub struct Message {
    http_code: String,
    http_code_desc: &'static str,
    error_code: &'static str,
    short_message: &'static str,
    long_message: String,
    more_information: String,
}

impl Message {
    /// Fills the six fields.
    pub fn new(status: u16, code: &'static str, short: &'static str, long: String, more: String) -> Self {
        Self {
            http_code: status.to_string(),
            http_code_desc: describe(status),
            error_code: code,
            short_message: short,
            long_message: long,
            more_information: more,
        }
    }

    /// The receipt of a write: the id is only in the text and in the link (contract 6.1).
    pub fn receipt(status: u16, code: &'static str, id: u64) -> Self {
        let short = if code == "API2016" { "Created" } else { "Request logged" };
        Self::new(status, code, short, format!("Id:{id}"), format!("/v4/writeback_status?id={id}"))
    }
}

#[derive(Debug, Serialize)]
struct LogMessage {
    http_code: String,
    http_code_desc: &'static str,
    error_code: &'static str,
    short_message: &'static str,
    log_message: String,
    more_information: String,
}

impl From<Message> for LogMessage {
    fn from(body: Message) -> Self {
        Self {
            http_code: body.http_code,
            http_code_desc: body.http_code_desc,
            error_code: body.error_code,
            short_message: body.short_message,
            log_message: body.long_message,
            more_information: body.more_information,
        }
    }
}

fn describe(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        412 => "Precondition Failed",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    }
}
