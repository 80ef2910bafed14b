use std::collections::HashSet;
use std::sync::Arc;

use seal::{KeyRing, Secret};
use store::{OutgoingLetter, Store};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::rig::Rig;

async fn send(rig: &Rig, count: u8) {
    let mut tx = rig.store.machinery().await.unwrap();
    for number in 0..count {
        tx.send(&letter(&[number])).await.unwrap();
    }
    tx.commit().await.unwrap();
}

fn letter(body: &[u8]) -> OutgoingLetter<'_> {
    OutgoingLetter {
        message_id: Uuid::now_v7(),
        exchange: "events",
        routing_key: "call.ended",
        kind: "call.ended.v1",
        hash_key: Some("key"),
        traceparent: None,
        body,
    }
}

async fn claim(rig: &Rig, most: i64, seconds: f64) -> Vec<(i64, u8)> {
    let mut tx = rig.store.machinery().await.unwrap();
    let letters = tx.claim_outbox(most, seconds).await.unwrap();
    tx.commit().await.unwrap();
    letters.iter().map(|letter| (letter.id, letter.body[0])).collect()
}

fn bodies(letters: &[(i64, u8)]) -> Vec<u8> {
    letters.iter().map(|(_, body)| *body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_claimed_oldest_first_and_given_back_or_removed() {
    let rig = Rig::new().await;
    send(&rig, 5).await;
    let first = claim(&rig, 3, 60.0).await;
    assert_eq!(bodies(&first), [0, 1, 2]);
    let second = claim(&rig, 3, 60.0).await;
    assert_eq!(bodies(&second), [3, 4]);
    assert_eq!(claim(&rig, 3, 60.0).await, []);

    let mut tx = rig.store.machinery().await.unwrap();
    tx.outbox_sent(&[second[0].0, second[1].0, first[1].0]).await.unwrap();
    tx.outbox_unsent(&[first[0].0, first[2].0]).await.unwrap();
    assert_eq!(tx.outbox_depth().await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(bodies(&claim(&rig, 10, 60.0).await), [0, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_ran_out_is_another_relays() {
    let rig = Rig::new().await;
    send(&rig, 2).await;
    assert_eq!(claim(&rig, 2, -1.0).await.len(), 2, "a relay that died at once");
    assert_eq!(claim(&rig, 2, 60.0).await.len(), 2);
    assert_eq!(claim(&rig, 2, 60.0).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_never_hold_the_same_letter() {
    let rig = Arc::new(Rig::new().await);
    send(&rig, 200).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let rig = rig.clone();
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let some = claim(&rig, 7, 60.0).await;
                assert!(some.len() <= 7, "more than asked for");
                if some.is_empty() {
                    return mine;
                }
                assert!(some.is_sorted());
                mine.extend(some);
            }
        });
    }
    let all: Vec<(i64, u8)> = tasks.join_all().await.concat();
    let different: HashSet<i64> = all.iter().map(|(id, _)| *id).collect();
    // A claimer that meets only rows others are claiming right now leaves early; the rest is still there.
    let left = claim(&rig, 500, 60.0).await;
    assert_eq!((different.len(), all.len() + left.len()), (all.len(), 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_of_a_transaction_that_was_dropped_is_never_seen() {
    let rig = Rig::new().await;
    let clinic = rig.clinic("mine").await;
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.send(&letter(b"x")).await.unwrap();
    drop(tx);
    let mut tx = rig.store.tenant(clinic.tenant).await.unwrap();
    tx.send(&letter(b"y")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.store.machinery().await.unwrap();
    let letters = tx.claim_outbox(10, 60.0).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].tenant, letters[0].body.as_slice()), (Some(clinic.tenant), b"y".as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_letter_sealed_with_a_key_that_a_process_has_not_is_left_to_who_has_it() {
    let rig = Rig::new().await;
    rig.store.check_keys().await.unwrap();
    let both =
        "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let both = Arc::new(KeyRing::parse(both).unwrap());
    let both = Store::open(&Secret::new(rig.url()), 2, both).await.unwrap();
    let mut tx = both.machinery().await.unwrap();
    tx.send(&letter(&[0])).await.unwrap();
    tx.commit().await.unwrap();
    // A process that was not told of the new key.
    let mut tx = rig.store.machinery().await.unwrap();
    tx.send(&letter(&[9])).await.unwrap();
    let letters = tx.claim_outbox(10, -1.0).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.body[0]).collect::<Vec<_>>(), [9], "its neighbour goes on");
    let mut tx = both.machinery().await.unwrap();
    let letters = tx.claim_outbox(10, 60.0).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.body[0]).collect::<Vec<_>>(), [0, 9], "at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_letter_that_does_not_open_steps_aside_and_stays_in_the_outbox() {
    let rig = Rig::new().await;
    send(&rig, 2).await;
    let spoil = "UPDATE outbox SET body = set_byte(body, 30, get_byte(body, 30) # 1) WHERE id = (SELECT min(id) FROM outbox)";
    rig.owner.batch_execute(spoil).await.unwrap();
    assert_eq!(bodies(&claim(&rig, 10, -1.0).await), [1]);
    assert_eq!(bodies(&claim(&rig, 1, -1.0).await), [1], "it takes nobody's place");
    assert_eq!(rig.number("SELECT count(*) FROM outbox").await, 2);
    assert_eq!(rig.number("SELECT count(*) FROM parked_messages").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_the_broker_does_not_take_steps_aside_for_the_others_and_comes_back() {
    let rig = Rig::new().await;
    send(&rig, 3).await;
    let all = claim(&rig, 3, 60.0).await;
    let mut tx = rig.store.machinery().await.unwrap();
    tx.outbox_set_aside(&[all[0].0], 60.0).await.unwrap();
    tx.outbox_unsent(&[all[1].0, all[2].0]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies(&claim(&rig, 3, -1.0).await), [1, 2]);
    let mut tx = rig.store.machinery().await.unwrap();
    tx.outbox_set_aside(&[all[0].0], -1.0).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies(&claim(&rig, 3, 60.0).await), [0, 1, 2]);
}
