//! What staff are told to do, and when it is no longer to be done.

use domain::WritebackState as S;
use writebacks::{Found, reason, settle};

use crate::rig::Rig;
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
    settle(&rig.store, rig.due.tenant, "scripted", settled, Found::There { vendor_id: "9" }).await.unwrap();
    assert_eq!(rig.task_codes().await, ["outcome_unknown"]);
    rig.replay(replayed).await.unwrap();
    assert!(rig.tasks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_while_its_caller_waits_is_no_task_and_what_fails_later_is_one() {
    let rig = Rig::new().await;
    rig.failed(0).await;
    assert!(rig.tasks().await.is_empty(), "the caller was told");
    rig.booked(30).await;
    rig.sql("UPDATE pms_writebacks SET created_at = now() - interval '1 h' WHERE connection_id = ").await;
    rig.expire_deadlines().await;
    rig.carrier.reap().await.unwrap();
    assert_eq!(rig.task_codes().await, ["not_sent_in_time"]);
    let task = rig.tasks().await.pop().unwrap();
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    assert!(tx.end_task(task.id, "key of a test").await.unwrap());
    assert!(!tx.end_task(task.id, "key of a test").await.unwrap());
    tx.commit().await.unwrap();
    let other = Rig::new().await;
    let mut tx = other.store.tenant(other.due.tenant).await.unwrap();
    assert!(tx.end_task(task.id, "somebody else").await.is_err(), "another tenant's");
}
