//! Keys, access, limits, and a practice that is off.

use super::{Stage, booking, created, kept, refusal, seen, soon};
use crate::{Advice, ErrorKind, Sighting};

/// A key that dies between two calls is nobody's business above.
pub async fn an_expired_key_is_renewed_within_the_call(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.expire_key().await;
    kept(stage.adapter().patient(&scene.patient.vendor_id).await, "a read survives its key");
    stage.expire_key().await;
    let sent = booking(scene, scene.free[0], "CNTRCT17");
    let receipt = kept(stage.adapter().submit(&sent, soon()).await, "a write survives its key");
    created(stage, &receipt).await;
    assert_eq!(stage.held(&scene.patient.vendor_id, scene.free[0].start).await, 1);
}

/// Somebody must connect again; no retry helps.
pub async fn withdrawn_access_says_so_for_good(stage: &dyn Stage) {
    stage.withdraw_access().await;
    let read = stage.adapter().patient(&stage.scene().patient.vendor_id).await;
    let error = refusal(read, "access was withdrawn");
    assert_eq!((error.kind, error.advice), (ErrorKind::AccessWithdrawn, Advice::Permanent), "{error:?}");
}

/// A limit is no outage, and a write under it was not taken.
pub async fn a_used_up_limit_says_when_to_come_back(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.exhaust_limit().await;
    let error = refusal(stage.adapter().patient(&scene.patient.vendor_id).await, "the limit is used up");
    assert_eq!(error.kind, ErrorKind::RateLimited, "{error:?}");
    assert!(matches!(error.advice, Advice::RetryAfter(wait) if !wait.is_zero()), "{error:?}");
    let sent = booking(scene, scene.free[0], "CNTRCT18");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the limit is used up");
    assert_eq!(error.kind, ErrorKind::RateLimited, "{error:?}");
    assert_ne!(error.advice, Advice::OutcomeUnknown, "a write under a limit was not taken");
}

/// The caller learns it at once, and nothing waits at the vendor behind their back.
pub async fn a_practice_offline_takes_no_write(stage: &dyn Stage) {
    let scene = stage.scene();
    stage.go_offline().await;
    let sent = booking(scene, scene.free[0], "CNTRCT19");
    let error = refusal(stage.adapter().submit(&sent, soon()).await, "the practice is offline");
    assert_eq!(error.kind, ErrorKind::PracticeOffline, "{error:?}");
    assert_ne!(error.advice, Advice::OutcomeUnknown, "an offline practice took nothing");
    let sighting = seen(stage, &sent).await;
    assert_eq!(sighting, Sighting::Nowhere);
}
