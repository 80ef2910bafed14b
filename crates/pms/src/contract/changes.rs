//! What becomes of appointments that are there: read, moved, cancelled; and notes.

use domain::{Appointment, AppointmentState, Window};
use jiff::Timestamp;

use super::{Scene, Stage, booking, created, ended, kept, order, refusal, seen, soon};
use crate::{
    Advice, Cancellation, ErrorKind, FailureReason, NewNote, Operation, PatientBookQuery, PmsError, Receipt,
    Reschedule, Sighting, Write, WriteOrder, WriteOutcome,
};

fn book_query(scene: &Scene) -> PatientBookQuery {
    PatientBookQuery { patient: scene.patient.vendor_id.clone(), covers: scene.days }
}

/// An appointment of the scene's patient in its first free stretch, made and shown.
async fn appointment(stage: &dyn Stage, reference: &str) -> String {
    let scene = stage.scene();
    let sent = booking(scene, scene.free[0], reference);
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a booking is taken");
    let id = created(stage, &receipt).await;
    stage.show_records().await;
    assert!(id.is_some(), "a booking that was made has an id");
    id.unwrap_or_default()
}

fn cancelling(scene: &Scene, appointment: &str, reference: &str) -> WriteOrder {
    let gone = Cancellation {
        appointment: appointment.to_owned(),
        patient: scene.patient.vendor_id.clone(),
        from: scene.free[0],
        as_of: None,
        others: Vec::new(),
    };
    order(Write::CancelAppointment(gone), reference)
}

fn moving(scene: &Scene, appointment: &str, window: Window, reference: &str) -> WriteOrder {
    let moved = Reschedule {
        appointment: appointment.to_owned(),
        patient: scene.patient.vendor_id.clone(),
        from: scene.free[0],
        clinician: scene.clinician.clone(),
        beside: None,
        chair: scene.chair.clone(),
        window,
        time_zone: scene.time_zone.clone(),
        as_of: None,
        others: Vec::new(),
    };
    order(Write::RescheduleAppointment(moved), reference)
}

fn noting(scene: &Scene, reference: &str) -> WriteOrder {
    let note = NewNote {
        patient: scene.patient.vendor_id.clone(),
        clinician: scene.clinician.clone(),
        text: "Prefers to be called after four".into(),
        at: Timestamp::now(),
        time_zone: scene.time_zone.clone(),
    };
    order(Write::AddNote(note), reference)
}

/// The scene's patient's appointment of this id, as the practice's system shows it now.
async fn shown(stage: &dyn Stage, id: &str) -> Option<Appointment> {
    stage.show_records().await;
    let query = book_query(stage.scene());
    let book = kept(stage.adapter().patient_book(&query).await, "a patient's book is read");
    book.appointments.into_iter().find(|one| one.vendor_id == id)
}

fn stands(shown: Option<&Appointment>) -> bool {
    shown.is_some_and(|one| one.state != AppointmentState::Cancelled)
}

fn may(stage: &dyn Stage, operation: Operation) -> bool {
    super::allows(stage, operation)
}

async fn done(stage: &dyn Stage, sent: &WriteOrder) -> Receipt {
    let receipt = kept(stage.adapter().submit(sent, soon()).await, "a change is taken");
    let outcome = ended(stage, &receipt).await;
    assert!(
        matches!(outcome, WriteOutcome::Succeeded { .. }),
        "a finished change has succeeded: {outcome:?}"
    );
    receipt
}

/// Theirs, each once, with whom and until when.
pub async fn a_patients_book_shows_their_appointments_and_nobody_elses(stage: &dyn Stage) {
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE01").await;
    let book = kept(stage.adapter().patient_book(&book_query(scene)).await, "a patient's book is read");
    assert_eq!(book.time_zone, scene.time_zone);
    assert!(book.clinicians.iter().any(|one| one.vendor_id == scene.clinician));
    assert!(book.appointments.iter().all(|one| one.patient == scene.patient.vendor_id));
    let same: Vec<&Appointment> = book.appointments.iter().filter(|one| one.vendor_id == id).collect();
    assert_eq!(same.len(), 1, "each once");
    assert_eq!(same.first().map(|one| one.window), Some(scene.free[0]));
    assert_eq!(same.first().and_then(|one| one.clinician.as_ref()), Some(&scene.clinician));
    assert_eq!(same.first().map(|one| one.state), Some(AppointmentState::Booked));
    let nobody = PatientBookQuery { patient: "99999999".to_owned(), covers: scene.days };
    let book = kept(stage.adapter().patient_book(&nobody).await, "nobody has no appointments");
    assert!(book.appointments.is_empty());
}

/// What is not declared is refused, without a call.
pub async fn an_undeclared_change_answers_unsupported(stage: &dyn Stage) {
    let scene = stage.scene();
    let unsupported = |error: PmsError| {
        assert_eq!((error.kind, error.advice), (ErrorKind::Unsupported, Advice::Permanent), "{error:?}");
    };
    let reading = stage.without(Operation::ReadAppointments);
    unsupported(refusal(reading.patient_book(&book_query(scene)).await, "reading is not declared"));
    for sent in [
        cancelling(scene, "1", "CHANGE02"),
        moving(scene, "1", scene.free[1], "CHANGE03"),
        noting(scene, "CHANGE04"),
    ] {
        let writing = stage.without(sent.write.operation());
        unsupported(refusal(writing.submit(&sent, soon()).await, "it is not declared"));
    }
}

/// The time is free for the next one, and the patient's book says so.
pub async fn a_cancelled_appointment_no_longer_takes_its_time(stage: &dyn Stage) {
    if !may(stage, Operation::CancelAppointment) {
        return;
    }
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE05").await;
    stage.hold_writes().await;
    let sent = cancelling(scene, &id, "CHANGE06");
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a cancellation is taken");
    let known = kept(stage.adapter().outcomes(std::slice::from_ref(&receipt)).await, "it can be asked for");
    assert_eq!(known.get(&receipt), Some(&WriteOutcome::Pending), "nothing is done before it is");
    assert!(stands(shown(stage, &id).await.as_ref()), "it stands until the practice cancelled it");
    let outcome = ended(stage, &receipt).await;
    assert!(matches!(outcome, WriteOutcome::Succeeded { .. }), "{outcome:?}");
    assert!(!stands(shown(stage, &id).await.as_ref()), "a cancelled appointment no longer stands");
    let again = booking(scene, scene.free[0], "CHANGE07");
    done(stage, &again).await;
}

/// One appointment, moved: not a second one.
pub async fn a_rescheduled_appointment_is_at_its_new_time_and_no_longer_at_the_old(stage: &dyn Stage) {
    if !may(stage, Operation::RescheduleAppointment) {
        return;
    }
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE08").await;
    done(stage, &moving(scene, &id, scene.free[1], "CHANGE09")).await;
    assert_eq!(shown(stage, &id).await.map(|one| one.window), Some(scene.free[1]));
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 0);
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[1].start).await, 1);
}

/// Nobody loses the appointment they have over one they cannot get.
pub async fn a_reschedule_into_a_taken_time_fails_as_taken_and_moves_nothing(stage: &dyn Stage) {
    if !may(stage, Operation::RescheduleAppointment) {
        return;
    }
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE10").await;
    done(stage, &booking(scene, scene.free[1], "CHANGE11")).await;
    match stage.adapter().submit(&moving(scene, &id, scene.free[1], "CHANGE12"), soon()).await {
        Ok(lost) => {
            let outcome = ended(stage, &lost).await;
            let taken = matches!(outcome, WriteOutcome::Failed { reason: FailureReason::SlotTaken, .. });
            assert!(taken, "a taken time fails as taken: {outcome:?}");
        }
        Err(error) => assert_eq!((error.kind, error.advice), (ErrorKind::Invalid, Advice::Permanent)),
    }
    assert_eq!(shown(stage, &id).await.map(|one| one.window), Some(scene.free[0]));
}

/// What is not there cannot be changed, and that is said.
pub async fn a_change_of_an_unknown_appointment_fails(stage: &dyn Stage) {
    let scene = stage.scene();
    for sent in
        [cancelling(scene, "99999999", "CHANGE13"), moving(scene, "99999999", scene.free[1], "CHANGE14")]
    {
        if !may(stage, sent.write.operation()) {
            continue;
        }
        match stage.adapter().submit(&sent, soon()).await {
            Ok(receipt) => {
                let outcome = ended(stage, &receipt).await;
                let unknown =
                    matches!(outcome, WriteOutcome::Failed { reason: FailureReason::UnknownReference, .. });
                assert!(unknown, "an unknown appointment fails as such: {outcome:?}");
            }
            Err(error) => assert_eq!(error.advice, Advice::Permanent),
        }
    }
}

/// A note is a write like any other.
pub async fn a_note_is_taken_once_the_practice_holds_it(stage: &dyn Stage) {
    if may(stage, Operation::AddNote) {
        done(stage, &noting(stage.scene(), "CHANGE15")).await;
    }
}

/// A lost reply is not a lost cancellation.
pub async fn p3_a_cancellation_whose_reply_was_lost_is_found(stage: &dyn Stage) {
    if !may(stage, Operation::CancelAppointment) {
        return;
    }
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE16").await;
    stage.hold_writes().await;
    stage.lose_next_reply().await;
    let sent = cancelling(scene, &id, "CHANGE17");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the reply is lost");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    found_and_finished(stage, &sent).await;
    assert!(!stands(shown(stage, &id).await.as_ref()));
    let later = seen(stage, &sent).await;
    assert!(!matches!(later, Sighting::Nowhere), "it is still somewhere once it was done");
}

/// A lost reply is not a lost move, and not two.
pub async fn p3_a_reschedule_whose_reply_was_lost_is_found_and_done_once(stage: &dyn Stage) {
    if !may(stage, Operation::RescheduleAppointment) {
        return;
    }
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE18").await;
    stage.hold_writes().await;
    stage.lose_next_reply().await;
    let sent = moving(scene, &id, scene.free[1], "CHANGE19");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the reply is lost");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    found_and_finished(stage, &sent).await;
    assert_eq!(shown(stage, &id).await.map(|one| one.window), Some(scene.free[1]));
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[1].start).await, 1);
    let later = seen(stage, &sent).await;
    assert!(!matches!(later, Sighting::Nowhere), "it is still somewhere once it was done");
}

/// Nor a note.
pub async fn p3_a_note_whose_reply_was_lost_is_found(stage: &dyn Stage) {
    if !may(stage, Operation::AddNote) {
        return;
    }
    stage.hold_writes().await;
    stage.lose_next_reply().await;
    let sent = noting(stage.scene(), "CHANGE20");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the reply is lost");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    found_and_finished(stage, &sent).await;
}

/// Only "nowhere" allows sending again: the same change of another appointment, or another change of the same
/// one, is not it.
pub async fn p3_changes_that_were_never_sent_are_nowhere(stage: &dyn Stage) {
    let scene = stage.scene();
    let id = appointment(stage, "CHANGE21").await;
    if may(stage, Operation::RescheduleAppointment) {
        let sent = moving(scene, &id, scene.free[1], "CHANGE22");
        kept(stage.adapter().submit(&sent, soon()).await, "a change is taken");
        let back = moving(scene, &id, scene.free[0], "CHANGE23");
        stage.finish_writes().await;
        stage.show_records().await;
        assert_eq!(seen(stage, &back).await, Sighting::Nowhere);
    }
    if may(stage, Operation::CancelAppointment) {
        assert_eq!(seen(stage, &cancelling(scene, &id, "CHANGE24")).await, Sighting::Nowhere);
    }
    if may(stage, Operation::AddNote) {
        assert_eq!(seen(stage, &noting(scene, "CHANGE25")).await, Sighting::Nowhere);
    }
}

/// A lost change is among the accepted ones, or shown; then it comes to its end.
async fn found_and_finished(stage: &dyn Stage, sent: &WriteOrder) {
    match seen(stage, sent).await {
        Sighting::Accepted(receipt) => {
            let outcome = ended(stage, &receipt).await;
            assert!(matches!(outcome, WriteOutcome::Succeeded { .. }), "{outcome:?}");
        }
        Sighting::InRecords { .. } => stage.finish_writes().await,
        sighting => assert_ne!(sighting, Sighting::Nowhere, "a write that was taken is somewhere"),
    }
}
