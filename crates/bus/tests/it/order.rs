use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bus::{Bus, BusConfig, ConsumeOptions, Outcome};
use testbed::until;
use tokio_util::sync::CancellationToken;

use crate::rig::{Rig, SOLO, SOON, Seen, consume, consume_with, text};

/// The texts of one key in the order they were first handled. A letter may be delivered again after a cut.
fn first_times(seen: &Seen, key: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for letter in seen.all().iter().filter(|letter| letter.key.as_deref() == Some(key)) {
        let text = text(letter);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:03}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p11_letters_of_one_key_are_handled_in_order_one_at_a_time_and_keys_side_by_side() {
    let rig = Rig::new().await;
    for number in numbers(40) {
        for key in ["a", "b", "c", "d", "e"] {
            rig.command(key, &number).await;
        }
    }
    let seen = Seen::default();
    let (noting, busy) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
    let most = Arc::new(AtomicUsize::new(0));
    let per_key: Arc<HashMap<String, AtomicUsize>> =
        Arc::new(["a", "b", "c", "d", "e"].map(|key| (key.to_owned(), AtomicUsize::new(0))).into());
    let most_seen = most.clone();
    let options = ConsumeOptions { prefetch: 50, ..ConsumeOptions::default() };
    let consumer = consume_with(&rig.bus, SOLO, options, move |letter| {
        let (noting, busy, most) = (noting.clone(), busy.clone(), most.clone());
        let per_key = per_key.clone();
        async move {
            let key = letter.key.clone().unwrap();
            assert_eq!(per_key[&key].fetch_add(1, Ordering::SeqCst), 0, "two of one key at once");
            most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            noting.note(letter);
            busy.fetch_sub(1, Ordering::SeqCst);
            per_key[&key].fetch_sub(1, Ordering::SeqCst);
            Outcome::Done
        }
    });
    seen.until(200).await;
    consumer.stop().await;
    for key in ["a", "b", "c", "d", "e"] {
        assert_eq!(first_times(&seen, key), numbers(40), "key {key}");
    }
    assert!(most_seen.load(Ordering::SeqCst) > 1, "keys did not run side by side");
}

#[tokio::test]
async fn p11_of_two_replicas_one_works_and_the_other_takes_over_in_order() {
    let rig = Rig::new().await;
    let (first, wire) = rig.behind_a_proxy().await;
    let second = Bus::connect(BusConfig::new(rig.vhost.url(), "second")).await.unwrap();
    let (seen, by_first, by_second) = (Seen::default(), Seen::default(), Seen::default());
    let handler = |mine: &Seen| {
        let (mine, both) = (mine.clone(), seen.clone());
        move |letter: bus::Letter| {
            mine.note(letter.clone());
            both.note(letter);
            async { Outcome::Done }
        }
    };
    let options = ConsumeOptions { prefetch: 5, ..ConsumeOptions::default() };
    let active = consume_with(&first, SOLO, options, handler(&by_first));
    rig.until_consumers(SOLO, 1).await;
    let standby = consume_with(&second, SOLO, options, handler(&by_second));
    rig.until_subscriptions(SOLO, 2).await;

    for number in numbers(60) {
        if number == "030" {
            assert!(by_second.all().is_empty(), "the standby must not work while the first lives");
            wire.cut();
        }
        rig.command("a", &number).await;
    }
    until(SOON, "the takeover", || async { (first_times(&seen, "a").len() == 60).then_some(()) }).await;
    assert_eq!(first_times(&seen, "a"), numbers(60));
    assert!(!by_first.all().is_empty() && !by_second.all().is_empty());
    standby.stop().await;
    active.stop().await;
}

#[tokio::test]
async fn p11_a_replica_that_shuts_down_hands_over_in_order() {
    let rig = Rig::new().await;
    let second = Bus::connect(BusConfig::new(rig.vhost.url(), "second")).await.unwrap();
    for number in numbers(30) {
        rig.command("a", &number).await;
    }
    let (seen, gate) = (Seen::default(), CancellationToken::new());
    let (noting, waiting) = (seen.clone(), gate.clone());
    let leaving = consume(&rig.bus, SOLO, move |letter| {
        let (noting, waiting) = (noting.clone(), waiting.clone());
        async move {
            if text(&letter) == "004" {
                waiting.cancelled().await;
            }
            noting.note(letter);
            Outcome::Done
        }
    });
    seen.until(4).await;
    let staying = consume(&second, SOLO, seen.collecting(|_| Outcome::Done));
    rig.until_subscriptions(SOLO, 2).await;
    leaving.shutdown.cancel();
    // The one in hand is finished by the one that leaves, before anything goes to the other.
    gate.cancel();
    leaving.task.await.unwrap();
    seen.until(30).await;
    assert_eq!(seen.texts(), numbers(30), "nothing twice, nothing out of order");
    staying.stop().await;
}
