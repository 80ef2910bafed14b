//! P3: an outcome nobody knows is looked for before anything is sent again.

use domain::WritebackState as S;
use pms::WriteOutcome;
use store::Move;

use crate::order::for_another_patient;
use crate::rig::{LOOKS, Rig};
use crate::vendor::Fate;

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_write_whose_reply_was_lost_is_found_among_the_accepted_ones() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("reply_lost")));
    assert!(!rig.is_due(S::Queued).await && !rig.carrier.send_next(rig.due).await.unwrap());
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.receipt.as_deref()), (S::Submitted, Some("r-1")));
    rig.vendor.settle(None);
    rig.carrier.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Succeeded);
    assert_eq!(rig.vendor.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_write_whose_reply_was_lost_is_found_in_the_practices_records() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndLoseReply]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.pass().await;
    rig.other.look_for_lost(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.created_vendor_id), (S::Succeeded, Some(format!("made-{}", row.reference))));
    assert_eq!(rig.vendor.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_write_found_nowhere_is_sent_again_only_after_several_looks_and_the_grace() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    for look in 1..LOOKS {
        rig.carrier.look_for_lost(rig.due).await.unwrap();
        assert_eq!(rig.vendor.looks(), look - 1, "nobody looks before it is time");
        rig.pass().await;
        rig.carrier.look_for_lost(rig.due).await.unwrap();
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("reply_lost")), "look {look}");
    }
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Queued, Some("found_nowhere")));
    rig.pass().await;
    rig.carrier.send_next(rig.due).await.unwrap();
    let row = rig.row(id).await;
    assert_eq!((row.state, row.attempts), (S::Submitted, 2));
    assert_eq!(rig.vendor.held().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_looks_without_an_answer_do_not_count() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::ArriveLate]);
    let id = rig.booked(0).await;
    rig.carrier.send_next(rig.due).await.unwrap();
    rig.vendor.blind(20);
    for _ in 0..20 {
        rig.pass().await;
        rig.carrier.look_for_lost(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Unknown);
    }
    // The first look that gets an answer finds nothing; the request arrives just then.
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Unknown);
    rig.pass().await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Submitted);
    assert_eq!((rig.vendor.sent().len(), rig.vendor.held().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_look_that_tells_nothing_about_a_write_does_not_count_for_it() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest, Fate::TakeAndLoseReply]);
    let (first, second) = (rig.booked(0).await, for_another_patient(&rig, 30).await);
    while rig.carrier.send_next(rig.due).await.unwrap() {}
    let reference = rig.row(first).await.reference;
    for _ in 0..LOOKS + 2 {
        rig.vendor.unsure_of(&reference);
        rig.pass().await;
        rig.carrier.look_for_lost(rig.due).await.unwrap();
    }
    assert_eq!((rig.state(first).await, rig.row(first).await.check_count), (S::Unknown, 0));
    assert_eq!(rig.state(second).await, S::Submitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn p12_a_write_lost_again_and_again_is_set_aside_for_a_person() {
    let rig = Rig::new().await;
    let id = rig.booked(0).await;
    for _ in 0..3 {
        assert!(!rig.state(id).await.is_final());
        rig.vendor.next(&[Fate::LoseRequest]);
        rig.carrier.send_next(rig.due).await.unwrap();
        rig.look_until_nowhere().await;
    }
    let row = rig.row(id).await;
    assert_eq!((row.state, row.reason.as_deref()), (S::Parked, Some("outcome_unknown")));
    assert!(rig.is_held(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_sender_that_died_is_noticed_when_its_lease_ends_and_its_write_is_looked_for() {
    for (fate, found) in [(Fate::TakeAndStall, true), (Fate::LoseAndStall, false)] {
        let rig = Rig::new().await;
        rig.vendor.next(&[fate]);
        let id = rig.booked(0).await;
        tokio::select! {
            _ = rig.carrier.send_next(rig.due) => panic!("it stalls"),
            () = rig.vendor.stalled.notified() => {}
        }
        assert_eq!(rig.state(id).await, S::Sending);
        assert_eq!(rig.other.reap().await.unwrap(), 0);
        assert!(!rig.other.send_next(rig.due).await.unwrap(), "its lease is in force");
        rig.expire_leases().await;
        assert!(!rig.other.send_next(rig.due).await.unwrap(), "nobody sends before somebody looked");
        assert_eq!(rig.other.reap().await.unwrap(), 1);
        let row = rig.row(id).await;
        assert_eq!((row.state, row.reason.as_deref()), (S::Unknown, Some("sender_died")));
        rig.look_until_nowhere().await;
        assert_eq!(rig.state(id).await, if found { S::Submitted } else { S::Queued });
        while rig.other.send_next(rig.due).await.unwrap() {}
        rig.vendor.settle(None);
        rig.pass().await;
        rig.other.look(rig.due).await.unwrap();
        assert_eq!(rig.state(id).await, S::Succeeded);
        assert_eq!(rig.vendor.held().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_worker_whose_lease_was_taken_cannot_move_the_write() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::TakeAndStall]);
    let id = rig.booked(0).await;
    let (slow, due) = (rig.carrier.clone(), rig.due);
    let late = tokio::spawn(async move { slow.send_next(due).await });
    rig.vendor.stalled.notified().await;
    rig.expire_leases().await;
    rig.other.reap().await.unwrap();
    rig.other.look_for_lost(rig.due).await.unwrap();
    rig.vendor.settle(None);
    rig.other.look(rig.due).await.unwrap();
    assert_eq!(rig.state(id).await, S::Succeeded);
    let letters = rig.letters().await;
    rig.vendor.go_on.add_permits(1);
    late.await.unwrap().unwrap();
    assert_eq!(rig.state(id).await, S::Succeeded);
    assert_eq!(rig.letters().await, letters, "a late worker tells nothing");
    assert!(matches!(rig.vendor.held()[0].outcome, WriteOutcome::Succeeded { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_task_that_comes_late_cannot_move_what_its_own_worker_claimed_again() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseAndStall]);
    let id = rig.booked(0).await;
    let send = || {
        let (carrier, due) = (rig.carrier.clone(), rig.due);
        tokio::spawn(async move { carrier.send_next(due).await })
    };
    let late = send();
    rig.vendor.stalled.notified().await;
    rig.expire_leases().await;
    rig.carrier.reap().await.unwrap();
    rig.look_until_nowhere().await;
    rig.vendor.next(&[Fate::TakeAndStall]);
    let second = send();
    rig.vendor.stalled.notified().await;
    rig.vendor.go_on.add_permits(1);
    late.await.unwrap().unwrap();
    assert_eq!(rig.state(id).await, S::Sending, "the first task's news are not about the second's request");
    rig.vendor.go_on.add_permits(1);
    second.await.unwrap().unwrap();
    assert_eq!(rig.state(id).await, S::Submitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_lost_write_is_not_looked_for_early_with_another_because_its_looks_are_counted_for_time() {
    let rig = Rig::new().await;
    rig.vendor.next(&[Fate::LoseRequest, Fate::LoseRequest]);
    let (due, nearly) = (rig.booked(0).await, for_another_patient(&rig, 30).await);
    while rig.carrier.send_next(rig.due).await.unwrap() {}
    // Of one transaction, for which the clock stands still.
    let mut tx = rig.store.tenant(rig.due.tenant).await.unwrap();
    for (state, early) in [(S::Submitted, true), (S::Unknown, false)] {
        for (id, look_in_s) in [(due, 0.0), (nearly, 1.5)] {
            let from = [S::Unknown, S::Submitted];
            let step = Move { from: &from, look_in_s, uncounted: true, ..Move::default() };
            assert!(tx.move_writeback(id, state, &step).await.unwrap());
        }
        let looker = uuid::Uuid::now_v7();
        let claimed = tx.claim_for_looking(rig.due.connection, state, looker, 60.0).await.unwrap();
        let claimed: Vec<_> = claimed.iter().map(|write| write.id).collect();
        assert_eq!(claimed, if early { vec![due, nearly] } else { vec![due] }, "{state}");
    }
    tx.roll_back().await.unwrap();
    // And so does the carrier.
    rig.sql(&format!(
        "UPDATE pms_writebacks SET next_check_at = now()
             + CASE id WHEN '{}' THEN interval '0 s' ELSE interval '1 hour' END WHERE connection_id = ",
        due.uuid()
    ))
    .await;
    rig.carrier.look_for_lost(rig.due).await.unwrap();
    assert_eq!((rig.row(due).await.check_count, rig.row(nearly).await.check_count), (1, 0));
}
