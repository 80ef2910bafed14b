//! Taking writes: what is checked before the receipt (contract section 5 and 14), and nothing more.

use std::sync::Arc;

use jiff::Timestamp;

use super::account;
use super::books::parse_amount;
use super::call::{Body, Call, Reply};
use super::elsewhere;
use super::errors::{Message, Problem};
use super::execute::{parse_date, parse_length, parse_time};
use super::faults::count_off;
use super::lists::required;
use super::notes;
use super::route::Write;
use super::state::State;
use super::writeback::{Operation, Writeback};

const BOOKING: [&str; 7] =
    ["patient_id", "provider_id", "practice_id", "operatory", "date", "time", "length"];
const PATIENT: [&str; 4] = ["firstname", "lastname", "practice_id", "provider_id"];
const TRANSACTION: [&str; 8] = [
    "patient_id",
    "guarantor_id",
    "practice_id",
    "provider_id",
    "procedure_code",
    "procedure_description",
    "amount",
    "transaction_date",
];
const EDITABLE: [&str; 6] = ["date", "time", "length", "operatory", "provider_id", "status"];

/// Takes a write of an office and answers its receipt.
///
/// # Errors
/// 400 API1020 for a missing field, 400 API1026 for one of the wrong form, 401 API2007 for another practice,
/// 412 API2017 when `check_spu` was asked for and the utility is off.
pub fn submit(
    state: &mut State,
    write: &Write<'_>,
    call: &Call,
    (office_id, request_key): (&str, &str),
    now: Timestamp,
) -> Result<Reply, Problem> {
    let body = call.json()?;
    let office = state.offices.get(office_id).ok_or_else(|| Problem::key_invalid("no such office"))?;
    let optional: &[&str] = match write {
        Write::Patient if office.rules().patient_needs.is_empty() => &["provider_id"],
        Write::Appointment if office.rules().name == "Planet DDS Web" && body.flag("is_new_patient") => {
            &["patient_id"]
        }
        _ => &[],
    };
    let operation = check(write, &body, optional)?;
    let practice_id = body.text_or_empty("practice_id");
    if !elsewhere::has(office, &practice_id) {
        return Err(Problem::practice_off("practice_id does not belong to this office"));
    }
    if body.flag("check_spu") && !office.spu_online {
        return Err(Problem::spu_offline("The practice utility is offline"));
    }
    if matches!(write, Write::Status(_)) && count_off(&mut state.faults.status_not_logged) {
        // The success of the transport and the failure of the request, in one answer: contract 7.4, 24.
        let body = Message::new(200, "API0008", "Status not logged", String::new(), String::new());
        return Ok(Reply::json(200, &body));
    }
    let (status, code, method, api) = match write {
        Write::Appointment => (201, "API2016", "POST", "appointment"),
        Write::Patient => (201, "API2016", "POST", "patient"),
        Write::Transaction => (201, "API2016", "POST", "transaction"),
        Write::Status(_) => (200, "API0007", "PATCH", "appointments"),
        Write::Edit(_) => (200, "API0007", "PUT", "appointments"),
        Write::Note => (201, "API2016", "POST", "medical_notes"),
    };
    let writeback = Writeback {
        id: state.next_writeback_id(),
        office_id: office_id.to_owned(),
        practice_id,
        method,
        api,
        body: String::from_utf8_lossy(&call.body).into_owned(),
        request_key: request_key.to_owned(),
        operation,
        submitted_at: now,
        submitted_wall: Timestamp::now(),
        due: None,
        finished: None,
        bulk: Arc::default(),
    };
    let id = writeback.id;
    if let Some(office) = state.offices.get_mut(office_id) {
        office.submit(writeback, now);
    }
    let mut reply = Reply::json(status, &Message::receipt(status, code, id));
    reply.took_a_write = true;
    Ok(reply)
}

fn check(write: &Write<'_>, body: &Body, optional: &[&str]) -> Result<Operation, Problem> {
    let need = |names: &[&str]| {
        let missing = names.iter().find(|name| !optional.contains(name) && body.text(name).is_none());
        missing.map_or(Ok(()), |name| Err(Problem::missing(format!("{name} is required"))))
    };
    match write {
        Write::Appointment => {
            need(&BOOKING)?;
            check_forms(body)?;
            Ok(Operation::Book(body.clone()))
        }
        Write::Patient => {
            need(&PATIENT)?;
            if let Some(day) = body.text("birthdate") {
                parse_date(&day).map_err(|_| Problem::invalid("birthdate is not yyyy-mm-dd"))?;
            }
            if let Some(gender) = body.text("gender")
                && !matches!(gender.to_ascii_lowercase().as_str(), "male" | "female" | "unknown")
            {
                return Err(Problem::invalid("gender is male, female or unknown"));
            }
            Ok(Operation::NewPatient(body.clone()))
        }
        Write::Transaction => {
            need(&TRANSACTION)?;
            parse_amount(&body.text_or_empty("amount")).map_err(Problem::invalid)?;
            parse_date(&body.text_or_empty("transaction_date"))
                .map_err(|_| Problem::invalid("transaction_date is not yyyy-mm-dd"))?;
            Ok(Operation::Payment(body.clone()))
        }
        Write::Status(id) => {
            need(&["op", "path", "value", "practice_id"])?;
            if body.text_or_empty("op") != "replace" {
                return Err(Problem::invalid("op is replace"));
            }
            if body.text_or_empty("path") != "/appointment_status" {
                return Err(Problem::invalid("path is /appointment_status"));
            }
            Ok(Operation::SetStatus { id: (*id).to_owned(), value: body.text_or_empty("value") })
        }
        Write::Note => {
            need(&notes::NEEDED)?;
            notes::check(body)?;
            Ok(Operation::Note(body.clone()))
        }
        Write::Edit(id) => {
            need(&["practice_id", "provider_id"])?;
            if !EDITABLE.iter().any(|name| body.text(name).is_some()) {
                return Err(Problem::missing("at least one field to change is required"));
            }
            check_forms(body)?;
            Ok(Operation::Edit { id: (*id).to_owned(), body: body.clone() })
        }
    }
}

fn check_forms(body: &Body) -> Result<(), Problem> {
    if let Some(date) = body.text("date") {
        parse_date(&date).map_err(Problem::invalid)?;
    }
    if let Some(time) = body.text("time") {
        parse_time(&time).map_err(Problem::invalid)?;
    }
    if let Some(length) = body.text("length") {
        parse_length(&length).map_err(Problem::invalid)?;
    }
    Ok(())
}

/// `DELETE /v4/writebacks?id=`: only a pending one can be withdrawn; the receipt is API4006.
///
/// # Errors
/// 400 API1020 or API1026 for the id, 404 API2009 when nothing of that id is pending.
pub fn withdraw(state: &mut State, call: &Call) -> Result<Reply, Problem> {
    let id = required(&call.query, "id")?.parse().map_err(|_| Problem::invalid("id is not a number"))?;
    if state.offices.values_mut().any(|office| office.withdraw(id)) {
        return Ok(Reply::json(200, &account::done()));
    }
    Err(Problem::not_found("no pending writeback of this id"))
}
