//! The day book: who works when, and what is taken.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use domain::{Chair, Clinician, DayBook, Freshness, PatientBook, Resource, ResourceKind, Window};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, Operation, PatientBookQuery, PmsError};
use tokio::sync::Mutex;

use crate::map::hours::{Known, Week, hours, weeks};
use crate::{OfficeProfile, SikkaOffice, map, wire};

/// How long who-works-when is remembered. The vendor copies it every 15 minutes at best.
const MEMORY: Duration = Duration::from_secs(60);

/// Who works when. Whoever asks while it is being read waits for that reading.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Option<Arc<Reference>>>);

struct Reference {
    clinicians: Vec<Clinician>,
    chairs: Vec<Chair>,
    weeks: Vec<Week>,
    copied_at: Option<Timestamp>,
    read: Instant,
}

impl Reference {
    fn is_fresh(&self) -> bool {
        self.read.elapsed() < MEMORY
    }
}

/// What is known of the age of the copy before its rows are read: they are no older than that.
#[derive(Clone, Copy)]
struct Age {
    /// As the vendor tells it.
    told: Option<Timestamp>,
    /// As it told it last while it was not loading.
    last: Option<Timestamp>,
}

impl SikkaOffice {
    /// Reads the age of the copy, then the parts side by side; without any one of them there is no book.
    pub(crate) async fn book(&self, covers: &Window) -> Result<DayBook, PmsError> {
        let profile = &self.profile;
        let read_at = Timestamp::now();
        let days = map::time::days(covers, &self.zone);
        let feed = async {
            if !profile.capabilities.allows(Operation::SlotFeed) {
                return Ok(None);
            }
            self.calls.slots(&profile.practice_id, days).await.map(Some)
        };
        let age = self.age().await;
        let (reference, (rows, loading), slots) =
            tokio::try_join!(self.reference(age), self.calls.appointments(None, days, None), feed)?;
        let mut appointments = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter_map(|row| self.seen_from_here(row)) {
            let taken = map::taken(row, &self.zone).map_err(|error| {
                PmsError::new(ErrorKind::Unreadable, Advice::Permanent).code("appointment").caused_by(error)
            })?;
            appointments.extend(taken.into_iter().filter(|taken| taken.window.overlaps(covers)));
        }
        let mut clinicians = reference.clinicians.clone();
        let mut chairs = reference.chairs.clone();
        let hours = hours(&reference.weeks, covers, &self.zone);
        let is_away = |kind, id: &str| hours.away.contains(&Resource { kind, vendor_id: id.to_owned() });
        for clinician in &mut clinicians {
            clinician.bookable &= !is_away(ResourceKind::Clinician, &clinician.vendor_id);
        }
        for chair in &mut chairs {
            chair.bookable &= !is_away(ResourceKind::Chair, &chair.vendor_id);
        }
        Ok(DayBook {
            time_zone: profile.time_zone.clone(),
            covers: *covers,
            clinicians,
            chairs,
            hours: hours.open,
            appointments,
            feed: slots.map(|rows| {
                let ours = rows.iter().filter(|row| self.is_ours(&row.practice_id));
                let slots = ours.filter_map(|row| map::slot(row, &self.zone));
                slots.filter(|(window, _)| covers.contains(window)).collect()
            }),
            freshness: Freshness { copied_at: self.surely_copied_at(age, loading), read_at },
        })
    }

    /// A patient's own appointments.
    pub(crate) async fn patients_book(&self, query: &PatientBookQuery) -> Result<PatientBook, PmsError> {
        let read_at = Timestamp::now();
        let days = map::time::days(&query.covers, &self.zone);
        let age = self.age().await;
        let (reference, (rows, loading)) =
            tokio::try_join!(self.reference(age), self.appointments_here(days, Some(&query.patient)))?;
        let mut appointments = Vec::new();
        let theirs = rows.into_iter().filter(|row| row.patient_id.str() == query.patient);
        for row in theirs {
            let taken = map::taken(row, &self.zone).map_err(|error| {
                PmsError::new(ErrorKind::Unreadable, Advice::Permanent).code("appointment").caused_by(error)
            })?;
            // The hygienist beside the provider is the same appointment.
            appointments.extend(taken.into_iter().take(1).filter(|one| one.window.overlaps(&query.covers)));
        }
        Ok(PatientBook {
            time_zone: self.profile.time_zone.clone(),
            appointments,
            clinicians: reference.clinicians.clone(),
            freshness: Freshness { copied_at: self.surely_copied_at(age, loading), read_at },
        })
    }

    /// The location's own appointments. Whose they are is compared here: the vendor's filters are hints.
    pub(crate) async fn appointments_here(
        &self,
        days: (Date, Date),
        patient: Option<&str>,
    ) -> Result<(Vec<wire::Appointment>, bool), PmsError> {
        let (rows, loading) = self.calls.appointments(Some(&self.profile.practice_id), days, patient).await?;
        Ok((self.ours(rows), loading))
    }

    /// Those of `rows` that are the location's own.
    pub(crate) fn ours(&self, rows: Vec<wire::Appointment>) -> Vec<wire::Appointment> {
        let ours = rows.into_iter().filter(|row| self.is_ours(&row.practice_id));
        ours.map(|row| self.in_our_words(row)).collect()
    }

    /// What an appointment of the office takes at this location. Whoever works at several locations of one database is
    /// not here while they are there; the chair there is none of ours, and under another database's ids are others.
    fn seen_from_here(&self, mut row: wire::Appointment) -> Option<wire::Appointment> {
        if row.cust_id.filled().is_some_and(|database| database != self.profile.cust_id) {
            return None;
        }
        if !self.is_ours(&row.practice_id) {
            row.operatory = wire::Text::EMPTY;
            row.provider_id.filled().or(row.hygienist.filled())?;
        }
        Some(self.in_our_words(row))
    }

    /// A row whose status is the practice's own word for a cancelled appointment says so in plain.
    pub(crate) fn in_our_words(&self, mut row: wire::Appointment) -> wire::Appointment {
        let cancelled = self.profile.words.cancelled.as_deref();
        if cancelled.is_some_and(|word| word.eq_ignore_ascii_case(row.status.str())) {
            row.cancelled = "true".into();
        }
        row
    }

    /// How old the copy is, as the vendor said some seconds ago.
    pub(crate) async fn copied_at(&self) -> Option<Timestamp> {
        let OfficeProfile { office_id, practice_id, .. } = &self.profile;
        let rows = self.calls.recent_copies().await.ok()?;
        let of_office = || rows.iter().filter(|row| row.office_id.str().eq_ignore_ascii_case(office_id));
        // Of several locations, the row that names ours goes before one that names none.
        let named = of_office().find(|row| row.practice_id.str() == practice_id);
        let row = named.or_else(|| of_office().find(|row| self.is_ours(&row.practice_id)))?;
        copied_at(row.data_insert_date.str(), &self.zone, Timestamp::now())
    }

    /// The last time that the whole copy was certainly as new as. While the vendor loads, what it shows is of two
    /// ages, and the older one counts; where it does not tell, what it told last: the copy is no older than that.
    fn surely_copied_at(&self, age: Age, loading: bool) -> Option<Timestamp> {
        if loading {
            return age.last;
        }
        let sure = age.told.max(age.last);
        let mut last = self.last_copy.lock().unwrap_or_else(PoisonError::into_inner);
        *last = sure.max(*last);
        sure
    }

    /// How old the copy is, asked for before any of its rows: asked for beside them, a refresh in between would have
    /// the rows from before it pass for newer than they are. Remembered with who works when; it may stay unknown.
    async fn age(&self) -> Age {
        let memory = self.reference.0.lock().await;
        let known = memory.as_ref().filter(|known| known.is_fresh()).map(|known| known.copied_at);
        drop(memory);
        let told = match known {
            Some(told) => told,
            None => self.copied_at().await,
        };
        Age { told, last: *self.last_copy.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    async fn reference(&self, age: Age) -> Result<Arc<Reference>, PmsError> {
        let mut memory = self.reference.0.lock().await;
        if let Some(known) = memory.as_ref().filter(|known| known.is_fresh()) {
            return Ok(Arc::clone(known));
        }
        let OfficeProfile { practice_id, cust_id, .. } = &self.profile;
        let read = Instant::now();
        // The lists are of all locations of the office: a chair of another one would be booked twice.
        let (mut providers, mut operatories, mut schedule) = tokio::try_join!(
            self.calls.providers(practice_id),
            self.calls.operatories(cust_id),
            self.calls.schedule(),
        )?;
        providers.retain(|row| self.is_ours(&row.practice_id));
        operatories.retain(|row| self.is_ours(&row.practice_id));
        schedule.retain(|row| self.is_ours(row.practice_id()));
        let clinicians = map::clinicians(&providers);
        let chairs: Vec<Chair> = operatories.iter().filter_map(map::chair).collect();
        let weeks = weeks(&schedule, &known(&self.profile, &clinicians, &chairs));
        let known = Arc::new(Reference { clinicians, chairs, weeks, copied_at: age.told, read });
        *memory = Some(Arc::clone(&known));
        Ok(known)
    }
}

fn known<'a>(profile: &'a OfficeProfile, clinicians: &'a [Clinician], chairs: &'a [Chair]) -> Known<'a> {
    let clinicians = clinicians.iter().map(|one| one.vendor_id.as_str()).collect();
    let chairs = chairs.iter().map(|one| one.vendor_id.as_str()).collect();
    Known { practice: &profile.practice_id, database: &profile.cust_id, clinicians, chairs }
}

/// The zone of this time is not documented. The practice's is likely; one that would lie ahead of now is UTC, or
/// worthless.
fn copied_at(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let wall = map::time::stamp(text)?;
    let latest = now.checked_add(SignedDuration::from_mins(5)).ok()?;
    [zone, &TimeZone::UTC]
        .into_iter()
        .filter_map(|zone| zone.to_ambiguous_timestamp(wall).earlier().ok())
        .find(|at| *at <= latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_the_copy_is_read_in_the_practices_zone_unless_that_would_be_the_future() {
        let chicago = TimeZone::get("America/Chicago").unwrap();
        let read = |text: &str| copied_at(text, &chicago, "2026-06-01T15:00:00Z".parse().unwrap());
        assert_eq!(read("2026-06-01T09:45:00"), Some("2026-06-01T14:45:00Z".parse().unwrap()));
        assert_eq!(read("2026-06-01 14:45:00"), Some("2026-06-01T14:45:00Z".parse().unwrap()));
        assert_eq!(read("2026-06-01T18:00:00"), None);
        assert_eq!(read(""), None);
    }
}
