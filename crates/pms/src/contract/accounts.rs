//! People, kinds of appointment, accounts and insurances.

use super::{Stage, kept, refusal};
use crate::{Advice, DayBookQuery, ErrorKind, Operation, PmsError};

/// Whoever can be booked is in the list of people, as the day book has them.
pub async fn everybody_who_can_be_booked_is_in_the_list_of_people(stage: &dyn Stage) {
    let scene = stage.scene();
    let people = kept(stage.adapter().clinicians().await, "the people are listed");
    assert!(people.iter().any(|one| one.vendor_id == scene.clinician && one.bookable));
    assert!(people.iter().all(|one| !one.bookable || !one.spoken_name.is_empty()), "a name can be said");
    let days = DayBookQuery { covers: scene.days };
    let book = kept(stage.adapter().day_book(&days).await, "a day book is read");
    for one in book.clinicians.iter().filter(|one| one.bookable) {
        assert!(people.contains(one), "{} is in the day book and not in the list", one.vendor_id);
    }
}

/// A kind of appointment can be said and written.
pub async fn kinds_of_appointment_have_a_name_and_an_id(stage: &dyn Stage) {
    let types = kept(stage.adapter().appointment_types().await, "the kinds are listed");
    assert!(types.iter().all(|one| !one.vendor_id.is_empty() && !one.name.is_empty()));
    let mut ids: Vec<&str> = types.iter().map(|one| one.vendor_id.as_str()).collect();
    ids.sort_unstable();
    let listed = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), listed, "no kind is listed twice");
    assert!(types.iter().all(|one| one.minutes.is_none_or(|minutes| minutes > 0)));
}

/// To the cent, with its currency, and of this patient alone.
pub async fn an_account_reads_to_the_cent_and_a_stranger_has_none(stage: &dyn Stage) {
    let scene = stage.scene();
    let read = kept(stage.adapter().balance(&scene.patient.vendor_id).await, "an account is read");
    assert_eq!(read.as_ref().map(|one| one.patient.as_str()), Some(scene.patient.vendor_id.as_str()));
    assert_eq!(read.map(|one| one.total), Some(scene.balance.clone()));
    let nobody = kept(stage.adapter().balance("99999999").await, "an unknown id is no error");
    assert_eq!(nobody, None);
}

/// The one that pays first comes first, by its name.
pub async fn an_insurance_reads_with_its_company_and_a_stranger_has_none(stage: &dyn Stage) {
    let scene = stage.scene();
    let read = kept(stage.adapter().insurance(&scene.patient.vendor_id).await, "insurances are read");
    assert_eq!(read.first().and_then(|one| one.carrier.clone()), Some(scene.carrier.clone()));
    assert!(read.is_sorted_by_key(|one| one.rank), "whoever pays first comes first");
    let nobody = kept(stage.adapter().insurance("99999999").await, "an unknown id is no error");
    assert!(nobody.is_empty());
}

/// What is not declared is refused, without a call.
pub async fn an_undeclared_read_answers_unsupported(stage: &dyn Stage) {
    let patient = stage.scene().patient.vendor_id.as_str();
    let unsupported = |error: PmsError| {
        assert_eq!((error.kind, error.advice), (ErrorKind::Unsupported, Advice::Permanent), "{error:?}");
    };
    let adapter = stage.without(Operation::ListClinicians);
    unsupported(refusal(adapter.clinicians().await, "listing people is not declared"));
    let adapter = stage.without(Operation::ListAppointmentTypes);
    unsupported(refusal(adapter.appointment_types().await, "listing kinds is not declared"));
    let adapter = stage.without(Operation::ReadBalance);
    unsupported(refusal(adapter.balance(patient).await, "reading accounts is not declared"));
    let adapter = stage.without(Operation::ReadInsurance);
    unsupported(refusal(adapter.insurance(patient).await, "reading insurances is not declared"));
}
