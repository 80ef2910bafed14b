//! What every adapter must keep, whatever its vendor: run it with [`crate::contract_tests!`] against the vendor's simulator.
//!
//! A rule gets a fresh [`Stage`]. It breaks by panicking with what was promised.

mod access;
mod accounts;
mod changes;
mod payments;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::{Money, Patient, PersonName, Phone, Sensitive, Window};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::{
    Advice, DayBookQuery, ErrorKind, FailureReason, NewAppointment, NewPatient, Operation, PMSAdapter,
    PatientQuery, PmsError, Receipt, Sighting, Write, WriteOrder, WriteOutcome,
};

pub use access::*;
pub use accounts::*;
pub use changes::*;
pub use payments::*;

/// What is true on a stage before anything happens.
#[derive(Debug, Clone)]
pub struct Scene {
    /// An active patient with a date of birth and a number.
    pub patient: Patient,
    /// Active patients with a number, each in another field of the system, where it has several.
    pub reachable: Vec<Patient>,
    /// A clinician who can be booked.
    pub clinician: String,
    /// A chair they can be booked in.
    pub chair: String,
    /// Two stretches, apart from each other, in which the practice, the clinician and the chair are open and free.
    pub free: [Window; 2],
    /// Whole days around them, in the practice's zone.
    pub days: Window,
    /// IANA.
    pub time_zone: String,
    /// What stands on the patient's account.
    pub balance: Sensitive<Money>,
    /// The company that insures the patient first.
    pub carrier: Sensitive<String>,
}

/// A vendor's simulator with one practice on it, as the suite drives it.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The adapter under test. Its budget must not get in the way.
    fn adapter(&self) -> &dyn PMSAdapter;

    /// The same connection, without `operation` in its capabilities.
    fn without(&self, operation: Operation) -> Box<dyn PMSAdapter>;

    /// What is there.
    fn scene(&self) -> &Scene;

    /// Writes stay pending from now on.
    async fn hold_writes(&self);

    /// Lets the practice's system carry out every write it was given.
    async fn finish_writes(&self);

    /// Shows the practice's system as it is now to whoever reads.
    async fn show_records(&self);

    /// Takes the next write and loses the reply.
    async fn lose_next_reply(&self);

    /// Answers the next write as a vendor does that broke down.
    async fn break_next_write(&self);

    /// The next calls, reads and writes, find that the limit is used up.
    async fn exhaust_limit(&self);

    /// Lets the key in force die.
    async fn expire_key(&self);

    /// Withdraws the practice's access, log-in included.
    async fn withdraw_access(&self);

    /// Cuts the practice's own server off.
    async fn go_offline(&self);

    /// Appointments the practice's system itself holds for this patient at this start.
    async fn held(&self, patient: &str, start: Timestamp) -> usize;

    /// Lines that the practice's own ledger holds with this reference.
    async fn posted(&self, reference: &str) -> usize;
}

/// Declares one `#[tokio::test]` for every rule of the suite. `$stage` is an async function that makes a fresh
/// stage: `pms::contract_tests!(sikka_stage);`
#[macro_export]
macro_rules! contract_tests {
    ($stage:path) => {
        $crate::contract_tests! { $stage =>
            a_patient_is_found_by_any_number_they_have
            a_patient_is_found_by_name_and_birth_date
            a_patient_is_not_found_under_another_birth_date
            nobody_found_is_an_empty_list
            a_patient_reads_back_by_id_and_an_unknown_id_is_nobody
            a_day_book_shows_who_works_when_and_how_old_that_is
            an_undeclared_operation_answers_unsupported
            everybody_who_can_be_booked_is_in_the_list_of_people
            kinds_of_appointment_have_a_name_and_an_id
            an_account_reads_to_the_cent_and_a_stranger_has_none
            an_insurance_reads_with_its_company_and_a_stranger_has_none
            an_undeclared_read_answers_unsupported
            a_payment_is_in_the_ledger_once_and_takes_its_amount_off_the_account
            p3_a_payment_whose_reply_was_lost_is_found_and_posted_once
            p3_a_payment_that_was_never_sent_is_nowhere
            an_undeclared_payment_answers_unsupported
            p5_a_write_is_pending_until_the_practice_holds_it
            a_booking_that_the_records_show_is_busy_in_the_day_book
            a_new_patient_has_an_id_once_written
            several_writes_are_told_apart_and_an_unknown_receipt_is_absent
            a_taken_slot_fails_as_taken
            an_unknown_patient_fails_as_an_unknown_reference
            p3_a_booking_whose_reply_was_lost_is_found_and_held_once
            p3_a_patient_whose_reply_was_lost_is_found
            p3_a_booking_that_was_never_sent_is_nowhere
            p3_several_lost_writes_are_told_apart
            p3_a_write_whose_time_to_leave_is_over_is_not_sent
            p3_a_vendor_that_broke_down_over_a_write_may_have_taken_it
            an_expired_key_is_renewed_within_the_call
            withdrawn_access_says_so_for_good
            a_used_up_limit_says_when_to_come_back
            a_practice_offline_takes_no_write
            p8_no_error_and_no_answer_prints_a_patient
            a_patients_book_shows_their_appointments_and_nobody_elses
            an_undeclared_change_answers_unsupported
            a_cancelled_appointment_no_longer_takes_its_time
            a_rescheduled_appointment_is_at_its_new_time_and_no_longer_at_the_old
            a_reschedule_into_a_taken_time_fails_as_taken_and_moves_nothing
            a_change_of_an_unknown_appointment_fails
            a_note_is_taken_once_the_practice_holds_it
            p3_a_cancellation_whose_reply_was_lost_is_found
            p3_a_reschedule_whose_reply_was_lost_is_found_and_done_once
            p3_a_note_whose_reply_was_lost_is_found
            p3_changes_that_were_never_sent_are_nowhere
        }
    };
    ($stage:path => $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let stage = $stage().await;
                $crate::contract::$rule(&stage).await;
            }
        )*
    };
}

#[expect(clippy::panic, reason = "a broken promise fails the test that runs this suite")]
fn kept<T>(answer: Result<T, PmsError>, promise: &str) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => panic!("{promise}: {error:?}"),
    }
}

#[expect(clippy::panic, reason = "a broken promise fails the test that runs this suite")]
fn refusal<T>(answer: Result<T, PmsError>, promise: &str) -> PmsError {
    match answer {
        Ok(_) => panic!("{promise}: it was answered"),
        Err(error) => error,
    }
}

fn allows(stage: &dyn Stage, operation: Operation) -> bool {
    stage.adapter().capabilities().allows(operation)
}

fn order(write: Write, reference: &str) -> WriteOrder {
    WriteOrder { write, reference: reference.to_owned(), first_sent_at: Timestamp::now() }
}

fn booking(scene: &Scene, window: Window, reference: &str) -> WriteOrder {
    let new = NewAppointment {
        patient: scene.patient.vendor_id.clone(),
        clinician: scene.clinician.clone(),
        chair: scene.chair.clone(),
        window,
        time_zone: scene.time_zone.clone(),
        reason: "Cleaning and check-up".into(),
        kind: None,
    };
    order(Write::BookAppointment(new), reference)
}

fn newcomer(scene: &Scene, reference: &str) -> WriteOrder {
    let e164 = Sensitive::new("+15550100199".to_owned());
    let new = NewPatient {
        name: PersonName { first: "Quentin".into(), last: "Marsh".into() },
        born: Sensitive::new(Date::constant(1984, 5, 17)),
        phone: Phone { as_received: e164.clone(), e164 },
        email: Some("quentin@example.com".into()),
        clinician: scene.clinician.clone(),
    };
    order(Write::CreatePatient(new), reference)
}

/// Time enough for a write to leave.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Where one lost write is.
async fn seen(stage: &dyn Stage, order: &WriteOrder) -> Sighting {
    let mut seen =
        kept(stage.adapter().look_for(std::slice::from_ref(order)).await, "a lost write can be looked for");
    assert_eq!(seen.len(), usize::from(seen.contains_key(&order.reference)), "what nobody asked for");
    kept(
        seen.remove(&order.reference).ok_or(PmsError::new(ErrorKind::NotFound, Advice::Retry)),
        "both places can be read",
    )
}

/// The outcome of one write, once it is no longer pending.
async fn ended(stage: &dyn Stage, receipt: &Receipt) -> WriteOutcome {
    for _ in 0..200 {
        stage.finish_writes().await;
        stage.show_records().await;
        let known =
            kept(stage.adapter().outcomes(std::slice::from_ref(receipt)).await, "a write can be asked for");
        match known.get(receipt) {
            None | Some(WriteOutcome::Pending | WriteOutcome::Unshown) => {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            Some(outcome) => return outcome.clone(),
        }
    }
    WriteOutcome::Pending
}

async fn created(stage: &dyn Stage, receipt: &Receipt) -> Option<String> {
    let outcome = ended(stage, receipt).await;
    assert!(matches!(outcome, WriteOutcome::Succeeded { .. }), "a finished write has succeeded: {outcome:?}");
    match outcome {
        WriteOutcome::Succeeded { created } => created,
        _ => None,
    }
}

/// A number is found in whatever field the practice wrote it.
pub async fn a_patient_is_found_by_any_number_they_have(stage: &dyn Stage) {
    for patient in &stage.scene().reachable {
        for phone in &patient.phones {
            let query = PatientQuery { phone: Some(phone.clone()), ..PatientQuery::default() };
            let found = kept(stage.adapter().search_patients(&query).await, "a search by number is answered");
            assert!(
                found.iter().any(|one| one.vendor_id == patient.vendor_id),
                "patient {} is not found by each of their numbers",
                patient.vendor_id
            );
            assert!(
                found.iter().all(|one| one.phones.iter().any(|own| own.same_line(phone))),
                "nobody without the number is found by it"
            );
        }
    }
}

/// Name and date of birth do without a number.
pub async fn a_patient_is_found_by_name_and_birth_date(stage: &dyn Stage) {
    let known = &stage.scene().patient;
    let query = PatientQuery {
        first_name: Some(known.name.first.clone()),
        last_name: Some(known.name.last.clone()),
        born: known.born.clone(),
        phone: None,
    };
    let found = kept(stage.adapter().search_patients(&query).await, "a search by name is answered");
    assert_eq!(found.len(), 1, "exactly the one patient is found");
    assert_eq!(found.first(), Some(known), "the patient is as the practice has them");
}

/// Every given part must match, whatever the vendor's own filters do.
pub async fn a_patient_is_not_found_under_another_birth_date(stage: &dyn Stage) {
    let known = &stage.scene().patient;
    let query = PatientQuery {
        phone: known.phones.first().cloned(),
        born: Some(Sensitive::new(Date::constant(1901, 1, 1))),
        ..PatientQuery::default()
    };
    let found = kept(stage.adapter().search_patients(&query).await, "the search is answered");
    assert!(found.is_empty(), "a patient is found under a date of birth that is not theirs");
}

/// Nobody is an answer.
pub async fn nobody_found_is_an_empty_list(stage: &dyn Stage) {
    let query = PatientQuery { last_name: Some("Zzyzxquist".into()), ..PatientQuery::default() };
    assert!(kept(stage.adapter().search_patients(&query).await, "nobody is no error").is_empty());
}

/// By id, and no one else.
pub async fn a_patient_reads_back_by_id_and_an_unknown_id_is_nobody(stage: &dyn Stage) {
    let known = &stage.scene().patient;
    let read = kept(stage.adapter().patient(&known.vendor_id).await, "a patient can be read");
    assert_eq!(read.as_ref(), Some(known));
    assert_eq!(kept(stage.adapter().patient("99999999").await, "an unknown id is no error"), None);
}

/// What availability is computed from.
pub async fn a_day_book_shows_who_works_when_and_how_old_that_is(stage: &dyn Stage) {
    let scene = stage.scene();
    let before = Timestamp::now();
    let book =
        kept(stage.adapter().day_book(&DayBookQuery { covers: scene.days }).await, "a day book is read");
    assert_eq!(book.time_zone, scene.time_zone);
    assert_eq!(book.covers, scene.days);
    assert!(book.clinicians.iter().any(|one| one.vendor_id == scene.clinician && one.bookable));
    assert!(book.chairs.iter().any(|one| one.vendor_id == scene.chair && one.bookable));
    for free in scene.free {
        assert!(
            book.hours.iter().any(|open| open.window.contains(&free)),
            "the practice is open at {free:?}"
        );
        let busy = book.appointments.iter().any(|taken| {
            taken.window.overlaps(&free)
                && (taken.clinician.as_ref() == Some(&scene.clinician)
                    || taken.chair.as_ref() == Some(&scene.chair))
        });
        assert!(!busy, "nothing is taken at {free:?}");
    }
    assert!(book.freshness.read_at >= before && book.freshness.read_at <= Timestamp::now());
    assert!(book.freshness.copied_at.is_none_or(|at| at <= Timestamp::now()), "no copy is of the future");
    assert!(book.appointments.iter().all(|taken| taken.window.overlaps(&scene.days)));
}

/// What is not declared is refused, without a call.
pub async fn an_undeclared_operation_answers_unsupported(stage: &dyn Stage) {
    let scene = stage.scene();
    let unsupported = |error: PmsError| {
        assert_eq!((error.kind, error.advice), (ErrorKind::Unsupported, Advice::Permanent), "{error:?}");
    };
    let by_name = PatientQuery { last_name: Some("Marsh".into()), ..PatientQuery::default() };
    let searching = stage.without(Operation::SearchPatients);
    unsupported(refusal(searching.search_patients(&by_name).await, "searching is not declared"));
    let reading = stage.without(Operation::ReadPatient);
    unsupported(refusal(reading.patient(&scene.patient.vendor_id).await, "reading is not declared"));
    let planning = stage.without(Operation::ReadDayBook);
    let days = DayBookQuery { covers: scene.days };
    unsupported(refusal(planning.day_book(&days).await, "the day book is not declared"));
    let booked = booking(scene, scene.free[0], "CNTRCT01");
    let writing = stage.without(Operation::BookAppointment);
    unsupported(refusal(writing.submit(&booked, soon()).await, "booking is not declared"));
    let registering = stage.without(Operation::CreatePatient);
    let submitted = registering.submit(&newcomer(scene, "CNTRCT02"), soon()).await;
    unsupported(refusal(submitted, "creating a patient is not declared"));
}

/// Nothing is "done" before the practice's own system says so.
pub async fn p5_a_write_is_pending_until_the_practice_holds_it(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.hold_writes().await;
    let sent = booking(scene, scene.free[0], "CNTRCT03");
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a booking is taken");
    let known = kept(stage.adapter().outcomes(std::slice::from_ref(&receipt)).await, "it can be asked for");
    assert_eq!(known.get(&receipt), Some(&WriteOutcome::Pending));
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 0);
    assert!(created(stage, &receipt).await.is_some(), "a booking that was made has an id");
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 1);
}

/// At the hour that was asked for, in the practice's zone.
pub async fn a_booking_that_the_records_show_is_busy_in_the_day_book(stage: &dyn Stage) {
    let scene = stage.scene();
    let sent = booking(scene, scene.free[0], "CNTRCT04");
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a booking is taken");
    let id = created(stage, &receipt).await;
    stage.show_records().await;
    let book =
        kept(stage.adapter().day_book(&DayBookQuery { covers: scene.days }).await, "a day book is read");
    let shown = book.appointments.iter().find(|one| Some(&one.vendor_id) == id.as_ref());
    assert_eq!(shown.map(|one| one.window), Some(scene.free[0]));
    assert_eq!(shown.map(|one| &one.patient), Some(&scene.patient.vendor_id));
    assert_eq!(shown.and_then(|one| one.clinician.as_ref()), Some(&scene.clinician));
    assert_eq!(shown.and_then(|one| one.chair.as_ref()), Some(&scene.chair));
}

/// The id is what the booking that follows is made with.
pub async fn a_new_patient_has_an_id_once_written(stage: &dyn Stage) {
    if !allows(stage, Operation::CreatePatient) {
        return;
    }
    let sent = newcomer(stage.scene(), "CNTRCT05");
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a new patient is taken");
    let id = created(stage, &receipt).await.unwrap_or_default();
    stage.show_records().await;
    let read = kept(stage.adapter().patient(&id).await, "the new patient can be read");
    let Write::CreatePatient(new) = &sent.write else { return };
    assert_eq!(read.as_ref().map(|one| &one.name), Some(&new.name));
    assert_eq!(read.as_ref().and_then(|one| one.born.as_ref()), Some(&new.born));
    assert!(read.is_some_and(|one| one.phones.iter().any(|own| own.same_line(&new.phone))));
}

/// Many at once, each with its own end.
pub async fn several_writes_are_told_apart_and_an_unknown_receipt_is_absent(stage: &dyn Stage) {
    let scene = stage.scene();
    let mut receipts = Vec::new();
    for (window, reference) in scene.free.into_iter().zip(["CNTRCT06", "CNTRCT07"]) {
        let sent = booking(scene, window, reference);
        receipts.push(kept(stage.adapter().submit(&sent, soon()).await, "a booking is taken"));
    }
    let mut ids = Vec::new();
    for receipt in &receipts {
        ids.push(created(stage, receipt).await);
    }
    let unknown = Receipt("99999999".to_owned());
    receipts.push(unknown.clone());
    let known = kept(stage.adapter().outcomes(&receipts).await, "many can be asked for at once");
    assert_eq!(known.len(), 2);
    assert!(!known.contains_key(&unknown), "an unknown receipt is absent");
    for (receipt, id) in receipts.iter().zip(ids) {
        assert_eq!(known.get(receipt), Some(&WriteOutcome::Succeeded { created: id }));
    }
}

/// Two for one time: the practice's system decides, and its word is passed on as what it is.
pub async fn a_taken_slot_fails_as_taken(stage: &dyn Stage) {
    let scene = stage.scene();
    let first = booking(scene, scene.free[0], "CNTRCT08");
    let second = booking(scene, scene.free[0], "CNTRCT09");
    let won = kept(stage.adapter().submit(&first, soon()).await, "a booking is taken");
    created(stage, &won).await;
    match stage.adapter().submit(&second, soon()).await {
        Ok(lost) => {
            let outcome = ended(stage, &lost).await;
            let taken = matches!(outcome, WriteOutcome::Failed { reason: FailureReason::SlotTaken, .. });
            assert!(taken, "a taken slot fails as taken: {outcome:?}");
        }
        // A system that checks at once may refuse at once.
        Err(error) => assert_eq!((error.kind, error.advice), (ErrorKind::Invalid, Advice::Permanent)),
    }
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 1);
}

/// A patient the system does not have is not "refused for some reason".
pub async fn an_unknown_patient_fails_as_an_unknown_reference(stage: &dyn Stage) {
    let mut scene = stage.scene().clone();
    scene.patient.vendor_id = "99999999".to_owned();
    let sent = booking(&scene, scene.free[0], "CNTRCT10");
    match stage.adapter().submit(&sent, soon()).await {
        Ok(receipt) => {
            let outcome = ended(stage, &receipt).await;
            let unknown =
                matches!(outcome, WriteOutcome::Failed { reason: FailureReason::UnknownReference, .. });
            assert!(unknown, "an unknown patient fails as such: {outcome:?}");
        }
        Err(error) => assert_eq!(error.advice, Advice::Permanent),
    }
}

/// A lost reply is not a lost booking, and not two.
pub async fn p3_a_booking_whose_reply_was_lost_is_found_and_held_once(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.hold_writes().await;
    stage.lose_next_reply().await;
    let sent = booking(scene, scene.free[0], "CNTRCT11");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the reply is lost");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    let sighting = seen(stage, &sent).await;
    assert!(!matches!(sighting, Sighting::Nowhere), "a write that was taken is somewhere");
    if let Sighting::Accepted(receipt) = &sighting {
        assert!(created(stage, receipt).await.is_some());
    }
    stage.finish_writes().await;
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 1);
    let later = seen(stage, &sent).await;
    assert!(!matches!(later, Sighting::Nowhere), "it is still somewhere once it was made");
}

/// A new patient carries no reference of ours, and is found all the same.
pub async fn p3_a_patient_whose_reply_was_lost_is_found(stage: &dyn Stage) {
    if !allows(stage, Operation::CreatePatient) {
        return;
    }
    stage.lose_next_reply().await;
    let sent = newcomer(stage.scene(), "CNTRCT12");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the reply is lost");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    let sighting = seen(stage, &sent).await;
    assert!(!matches!(sighting, Sighting::Nowhere), "a write that was taken is somewhere");
}

/// Only "nowhere" allows sending again.
pub async fn p3_a_booking_that_was_never_sent_is_nowhere(stage: &dyn Stage) {
    let scene = stage.scene();
    let other = booking(scene, scene.free[1], "CNTRCT13");
    kept(stage.adapter().submit(&other, soon()).await, "another booking is taken");
    let unsent = booking(scene, scene.free[0], "CNTRCT14");
    let sighting = seen(stage, &unsent).await;
    assert_eq!(sighting, Sighting::Nowhere);
    if allows(stage, Operation::CreatePatient) {
        let sighting = seen(stage, &newcomer(scene, "CNTRCT15")).await;
        assert_eq!(sighting, Sighting::Nowhere);
    }
}

/// One look at all of them, each with its own answer.
pub async fn p3_several_lost_writes_are_told_apart(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.hold_writes().await;
    stage.lose_next_reply().await;
    let taken = booking(scene, scene.free[0], "CNTRCT21");
    refusal(stage.adapter().submit(&taken, soon()).await, "the reply is lost");
    let unsent = booking(scene, scene.free[1], "CNTRCT22");
    let orders = [unsent.clone(), taken.clone()];
    let seen = kept(stage.adapter().look_for(&orders).await, "lost writes can be looked for");
    assert_eq!(seen.get(&unsent.reference), Some(&Sighting::Nowhere));
    assert!(matches!(seen.get(&taken.reference), Some(Sighting::Accepted(_) | Sighting::InRecords { .. })));
    let none = kept(stage.adapter().look_for(&[]).await, "nothing can be looked for");
    assert!(none.is_empty());
}

/// Whoever came too late must not send: another may be at it already.
pub async fn p3_a_write_whose_time_to_leave_is_over_is_not_sent(stage: &dyn Stage) {
    let scene = stage.scene();
    let late = booking(scene, scene.free[0], "CNTRCT23");
    let error = refusal(stage.adapter().submit(&late, Instant::now()).await, "its time is over");
    assert!(matches!(error.advice, Advice::Retry | Advice::RetryAfter(_)), "{error:?}");
    stage.finish_writes().await;
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 0);
    assert_eq!(seen(stage, &late).await, Sighting::Nowhere);
}

/// After a breakdown nobody knows, and the adapter does not send again by itself.
pub async fn p3_a_vendor_that_broke_down_over_a_write_may_have_taken_it(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.break_next_write().await;
    let sent = booking(scene, scene.free[0], "CNTRCT16");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the vendor broke down");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    stage.finish_writes().await;
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 0, "nothing was sent again");
}

/// Whatever is formatted ends up in a log.
pub async fn p8_no_error_and_no_answer_prints_a_patient(stage: &dyn Stage) {
    let scene = stage.scene();
    let known = &scene.patient;
    let read = kept(stage.adapter().patient(&known.vendor_id).await, "a patient can be read");
    stage.lose_next_reply().await;
    let sent = newcomer(scene, "CNTRCT20");
    let lost = stage.adapter().submit(&sent, soon()).await;
    let mut source = lost.as_ref().err().and_then(std::error::Error::source);
    let mut printed = format!("{read:?} {sent:?} {lost:?}");
    while let Some(cause) = source {
        printed.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    let mut secrets = vec!["Quentin", "Marsh", "5550100199", "quentin@", "1984"];
    secrets.extend([known.name.first.expose().as_str(), known.name.last.expose().as_str()]);
    secrets.extend(known.phones.iter().map(|phone| phone.as_received.expose().as_str()));
    for secret in secrets {
        assert!(!printed.contains(secret), "a patient's data is printed");
    }
}
