#![doc = include_str!("../README.md")]

mod account;
mod book;
mod client;
mod discover;
mod error;
mod login;
mod map;
mod notice;
mod payment;
mod trace;
mod wire;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use domain::{AppointmentType, Balance, Clinician, DayBook, Insurance, Patient, PatientBook, Phone};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pms::{
    Advice, Capabilities, DayBookQuery, ErrorKind, KeySource, Operation, PMSAdapter, PatientBookQuery,
    PatientQuery, PmsError, Receipt, Sighting, Write, WriteOrder, WriteOutcome,
};
use vendor_http::Budget;

use client::Calls;
use client::office::{Filter, other_phone_filters, phone_filters, typed_filters};

pub use client::{OLDEST_LIST, Sikka, SikkaApp};
pub use discover::{AuthorizedPractice, OfficeProfile, PracticeLists};
pub use login::{SikkaLogin, office_credentials};
pub use notice::{ChangeNotice, InstallNotice, Says};
pub use words::{UnknownWord, Words};

/// Patients that one search gives at most, as the port promises.
const MOST_PATIENTS: usize = 50;

/// One practice behind Sikka.
///
/// Keep it for as long as the connection stands: it remembers who works when for a minute, so that a
/// stream of questions costs one request each.
pub struct SikkaOffice {
    profile: OfficeProfile,
    zone: TimeZone,
    country: &'static str,
    calls: Calls,
    reference: book::Remembered,
    /// When the copy was made, as the vendor told it last while it was not loading.
    last_copy: Mutex<Option<Timestamp>>,
    /// Set once the vendor said that `writeback_status` is outside the application's plan.
    status_is_closed: AtomicBool,
}

impl SikkaOffice {
    /// The practice of `profile`, with the keys of its office and the budget of its practice.
    ///
    /// # Errors
    /// [`PmsError`] of kind `Invalid` when the profile's zone is not an IANA zone.
    pub fn new(
        sikka: Sikka,
        profile: OfficeProfile,
        keys: Arc<dyn KeySource>,
        budget: Arc<dyn Budget>,
    ) -> Result<Self, PmsError> {
        let zone = TimeZone::get(&profile.time_zone).map_err(|error| {
            PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("time_zone").caused_by(error)
        })?;
        Ok(Self {
            country: map::time::country(&profile.time_zone),
            zone,
            profile,
            calls: Calls { sikka, budget, keys: Some(keys) },
            reference: book::Remembered::default(),
            last_copy: Mutex::new(None),
            status_is_closed: AtomicBool::new(false),
        })
    }

    fn may(&self, operation: Operation) -> Result<(), PmsError> {
        if self.profile.capabilities.allows(operation) {
            Ok(())
        } else {
            Err(PmsError::unsupported(operation))
        }
    }

    /// The patients under any of the filter sets, each once, who are asked for.
    async fn patients_under(
        &self,
        filters: Vec<Vec<Filter>>,
        query: &PatientQuery,
    ) -> Result<Vec<Patient>, PmsError> {
        let practice_id = self.profile.practice_id.as_str();
        let lists = filters.iter().map(|filters| self.calls.patients(practice_id, filters));
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for row in try_join_all(lists).await?.into_iter().flatten() {
            if self.is_ours(&row.practice_id)
                && map::is_asked_for(query, &row)
                && seen.insert(row.patient_id.str().to_owned())
                && let Some(patient) = map::patient(row, self.country)
                && map::is_called_under(query, &patient)
            {
                found.push(patient);
            }
        }
        Ok(found)
    }

    /// Rows carry the practice's id alone or behind the database's: `1`, `7-1`.
    fn is_ours(&self, practice_id: &wire::Text) -> bool {
        let OfficeProfile { practice_id: ours, cust_id, .. } = &self.profile;
        practice_id.filled().is_none_or(|id| map::is_of_practice(id, cust_id, ours))
    }

    /// A number as this practice writes it.
    fn written(&self, phone: &Phone) -> String {
        let national = phone.national_digits();
        let at_home = Phone::read(national.expose(), self.country).is_ok_and(|read| read.same_line(phone));
        if at_home { national.into_inner() } else { phone.e164.expose().clone() }
    }
}

#[async_trait]
impl PMSAdapter for SikkaOffice {
    fn capabilities(&self) -> &Capabilities {
        &self.profile.capabilities
    }

    async fn search_patients(&self, query: &PatientQuery) -> Result<Vec<Patient>, PmsError> {
        self.may(Operation::SearchPatients)?;
        let mut found = match &query.phone {
            Some(phone) => {
                // Where the vendor compares numbers as they were typed, the one of a family that is found first says
                // nothing of the others.
                let forms = [phone_filters(phone), typed_filters(phone)].concat();
                let (found, others) = tokio::join!(
                    self.patients_under(forms, query),
                    self.patients_under(other_phone_filters(phone), query),
                );
                let mut found = found?;
                // Not every system lets expressions look at that field.
                match others {
                    Err(error) if matches!(error.kind, ErrorKind::Invalid | ErrorKind::Unsupported) => {}
                    others => found.extend(others?),
                }
                let mut seen = BTreeSet::new();
                found.retain(|patient| seen.insert(patient.vendor_id.clone()));
                found
            }
            None => self.patients_under(filters_without_phone(query)?, query).await?,
        };
        found.sort_by_key(|patient| !patient.active);
        found.truncate(MOST_PATIENTS);
        Ok(found)
    }

    async fn patient(&self, vendor_id: &str) -> Result<Option<Patient>, PmsError> {
        self.may(Operation::ReadPatient)?;
        let filters = vec![vec![("patient_id", vendor_id.to_owned())]];
        let found = self.patients_under(filters, &PatientQuery::default()).await?;
        Ok(found.into_iter().find(|patient| patient.vendor_id == vendor_id))
    }

    async fn day_book(&self, query: &DayBookQuery) -> Result<DayBook, PmsError> {
        self.may(Operation::ReadDayBook)?;
        self.book(&query.covers).await
    }

    async fn patient_book(&self, query: &PatientBookQuery) -> Result<PatientBook, PmsError> {
        self.may(Operation::ReadAppointments)?;
        self.patients_book(query).await
    }

    async fn clinicians(&self) -> Result<Vec<Clinician>, PmsError> {
        self.may(Operation::ListClinicians)?;
        self.people().await
    }

    async fn appointment_types(&self) -> Result<Vec<AppointmentType>, PmsError> {
        self.may(Operation::ListAppointmentTypes)?;
        self.kinds_of_appointment().await
    }

    async fn balance(&self, patient: &str) -> Result<Option<Balance>, PmsError> {
        self.may(Operation::ReadBalance)?;
        self.account(patient).await
    }

    async fn insurance(&self, patient: &str) -> Result<Vec<Insurance>, PmsError> {
        self.may(Operation::ReadInsurance)?;
        self.plans(patient).await
    }

    async fn submit(&self, order: &WriteOrder, send_by: Instant) -> Result<Receipt, PmsError> {
        self.may(order.write.operation())?;
        let OfficeProfile { practice_id, words, .. } = &self.profile;
        let no_word = || PmsError::unsupported(order.write.operation());
        let message = match &order.write {
            Write::BookAppointment(new) => {
                let body = map::order::appointment(new, &order.reference, practice_id)?;
                self.calls.new_appointment(&body, send_by).await?
            }
            Write::CreatePatient(new) => {
                let cell = self.written(&new.phone);
                self.calls.new_patient(&map::order::patient(new, &cell, practice_id), send_by).await?
            }
            Write::RescheduleAppointment(moved) => {
                let body = map::change::edit(moved, practice_id)?;
                self.calls.new_edit(&moved.appointment, &body, send_by).await?
            }
            Write::CancelAppointment(gone) => {
                let word = words.cancelled.as_deref().ok_or_else(no_word)?;
                let body = map::change::cancellation(gone, word, practice_id);
                self.calls.new_status(&body, send_by).await?
            }
            Write::AddNote(note) => {
                let kind = words.note.as_deref().ok_or_else(no_word)?;
                let body = map::change::note(note, &order.reference, kind, practice_id)?;
                self.calls.new_note(&body, send_by).await?
            }
            Write::RecordPayment(new) => self.post_payment(new, &order.reference, send_by).await?,
        };
        // Taken, but without a number to ask by: it has to be looked for.
        map::outcome::receipt(&message).ok_or_else(|| error::broken(error::Call::Write).code("no Id"))
    }

    async fn outcomes(&self, receipts: &[Receipt]) -> Result<BTreeMap<Receipt, WriteOutcome>, PmsError> {
        self.standings(receipts).await
    }

    async fn look_for(&self, orders: &[WriteOrder]) -> Result<BTreeMap<String, Sighting>, PmsError> {
        self.traces(orders).await
    }
}

fn filters_without_phone(query: &PatientQuery) -> Result<Vec<Vec<Filter>>, PmsError> {
    let part = |name: &'static str, text: &Option<domain::Sensitive<String>>| {
        let text = text.as_ref().map(|text| text.expose().trim().to_owned());
        text.filter(|text| !text.is_empty()).map(|text| (name, text))
    };
    let names: Vec<Filter> =
        part("lastname", &query.last_name).into_iter().chain(part("firstname", &query.first_name)).collect();
    // Whether the filters take a beginning is not documented; `search` looks inside names.
    if let Some((_, name)) = names.first() {
        let search = vec![("search", name.clone())];
        return Ok(vec![names, search]);
    }
    let born = query
        .born
        .as_ref()
        .ok_or_else(|| PmsError::new(ErrorKind::Invalid, Advice::Permanent).code("nothing to look for"))?;
    let day = born.expose();
    Ok([day.to_string(), format!("{day}T00:00:00")]
        .into_iter()
        .map(|day| vec![("find", format!("birthdate=eq_{day}"))])
        .collect())
}
