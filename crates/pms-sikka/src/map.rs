//! Sikka's words and ours: the one place where either becomes the other.
//!
//! Everything here is a pure function from [`crate::wire`] to [`domain`] and [`pms`] or back: no request, no
//! clock. To connect another system, write this file for it: what is a patient there, who can be booked,
//! what is taken, when is it open, how is a write said, and how does it end.
//!
//! | question | answered by |
//! | --- | --- |
//! | who is a patient, and is it the one asked for | [`patient`], [`is_asked_for`], [`is_called_under`] |
//! | who and what can be booked | [`clinicians`], [`chair`] |
//! | what is taken | [`taken`], [`state`] |
//! | when is somebody there | [`hours`] |
//! | what does somebody owe, who insures them | [`account`] |
//! | how is a write said | [`order`], [`change`], [`payment`] |
//! | how does a write end, where is a lost one | [`outcome`] |
//! | what can this connection do | [`system`] |
//! | when is a time without a zone | [`time`] |
//!
//! Where the vendor leaves a doubt, the answer is the careful one: an unknown status is busy, an unreadable
//! length takes the rest of the day, an unknown word about a write is "pending".

pub(crate) mod account;
pub(crate) mod change;
pub(crate) mod hours;
pub(crate) mod order;
pub(crate) mod outcome;
pub(crate) mod payment;
pub(crate) mod system;
pub(crate) mod time;

use std::collections::BTreeMap;

use domain::{
    Appointment, AppointmentState, Chair, Clinician, ClinicianKind, Patient, PersonName, Phone, Resource,
    ResourceKind, Sensitive, Window,
};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use pms::PatientQuery;
use unicode_normalization::UnicodeNormalization;

use crate::wire;

/// A patient, with every number they have in whatever field.
pub(crate) fn patient(row: wire::Patient, country: &str) -> Option<Patient> {
    let mut phones: Vec<Phone> = Vec::new();
    for text in [&row.cell, &row.homephone, &row.workphone, &row.other_phone] {
        let Some(phone) = text.filled().and_then(|text| Phone::read(text, country).ok()) else { continue };
        if !phones.iter().any(|known| known.same_line(&phone)) {
            phones.push(phone);
        }
    }
    Some(Patient {
        vendor_id: row.patient_id.filled()?.to_owned(),
        born: time::date(row.birthdate.str()).map(Sensitive::new),
        active: matches!(row.status.str().to_ascii_lowercase().as_str(), "active" | "patient"),
        usual_clinician: row.provider_id.filled().map(str::to_owned),
        email: row.email.filled().map(|email| email.to_owned().into()),
        name: PersonName {
            first: row.firstname.into_string().into(),
            last: row.lastname.into_string().into(),
        },
        preferred: row.preferred_name.filled().map(|name| name.to_owned().into()),
        phones,
    })
}

/// Whether a row fits the name and the date of birth that `query` gives. The vendor's filters are hints: they
/// miss, and they may be ignored.
pub(crate) fn is_asked_for(query: &PatientQuery, row: &wire::Patient) -> bool {
    let begins = |asked: &Option<Sensitive<String>>, names: &[&wire::Text]| {
        asked.as_ref().is_none_or(|asked| {
            let asked = folded(asked.expose());
            names.iter().any(|name| folded(name.str()).starts_with(&asked))
        })
    };
    begins(&query.first_name, &[&row.firstname, &row.preferred_name])
        && begins(&query.last_name, &[&row.lastname])
        && query.born.as_ref().is_none_or(|born| time::date(row.birthdate.str()) == Some(*born.expose()))
}

/// Whether a patient has the number that `query` gives.
pub(crate) fn is_called_under(query: &PatientQuery, patient: &Patient) -> bool {
    query.phone.as_ref().is_none_or(|phone| patient.phones.iter().any(|own| own.same_line(phone)))
}

/// A name as it sounds to a search: without accents, case, spaces and apostrophes.
pub(crate) fn folded(name: &str) -> String {
    name.nfd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether an id is a practice's own. Either may stand alone or behind the database's: `1`, `7-1`.
pub(crate) fn is_of_practice(id: &str, database: &str, practice: &str) -> bool {
    let alone = |id: &str| {
        let rest = id.strip_prefix(database).and_then(|rest| rest.strip_prefix('-'));
        rest.filter(|rest| !rest.is_empty()).unwrap_or(id).to_owned()
    };
    alone(id) == alone(practice)
}

/// Everybody in the vendor's list of providers. Two who take appointments under one name are said with their first
/// names.
pub(crate) fn clinicians(rows: &[wire::Provider]) -> Vec<Clinician> {
    let mut people: Vec<Clinician> = rows.iter().filter_map(clinician).collect();
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for one in people.iter().filter(|one| one.bookable) {
        *said.entry(folded(&one.spoken_name)).or_default() += 1;
    }
    for one in people.iter_mut().filter(|one| one.kind == ClinicianKind::Provider) {
        if said.get(&folded(&one.spoken_name)).is_some_and(|many| *many > 1) {
            one.spoken_name = format!("Dr {}", one.full_name);
        }
    }
    people
}

/// Somebody in the vendor's list of providers: only an active, visible person can be booked.
fn clinician(row: &wire::Provider) -> Option<Clinician> {
    let specialty = if row.specialty.str().is_empty() { &row.speciality } else { &row.specialty };
    let (kind, specialty) =
        (row.provider_type.str().to_ascii_lowercase(), specialty.str().to_ascii_lowercase());
    let kind = if row.is_organization.flag() == Some(true) {
        ClinicianKind::Other
    } else if kind.contains("hygien") || specialty.contains("hygien") {
        ClinicianKind::Hygienist
    } else if matches!(kind.as_str(), "provider" | "dentist" | "doctor") {
        ClinicianKind::Provider
    } else {
        ClinicianKind::Other
    };
    let (first, last) = (row.firstname.str(), row.lastname.str());
    let full_name = format!("{first} {last}").trim().to_owned();
    let spoken_name = match kind {
        ClinicianKind::Provider if !last.is_empty() => format!("Dr {last}"),
        _ => full_name.clone(),
    };
    Some(Clinician {
        vendor_id: row.provider_id.filled()?.to_owned(),
        spoken_name,
        full_name,
        kind,
        bookable: kind != ClinicianKind::Other
            && row.status.str().eq_ignore_ascii_case("active")
            && row.is_hidden.flag() != Some(true),
    })
}

/// An operatory. It is booked by its `operatory`, not by its abbreviation.
pub(crate) fn chair(row: &wire::Operatory) -> Option<Chair> {
    let clinicians = row.provider_id.str().split('|').map(str::trim).filter(|id| !id.is_empty());
    Some(Chair {
        vendor_id: row.operatory.filled()?.to_owned(),
        clinicians: clinicians.map(str::to_owned).collect(),
        bookable: row.is_hidden.flag() != Some(true),
    })
}

/// What an appointment's own word means: systems differ, and case varies within one.
pub(crate) fn state(row: &wire::Appointment) -> AppointmentState {
    if row.cancelled.flag() == Some(true) {
        return AppointmentState::Cancelled;
    }
    let word = row.status.str().to_ascii_lowercase();
    // Some systems write the confirmation behind the status: `open.unconfirm`.
    let word = word.split('.').next().unwrap_or_default();
    match word {
        "broken" | "cancelled" | "canceled" | "deleted" | "no show" | "no-show" | "noshow" | "missed" => {
            AppointmentState::Cancelled
        }
        "open" | "fixed" | "confirmed" | "unconfirmed" | "scheduled" | "complete" | "completed"
        | "arrived" | "checked in" | "checked out" | "seated" | "in chair" | "ready" => {
            AppointmentState::Booked
        }
        _ => AppointmentState::Unknown,
    }
}

/// An appointment row that cannot be placed on a day.
#[derive(Debug, thiserror::Error)]
#[error("an appointment has no readable date")]
pub(crate) struct NoDate;

/// What an appointment takes. One with a hygienist beside its provider takes the time of both.
pub(crate) fn taken(row: wire::Appointment, zone: &TimeZone) -> Result<Vec<Appointment>, NoDate> {
    let window = window(&row, zone)?;
    let state = state(&row);
    let provider = row.provider_id.filled().map(str::to_owned);
    let hygienist = row.hygienist.filled().map(str::to_owned).filter(|id| Some(id) != provider.as_ref());
    let first = Appointment {
        vendor_id: row.appointment_sr_no.into_string(),
        patient: row.patient_id.into_string(),
        clinician: provider,
        chair: row.operatory.filled().map(str::to_owned),
        window,
        state,
    };
    let second = hygienist.map(|id| Appointment { clinician: Some(id), ..first.clone() });
    Ok(std::iter::once(first).chain(second).collect())
}

fn window(row: &wire::Appointment, zone: &TimeZone) -> Result<Window, NoDate> {
    let date = time::date(row.date.str()).ok_or(NoDate)?;
    let start = time::clock(row.time.str());
    let minutes = row.length.leading_number().filter(|minutes| (1..=24 * 60).contains(minutes));
    match (start, minutes) {
        (Some(start), Some(minutes)) => time::busy(date.to_datetime(start), minutes, zone),
        (start, _) => time::busy_all_day_from(date.to_datetime(start.unwrap_or(Time::midnight())), zone),
    }
    .ok_or(NoDate)
}

/// A free slot of the vendor's own feed. One without a readable end is not offered.
pub(crate) fn slot(row: &wire::Slot, zone: &TimeZone) -> Option<(Window, Vec<Resource>)> {
    let date = time::date(row.date.str())?;
    let window = time::open(date, time::clock(row.time.str())?, time::clock(row.end_time.str())?, zone)?;
    let named = |kind, id: &wire::Text| id.filled().map(|id| Resource { kind, vendor_id: id.to_owned() });
    let clinician = named(ResourceKind::Clinician, &row.provider_id);
    let chair = named(ResourceKind::Chair, &row.operatory);
    Some((window, clinician.into_iter().chain(chair).collect()))
}

#[cfg(test)]
mod tests;
