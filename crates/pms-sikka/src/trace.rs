//! How writes stand, and where those are whose reply was lost (contract section 6).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use domain::{Phone, Sensitive};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use pms::{
    ErrorKind, NewAppointment, NewPatient, PatientQuery, PmsError, Receipt, Sighting, Write, WriteOrder,
    WriteOutcome,
};

use crate::error::{self, Call};
use crate::map::outcome::{self, Written};
use crate::{SikkaOffice, map, wire};

/// Status questions under way at once.
const AT_ONCE: usize = 4;

impl SikkaOffice {
    /// One write is asked for by its number. Several are read from the bulk list, and only those that ended
    /// are asked for, because only the answer to that names what was made.
    pub(crate) async fn standings(
        &self,
        receipts: &[Receipt],
    ) -> Result<BTreeMap<Receipt, WriteOutcome>, PmsError> {
        let mut known = BTreeMap::new();
        let mut listed = BTreeMap::new();
        let mut ask: BTreeSet<Receipt> = receipts.iter().cloned().collect();
        if ask.is_empty() {
            return Ok(known);
        }
        if ask.len() > 1 || self.status_is_closed.load(Ordering::Relaxed) {
            listed = match self.listed(&ask).await {
                // Without the bulk list each is asked for by itself.
                Err(error) if error.kind == ErrorKind::Unsupported => BTreeMap::new(),
                answer => answer?,
            };
            for (receipt, row) in &listed {
                if !outcome::is_worth_asking(row) {
                    ask.remove(receipt);
                    known.insert(receipt.clone(), WriteOutcome::Pending);
                }
            }
        }
        let listed = &listed;
        let answers: Vec<(Receipt, Option<WriteOutcome>)> = stream::iter(ask)
            .map(|receipt| async move {
                let answer = self.standing(&receipt, listed.get(&receipt)).await?;
                Ok((receipt, answer))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        for (receipt, answer) in answers {
            if let Some(outcome) = answer {
                known.insert(receipt, outcome);
            }
        }
        Ok(known)
    }

    /// The rows of the bulk list for `wanted`, read until all are there. Those the last days do not show are
    /// asked for one by one.
    async fn listed(
        &self,
        wanted: &BTreeSet<Receipt>,
    ) -> Result<BTreeMap<Receipt, wire::Writeback>, PmsError> {
        let today = self.zone.to_datetime(Timestamp::now()).date();
        let mut found = BTreeMap::new();
        let mut pages = self.calls.writebacks(around(today));
        while found.len() < wanted.len()
            && let Some(rows) = pages.next::<wire::Writeback>().await?
        {
            for row in rows.into_iter().filter(|row| self.is_of_office(row)) {
                let receipt = Receipt(row.id.str().to_owned());
                if wanted.contains(&receipt) {
                    found.insert(receipt, row);
                }
            }
        }
        Ok(found)
    }

    async fn standing(
        &self,
        receipt: &Receipt,
        listed: Option<&wire::Writeback>,
    ) -> Result<Option<WriteOutcome>, PmsError> {
        if !self.status_is_closed.load(Ordering::Relaxed) {
            match self.calls.writeback_status(&receipt.0).await {
                Ok(rows) => {
                    return Ok(rows.iter().find(|row| row.id.str() == receipt.0).map(outcome::status));
                }
                Err(error) if error.kind == ErrorKind::Unsupported => {
                    tracing::warn!(
                        office.id = self.profile.office_id,
                        "The application's plan has no writeback_status; writes are confirmed from the records."
                    );
                    self.status_is_closed.store(true, Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        match listed {
            Some(row) => self.confirmed(row).await.map(Some),
            None => match self.listed(&BTreeSet::from([receipt.clone()])).await?.get(receipt) {
                Some(row) => self.confirmed(row).await.map(Some),
                None => Ok(None),
            },
        }
    }

    /// What the bulk list says, where success counts only once the practice's records show it: the words of
    /// that list are not documented.
    async fn confirmed(&self, row: &wire::Writeback) -> Result<WriteOutcome, PmsError> {
        let said = outcome::listed(row);
        if !matches!(said, WriteOutcome::Succeeded { .. }) {
            return Ok(said);
        }
        let created = match outcome::written(row) {
            Some(Written::Appointment { description, patient, date }) => {
                let (rows, _) =
                    self.calls.appointments(&self.profile.practice_id, (date, date), Some(&patient)).await?;
                let shown = rows
                    .into_iter()
                    .find(|row| row.description.str() == description && row.patient_id.str() == patient);
                shown.map(|row| row.appointment_sr_no.into_string())
            }
            Some(Written::Patient { first, last, born, cell }) => {
                let phone = Phone::read(&cell, self.country).ok();
                self.patient_in_records(first.into(), last.into(), born, phone).await?
            }
            None => None,
        };
        Ok(created.map_or(WriteOutcome::Pending, |id| WriteOutcome::Succeeded { created: Some(id) }))
    }

    /// Among the vendor's accepted writes first, then in the practice's records.
    pub(crate) async fn trace(&self, order: &WriteOrder) -> Result<Sighting, PmsError> {
        let sent_on = self.zone.to_datetime(order.first_sent_at).date();
        let mut rows = Vec::new();
        let mut pages = self.calls.writebacks(around(sent_on));
        while let Some(page) = pages.next::<wire::Writeback>().await? {
            rows.extend(page.into_iter().filter(|row| self.is_of_office(row)));
        }
        let accepted = match &order.write {
            Write::BookAppointment(_) => outcome::sent_appointment(&rows, &order.reference),
            Write::CreatePatient(new) => outcome::sent_patient(&rows, new, order.first_sent_at, self.country),
        };
        if let Some(receipt) = accepted {
            return Ok(Sighting::Accepted(receipt));
        }
        let hidden = rows.iter().any(|row| outcome::may_hide(row, order.first_sent_at));
        let created = match &order.write {
            Write::BookAppointment(new) => self.appointment_in_records(new, &order.reference).await?,
            Write::CreatePatient(new) => self.new_patient_in_records(new).await?,
        };
        match created {
            Some(created) => Ok(Sighting::InRecords { created }),
            None if hidden => Err(error::broken(Call::Read).code("unreadable echo")),
            None => Ok(Sighting::Nowhere),
        }
    }

    async fn appointment_in_records(
        &self,
        new: &NewAppointment,
        reference: &str,
    ) -> Result<Option<String>, PmsError> {
        let days = map::time::days(&new.window, &self.zone);
        let (rows, _) = self.calls.appointments(&self.profile.practice_id, days, Some(&new.patient)).await?;
        for row in rows {
            let description = row.description.str().to_owned();
            // A row without a date is not the one: ours was written with it.
            let Ok(shown) = map::taken(row, &self.zone) else { continue };
            if let Some(shown) =
                shown.into_iter().find(|shown| outcome::is_appointment(&description, shown, new, reference))
            {
                return Ok(Some(shown.vendor_id));
            }
        }
        Ok(None)
    }

    async fn new_patient_in_records(&self, new: &NewPatient) -> Result<Option<String>, PmsError> {
        let (first, last) = (new.name.first.clone(), new.name.last.clone());
        self.patient_in_records(first, last, *new.born.expose(), Some(new.phone.clone())).await
    }

    async fn patient_in_records(
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

    fn is_of_office(&self, row: &wire::Writeback) -> bool {
        row.office_id.filled().is_none_or(|office| office == self.profile.office_id)
    }
}

/// The seven days the vendor gives at most. The zone of its days is not documented, so a day on either side
/// belongs to it.
fn around(day: Date) -> (Date, Date) {
    (day.saturating_sub(3.days()), day.saturating_add(3.days()))
}
