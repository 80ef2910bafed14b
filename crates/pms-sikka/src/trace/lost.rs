//! Where writes are whose replies were lost.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{AppointmentState, Phone, Sensitive};
use futures_util::FutureExt;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use pms::{
    Cancellation, ErrorKind, NewAppointment, NewPatient, PatientQuery, PmsError, Reschedule, Sighting, Write,
    WriteOrder,
};

use super::gathered;
use crate::client::RecentPage;
use crate::error::{self, Call};
use crate::map::change;
use crate::map::outcome::{self, Accepted, Likeness, Place};
use crate::{SikkaOffice, map, wire};

/// Days after today that a range of the bulk list reaches: whether its last day belongs to it, and in which zone
/// its days are, is not documented.
pub(super) const AHEAD: i64 = 2;

/// What the bulk list says of lost writes, by reference.
#[derive(Default)]
struct Traced {
    accepted: BTreeMap<String, Accepted>,
    /// Some row may be it.
    doubtful: BTreeSet<String>,
}

impl SikkaOffice {
    /// Among the vendor's accepted writes first, then in the practice's records.
    pub(crate) async fn traces(&self, orders: &[WriteOrder]) -> Result<BTreeMap<String, Sighting>, PmsError> {
        let Some(since) = orders.iter().map(|order| order.first_sent_at).min() else {
            return Ok(BTreeMap::new());
        };
        let Traced { accepted, doubtful } = match self.traced(orders, since).await {
            // Out of the plan (401 API2004): what the records show counts, and nothing is called lost.
            Err(error) if error.kind == ErrorKind::Unsupported => Traced {
                doubtful: orders.iter().map(|order| order.reference.clone()).collect(),
                ..Traced::default()
            },
            traced => traced?,
        };
        let mut questions = Vec::new();
        for order in orders.iter().filter(|order| !accepted.contains_key(&order.reference)) {
            let is_doubtful = doubtful.contains(&order.reference);
            let sighting =
                async move { (order.reference.clone(), self.in_records(order, is_doubtful).await) };
            questions.push(sighting.boxed());
        }
        let seen = |(reference, found): (String, Accepted)| (reference, Sighting::Accepted(found.receipt));
        gathered(accepted.into_iter().map(seen).collect(), questions).await
    }

    /// Reads the bulk list from the day before `since` until now, the newest days first, at most seven days at a
    /// time as the vendor has it, until every order has a row that did not fail.
    async fn traced(&self, orders: &[WriteOrder], since: Timestamp) -> Result<Traced, PmsError> {
        let day = |at| self.zone.to_datetime(at).date();
        let today = day(Timestamp::now());
        let first = day(since).min(today).saturating_sub(1.day());
        let mut last = today.saturating_add(AHEAD.days());
        let mut traced = Traced::default();
        loop {
            let from = first.max(last.saturating_sub(6.days()));
            let mut before: Option<Arc<RecentPage>> = None;
            // In an outage every practice has lost something, and looks at the same time.
            for number in 0.. {
                let page = self.calls.recent_writebacks((from, last), number, before.as_deref()).await?;
                for row in &page.rows {
                    self.compare(row, orders, &mut traced);
                }
                let found = |order: &WriteOrder| traced.accepted.get(&order.reference);
                if orders.iter().all(|order| found(order).is_some_and(|row| row.stands)) {
                    return Ok(traced);
                }
                if page.over {
                    break;
                }
                before = Some(page);
            }
            if from == first {
                return Ok(traced);
            }
            last = from;
        }
    }

    fn compare(&self, row: &wire::Writeback, orders: &[WriteOrder], traced: &mut Traced) {
        let owner = self.owns(row);
        if owner == Some(false) {
            return;
        }
        let place = Place {
            practice: &self.profile.practice_id,
            database: &self.profile.cust_id,
            country: self.country,
            cancelled: self.profile.words.cancelled.as_deref(),
        };
        for order in orders {
            match outcome::likeness(row, order, owner.is_some(), &place) {
                Likeness::Same => {
                    let found = outcome::accepted(row);
                    match traced.accepted.entry(order.reference.clone()) {
                        Entry::Vacant(place) => {
                            place.insert(found);
                        }
                        Entry::Occupied(mut best) if *best.get() < found => {
                            best.insert(found);
                        }
                        Entry::Occupied(_) => {}
                    }
                }
                Likeness::Perhaps => {
                    traced.doubtful.insert(order.reference.clone());
                }
                Likeness::Other => {}
            }
        }
    }

    async fn in_records(
        &self,
        order: &WriteOrder,
        mut is_doubtful: bool,
    ) -> Result<Option<Sighting>, PmsError> {
        let created = match &order.write {
            Write::BookAppointment(new) => {
                let (created, may_be) = self.appointment_in_records(new, &order.reference).await?;
                is_doubtful |= may_be;
                created
            }
            Write::CreatePatient(new) => self.new_patient_in_records(new).await?,
            Write::RescheduleAppointment(moved) => self.moved_in_records(moved, order.first_sent_at).await?,
            Write::CancelAppointment(gone) => self.cancelled_in_records(gone, order.first_sent_at).await?,
            Write::AddNote(note) => self.note_in_records(&note.patient, &order.reference).await?,
            Write::RecordPayment(new) => {
                let ours = |note: &str| note.contains(&order.reference);
                self.payment_in_records(&new.patient, new.on, ours).await?
            }
        };
        match created {
            Some(created) => Ok(Some(Sighting::InRecords { created })),
            None if is_doubtful => Err(error::broken(Call::Read).code("unreadable echo")),
            None => Ok(Some(Sighting::Nowhere)),
        }
    }

    /// The appointment that `new` asked for, and whether another may be it.
    async fn appointment_in_records(
        &self,
        new: &NewAppointment,
        reference: &str,
    ) -> Result<(Option<String>, bool), PmsError> {
        let days = map::time::days(&new.window, &self.zone);
        let (rows, _) = self.appointments_here(days, Some(&new.patient)).await?;
        let mut may_be = false;
        for row in rows {
            let description = row.description.str().to_owned();
            // A row without a date is not the one: ours was written with it.
            let Ok(shown) = map::taken(row, &self.zone) else { continue };
            for shown in shown {
                match outcome::is_appointment(&description, &shown, new, reference) {
                    Likeness::Same => return Ok((Some(shown.vendor_id), may_be)),
                    Likeness::Perhaps => may_be = true,
                    Likeness::Other => {}
                }
            }
        }
        Ok((None, may_be))
    }

    /// Whether it stands where it was to go, in a copy that was made since it was sent: an older one may show it
    /// there from before.
    async fn moved_in_records(
        &self,
        moved: &Reschedule,
        first_sent_at: Timestamp,
    ) -> Result<Option<String>, PmsError> {
        let rows = self.records_since(&moved.appointment, first_sent_at).await?;
        let mut shown = rows.into_iter().filter_map(|row| map::taken(row, &self.zone).ok()).flatten();
        let stands = shown.any(|shown| change::is_moved(&shown, moved));
        Ok(stands.then(|| moved.appointment.clone()))
    }

    async fn cancelled_in_records(
        &self,
        gone: &Cancellation,
        first_sent_at: Timestamp,
    ) -> Result<Option<String>, PmsError> {
        let rows = self.records_since(&gone.appointment, first_sent_at).await?;
        let is_gone = rows.iter().any(|row| map::state(row) == AppointmentState::Cancelled);
        Ok(is_gone.then(|| gone.appointment.clone()))
    }

    /// One appointment's rows, where the copy was made at or after `since`; none where it is older, or its age is
    /// not known.
    async fn records_since(
        &self,
        appointment: &str,
        since: Timestamp,
    ) -> Result<Vec<wire::Appointment>, PmsError> {
        // In this order, so that the rows are no older than the copy they are taken for.
        let copied_at = self.copied_at().await;
        let (rows, loading) = self.calls.appointment(&self.profile.practice_id, appointment).await?;
        let is_new = !loading && copied_at.is_some_and(|copied_at| copied_at >= since);
        Ok(if is_new { self.ours(rows) } else { Vec::new() })
    }

    async fn note_in_records(&self, patient: &str, reference: &str) -> Result<Option<String>, PmsError> {
        let notes = self.calls.notes(&self.profile.practice_id, patient).await?;
        let ours = notes.into_iter().find(|note| note.text.str().contains(reference));
        Ok(ours.map(|note| note.note_id.into_string()))
    }

    async fn new_patient_in_records(&self, new: &NewPatient) -> Result<Option<String>, PmsError> {
        let (first, last) = (new.name.first.clone(), new.name.last.clone());
        self.patient_in_records(first, last, *new.born.expose(), Some(new.phone.clone())).await
    }

    pub(super) async fn patient_in_records(
        &self,
        first: Sensitive<String>,
        last: Sensitive<String>,
        born: Date,
        phone: Option<Phone>,
    ) -> Result<Option<String>, PmsError> {
        let query =
            PatientQuery { first_name: Some(first), last_name: Some(last), born: Some(born.into()), phone };
        // By name: the number may sit in a field that no filter looks at.
        let found = self.patients_under(crate::filters_without_phone(&query)?, &query).await?;
        let exact = found.into_iter().find(|shown| {
            let same = |asked: &Option<Sensitive<String>>, shown: &Sensitive<String>| {
                asked.as_ref().is_some_and(|asked| map::folded(asked.expose()) == map::folded(shown.expose()))
            };
            same(&query.first_name, &shown.name.first) && same(&query.last_name, &shown.name.last)
        });
        Ok(exact.map(|patient| patient.vendor_id))
    }
}
