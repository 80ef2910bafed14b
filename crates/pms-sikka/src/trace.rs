//! How writes stand, and where those are whose reply was lost (contract section 6).

mod lost;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::{AppointmentState, Phone};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::{Timestamp, ToSpan};
use pms::{ErrorKind, PmsError, Receipt, WriteOutcome};

use crate::map::outcome::{self, Written};
use crate::{SikkaOffice, map, wire};

/// Questions under way at once.
const AT_ONCE: usize = 4;
/// No further question is asked after this. Whoever asks holds what it asks for only for a time, and what was
/// got until then is to count.
const LONG_ENOUGH: Duration = Duration::from_secs(15);

impl SikkaOffice {
    /// From `writeback_status`, whose answer alone names what was made; from the bulk list where that is closed.
    pub(crate) async fn standings(
        &self,
        receipts: &[Receipt],
    ) -> Result<BTreeMap<Receipt, WriteOutcome>, PmsError> {
        let wanted: BTreeSet<Receipt> = receipts.iter().cloned().collect();
        if !self.status_is_closed.load(Ordering::Relaxed) {
            let answer = self.asked_for(&wanted).await;
            if !self.status_is_closed.load(Ordering::Relaxed) {
                return answer;
            }
        }
        let listed = self.listed(&wanted, 4, usize::MAX).await?;
        let mut questions = Vec::new();
        for (receipt, row) in listed {
            questions.push(async move { (receipt, self.confirmed(&row).await) }.boxed());
        }
        gathered(BTreeMap::new(), questions).await
    }

    /// One write is asked for by its number. Several are looked up in the bulk list first, and those that it
    /// shows to be under way are not asked for.
    async fn asked_for(
        &self,
        wanted: &BTreeSet<Receipt>,
    ) -> Result<BTreeMap<Receipt, WriteOutcome>, PmsError> {
        let mut known = BTreeMap::new();
        if wanted.len() > 1 {
            // The list holds every practice's writes. A page more than there are writes to ask for saves nothing.
            let listed = match self.listed(wanted, 1, wanted.len()).await {
                // All practices of the application share what it may ask of the list: without it each is asked for.
                Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::RateLimited) => {
                    BTreeMap::new()
                }
                answer => answer?,
            };
            let under_way = listed.into_iter().filter(|(_, row)| !outcome::is_worth_asking(row));
            known.extend(under_way.map(|(receipt, _)| (receipt, WriteOutcome::Pending)));
        }
        let mut questions = Vec::new();
        for receipt in wanted.iter().filter(|receipt| !known.contains_key(receipt)) {
            questions.push(async move { (receipt.clone(), self.standing(receipt).await) }.boxed());
        }
        gathered(known, questions).await
    }

    /// The rows of the bulk list for `wanted`, from `days` ago on, read until all are there or `most` pages are.
    async fn listed(
        &self,
        wanted: &BTreeSet<Receipt>,
        days: i64,
        most: usize,
    ) -> Result<BTreeMap<Receipt, wire::Writeback>, PmsError> {
        let today = self.zone.to_datetime(Timestamp::now()).date();
        let range = (today.saturating_sub(days.days()), today.saturating_add(lost::AHEAD.days()));
        let mut found = BTreeMap::new();
        let mut before = None;
        for number in 0..most {
            let page = self.calls.recent_writebacks(range, number, before.as_deref()).await?;
            for row in page.rows.iter().filter(|row| self.owns(row) != Some(false)) {
                let receipt = Receipt(row.id.str().to_owned());
                if wanted.contains(&receipt) {
                    found.insert(receipt, row.clone());
                }
            }
            if page.over || found.len() == wanted.len() {
                break;
            }
            before = Some(page);
        }
        Ok(found)
    }

    async fn standing(&self, receipt: &Receipt) -> Result<Option<WriteOutcome>, PmsError> {
        match self.calls.writeback_status(&receipt.0).await {
            Ok(rows) => Ok(rows.iter().find(|row| row.id.str() == receipt.0).map(outcome::status)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                if error.kind == ErrorKind::Unsupported
                    && !self.status_is_closed.swap(true, Ordering::Relaxed)
                {
                    tracing::warn!(
                        office.id = self.profile.office_id,
                        "The application's plan has no writeback_status; writes are confirmed from the records."
                    );
                }
                Err(error)
            }
        }
    }

    /// What the bulk list says, where success counts only once the practice's records show it: the words of
    /// that list are not documented.
    async fn confirmed(&self, row: &wire::Writeback) -> Result<Option<WriteOutcome>, PmsError> {
        let said = outcome::listed(row);
        if !matches!(said, WriteOutcome::Succeeded { .. }) {
            return Ok(Some(said));
        }
        let practice_id = &self.profile.practice_id;
        let created = match outcome::written(row) {
            Some(Written::Appointment { description, patient, date }) => {
                let (rows, _) = self.appointments_here((date, date), Some(&patient)).await?;
                let shown = rows.into_iter().find(|row| {
                    row.description.str() == description
                        && row.patient_id.str() == patient
                        && map::state(row) != AppointmentState::Cancelled
                });
                shown.map(|row| row.appointment_sr_no.into_string())
            }
            Some(Written::Payment { note, patient, date }) => {
                self.payment_in_records(&patient, date, |shown| shown == note).await?
            }
            Some(Written::Patient { first, last, born, cell }) => {
                let phone = Phone::read(&cell, self.country).ok();
                self.patient_in_records(first.into(), last.into(), born, phone).await?
            }
            Some(Written::Status { appointment, word }) => {
                let (rows, _) = self.calls.appointment(practice_id, &appointment).await?;
                let shown =
                    self.ours(rows).into_iter().find(|row| row.status.str().eq_ignore_ascii_case(&word));
                shown.map(|row| row.appointment_sr_no.into_string())
            }
            Some(Written::Moved { date, time, operatory }) => {
                let (rows, _) = self.appointments_here((date, date), None).await?;
                let shown = rows.into_iter().find(|row| {
                    map::time::date(row.date.str()) == Some(date)
                        && map::time::clock(row.time.str()) == Some(time)
                        && row.operatory.str() == operatory
                        && map::state(row) != AppointmentState::Cancelled
                });
                shown.map(|row| row.appointment_sr_no.into_string())
            }
            Some(Written::Note { patient, text }) => {
                let notes = self.calls.notes(practice_id, &patient).await?;
                let shown = notes.into_iter().find(|note| note.text.str() == text);
                shown.map(|note| note.note_id.into_string())
            }
            None => None,
        };
        let shown = |id: String| WriteOutcome::Succeeded { created: Some(id).filter(|id| !id.is_empty()) };
        Ok(Some(created.map_or(WriteOutcome::Unshown, shown)))
    }

    /// Whether a row of the application's list is this office's, where it says whose it is.
    fn owns(&self, row: &wire::Writeback) -> Option<bool> {
        row.office_id.filled().map(|office| office.eq_ignore_ascii_case(&self.profile.office_id))
    }
}

/// A question that names what it is about. It has no answer where the vendor does not know.
type Question<'a, K, V> = BoxFuture<'a, (K, Result<Option<V>, PmsError>)>;

/// What the answers to `questions` add to what is `known`.
///
/// One that fails does not take back what others brought. A limit or a breakdown ends the asking, because the
/// next would meet it too.
async fn gathered<K: Ord, V>(
    mut known: BTreeMap<K, V>,
    questions: Vec<Question<'_, K, V>>,
) -> Result<BTreeMap<K, V>, PmsError> {
    let started = Instant::now();
    let mut left = questions.into_iter();
    let mut under_way = FuturesUnordered::new();
    let (mut closed, mut trouble) = (false, None);
    loop {
        while !closed
            && under_way.len() < AT_ONCE
            && started.elapsed() < LONG_ENOUGH
            && let Some(question) = left.next()
        {
            under_way.push(question);
        }
        match under_way.next().await {
            Some((key, Ok(Some(answer)))) => {
                known.insert(key, answer);
            }
            Some((_, Ok(None))) => {}
            Some((_, Err(error))) if error.kind == ErrorKind::AccessWithdrawn => return Err(error),
            Some((_, Err(error))) => {
                closed |= !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Unreadable);
                trouble = Some(error);
            }
            None => break,
        }
    }
    match trouble {
        Some(error) if known.is_empty() => Err(error),
        _ => Ok(known),
    }
}
