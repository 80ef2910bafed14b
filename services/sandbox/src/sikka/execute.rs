//! Carrying a write into the PMS. The PMS validates here, minutes after the receipt, never at submit (contract 14).

use jiff::civil::{Date, DateTime, Time};

use super::books;
use super::call::Body;
use super::elsewhere;
use super::notes;
use super::pms::{Appointment, Patient, Pms};
use super::profile::Rules;
use super::schedule;
use super::writeback::Operation;

/// What a successful write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The sentence in `result`.
    pub text: &'static str,
    /// Appointment that was made or changed.
    pub appointment_sr_no: Option<u64>,
    /// Patient concerned.
    pub patient_id: Option<u64>,
    /// Number of the record that was made, if one was.
    pub created_id: Option<u64>,
}

/// Characters the vendor's write documentation forbids in free text.
const FORBIDDEN: [char; 3] = ['<', '>', '&'];

/// Carries out one write at local time `local`.
///
/// # Errors
/// The sentence the PMS refuses with; nothing has changed then.
pub fn run(
    pms: &mut Pms,
    rules: &'static Rules,
    operation: &Operation,
    local: DateTime,
) -> Result<Done, String> {
    let done = match operation {
        Operation::Book(body) => book(pms, rules, body, local),
        Operation::SetStatus { id, value } => set_status(pms, rules, id, value, local),
        Operation::Edit { id, body } => edit(pms, rules, id, body, local),
        Operation::NewPatient(body) => new_patient(pms, rules, body, local),
        Operation::Note(body) => notes::add(pms, rules, body, local),
        Operation::Payment(body) => books::post(pms, body, local),
    }?;
    pms.version += 1;
    Ok(done)
}

fn book(pms: &mut Pms, rules: &'static Rules, body: &Body, local: DateTime) -> Result<Done, String> {
    for field in rules.appointment_needs {
        if body.text(field).is_none() {
            return Err(format!("Appointment not saved: {field} is required"));
        }
    }
    let description = body.text_or_empty("description");
    check_text("description", &description, rules.description_max)?;
    let kind = body.text_or_empty("type");
    if !kind.is_empty() && !rules.types.contains(&kind.as_str()) {
        return Err("Appointment not saved: invalid appointment type".to_owned());
    }
    let patient_id = patient_of(pms, body)?;
    let appointment = Appointment {
        appointment_sr_no: pms.next_appointment_id(),
        practice_id: elsewhere::named(body),
        patient_id,
        provider_id: body.text_or_empty("provider_id"),
        operatory: body.text_or_empty("operatory"),
        date: parse_date(&body.text_or_empty("date"))?,
        time: parse_time(&body.text_or_empty("time"))?,
        length: parse_length(&body.text_or_empty("length"))?,
        status: status_word(rules, body.text("status").as_deref().unwrap_or(rules.booked))?,
        kind,
        description,
        note: body.text_or_empty("note"),
        procedure_codes: body.text_or_empty("procedure_codes"),
        made: local.date(),
        last_changed: local,
    };
    fits(pms, rules, &appointment)?;
    if rules.slots && !schedule::offers(pms, rules, &appointment) {
        return Err(
            "Appointment not saved: no available slot for this provider, date, time and operatory".to_owned()
        );
    }
    let id = appointment.appointment_sr_no;
    pms.appointments.insert(id, appointment);
    Ok(Done {
        text: "New appointment inserted successfully",
        appointment_sr_no: Some(id),
        patient_id: Some(patient_id),
        created_id: Some(id),
    })
}

fn set_status(
    pms: &mut Pms,
    rules: &'static Rules,
    id: &str,
    value: &str,
    local: DateTime,
) -> Result<Done, String> {
    let word = status_word(rules, value)?;
    if rules.frees(&word) && !rules.cancel_by_patch {
        return Err(format!("Status not saved: {word} cannot be written to this system"));
    }
    let held = find(pms, id)?;
    let (id, patient_id) = (held.appointment_sr_no, held.patient_id);
    if let Some(held) = pms.appointments.get_mut(&id) {
        held.status = word;
        held.last_changed = local;
    }
    Ok(Done {
        text: "Appointment status updated successfully",
        appointment_sr_no: Some(id),
        patient_id: Some(patient_id),
        created_id: None,
    })
}

fn edit(
    pms: &mut Pms,
    rules: &'static Rules,
    id: &str,
    body: &Body,
    local: DateTime,
) -> Result<Done, String> {
    let mut held = find(pms, id)?.clone();
    if let Some(date) = body.text("date") {
        held.date = parse_date(&date)?;
    }
    if let Some(time) = body.text("time") {
        held.time = parse_time(&time)?;
    }
    if let Some(length) = body.text("length") {
        held.length = parse_length(&length)?;
    }
    if let Some(operatory) = body.text("operatory") {
        held.operatory = operatory;
    }
    if let Some(provider) = body.text("provider_id") {
        held.provider_id = provider;
    }
    if let Some(status) = body.text("status") {
        held.status = status_word(rules, &status)?;
    }
    if let Some(description) = body.text("description") {
        check_text("description", &description, rules.description_max)?;
        held.description = description;
    }
    held.last_changed = local;
    if !rules.frees(&held.status) {
        fits(pms, rules, &held)?;
    }
    let done = Done {
        text: "Appointment updated successfully",
        appointment_sr_no: Some(held.appointment_sr_no),
        patient_id: Some(held.patient_id),
        created_id: None,
    };
    pms.appointments.insert(held.appointment_sr_no, held);
    Ok(done)
}

fn new_patient(pms: &mut Pms, rules: &'static Rules, body: &Body, local: DateTime) -> Result<Done, String> {
    for field in rules.patient_needs {
        if body.text(field).is_none() {
            return Err(format!("Patient not saved: {field} is required"));
        }
    }
    let (firstname, lastname) = (body.text_or_empty("firstname"), body.text_or_empty("lastname"));
    check_text("firstname", &firstname, rules.name_max.0)?;
    check_text("lastname", &lastname, rules.name_max.1)?;
    let provider_id = body.text_or_empty("provider_id");
    if !provider_id.is_empty() && pms.bookable_provider(&provider_id).is_none() {
        return Err("Patient not saved: provider not found or inactive".to_owned());
    }
    let birthdate = body.text("birthdate").map(|text| parse_date(&text)).transpose()?;
    if birthdate.is_some_and(|day| day > local.date()) {
        return Err("Patient not saved: birthdate is in the future".to_owned());
    }
    let phone = |field: &str| {
        let text = body.text_or_empty(field);
        let plain = text.is_empty() || (text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()));
        if rules.ten_digit_phones && !plain {
            return Err(format!("Patient not saved: {field} must have ten digits"));
        }
        Ok(text)
    };
    let id = pms.next_patient_id();
    let guarantor_id = match body.text("guarantor_id") {
        None => id,
        Some(text) => {
            known_patient(pms, &text).ok_or_else(|| "Patient not saved: guarantor not found".to_owned())?
        }
    };
    let patient = Patient {
        patient_id: id,
        practice_id: elsewhere::named(body),
        guarantor_id,
        cell: phone("cell")?,
        homephone: phone("homephone")?,
        workphone: phone("workphone")?,
        firstname,
        lastname,
        birthdate,
        gender: body.text("gender").unwrap_or_else(|| "unknown".to_owned()),
        email: body.text_or_empty("email"),
        address_line1: body.text_or_empty("address_line1"),
        city: body.text_or_empty("city"),
        state: body.text_or_empty("state"),
        zipcode: body.text_or_empty("zipcode"),
        status: "Active".to_owned(),
        provider_id,
        created: local,
        ..Patient::default()
    };
    pms.patients.insert(id, patient);
    Ok(Done {
        text: "New patient inserted successfully",
        appointment_sr_no: None,
        patient_id: Some(id),
        created_id: Some(id),
    })
}

fn fits(pms: &Pms, rules: &Rules, wanted: &Appointment) -> Result<(), String> {
    if pms.bookable_provider(&wanted.provider_id).is_none() {
        return Err("Appointment not saved: provider not found or inactive".to_owned());
    }
    let chair = elsewhere::chair_of(&wanted.practice_id, &wanted.operatory);
    if chair.and_then(|chair| pms.open_operatory(chair)).is_none() {
        return Err("Appointment not saved: operatory not found".to_owned());
    }
    match pms.conflict(wanted, rules) {
        Some(_) => Err("Appointment not saved: appointment already scheduled at this time".to_owned()),
        None => Ok(()),
    }
}

fn patient_of(pms: &Pms, body: &Body) -> Result<u64, String> {
    known_patient(pms, &body.text_or_empty("patient_id"))
        .ok_or_else(|| "Appointment not saved: patient not found".to_owned())
}

/// The number of a patient whom the PMS has.
pub(super) fn known_patient(pms: &Pms, text: &str) -> Option<u64> {
    text.parse().ok().filter(|id| pms.patients.contains_key(id))
}

fn find<'a>(pms: &'a Pms, id: &str) -> Result<&'a Appointment, String> {
    id.parse::<u64>()
        .ok()
        .and_then(|id| pms.appointments.get(&id))
        .ok_or_else(|| "Appointment not found".to_owned())
}

fn status_word(rules: &Rules, word: &str) -> Result<String, String> {
    rules.status(word).map(str::to_owned).ok_or_else(|| "Invalid appointment status".to_owned())
}

/// Whether free text is fit for the PMS.
pub(super) fn check_text(field: &str, text: &str, max: usize) -> Result<(), String> {
    if text.contains(FORBIDDEN) {
        return Err(format!("{field} contains special characters that are not allowed"));
    }
    if text.chars().count() > max {
        return Err(format!("{field} is longer than {max} characters"));
    }
    Ok(())
}

/// A day as bodies carry it, `yyyy-mm-dd`.
pub(super) fn parse_date(text: &str) -> Result<Date, String> {
    match text.parse() {
        Ok(date) if text.len() == 10 => Ok(date),
        Ok(_) | Err(_) => Err("date is not yyyy-mm-dd".to_owned()),
    }
}

/// A time as bodies carry it, `HH:mm`.
pub(super) fn parse_time(text: &str) -> Result<Time, String> {
    match Time::strptime("%H:%M", text) {
        Ok(time) if text.len() == 5 => Ok(time),
        Ok(_) | Err(_) => Err("time is not HH:mm".to_owned()),
    }
}

/// Minutes as bodies carry them, 1 to 1440.
pub(super) fn parse_length(text: &str) -> Result<i64, String> {
    text.parse()
        .ok()
        .filter(|minutes| (1..=1440).contains(minutes))
        .ok_or_else(|| "length is not minutes".to_owned())
}
