//! Payments taken elsewhere, into the practice's ledger.

use domain::{Money, PaymentMethod};
use jiff::civil::Date;

use super::{Scene, Stage, allows, created, kept, order, refusal, seen, soon};
use crate::{Advice, ErrorKind, NewPayment, Operation, Sighting, Write, WriteOrder};

const CENTS: i64 = 1_234;

fn payment(scene: &Scene, reference: &str) -> WriteOrder {
    let new = NewPayment {
        patient: scene.patient.vendor_id.clone(),
        clinician: scene.clinician.clone(),
        amount: Money::new(CENTS, scene.balance.expose().currency).into(),
        method: PaymentMethod::Card,
        taken_as: format!("GW_{reference}"),
        on: Date::constant(2026, 3, 2),
    };
    order(Write::RecordPayment(new), reference)
}

/// Once, and in the patient's favour.
pub async fn a_payment_is_in_the_ledger_once_and_takes_its_amount_off_the_account(stage: &dyn Stage) {
    if !allows(stage, Operation::RecordPayment) {
        return;
    }
    let scene = stage.scene();
    let sent = payment(scene, "CNTRCT31");
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a payment is taken");
    assert!(created(stage, &receipt).await.is_some(), "a line of the ledger has a number");
    assert_eq!(stage.posted("CNTRCT31").await, 1);
    stage.show_records().await;
    let account = kept(stage.adapter().balance(&scene.patient.vendor_id).await, "the account is read");
    let left = scene.balance.expose().minor - CENTS;
    assert_eq!(account.map(|account| account.total.expose().minor), Some(left));
}

/// A lost reply is not a lost payment, and not two.
pub async fn p3_a_payment_whose_reply_was_lost_is_found_and_posted_once(stage: &dyn Stage) {
    if !allows(stage, Operation::RecordPayment) {
        return;
    }
    stage.hold_writes().await;
    stage.lose_next_reply().await;
    let sent = payment(stage.scene(), "CNTRCT32");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the reply is lost");
    assert_eq!(error.advice, Advice::OutcomeUnknown, "{error:?}");
    let sighting = seen(stage, &sent).await;
    assert!(!matches!(sighting, Sighting::Nowhere), "a write that was taken is somewhere");
    if let Sighting::Accepted(receipt) = &sighting {
        assert!(created(stage, receipt).await.is_some());
    }
    stage.finish_writes().await;
    assert_eq!(stage.posted("CNTRCT32").await, 1);
    stage.show_records().await;
    assert!(!matches!(seen(stage, &sent).await, Sighting::Nowhere), "it is still somewhere once it was made");
}

/// Only "nowhere" allows sending again, whatever else is in the ledger.
pub async fn p3_a_payment_that_was_never_sent_is_nowhere(stage: &dyn Stage) {
    if !allows(stage, Operation::RecordPayment) {
        return;
    }
    let scene = stage.scene();
    let other = payment(scene, "CNTRCT33");
    let receipt = kept(stage.adapter().submit(&other, soon()).await, "another payment is taken");
    created(stage, &receipt).await;
    stage.show_records().await;
    assert_eq!(seen(stage, &payment(scene, "CNTRCT34")).await, Sighting::Nowhere);
}

/// What is not declared is refused, without a call.
pub async fn an_undeclared_payment_answers_unsupported(stage: &dyn Stage) {
    let paying = stage.without(Operation::RecordPayment);
    let submitted = paying.submit(&payment(stage.scene(), "CNTRCT35"), soon()).await;
    let error = refusal(submitted, "payments are not declared");
    assert_eq!((error.kind, error.advice), (ErrorKind::Unsupported, Advice::Permanent), "{error:?}");
    assert_eq!(stage.posted("CNTRCT35").await, 0);
}
