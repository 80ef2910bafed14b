//! Offices on their way to becoming connections.

use domain::ConnectionId;
use jiff::{SignedDuration, Timestamp};
use seal::Secret;
use serde_json::json;
use store::{
    ClinicianMapping, Moved, NewConnection, Setup, SetupKey, SetupMove, SetupRef, StaffAppointmentType,
    StoreError, Told,
};

use crate::rig::{Clinic, Rig};

fn key(clinic: Clinic) -> SetupKey<'static> {
    SetupKey { tenant: clinic.tenant, vendor: "sikka", office: "D10001", location: "" }
}

fn at(at: Timestamp) -> Option<Told> {
    Some(Told { at, is_day: false })
}

async fn claimed(rig: &Rig) -> Setup {
    let mut tx = rig.store.machinery().await.unwrap();
    let setup = tx.claim_setups("sikka", 10, 60.0).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    setup
}

/// Has a connection be to an office's location, with a status.
async fn is_to(rig: &Rig, id: ConnectionId, (office, location): (&str, &str), status: &str) {
    let config = json!({ "office_id": office, "practice_id": location });
    let sql = format!(
        "UPDATE pms_connections SET config = '{config}', status = '{status}' WHERE id = '{}'",
        id.uuid()
    );
    rig.owner.batch_execute(&sql).await.unwrap();
}

async fn open_alerts(rig: &Rig) -> Vec<String> {
    let mut tx = rig.store.machinery().await.unwrap();
    let alerts = tx.open_alerts().await.unwrap();
    tx.commit().await.unwrap();
    alerts.into_iter().map(|alert| alert.happened).collect()
}

async fn state(rig: &Rig, clinic: Clinic) -> (String, i32) {
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    let setup = tx.setups(10).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    (setup.state, setup.attempts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_with_an_older_date_undoes_no_later_one() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let then = Timestamp::now();
    let (earlier, later) = (then - SignedDuration::from_hours(2), then + SignedDuration::from_hours(2));
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.ask_setup(key(clinic), at(then)).await.unwrap());
    assert!(
        !tx.cancel_setup(key(clinic), at(earlier)).await.unwrap(),
        "it is about an install before this one"
    );
    assert!(tx.cancel_setup(key(clinic), at(later)).await.unwrap());
    assert!(!tx.ask_setup(key(clinic), at(then)).await.unwrap(), "it comes late");
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await.0, "cancelled");
    // One without a date is as new as it is.
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.ask_setup(key(clinic), None).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await.0, "confirming");
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_setup_is_one_workers_until_its_lease_ends_and_a_cancelled_one_is_moved_no_more() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(clinic), None).await.unwrap();
    let claimed = tx.claim_setups("sikka", 10, 60.0).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(tx.claim_setups("sikka", 10, 60.0).await.unwrap().is_empty(), "somebody has it");
    let waits = SetupMove { state: "onboarding", wait_s: 0.0, ..SetupMove::default() };
    assert_eq!(tx.move_setup(&claimed[0], &waits).await.unwrap(), Moved::Yes);
    tx.commit().await.unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    let again = tx.claim_setups("sikka", 10, 60.0).await.unwrap();
    assert_eq!(again[0].state, "onboarding");
    assert_eq!(tx.move_setup(&again[0], &waits).await.unwrap(), Moved::Yes);
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await, ("onboarding".to_owned(), 2));
    let mut tx = rig.store.machinery().await.unwrap();
    tx.cancel_setup(key(clinic), None).await.unwrap();
    let done = SetupMove { state: "done", ..SetupMove::default() };
    assert_eq!(tx.move_setup(&again[0], &done).await.unwrap(), Moved::Cancelled);
    tx.commit().await.unwrap();
    assert_eq!(state(&rig, clinic).await.0, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_setups_names_and_kinds_are_their_tenants_alone() {
    let rig = Rig::new().await;
    let (mine, theirs) = (rig.clinic("mine").await, rig.clinic("theirs").await);
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(theirs), None).await.unwrap();
    tx.commit().await.unwrap();
    let names = [ClinicianMapping { vendor_id: "7".into(), name: "Dr Lee".into(), offered: false }];
    let kinds = [StaffAppointmentType {
        name: "Cleaning".into(),
        minutes: 60,
        vendor_id: None,
        clinician_kind: Some("hygienist".into()),
    }];
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    tx.put_clinician_mappings(theirs.connection, &names).await.unwrap();
    tx.put_staff_appointment_types(theirs.connection, &kinds).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(mine.tenant).await.unwrap();
    assert!(tx.setups(10).await.unwrap().is_empty());
    assert!(tx.clinician_mappings(theirs.connection).await.unwrap().is_empty());
    assert!(tx.staff_appointment_types(theirs.connection).await.unwrap().is_empty());
    let error = tx.put_clinician_mappings(theirs.connection, &names).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    let mut tx = rig.store.tenant(theirs.tenant).await.unwrap();
    assert_eq!(tx.clinician_mappings(theirs.connection).await.unwrap(), names);
    tx.put_clinician_mappings(theirs.connection, &[]).await.unwrap();
    assert!(tx.clinician_mappings(theirs.connection).await.unwrap().is_empty());
    assert_eq!(tx.staff_appointment_types(theirs.connection).await.unwrap(), kinds);
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_an_install_address_names_its_tenant_until_it_is_revoked() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let hash = seal::sha256(b"an address");
    let mut tx = rig.store.machinery().await.unwrap();
    tx.add_install_link(clinic.tenant, "sikka", &hash).await.unwrap();
    assert_eq!(tx.install_link_owner("sikka", &hash).await.unwrap(), Some((clinic.tenant, true)));
    assert_eq!(tx.install_link_owner("gentu", &hash).await.unwrap(), None);
    assert_eq!(tx.install_link_owner("sikka", &seal::sha256(b"a guess")).await.unwrap(), None);
    assert_eq!(tx.revoke_install_links(clinic.tenant, "sikka").await.unwrap(), 1);
    assert_eq!(tx.install_link_owner("sikka", &hash).await.unwrap(), Some((clinic.tenant, false)));
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_step_whose_lease_somebody_else_has_by_now_is_lost_and_no_cancellation() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(clinic), None).await.unwrap();
    tx.commit().await.unwrap();
    let slow = claimed(&rig).await;
    rig.owner.batch_execute("UPDATE pms_setups SET lease_until = now()").await.unwrap();
    let next = claimed(&rig).await;
    let waits = SetupMove { state: "onboarding", ..SetupMove::default() };
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.move_setup(&slow, &waits).await.unwrap(), Moved::Lost);
    assert_eq!(tx.attach_setup(&slow, clinic.connection).await.unwrap(), Moved::Lost);
    assert_eq!(tx.move_setup(&next, &waits).await.unwrap(), Moved::Yes);
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_has_one_connection_that_is_not_switched_off() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let second = ConnectionId::new();
    let put = async |status: &str| {
        let mut tx = rig.store.machinery().await.unwrap();
        let new = NewConnection {
            id: second,
            practice: clinic.practice,
            vendor: "sikka",
            status,
            config: json!({}),
            capabilities: None,
            credentials: &Secret::from("open sesame"),
        };
        tx.put_connection(clinic.tenant, new).await?;
        tx.commit().await
    };
    let refused = put("pending").await.unwrap_err();
    assert!(refused.is_rule("pms_connections_one_of_practice"), "{refused:?}");
    put("disabled").await.unwrap();
    assert!(put("active").await.is_err());
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.disable_connection(clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
    put("active").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_a_connection_off_ends_what_would_bring_it_back_though_it_knows_no_connection_yet() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to(&rig, clinic.connection, ("d10001", "1"), "active").await;
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(clinic), None).await.unwrap();
    let other = SetupKey { location: "2", ..key(clinic) };
    tx.ask_setup(other, None).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.disable_connection(clinic.connection).await.unwrap();
    let setups = tx.setups(10).await.unwrap();
    tx.commit().await.unwrap();
    let state = |location: &str| setups.iter().find(|one| one.location == location).unwrap().state.clone();
    assert_eq!((state("").as_str(), state("2").as_str()), ("cancelled", "confirming"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_connection_that_nobody_makes_any_more_is_taken_up_again() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to(&rig, clinic.connection, ("D10001", "1"), "pending").await;
    let adopted = async || {
        let mut tx = rig.store.machinery().await.unwrap();
        let adopted = tx.adopt_pending("sikka", 10).await.unwrap();
        tx.commit().await.unwrap();
        adopted
    };
    assert_eq!(adopted().await, 0, "it is young");
    rig.owner
        .batch_execute("UPDATE pms_connections SET updated_at = now() - interval '11 min'")
        .await
        .unwrap();
    assert_eq!((adopted().await, adopted().await), (1, 0), "once");
    assert_eq!(claimed(&rig).await.connection, Some(clinic.connection));
    // What was cancelled stays so; a connection that was begun after the cancellation is another matter.
    let cancelled = async |hours: i32| {
        let sql = format!(
            "UPDATE pms_setups SET state = 'cancelled', updated_at = now() - interval '{hours} h', lease_until = NULL"
        );
        rig.owner.batch_execute(&sql).await.unwrap();
        adopted().await
    };
    assert_eq!(cancelled(0).await, 0);
    assert_eq!(cancelled(2).await, 1);
    assert_eq!(claimed(&rig).await.connection, Some(clinic.connection));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_office_that_was_given_up_has_an_alert_of_its_own_until_it_is_tried_again() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let other = SetupKey { office: "D10002", ..key(clinic) };
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(clinic), None).await.unwrap();
    tx.ask_setup(other, None).await.unwrap();
    for setup in tx.claim_setups("sikka", 10, 60.0).await.unwrap() {
        let up = SetupMove { state: "gave_up", reason: Some("not_listed"), ..SetupMove::default() };
        assert_eq!(tx.move_setup(&setup, &up).await.unwrap(), Moved::Yes);
        assert!(tx.raise_about_setup(&setup, &setup.office).await.unwrap());
        assert!(!tx.raise_about_setup(&setup, &setup.office).await.unwrap(), "once");
    }
    tx.commit().await.unwrap();
    let mut told = open_alerts(&rig).await;
    told.sort();
    assert_eq!(told, ["D10001", "D10002"]);
    let mut tx = rig.store.machinery().await.unwrap();
    assert_eq!(tx.reopen_setup(SetupRef::Key(other)).await.unwrap(), Some(clinic.tenant));
    assert_eq!(tx.reopen_setup(SetupRef::Key(other)).await.unwrap(), None, "it is on its way");
    tx.commit().await.unwrap();
    assert_eq!(open_alerts(&rig).await, ["D10001"]);
    let mut tx = rig.store.machinery().await.unwrap();
    let done = SetupKey { location: "1", office: "d10001", ..key(clinic) };
    tx.settle_setups(done, true, clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
    assert!(open_alerts(&rig).await.is_empty(), "it is connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_ends_every_location_of_its_office_and_a_connection_only_what_led_to_it() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let second = SetupKey { location: "2", ..key(clinic) };
    let mut tx = rig.store.machinery().await.unwrap();
    tx.ask_setup(key(clinic), None).await.unwrap();
    tx.ask_setup(second, None).await.unwrap();
    tx.settle_setups(second, false, clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
    let states = async || {
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        let mut states: Vec<_> =
            tx.setups(10).await.unwrap().into_iter().map(|one| (one.location, one.state)).collect();
        tx.commit().await.unwrap();
        states.sort();
        states.into_iter().map(|(_, state)| state).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["confirming", "done"], "the main location is still on its way");
    let mut tx = rig.store.machinery().await.unwrap();
    tx.cancel_setup(key(clinic), None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(states().await, ["cancelled", "cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_switched_off_is_opened_by_a_later_purchase_alone() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    is_to(&rig, clinic.connection, ("D10001", "1"), "active").await;
    let then = Timestamp::now();
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.ask_setup(key(clinic), at(then)).await.unwrap());
    tx.settle_setups(SetupKey { location: "1", ..key(clinic) }, true, clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.disable_connection(clinic.connection).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(!tx.ask_setup(key(clinic), at(then)).await.unwrap(), "the same purchase in other words");
    assert!(!tx.ask_setup(key(clinic), None).await.unwrap(), "nothing says that it is a new one");
    assert!(tx.ask_setup(key(clinic), at(then + SignedDuration::from_secs(1))).await.unwrap());
    // A cancellation, and a purchase of the same date, are not somebody's hand.
    let later = at(then + SignedDuration::from_secs(2));
    assert!(tx.cancel_setup(key(clinic), later).await.unwrap());
    assert!(tx.ask_setup(key(clinic), later).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_taken_up_is_looked_at_whatever_became_of_its_setup() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let own = SetupKey { location: "1", ..key(clinic) };
    for state in ["done", "cancelled", "gave_up"] {
        let mut tx = rig.store.machinery().await.unwrap();
        tx.take_up_setup(own, clinic.connection).await.unwrap();
        tx.commit().await.unwrap();
        let setup = claimed(&rig).await;
        assert_eq!((setup.connection, setup.location.as_str()), (Some(clinic.connection), "1"), "{state}");
        let sql = format!("UPDATE pms_setups SET state = '{state}', reason = 'by_hand', lease_until = NULL");
        rig.owner.batch_execute(&sql).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_as_late_as_any_time_of_it() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    let day = |text: &str| Some(Told { at: moment(text), is_day: true });
    let mut tx = rig.store.machinery().await.unwrap();
    assert!(tx.cancel_setup(key(clinic), at(moment("2026-11-20T09:30:00Z"))).await.unwrap());
    assert!(!tx.ask_setup(key(clinic), day("2026-11-19T00:00:00Z")).await.unwrap(), "the day before");
    assert!(tx.ask_setup(key(clinic), day("2026-11-20T00:00:00Z")).await.unwrap(), "the same day");
    assert!(
        !tx.cancel_setup(key(clinic), at(moment("2026-11-20T09:00:00Z"))).await.unwrap(),
        "before it all"
    );
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_ends_changes_a_connection_that_is_on_its_way_and_no_other() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let ended = async |status: &str| {
        is_to(&rig, clinic.connection, ("D10001", "1"), status).await;
        let mut tx = rig.store.machinery().await.unwrap();
        let failed = tx.pending_failed(clinic.connection, "why").await.unwrap();
        tx.commit().await.unwrap();
        failed
    };
    for (status, changes) in
        [("active", false), ("disabled", false), ("reauthorise", false), ("pending", true)]
    {
        assert_eq!(ended(status).await, changes, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_was_made_without_a_zone_learns_it_and_keeps_what_it_has() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    rig.owner.batch_execute("UPDATE practices SET time_zone = 'UTC'").await.unwrap();
    for (zone, country) in [("America/Toronto", "CA"), ("America/Chicago", "US")] {
        let mut tx = rig.store.machinery().await.unwrap();
        tx.learn_place(clinic.tenant, clinic.practice, zone, country).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
        let practice = tx.practice(clinic.practice).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((practice.time_zone.as_str(), practice.country.as_str()), ("America/Toronto", "CA"));
    }
}
