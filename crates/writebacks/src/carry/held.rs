use std::time::Duration;

use domain::{DayBook, Window, WritebackId};
use jiff::{SignedDuration, Timestamp};
use pms::PatientBookQuery;
use store::{DueConnection, NewTask, StoreError};
use tokio::time::{Instant, timeout_at};

use super::{Carrier, CarryError, order_for};
use crate::reasons::{NOT_IN_CALENDAR, reason};

/// How long after its time an appointment is looked for that staff may have moved.
const A_YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Somebody may be on the line while a calendar is read: what is looked for by the way takes no longer than this.
const BY_THE_WAY: Duration = Duration::from_secs(3);

/// A booking that a copy made well after it does not show on its day.
struct Gone {
    id: WritebackId,
    created: String,
    window: Window,
}

/// Time that is ours until the practice's own calendar shows what took it.
impl Carrier {
    /// Gives the time of our bookings back once the practice's copy shows them: from then on the
    /// copy keeps it busy, and frees it when staff move the appointment. One that a copy made well
    /// after it does not show was removed or moved: it keeps no time either, and staff are asked about
    /// one that stands nowhere else.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn seen(&self, due: DueConnection, book: &DayBook) -> Result<(), CarryError> {
        let mut gone = Vec::new();
        let mut tx = self.store.tenant(due.tenant).await?;
        for held in tx.held_successes(due.connection).await? {
            if !book.covers.contains(&held.window) {
                continue;
            }
            let missed = book
                .freshness
                .copied_at
                .is_some_and(|copied| copied.duration_since(held.finished_at) > self.pace.copy_margin());
            let Some(created) = held.created.filter(|_| !held.by_hand) else {
                // Nobody knows under which id: from then on the copy shows it, wherever it is.
                if missed {
                    tx.release_holds(held.id).await?;
                }
                continue;
            };
            let rows: Vec<_> = book.appointments.iter().filter(|one| one.vendor_id == created).collect();
            // One that was moved stood somewhere else before: an older copy still shows it there.
            if rows.iter().any(|one| !held.moved || one.window.start == held.window.start) {
                tx.hold_seen(held.id, self.pace.seen_for.as_secs_f64()).await?;
            } else if missed && !rows.is_empty() {
                tx.release_holds(held.id).await?;
            } else if missed {
                gone.push(Gone { id: held.id, created, window: held.window });
            }
        }
        tx.commit().await?;
        let until = Instant::now() + BY_THE_WAY;
        for one in &gone {
            self.give_up_time_of(due, one, until).await?;
            if Instant::now() >= until {
                // The others keep their time until the next reading.
                break;
            }
        }
        Ok(())
    }

    /// Gives the time of what is gone back, and asks staff about it: who was told that it is booked will come. Not where
    /// it stands elsewhere, and not where a change of ours is under way, which says itself what became of it.
    async fn give_up_time_of(
        &self,
        due: DueConnection,
        gone: &Gone,
        until: Instant,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.tenant(due.tenant).await?;
        let is_changing = tx.change_under_way(due.connection, &gone.created).await?.is_some();
        let write = tx.writeback(gone.id).await?;
        let order = order_for(&mut tx, &write).await?;
        tx.commit().await?;
        let patient = order.as_ref().ok().and_then(|order| order.write.patient());
        let is_known = is_changing || self.stands_elsewhere(due, gone, patient, until).await;
        let mut tx = self.store.tenant(due.tenant).await?;
        // What gave it back meanwhile, a change that came to its end or another reading, has seen to it.
        let was_held = tx.release_holds(gone.id).await?;
        if was_held && !is_known {
            tracing::warn!(writeback.id = %gone.id, "a booking is no longer in the practice's calendar");
            let why = reason(NOT_IN_CALENDAR);
            tx.add_task(&NewTask {
                connection: Some(due.connection),
                writeback: Some(gone.id),
                code: why.code,
                sentence: why.sentence,
                next_action: why.next_action,
                due_at: Some(gone.window.start),
                tool_call: None,
            })
            .await?;
        }
        tx.commit().await
    }

    /// Whether the patient's own appointments show it at another time. Where they cannot be read nothing is known of it.
    async fn stands_elsewhere(
        &self,
        due: DueConnection,
        gone: &Gone,
        patient: Option<&str>,
        until: Instant,
    ) -> bool {
        let (Some(patient), Ok(end)) = (patient, gone.window.end.checked_add(A_YEAR)) else { return false };
        let covers = Window { start: Timestamp::now().min(gone.window.start), end };
        let query = PatientBookQuery { patient: patient.to_owned(), covers };
        let read = async {
            match self.offices.office(due.tenant, due.connection).await {
                Ok(office) => office.patient_book(&query).await,
                Err(error) => Err(error),
            }
        };
        match timeout_at(until, read).await {
            Ok(Ok(book)) => book.appointments.iter().any(|one| one.vendor_id == gone.created),
            Ok(Err(error)) => {
                tracing::warn!(
                    writeback.id = %gone.id,
                    error = %error,
                    "a booking that is gone could not be looked for"
                );
                false
            }
            Err(_) => false,
        }
    }

    /// Where and when bookings are done and still held: somebody should read those days.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn held_days(&self) -> Result<Vec<(DueConnection, Window)>, CarryError> {
        let mut tx = self.store.machinery().await?;
        let days = tx.held_days(&self.vendor).await?;
        tx.commit().await?;
        Ok(days)
    }

    /// Whether the days of held bookings are this process's to read now: one of all does, once in `every`. What is past
    /// is given back with it.
    ///
    /// # Errors
    /// [`CarryError`].
    pub async fn settles_holds_now(&self, every: Duration) -> Result<bool, CarryError> {
        let mut tx = self.store.machinery().await?;
        let name = format!("{}: settle holds", self.vendor);
        let ours = tx.begin_round(&name, every.as_secs_f64()).await?;
        if ours {
            tx.release_past_holds().await?;
        }
        tx.commit().await?;
        Ok(ours)
    }
}
