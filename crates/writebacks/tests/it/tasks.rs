//! What staff are told to do, and when it is no longer to be done.

use domain::{WritebackId, WritebackState as S};
use jiff::{SignedDuration, Timestamp};
use pms::FailureReason;
use store::{NewTask, StaffTask, StoreError, ToolCallKey};
use uuid::Uuid;
use writebacks::{Done, DropOutcome, EndTaskError, Found, end_task, reason, settle};

use crate::night::night;
use crate::rig::{Rig, slot};
use crate::vendor::Fate;

#[tokio::test(flavor = "multi_thread")]
async fn p12_staff_hear_of_a_write_before_its_deadline_once_and_no_more_when_it_is_done() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    assert_eq!(rig.carrier.warn_staff().await.unwrap(), 0, "half of its time is left");
    let half =
        "UPDATE pms_writebacks SET created_at = now() - interval '3 h', deadline_at = now() + interval '2 h'
                WHERE connection_id = ";
    rig.sql(half).await;
    let (one, two) = tokio::join!(rig.carrier.warn_staff(), rig.other.warn_staff());
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    let task = rig.tasks().await.pop().unwrap();
    assert_eq!((task.code.as_str(), task.writeback), ("running_late", Some(id)));
    assert_eq!(task.due_at, Some(rig.row(id).await.deadline_at));
    assert!(task.next_action.contains("by hand"), "{task:?}");
    rig.carry_on().await;
    assert_eq!(rig.state(id).await, S::Succeeded);
    assert!(rig.tasks().await.is_empty());
    assert_eq!(rig.carrier.warn_staff().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_aside_says_why_and_what_to_do_until_somebody_has() {
    let rig = Rig::new().await;
    let (settled, replayed) = (rig.parked(0, Fate::Take).await, rig.parked(30, Fate::LoseRequest).await);
    let tasks = rig.tasks().await;
    let said: Vec<_> = tasks.iter().map(|task| (task.code.as_str(), task.sentence.as_str())).collect();
    let unknown = reason("outcome_unknown");
    let unconfirmed = reason("not_confirmed_in_time");
    assert_eq!(said.len(), 2);
    for why in [unknown, unconfirmed] {
        assert!(said.contains(&(why.code, why.sentence)), "{said:?}");
    }
    assert!(tasks.iter().all(|task| task.due_at.is_some()), "by the appointment's time");
    settle(&rig.store, rig.due.tenant, settled, Found::There { vendor_id: "9" }, "a test").await.unwrap();
    assert_eq!(rig.task_codes().await, ["outcome_unknown"]);
    rig.replay(replayed).await.unwrap();
    assert!(rig.tasks().await.is_empty());
}

/// The vendor takes everything, and the practice's system refuses it `seconds` after it was asked for.
async fn refused_after(rig: &Rig, seconds: u32) {
    rig.carrier.send_next(rig.due).await.unwrap();
    let then = format!(
        "UPDATE pms_writebacks SET created_at = now() - interval '{seconds} s' WHERE connection_id = "
    );
    rig.sql(&then).await;
    rig.vendor.settle(Some(FailureReason::SlotTaken));
    rig.pass().await;
    rig.carrier.look(rig.due).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_whatever_fails_leaves_a_task_however_soon_and_so_does_its_replay() {
    for seconds in [1, 9, 40, 3_600] {
        let rig = Rig::new().await;
        let id = rig.booked(0).await;
        refused_after(&rig, seconds).await;
        assert_eq!(rig.state(id).await, S::Failed);
        assert_eq!(rig.task_codes().await, ["slot_taken"], "after {seconds} s");
        let again = rig.replay(id).await.unwrap();
        assert!(rig.tasks().await.is_empty(), "it is tried again");
        refused_after(&rig, 35).await;
        assert_eq!(rig.state(again).await, S::Failed);
        let task = rig.tasks().await.pop().unwrap();
        assert_eq!((task.code.as_str(), task.writeback), ("slot_taken", Some(again)));
    }
}

/// A booking that waits; its caller was told that the clinic would get back to them.
async fn left_by_a_caller(rig: &Rig, minute: i64) -> WritebackId {
    let id = rig.booked(minute).await;
    let key = ToolCallKey { call_id: "call-1".into(), tool_call_id: format!("book {minute}") };
    let left = NewTask {
        connection: Some(rig.due.connection),
        writeback: Some(id),
        code: "booking_kept_offline",
        sentence: "Somebody wanted to book an appointment. Your server could not be reached.",
        next_action: "See that your server is on.",
        due_at: None,
        tool_call: Some(&key),
    };
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    assert!(tx.add_task_wanting(&left, br#"{"callerPhone":"+15550100099"}"#).await.unwrap());
    tx.commit().await.unwrap();
    id
}

/// The one task there is, which has a caller told that what they wanted is there.
async fn to_be_told(rig: &Rig, id: WritebackId) -> StaffTask {
    let mut tasks = rig.tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let task = tasks.remove(0);
    assert_eq!((task.code.as_str(), task.writeback), ("caller_not_told", Some(id)));
    assert_eq!((task.call_id.as_deref(), task.due_at), (Some("call-1"), Some(slot(0).start)));
    let wanted = task.wanted.as_ref().map(|wanted| String::from_utf8_lossy(wanted.expose()).into_owned());
    assert!(wanted.unwrap().contains("+15550100099"), "whom to call is known");
    task
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_caller_who_was_told_that_the_clinic_gets_back_to_them_is_told_once_it_landed() {
    let rig = Rig::new().await;
    let id = left_by_a_caller(&rig, 0).await;
    rig.carry_on().await;
    assert_eq!(rig.state(id).await, S::Succeeded);
    let task = to_be_told(&rig, id).await;
    assert!(task.sentence.contains("entered in your system now"), "{task:?}");
    assert!(end_task(&rig.store, rig.due.tenant, task.id, None, "a test").await.unwrap());
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_caller_is_told_also_of_what_landed_only_when_it_was_tried_again() {
    for at_night in [false, true] {
        let rig = Rig::new().await;
        let id = left_by_a_caller(&rig, 0).await;
        rig.expire_deadlines().await;
        rig.carrier.reap().await.unwrap();
        assert_eq!(rig.task_codes().await, ["not_sent_in_time"]);
        let again = if at_night {
            assert_eq!(rig.carrier.retry_at_night(night(1)).await.unwrap(), 1);
            rig.replay_of(id).await
        } else {
            rig.replay(id).await.unwrap()
        };
        rig.carry_on().await;
        assert_eq!(rig.state(again).await, S::Succeeded);
        to_be_told(&rig, again).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_a_person_has_done_or_settles_by_hand_is_followed_by_no_other() {
    let rig = Rig::new().await;
    let called = left_by_a_caller(&rig, 0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let task = rig.tasks().await.pop().unwrap();
    assert!(end_task(&rig.store, rig.due.tenant, task.id, None, "a test").await.unwrap());
    rig.carry_on().await;
    assert_eq!((rig.state(called).await, rig.tasks().await.len()), (S::Succeeded, 0));
    let settled = left_by_a_caller(&rig, 30).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.state(settled).await, S::Parked);
    settle(&rig.store, rig.due.tenant, settled, Found::There { vendor_id: "9" }, "a test").await.unwrap();
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_promises_a_night_only_where_there_is_one() {
    let rig = Rig::new().await;
    rig.booked(0).await;
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let task = rig.tasks().await.pop().unwrap();
    assert_eq!(task.code, "not_sent_in_time");
    assert!(task.next_action.contains("in the night") && task.next_action.contains("drop"), "{task:?}");
    let past = Rig::new().await;
    past.booked(0).await;
    past.sql("UPDATE pms_writebacks SET about_at = now() - interval '1 s' WHERE connection_id = ").await;
    past.expire_deadlines().await;
    past.carrier.reap().await.unwrap();
    let task = past.tasks().await.pop().unwrap();
    assert!(!task.next_action.contains("night") && task.next_action.contains("by hand"), "{task:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_done_by_hand_is_not_sent_in_the_night_and_a_task_about_an_open_write_asks_for_that() {
    let rig = Rig::new().await;
    rig.booked(0).await;
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let task = rig.tasks().await.pop().unwrap();
    let end = |done| end_task(&rig.store, rig.due.tenant, task.id, done, "key of a test");
    let error = end(None).await.unwrap_err();
    assert!(matches!(error, EndTaskError::StillOpen(id) if Some(id) == task.writeback), "{error:?}");
    assert_eq!(rig.tasks().await.len(), 1);
    let by_hand = Done::GivenUp { outcome: DropOutcome::EnteredByHand, reason: "by hand" };
    assert!(end(Some(by_hand)).await.unwrap());
    assert!(!end(Some(by_hand)).await.unwrap(), "once");
    assert!(rig.tasks().await.is_empty());
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(36);
    for hour in 0..24 {
        let night = tomorrow + SignedDuration::from_hours(hour);
        assert_eq!(rig.carrier.retry_at_night(night).await.unwrap(), 0);
    }
    assert!(rig.vendor.sent().is_empty());
    let other = Rig::new().await;
    let theirs = end_task(&other.store, other.due.tenant, task.id, None, "somebody else").await;
    assert!(matches!(theirs, Err(EndTaskError::Store(StoreError::NotFound))), "another tenant's");
    let nobodys = end_task(&rig.store, rig.due.tenant, Uuid::now_v7(), None, "a test").await;
    assert!(nobodys.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_about_what_is_at_the_vendor_may_be_ended_and_what_fails_then_is_another() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.sql("UPDATE pms_writebacks SET created_at = now() - interval '3 h', deadline_at = now() + interval '2 h' WHERE connection_id = ").await;
    assert_eq!(rig.carrier.warn_staff().await.unwrap(), 1);
    let task = rig.tasks().await.pop().unwrap();
    assert!(!task.next_action.contains("by hand"), "it is with the vendor: {task:?}");
    let by_hand = Done::GivenUp { outcome: DropOutcome::EnteredByHand, reason: "by hand" };
    let end = |done| end_task(&rig.store, rig.due.tenant, task.id, done, "a test");
    assert!(matches!(end(Some(by_hand)).await, Err(EndTaskError::Drop(_))));
    assert!(end(None).await.unwrap());
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(
        (rig.state(id).await, rig.task_codes().await),
        (S::Parked, vec!["not_confirmed_in_time".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_task_about_an_earlier_try_asks_for_what_became_of_the_last_one() {
    let rig = Rig::new().await;
    let first = rig.booked(0).await;
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    let again = rig.replay(first).await.unwrap();
    assert_eq!(rig.state(again).await, S::Queued);
    let other = NewTask {
        connection: Some(rig.due.connection),
        writeback: Some(first),
        code: "callback",
        sentence: "The patient asks what became of it.",
        next_action: "Call the patient.",
        due_at: None,
        tool_call: None,
    };
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    assert!(tx.add_task(&other).await.unwrap());
    tx.commit().await.unwrap();
    let task = rig.tasks().await.pop().unwrap();
    let end = |done| end_task(&rig.store, rig.due.tenant, task.id, done, "a test");
    let error = end(None).await.unwrap_err();
    assert!(matches!(error, EndTaskError::StillOpen(id) if id == again), "{error:?}");
    let by_hand = Done::GivenUp { outcome: DropOutcome::EnteredByHand, reason: "by hand" };
    assert!(end(Some(by_hand)).await.unwrap());
    assert_eq!(rig.state(again).await, S::Failed, "nothing sends it after that");
    rig.carry_on().await;
    assert!(rig.vendor.sent().is_empty() && rig.tasks().await.is_empty());
}
