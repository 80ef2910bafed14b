//! What the vendor's refusals mean (contract 7.1), in one table.

use std::time::Duration;

use pms::{Advice, ErrorKind, PmsError};
use vendor_http::{CallError, Reply};

use crate::wire;

/// Whether the call was to change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    GiveUp,
    /// What a write would make is there: an earlier try that nobody heard of may have made it.
    ThereAlready,
    Again,
    After(u64),
    /// As long as `X-Rate-Limit-Reset` says.
    WindowEnds,
}

use ErrorKind::{
    AccessWithdrawn, Invalid, KeyExpired, NotFound, NotReady, PracticeOffline, RateLimited, Unsupported,
    VendorDown,
};
use Then::{After, Again, GiveUp, ThereAlready, WindowEnds};

/// An hour: where the practice's day ends for the vendor is not documented, and asking hourly costs little.
const AN_HOUR: u64 = 3600;
const DAY_IS_SPENT: Then = After(AN_HOUR);

/// Code, meaning, what then. A write that met a 5xx may have been taken all the same, whatever its line says.
const TABLE: &[(&str, ErrorKind, Then)] = &[
    ("API1001", AccessWithdrawn, GiveUp),    // 400 application id missing
    ("API1002", AccessWithdrawn, GiveUp),    // 400 application key missing
    ("API1003", AccessWithdrawn, GiveUp),    // 400 office id missing
    ("API1005", AccessWithdrawn, GiveUp),    // 400 secret key missing
    ("API1004", KeyExpired, Again),          // 400 request key missing or invalid
    ("API1025", KeyExpired, Again),          // 400 request key expired
    ("API1020", Invalid, GiveUp),            // 400 parameter missing
    ("API1026", Invalid, GiveUp),            // 400 parameter invalid
    ("API1027", Invalid, GiveUp),            // 400 parameter invalid
    ("API2003", AccessWithdrawn, GiveUp),    // 401 id or key incorrect
    ("API2004", Unsupported, GiveUp),        // 401 outside the application's plan
    ("API2007", AccessWithdrawn, GiveUp),    // 401 not allowed for this practice: location off
    ("API2009", NotFound, GiveUp),           // 404 resource does not exist
    ("API2014", Unsupported, GiveUp),        // 405 method not allowed
    ("API2013", Invalid, ThereAlready),      // 409 already exists
    ("API2015", Invalid, ThereAlready),      // 409 already exists
    ("API2018", NotFound, GiveUp),           // 410 gone
    ("API2017", PracticeOffline, After(60)), // 412 the practice's utility is offline
    ("API1006", Unsupported, GiveUp),        // 415 response format unsupported
    ("API2019", Invalid, GiveUp),            // 422 invalid parameters
    ("API2011", RateLimited, DAY_IS_SPENT),  // 429 volume of the day
    ("API2012", RateLimited, DAY_IS_SPENT),  // 429 requests of the day
    ("API2001", VendorDown, Again),          // 500 internal
    ("API2006", VendorDown, Again),          // 500 internal
    ("API2010", NotReady, After(600)),       // 500 new install, nothing uploaded yet
    ("API2002", VendorDown, After(5)),       // 503 overloaded
    ("API2022", VendorDown, Again),          // 504 upstream timeout
    ("API0008", Invalid, GiveUp),            // 200 and yet: not logged
];

/// For answers without a code, or with one that the contract does not list.
fn by_status(status: u16) -> (ErrorKind, Then) {
    match status {
        // Whatever stands between may say 401; a new key tells the vendor's own apart.
        401 => (KeyExpired, Again),
        // Not the vendor's own way to say no: something between refuses, and may stop doing so.
        403 => (VendorDown, Again),
        404 | 410 => (NotFound, GiveUp),
        405 | 415 | 501 => (Unsupported, GiveUp),
        408 => (VendorDown, Again),
        409 => (Invalid, ThereAlready),
        412 => (PracticeOffline, After(60)),
        429 => (RateLimited, WindowEnds),
        400..=499 => (Invalid, GiveUp),
        500.. => (VendorDown, Again),
        _ => (ErrorKind::Unreadable, GiveUp),
    }
}

/// Whether `code` names a failure. Receipts carry codes too, and a failure may come with HTTP 200.
pub(crate) fn is_failure(code: &str) -> bool {
    TABLE.iter().any(|(listed, ..)| *listed == code)
}

/// Whether another try of a read may go better, and when.
pub(crate) fn passes(reply: &Reply) -> Option<Duration> {
    match meaning(reply).1 {
        Again if reply.status >= 500 => Some(Duration::ZERO),
        After(seconds) if reply.status == 503 => Some(Duration::from_secs(seconds)),
        WindowEnds => Some(window_end(reply)),
        GiveUp | ThereAlready | Again | After(_) => None,
    }
}

fn code_of(reply: &Reply) -> Option<String> {
    let message: wire::OneOf<wire::Message> = serde_json::from_slice(&reply.body).ok()?;
    message.0.error_code.filled().map(str::to_owned)
}

fn meaning(reply: &Reply) -> (ErrorKind, Then, Option<String>) {
    let code = code_of(reply);
    let line = code.as_deref().and_then(|code| TABLE.iter().find(|(listed, ..)| *listed == code));
    let (kind, then) = line.map_or_else(|| by_status(reply.status), |(_, kind, then)| (*kind, *then));
    (kind, then, code)
}

/// Whether the practice's quota of the day is used up, and when to ask again.
pub(crate) fn day_spent(reply: &Reply) -> Option<Duration> {
    // Nearly every answer is none: only a refusal for there having been too many is read a second time.
    let code = (reply.status == 429).then(|| code_of(reply)).flatten()?;
    matches!(code.as_str(), "API2011" | "API2012").then_some(Duration::from_secs(AN_HOUR))
}

fn window_end(reply: &Reply) -> Duration {
    Duration::from_secs(reply.number("x-rate-limit-reset").map_or(60, u64::from).clamp(1, 120))
}

/// The error that a refusing answer is.
pub(crate) fn refused(reply: &Reply, call: Call) -> PmsError {
    let (kind, then, code) = meaning(reply);
    let advice = match then {
        _ if call == Call::Write && reply.maybe_taken() => Advice::OutcomeUnknown,
        ThereAlready if call == Call::Write => Advice::OutcomeUnknown,
        GiveUp | ThereAlready => Advice::Permanent,
        Again => Advice::Retry,
        After(seconds) => Advice::RetryAfter(Duration::from_secs(seconds)),
        WindowEnds => Advice::RetryAfter(window_end(reply)),
    };
    PmsError::new(kind, advice).code(code.unwrap_or_else(|| format!("HTTP {}", reply.status)))
}

/// The error that a missing answer is.
pub(crate) fn unanswered(error: CallError, call: Call) -> PmsError {
    let kind = match &error {
        CallError::Budget(_) => RateLimited,
        CallError::TooLarge(_) => ErrorKind::Unreadable,
        CallError::NotSent(_) | CallError::Lost(_) => VendorDown,
    };
    let advice = match (&error, call) {
        (_, Call::Write) if error.maybe_taken() => Advice::OutcomeUnknown,
        (CallError::Budget(spent), _) => Advice::RetryAfter(spent.retry_after),
        (CallError::TooLarge(_), _) => Advice::Permanent,
        (CallError::NotSent(_) | CallError::Lost(_), _) => Advice::Retry,
    };
    PmsError::new(kind, advice).caused_by(error)
}

/// An answer that is no JSON of the shape it should have. The cause says where, never what: a parser's own
/// message quotes the answer.
pub(crate) fn unreadable(error: &serde_json::Error, call: Call) -> PmsError {
    let place = format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column());
    broken(call).caused_by(place)
}

/// An answer that makes no sense.
pub(crate) fn broken(call: Call) -> PmsError {
    let advice = if call == Call::Write { Advice::OutcomeUnknown } else { Advice::Retry };
    PmsError::new(ErrorKind::Unreadable, advice)
}
