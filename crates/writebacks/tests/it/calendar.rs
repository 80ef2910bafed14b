//! What the practice's own calendar shows of a change that waited: staff may have been there first.

use std::time::{Duration, Instant};

use domain::{Appointment, AppointmentState as A, Window, WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::{Advice, ErrorKind, Write};
use testbed::until;

use crate::changes::{cancelling, moving};
use crate::night::night;
use crate::rig::{Ground, Rig, new, slot};
use crate::vendor::Fate;

const OFF: Fate = Fate::Refuse(ErrorKind::PracticeOffline, Advice::RetryAfter(Duration::from_secs(60)));

/// Why a change is sent long after it was wished for.
#[derive(Debug, Clone, Copy)]
enum Way {
    Waited,
    Replayed,
    Night,
}

/// What staff did in the meantime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staff {
    Nothing,
    Moved,
    MovedWhereItShouldGo,
    Cancelled,
}

/// A change of "a1" that waits behind a server that is off.
async fn waiting(rig: &Rig, write: &Write) -> WritebackId {
    rig.vendor.stands("a1", slot(0));
    rig.vendor.next(&[OFF]);
    let id = new(rig.wish(write, "a change").await);
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Queued);
    rig.age().await;
    id
}

async fn sent_again(rig: &Rig, id: WritebackId, way: Way) -> WritebackId {
    if matches!(way, Way::Waited) {
        rig.carry_on().await;
        return id;
    }
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let again = match way {
        Way::Replayed => rig.replay(id).await.unwrap(),
        _ => {
            assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 1);
            let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
            let again = tx.replay_of(id).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            again
        }
    };
    rig.carry_on().await;
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_change_that_staff_overtook_is_not_sent() {
    for way in [Way::Waited, Way::Replayed, Way::Night] {
        for (write, staff, ends) in [
            (moving("a1", 0, 60), Staff::Nothing, (S::Succeeded, None)),
            (cancelling("a1", None), Staff::Nothing, (S::Succeeded, None)),
            (moving("a1", 0, 60), Staff::Moved, (S::Failed, Some("changed_since"))),
            (cancelling("a1", None), Staff::Moved, (S::Failed, Some("changed_since"))),
            (moving("a1", 0, 60), Staff::Cancelled, (S::Failed, Some("changed_since"))),
            (cancelling("a1", None), Staff::Cancelled, (S::Succeeded, Some("found"))),
            (moving("a1", 0, 60), Staff::MovedWhereItShouldGo, (S::Succeeded, Some("found"))),
        ] {
            let rig = Rig::new().await;
            let id = waiting(&rig, &write).await;
            match staff {
                Staff::Nothing => {}
                Staff::Moved => rig.vendor.stands("a1", slot(3 * 24 * 60)),
                Staff::MovedWhereItShouldGo => rig.vendor.stands("a1", slot(60)),
                Staff::Cancelled => rig.vendor.cancelled("a1"),
            }
            let id = sent_again(&rig, id, way).await;
            let row = rig.row(id).await;
            assert_eq!((row.state, row.reason.as_deref()), ends, "{way:?} {staff:?} {}", row.operation);
            assert_eq!(rig.vendor.held().len(), usize::from(staff == Staff::Nothing), "{way:?} {staff:?}");
            if row.state == S::Failed {
                let tasks = rig.tasks().await;
                assert!(tasks[0].next_action.contains("call the patient"), "{tasks:?}");
                assert!(!rig.is_held(60).await, "the new time is free again");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_older_than_our_own_last_write_does_not_say_that_staff_were_there() {
    let rig = Rig::new().await;
    let booked = rig.booked(0).await;
    rig.carry_on().await;
    let appointment = rig.row(booked).await.created_vendor_id.unwrap();
    let ago =
        "UPDATE pms_writebacks SET finished_at = finished_at - interval '2 hours' WHERE connection_id = ";
    rig.sql(ago).await;
    rig.vendor.copied_at(Timestamp::now() - SignedDuration::from_hours(2));
    let id = new(rig.wish(&moving(&appointment, 0, 60), "move").await);
    rig.age().await;
    rig.carry_on().await;
    assert_eq!(rig.state(id).await, S::Succeeded, "nobody but us has changed it");
    // A newer copy that does not have it there does say so.
    let id = new(rig.wish(&cancelling(&appointment, None), "cancel").await);
    rig.sql(ago).await;
    rig.age().await;
    rig.vendor.copied_at(Timestamp::now());
    rig.carry_on().await;
    assert_eq!(rig.row(id).await.reason.as_deref(), Some("changed_since"));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_change_that_a_later_one_of_ours_overtook_is_not_sent_whatever_an_old_copy_shows() {
    let rig = Rig::new().await;
    let old = waiting(&rig, &cancelling("a1", None)).await;
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let later = new(rig.wish(&moving("a1", 0, 60), "move").await);
    rig.carry_on().await;
    assert_eq!(rig.state(later).await, S::Succeeded);
    rig.vendor.stands("a1", slot(0));
    let again = rig.replay(old).await.unwrap();
    rig.carry_on().await;
    assert_eq!(rig.row(again).await.reason.as_deref(), Some("changed_since"));
    assert_eq!(rig.vendor.held().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_calendar_that_cannot_be_read_ends_no_write_before_its_deadline() {
    for error in [
        (ErrorKind::Invalid, Advice::Permanent),
        (ErrorKind::Unreadable, Advice::Permanent),
        (ErrorKind::NotFound, Advice::Permanent),
        (ErrorKind::VendorDown, Advice::OutcomeUnknown),
    ] {
        let rig = Rig::new().await;
        let id = rig.booked(0).await;
        rig.age().await;
        rig.vendor.calendar(Some(error));
        for _ in 0..8 {
            rig.pass().await;
            rig.carrier.send_next(rig.due).await.unwrap();
            let row = rig.row(id).await;
            assert_eq!(
                (row.state, row.reason.as_deref()),
                (S::Queued, Some("calendar_unreadable")),
                "{error:?}"
            );
        }
        rig.vendor.calendar(None);
        rig.carry_on().await;
        assert_eq!(rig.state(id).await, S::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_what_waited_for_its_calendar_beyond_half_its_lease_is_not_sent_and_not_looked_for() {
    let lease = Duration::from_millis(400);
    let rig = Rig::with_lease(Ground::new().await, lease).await;
    let id = rig.booked(0).await;
    rig.age().await;
    rig.vendor.slow_calendar();
    let began = Instant::now();
    let (carrier, due) = (rig.carrier.clone(), rig.due);
    let sending = tokio::spawn(async move { carrier.send_next(due).await });
    rig.vendor.stalled.notified().await;
    until(Duration::from_secs(5), "half the lease", || async {
        (began.elapsed() > lease / 2 + Duration::from_millis(50)).then_some(())
    })
    .await;
    rig.vendor.go_on.add_permits(1);
    sending.await.unwrap().unwrap();
    assert!(rig.vendor.sent().is_empty());
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Queued, Some("calendar_unreadable")));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_no_request_leaves_after_half_of_its_lease() {
    let rig = Rig::new().await;
    let before = Instant::now();
    rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let (send_by, now) = (rig.vendor.send_by().unwrap(), Instant::now());
    assert!(send_by >= before + Duration::from_secs(30) && send_by <= now + Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_write_whose_calendar_could_not_be_read_in_time_ends_with_the_cause_of_that() {
    let soon = Advice::RetryAfter(Duration::from_secs(30));
    for (error, told) in [
        ((ErrorKind::RateLimited, soon), "rate_limited"),
        ((ErrorKind::NotReady, soon), "not_ready"),
        ((ErrorKind::VendorDown, Advice::Retry), "vendor_down"),
        ((ErrorKind::Unreadable, Advice::Permanent), "calendar_unreadable"),
    ] {
        let rig = Rig::new().await;
        let id = rig.booked(0).await;
        rig.age().await;
        rig.vendor.calendar(Some(error));
        rig.carrier.send_next(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Queued);
        rig.expire_deadlines().await;
        rig.carrier.reap().await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some(told)), "{error:?}");
        assert_eq!(rig.task_codes().await, [told]);
        assert!(rig.vendor.sent().is_empty() && !rig.is_held(0).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_calendar_may_no_longer_be_read_waits_for_staff_at_once() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.age().await;
    rig.vendor.calendar(Some((ErrorKind::AccessWithdrawn, Advice::Permanent)));
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some("access_withdrawn")));
    assert!(rig.vendor.sent().is_empty() && rig.is_held(0).await);
}

/// An appointment of another patient's, or of the one that is moved.
fn shown(
    vendor_id: &str,
    minute: i64,
    clinician: Option<&str>,
    chair: Option<&str>,
    state: A,
) -> Appointment {
    Appointment {
        vendor_id: vendor_id.to_owned(),
        patient: "305".to_owned(),
        clinician: clinician.map(str::to_owned),
        chair: chair.map(str::to_owned),
        window: slot(minute),
        state,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_time_is_taken_by_whoever_has_its_clinician_or_its_chair_or_neither_is_told_of() {
    const TAKEN: (S, Option<&str>) = (S::Failed, Some("slot_taken"));
    const SENT: (S, Option<&str>) = (S::Submitted, Some("taken"));
    for (clinician, chair, state, ends) in [
        (Some("7"), Some("9"), A::Booked, TAKEN),
        (Some("8"), Some("2"), A::Booked, TAKEN),
        (None, None, A::Booked, TAKEN),
        (Some("8"), Some("9"), A::Booked, SENT),
        (Some("7"), Some("2"), A::Cancelled, SENT),
    ] {
        let rig = Rig::new().await;
        let id = rig.booked(0).await;
        rig.age().await;
        rig.vendor.shows(shown("77", 0, clinician, chair, state));
        rig.carrier.send_next(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), ends, "{clinician:?} {chair:?} {state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_waited_may_go_over_the_appointments_own_time() {
    let rig = Rig::new().await;
    let Write::RescheduleAppointment(mut moved) = moving("a1", 0, 0) else { panic!("not a move") };
    moved.window = Window::of_minutes(slot(0).start + SignedDuration::from_mins(15), 30).unwrap();
    let id = waiting(&rig, &Write::RescheduleAppointment(moved)).await;
    rig.carry_on().await;
    assert_eq!((rig.state(id).await, rig.vendor.held().len()), (S::Succeeded, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_that_stands_at_its_new_time_in_another_chair_was_not_moved_by_us() {
    let rig = Rig::new().await;
    let id = waiting(&rig, &moving("a1", 0, 60)).await;
    rig.vendor.cancelled("a1");
    rig.vendor.shows(shown("a1", 60, Some("7"), Some("9"), A::Booked));
    rig.carry_on().await;
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Failed, Some("changed_since")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_unknown_age_may_be_a_day_old() {
    for (hours, ends) in [(2, S::Succeeded), (25, S::Failed)] {
        let rig = Rig::new().await;
        let booked = rig.booked(0).await;
        rig.carry_on().await;
        let appointment = rig.row(booked).await.created_vendor_id.unwrap();
        rig.sql(&format!(
            "UPDATE pms_writebacks SET finished_at = now() - interval '{hours} hours' WHERE connection_id = "
        ))
        .await;
        rig.vendor.of_unknown_age();
        let id = new(rig.wish(&moving(&appointment, 0, 60), "move").await);
        rig.age().await;
        rig.carry_on().await;
        assert_eq!(rig.state(id).await, ends, "our own write of it was {hours} hours ago");
    }
}
