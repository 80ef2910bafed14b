//! A move of a visit that is with two: the second clinician's time is held as the first one's.

use domain::{Appointment, AppointmentState, WritebackState as S};
use pms::{Advice, ErrorKind, FailureReason, NewAppointment, Reschedule, Write};
use writebacks::{Obstacle, ReplayError, Requested};

use crate::changes::{cancelling, carried, copy, is_taken, moving, wished};
use crate::rig::{Rig, booking, slot};
use crate::vendor::Fate;

const HYGIENIST: &str = "9";

/// As [`moving`], of a visit that is with the hygienist as well.
fn both(appointment: &str, from: i64, to: i64) -> Write {
    let Write::RescheduleAppointment(moved) = moving(appointment, from, to) else { panic!("not a move") };
    Write::RescheduleAppointment(Reschedule { beside: Some(HYGIENIST.into()), ..moved })
}

/// Whether somebody else can have the hygienist then. They have them, if so.
async fn is_free(rig: &Rig, minute: i64) -> bool {
    let Write::BookAppointment(new) = booking(minute) else { panic!("not a booking") };
    let write =
        Write::BookAppointment(NewAppointment { clinician: HYGIENIST.into(), chair: "3".into(), ..new });
    match rig.wish(&write, &format!("the hygienist at {minute}")).await {
        Ok(Requested::New(_)) => true,
        refused => {
            assert!(is_taken(&refused), "{refused:?}");
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_who_goes_along_with_a_move_is_held_from_the_wish_until_the_copy_shows_it() {
    let rig = Rig::new().await;
    assert!(is_free(&rig, 120).await);
    assert!(is_taken(&rig.wish(&both("a2", 30, 120), "onto the hygienist's other patient").await));
    let id = wished(&rig, &both("a1", 0, 60), "move").await;
    assert!(!is_free(&rig, 60).await && !is_free(&rig, 45).await, "it is on its way");
    assert!(is_taken(&rig.wish(&both("a3", 300, 75), "another with both").await));
    carried(&rig).await;
    assert_eq!(rig.state(id).await, S::Succeeded);
    // A copy that still shows it at the old time is an older one.
    for (minute, free) in [(0, false), (60, true)] {
        for _ in 0..2 {
            rig.carrier.seen(rig.due, &copy(&[("a1", minute)])).await.unwrap();
        }
        assert_eq!(is_free(&rig, 60).await, free);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_of_a_move_that_failed_both_are_free_and_of_one_that_may_have_happened_neither() {
    let rig = Rig::new().await;
    let failed = wished(&rig, &both("a1", 0, 60), "move").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!((rig.state(failed).await, rig.is_held(60).await), (S::Failed, false));
    assert!(is_free(&rig, 60).await);
    let refused = rig.replay(failed).await;
    assert!(matches!(refused, Err(ReplayError::Obstacle(Obstacle::Conflicting(_)))), "{refused:?}");

    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let parked = wished(&rig, &both("a1", 0, 60), "move").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!((rig.state(parked).await, is_free(&rig, 60).await), (S::Parked, false));
    let not_there = writebacks::Found::NotThere;
    writebacks::settle(&rig.store, rig.due.tenant, parked, not_there, "a test").await.unwrap();
    assert!(is_free(&rig, 60).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_replay_of_a_move_takes_the_time_of_both_again() {
    let rig = Rig::new().await;
    rig.vendor.stands("a1", slot(0));
    rig.vendor.next(&[Fate::Refuse(ErrorKind::Invalid, Advice::Permanent)]);
    let failed = wished(&rig, &both("a1", 0, 60), "move").await;
    rig.carrier.send_next(rig.due).await.unwrap();
    assert_eq!(rig.state(failed).await, S::Failed);
    let again = rig.replay(failed).await.unwrap();
    assert!(!is_free(&rig, 60).await);
    rig.carry_on().await;
    assert_eq!((rig.state(again).await, is_free(&rig, 60).await), (S::Succeeded, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_second_move_and_a_cancellation_give_back_what_the_one_before_held_of_both() {
    let rig = Rig::new().await;
    wished(&rig, &both("a1", 0, 60), "move").await;
    carried(&rig).await;
    let second = wished(&rig, &both("a1", 60, 75), "over its own time").await;
    assert!(!is_free(&rig, 45).await, "until it is moved it keeps its time");
    carried(&rig).await;
    assert_eq!(rig.state(second).await, S::Succeeded);
    assert!(is_free(&rig, 45).await && !is_free(&rig, 90).await);
    wished(&rig, &cancelling("a1", None), "cancel").await;
    assert!(!is_free(&rig, 90).await, "it is only wished for");
    carried(&rig).await;
    assert!(is_free(&rig, 90).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_move_that_waited_is_not_sent_where_the_calendar_has_another_with_who_goes_along() {
    for (moved, ends) in [
        (both("a1", 0, 60), (S::Failed, Some("slot_taken"))),
        (moving("a1", 0, 60), (S::Submitted, Some("taken"))),
    ] {
        let rig = Rig::new().await;
        rig.vendor.stands("a1", slot(0));
        let id = wished(&rig, &moved, "move").await;
        rig.age().await;
        rig.vendor.shows(Appointment {
            vendor_id: "77".into(),
            patient: "305".into(),
            clinician: Some(HYGIENIST.into()),
            chair: Some("3".into()),
            window: slot(60),
            state: AppointmentState::Booked,
        });
        rig.carrier.send_next(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), ends);
    }
}

#[test]
fn a_move_with_one_alone_is_written_down_as_ever_and_what_was_written_down_before_is_read() {
    let alone = serde_json::to_value(moving("a1", 0, 60)).unwrap();
    assert!(alone.get("beside").is_none(), "{alone}");
    assert_eq!(serde_json::from_value::<Write>(alone).unwrap(), moving("a1", 0, 60));
    let two = serde_json::to_vec(&both("a1", 0, 60)).unwrap();
    assert_eq!(serde_json::from_slice::<Write>(&two).unwrap(), both("a1", 0, 60));
}
