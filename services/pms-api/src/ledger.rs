use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::{PaymentMethod, PracticeId, ResourceKind, Window, WritebackId, WritebackState as S};
use jiff::Timestamp;
use pms::{FailureReason, NewPatient, NewPayment, Write};
use reception::{
    Change, Claim, Desk, Door, Guessing, Held, Ledger, LedgerError, NewWrite, Paid, PaymentTaken,
    PendingPatient, Proof, Recorded, RequestError, Requested, Stage, WriteNews,
};
use service::Relay;
use store::{CountedGuess, Practice, Store, StoreError, TenantTx, Writeback};
use tokio::time::{Instant, sleep_until, timeout};
use writebacks::{DropError, DropOutcome, Wish, give_up};

use crate::news::{News, heard_of};

/// A look at the row at least this often, whether or not there was word of it.
const LOOK: Duration = Duration::from_millis(500);

/// Our own rows, as the desk's tenant.
pub(crate) struct StoreLedger {
    store: Store,
    relay: Relay,
    news: News,
}

impl StoreLedger {
    pub(crate) const fn new(store: Store, relay: Relay, news: News) -> Self {
        Self { store, relay, news }
    }

    /// A write of the desk's location: one that was connected anew has earlier ones under the connection before.
    async fn row(&self, desk: &Desk, id: WritebackId) -> Result<Option<Writeback>, StoreError> {
        let mut tx = self.store.tenant(desk.tenant).await?;
        let mut row = tx.writebacks(&[id]).await?.into_iter().next();
        if row.as_ref().is_some_and(|row| matches!(row.state, S::Failed | S::Parked)) {
            row = Some(tx.latest_try(id).await?);
        }
        let is_here = match &row {
            Some(row) if row.connection != desk.connection => {
                tx.connection(row.connection).await?.practice == desk.practice
            }
            _ => true,
        };
        tx.commit().await?;
        Ok(row.filter(|_| is_here))
    }

    /// Whether a write of the desk's waits here, and the vendor cannot have it from an earlier try either.
    async fn was_never_sent(&self, desk: &Desk, id: WritebackId) -> Result<bool, StoreError> {
        let mut tx = self.store.tenant(desk.tenant).await?;
        let row = tx.writebacks(&[id]).await?.into_iter().next();
        let blind = tx.tries(id).await?.blind;
        tx.commit().await?;
        let waits = |row: &Writeback| row.connection == desk.connection && row.state == S::Queued;
        // Another try of what may be there has none of its tries, and bears the moment it was first sent.
        let is_first = |row: &Writeback| row.first_sent_at.is_none_or(|at| at >= row.created_at);
        Ok(blind == 0 && row.is_some_and(|row| waits(&row) && is_first(&row)))
    }

    async fn changes(tx: &mut TenantTx, desk: &Desk) -> Result<Vec<Change>, StoreError> {
        let rows = tx.recent_changes(desk.connection).await?;
        let by_hand = tx.entered_by_hand(&rows).await?;
        // What cannot be read is not known to have changed anything.
        Ok(rows.iter().filter_map(|row| change(row, by_hand.get(&row.id).copied())).collect())
    }

    async fn held(tx: &mut TenantTx, desk: &Desk, covers: Window) -> Result<Vec<Held>, StoreError> {
        let mut times = by_write(tx.holds(desk.connection, covers).await?);
        let ids: Vec<WritebackId> = times.keys().copied().collect();
        let writes = tx.writebacks(&ids).await?;
        let by_hand = tx.entered_by_hand(&writes).await?;
        let firsts: Vec<WritebackId> = writes.iter().filter_map(|write| write.depends_on).collect();
        let firsts = tx.writebacks(&firsts).await?;
        for write in writes {
            // Of another location nothing is known here but that the clinician is busy.
            let Some(both) = times.get_mut(&write.id).filter(|_| write.connection == desk.connection) else {
                continue;
            };
            let content = serde_json::from_slice::<Write>(write.payload.expose()).ok();
            for held in both {
                held.stage = stage(write.state, by_hand.contains_key(&write.id));
                held.appointment = write.created_vendor_id.clone();
                if let Some(content) = &content {
                    held.patients.extend(content.patient().map(str::to_owned));
                    // A move has its appointment before it is done.
                    held.appointment = content.changes().map(str::to_owned).or(held.appointment.take());
                }
                if let Some(first) = firsts.iter().find(|first| Some(first.id) == write.depends_on) {
                    held.patients.push(first.id.to_string());
                    held.patients.extend(first.created_vendor_id.clone());
                }
            }
        }
        Ok(times.into_values().flatten().collect())
    }
}

/// What each write keeps busy, by its holds in the order in which they were placed.
fn by_write(holds: Vec<store::Held>) -> BTreeMap<WritebackId, Vec<Held>> {
    let mut times: BTreeMap<WritebackId, Vec<Held>> = BTreeMap::new();
    for hold in holds {
        let of_write = times.entry(hold.writeback).or_default();
        let (clinician, chair) = match hold.resource.kind {
            ResourceKind::Chair => (None, Some(hold.resource.vendor_id)),
            _ => (Some(hold.resource.vendor_id), None),
        };
        match of_write.first_mut() {
            Some(first) if chair.is_some() => first.chair = chair,
            Some(first) if first.clinician.is_none() => first.clinician = clinician,
            _ => of_write.push(Held {
                window: hold.window,
                clinician,
                chair,
                writeback: Some(hold.writeback),
                stage: Stage::UnderWay,
                appointment: None,
                patients: Vec::new(),
            }),
        }
    }
    times
}

fn failed(error: StoreError) -> LedgerError {
    LedgerError(Box::new(error))
}

const fn stage(state: S, by_hand: bool) -> Stage {
    match state {
        _ if by_hand => Stage::ByHand,
        S::Succeeded => Stage::Done,
        S::Failed | S::Parked => Stage::WithStaff,
        S::Queued | S::Sending | S::Unknown | S::Submitted => Stage::UnderWay,
    }
}

fn change(row: &Writeback, by_hand_at: Option<Timestamp>) -> Option<Change> {
    let content = serde_json::from_slice::<Write>(row.payload.expose()).ok()?;
    let place = content.takes().map(|place| Claim {
        window: place.window,
        clinician: place.clinician.to_owned(),
        chair: place.chair.to_owned(),
    });
    let (appointment, patient, from, to) = match content {
        Write::RescheduleAppointment(moved) => (moved.appointment, moved.patient, moved.from, place),
        Write::CancelAppointment(gone) => (gone.appointment, gone.patient, gone.from, None),
        _ => return None,
    };
    Some(Change {
        writeback: row.id,
        appointment,
        patient,
        from,
        to,
        wished_at: row.created_at,
        done_at: by_hand_at.or(row.finished_at.filter(|_| row.state == S::Succeeded)),
        stage: stage(row.state, by_hand_at.is_some()),
    })
}

/// A write, where it is a payment to this patient's account.
fn paid(row: &Writeback, patient: &str) -> Option<Paid> {
    match serde_json::from_slice::<Write>(row.payload.expose()).ok()? {
        Write::RecordPayment(payment) if payment.patient == patient => Some(Paid {
            amount: *payment.amount.expose(),
            done_at: row.finished_at.filter(|_| row.state == S::Succeeded),
        }),
        _ => None,
    }
}

fn news_of(row: &Writeback) -> WriteNews {
    match row.state {
        S::Succeeded => WriteNews::Succeeded { created: row.created_vendor_id.clone() },
        S::Failed => WriteNews::Failed(match row.reason.as_deref() {
            Some("slot_taken") => FailureReason::SlotTaken,
            Some("unknown_reference") => FailureReason::UnknownReference,
            _ => FailureReason::Refused,
        }),
        S::Parked => WriteNews::Parked,
        S::Unknown => WriteNews::Unknown,
        S::Queued if row.reason.as_deref() == Some("practice_offline") => WriteNews::Offline,
        S::Queued | S::Sending | S::Submitted => WriteNews::Waiting,
    }
}

/// Why a write is given up that its own patient takes back.
const TAKEN_BACK: &str = "whoever asked for it took it back before it was sent";

/// Through whose hands, as a drop names them; the record of the use of the tool says more.
const fn by(door: Door) -> &'static str {
    match door {
        Door::Voice => "voice agent",
        Door::Chat => "chat agent",
        Door::Rest => "rest client",
    }
}

/// The call as PostgreSQL takes its id: no vendor's has a control character.
fn call_of(desk: &Desk) -> Option<String> {
    let call: String = desk.caller.call.as_deref()?.chars().filter(|c| !c.is_control()).collect();
    Some(call).filter(|call| !call.is_empty())
}

#[async_trait]
impl Ledger for StoreLedger {
    async fn holds(&self, desk: &Desk, covers: Window) -> Result<Vec<Held>, LedgerError> {
        let read = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let held = Self::held(&mut tx, desk, covers).await?;
            tx.commit().await?;
            Ok(held)
        };
        read.await.map_err(failed)
    }

    async fn own(&self, desk: &Desk, covers: Window) -> Result<(Vec<Held>, Vec<Change>), LedgerError> {
        let read = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let held = Self::held(&mut tx, desk, covers).await?;
            let changes = Self::changes(&mut tx, desk).await?;
            tx.commit().await?;
            Ok((held, changes))
        };
        read.await.map_err(failed)
    }

    async fn request(&self, desk: &Desk, write: NewWrite) -> Result<Requested, RequestError> {
        let traceparent = telemetry::trace::current_traceparent();
        let mut tx = self.store.tenant(desk.tenant).await.map_err(failed)?;
        let wish = Wish {
            connection: desk.connection,
            vendor: "sikka",
            write: &write.write,
            intent: &write.intent_key,
            once_for_all: &write.once_for_all,
            depends_on: write.depends_on,
            deadline_at: write.needed_by,
            traceparent: traceparent.as_deref(),
        };
        let requested = match writebacks::request(&mut tx, &wish).await {
            Ok(requested) => requested,
            Err(writebacks::RequestError::SlotTaken) => {
                // Given back whole: of a hundred callers for one time, ninety-nine come this way.
                tx.roll_back().await.map_err(failed)?;
                return Err(RequestError::SlotTaken);
            }
            Err(writebacks::RequestError::ChangeUnderWay) => {
                tx.roll_back().await.map_err(failed)?;
                return Err(RequestError::ChangeUnderWay);
            }
            Err(writebacks::RequestError::Store(error)) => return Err(failed(error).into()),
        };
        tx.commit().await.map_err(failed)?;
        self.relay.poke();
        Ok(match requested {
            writebacks::Requested::New(id) => Requested::New(id),
            writebacks::Requested::Same(row) => Requested::Joined(row.id),
        })
    }

    async fn locations(&self, desk: &Desk) -> Result<Vec<PracticeId>, LedgerError> {
        let read = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let locations = tx.practices().await?;
            tx.commit().await?;
            Ok(locations)
        };
        let locations: Vec<Practice> = read.await.map_err(failed)?;
        Ok(locations.into_iter().map(|one| one.id).collect())
    }

    async fn wait(&self, desk: &Desk, id: WritebackId, up_to: Duration) -> Result<WriteNews, LedgerError> {
        let until = Instant::now() + up_to;
        let mut word = self.news.listen();
        loop {
            let row = self.row(desk, id).await.map_err(failed)?;
            let news = row.as_ref().map_or(WriteNews::Unknown, news_of);
            let settled = !matches!(news, WriteNews::Waiting | WriteNews::Unknown);
            if settled || Instant::now() >= until {
                return Ok(news);
            }
            tokio::select! {
                () = sleep_until(until) => {}
                _ = timeout(LOOK, heard_of(id, &mut word)) => {}
            }
        }
    }

    async fn made_patient(&self, desk: &Desk, vendor_id: &str) -> Result<Option<NewPatient>, LedgerError> {
        let made = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let made = tx.made_patient(desk.connection, vendor_id).await?;
            tx.commit().await?;
            Ok(made)
        };
        let made: Option<Writeback> = made.await.map_err(failed)?;
        Ok(made.and_then(|row| match serde_json::from_slice(row.payload.expose()) {
            Ok(Write::CreatePatient(new)) => Some(new),
            _ => None,
        }))
    }

    async fn recorded(&self, desk: &Desk, id: WritebackId) -> Result<Recorded, LedgerError> {
        match self.row(desk, id).await {
            Ok(None) => Ok(Recorded::Elsewhere),
            Ok(Some(row)) => {
                let write: Option<Write> = serde_json::from_slice(row.payload.expose()).ok();
                Ok(write.map_or(Recorded::Unreadable, |write| Recorded::Here(Box::new(write))))
            }
            Err(StoreError::Seal(_) | StoreError::Unreadable(_)) => Ok(Recorded::Unreadable),
            Err(error) => Err(failed(error)),
        }
    }

    async fn ask_again(&self, desk: &Desk, id: WritebackId) -> Result<(), LedgerError> {
        let traceparent = telemetry::trace::current_traceparent();
        let ask = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            writebacks::ask_again(&mut tx, id, "sikka", traceparent.as_deref()).await?;
            tx.commit().await
        };
        ask.await.map_err(failed)?;
        self.relay.poke();
        Ok(())
    }

    async fn withdraw(&self, desk: &Desk, id: WritebackId) -> Result<bool, LedgerError> {
        if !self.was_never_sent(desk, id).await.map_err(failed)? {
            return Ok(false);
        }
        let (outcome, hand) = (DropOutcome::NotWanted, by(desk.caller.door));
        match give_up(&self.store, desk.tenant, id, outcome, TAKEN_BACK, hand).await {
            Ok(()) => {
                self.relay.poke();
                Ok(true)
            }
            Err(DropError::Store(error)) => Err(failed(error)),
            // A worker or a person was faster: staff see what became of it.
            Err(_) => Ok(false),
        }
    }

    async fn take_payment(
        &self,
        desk: &Desk,
        payment: &NewPayment,
    ) -> Result<Option<PaymentTaken>, LedgerError> {
        let amount = payment.amount.expose();
        let wanted = store::PaymentTaken {
            reference: &payment.taken_as,
            minor: amount.minor,
            currency: amount.currency.code(),
            method: None,
            patient: Some(&payment.patient),
        };
        let taken = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let taken = tx.take_payment(&wanted, desk.practice).await?;
            tx.commit().await?;
            Ok(taken)
        };
        let taken: Option<Option<String>> = taken.await.map_err(failed)?;
        Ok(taken.map(|method| PaymentTaken { method: method.as_deref().and_then(PaymentMethod::from_word) }))
    }

    async fn prove(&self, desk: &Desk, patients: &[&str], proof: Proof) -> Result<(), LedgerError> {
        let Some(call) = call_of(desk) else { return Ok(()) };
        let kept = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            tx.prove(&call, patients, proof.word()).await?;
            tx.commit().await
        };
        kept.await.map_err(failed)
    }

    async fn guesses(&self, desk: &Desk) -> Result<u32, LedgerError> {
        let Some(call) = call_of(desk) else { return Ok(u32::MAX) };
        let read = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let guesses = tx.guesses(&call).await?;
            tx.commit().await?;
            Ok(guesses)
        };
        read.await.map_err(failed)
    }

    async fn guessed(&self, desk: &Desk, guess: &[u8]) -> Result<u32, LedgerError> {
        let Some(call) = call_of(desk) else { return Ok(u32::MAX) };
        let counted = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            tx.guessed(&call, guess).await?;
            let guesses = tx.guesses(&call).await?;
            tx.commit().await?;
            Ok(guesses)
        };
        counted.await.map_err(failed)
    }

    async fn guessing(&self, desk: &Desk, guess: &[u8], most: u32) -> Result<Guessing, LedgerError> {
        // Without a call to count in, there is nothing to guess with either.
        let Some(call) = call_of(desk) else { return Ok(Guessing::TooMany) };
        let counted = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let counted = tx.guessing(&call, guess, most).await?;
            tx.commit().await?;
            Ok(counted)
        };
        Ok(match counted.await.map_err(failed)? {
            CountedGuess::Now => Guessing::Counted,
            CountedGuess::Before => Guessing::Known,
            CountedGuess::TooMany => Guessing::TooMany,
        })
    }

    async fn guessed_right(&self, desk: &Desk, guess: &[u8]) -> Result<(), LedgerError> {
        let Some(call) = call_of(desk) else { return Ok(()) };
        let taken_back = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            tx.guessed_right(&call, guess).await?;
            tx.commit().await
        };
        taken_back.await.map_err(failed)
    }

    async fn payments(&self, desk: &Desk, patient: &str) -> Result<Vec<Paid>, LedgerError> {
        let rows = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let rows = tx.recent_payments(desk.connection).await?;
            tx.commit().await?;
            Ok(rows)
        };
        Ok(rows.await.map_err(failed)?.iter().filter_map(|row| paid(row, patient)).collect())
    }

    async fn proof(&self, desk: &Desk, patients: &[&str]) -> Result<Option<Proof>, LedgerError> {
        let Some(call) = call_of(desk) else { return Ok(None) };
        let known = async {
            let mut tx = self.store.tenant(desk.tenant).await?;
            let proof = tx.proof(&call, patients).await?;
            tx.commit().await?;
            Ok(proof)
        };
        let word: Option<String> = known.await.map_err(failed)?;
        Ok(word.as_deref().and_then(Proof::from_word))
    }

    async fn pending_patient(&self, desk: &Desk, id: WritebackId) -> Result<PendingPatient, LedgerError> {
        let row = self.row(desk, id).await.map_err(failed)?;
        // Another system of the location's knows them by another id, or not at all.
        let is_theirs =
            |row: &Writeback| row.operation == "create_patient" && row.connection == desk.connection;
        let Some(row) = row.filter(is_theirs) else {
            return Ok(PendingPatient::Absent);
        };
        Ok(match (row.state, row.created_vendor_id) {
            (S::Succeeded, Some(vendor_id)) => PendingPatient::Created { vendor_id },
            (S::Failed, _) => PendingPatient::Failed,
            (S::Parked | S::Succeeded, _) => PendingPatient::LeftToStaff,
            _ => PendingPatient::Pending,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Resource;

    use super::*;

    #[test]
    fn p4_a_write_that_takes_two_clinicians_keeps_both_busy_and_the_chair_once() {
        let (one, two) = (WritebackId::new(), WritebackId::new());
        let hold = |writeback, kind, id: &str| store::Held {
            writeback,
            booking: writeback,
            resource: Resource { kind, vendor_id: id.to_owned() },
            window: Window::of_minutes(Timestamp::UNIX_EPOCH, 30).unwrap(),
        };
        let (clinician, chair) = (ResourceKind::Clinician, ResourceKind::Chair);
        let times = by_write(vec![
            hold(one, clinician, "DR1"),
            hold(one, chair, "OP1"),
            hold(two, chair, "OP2"),
            hold(two, clinician, "DR2"),
            hold(one, clinician, "HY1"),
        ]);
        let of = |writeback: WritebackId| {
            let held = times[&writeback].iter();
            held.map(|one| (one.clinician.as_deref(), one.chair.as_deref())).collect::<Vec<_>>()
        };
        assert_eq!(of(one), [(Some("DR1"), Some("OP1")), (Some("HY1"), None)]);
        assert_eq!(of(two), [(Some("DR2"), Some("OP2"))]);
    }
}
