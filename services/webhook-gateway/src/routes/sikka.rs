//! Sikka's webhooks (its contract, section 9). It signs nothing: a secret in the address, or one in a header.

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use domain::TenantId;
use jiff::Timestamp;
use seal::same_bytes;
use serde_json::Value;
use service::{ApiError, Code, Path};
use uuid::Uuid;

use super::json;
use super::webhook::RETRY_AFTER;
use crate::context::Context;
use crate::counts;
use crate::event::Event;

/// `POST /api/sikka/install/{secret}`: a clinic bought or cancelled the application. The secret names the tenant.
pub(super) async fn install(
    body: Bytes,
    Path(secret): Path<String>,
    context: Data<Context>,
) -> Result<HttpResponse, ApiError> {
    let hash = seal::sha256(secret.as_bytes());
    let tenant =
        context.directory.install_link(hash).await.map_err(|_| ApiError::unavailable(RETRY_AFTER))?;
    let Some(tenant) = tenant else { return Err(refused("install")) };
    let whose = tenant.to_string();
    let id = install_id(&whose, &body, Timestamp::now());
    keep(&context, "install", Some(tenant), id, body).await
}

/// `POST /api/sikka/webhook`: something changed in the copy of a practice.
pub(super) async fn change(
    request: HttpRequest,
    body: Bytes,
    context: Data<Context>,
) -> Result<HttpResponse, ApiError> {
    let given = request.headers().get("callback-key").map_or(&b""[..], |value| value.as_bytes());
    let knows = context.callback_key.as_ref().is_some_and(|key| same_bytes(key.expose().as_bytes(), given));
    if !knows {
        return Err(refused("change"));
    }
    let fields =
        ["event", "office_id", "practice_id", "customer_id", "prev_generated_time", "generated_time"];
    keep(&context, "change", None, change_id(&body, &fields), body).await
}

fn refused(kind: &'static str) -> ApiError {
    counts::unverified("sikka", kind);
    tracing::warn!(webhook.kind = kind, "a webhook was refused: whoever sent it does not know the secret");
    ApiError::new(Code::Unauthenticated, "invalid signature")
}

async fn keep(
    context: &Context,
    kind: &'static str,
    tenant: Option<TenantId>,
    message_id: Uuid,
    body: Bytes,
) -> Result<HttpResponse, ApiError> {
    let trace = telemetry::trace::new_traceparent();
    let event = Event::of("sikka", kind, (message_id, tenant), body, Timestamp::now(), trace);
    let kept = context.keeper.keep(&context.bus, &event).await;
    context.counts.sikka(kind, kept);
    kept.map(|_| json(voice_vapi::answer::RECEIVED)).map_err(|_| ApiError::unavailable(RETRY_AFTER))
}

/// As [`message_id`], where the event says when it came to be: only that tells one refresh from the next. Where it does
/// not, each delivery is an event: one too many costs a look, one too few would never be looked at.
fn change_id(body: &[u8], fields: &[&str]) -> Uuid {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let dated = read["generated_time"].as_str().is_some_and(|time| !time.trim().is_empty());
    if dated || !read.is_object() { message_id(&["sikka.change"], body, fields) } else { Uuid::now_v7() }
}

/// As [`message_id`]. One that bears no date says the same whenever it comes: on another day it is another event, for a
/// clinic may buy, cancel and buy again.
fn install_id(tenant: &str, body: &[u8], received_at: Timestamp) -> Uuid {
    let fields =
        ["MasterCustomerID", "PartnerRegistrationID", "Order#", "Status", "PurchaseDate", "CancelDate"];
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_dated = fields[4..].iter().any(|name| {
        // `1111-11-11` and the like stand for no date.
        read[name].as_str().is_some_and(|date| date.contains("20"))
    });
    let day = if is_dated { String::new() } else { received_at.strftime("%F").to_string() };
    message_id(&["sikka.install", tenant, &day], body, &fields)
}

/// The same for every delivery of one event: made of what the fields say that tell events apart; of the whole body
/// where it has none of them.
fn message_id(before: &[&str], body: &[u8], fields: &[&str]) -> Uuid {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut told = 0;
    let mut bytes = Vec::with_capacity(256);
    let mut and = |part: &[u8]| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    before.iter().for_each(|part| and(part.as_bytes()));
    for field in fields {
        // An id may come as a number or as text.
        let text = match &read[field] {
            Value::String(text) => text.trim().to_owned(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        told += usize::from(!text.is_empty());
        and(text.as_bytes());
    }
    if told < 2 {
        and(body);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&seal::sha256(&bytes)[..16]);
    uuid::Builder::from_custom_bytes(first).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 3] = ["event", "office_id", "generated_time"];

    #[test]
    fn p2_one_event_has_one_id_however_its_body_is_written() {
        let id = |body: &str| message_id(&["sikka.change"], body.as_bytes(), &FIELDS);
        let first =
            id(r#"{"event":"Data_Refresh","office_id":"D10001","generated_time":"2026-11-20T02:00:00"}"#);
        let again = id(
            r#"{ "generated_time": "2026-11-20T02:00:00", "office_id": "D10001", "event": "Data_Refresh", "x": 1 }"#,
        );
        let later =
            id(r#"{"event":"Data_Refresh","office_id":"D10001","generated_time":"2026-11-20T02:15:00"}"#);
        assert_eq!(first, again);
        assert_ne!(first, later);
        assert_ne!(id("not json"), id("not json either"));
        assert_eq!(id(r#"{"event":"x","office_id":1}"#), id(r#"{"event":"x","office_id":"1"}"#));
    }

    #[test]
    fn p2_a_purchase_without_a_date_is_one_event_a_day_and_one_with_a_date_is_one_for_ever() {
        let (today, tomorrow): (Timestamp, Timestamp) =
            ("2026-11-20T02:00:00Z".parse().unwrap(), "2026-11-21T02:00:00Z".parse().unwrap());
        for (undated, is_dated) in [
            (
                r#"{"MasterCustomerID":"D1","Status":"Active","PurchaseDate":"","CancelDate":"1111-11-11"}"#,
                false,
            ),
            (r#"{"MasterCustomerID":"D1","Status":"Active"}"#, false),
            (r#"{"MasterCustomerID":"D1","Status":"Active","PurchaseDate":"11/20/2026"}"#, true),
        ] {
            let id = |at| install_id("t", undated.as_bytes(), at);
            assert_eq!(id(today), id(today), "{undated}");
            assert_eq!(id(today) == id(tomorrow), is_dated, "{undated}");
        }
    }

    #[test]
    fn a_change_that_does_not_say_when_it_came_to_be_is_never_the_same_as_the_last_one() {
        let fields = ["event", "office_id", "generated_time"];
        let undated = br#"{"event":"appointments","office_id":"D10001"}"#;
        assert_ne!(change_id(undated, &fields), change_id(undated, &fields));
        let dated =
            br#"{"event":"appointments","office_id":"D10001","generated_time":"2026-11-20T02:00:00"}"#;
        assert_eq!(change_id(dated, &fields), change_id(dated, &fields));
    }
}
